use std::collections::HashMap;

use muster_model::PluginDigest;

use super::policy::{SignaturePolicy, called, objection, standing};
use super::view::{ListedView, PluginView};
use crate::{AdminError, Service};

impl Service {
    /// All plugins: what each is worth, and how many tenants it decides for.
    pub async fn list_plugins(&self) -> Result<Vec<ListedView>, AdminError> {
        let trust = self.parts.store.trust().await?;
        let mut tenants: HashMap<PluginDigest, usize> = HashMap::new();
        let mut back: HashMap<PluginDigest, usize> = HashMap::new();
        for row in self.parts.store.tenants().await? {
            *tenants.entry(row.binding.plugin).or_default() += 1;
            if let Some(previous) = row.previous.filter(|previous| previous.plugin != row.binding.plugin) {
                *back.entry(previous.plugin).or_default() += 1;
            }
        }
        let policy = self.parts.signatures;
        let mut listed = Vec::new();
        for row in self.parts.store.plugins().await? {
            let key = row.signature.map(|signature| signature.key);
            let standing = standing(&row, &trust);
            let objection = objection(standing, key.as_ref()).filter(|_| policy != SignaturePolicy::Off);
            listed.push(ListedView {
                plugin: PluginView::of(&row),
                standing,
                signed_by_name: key.and_then(|key| Some(trust.trusted(&key)?.name.clone())),
                tenants: tenants.get(&row.digest).copied().unwrap_or(0),
                can_go_back: back.get(&row.digest).copied().unwrap_or(0),
                warning: objection.map(|objection| format!("{} {}", called(&row), objection.why)),
            });
        }
        Ok(listed)
    }
}
