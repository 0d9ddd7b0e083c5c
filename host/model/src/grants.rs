use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Actor, Timestamp};

/// How many grants a tenant can have, over all plugins.
pub const MAX_GRANTS_A_TENANT: usize = 256;

/// One thing beside pure mapping that a plugin wants to touch, and that an operator grants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "lowercase", deny_unknown_fields)]
pub enum Want {
    /// To call this origin, or all hosts below one.
    Origin(Origin),
    /// To send the secret of this name.
    Secret(SecretName),
    /// To remember something from one call to another.
    State,
}

impl Want {
    /// Whether whoever was granted this has been granted the other as well.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Origin(own), Self::Origin(other)) => own.covers(other),
            (Self::Secret(own), Self::Secret(other)) => own == other,
            (Self::State, Self::State) => true,
            (Self::Origin(_) | Self::Secret(_) | Self::State, _) => false,
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(origin) => write!(f, "origin {origin}"),
            Self::Secret(name) => write!(f, "secret {}", name.as_str()),
            Self::State => f.write_str("state"),
        }
    }
}

/// A want that was granted: for one tenant, and to a plugin's name, so that its next version has it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The plugin's name.
    pub plugin: String,
    /// What it may touch, if its manifest wants it.
    pub want: Want,
    /// Since when.
    pub at: Timestamp,
    /// By whom.
    pub by: Actor,
}

/// The name of a secret: 1 to 64 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SecretName(String);

/// Why a text is no name of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a secret is 1 to 64 visible ASCII characters")]
pub struct InvalidSecretName;

impl SecretName {
    /// How long it can be, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Checks the name.
    pub fn parse(text: &str) -> Result<Self, InvalidSecretName> {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidSecretName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SecretName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// An https origin: one host, or all hosts below one, and a port.
///
/// Hosts are compared in the form in which they are looked up: in lower case, with other letters as punycode. Addresses, names of one label
/// and names with a final dot are none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    host: String,
    is_below: bool,
    port: u16,
}

/// Why a text is no origin: the end of a sentence that begins with the text's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidOrigin(&'static str);

impl Origin {
    /// How long a host's name can be, in bytes (RFC 1035 §2.3.4).
    pub const MAX_HOST_BYTES: usize = 253;
    /// How long one label of it can be, in bytes.
    const MAX_LABEL_BYTES: usize = 63;
    /// The port of https where none is named.
    const PORT: u16 = 443;

    /// Reads `https://api.example.com`, `https://*.example.com`, with a port or without.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let authority = after_scheme(text).ok_or(InvalidOrigin("an origin begins with https://"))?;
        match authority.strip_prefix("*.") {
            Some(authority) => Self::read(authority, true),
            None => Self::read(authority, false),
        }
    }

    /// Where a URL leads; `None` if it is not an https URL of a named host, or hides another place (`https://granted.com@elsewhere.com`).
    fn of_url(url: &str) -> Option<Self> {
        let rest = after_scheme(url)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Self::read(rest.get(..end)?, false).ok()
    }

    fn read(authority: &str, is_below: bool) -> Result<Self, InvalidOrigin> {
        // What stands before an `@` is no host, whatever it looks like (RFC 3986 §3.2.1).
        if authority.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err(InvalidOrigin("a user or a password has no place in it"));
        }
        let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        if !host.is_ascii() {
            return Err(InvalidOrigin("a host's name of other letters is written in its punycode form (xn--...)"));
        }
        let labels = host.split('.').collect::<Vec<_>>();
        if host.len() > Self::MAX_HOST_BYTES || !labels.iter().copied().all(is_label) {
            return Err(InvalidOrigin("an origin is https://, a host's name, and nothing behind it but a port"));
        }
        if labels.len() < 2 {
            return Err(InvalidOrigin("the name of a host has a dot in it"));
        }
        if labels.last().copied().is_some_and(is_numeric) {
            return Err(InvalidOrigin("a host is named, and not given as an address"));
        }
        let number = |port: &str| {
            let is_number = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
            port.parse::<u16>().ok().filter(|port| is_number && *port > 0)
        };
        let port = port.map_or(Some(Self::PORT), number).ok_or(InvalidOrigin("a port is a number from 1 to 65535"))?;
        Ok(Self { host: host.to_ascii_lowercase(), is_below, port })
    }

    /// Whether it is all hosts below one, however deep, and not a single one.
    pub const fn is_wildcard(&self) -> bool {
        self.is_below
    }

    /// The host, or the one below which all are meant.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether a request to this URL goes there.
    pub fn admits(&self, url: &str) -> bool {
        Self::of_url(url).is_some_and(|origin| self.covers(&origin))
    }

    /// Whether every place that the other one is, is one of these.
    fn covers(&self, other: &Self) -> bool {
        let is_below = || other.host.strip_suffix(self.host.as_str()).is_some_and(|rest| rest.ends_with('.'));
        let is_same = self.host == other.host && self.is_below == other.is_below;
        self.port == other.port && (is_same || self.is_below && is_below())
    }
}

fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked("https://".len())?;
    scheme.eq_ignore_ascii_case("https://").then_some(rest)
}

/// Letters, digits and `-`, not at an end (RFC 1123 §2.1).
fn is_label(label: &str) -> bool {
    (1..=Origin::MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whoever looks a host up takes it for an address if its last label is a number, in tens or in sixteens (URL standard, "ends in a number").
fn is_numeric(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    hex.map_or_else(
        || label.bytes().all(|byte| byte.is_ascii_digit()),
        |hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
    )
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", if self.is_below { "*." } else { "" }, self.host)?;
        if self.port == Self::PORT { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn an_origin_has_one_form() {
        for (text, form) in [
            ("https://api.example.com", "https://api.example.com"),
            ("HTTPS://API.Example.COM:443", "https://api.example.com"),
            ("https://*.example.com:08443", "https://*.example.com:8443"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(origin(text).to_string(), form);
            assert_eq!(serde_json::from_value::<Origin>(json!(form)).unwrap(), origin(text));
        }
    }

    #[test]
    fn what_is_no_origin_is_told_why() {
        let begins = "an origin begins with https://";
        let nothing_behind = "an origin is https://, a host's name, and nothing behind it but a port";
        let port = "a port is a number from 1 to 65535";
        let long_label = format!("https://{}.example.com", "a".repeat(64));
        let long_host = format!("https://{}example.com", "abcdefghi.".repeat(25));
        for (text, why) in [
            ("", begins),
            ("http://api.example.com", begins),
            ("api.example.com", begins),
            ("ä", begins),
            ("https://", nothing_behind),
            ("https://api.example.com/", nothing_behind),
            ("https://api.example.com?x", nothing_behind),
            ("https://user@api.example.com", "a user or a password has no place in it"),
            ("https://user:pw@api.example.com:8443", "a user or a password has no place in it"),
            ("https://:@api.example.com/", "a user or a password has no place in it"),
            ("https://api.example.com/@", nothing_behind),
            ("https://api.example.com.", nothing_behind),
            ("https://.example.com", nothing_behind),
            ("https://-a.example.com", nothing_behind),
            ("https://a-.example.com", nothing_behind),
            ("https://a_b.example.com", nothing_behind),
            ("https://*", nothing_behind),
            ("https://a.*.example.com", nothing_behind),
            ("https://*.*.example.com", nothing_behind),
            ("https://[2001:db8::1]", nothing_behind),
            (&long_label, nothing_behind),
            (&long_host, nothing_behind),
            ("https://localhost", "the name of a host has a dot in it"),
            ("https://*.com", "the name of a host has a dot in it"),
            ("https://10.0.0.1", "a host is named, and not given as an address"),
            ("https://0x7f.0x0.0x0.0x1", "a host is named, and not given as an address"),
            ("https://127.0.0.0X1", "a host is named, and not given as an address"),
            ("https://api.example.0x", "a host is named, and not given as an address"),
            ("https://api.example.com:", port),
            ("https://api.example.com:0", port),
            ("https://api.example.com:+443", port),
            ("https://api.example.com:65536", port),
            ("https://bücher.example", "a host's name of other letters is written in its punycode form (xn--...)"),
        ] {
            assert_eq!(Origin::parse(text).unwrap_err().to_string(), why, "{text}");
        }
    }

    #[test]
    fn a_url_goes_to_a_granted_origin_or_not() {
        let one = origin("https://api.example.com");
        for url in [
            "https://api.example.com",
            "https://api.example.com/v1?x#y",
            "HTTPS://API.example.com:443/",
            "https://api.example.com?to=https://elsewhere.com",
        ] {
            assert!(one.admits(url), "{url}");
        }
        for url in [
            "http://api.example.com/",
            "//api.example.com/",
            "https://api.example.com:8443/",
            "https://example.com/",
            "https://a.api.example.com/",
            "https://xapi.example.com/",
            "https://api.example.com./",
            "https://api.example.com.elsewhere.com/",
            "https://api.example.com@elsewhere.com/",
            "https://api.example.com:443@elsewhere.com/",
            "https://elsewhere.com@api.example.com/",
            r"https://elsewhere.com\.api.example.com/",
            r"https://elsewhere.com\@api.example.com/",
            "https://api.example.com\t/",
            " https://api.example.com/",
            "https://api。example.com/",
            "https://%61pi.example.com/",
            "https:api.example.com/",
        ] {
            assert!(!one.admits(url), "{url}");
        }
    }

    #[test]
    fn a_wildcard_is_every_host_below_one_and_not_that_one() {
        let below = origin("https://*.example.com");
        for url in ["https://a.example.com", "https://a.b.example.com/x", "https://A.EXAMPLE.com"] {
            assert!(below.admits(url), "{url}");
        }
        for url in [
            "https://example.com",
            "https://.example.com",
            "https://aexample.com",
            "https://*.example.com",
            "https://a.example.com:8443",
        ] {
            assert!(!below.admits(url), "{url}");
        }
        let punycode = origin("https://*.xn--bcher-kva.example");
        assert!(punycode.admits("https://api.XN--BCHER-KVA.example/"));
        assert!(!punycode.admits("https://api.bücher.example/"), "nobody looks it up in this form");
    }

    #[test]
    fn a_wide_grant_covers_a_narrow_want_and_not_the_other_way_round() {
        let want = |text: &str| Want::Origin(origin(text));
        let wide = want("https://*.example.com");
        for narrow in ["https://*.example.com", "https://api.example.com", "https://*.eu.example.com"] {
            assert!(wide.covers(&want(narrow)), "{narrow}");
        }
        for other in ["https://example.com", "https://api.example.com:8443", "https://*.com.example"] {
            assert!(!wide.covers(&want(other)), "{other}");
        }
        assert!(!want("https://api.example.com").covers(&wide));
        assert!(!want("https://example.com").covers(&wide));
        let secret = Want::Secret(SecretName::parse("api-key").unwrap());
        assert!(secret.covers(&secret) && !secret.covers(&Want::Secret(SecretName::parse("API-KEY").unwrap())));
        assert!(Want::State.covers(&Want::State) && !Want::State.covers(&secret) && !secret.covers(&Want::State));
    }

    #[test]
    fn a_want_is_written_by_its_kind_and_its_name() {
        for (want, written, told) in [
            (
                Want::Origin(origin("https://api.example.com")),
                json!({ "kind": "origin", "name": "https://api.example.com" }),
                "origin https://api.example.com",
            ),
            (
                Want::Secret(SecretName::parse("api-key").unwrap()),
                json!({ "kind": "secret", "name": "api-key" }),
                "secret api-key",
            ),
            (Want::State, json!({ "kind": "state" }), "state"),
        ] {
            assert_eq!(json!(want), written);
            assert_eq!(serde_json::from_value::<Want>(written).unwrap(), want);
            assert_eq!(want.to_string(), told);
        }
        for wrong in [
            json!({ "kind": "origin", "name": "http://x.y" }),
            json!({ "kind": "secret", "name": "a b" }),
            json!({ "kind": "secret", "name": "ä" }),
            json!({ "kind": "secret", "name": "x".repeat(65) }),
            json!({ "kind": "secret", "name": "" }),
            json!({ "kind": "secret" }),
            json!({ "kind": "disk" }),
            json!({ "kind": "state", "colour": 1 }),
        ] {
            assert!(serde_json::from_value::<Want>(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
