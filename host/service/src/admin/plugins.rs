//! The plugins of a deployment: kept by digest, each version once, each name its owner's (decision record 19).

mod list;
mod policy;
mod push;
mod remove;
mod trust;
mod view;

use std::sync::Arc;

use muster_model::{PluginDigest, PluginRow};
use muster_plugin::Plugin;

pub use policy::SignaturePolicy;
pub(super) use policy::judge_bound;
pub use push::{MAX_CLAIM_BYTES, MAX_REFERENCE_BYTES, NewPlugin};
pub(super) use trust::merged;
pub use trust::{KeyView, MAX_KEY_NAME_BYTES, NewKey, NewOwner, OwnerView};
pub use view::{ListedView, PluginView, PushedView, Standing};

use crate::{AdminError, Service};

/// Digits of a digest that are enough to name a plugin.
const MIN_DIGEST_PREFIX: usize = 8;

impl Service {
    /// Finds a plugin by digest, `name@version` or name; of several the one that was pushed last.
    pub(super) async fn resolve(&self, reference: &str) -> Result<PluginRow, AdminError> {
        let rows = self.parts.store.plugins().await?;
        let digest = PluginDigest::parse(reference.strip_prefix("sha256:").unwrap_or(reference));
        let (name, version) = match reference.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (reference, None),
        };
        let named = |row: &&PluginRow| row.name == name && version.is_none_or(|version| row.version == version);
        // What the command line shows of a digest is enough, as long as it is one plugin's.
        let bare = reference.strip_prefix("sha256:").unwrap_or(reference);
        let is_prefix = bare.len() >= MIN_DIGEST_PREFIX && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
        let begins = |row: &&PluginRow| is_prefix && row.digest.to_string().starts_with(bare);
        if let [one] = rows.iter().filter(begins).collect::<Vec<_>>().as_slice() {
            return Ok((*one).clone());
        }
        let found = match (digest, version) {
            (Some(digest), _) => rows.iter().find(|row| row.digest == digest),
            (None, None) => rows.iter().filter(named).max_by_key(|row| row.pushed),
            // A store from before versions were pushed once, or an import, may have several.
            (None, Some(_)) => match rows.iter().filter(named).collect::<Vec<_>>().as_slice() {
                [] => None,
                [one] => Some(*one),
                [one, other, ..] => {
                    return Err(AdminError::InUse(format!(
                        "{}@{} is sha256:{} as well as sha256:{}; say which, by its digest",
                        one.name, one.version, one.digest, other.digest
                    )));
                }
            },
        };
        found.cloned().ok_or_else(|| AdminError::NotFound(format!("plugin {reference}; push it first")))
    }

    /// A plugin that was pushed, loaded.
    pub(crate) async fn plugin(&self, digest: &PluginDigest) -> Result<Arc<dyn Plugin>, AdminError> {
        if let Some(plugin) = self.loaded().get(digest) {
            return Ok(plugin.clone());
        }
        let bytes = self.parts.store.plugin(digest).await?;
        let bytes = bytes.ok_or_else(|| AdminError::NotFound(format!("plugin {digest}")))?;
        self.load(Arc::new(bytes)).await
    }

    /// Compiles off the request threads; every tenant then shares the one copy.
    pub(super) async fn load(&self, bytes: Arc<Vec<u8>>) -> Result<Arc<dyn Plugin>, AdminError> {
        let digest = PluginDigest::of(&bytes);
        if let Some(plugin) = self.loaded().get(&digest) {
            return Ok(plugin.clone());
        }
        let host = self.parts.plugins.clone();
        let plugin = blocking(move || host.load(&bytes)).await??;
        self.loaded().insert(digest, plugin.clone());
        Ok(plugin)
    }

    pub(crate) fn loaded(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<PluginDigest, Arc<dyn Plugin>>> {
        // A map that a panicking thread held is still a map.
        self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| AdminError::Invalid(format!("the plugin brought the loader down: {error}")))
}
