//! What an earlier attempt at a request has done before it was cut short: found in the log, so that nothing is done twice and nobody is told of
//! a conflict with himself.

use std::collections::HashMap;

use muster_model::{Event, LogEntry, RequestId, ResourceId, TenantId, Version};
use muster_protocol::bulk::{Action, BulkOperation, Target};
use muster_store::{LogQuery, StoreError};
use sha2::{Digest, Sha256};

use crate::Service;

/// How many entries one call looks for.
const ENTRIES_A_CALL: usize = 1_000;

/// How an attempt at a request begins.
#[derive(Debug)]
pub(crate) struct Before {
    txn: ResourceId,
    /// Whether it has many operations, which the trail tells one by one.
    pub is_bulk: bool,
    done: HashMap<ResourceId, Vec<Done>>,
    /// How many operations change each resource, of those that are named by their ids.
    updates: HashMap<ResourceId, usize>,
}

/// What an entry of the log says that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Done {
    event: Event,
    version: Version,
}

/// The id of what the operation of this index creates: the same in each attempt, so that the store refuses a second one. It sorts as the
/// request's own id does.
pub(super) fn new_id(txn: ResourceId, index: usize) -> ResourceId {
    let mut id = *txn.as_bytes();
    let hash = Sha256::new().chain_update(txn.as_bytes()).chain_update(index.to_be_bytes()).finalize();
    // The first eight bytes are the time and the version of a UUID; what follows, but for the two bits of its variant, is free.
    for (byte, random) in id.iter_mut().zip(hash).skip(8) {
        *byte = random;
    }
    id[8] = (id[8] & 0x3f) | 0x80;
    ResourceId::from_bytes(id)
}

impl Before {
    /// The id that the operation of this index gives to what it creates.
    pub(crate) fn new_id(&self, index: usize) -> ResourceId {
        new_id(self.txn, index)
    }

    /// Whether the log tells of anything.
    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// The resource, and its version, if the operation of this index was done.
    ///
    /// Of several that change one resource the log does not say which it tells of (one that changed nothing has no entry): all of them
    /// were done, or they are all done again, which ends in the same.
    pub(crate) fn done(&self, index: usize, action: &Action, target: Option<&str>) -> Option<(ResourceId, Version)> {
        let id = match action {
            Action::Create => self.new_id(index),
            Action::Replace(_) | Action::Patch(_) | Action::Delete(_) => ResourceId::parse(target?)?,
        };
        let done = self.done.get(&id)?;
        let is_done = match action {
            Action::Create => done.iter().any(|done| done.event == Event::Created),
            Action::Delete(_) => done.iter().any(|done| done.event == Event::Deleted),
            Action::Replace(Target::Id(_)) | Action::Patch(Target::Id(_)) => {
                let changes = done.iter().filter(|done| !matches!(done.event, Event::Created | Event::Deleted)).count();
                self.updates.get(&id).is_some_and(|updates| changes >= *updates)
            }
            Action::Replace(Target::Created(_)) | Action::Patch(Target::Created(_)) => false,
        };
        is_done.then(|| done.last().map(|last| (id, last.version))).flatten()
    }

    fn note(&mut self, entries: &[LogEntry]) {
        // Groups that lose a member because it was removed: nobody has asked for that.
        let mut removed: Option<(u64, ResourceId)> = None;
        for LogEntry { seq, version, change } in entries {
            let follows = removed.is_some_and(|(last, id)| {
                last + 1 == *seq && change.event == Event::MemberRemoved && change.members_removed == [id]
            });
            removed = match (follows, change.event) {
                (true, _) => removed.map(|(_, id)| (*seq, id)),
                (false, Event::Deleted) => Some((*seq, change.id)),
                (false, _) => None,
            };
            // A takeover ends an account made by hand: nobody has asked for that.
            if !follows && !change.is_adoption() {
                self.done.entry(change.id).or_default().push(Done { event: change.event, version: *version });
            }
        }
    }
}

impl Service {
    /// What the log tells of a request behind `since`.
    pub(super) async fn before(
        &self,
        tenant: &TenantId,
        txn: ResourceId,
        since: u64,
        operations: &[BulkOperation],
        is_bulk: bool,
    ) -> Result<Before, StoreError> {
        let mut updates: HashMap<ResourceId, usize> = HashMap::new();
        for operation in operations {
            let Ok(ask) = &operation.ask else { continue };
            let (Action::Replace(Target::Id(id)) | Action::Patch(Target::Id(id))) = &ask.action else { continue };
            if let Some(id) = ResourceId::parse(id) {
                *updates.entry(id).or_default() += 1;
            }
        }
        let mut before = Before { txn, is_bulk, done: HashMap::new(), updates };
        let directory = self.parts.store.directory(tenant);
        let query = LogQuery { request: Some(request_of(txn)), ..LogQuery::default() };
        let (mut after, mut entries) = (since, Vec::new());
        loop {
            let found = directory.find_in_log(&query, after, ENTRIES_A_CALL).await?;
            // Without what they were and are, which can be large.
            entries.extend(found.entries.into_iter().map(|mut entry| {
                (entry.change.before, entry.change.after) = (None, None);
                entry
            }));
            if found.end {
                break;
            }
            after = found.scanned_through;
            tokio::task::yield_now().await;
        }
        before.note(&entries);
        Ok(before)
    }
}

/// What the log knows a request by.
pub(super) fn request_of(txn: ResourceId) -> RequestId {
    RequestId(txn.to_string().into())
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, Change, PluginDigest, ResourceType, Timestamp};

    use super::*;

    const fn id(number: u8) -> ResourceId {
        ResourceId::from_bytes([number; 16])
    }

    fn entry(seq: u64, event: Event, of: ResourceId, removed: &[ResourceId]) -> LogEntry {
        let change = Change {
            at: Timestamp::from_millis(0),
            actor: Actor::Operator,
            request: request_of(id(9)),
            plugin: PluginDigest::of(b"plugin"),
            event,
            resource_type: ResourceType::USER,
            id: of,
            before: None,
            after: None,
            members_added: Vec::new(),
            members_removed: removed.to_vec(),
            rewrites: Vec::new(),
            undoes: Vec::new(),
        };
        LogEntry { seq, version: Version(seq), change }
    }

    fn before(entries: &[LogEntry], updates: &[(ResourceId, usize)]) -> Before {
        let updates = updates.iter().copied().collect();
        let mut before = Before { txn: id(9), is_bulk: true, done: HashMap::new(), updates };
        before.note(entries);
        before
    }

    #[test]
    fn each_operation_creates_under_an_id_of_its_own_that_is_the_same_each_time() {
        let txn = ResourceId::parse("019a4a3e-0000-7abc-8123-456789abcdef").unwrap();
        let ids = [0, 1, 999].map(|index| new_id(txn, index));
        assert_eq!(ids, [0, 1, 999].map(|index| new_id(txn, index)));
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != txn);
        for id in ids {
            let text = id.to_string();
            assert!(text.starts_with("019a4a3e-0000-7abc-"), "{text}");
            assert!(ResourceId::parse(&text).is_some() && "89ab".contains(&text[19..20]), "{text}");
        }
    }

    #[test]
    fn what_the_log_tells_was_done_and_what_it_does_not_tell_was_not() {
        let made = new_id(id(9), 3);
        let before = before(
            &[
                entry(5, Event::Created, made, &[]),
                entry(7, Event::Updated, id(1), &[]),
                entry(8, Event::Deleted, id(2), &[]),
            ],
            &[(id(1), 1)],
        );
        let target = |id: ResourceId| Target::Id(id.to_string());
        let done = |index, action: Action| {
            let of = action.target().and_then(|target| match target {
                Target::Id(id) => Some(id.clone()),
                Target::Created(_) => None,
            });
            before.done(index, &action, of.as_deref())
        };
        assert_eq!(done(3, Action::Create), Some((made, Version(5))));
        assert_eq!(done(4, Action::Create), None);
        assert_eq!(done(0, Action::Patch(target(id(1)))), Some((id(1), Version(7))));
        assert_eq!(done(0, Action::Delete(target(id(2)))), Some((id(2), Version(8))));
        assert_eq!(done(0, Action::Delete(target(id(1)))), None);
        assert_eq!(done(0, Action::Replace(target(id(2)))), None);
    }

    #[test]
    fn a_group_that_lost_a_member_because_it_was_deleted_was_not_changed_by_another_operation() {
        let group = id(4);
        let lost = [entry(5, Event::Deleted, id(1), &[]), entry(6, Event::MemberRemoved, group, &[id(1)])];
        let patch = Action::Patch(Target::Id(group.to_string()));
        assert_eq!(before(&lost, &[(group, 1)]).done(1, &patch, Some(&group.to_string())), None);
        let changed = [&lost[..], &[entry(7, Event::MemberRemoved, group, &[id(2)])]].concat();
        let done = before(&changed, &[(group, 1)]).done(1, &patch, Some(&group.to_string()));
        assert_eq!(done, Some((group, Version(7))));
    }

    #[test]
    fn of_several_changes_of_one_resource_all_were_done_or_all_are_done_again() {
        let one = [entry(5, Event::Updated, id(1), &[])];
        let patch = Action::Patch(Target::Id(id(1).to_string()));
        assert_eq!(before(&one, &[(id(1), 2)]).done(0, &patch, Some(&id(1).to_string())), None);
        assert!(before(&one, &[(id(1), 1)]).done(0, &patch, Some(&id(1).to_string())).is_some());
    }
}
