//! The store on sled: one process, one folder, nothing to install.
//!
//! Start with `keys` (where each row is). Then follow a write: `directory` -> `prepared` (encoded by the thread that
//! brings it) -> `committer` (one thread, group commit) -> `apply` (what each write means) -> flushed, synced,
//! answered; and a read: `core` -> `reader` -> `flight` (which waits until what was read is on disk). `open` guards against what
//! sled does not.

mod apply;
mod codec;
mod committer;
mod core;
mod directory;
mod flight;
mod keys;
mod lists;
mod open;
mod options;
mod prepared;
mod query;
mod reader;
mod staging;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{PluginDigest, PluginRow, TenantId, TenantRow, TokenRow};
use muster_store::{Directory, OutboxReader, Store, StoreError};
use serde::de::DeserializeOwned;

use crate::committer::Committer;
use crate::core::{Core, closed};
use crate::directory::SledDirectory;
use crate::keys::{Range, Space};
use crate::prepared::Work;

pub use committer::MAX_WAITING_COMMITS;
pub use open::{FilesState, OpenError};
pub use options::{Options, SyncHook};

/// A store in one folder. One process at a time can have it.
#[derive(Debug)]
pub struct SledStore {
    core: Arc<Core>,
    committer: Arc<Committer>,
}

impl SledStore {
    /// Opens the folder, or makes it. After a crash this takes seconds for a million records. The methods of the store
    /// need a tokio runtime around them.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let (opened, batch) = open::open(folder, &options)?;
        let opened = Arc::new(opened);
        let core = Arc::new(Core::new(Arc::clone(&opened), options.max_scanned));
        let committer = Committer::start(Arc::clone(&core), opened, batch, options.before_sync)
            .map_err(|source| OpenError::Io { folder: folder.to_owned(), source })?;
        Ok(Self { core, committer: Arc::new(committer) })
    }

    /// How often a batch of commits was made durable since the store was opened.
    pub fn syncs(&self) -> u64 {
        self.core.syncs()
    }

    fn handle(&self, tenant: &TenantId) -> Arc<SledDirectory> {
        Arc::new(SledDirectory {
            core: Arc::clone(&self.core),
            committer: Arc::clone(&self.committer),
            space: Space::of(tenant),
        })
    }

    async fn rows<T: DeserializeOwned>(&self, range: Range, what: &str) -> Result<Vec<T>, StoreError> {
        let values = self.core.read(|reader| reader.values(range, usize::MAX)).await?;
        values.iter().map(|(_, value)| codec::decode(value, what)).collect()
    }
}

#[async_trait]
impl Store for SledStore {
    fn directory(&self, tenant: &TenantId) -> Arc<dyn Directory> {
        self.handle(tenant)
    }

    fn outbox(&self, tenant: &TenantId) -> Arc<dyn OutboxReader> {
        self.handle(tenant)
    }

    async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError> {
        let mut tenants: Vec<TenantRow> = self.rows(Space::deployment().tenants(), "a tenant").await?;
        tenants.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(tenants)
    }

    async fn add_tenant(&self, row: &TenantRow) -> Result<(), StoreError> {
        self.committer.commit(Work::add_tenant(row)?).await.map(drop)
    }

    async fn replace_tenant(&self, row: &TenantRow, expected: u64) -> Result<(), StoreError> {
        self.committer.commit(Work::replace_tenant(row, expected)?).await.map(drop)
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        self.rows(Space::deployment().tokens(), "a token").await
    }

    async fn put_token(&self, row: &TokenRow) -> Result<(), StoreError> {
        self.committer.commit(Work::put_token(row)?).await.map(drop)
    }

    async fn plugins(&self) -> Result<Vec<PluginRow>, StoreError> {
        let mut plugins: Vec<PluginRow> = self.rows(Space::deployment().plugins(), "a plugin").await?;
        plugins.sort_by(|one, other| one.name.cmp(&other.name).then(one.pushed.cmp(&other.pushed)));
        Ok(plugins)
    }

    async fn plugin(&self, digest: &PluginDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let key = Space::deployment().plugin_bytes(digest);
        Ok(self.core.read(|reader| reader.value(key)).await?.map(|bytes| bytes.to_vec()))
    }

    async fn put_plugin(&self, row: &PluginRow, bytes: &[u8]) -> Result<(), StoreError> {
        self.committer.commit(Work::put_plugin(row, bytes)?).await.map(drop)
    }

    fn ready(&self) -> Result<(), StoreError> {
        if self.committer.is_closed() { Err(closed()) } else { self.core.sound() }
    }

    async fn close(&self) {
        let (committer, core) = (Arc::clone(&self.committer), Arc::clone(&self.core));
        let closing = tokio::task::spawn_blocking(move || {
            committer.finish();
            core.let_go();
        });
        if let Err(error) = closing.await {
            tracing::error!(error = %error, "closing the store was interrupted");
        }
    }
}
