//! The store port: what a directory must promise.
//!
//! A [`Store`] is a deployment's memory; [`Store::directory`] gives the part of it that belongs to one tenant, so that
//! no read or write below takes a tenant. Reads are methods of [`Directory`]; a write is a value, a [`Commit`], made
//! whole before the store sees it: nothing can happen inside a transaction but the write itself (decision record 1).
//!
//! To add a store: implement its traits, then call `contract_tests!` in its crate; what that runs is what the
//! service relies on.

#![deny(missing_docs)]

mod commit;
pub mod contract;
mod error;
mod index;
mod locations;
mod log;
mod lookup;
pub mod moving;
mod outbox;
mod plugin_state;
pub mod request_log;
mod subject;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{
    Key, LogEntry, PluginDigest, PluginRow, Queue, Record, ResourceId, ResourceType, Rollout, RolloutId, TenantId,
    TenantRow, Timestamp, TokenRow, Trust,
};
use muster_protocol::filter::Filter;
use muster_protocol::schema::ResourceTypeDef;
use muster_protocol::sort::{Sort, SortKey};
use serde::{Deserialize, Serialize};

pub use commit::{Commit, Committed, Write};
pub use error::StoreError;
pub use index::{COVERED, INDEXED, index_of};
pub use locations::Locations;
pub use log::{Found, LogKeeper, LogQuery, LogStatus, MAX_LOG_PAGE_BYTES, MAX_LOG_SCANNED};
pub use lookup::{Among, Lookup};
pub use outbox::{Feed, Lease, Leases, MAX_DECISION_BYTES, MAX_TASKS_A_PAGE, Outbox, Seized, Settled, Wake};
pub use plugin_state::{Entry, MAX_STATE_KEY_BYTES, MAX_STATE_VALUE_BYTES, PluginState};
pub use subject::{RecordSubject, Rows};

/// Everything a deployment remembers.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// One tenant's part. Making the handle costs nothing and does not check that the tenant exists.
    fn directory(&self, tenant: &TenantId) -> Arc<dyn Directory>;

    /// One tenant's tasks, for whoever carries them out: the request path has no such handle.
    fn outbox(&self, tenant: &TenantId) -> Arc<dyn Outbox>;

    /// What the plugin of this name remembers of one tenant.
    fn plugin_state(&self, tenant: &TenantId, plugin: &str) -> Arc<dyn PluginState>;

    /// Queues that hold tasks which wait, of all tenants, after `after`, at most `limit`.
    async fn queues(
        &self,
        after: Option<(TenantId, Queue)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Queue)>, StoreError>;

    /// `wake` is called after each commit that added tasks, and after whatever made one due ([`Outbox::settle`], [`Outbox::let_go`],
    /// [`Outbox::decide`], a finished import): at least once, from any thread; it must not block. A queue that is missed is found by
    /// [`Store::queues`]. A later call takes the place of an earlier one.
    fn on_tasks(&self, wake: Wake);

    /// One tenant's log, for whoever seals it and cuts it off.
    fn log_keeper(&self, tenant: &TenantId) -> Arc<dyn LogKeeper>;

    /// How operators take everything out, or bring it in.
    fn mover(&self) -> Arc<dyn moving::Mover>;

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<TenantRow>, StoreError>;

    /// Adds a tenant; [`StoreError::Taken`] if there is one of that name.
    async fn add_tenant(&self, row: &TenantRow) -> Result<(), StoreError>;

    /// Replaces a tenant whose binding is still at revision `expected`; otherwise [`StoreError::Stale`], unchanged.
    async fn replace_tenant(&self, row: &TenantRow, expected: u64) -> Result<(), StoreError>;

    /// All tokens, revoked and expired ones included.
    async fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;

    /// Adds a token, or replaces the one with the same id.
    async fn put_token(&self, row: &TokenRow) -> Result<(), StoreError>;

    /// All plugins, by name, then by time of push.
    async fn plugins(&self) -> Result<Vec<PluginRow>, StoreError>;

    /// The bytes of a plugin; `None` if it was never pushed.
    async fn plugin(&self, digest: &PluginDigest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps a plugin; does nothing if it is there already.
    async fn put_plugin(&self, row: &PluginRow, bytes: &[u8]) -> Result<(), StoreError>;

    /// Replaces what is said of a plugin, whose bytes stay; [`StoreError::Stale`] if it is not there.
    async fn replace_plugin(&self, row: &PluginRow) -> Result<(), StoreError>;

    /// Forgets a plugin and its bytes; does nothing if it is not there. Whether anybody needs it is for the caller to know.
    async fn remove_plugin(&self, digest: &PluginDigest) -> Result<(), StoreError>;

    /// Whose plugins are taken, and whose names are whose; at version 0 while nothing was put.
    async fn trust(&self) -> Result<Trust, StoreError>;

    /// Keeps that over the one that is still at version `expected`; otherwise [`StoreError::Stale`], unchanged.
    async fn put_trust(&self, trust: &Trust, expected: u64) -> Result<(), StoreError>;

    /// What [`Store::put_clock_seen`] was told last; `None`: nothing yet.
    async fn clock_seen(&self) -> Result<Option<ClockSeen>, StoreError>;

    /// Keeps what the clock has said, over what was kept before.
    async fn put_clock_seen(&self, seen: ClockSeen) -> Result<(), StoreError>;

    /// A tenant's rollouts, by id.
    async fn rollouts(&self, tenant: &TenantId) -> Result<Vec<Rollout>, StoreError>;

    /// One of them; `None` if the tenant has no such rollout.
    async fn rollout(&self, tenant: &TenantId, id: RolloutId) -> Result<Option<Rollout>, StoreError>;

    /// Keeps a rollout over the one of its id that is still at version `expected`; `None`: there is none yet. Otherwise
    /// [`StoreError::Stale`], unchanged.
    async fn put_rollout(&self, row: &Rollout, expected: Option<u64>) -> Result<(), StoreError>;

    /// Forgets a rollout; does nothing if there is none.
    async fn remove_rollout(&self, tenant: &TenantId, id: RolloutId) -> Result<(), StoreError>;

    /// Copies everything, as it is at one moment, into a new folder on the machine that the store is on, while it is read and written;
    /// [`StoreError::Taken`] if there is such a folder. `at` is what the copy says of when it was made; `tell` hears how many rows are copied.
    ///
    /// The copy is whole, on disk and read once when this returns, and is not called by that name before.
    async fn back_up(
        &self,
        folder: &Path,
        at: Timestamp,
        tell: Box<dyn Fn(u64) + Send + Sync>,
    ) -> Result<BackedUp, StoreError>;

    /// Refuses with [`StoreError::Full`] if a file of so many bytes, on the disk of the store, would take what is kept free for the store itself.
    fn room(&self, bytes: u64) -> Result<(), StoreError>;

    /// Whether reads and writes can be expected to work: what `/readyz` says.
    fn ready(&self) -> Result<(), StoreError>;

    /// Finishes what was accepted and lets go of the files or connections. Later calls fail with
    /// [`StoreError::Unavailable`].
    async fn close(&self);
}

/// One tenant's resources and log. What a read returns is durable: it cannot be taken back by a crash.
#[async_trait]
pub trait Directory: Send + Sync {
    /// One record; `None` if this tenant has no such resource.
    async fn get(&self, resource_type: &ResourceType, id: ResourceId) -> Result<Option<Record>, StoreError>;

    /// The record that holds a key.
    async fn find(&self, resource_type: &ResourceType, key: &Key) -> Result<Option<Record>, StoreError>;

    /// A page of the records that a filter matches, and how many there are in all. What a page costs does not depend on
    /// where it begins, unless there is a filter or an order that no index knows.
    ///
    /// A record that matches all along, and keeps its place in the order, is on exactly one of the pages that follow
    /// each other by position, whatever comes and goes between them.
    async fn list(&self, query: &Query) -> Result<Listing, StoreError>;

    /// A group's members in order of their ids, at most `limit`, beginning after `after`.
    async fn members(
        &self,
        group: ResourceId,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError>;

    /// How many members a group has, without reading them.
    async fn member_count(&self, group: ResourceId) -> Result<u64, StoreError>;

    /// For each id: is it a member of the group?
    async fn are_members(&self, group: ResourceId, ids: &[ResourceId]) -> Result<Vec<bool>, StoreError>;

    /// The groups that a resource is a direct member of, in order of their ids.
    async fn groups_of(&self, member: ResourceId) -> Result<Vec<ResourceId>, StoreError>;

    /// The records of a kind whose account is in this state, in order of their ids, at most `limit`, beginning after `after`. What a
    /// page costs does not depend on how many there are, in this state or in others.
    async fn by_state(
        &self,
        resource_type: &ResourceType,
        state: &str,
        after: Option<ResourceId>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError>;

    /// The states that accounts of a kind are in, by name, and how many are in each: without reading them.
    async fn states(&self, resource_type: &ResourceType) -> Result<Vec<(String, u64)>, StoreError>;

    /// What people call each of these resources; `None` where there is no such record.
    async fn names(&self, of: &[(ResourceType, ResourceId)]) -> Result<Vec<Option<Called>>, StoreError>;

    /// For each of these resources: does the product list its account? Not where there is no such record.
    async fn are_listed(&self, of: &[(ResourceType, ResourceId)]) -> Result<Vec<bool>, StoreError>;

    /// The log after `after` (0: from its beginning), at most `limit` entries, fewer if they are large ([`MAX_LOG_PAGE_BYTES`]): the end is
    /// where the answer is empty.
    ///
    /// The entries follow each other without a gap. If the first is not `after` + 1, those between were pruned, and where all were pruned
    /// there are none to return: [`LogStatus::first`] tells. An entry that is missing for any other reason is [`StoreError::Damaged`].
    async fn log(&self, after: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError>;

    /// The entries before `before` (`None`: from the latest) that tell of one resource, its memberships included: those of groups that it
    /// came into or went out of. Newest first, at most `limit`, fewer if they are large: the end is where the answer is empty.
    async fn history(&self, id: ResourceId, before: Option<u64>, limit: usize) -> Result<Vec<LogEntry>, StoreError>;

    /// Looks for entries after `after`, oldest first, until it has `limit` of them, or has looked at so many that it is another call's turn
    /// ([`MAX_LOG_SCANNED`]).
    async fn find_in_log(&self, query: &LogQuery, after: u64, limit: usize) -> Result<Found, StoreError>;

    /// Makes the whole of `commit` durable, or nothing of it.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;
}

/// What a deployment remembers of its clock from one start to the next, so that one that has leapt ahead meanwhile is not believed at once
/// by what removes things because of their age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSeen {
    /// The latest time that was believed.
    pub at: Timestamp,
    /// Where the clock leapt to, while that is not believed.
    pub doubted: Option<Timestamp>,
}

/// A copy of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// Where it is.
    pub folder: PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes it takes on the disk.
    pub bytes: u64,
}

/// One row of a group's membership.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member {
    /// Which resource is the member.
    pub id: ResourceId,
    /// Of which kind it is.
    pub resource_type: ResourceType,
}

/// What people call a resource that is there (`muster_protocol::project::display_name`); it may have no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called(pub Option<String>);

/// Which members of a group a client is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MembersShown {
    /// All that there are.
    #[default]
    All,
    /// Those whose account is listed by the product. The rows of the others are there all the same.
    Listed,
}

/// Which records to list, in which order, and which part of them.
#[derive(Debug, Clone)]
pub struct Query {
    /// The kinds, as the tenant has them: filters are understood by their schemas. One, or several in the order in which
    /// they are listed; each once.
    pub kinds: Vec<Arc<ResourceTypeDef>>,
    /// Which of their records; `None`: all. It has passed [`Filter::check`].
    pub filter: Option<Filter>,
    /// By what they are ordered before all else; `None`: by nothing. What is equal by it goes in the order of the kinds,
    /// and within a kind by id, which is the order of creation.
    pub sort: Option<Sort>,
    /// Where the page begins.
    pub from: From,
    /// How many to return at most.
    pub limit: u64,
    /// Where the client finds resources: filters can ask for it.
    pub locations: Locations,
    /// States whose users the client is shown as not active: filters and sorting go by what is shown. Nearly always none.
    pub inactive_states: Vec<String>,
    /// Which members of a group the client is shown: filters and sorting go by them.
    pub members_shown: MembersShown,
}

impl Query {
    /// The record as filters and sorting see it.
    pub fn as_shown<'r>(&self, record: &'r Record) -> Cow<'r, Record> {
        if !is_shown_inactive(record, &self.inactive_states) {
            return Cow::Borrowed(record);
        }
        let mut shown = record.clone();
        shown.document.0.insert("active".to_owned(), false.into());
        Cow::Owned(shown)
    }

    /// How to come by every record of a kind that the filter can match; `None`: every record must be looked at.
    pub fn lookup(&self, def: &ResourceTypeDef) -> Option<Lookup> {
        let lookup = Lookup::of(def, self.filter.as_ref()?)?;
        // The index knows who is stored as not active, and not who is shown so.
        if self.inactive_states.is_empty() { Some(lookup) } else { lookup.without(&Lookup::Active(false)) }
    }
}

/// Whether a user who is stored as active is shown as one who is not.
pub fn is_shown_inactive(record: &Record, inactive_states: &[String]) -> bool {
    // Nearly nobody has such states: that costs nothing.
    !inactive_states.is_empty()
        && record.resource_type == ResourceType::USER
        && record.document.is_active()
        && inactive_states.contains(&record.account.state)
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// After so many matches.
    Offset(u64),
    /// Behind this position of the same query, whatever came or went since it was told.
    After(Position),
}

/// A place in the order of a [`Query`]: what a cursor is made of. The record that told it need not be there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Where the sorting puts it; `None` if the query has none.
    pub sort: Option<SortKey>,
    /// The kind. If the query does not list it, it stands behind all that it lists.
    pub resource_type: ResourceType,
    /// The id.
    pub id: ResourceId,
}

/// What a [`Query`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// How many match in all, before the page and after it.
    pub total: u64,
    /// The page that was asked for.
    pub records: Vec<Record>,
    /// Where the next page begins, if there is one: the position of the last record. `None` also if nothing was to be
    /// returned.
    pub next: Option<Position>,
}
