//! Which entries of the log are to be taken back, and whom they are about.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_model::{Event, LogEntry, ResourceId, ResourceType, TenantId};
use muster_store::{Directory, LogQuery};

use crate::feed::not_kept;
use crate::{AdminError, Service};

/// How many entries of the log one undo takes back. More are taken back in parts: by time, or by resource.
pub const MAX_UNDO_ENTRIES: usize = 10_000;

/// How many memberships one undo takes back.
pub const MAX_UNDO_MEMBERSHIPS: usize = 250_000;

/// How many entries are read at once.
const ENTRIES_A_READ: usize = 500;

/// What an undo takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// One entry of the log.
    Change(u64),
    /// Everything that a request did, or that was done in a time.
    Where(LogQuery),
}

/// The entries of one resource.
#[derive(Debug)]
pub(crate) struct Selected {
    pub kind: ResourceType,
    pub id: ResourceId,
    pub seqs: Vec<u64>,
}

/// What became of one row of a membership.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Whether it was there before the first entry that changed it.
    pub was: bool,
    /// Whether it was after the last.
    pub became: bool,
    /// The first and the last.
    pub seqs: (u64, u64),
}

/// By group, by member.
pub(crate) type Rows = BTreeMap<ResourceId, BTreeMap<ResourceId, Row>>;

/// Everything that is to be taken back. Documents are not in it: they are read again one after the other.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    records: BTreeMap<ResourceId, Selected>,
    pub rows: Rows,
    pub entries: usize,
    pub memberships: usize,
}

impl Service {
    /// Finds the entries; with `of` only what they did to that resource and to its memberships.
    pub(super) async fn select(
        &self,
        tenant: &TenantId,
        what: &What,
        of: Option<ResourceId>,
    ) -> Result<Selection, AdminError> {
        let directory = self.parts.store.directory(tenant);
        let mut selection = Selection::default();
        match (what, of) {
            (What::Change(seq), of) => self.select_one(tenant, *seq, of, &mut selection).await?,
            (What::Where(query), Some(of)) => of_one(&directory, query, of, &mut selection).await?,
            (What::Where(query), None) => {
                let status = self.parts.store.log_keeper(tenant).status().await?;
                if status.first > 1
                    && directory.log(status.first - 1, 1).await?.iter().any(|oldest| cuts(query, oldest))
                {
                    let says = format!(
                        "some of that is not kept any more: the log begins at change {}; take back what is left by a later `from`",
                        status.first
                    );
                    return Err(AdminError::Gone(says));
                }
                let mut after = 0;
                loop {
                    let found = directory.find_in_log(query, after, ENTRIES_A_READ).await?;
                    for entry in &found.entries {
                        selection.add(entry, None)?;
                    }
                    after = found.scanned_through;
                    if found.end {
                        break;
                    }
                }
            }
        }
        if selection.entries == 0 {
            return Err(AdminError::NotFound("change in the log that this selects".to_owned()));
        }
        Ok(selection)
    }

    pub(super) async fn select_one(
        &self,
        tenant: &TenantId,
        seq: u64,
        of: Option<ResourceId>,
        selection: &mut Selection,
    ) -> Result<(), AdminError> {
        let directory = self.parts.store.directory(tenant);
        let status = self.parts.store.log_keeper(tenant).status().await?;
        if (1..status.first).contains(&seq) {
            return Err(not_kept(status.first));
        }
        let found = directory.log(seq.saturating_sub(1), 1).await?.into_iter().find(|entry| entry.seq == seq);
        let entry = found.ok_or_else(|| AdminError::NotFound(format!("change {seq} in the log")))?;
        selection.add(&entry, of)?;
        if entry.change.event != Event::Deleted {
            return Ok(());
        }
        // What goes out of its groups by being deleted is told by the entries of the groups, right behind its own.
        let (gone, request, mut after) = (entry.change.id, entry.change.request, seq);
        loop {
            let entries = directory.log(after, ENTRIES_A_READ).await?;
            let follows = |entry: &&LogEntry| {
                let change = &entry.change;
                change.request == request && change.event == Event::MemberRemoved && change.members_removed == [gone]
            };
            let following: Vec<&LogEntry> = entries.iter().take_while(follows).collect();
            for entry in &following {
                selection.add(entry, of)?;
            }
            match entries.last() {
                Some(last) if following.len() == entries.len() => after = last.seq,
                _ => return Ok(()),
            }
        }
    }
}

/// The entries of one resource: they have an index, so that a long log is not gone through for it.
async fn of_one(
    directory: &Arc<dyn Directory>,
    query: &LogQuery,
    of: ResourceId,
    selection: &mut Selection,
) -> Result<(), AdminError> {
    let (mut before, mut found) = (None, Vec::new());
    loop {
        let entries = directory.history(of, before, ENTRIES_A_READ).await?;
        let Some(oldest) = entries.last() else { break };
        before = Some(oldest.seq);
        let selected = entries.iter().filter(|entry| query.selects(entry.change.at, &entry.change.request.0));
        found.extend(selected.map(|entry| entry.seq));
        if found.len() > MAX_UNDO_ENTRIES {
            return Err(too_many());
        }
    }
    // Entries count from the oldest, a history from the newest.
    for seq in found.into_iter().rev() {
        for entry in directory.log(seq - 1, 1).await?.iter().filter(|entry| entry.seq == seq) {
            selection.add(entry, Some(of))?;
        }
    }
    Ok(())
}

/// What became of rows by these entries, and then by later ones.
pub(super) fn rows_then(rows: &mut Rows, later: Rows) {
    for (group, later) in later {
        let rows = rows.entry(group).or_default();
        for (member, row) in later {
            let first = rows.entry(member).or_insert(row);
            (first.became, first.seqs.1) = (row.became, row.seqs.1);
        }
    }
}

/// Whether what is asked for may begin before the oldest entry that is kept.
fn cuts(query: &LogQuery, oldest: &LogEntry) -> bool {
    match (&query.request, query.from) {
        (Some(request), _) => *request == oldest.change.request,
        (None, Some(from)) => from < oldest.change.at,
        (None, None) => true,
    }
}

fn too_many() -> AdminError {
    AdminError::Invalid(format!(
        "that is more than {MAX_UNDO_ENTRIES} changes or {MAX_UNDO_MEMBERSHIPS} memberships; take it back in parts, by a shorter time or by resource"
    ))
}

impl Selection {
    /// Adds the next entry.
    fn add(&mut self, entry: &LogEntry, of: Option<ResourceId>) -> Result<(), AdminError> {
        let change = &entry.change;
        // Those are the product's own to change, and one that was taken over has the id of a user.
        if change.resource_type == ResourceType::MANUAL_USER {
            return Ok(());
        }
        let is_wanted = |id: ResourceId| of.is_none_or(|of| of == id);
        let mut counts = false;
        if (change.before.is_some() || change.after.is_some()) && is_wanted(change.id) {
            let new = || Selected { kind: change.resource_type.clone(), id: change.id, seqs: Vec::new() };
            self.records.entry(change.id).or_insert_with(new).seqs.push(entry.seq);
            counts = true;
        }
        let rows = [(&change.members_added, true), (&change.members_removed, false)];
        for (member, became) in rows.into_iter().flat_map(|(ids, became)| ids.iter().map(move |id| (*id, became))) {
            if !is_wanted(change.id) && !is_wanted(member) {
                continue;
            }
            let group = self.rows.entry(change.id).or_default();
            let new = || {
                self.memberships += 1;
                Row { was: !became, became, seqs: (entry.seq, entry.seq) }
            };
            let row = group.entry(member).or_insert_with(new);
            (row.became, row.seqs.1) = (became, entry.seq);
            counts = true;
        }
        self.entries += usize::from(counts);
        if self.entries > MAX_UNDO_ENTRIES || self.memberships > MAX_UNDO_MEMBERSHIPS {
            return Err(too_many());
        }
        Ok(())
    }

    /// Adds the rows of later entries.
    pub(super) fn merge(&mut self, later: Self) -> Result<(), AdminError> {
        if self.memberships + later.memberships > MAX_UNDO_MEMBERSHIPS {
            return Err(too_many());
        }
        self.memberships += later.memberships;
        rows_then(&mut self.rows, later.rows);
        Ok(())
    }

    /// The resources, that of the last entry first.
    pub(super) fn records(&mut self) -> Vec<Selected> {
        let mut records: Vec<Selected> = std::mem::take(&mut self.records).into_values().collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.seqs.last().copied()));
        records
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, Change, PluginDigest, RequestId, Timestamp, Version};

    use super::*;

    fn id(number: usize) -> ResourceId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        ResourceId::from_bytes(bytes)
    }

    fn entry(seq: u64, added: Vec<ResourceId>, removed: Vec<ResourceId>) -> LogEntry {
        let change = Change {
            at: Timestamp::from_millis(0),
            actor: Actor::Operator,
            request: RequestId("r".into()),
            plugin: PluginDigest::of(b""),
            event: Event::MemberAdded,
            resource_type: ResourceType::GROUP,
            id: id(0),
            before: None,
            after: None,
            members_added: added,
            members_removed: removed,
            rewrites: Vec::new(),
            undoes: Vec::new(),
        };
        LogEntry { seq, version: Version(seq), change }
    }

    #[test]
    fn of_a_row_that_came_and_went_the_first_and_the_last_change_count() {
        let mut selection = Selection::default();
        selection.add(&entry(1, vec![id(1), id(2)], Vec::new()), None).unwrap();
        selection.add(&entry(2, Vec::new(), vec![id(1)]), None).unwrap();

        let rows = &selection.rows[&id(0)];
        let told = |member| (rows[&id(member)].was, rows[&id(member)].became, rows[&id(member)].seqs);
        assert_eq!((told(1), told(2)), ((false, false, (1, 2)), (false, true, (1, 1))));
    }

    #[test]
    fn with_a_resource_only_its_own_rows_count() {
        let mut selection = Selection::default();
        selection.add(&entry(1, vec![id(1), id(2)], Vec::new()), Some(id(2))).unwrap();
        selection.add(&entry(2, vec![id(3)], Vec::new()), Some(id(2))).unwrap();

        assert_eq!((selection.entries, selection.rows[&id(0)].len()), (1, 1));
    }

    #[test]
    fn more_entries_or_memberships_than_the_limits_are_refused() {
        let mut entries = Selection::default();
        for seq in 1..=MAX_UNDO_ENTRIES as u64 {
            entries.add(&entry(seq, vec![id(1)], Vec::new()), None).unwrap();
        }
        let many = (0..MAX_UNDO_MEMBERSHIPS).map(id).collect();
        let mut members = Selection::default();
        members.add(&entry(1, many, Vec::new()), None).unwrap();

        for (mut full, seq) in [(entries, MAX_UNDO_ENTRIES as u64 + 1), (members, 2)] {
            let more = full.add(&entry(seq, vec![id(MAX_UNDO_MEMBERSHIPS)], Vec::new()), None);
            assert!(more.unwrap_err().to_string().starts_with("that is more than 10000 changes or 250000 memberships"));
        }
    }
}
