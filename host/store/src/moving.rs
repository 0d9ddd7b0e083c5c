//! Moving: what a store holds, told item by item and in no engine's terms, so that another store can be made of it.
//!
//! [`Item`] is one thing, [`file`] is how a list of them stands in a file, [`Check`] is what such a list must hold to, and [`Mover`] is
//! how a store gives and takes one. The order of the items is part of the format: two exports of the same things are the same lines.

mod check;
pub mod file;
mod fits;
mod replay;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_model::{
    LogEntry, PluginDigest, PluginRow, Progress, Queue, Record, ResourceId, ResourceType, Seal, Task, TenantId,
    TenantRow, Timestamp, TokenRow, Trust,
};
use serde::{Deserialize, Serialize};

use crate::StoreError;

pub use check::{Check, MAX_KIND_BYTES};
pub use file::{Chain, Counts};
pub use replay::{MAX_HELD, MAX_PARTS, Parts, Replay, Unfit};

/// How many bytes of a plugin one [`Item::PluginBytes`] has; only the last has fewer.
pub const PLUGIN_PART_BYTES: usize = 48 * 1024;

/// One thing that a store holds. What can be made from others (indexes, counts, the history of a resource) is not among them.
///
/// Tenants come first, each followed by what it has, in the order of the variants below; then the plugins, by digest; then, of a whole
/// deployment that trusts somebody, whom. Tenants and kinds of resources stand in the order of [`by_length`], and within each everything in the order of its ids or numbers. A seal stands behind the
/// last entry that it covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Item {
    /// A tenant, and how far its log and its outbox reach.
    Tenant {
        /// The tenant.
        row: TenantRow,
        /// The seal before its oldest entry.
        anchor: Seal,
        /// The latest entry of its log.
        last_entry: u64,
        /// The latest task of its outbox.
        last_task: u64,
    },
    /// One of its tokens.
    Token {
        /// The token; it names the tenant.
        row: TokenRowItem,
    },
    /// One of its resources.
    Record {
        /// Whose.
        tenant: TenantId,
        /// The resource.
        record: Record,
    },
    /// A membership.
    Member {
        /// Whose.
        tenant: TenantId,
        /// The group.
        group: ResourceId,
        /// The member.
        member: ResourceId,
        /// The kind of the member.
        resource_type: ResourceType,
    },
    /// An entry of its log.
    Entry {
        /// Whose.
        tenant: TenantId,
        /// The entry.
        entry: LogEntry,
    },
    /// A seal over the entries before it.
    Seal {
        /// Whose.
        tenant: TenantId,
        /// The seal.
        seal: Seal,
    },
    /// A task. Those that were forgotten are missing.
    Task {
        /// Whose.
        tenant: TenantId,
        /// The task.
        task: Task,
        /// What has become of it; `None`: nothing yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        progress: Option<Box<Progress>>,
    },
    /// That a plugin remembers something of the tenant, or did; what it is follows.
    State {
        /// Whose.
        tenant: TenantId,
        /// The plugin's name.
        plugin: String,
        /// The latest version that was given to an entry.
        last: u64,
    },
    /// What it remembers under a key.
    StateEntry {
        /// Whose.
        tenant: TenantId,
        /// The plugin's name.
        plugin: String,
        /// The key.
        key: String,
        /// The version.
        version: u64,
        /// The bytes.
        value: Bytes,
    },
    /// How far a queue was fed from the log.
    Fed {
        /// Whose.
        tenant: TenantId,
        /// The queue.
        queue: Queue,
        /// The entry up to which it has its tasks.
        through: u64,
    },
    /// A plugin; its bytes follow.
    Plugin {
        /// The plugin.
        row: PluginRow,
    },
    /// A part of the bytes of the plugin before it.
    PluginBytes {
        /// Which plugin.
        digest: PluginDigest,
        /// Where in its bytes they begin.
        at: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Whose plugins are taken, and whose names are whose.
    Trust {
        /// All of it.
        row: Trust,
    },
}

/// Bytes, which JSON has no form for: base64 (RFC 4648 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Self).map_err(|_| serde::de::Error::custom("what should be base64 is not"))
    }
}

/// A [`TokenRow`], compared by what it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenRowItem(pub TokenRow);

impl PartialEq for TokenRowItem {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (&self.0, &other.0);
        (&one.id, &one.tenant, one.hash.as_bytes(), &one.label, one.created, &one.key)
            == (&other.id, &other.tenant, other.hash.as_bytes(), &other.label, other.created, &other.key)
            && (one.expires, one.revoked, one.user, one.write)
                == (other.expires, other.revoked, other.user, other.write)
    }
}

impl Item {
    /// Whose it is; `None`: the deployment's.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant { row, .. } => Some(&row.id),
            Self::Token { row } => Some(&row.0.tenant),
            Self::Record { tenant, .. }
            | Self::Member { tenant, .. }
            | Self::Entry { tenant, .. }
            | Self::Seal { tenant, .. }
            | Self::Task { tenant, .. }
            | Self::State { tenant, .. }
            | Self::StateEntry { tenant, .. }
            | Self::Fed { tenant, .. } => Some(tenant),
            Self::Plugin { .. } | Self::PluginBytes { .. } | Self::Trust { .. } => None,
        }
    }

    /// The plugins that must be there for what this is.
    pub fn plugins(&self) -> Vec<PluginDigest> {
        match self {
            Self::Tenant { row, .. } => {
                let previous = row.previous.iter().map(|binding| binding.plugin);
                std::iter::once(row.binding.plugin).chain(previous).collect()
            }
            Self::Task { task, progress, .. } => {
                // What is over needs nobody any more, and what is told to a receiver never did.
                let is_over = progress.as_ref().is_some_and(|progress| progress.standing.is_over());
                if is_over || !task.task.queue.is_of_the_plugin() { Vec::new() } else { vec![task.task.plugin] }
            }
            // What they once decided stays true without them.
            Self::Token { .. }
            | Self::Record { .. }
            | Self::Member { .. }
            | Self::Entry { .. }
            | Self::Seal { .. }
            | Self::State { .. }
            | Self::StateEntry { .. }
            | Self::Fed { .. }
            | Self::Plugin { .. }
            | Self::PluginBytes { .. }
            | Self::Trust { .. } => Vec::new(),
        }
    }
}

/// The order of names in an export: shorter ones first, those of one length by their bytes.
pub fn by_length(one: &str, other: &str) -> std::cmp::Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// What an export is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Everything.
    Whole,
    /// These tenants, and the plugins that they need.
    Tenants(Vec<TenantId>),
    /// What an unfinished import has brought: to read back what was written.
    Import(ImportId),
}

/// Names an import. It is made of what is imported, so that whoever begins again finds what he began.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImportId(pub String);

impl std::fmt::Display for ImportId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An import that is not finished: what was announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// Its name.
    pub id: ImportId,
    /// Whether it is of a whole deployment.
    pub whole: bool,
    /// The tenants that it brings, in the order of [`by_length`]. Nobody else can have these names until it is finished or abandoned.
    pub tenants: Vec<TenantId>,
    /// How many items there are.
    pub items: u64,
    /// The chain before the first item.
    pub start: Chain,
    /// The chain behind the last item.
    pub end: Chain,
    /// The fingerprint of the key that its tokens were made with.
    pub token_key: String,
    /// When it was begun.
    pub begun: Timestamp,
}

/// How far an import has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// How many items are there.
    pub items: u64,
    /// The chain behind the last of them.
    pub chain: Chain,
    /// Where the check stands behind it.
    pub check: Check,
    /// Whether it is being taken back: then nothing more is added.
    pub abandoned: bool,
}

/// What an import has brought that nobody sees before it is finished.
#[derive(Debug, Clone, Default)]
pub struct Brought {
    /// Its tenants.
    pub tenants: Vec<TenantRow>,
    /// Their tokens.
    pub tokens: Vec<TokenRow>,
    /// Its plugins.
    pub plugins: Vec<PluginRow>,
    /// Whom it trusts, if it says so. Finishing the import does not show it: what was here before has its say in that.
    pub trust: Option<Trust>,
}

/// How many finished imports are remembered; the oldest goes first.
pub const MAX_FINISHED: usize = 16;

/// What came of an import, for whoever asks again because no answer reached him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// Its name.
    pub id: ImportId,
    /// When it was finished.
    pub at: Timestamp,
    /// Whether it was of a whole deployment.
    pub whole: bool,
    /// How many items there were.
    pub items: u64,
    /// The chain behind the last of them.
    pub digest: Chain,
    /// How many of each kind.
    pub counts: Counts,
    /// How many tokens there were that are recognised here.
    pub tokens_known: u64,
    /// How many resources and memberships there were of which no log says anything, because its beginning is gone.
    pub unproved: u64,
}

/// The items of an export, as everything was at one moment.
#[async_trait]
pub trait Export: Send {
    /// Roughly how many items there are.
    fn about(&self) -> u64;

    /// The next ones; none: that was all.
    async fn next(&mut self) -> Result<Vec<Item>, StoreError>;
}

/// How a store gives and takes items; for operators, not for the request path.
#[async_trait]
pub trait Mover: Send + Sync {
    /// Begins to read. Writes go on meanwhile, and are not seen. [`StoreError::Stale`] if there is no such tenant or import.
    async fn export(&self, which: &Which) -> Result<Box<dyn Export>, StoreError>;

    /// The imports that are not finished.
    async fn imports(&self) -> Result<Vec<(Import, Loaded)>, StoreError>;

    /// Begins an import, with nothing loaded. [`StoreError::Taken`] if there is a tenant of one of these names, or another import has it;
    /// [`StoreError::Stale`] if there is an import of this name.
    async fn begin(&self, import: &Import) -> Result<(), StoreError>;

    /// Adds items, which are numbered `expected` and following, and keeps how far it came: all or nothing, and durable when acknowledged.
    /// Nothing is logged, and what stands in the items stays as it is. [`Store::tenants`](crate::Store::tenants) and
    /// [`Store::tokens`](crate::Store::tokens) do not show it, nor [`Store::plugins`](crate::Store::plugins).
    ///
    /// The items have passed the [`Check`]. [`StoreError::Stale`] if other items than `expected` are loaded already, or if the import is being
    /// taken back; also if a thing is there already, or a membership is of what is not there. [`StoreError::Taken`] if a key is held by
    /// another resource.
    async fn load(&self, import: &ImportId, items: Vec<Item>, expected: u64, loaded: &Loaded)
    -> Result<(), StoreError>;

    /// What it has brought.
    async fn brought(&self, import: &ImportId) -> Result<Brought, StoreError>;

    /// The bytes of a plugin that it has brought, as they came; `None` if there are none.
    async fn plugin(&self, import: &ImportId, plugin: &PluginDigest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Shows all of it at once, with these tokens in place of those that it has brought; the import is no more, and is remembered as what came
    /// of it. [`StoreError::Stale`] if it is not at so many items any more, or is being taken back.
    async fn finish(&self, finished: &Finished, tokens: &[TokenRow]) -> Result<(), StoreError>;

    /// The imports that were finished last, at most [`MAX_FINISHED`], the oldest first.
    async fn finished(&self) -> Result<Vec<Finished>, StoreError>;

    /// Takes back what an import has brought, a bounded part at a time; whether that was all. As soon as it has begun, nothing can be loaded
    /// any more. An import that is not there has been taken back.
    async fn abandon(&self, import: &ImportId) -> Result<bool, StoreError>;
}
