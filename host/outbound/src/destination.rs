use http::Uri;
use muster_model::Origin;

use crate::SendError;
use crate::limits::MAX_TARGET_BYTES;

/// Where a request goes: one named host and port, over https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    host: String,
    port: u16,
}

const HTTPS_PORT: u16 = 443;

impl Destination {
    /// Of an absolute URL. Refused is whatever could lead elsewhere than it seems: a user before the host, an address in whatever form, a
    /// final dot, letters that are no ASCII.
    pub fn of(uri: &Uri) -> Result<Self, SendError> {
        if uri.scheme() != Some(&http::uri::Scheme::HTTPS) {
            return Err(SendError::Destination("it does not begin with https://".to_owned()));
        }
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let origin = Origin::parse(&format!("https://{authority}"));
        let origin = origin.map_err(|error| SendError::Destination(error.to_string()))?;
        if origin.is_wildcard() {
            return Err(SendError::Destination("it names no single host".to_owned()));
        }
        Ok(Self { host: origin.host().to_owned(), port: uri.port_u16().unwrap_or(HTTPS_PORT) })
    }

    /// The host's name, in lower case.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// As the header `Host` has it (RFC 9110 §7.2).
    pub(crate) fn authority(&self) -> String {
        if self.port == HTTPS_PORT { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

/// The path and query of a request, as they are sent.
pub(crate) fn target(uri: &Uri) -> Result<Uri, SendError> {
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if target.len() > MAX_TARGET_BYTES {
        return Err(SendError::Request(format!("its path and query are longer than {MAX_TARGET_BYTES} bytes")));
    }
    // `OPTIONS *` is for proxies.
    let is_plain = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    let whole = is_plain.then(|| Uri::try_from(target).ok()).flatten();
    whole.ok_or_else(|| SendError::Request("its path is none that can be sent".to_owned()))
}
