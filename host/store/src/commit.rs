use muster_model::{Change, Key, NewTask, Record, ResourceId, ResourceType, Timestamp, Version};

use crate::Member;

/// One tenant's unit of work: everything that one request changes. All or nothing, and durable when acknowledged.
///
/// The writes are applied in order, and each sees the ones before it: a record that is written twice can give up by the first write what
/// another one claims before the second, and nobody but the commit ever sees it so. Whatever does not hold (a version, a key, a
/// membership) fails the whole of it.
#[derive(Debug, Clone)]
pub struct Commit {
    /// When; becomes the `modified` of records that are only touched.
    pub at: Timestamp,
    /// What is written.
    pub writes: Vec<Write>,
    /// Keys that no record of that kind may hold when everything is written; [`crate::StoreError::Stale`] if one does. So what is unique
    /// over two kinds is held by whoever writes either: that nobody has the name is what the write relies on.
    pub free: Vec<(ResourceType, Key)>,
    /// One entry of the log for each changed resource; [`crate::StoreError::Stale`] if there is no such resource, neither before nor after.
    /// The groups that lose a member by [`Write::Remove`] are added by the store: who they are is known only there.
    pub changes: Vec<Change>,
    /// What must happen afterwards, and for which of `changes` (by position).
    pub tasks: Vec<(usize, NewTask)>,
}

/// One write of a [`Commit`].
#[derive(Debug, Clone)]
pub enum Write {
    /// Adds a record. [`crate::StoreError::Taken`] if another of its kind holds one of its keys,
    /// [`crate::StoreError::Stale`] if the id exists.
    Insert(Box<Record>),
    /// Replaces a record that is still at `expected`, otherwise [`crate::StoreError::Stale`]; its keys and index
    /// entries follow. [`crate::StoreError::Taken`] if another of its kind holds one of the new keys.
    Replace {
        /// The record as it shall be, with its new version.
        record: Box<Record>,
        /// The version that it replaces.
        expected: Version,
    },
    /// Removes a record with its keys, its index entries and all its memberships, as a group and as a member. Groups
    /// that lose a member by it are touched, and each gets an entry of the log ([`muster_model::Event::MemberRemoved`]) behind those of the
    /// commit, with time, actor, request and plugin of the commit's first change; none if the commit has no changes. The members that a
    /// group itself loses are for its own change to tell. [`crate::StoreError::Stale`] if it is not there or not at `expected`.
    Remove {
        /// Its kind.
        resource_type: ResourceType,
        /// Which one.
        id: ResourceId,
        /// The version that it must have; `None`: any.
        expected: Option<Version>,
    },
    /// Gives a record its next version and the time of the commit, because what belongs to it changed (a group's
    /// members). [`crate::StoreError::Stale`] if it is not there or not at `expected`. Without `expected` it never
    /// conflicts with another `Touch`.
    Touch {
        /// Its kind.
        resource_type: ResourceType,
        /// Which one.
        id: ResourceId,
        /// The version that it must have; `None`: any.
        expected: Option<Version>,
    },
    /// Adds one row. [`crate::StoreError::Stale`] if it is there already, or if group or member do not exist.
    AddMember {
        /// The group.
        group: ResourceId,
        /// The new member.
        member: Member,
    },
    /// Removes one row. [`crate::StoreError::Stale`] if it is not there.
    RemoveMember {
        /// The group.
        group: ResourceId,
        /// The member.
        member: ResourceId,
    },
}

/// What a commit made of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Committed {
    /// The log's `seq` of the commit's first change; of the latest one before it if it had none.
    pub seq: u64,
    /// The records that were touched, as they are now: [`Write::Touch`], and the groups that lost a member by
    /// [`Write::Remove`].
    pub touched: Vec<Record>,
}
