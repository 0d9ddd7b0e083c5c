//! How a resource was at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_model::{Event, LogEntry, Record, ResourceId, ResourceType, Snapshot, Timestamp};
use muster_store::Directory;
use serde_json::{Value, json};

use super::{not_none, resource_id, unknown};
use crate::{AdminError, Service};

/// How many entries of one resource are gone through to find how it was; before that its history must be read in pages.
pub const MAX_ENTRIES_WALKED: usize = 100_000;

/// How many memberships may have come or gone since then.
pub const MAX_MEMBERSHIPS_WALKED: usize = 250_000;

/// How many of a group's members are told at once.
pub const MAX_MEMBERS_THEN: usize = 1000;

/// How many entries are read at once.
const ENTRIES_A_READ: usize = 200;

impl Service {
    /// A resource, its account and its memberships as they were at a time, and the entry that had made them so.
    ///
    /// In the order of the log that is after the last entry whose time is not later. Of a group's members a page is told: those whose ids
    /// stand behind `members_after`.
    pub async fn read_then(
        &self,
        tenant: &str,
        id: &str,
        at: &str,
        members_after: Option<&str>,
        limit: usize,
    ) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let id = resource_id(tenant, id)?;
        not_none(limit)?;
        let invalid = |name: &str, is: &str| AdminError::Wrong(format!("{name} is {is}"));
        let time = Timestamp::parse(at).ok_or_else(|| invalid("at", "a time as in 2026-11-03T14:03:00Z"))?;
        let after = members_after.map(|id| ResourceId::parse(id).ok_or_else(|| invalid("members_after", "an id")));
        let page = MembersPage { after: after.transpose()?, limit: limit.min(MAX_MEMBERS_THEN) };

        // What is read before the log is walked through is right wherever the log does not say otherwise: whatever changes meanwhile is told
        // by an entry that is met on the way.
        let directory = self.parts.store.directory(&row.id);
        let record = self.find_record(&row.id, id).await?;
        let groups = directory.groups_of(id).await?;
        let members = directory.members(id, page.after, page.limit).await?;
        let walk = Walk::back_to(time, id, &directory).await?;

        let mut told = json!({ "tenant": row.id, "id": id, "at": time.to_string() });
        let (state, side) = match (&walk.base, &walk.later, &record) {
            (Some(base), ..) => match &base.change.after {
                Some(side) => ("present", Some(side.clone())),
                None => ("deleted", None),
            },
            (None, later, record) => {
                self.check_kept_since(&row.id, time, &walk).await?;
                match (later, record) {
                    (Some(later), _) => match &later.change.before {
                        Some(side) => ("present", Some(side.clone())),
                        None => ("not-yet", None),
                    },
                    (None, Some(record)) => ("present", Some(side_of(record))),
                    (None, None) => return Err(unknown(tenant, id)),
                }
            }
        };
        told["state"] = json!(state);
        // Of what was there, the entry that it is by; of what was not, the one by which it went or came.
        let by = match state {
            "present" => walk.cut.as_ref(),
            "deleted" => walk.base.as_ref(),
            _ => walk.later.as_ref(),
        };
        let kind = walk.kind().or_else(|| record.as_ref().map(|record| record.resource_type.clone()));
        let shown_groups = walk.groups_then(&groups);
        let (shown_members, next) =
            walk.members_then(&members.iter().map(|member| member.id).collect::<Vec<_>>(), &page);
        let mut ids: Vec<ResourceId> = shown_groups.iter().chain(&shown_members).copied().chain([id]).collect();
        ids.extend(by.map(|entry| entry.change.id));
        let named = self.names_now(&row.id, ids).await?;
        if let Some(kind) = &kind {
            told["resource_type"] = json!(kind);
        }
        if let Some(entry) = by {
            told["entry"] = named.entry(entry, Some(id));
        }
        if let Some(Snapshot { document, account, created }) = side {
            told["resource"] = json!(document);
            told["account"] = json!(account);
            told["created"] = json!(created.map(|at| at.to_string()));
            if let Some(own) = walk.own.as_ref().or(walk.base.as_ref()) {
                told["version"] = json!(own.version);
                told["modified"] = json!(own.change.at.to_string());
                told["plugin"] = named.plugin(own.change.plugin);
            }
            told["groups"] = shown_groups.iter().map(|id| named.resource(*id)).collect();
            if kind == Some(ResourceType::GROUP) {
                told["members"] = shown_members.iter().map(|id| named.resource(*id)).collect();
                told["next_members_after"] = json!(next);
            }
        }
        Ok(told)
    }

    /// Refuses to say how something was before the oldest entry that is kept.
    async fn check_kept_since(
        &self,
        tenant: &muster_model::TenantId,
        time: Timestamp,
        walk: &Walk,
    ) -> Result<(), AdminError> {
        let status = self.parts.store.log_keeper(tenant).status().await?;
        if status.anchor.seq == 0 || walk.cut.is_some() {
            return Ok(());
        }
        let oldest = self.parts.store.directory(tenant).log(status.anchor.seq, 1).await?;
        let since = oldest.first().map_or(status.anchor.at, |entry| entry.change.at);
        if time >= since {
            return Ok(());
        }
        Err(AdminError::Gone(format!(
            "the log is kept since {since} (entry {}); what was before is gone",
            status.first
        )))
    }
}

fn side_of(record: &Record) -> Snapshot {
    Snapshot { document: record.document.clone(), account: record.account.clone(), created: Some(record.created) }
}

struct MembersPage {
    after: Option<ResourceId>,
    limit: usize,
}

/// A resource's history, gone through from its end to a time.
#[derive(Debug, Default)]
struct Walk {
    /// The last entry that is not later.
    cut: Option<LogEntry>,
    /// The last entry of the resource itself that is not later.
    own: Option<LogEntry>,
    /// The last of those that tells how the resource is.
    base: Option<LogEntry>,
    /// The first later entry that tells how the resource was before it.
    later: Option<LogEntry>,
    /// Whether it was in these groups: all that it came into or went out of since.
    groups: BTreeMap<ResourceId, bool>,
    /// Whether these were its members: all that came or went since.
    members: BTreeMap<ResourceId, bool>,
}

impl Walk {
    async fn back_to(time: Timestamp, id: ResourceId, directory: &Arc<dyn Directory>) -> Result<Self, AdminError> {
        let mut walk = Self::default();
        let (mut before, mut walked) = (None, 0);
        loop {
            let entries = directory.history(id, before, ENTRIES_A_READ).await?;
            let Some(oldest) = entries.last() else { return Ok(walk) };
            before = Some(oldest.seq);
            walked += entries.len();
            for entry in entries {
                if walk.step(time, id, entry) {
                    return Ok(walk);
                }
            }
            walk.is_near_enough(walked)?;
        }
    }

    fn is_near_enough(&self, walked: usize) -> Result<(), AdminError> {
        if walked <= MAX_ENTRIES_WALKED && self.groups.len() + self.members.len() <= MAX_MEMBERSHIPS_WALKED {
            return Ok(());
        }
        let says = format!(
            "more than {MAX_ENTRIES_WALKED} entries or {MAX_MEMBERSHIPS_WALKED} memberships lie between that time and now; read the history in pages"
        );
        Err(AdminError::Wrong(says))
    }

    /// Takes the next older entry; `true`: everything is known.
    fn step(&mut self, time: Timestamp, id: ResourceId, entry: LogEntry) -> bool {
        let is_own = entry.change.id == id;
        let has_sides = entry.change.before.is_some() || entry.change.after.is_some();
        if self.cut.is_none() && time < entry.change.at {
            let LogEntry { change, .. } = &entry;
            let rows = [(&change.members_added, false), (&change.members_removed, true)];
            for (ids, was) in rows {
                if is_own {
                    self.members.extend(ids.iter().map(|member| (*member, was)));
                } else if ids.contains(&id) {
                    self.groups.insert(change.id, was);
                }
            }
            if is_own && has_sides {
                self.later = Some(entry);
            }
            return false;
        }
        if self.cut.is_none() {
            self.cut = Some(entry.clone());
        }
        if is_own && self.own.is_none() {
            self.own = Some(entry.clone());
        }
        let is_base = is_own && (has_sides || entry.change.event == Event::Deleted);
        if is_base {
            self.base = Some(entry);
        }
        is_base
    }

    fn kind(&self) -> Option<ResourceType> {
        let told = self.base.as_ref().or(self.later.as_ref()).or(self.own.as_ref());
        told.map(|entry| entry.change.resource_type.clone())
    }

    fn groups_then(&self, now: &[ResourceId]) -> Vec<ResourceId> {
        let unchanged = now.iter().filter(|id| !self.groups.contains_key(id));
        let mut then: Vec<ResourceId> = unchanged.chain(was(&self.groups)).copied().collect();
        then.sort_unstable();
        then
    }

    /// A page of the members then, made of a page of those now; and where the next one begins.
    fn members_then(&self, now: &[ResourceId], page: &MembersPage) -> (Vec<ResourceId>, Option<ResourceId>) {
        let last_now = now.last().copied().filter(|_| now.len() == page.limit);
        let is_here =
            |id: &&ResourceId| page.after.is_none_or(|after| after < **id) && last_now.is_none_or(|last| **id <= last);
        let unchanged = now.iter().filter(|id| !self.members.contains_key(id));
        let mut then: Vec<ResourceId> = unchanged.chain(was(&self.members).filter(is_here)).copied().collect();
        then.sort_unstable();
        if then.len() > page.limit {
            then.truncate(page.limit);
            let next = then.last().copied();
            return (then, next);
        }
        (then, last_now)
    }
}

fn was(rows: &BTreeMap<ResourceId, bool>) -> impl Iterator<Item = &ResourceId> {
    rows.iter().filter(|(_, was)| **was).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use muster_model::{Account, Actor, Change, PluginDigest, RequestId, Version};
    use muster_protocol::Document;

    use super::*;

    fn id(number: u64) -> ResourceId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        ResourceId::from_bytes(bytes)
    }

    /// An entry of group 0 at this second.
    fn entry(seq: u64, second: i64, event: Event, added: &[u64], removed: &[u64]) -> LogEntry {
        let side = || Snapshot { document: Document::default(), account: Account::unmapped(), created: None };
        let is_there = matches!(event, Event::Created | Event::Updated);
        let change = Change {
            at: Timestamp::from_millis(second * 1000),
            actor: Actor::Operator,
            request: RequestId("r".into()),
            plugin: PluginDigest::of(b""),
            event,
            resource_type: ResourceType::GROUP,
            id: id(0),
            before: (event == Event::Updated).then(side),
            after: is_there.then(side),
            members_added: added.iter().map(|member| id(*member)).collect(),
            members_removed: removed.iter().map(|member| id(*member)).collect(),
            rewrites: Vec::new(),
            undoes: Vec::new(),
        };
        LogEntry { seq, version: Version(seq), change }
    }

    fn walk(second: i64, of: u64, newest_first: Vec<LogEntry>) -> Walk {
        let mut walk = Walk::default();
        for entry in newest_first {
            if walk.step(Timestamp::from_millis(second * 1000), id(of), entry) {
                break;
            }
        }
        walk
    }

    #[test]
    fn what_came_and_went_since_is_taken_back_from_what_is_now() {
        let log = vec![
            entry(4, 40, Event::MemberAdded, &[3], &[2]),
            entry(3, 30, Event::MemberRemoved, &[], &[1]),
            entry(2, 20, Event::MemberAdded, &[1, 2], &[]),
            entry(1, 10, Event::Created, &[], &[]),
        ];
        let page = |limit| MembersPage { after: None, limit };
        let now = [id(3), id(9)];
        let then = |second, limit| walk(second, 0, log.clone()).members_then(&now, &page(limit));

        assert_eq!(then(25, 10), (vec![id(1), id(2), id(9)], None));
        assert_eq!(then(35, 10), (vec![id(2), id(9)], None));
        assert_eq!(then(45, 10), (vec![id(3), id(9)], None));
        assert_eq!(then(25, 2), (vec![id(1), id(2)], Some(id(2))), "the next page begins where this one ends");
        let member = walk(25, 1, log);
        assert_eq!(member.groups_then(&[]), [id(0)]);
    }

    #[test]
    fn a_clock_that_went_back_leaves_the_order_of_the_log() {
        let log = vec![
            entry(3, 15, Event::Updated, &[], &[]),
            entry(2, 30, Event::Updated, &[], &[]),
            entry(1, 10, Event::Created, &[], &[]),
        ];

        assert_eq!(walk(20, 0, log.clone()).base.unwrap().seq, 3);
        assert_eq!(walk(12, 0, log).base.unwrap().seq, 1);
    }

    #[test]
    fn what_lies_too_far_back_is_refused() {
        let mut walk = Walk::default();
        assert!(walk.is_near_enough(MAX_ENTRIES_WALKED).is_ok());
        assert!(walk.is_near_enough(MAX_ENTRIES_WALKED + 1).is_err());
        walk.members = (0..=MAX_MEMBERSHIPS_WALKED as u64).map(|member| (id(member), true)).collect();
        assert!(walk.is_near_enough(1).unwrap_err().to_string().contains("250000 memberships"));
    }
}
