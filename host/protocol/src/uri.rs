//! URI references (RFC 3986): syntax only, nothing is fetched.

use crate::schema::Attribute;

/// Whether this is a URI or a relative reference (RFC 3986 §4.1), as far as its characters tell.
///
/// Letters beyond ASCII are let through: RFC 3987 knows how they would be written.
pub(crate) fn is_reference(text: &str) -> bool {
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let fits = match c {
            '%' => (0..2).all(|_| rest.next().is_some_and(|digit| digit.is_ascii_hexdigit())),
            c if c.is_ascii() => c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=".contains(c),
            c => !c.is_whitespace() && !c.is_control(),
        };
        if !fits {
            return false;
        }
    }
    // What stands before the first colon is a scheme, unless a `/`, `?` or `#` comes before it (§4.2).
    let head = text.split(['/', '?', '#']).next().unwrap_or_default();
    match head.split_once(':') {
        None => !text.is_empty(),
        Some((scheme, _)) => {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        }
    }
}

/// Whether a reference leads to one of the resource types that the attribute names; where it names none, or `external` or `uri`,
/// any will do. Only the end of the path is looked at, `Users/{id}`: how a client knows the server is its own affair.
pub(crate) fn leads_to(text: &str, attribute: &Attribute) -> bool {
    let is_free = |name: &String| name == "external" || name == "uri";
    if attribute.reference_types.is_empty() || attribute.reference_types.iter().any(is_free) {
        return true;
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.trim_end_matches('/').rsplit('/');
    let (id, kind) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    let is = |endpoint: &String| endpoint.trim_start_matches('/').eq_ignore_ascii_case(kind);
    !id.is_empty() && attribute.reference_endpoints.iter().any(is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Registry;

    #[test]
    fn absolute_and_relative_references_are_references() {
        for text in [
            "https://example.test/photos/1?size=2#top",
            "../Users/7b2e",
            "/scim/v2/Users/7b2e",
            "7b2e",
            "www.example.test/ada",
            "urn:uuid:0f0e",
            "data:image/png;base64,aGk=",
            "https://example.test/%C3%A9",
            "https://example.test/é",
            "mailto:ada@example.test",
            "?a:b",
        ] {
            assert!(is_reference(text), "{text}");
        }
    }

    #[test]
    fn what_has_other_characters_or_a_broken_scheme_is_none() {
        for text in [
            "",
            "a b",
            "<https://x>",
            "a|b",
            "100%",
            "%g0",
            "%a",
            "1:2",
            ":x",
            "a^b",
            "{id}",
            "a\\b",
            "\u{2003}",
            "ht tp:x",
        ] {
            assert!(!is_reference(text), "{text:?}");
        }
    }

    #[test]
    fn a_reference_leads_where_the_end_of_its_path_says() {
        let core = Registry::core();
        let manager = core.get("User").unwrap().extensions[0].attribute("manager").unwrap();
        let reference = manager.sub("$ref").unwrap();
        for text in ["https://x/scim/v2/Users/7b2e", "../Users/7b2e", "users/7b2e/", "/Users/7b2e?x=/Groups/1"] {
            assert!(leads_to(text, reference), "{text}");
        }
        for text in ["https://x/scim/v2/Groups/7b2e", "7b2e", "/Users/", "https://x", "#/Users/1"] {
            assert!(!leads_to(text, reference), "{text}");
        }
        let photo = core.get("User").unwrap().schema.attribute("photos").unwrap().sub("value").unwrap();
        assert!(leads_to("anything", photo));
    }
}
