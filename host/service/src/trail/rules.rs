//! What is kept of a value that came with a request: a table, of which the first rule that fits decides.
//!
//! Whoever adds an attribute need not think of it: what the tenant's plugin does not retain is not shown, without a rule of its own.

use muster_model::{ResourceId, Token};
use muster_protocol::schema::{Attribute, AttributeType, Mutability, Returned};

/// How much of a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// That there was one; not even how long it was.
    Nothing,
    /// Its type and its length.
    Shape,
    /// It itself, cut where it is long.
    Value,
}

/// What the directory does with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The plugin does not retain it.
    Dropped,
    /// A client may not write it there.
    Refused,
    /// It keeps it.
    Kept,
}

/// One value, in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The names that lead to it, as they were sent.
    pub names: &'a [&'a str],
    /// Its text, if it is one.
    pub text: Option<&'a str>,
    /// Whether it is a word of the protocol rather than of the directory: `schemas`, `op`, `count`.
    pub is_protocol: bool,
    /// The attribute that it is a value of, if the tenant has such a one.
    pub attribute: Option<&'a Attribute>,
    /// What the directory does with it.
    pub fate: Fate,
    /// Whether the tenant wants no values kept.
    pub hides_values: bool,
}

/// One rule of the table.
#[derive(Debug)]
pub(super) struct Redaction {
    /// Whether it is about a value.
    pub fits: fn(&Place<'_>) -> bool,
    /// What it keeps of that.
    pub keeps: Keeps,
}

/// The table, in order. The last rule fits everything.
pub(super) const RULES: [Redaction; 12] = [
    // Under the name of a secret.
    Redaction { fits: |it| it.names.iter().any(|name| names_a_secret(name)), keeps: Keeps::Nothing },
    // Never returned by its schema.
    Redaction { fits: |it| it.attribute.is_some_and(is_never_told), keeps: Keeps::Nothing },
    // A credential by its look.
    Redaction { fits: |it| it.text.is_some_and(looks_like_a_credential), keeps: Keeps::Nothing },
    // A word of the protocol.
    Redaction { fits: |it| it.is_protocol, keeps: Keeps::Value },
    // An attribute that nobody knows.
    Redaction { fits: |it| it.attribute.is_none(), keeps: Keeps::Shape },
    // Not retained by the plugin.
    Redaction { fits: |it| it.fate == Fate::Dropped, keeps: Keeps::Shape },
    // Not stored as it was sent: `meta`, the names of members.
    // What only the server writes.
    Redaction { fits: |it| it.attribute.is_some_and(is_the_servers), keeps: Keeps::Shape },
    // Pictures and certificates.
    Redaction { fits: |it| it.attribute.is_some_and(is_binary), keeps: Keeps::Shape },
    // Not what such an attribute can be: it is refused, and nobody knows what it is.
    Redaction { fits: |it| it.fate == Fate::Refused, keeps: Keeps::Shape },
    // The id of a resource, or `active`.
    Redaction { fits: is_harmless, keeps: Keeps::Value },
    // Of a tenant that hides values.
    Redaction { fits: |it| it.hides_values, keeps: Keeps::Shape },
    // Retained by the plugin.
    Redaction { fits: |_| true, keeps: Keeps::Value },
];

/// The rule for a value.
pub(super) fn rule_for(place: &Place<'_>) -> Keeps {
    RULES.iter().find(|rule| (rule.fits)(place)).map_or(Keeps::Nothing, |rule| rule.keeps)
}

/// Parts of names under which secrets are sent, in lower case and without what stands between words.
const SECRET_NAMES: [&str; 14] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "apikey",
    "credential",
    "privatekey",
    "authorization",
    "cookie",
    "session",
    "onetimecode",
];

/// Whether what stands under this name may be a secret.
pub(super) fn names_a_secret(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| letters.contains(secret))
}

/// Whether a text is a token of ours, somebody's `Authorization`, or a JSON web token, or has one in it.
pub(super) fn looks_like_a_credential(text: &str) -> bool {
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    text.contains(Token::PREFIX)
        || begins("bearer ")
        || begins("basic ")
        || (text.contains("eyJ") && text.contains('.'))
}

fn is_never_told(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::WriteOnly || attribute.returned == Returned::Never
}

fn is_the_servers(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::ReadOnly
}

fn is_binary(attribute: &Attribute) -> bool {
    attribute.kind == AttributeType::Binary
}

fn is_harmless(place: &Place<'_>) -> bool {
    let last = place.names.last();
    last.is_some_and(|name| name.eq_ignore_ascii_case("active")) && place.text.is_none()
        || place.text.is_some_and(|text| ResourceId::parse(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "password",
            "newPassword",
            "api_key",
            "X-Api-Key",
            "access_token",
            "ClientSecret",
            "Cookie",
            "urn:x:2.0:User:passwd",
        ] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["userName", "emails", "title", "department", "roles", "entitlements"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn credentials_are_known_by_their_look() {
        for text in ["mst_0123", "see mst_0123", "Bearer abc", "BASIC YWRh", "eyJhbGciOi.eyJzdWIi.sig"] {
            assert!(looks_like_a_credential(text), "{text}");
        }
        assert!(!looks_like_a_credential("Ada Byron"));
        assert!(!looks_like_a_credential("basically"));
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_the_last_fits_everything() {
        let mut place = Place {
            names: &["title"],
            text: Some("Countess"),
            is_protocol: false,
            attribute: None,
            fate: Fate::Dropped,
            hides_values: false,
        };
        assert_eq!(rule_for(&place), Keeps::Shape, "nobody knows it");
        place.names = &["password"];
        assert_eq!(rule_for(&place), Keeps::Nothing);
        assert!((RULES[RULES.len() - 1].fits)(&place));
    }
}
