use std::fmt;
use std::sync::Arc;

use muster_protocol::schema::Declarations;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{DeliverySettings, Grant, PluginDigest, SecretRow, Timestamp};

/// The name of a tenant: 1 to 63 lower-case letters, digits and `-`, beginning and ending with a letter or digit, because it
/// stands in URLs and host names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TenantId(Arc<str>);

/// Why a text is no tenant name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant's name is 1 to 63 lower-case letters, digits and '-', and begins and ends with a letter or digit")]
pub struct InvalidTenantId;

impl TenantId {
    /// How long a name can be, in bytes: a DNS label.
    pub const MAX_BYTES: usize = 63;

    /// Checks the name.
    pub fn parse(text: &str) -> Result<Self, InvalidTenantId> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let fits = (1..=Self::MAX_BYTES).contains(&bytes.len())
            && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
            && bytes.first().copied().is_some_and(plain)
            && bytes.last().copied().is_some_and(plain);
        if fits { Ok(Self(text.into())) } else { Err(InvalidTenantId) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// How a tenant's identity provider is met: what an operator sets beside the plugin, and what stays when the plugin is swapped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScimSettings {
    /// The name of the profile that says which departures from the RFCs are forgiven.
    pub profile: String,
    /// Extensions and resource types of this tenant, beside those of the RFCs and of the plugin.
    pub declarations: Declarations,
    /// What becomes of a write to which the plugin gives no answer.
    pub on_plugin_failure: OnPluginFailure,
}

/// What becomes of a write to which the plugin gives no answer: it traps, takes too long, breaks the contract, or is left alone because it
/// did so often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnPluginFailure {
    /// It is not made, and the IdP is told to try again later.
    #[default]
    Refuse,
    /// It is made with the host's own standard mapping, marked as such, and no tasks follow from what the plugin did not say.
    PassThrough,
}

impl ScimSettings {
    /// The profile of a tenant that nobody set one for: everything is forgiven.
    pub const DEFAULT_PROFILE: &str = "default";
}

impl Default for ScimSettings {
    fn default() -> Self {
        Self {
            profile: Self::DEFAULT_PROFILE.to_owned(),
            declarations: Declarations::default(),
            on_plugin_failure: OnPluginFailure::Refuse,
        }
    }
}

/// Which plugin decides for a tenant, and how it is configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The plugin.
    pub plugin: PluginDigest,
    /// Its configuration: an object that its manifest's schema accepts.
    pub config: Value,
    /// 1, 2, 3, ... per tenant: counts every change of what decides for it, the [`ScimSettings`] included.
    pub revision: u64,
    /// When it was made.
    pub at: Timestamp,
}

/// How long what a tenant did is kept. The log is part of the store; the requests are kept apart from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days that an entry of the log is kept; `None`: for ever.
    pub log_days: Option<u32>,
    /// Days that a request is kept.
    pub requests_days: u32,
    /// How much room a tenant's requests have, in MiB: the oldest go first.
    pub requests_mib: u32,
    /// What is kept of the values that came with a request.
    pub requests_values: RequestValues,
    /// Days that a task is kept which nothing will become of any more.
    pub tasks_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            log_days: None,
            requests_days: 7,
            requests_mib: 16,
            requests_values: RequestValues::Shown,
            tasks_days: 30,
        }
    }
}

/// What is kept of the values that came with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestValues {
    /// Those that the directory keeps too; of all others their shape (`<text of 12 characters>`).
    Shown,
    /// The shape of all of them; `active`, the ids of members and the words of the protocol are shown.
    Hidden,
}

/// A tenant as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TenantRow {
    /// Its name.
    pub id: TenantId,
    /// When it was created.
    pub created: Timestamp,
    /// The plugin that decides for it.
    pub binding: Binding,
    /// The one before: what a rollback goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Binding>,
    /// How its identity provider is met.
    #[serde(default)]
    pub scim: ScimSettings,
    /// How long its history is kept.
    #[serde(default)]
    pub retention: Retention,
    /// What was granted to its plugins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// What its plugins may use without seeing it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretRow>,
    /// What follows its changes, beside what its plugin plans.
    #[serde(default)]
    pub delivery: DeliverySettings,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_of_before_there_were_settings_is_read_with_the_defaults() {
        let binding = json!({ "plugin": "00".repeat(32), "config": {}, "revision": 1, "at": 0 });
        let row = json!({ "id": "acme", "created": 0, "binding": binding });

        let row: TenantRow = serde_json::from_value(row).unwrap();

        assert_eq!(row.scim, ScimSettings::default());
        assert_eq!(row.scim.on_plugin_failure, OnPluginFailure::Refuse);
        assert_eq!(row.retention, Retention::default());
        assert_eq!(row.delivery, DeliverySettings::default());
        assert_eq!(row.grants, Vec::new(), "what nobody was asked about is not granted");
    }
}
