//! Taking back memberships, row by row: some at a time of one group, so that no commit is large.

use std::collections::BTreeMap;

use muster_model::{Record, ResourceId, ResourceType};
use muster_store::Member;

use super::Undo;
use super::outcome::{Outcome, Result as Came};
use super::select::Row;
use super::step::last_own;
use crate::authenticate::Caller;
use crate::members::RowChanges;
use crate::patch::Shall;
use crate::retry::Attempt;
use crate::{ScimError, Service};

/// How many rows of a group are taken back by one commit.
pub const MAX_ROWS_A_COMMIT: usize = 500;

/// What a part of a group's rows came to.
struct Part {
    seq: Option<u64>,
    added: usize,
    removed: usize,
    left_out: usize,
    tasks: Vec<muster_model::NewTask>,
}

impl Service {
    /// Takes back what the selected entries did to the rows of one group; `None`: they did nothing to them all together.
    pub(super) async fn undo_rows(
        &self,
        undo: &Undo,
        group: ResourceId,
        rows: &BTreeMap<ResourceId, Row>,
    ) -> Option<Outcome> {
        let changed: Vec<(ResourceId, Row)> =
            rows.iter().filter(|(_, row)| row.was != row.became).map(|(id, row)| (*id, *row)).collect();
        // With a group that goes because its creation is taken back its rows go.
        if changed.is_empty() || undo.so_far.is_gone(group) {
            return None;
        }
        let seqs = seqs(&changed);
        let mut outcome = Outcome::new(ResourceType::GROUP, group, &seqs);
        if let Err(error) = self.rows_back(undo, group, &changed, &mut outcome).await {
            outcome.refused(&error);
        }
        Some(outcome)
    }

    async fn rows_back(
        &self,
        undo: &Undo,
        group: ResourceId,
        changed: &[(ResourceId, Row)],
        outcome: &mut Outcome,
    ) -> Result<(), ScimError> {
        for some in changed.chunks(MAX_ROWS_A_COMMIT) {
            let caller = self.undo_caller(undo)?;
            let mut retries = self.retries();
            let part = loop {
                let attempt = self.some_rows_back(undo, &caller, group, some, outcome).await;
                if let Some(part) = retries.settle(attempt)? {
                    break part;
                }
            };
            let Some(part) = part else {
                // Without the group there are no members, which is what is wanted of those who came; not of those who went.
                if changed.iter().any(|(_, row)| row.was) {
                    outcome.end(Came::Conflict, "the group is deleted; take that back first");
                    outcome.by = last_own(&caller, group).await?.map(|entry| entry.seq);
                } else {
                    outcome.end(Came::Unchanged, "the group is not there");
                }
                return Ok(());
            };
            outcome.seq = part.seq.or(outcome.seq);
            outcome.members_added += part.added;
            outcome.members_removed += part.removed;
            outcome.members_left_out += part.left_out;
            outcome.tell_tasks(&part.tasks);
        }
        match (outcome.members_added + outcome.members_removed, outcome.members_left_out) {
            (0, 0) => outcome.end(Came::Unchanged, "its members are as they were already"),
            (0, _) => outcome.end(Came::Unchanged, "those who were its members are not there any more"),
            (_, 0) => outcome.came = Came::Undone,
            (_, _) => outcome.end(Came::Partly, "some who were its members are not there any more"),
        }
        Ok(())
    }

    /// One attempt at a part of them; `None`: there is no such group.
    async fn some_rows_back(
        &self,
        undo: &Undo,
        caller: &Caller,
        group: ResourceId,
        some: &[(ResourceId, Row)],
        outcome: &mut Outcome,
    ) -> Result<Option<Part>, Attempt> {
        let stored = caller.tenant.directory.get(&ResourceType::GROUP, group).await?;
        let Some(record) = stored.or_else(|| undo.so_far.supposed(group).cloned()) else { return Ok(None) };
        outcome.named(Some(&record.document));
        let (rows, left_out) = self.rows_that_were(undo, caller, &record, some).await?;
        let mut part =
            Part { seq: None, added: rows.added.len(), removed: rows.removed.len(), left_out, tasks: Vec::new() };
        if let Some(mut decided) = self.decide(caller, &record, Shall { rows, ..Shall::default() }).await? {
            decided.change.undoes = seqs(some);
            part.tasks.clone_from(&decided.tasks);
            outcome.event = Some(decided.change.event);
            if !undo.dry_run {
                part.seq = Some(self.commit(caller, decided).await?.seq);
            }
        }
        Ok(Some(part))
    }

    /// What must come and go so that the rows are as they were, and how many cannot, because the member is gone.
    async fn rows_that_were(
        &self,
        undo: &Undo,
        caller: &Caller,
        group: &Record,
        some: &[(ResourceId, Row)],
    ) -> Result<(RowChanges, usize), ScimError> {
        let ids: Vec<ResourceId> = some.iter().map(|(id, _)| *id).collect();
        let are = caller.tenant.directory.are_members(group.id, &ids).await?;
        let (mut rows, mut left_out) = (RowChanges::default(), 0);
        for ((id, row), is) in some.iter().zip(are) {
            if is == row.was || (is && undo.so_far.is_gone(*id)) {
                continue;
            }
            if !row.was {
                rows.removed.push(*id);
                continue;
            }
            let supposed = undo.so_far.supposed(*id).map(|record| record.resource_type.clone());
            let member = match supposed {
                Some(resource_type) => Some(Member { id: *id, resource_type }),
                None => self.member(caller, *id).await?,
            };
            match member {
                Some(member) => rows.added.push(member),
                None => left_out += 1,
            }
        }
        Ok((rows, left_out))
    }
}

/// The entries that the rows are told by.
fn seqs(rows: &[(ResourceId, Row)]) -> Vec<u64> {
    let mut seqs: Vec<u64> = rows.iter().flat_map(|(_, row)| [row.seqs.0, row.seqs.1]).collect();
    seqs.sort_unstable();
    seqs.dedup();
    seqs
}
