//! The store on sled: one process, one folder, nothing to install.
//!
//! Start with `keys` (where each row is). Then follow a write: `directory` -> `prepared` (encoded by the thread that
//! brings it) -> `committer` (one thread, group commit) -> `apply` (what each write means) -> flushed, synced,
//! answered; and a read: `core` -> `reader` -> `flight` (which waits until what was read is on disk). `entry` is a row of
//! the log, `log` reads them, `log_keeper` seals and prunes them. `open` guards against what sled does not.

mod apply;
mod arrivals;
mod backup;
mod check;
mod codec;
mod committer;
mod core;
mod directory;
mod entry;
mod fault;
mod feeds;
mod flight;
mod index_rows;
mod keys;
mod leases;
mod lists;
mod log;
mod log_keeper;
mod memory;
mod moving;
mod offline;
mod open;
mod options;
mod outbox;
mod plugin_state;
mod prepared;
mod query;
mod raw;
mod reader;
mod rebuild;
mod room;
mod snapshot;
mod staging;
mod states;
mod tasks;
#[cfg(test)]
mod tests;
mod total;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{
    PluginDigest, PluginRow, Queue, Rollout, RolloutId, TenantId, TenantRow, Timestamp, TokenRow, Trust,
};
use muster_store::moving::Mover;
use muster_store::{BackedUp, ClockSeen, Directory, LogKeeper, Outbox, PluginState, Store, StoreError, Wake};
use serde::de::DeserializeOwned;

use crate::committer::Committer;
use crate::core::{Core, closed};
use crate::directory::SledDirectory;
use crate::keys::{Range, Space};
use crate::moving::SledMover;
use crate::outbox::SledOutbox;
use crate::plugin_state::SledPluginState;
use crate::prepared::Work;
use crate::room::Room;
use crate::snapshot::Snapshot;

pub use backup::{Restored, restore};
pub use check::{Finding, MAX_FINDINGS, Report};
pub use committer::MAX_WAITING_COMMITS;
pub use offline::{OfflineError, Rebuilt, check, check_copy, rebuild_index};
pub use open::{FilesState, OpenError};
pub use options::{Options, SyncHook};
#[doc(hidden)]
pub use raw::RawLog;
pub use room::FreeSpace;

/// What is told of the row when it is damaged.
pub(crate) const CLOCK_SEEN: &str = "the time that was last seen";

/// The same, of the row of trust.
pub(crate) const TRUST: &str = "the row of trusted keys and owners of names";

/// A store in one folder. One process at a time can have it.
#[derive(Debug)]
pub struct SledStore {
    core: Arc<Core>,
    committer: Arc<Committer>,
    room: Arc<Room>,
}

impl SledStore {
    /// Opens the folder, or makes it. After a crash this takes seconds for a million records. The methods of the store
    /// need a tokio runtime around them.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let (opened, latest) = open::open(folder, &options)?;
        open::refuse_half_made(folder, &opened.db)?;
        let opened = Arc::new(opened);
        let core = Arc::new(Core::new(Arc::clone(&opened), options.max_scanned));
        let io = |source| OpenError::Io { folder: folder.to_owned(), source };
        let room = Arc::new(Room::new(folder, options.reserve_bytes, options.free_space).map_err(io)?);
        let committer = Committer::start(Arc::clone(&core), opened, latest, Arc::clone(&room), options.before_sync);
        let committer = committer.map_err(io)?;
        Ok(Self { core, committer: Arc::new(committer), room })
    }

    /// For tests of what proves a log.
    #[doc(hidden)]
    pub fn raw_log(&self, tenant: &TenantId) -> RawLog {
        RawLog::new(Arc::clone(&self.core), tenant)
    }

    /// How often a batch of commits was made durable since the store was opened.
    pub fn syncs(&self) -> u64 {
        self.core.syncs()
    }

    /// These ranges as they are at one moment; see [`snapshot`].
    pub(crate) async fn snapshot(&self, ranges: Vec<Range>) -> Result<Snapshot, StoreError> {
        self.committer.snapshot(&self.core, ranges).await
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

    fn outbox(&self, tenant: &TenantId) -> Arc<dyn Outbox> {
        let (core, committer) = (Arc::clone(&self.core), Arc::clone(&self.committer));
        Arc::new(SledOutbox { core, committer, tenant: tenant.clone(), space: Space::of(tenant) })
    }

    fn plugin_state(&self, tenant: &TenantId, plugin: &str) -> Arc<dyn PluginState> {
        let (core, committer) = (Arc::clone(&self.core), Arc::clone(&self.committer));
        Arc::new(SledPluginState { core, committer, space: Space::of(tenant), plugin: plugin.to_owned() })
    }

    async fn queues(
        &self,
        after: Option<(TenantId, Queue)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Queue)>, StoreError> {
        let range = Space::deployment().queues(after.as_ref().map(|(tenant, queue)| (tenant, queue)));
        let rows = self.core.read(|reader| reader.page(range, limit)).await?;
        let named = rows.iter().map(|(key, _)| keys::tenant_and_queue(key));
        named.map(|named| named.ok_or_else(|| codec::damaged("a queue"))).collect()
    }

    fn on_tasks(&self, wake: Wake) {
        self.core.leased.set_wake(wake);
    }

    fn log_keeper(&self, tenant: &TenantId) -> Arc<dyn LogKeeper> {
        self.handle(tenant)
    }

    fn mover(&self) -> Arc<dyn Mover> {
        Arc::new(SledMover { core: Arc::clone(&self.core), committer: Arc::clone(&self.committer) })
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

    async fn replace_plugin(&self, row: &PluginRow) -> Result<(), StoreError> {
        self.committer.commit(Work::replace_plugin(row)?).await.map(drop)
    }

    async fn remove_plugin(&self, digest: &PluginDigest) -> Result<(), StoreError> {
        self.committer.commit(Work::RemovePlugin(*digest)).await.map(drop)
    }

    async fn trust(&self) -> Result<Trust, StoreError> {
        let row = self.core.read(|reader| reader.value(Space::deployment().trust())).await?;
        row.map_or(Ok(Trust::default()), |row| codec::decode(&row, TRUST))
    }

    async fn put_trust(&self, trust: &Trust, expected: u64) -> Result<(), StoreError> {
        self.committer.commit(Work::put_trust(trust, expected)?).await.map(drop)
    }

    async fn clock_seen(&self) -> Result<Option<ClockSeen>, StoreError> {
        let row = self.core.read(|reader| reader.value(Space::deployment().clock_seen())).await?;
        row.map(|row| codec::decode(&row, CLOCK_SEEN)).transpose()
    }

    async fn put_clock_seen(&self, seen: ClockSeen) -> Result<(), StoreError> {
        self.committer.commit(Work::put_clock_seen(&seen)?).await.map(drop)
    }

    async fn rollouts(&self, tenant: &TenantId) -> Result<Vec<Rollout>, StoreError> {
        self.rows(Space::of(tenant).rows(b'o'), "a rollout").await
    }

    async fn rollout(&self, tenant: &TenantId, id: RolloutId) -> Result<Option<Rollout>, StoreError> {
        let key = Space::of(tenant).rollout(id);
        let row = self.core.read(|reader| reader.value(key)).await?;
        row.map(|row| codec::decode(&row, "a rollout")).transpose()
    }

    async fn put_rollout(&self, row: &Rollout, expected: Option<u64>) -> Result<(), StoreError> {
        self.committer.commit(Work::put_rollout(row, expected)?).await.map(drop)
    }

    async fn remove_rollout(&self, tenant: &TenantId, id: RolloutId) -> Result<(), StoreError> {
        self.committer.commit(Work::remove_rollout(tenant, id)).await.map(drop)
    }

    async fn back_up(
        &self,
        folder: &Path,
        at: Timestamp,
        tell: Box<dyn Fn(u64) + Send + Sync>,
    ) -> Result<BackedUp, StoreError> {
        let snapshot = self.snapshot(vec![Range::everything()]).await?;
        let (core, room, folder) = (Arc::clone(&self.core), Arc::clone(&self.room), folder.to_owned());
        let copying = tokio::task::spawn_blocking(move || backup::back_up(&core, snapshot, &folder, at, &room, &*tell));
        copying.await.map_err(|error| StoreError::Unavailable(Box::new(error)))?
    }

    fn room(&self, bytes: u64) -> Result<(), StoreError> {
        self.room.require(bytes)
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
