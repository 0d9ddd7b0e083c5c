//! Commits as the committer gets them: everything encoded by the thread that brings them, so that the one committer
//! need not.

use muster_model::{
    PluginDigest, PluginRow, Record, ResourceId, ResourceType, TenantId, TenantRow, Timestamp, TokenRow, Version,
};
use muster_store::{Commit, Member, StoreError, Write};

use crate::codec::{self, Names};
use crate::keys::Space;

/// What the committer is asked to write.
pub(crate) enum Work {
    Commit(Box<Prepared>),
    AddTenant(TenantId, Vec<u8>),
    ReplaceTenant { id: TenantId, row: Vec<u8>, expected: u64 },
    PutToken { key: Vec<u8>, row: Vec<u8> },
    PutPlugin { digest: PluginDigest, row: Vec<u8>, bytes: Vec<u8> },
}

/// A [`Commit`], encoded.
pub(crate) struct Prepared {
    pub(crate) space: Space,
    pub(crate) at: Timestamp,
    pub(crate) writes: Vec<PreparedWrite>,
    pub(crate) changes: Vec<Vec<u8>>,
    pub(crate) tasks: Vec<(u64, Vec<u8>)>,
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
    pub(crate) names: Names,
    pub(crate) bytes: Vec<u8>,
}

impl Prepared {
    pub(crate) fn new(space: Space, commit: Commit) -> Result<Self, StoreError> {
        let Commit { at, writes, changes, tasks } = commit;
        let writes = writes.into_iter().map(PreparedWrite::new).collect::<Result<_, _>>()?;
        let task = |(change, task): &(usize, _)| match u64::try_from(*change) {
            Ok(position) if *change < changes.len() => Ok((position, codec::encode_task(at, task)?)),
            Ok(_) | Err(_) => {
                Err(StoreError::Unavailable("a task names a change that its commit does not have".into()))
            }
        };
        let tasks = tasks.iter().map(task).collect::<Result<_, _>>()?;
        let changes = changes.iter().map(codec::encode).collect::<Result<_, _>>()?;
        Ok(Self { space, at, writes, changes, tasks })
    }
}

impl PreparedWrite {
    fn new(write: Write) -> Result<Self, StoreError> {
        Ok(match write {
            Write::Insert(record) => Self::Insert(PreparedRecord::new(*record)?),
            Write::Replace { record, expected } => Self::Replace { record: PreparedRecord::new(*record)?, expected },
            Write::Remove { resource_type: kind, id, expected } => Self::Remove { kind, id, expected },
            Write::Touch { resource_type: kind, id, expected } => Self::Touch { kind, id, expected },
            Write::AddMember { group, member } => Self::AddMember { group, member },
            Write::RemoveMember { group, member } => Self::RemoveMember { group, member },
        })
    }
}

impl PreparedRecord {
    fn new(record: Record) -> Result<Self, StoreError> {
        let bytes = codec::encode_record(&record)?;
        let names = Names { keys: record.keys, index: record.index };
        Ok(Self { kind: record.resource_type, id: record.id, names, bytes })
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
        Ok(Self::PutToken { key: Space::deployment().token(&row.id), row: codec::encode(row)? })
    }

    pub(crate) fn put_plugin(row: &PluginRow, bytes: &[u8]) -> Result<Self, StoreError> {
        Ok(Self::PutPlugin { digest: row.digest, row: codec::encode(row)?, bytes: bytes.to_vec() })
    }
}
