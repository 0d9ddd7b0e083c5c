/// Whether a text is an e-mail address as people have them: something, an `@`, and a domain of two labels or more, without blanks.
///
/// Addresses that RFC 5321 allows and nobody has (quoted local parts, address literals) are not; letters beyond ASCII are (RFC 6531).
pub fn is_email(text: &str) -> bool {
    const MAX_BYTES: usize = 254;
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"@()<>[],;:\\\"".contains(c);
    let label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= MAX_BYTES
        && !local.is_empty()
        && local.chars().all(plain)
        && domain.chars().all(plain)
        && domain.contains('.')
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn addresses_are_told_from_names() {
        for address in ["ada@example.com", "a.b+c@sub.example.co.uk", "ada@exämple.de", "o'neil@example.com"] {
            assert!(is_email(address), "{address}");
        }
        for other in
            ["", "ada", "@example.com", "ada@", "ada@localhost", "ada@@example.com", "a b@example.com", "ada@.com"]
        {
            assert!(!is_email(other), "{other}");
        }
    }
}
