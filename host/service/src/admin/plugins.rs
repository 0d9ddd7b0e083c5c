use std::sync::Arc;

use muster_model::{PluginDigest, PluginRow};
use muster_plugin::Plugin;
use serde::Serialize;

use crate::{AdminError, Service, cases};

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
}

/// Digits of a digest that are enough to name a plugin.
const MIN_DIGEST_PREFIX: usize = 8;

impl Service {
    /// Keeps a plugin, after it was checked, compiled and asked to describe itself. Pushing the same bytes again changes nothing.
    pub async fn push_plugin(&self, bytes: Vec<u8>) -> Result<PluginView, AdminError> {
        let bytes = Arc::new(bytes);
        let plugin = self.load(bytes.clone()).await?;
        cases::embedded(&bytes).map_err(|error| AdminError::Invalid(format!("the plugin's cases: {error}")))?;
        let _one_at_a_time = self.administration.lock().await;
        let rows = self.parts.store.plugins().await?;
        if let Some(row) = rows.iter().find(|row| row.digest == plugin.digest()) {
            return Ok(PluginView::of(row));
        }
        let manifest = plugin.manifest();
        let row = PluginRow {
            digest: plugin.digest(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            pushed: self.parts.clock.now(),
        };
        self.parts.store.put_plugin(&row, &bytes).await?;
        tracing::info!(plugin.name = %row.name, plugin.version = %row.version, plugin.digest = %row.digest, "plugin pushed");
        Ok(PluginView::of(&row))
    }

    /// All plugins.
    pub async fn list_plugins(&self) -> Result<Vec<PluginView>, AdminError> {
        Ok(self.parts.store.plugins().await?.iter().map(PluginView::of).collect())
    }

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
        let found = match digest {
            Some(digest) => rows.iter().find(|row| row.digest == digest),
            None => rows.iter().filter(named).max_by_key(|row| row.pushed),
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

    pub(super) fn loaded(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<PluginDigest, Arc<dyn Plugin>>> {
        // A map that a panicking thread held is still a map.
        self.loaded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| AdminError::Invalid(format!("the plugin brought the loader down: {error}")))
}

impl PluginView {
    pub(super) fn of(row: &PluginRow) -> Self {
        Self {
            digest: row.digest,
            name: row.name.clone(),
            version: row.version.clone(),
            size: row.size,
            pushed: row.pushed.to_string(),
        }
    }
}
