use std::net::SocketAddr;

use serde::Deserialize;

use super::ConfigError;

/// What identity providers meet.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScimConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The origin that clients know the server by; empty: what their `Host` header says.
    pub public_origin: String,
}

impl Default for ScimConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 7600)), public_origin: String::new() }
    }
}

impl ScimConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if self.public_origin.is_empty() {
            return Ok(());
        }
        let problem = "must be an origin such as https://scim.example.com, without a path";
        let url = url::Url::parse(&self.public_origin).map_err(|_| ConfigError::key("scim.public_origin", problem))?;
        let is_origin =
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == self.public_origin;
        if is_origin { Ok(()) } else { Err(ConfigError::key("scim.public_origin", problem)) }
    }
}
