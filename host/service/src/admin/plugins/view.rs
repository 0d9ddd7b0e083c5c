use muster_model::{PluginDigest, PluginOrigin, PluginRow, PublicKey};
use serde::Serialize;

/// A plugin as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct PluginView {
    /// Its true name.
    pub digest: PluginDigest,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was pushed.
    pub pushed: String,
    /// Who could push it: there is one key, the operator's.
    pub pushed_by: &'static str,
    /// Who says to have pushed it with that key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_by: Option<String>,
    /// Where it was found; absent: it came from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<PluginOrigin>,
    /// The key that signed it; absent: nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<PublicKey>,
}

/// What came of a push.
#[derive(Debug, Clone, Serialize)]
pub struct PushedView {
    /// The plugin, as it is kept.
    #[serde(flatten)]
    pub plugin: PluginView,
    /// What speaks against it, where the deployment would only be warned: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The key that the plugin's name belongs to since this push; absent: that has not changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_owner: Option<PublicKey>,
}

/// A plugin in the list of all.
#[derive(Debug, Clone, Serialize)]
pub struct ListedView {
    /// The plugin.
    #[serde(flatten)]
    pub plugin: PluginView,
    /// What its signature is worth here.
    pub standing: Standing,
    /// What operators call the key that signed it, if it is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by_name: Option<String>,
    /// How many tenants are bound to it.
    pub tenants: usize,
    /// To how many others it was bound before what is bound now: each can go back to it.
    pub can_go_back: usize,
    /// What speaks against it by the deployment's policy: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// What the signature of a plugin is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Nobody has signed it.
    Unsigned,
    /// Somebody has, whose key is not trusted, or not any more.
    Untrusted,
    /// A trusted key has.
    Trusted,
    /// What is kept as its signature is none: the store was changed from outside.
    Broken,
}

impl PluginView {
    pub(in crate::admin) fn of(row: &PluginRow) -> Self {
        Self {
            digest: row.digest,
            name: row.name.clone(),
            version: row.version.clone(),
            size: row.size,
            pushed: row.pushed.to_string(),
            pushed_by: "operator",
            claimed_by: row.by.clone(),
            origin: row.origin.clone(),
            signed_by: row.signature.map(|signature| signature.key),
        }
    }
}
