//! Who asks: a name and a password, or a token that the registry's own server gives for them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use url::Url;

use crate::OciError;

/// A name and a password for one registry; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

/// What `docker login` writes, as far as it is read: no program is started to ask for credentials.
#[derive(Deserialize)]
struct LoginFile {
    #[serde(default)]
    auths: std::collections::BTreeMap<String, Login>,
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    auth: String,
}

impl Credentials {
    /// Of `USER:PASSWORD`; `None` if that is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (user, password) = text.trim_end_matches(['\r', '\n']).split_once(':')?;
        let is_one = !user.is_empty() && !password.is_empty();
        is_one.then(|| Self { user: user.to_owned(), password: password.to_owned() })
    }

    /// Those for a registry in a file as `docker login` writes it; `None` if it has none for this one.
    pub fn in_login_file(content: &[u8], host: &str) -> Result<Option<Self>, OciError> {
        let wrong = |why: String| OciError::Credentials(format!("it is no file as `docker login` writes it: {why}"));
        let file: LoginFile = serde_json::from_slice(content).map_err(|error| wrong(error.to_string()))?;
        let Some(login) = file.auths.get(host) else { return Ok(None) };
        let decoded = STANDARD.decode(&login.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let found = decoded.and_then(|text| Self::parse(&text));
        found.map(Some).ok_or_else(|| wrong(format!("its auth for {host} is no base64 of USER:PASSWORD")))
    }

    /// As a header says it (RFC 7617).
    pub(crate) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// What a registry wants before it answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// The name and the password.
    Basic,
    /// A token from here.
    Bearer { realm: Url, service: Option<String> },
}

impl Challenge {
    /// Of `WWW-Authenticate`; `None` if it is nothing that is known here.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        let mut rest = rest.trim_start();
        while let Some((name, after)) = rest.split_once("=\"") {
            let (value, after) = after.split_once('"')?;
            match name.trim().to_ascii_lowercase().as_str() {
                "realm" => realm = Url::parse(value).ok(),
                "service" => service = Some(value.to_owned()),
                _ => {}
            }
            rest = after.trim_start_matches([',', ' ']);
        }
        Some(Self::Bearer { realm: realm?, service })
    }
}

/// What the server of tokens answers.
#[derive(Deserialize)]
pub(crate) struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Token {
    /// As a header says it (RFC 6750).
    pub(crate) fn bearer(self) -> Option<String> {
        let token = self.token.or(self.access_token)?;
        token.bytes().all(|byte| byte.is_ascii_graphic()).then(|| format!("Bearer {token}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_understood_or_passed_over() {
        let bearer = r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="x""#;
        let realm = Url::parse("https://auth.example.com/token").unwrap();
        let service = Some("registry.example.com".to_owned());
        assert_eq!(Challenge::parse(bearer), Some(Challenge::Bearer { realm, service }));
        assert_eq!(Challenge::parse("Basic realm=\"x\""), Some(Challenge::Basic));
        for other in ["", "Negotiate", "Bearer", "Bearer realm=\"", "Bearer realm=\"nowhere\""] {
            assert_eq!(Challenge::parse(other), None, "{other}");
        }
    }

    #[test]
    fn credentials_are_found_by_registry_and_never_shown() {
        let file = br#"{"auths":{"ghcr.io":{"auth":"bWU6c2VjcmV0"},"other.io":{"auth":"!"}},"credsStore":"desktop"}"#;
        let found = Credentials::in_login_file(file, "ghcr.io").unwrap().unwrap();
        assert_eq!((found.basic().as_str(), format!("{found:?}").as_str()), ("Basic bWU6c2VjcmV0", "Credentials"));
        assert_eq!(Credentials::in_login_file(file, "quay.io").unwrap(), None);
        let told = Credentials::in_login_file(file, "other.io").unwrap_err().to_string();
        assert!(told.ends_with("its auth for other.io is no base64 of USER:PASSWORD"), "{told}");
        assert!(Credentials::in_login_file(b"me:secret", "ghcr.io").is_err());
        for none in ["", "me", ":", "me:", ":secret"] {
            assert_eq!(Credentials::parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_token_is_one_word() {
        let token = |json: &str| serde_json::from_str::<Token>(json).unwrap().bearer();
        assert_eq!(token(r#"{"token":"abc"}"#).as_deref(), Some("Bearer abc"));
        assert_eq!(token(r#"{"access_token":"abc"}"#).as_deref(), Some("Bearer abc"));
        assert_eq!(token(r#"{"token":"a\r\nb: c"}"#), None);
        assert_eq!(token("{}"), None);
    }
}
