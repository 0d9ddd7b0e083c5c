use std::fmt;
use std::net::IpAddr;

use url::Url;

use crate::OciError;

/// What a reference begins with.
const SCHEME: &str = "oci://";
/// How long a reference can be, in bytes.
const MAX_REFERENCE_BYTES: usize = 512;
/// How long a tag can be, in bytes (OCI distribution specification).
const MAX_TAG_BYTES: usize = 128;

/// Where an artifact is: `oci://HOST[:PORT]/REPOSITORY:TAG` or `...@sha256:DIGEST`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// With its port, if it has one.
    pub(crate) host: String,
    pub(crate) repository: String,
    /// Which artifact of the repository.
    pub(crate) named: Named,
}

/// How an artifact is named in its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By a tag, which can be given to another artifact.
    Tag(String),
    /// By the sha-256 of its manifest, which is the artifact.
    Digest([u8; 32]),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => write!(f, "sha256:{}", hex::encode(digest)),
        }
    }
}

impl Reference {
    /// Whether somebody means an artifact rather than a file.
    pub fn is_one(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Of a text.
    pub fn parse(text: &str) -> Result<Self, OciError> {
        let wrong = |why: &str| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(MAX_REFERENCE_BYTES).collect();
            OciError::Reference(format!(
                "{shown}: {why}; it is oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST"
            ))
        };
        if text.len() > MAX_REFERENCE_BYTES {
            return Err(wrong(&format!("it has more than {MAX_REFERENCE_BYTES} bytes")));
        }
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| wrong("it does not begin with oci://"))?;
        let (host, path) = rest.split_once('/').ok_or_else(|| wrong("it names no repository"))?;
        let (repository, named) = if let Some((repository, digest)) = path.split_once('@') {
            let mut bytes = [0; 32];
            let digest = digest.strip_prefix("sha256:").and_then(|hex| hex::decode_to_slice(hex, &mut bytes).ok());
            digest.ok_or_else(|| wrong("its digest is not sha256: and 64 hexadecimal digits"))?;
            (repository, Named::Digest(bytes))
        } else {
            let (repository, tag) = path.rsplit_once(':').ok_or_else(|| wrong("it has no tag and no digest"))?;
            if !is_tag(tag) {
                return Err(wrong("its tag is none"));
            }
            (repository, Named::Tag(tag.to_owned()))
        };
        if !repository.split('/').all(is_component) {
            return Err(wrong("its repository is none"));
        }
        let reference = Self { host: host.to_owned(), repository: repository.to_owned(), named };
        let base = Url::parse(&format!("https://{host}/")).map_err(|_| wrong("its host is none"))?;
        // Nothing but a host and a port: no name and password, which would stand in every log.
        let plain = base.path() == "/" && base.username().is_empty() && base.password().is_none();
        if !plain || base.host().is_none() || host.contains(['?', '#', '@']) {
            return Err(wrong("its host is none"));
        }
        Ok(reference)
    }

    /// `https`, but on this machine: a registry on loopback has no certificate, unless somebody says whose (`has_authority`).
    pub(crate) fn scheme(&self, has_authority: bool) -> &'static str {
        if is_loopback(&self.host) && !has_authority { "http" } else { "https" }
    }

    /// `https://HOST/v2/REPOSITORY/`, to which everything is relative that is asked.
    pub(crate) fn base(&self, has_authority: bool) -> Result<Url, OciError> {
        let base = format!("{}://{}/v2/{}/", self.scheme(has_authority), self.host, self.repository);
        Url::parse(&base).map_err(|_| OciError::Reference(format!("{self}: its host is none")))
    }

    /// Which artifact of the repository.
    pub const fn named(&self) -> &Named {
        &self.named
    }

    /// `REPOSITORY:TAG` or `REPOSITORY@sha256:DIGEST`.
    pub(crate) fn artifact(&self) -> String {
        let between = match &self.named {
            Named::Tag(_) => ':',
            Named::Digest(_) => '@',
        };
        format!("{}{between}{}", self.repository, self.named)
    }

    /// The registry.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.artifact())
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_tag(tag: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=MAX_TAG_BYTES).contains(&tag.len()) && tag.bytes().all(is_plain) && !tag.starts_with(['.', '-'])
}

fn is_component(part: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'-');
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.bytes().all(is_plain) && part.starts_with(is_end) && part.ends_with(is_end) && !part.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_it_is_written() {
        let digest = format!("oci://ghcr.io/acme/plugins/poggio@sha256:{}", "ab".repeat(32));
        for text in
            ["oci://ghcr.io/acme/poggio:0.1.0", "oci://localhost:5000/poggio:latest", "oci://[::1]:5/a:b", &digest]
        {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_reference_is_told_with_what_is_wrong() {
        for (text, why) in [
            ("ghcr.io/acme:1", "does not begin with oci://"),
            ("oci://ghcr.io", "names no repository"),
            ("oci://ghcr.io/acme", "no tag and no digest"),
            ("oci://ghcr.io/acme:", "its tag is none"),
            ("oci://ghcr.io/acme:-1", "its tag is none"),
            ("oci://ghcr.io/Acme:1", "its repository is none"),
            ("oci://ghcr.io/../acme:1", "its repository is none"),
            ("oci://ghcr.io//acme:1", "its repository is none"),
            ("oci://ghcr.io/acme@sha256:ab", "its digest is not"),
            ("oci:///acme:1", "its host is none"),
            ("oci://me:secret@ghcr.io/acme:1", "its host is none"),
            ("oci://ghcr.io?x/acme:1", "its host is none"),
        ] {
            let told = Reference::parse(text).unwrap_err().to_string();
            assert!(told.contains(why), "{text}: {told}");
        }
        assert!(Reference::parse(&format!("oci://a/{}:1", "a".repeat(600))).is_err());
    }

    #[test]
    fn only_this_machine_is_asked_in_clear_text() {
        let scheme = |host: &str| Reference::parse(&format!("oci://{host}/a:1")).unwrap().scheme(false);
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            assert_eq!(scheme(host), "http", "{host}");
        }
        for host in ["ghcr.io", "localhost.example.com", "10.0.0.1:5000", "127.0.0.1.example.com", "[::2]"] {
            assert_eq!(scheme(host), "https", "{host}");
        }
    }
}
