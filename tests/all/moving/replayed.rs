//! Whether an export is of one moment: its log, replayed by other means than the server's own, gives its resources and memberships.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{LogEntry, ResourceId, ResourceType, Snapshot, Timestamp, Version};
use muster_store::moving::Item;
use muster_store::moving::file::read_item;

/// How a resource is.
#[derive(Debug, Clone, PartialEq)]
struct State {
    version: Version,
    modified: Timestamp,
    side: Snapshot,
}

/// What there is of a tenant.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Held {
    resources: BTreeMap<(ResourceType, ResourceId), State>,
    members: BTreeSet<(ResourceId, ResourceId)>,
}

impl Held {
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.resources.len(), self.members.len())
    }

    /// Each entry must follow from those before it.
    fn replay(&mut self, LogEntry { seq, version, change }: LogEntry) {
        let place = (change.resource_type.clone(), change.id);
        if change.before.is_some() || change.after.is_some() {
            let was = self.resources.remove(&place);
            assert_eq!(was.map(|was| was.side), change.before, "entry {seq}");
            if let Some(side) = change.after {
                self.resources.insert(place, State { version, modified: change.at, side });
            }
        } else {
            let state = self.resources.get_mut(&place).unwrap_or_else(|| panic!("entry {seq} is of nothing"));
            assert!(state.version <= version, "entry {seq}");
            (state.version, state.modified) = (version, change.at);
        }
        for member in change.members_added {
            assert!(self.members.insert((change.id, member)), "entry {seq}");
        }
        for member in change.members_removed {
            assert!(self.members.remove(&(change.id, member)), "entry {seq}");
        }
    }
}

/// What the lines of a tenant say that there is, and what its whole log comes to.
pub(super) fn held_and_told(lines: &[String], tenant: &str) -> (Held, Held) {
    let (mut held, mut told) = (Held::default(), Held::default());
    for line in lines {
        match read_item(line.as_bytes()).unwrap() {
            item if item.tenant().is_none_or(|of| of.as_str() != tenant) => {}
            Item::Tenant { anchor, .. } => assert_eq!(anchor.seq, 0, "the log is there from its beginning"),
            Item::Record { record, .. } => {
                let side =
                    Snapshot { document: record.document, account: record.account, created: Some(record.created) };
                let state = State { version: record.version, modified: record.modified, side };
                held.resources.insert((record.resource_type, record.id), state);
            }
            Item::Member { group, member, .. } => assert!(held.members.insert((group, member))),
            Item::Entry { entry, .. } => told.replay(entry),
            Item::Token { .. }
            | Item::Seal { .. }
            | Item::Task { .. }
            | Item::State { .. }
            | Item::StateEntry { .. }
            | Item::Fed { .. }
            | Item::Plugin { .. }
            | Item::PluginBytes { .. }
            | Item::Trust { .. } => {}
        }
    }
    (held, told)
}
