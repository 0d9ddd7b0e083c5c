//! Commits as the committer gets them: everything encoded by the thread that brings them, so that the one committer
//! need not.

use muster_model::{
    Change, Event, Key, PluginDigest, PluginRow, Record, ResourceId, ResourceType, Rollout, RolloutId, TenantId,
    TenantRow, Timestamp, TokenRow, Trust, Version,
};
use muster_store::{ClockSeen, Commit, Member, StoreError, Write};

use crate::codec;
use crate::entry::{self, Encoded};
use crate::index_rows::{IndexRows, index_rows};
use crate::keys::Space;
use crate::log_keeper::{Pruning, Sealing};
use crate::moving::Moving;
use crate::plugin_state::StateWork;
use crate::tasks::{PreparedTask, TaskWork};

/// What the committer is asked to write.
pub(crate) enum Work {
    Commit(Box<Prepared>),
    Seal(Sealing),
    Prune(Pruning),
    Move(Moving),
    Task {
        space: Space,
        work: TaskWork,
    },
    State(StateWork),
    AddTenant(TenantId, Vec<u8>),
    ReplaceTenant {
        id: TenantId,
        row: Vec<u8>,
        expected: u64,
    },
    /// What replaces whatever was there: a token, what the clock has said.
    Put {
        key: Vec<u8>,
        row: Vec<u8>,
    },
    PutRollout {
        key: Vec<u8>,
        row: Vec<u8>,
        expected: Option<u64>,
    },
    RemoveRollout {
        key: Vec<u8>,
    },
    PutPlugin {
        digest: PluginDigest,
        row: Vec<u8>,
        bytes: Vec<u8>,
    },
    ReplacePlugin {
        digest: PluginDigest,
        row: Vec<u8>,
    },
    RemovePlugin(PluginDigest),
    PutTrust {
        row: Vec<u8>,
        expected: u64,
    },
}

/// A [`Commit`], encoded.
pub(crate) struct Prepared {
    pub(crate) space: Space,
    pub(crate) at: Timestamp,
    pub(crate) writes: Vec<PreparedWrite>,
    /// Rows that must not be there when everything is written.
    pub(crate) free: Vec<Vec<u8>>,
    pub(crate) changes: Vec<PreparedChange>,
    pub(crate) tasks: Vec<PreparedTask>,
    /// What the log will say of a group that loses members because they are removed, but for the group and them; `None`: nothing.
    pub(crate) loss: Option<Box<Change>>,
}

/// A [`Change`], encoded.
pub(crate) struct PreparedChange {
    pub(crate) kind: ResourceType,
    pub(crate) id: ResourceId,
    pub(crate) tells_of: Vec<ResourceId>,
    pub(crate) encoded: Encoded,
}

/// A [`Write`], encoded.
pub(crate) enum PreparedWrite {
    Insert(PreparedRecord),
    Replace { record: PreparedRecord, expected: Version },
    Remove { kind: ResourceType, id: ResourceId, expected: Option<Version> },
    Touch { kind: ResourceType, id: ResourceId, expected: Option<Version> },
    AddMember { group: ResourceId, member: Member },
    RemoveMember { group: ResourceId, member: ResourceId },
}

pub(crate) struct PreparedRecord {
    pub(crate) kind: ResourceType,
    pub(crate) id: ResourceId,
    pub(crate) version: Version,
    pub(crate) keys: Vec<Key>,
    /// What leads to it, and counts it.
    pub(crate) index: IndexRows,
    pub(crate) bytes: Vec<u8>,
}

impl Prepared {
    pub(crate) fn new(space: Space, commit: Commit) -> Result<Self, StoreError> {
        let Commit { at, writes, free, changes, tasks } = commit;
        let removes = writes.iter().any(|write| matches!(write, Write::Remove { .. }));
        let loss = changes.first().filter(|_| removes).map(|first| Box::new(loss_after(first)));
        let writes = writes.into_iter().map(|write| PreparedWrite::new(&space, write)).collect::<Result<_, _>>()?;
        let free = free.iter().map(|(kind, key)| space.unique(kind, &key.attribute, &key.folded)).collect();
        let task = |(change, task): &(usize, _)| match u64::try_from(*change) {
            Ok(position) if *change < changes.len() => PreparedTask::new(position, at, task),
            Ok(_) | Err(_) => {
                Err(StoreError::Unavailable("a task names a change that its commit does not have".into()))
            }
        };
        let tasks = tasks.iter().map(task).collect::<Result<_, _>>()?;
        let changes = changes.iter().map(PreparedChange::new).collect::<Result<_, _>>()?;
        Ok(Self { space, at, writes, free, changes, tasks, loss })
    }
}

/// What the log says of a group that loses members by the commit whose first change this is.
fn loss_after(first: &Change) -> Change {
    Change {
        at: first.at,
        actor: first.actor.clone(),
        request: first.request.clone(),
        plugin: first.plugin,
        event: Event::MemberRemoved,
        resource_type: ResourceType::GROUP,
        id: first.id,
        before: None,
        after: None,
        members_added: Vec::new(),
        members_removed: Vec::new(),
        rewrites: Vec::new(),
        undoes: Vec::new(),
    }
}

impl PreparedChange {
    pub(crate) fn new(change: &Change) -> Result<Self, StoreError> {
        let (kind, id) = (change.resource_type.clone(), change.id);
        Ok(Self { kind, id, tells_of: entry::tells_of(change), encoded: entry::encode(change)? })
    }
}

impl PreparedWrite {
    pub(crate) fn new(space: &Space, write: Write) -> Result<Self, StoreError> {
        Ok(match write {
            Write::Insert(record) => Self::Insert(PreparedRecord::new(space, *record)?),
            Write::Replace { record, expected } => {
                Self::Replace { record: PreparedRecord::new(space, *record)?, expected }
            }
            Write::Remove { resource_type: kind, id, expected } => Self::Remove { kind, id, expected },
            Write::Touch { resource_type: kind, id, expected } => Self::Touch { kind, id, expected },
            Write::AddMember { group, member } => Self::AddMember { group, member },
            Write::RemoveMember { group, member } => Self::RemoveMember { group, member },
        })
    }
}

impl PreparedRecord {
    fn new(space: &Space, record: Record) -> Result<Self, StoreError> {
        let bytes = codec::encode_record(&record)?;
        let index = index_rows(space, &record);
        let Record { id, resource_type: kind, version, keys, .. } = record;
        Ok(Self { kind, id, version, keys, index, bytes })
    }
}

impl Work {
    pub(crate) fn add_tenant(row: &TenantRow) -> Result<Self, StoreError> {
        Ok(Self::AddTenant(row.id.clone(), codec::encode(row)?))
    }

    pub(crate) fn replace_tenant(row: &TenantRow, expected: u64) -> Result<Self, StoreError> {
        Ok(Self::ReplaceTenant { id: row.id.clone(), row: codec::encode(row)?, expected })
    }

    pub(crate) fn put_token(row: &TokenRow) -> Result<Self, StoreError> {
        Ok(Self::Put { key: Space::deployment().token(&row.id), row: codec::encode(row)? })
    }

    pub(crate) fn put_clock_seen(seen: &ClockSeen) -> Result<Self, StoreError> {
        Ok(Self::Put { key: Space::deployment().clock_seen(), row: codec::encode(seen)? })
    }

    pub(crate) fn put_rollout(row: &Rollout, expected: Option<u64>) -> Result<Self, StoreError> {
        Ok(Self::PutRollout { key: Space::of(&row.tenant).rollout(row.id), row: codec::encode(row)?, expected })
    }

    pub(crate) fn remove_rollout(tenant: &TenantId, id: RolloutId) -> Self {
        Self::RemoveRollout { key: Space::of(tenant).rollout(id) }
    }

    pub(crate) fn put_plugin(row: &PluginRow, bytes: &[u8]) -> Result<Self, StoreError> {
        Ok(Self::PutPlugin { digest: row.digest, row: codec::encode(row)?, bytes: bytes.to_vec() })
    }

    pub(crate) fn replace_plugin(row: &PluginRow) -> Result<Self, StoreError> {
        Ok(Self::ReplacePlugin { digest: row.digest, row: codec::encode(row)? })
    }

    pub(crate) fn put_trust(trust: &Trust, expected: u64) -> Result<Self, StoreError> {
        Ok(Self::PutTrust { row: codec::encode(trust)?, expected })
    }
}
