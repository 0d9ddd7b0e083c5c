//! Names that were exchanged: those who have each other's go back at once, in one commit.

use std::collections::BTreeMap;

use muster_model::{Event, Key, Record, ResourceId, ResourceType};
use muster_store::{Commit, Write};

use super::Undo;
use super::order::{Waits, parts};
use super::outcome::{Outcome, Result as Came};
use super::select::{Rows, Selected};
use super::step::net_of;
use crate::authenticate::Caller;
use crate::create::Decided;
use crate::directory::taken;
use crate::retry::Attempt;
use crate::{ScimError, Service};

/// How many resources that exchanged their names are taken back by one commit; of a larger circle each is told as a conflict.
pub const MAX_EXCHANGED: usize = 100;

impl Service {
    /// Takes back those whose names others still had: what one still holds may be free once that one is taken back itself.
    pub(super) async fn undo_those_whose_names_were_taken(
        &self,
        undo: &mut Undo,
        records: &[Selected],
        rows: &Rows,
        outcomes: &mut [Outcome],
    ) {
        let taken = records.iter().zip(outcomes.iter()).filter(|(_, outcome)| outcome.is_taken);
        let taken: BTreeMap<ResourceId, &Selected> = taken.map(|(selected, _)| (selected.id, selected)).collect();
        let mut again = BTreeMap::new();
        match self.waits(undo, &taken, rows).await {
            Ok(waits) => {
                for part in parts(&waits) {
                    let some: Vec<&Selected> = part.iter().filter_map(|id| taken.get(id).copied()).collect();
                    let came = if some.len() > MAX_EXCHANGED {
                        some.iter().map(|selected| too_many(selected, some.len())).collect()
                    } else {
                        self.undo_records(undo, &some, rows).await
                    };
                    again.extend(came.into_iter().map(|outcome| (outcome.id, outcome)));
                }
            }
            Err(error) => outcomes.iter_mut().filter(|outcome| outcome.is_taken).for_each(|it| it.refused(&error)),
        }
        for outcome in outcomes {
            if let Some(came) = again.remove(&outcome.id) {
                *outcome = came.or_named(outcome.name.take());
            }
        }
    }

    /// Who waits for whom: for whoever has a name that it gives up when it is taken back itself.
    async fn waits(
        &self,
        undo: &Undo,
        taken: &BTreeMap<ResourceId, &Selected>,
        rows: &Rows,
    ) -> Result<Waits<ResourceId>, ScimError> {
        let caller = self.undo_caller(undo)?;
        let mut wanted: BTreeMap<ResourceId, (&ResourceType, Vec<Key>)> = BTreeMap::new();
        for (id, selected) in taken {
            let net = net_of(&caller, selected).await?;
            let mut unused = Outcome::new(selected.kind.clone(), *id, &selected.seqs);
            // Whoever cannot go back keeps its names, and has been told why.
            if let Ok(Some(planned)) = self.planned(undo, &caller, selected, &net, rows, &mut unused).await {
                wanted.insert(*id, (&selected.kind, planned.decided.record.keys));
            }
        }
        let mut waits = Waits::new();
        for (id, (kind, keys)) in &wanted {
            let others = waits.entry(*id).or_default();
            for key in keys {
                let holder = undo.so_far.holder(&caller, kind, key).await?.filter(|holder| holder != id);
                let gives_up = |holder: &ResourceId| wanted.get(holder).is_some_and(|(_, keys)| !keys.contains(key));
                others.extend(holder.filter(gives_up));
            }
        }
        Ok(waits)
    }

    /// Makes all of it at once, or supposes it in a dry run; gives the entry of the log that tells of the first.
    pub(super) async fn commit_all(
        &self,
        undo: &mut Undo,
        caller: &Caller,
        decided: Vec<Decided>,
    ) -> Result<Option<u64>, Attempt> {
        let goes = decided.iter().filter(|one| one.change.event == Event::Deleted);
        let gone: Vec<ResourceId> = goes.map(|one| one.record.id).collect();
        let seq = if undo.dry_run {
            for (kind, key) in decided.iter().flat_map(|one| &one.free) {
                if undo.so_far.holder(caller, kind, key).await?.is_some() {
                    return Err(taken(caller, kind, key).into());
                }
            }
            suppose(undo, caller, decided).await?;
            None
        } else {
            Some(self.commit_together(caller, decided).await?)
        };
        for id in gone {
            undo.so_far.goes(id);
        }
        Ok(seq)
    }

    async fn commit_together(&self, caller: &Caller, mut decided: Vec<Decided>) -> Result<u64, Attempt> {
        if decided.len() == 1
            && let Some(one) = decided.pop()
        {
            return Ok(self.commit_apart(caller, one).await?.seq);
        }
        let (mut writes, mut free, mut changes, mut tasks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (position, one) in decided.into_iter().enumerate() {
            writes.extend(one.writes);
            free.extend(one.free);
            changes.push(one.change);
            tasks.extend(one.tasks.into_iter().map(|task| (position, task)));
        }
        let kind = changes.first().map(|change| change.resource_type.clone());
        let commit = Commit { at: caller.now, writes: names_given_up_first(writes), free, changes, tasks };
        let canonical =
            |name: &str| kind.as_ref().map_or_else(|| name.to_owned(), |kind| caller.bound.canonical(kind, name));
        self.are_free(caller, &commit.free).await?;
        let committed = caller.tenant.directory.commit(commit).await.map_err(|error| Attempt::of(error, canonical))?;
        self.has_news(&caller.tenant);
        self.brakes.wake(&caller.tenant.id);
        Ok(committed.seq)
    }
}

/// Writes that each find the names free that they claim: all are first given up, by a write that nobody ever sees.
fn names_given_up_first(writes: Vec<Write>) -> Vec<Write> {
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::Replace { record, expected } => {
                let nameless = Record { keys: Vec::new(), ..Record::clone(&record) };
                first.push(Write::Replace { record: Box::new(nameless), expected });
                then.push(Write::Replace { expected: record.version, record });
            }
            other @ (Write::Insert(_)
            | Write::Remove { .. }
            | Write::Touch { .. }
            | Write::AddMember { .. }
            | Write::RemoveMember { .. }) => then.push(other),
        }
    }
    first.append(&mut then);
    first
}

/// What a commit finds out by itself: whether all would have their names.
async fn suppose(undo: &mut Undo, caller: &Caller, decided: Vec<Decided>) -> Result<(), ScimError> {
    let records: Vec<Record> =
        decided.into_iter().filter(|one| one.change.event != Event::Deleted).map(|one| one.record).collect();
    for record in &records {
        undo.so_far.suppose(Record { keys: Vec::new(), ..record.clone() });
    }
    let ids: Vec<ResourceId> = records.iter().map(|record| record.id).collect();
    for record in records {
        if let Err(error) = free_names(undo, caller, &record).await {
            for id in ids {
                undo.so_far.forget(id);
            }
            return Err(error);
        }
        undo.so_far.suppose(record);
    }
    Ok(())
}

async fn free_names(undo: &Undo, caller: &Caller, record: &Record) -> Result<(), ScimError> {
    for key in &record.keys {
        if undo.so_far.holder(caller, &record.resource_type, key).await?.is_some_and(|holder| holder != record.id) {
            let attribute = caller.bound.canonical(&record.resource_type, &key.attribute);
            return Err(ScimError::Uniqueness { attribute });
        }
    }
    Ok(())
}

fn too_many(selected: &Selected, count: usize) -> Outcome {
    let mut outcome = Outcome::new(selected.kind.clone(), selected.id, &selected.seqs);
    let says = format!("{count} have exchanged their names, and {MAX_EXCHANGED} can go back at once");
    outcome.end(Came::Conflict, &says);
    outcome
}
