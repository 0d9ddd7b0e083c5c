//! Taking back what was done to one resource: the same path as any write, one commit, decided again where another write came between.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Event, LogEntry, NewTask, Record, ResourceId, ResourceType, Version};
use muster_protocol::Document;
use muster_protocol::normalise::Normalised;
use serde_json::{Value, json};

use super::Undo;
use super::net::{Back, Conflict, Net};
use super::outcome::{Outcome, Result as Came};
use super::select::{Rows, Selected};
use crate::authenticate::Caller;
use crate::create::{Decided, New};
use crate::difference::{Place, differences, document};
use crate::patch::Shall;
use crate::retry::Attempt;
use crate::{ScimError, Service};

/// How many later entries are looked through for the one that stands in the way.
const ENTRIES_LOOKED_THROUGH: usize = 1000;

/// How many entries are read at once.
const ENTRIES_A_READ: usize = 100;

/// What is to be done to one resource.
enum Aim {
    /// Nothing, and why.
    Nothing(&'static str),
    /// Nothing can be: this changed it since.
    Conflict(&'static str),
    /// One commit, and what could not be taken back beside it.
    Commit(Box<Decided>, Back),
    /// Nothing is left to be taken back but this.
    Conflicts(Vec<Conflict>),
}

impl Service {
    /// Takes back what the selected entries did to one resource itself.
    pub(super) async fn undo_record(&self, undo: &mut Undo, selected: &Selected, rows: &Rows) -> Outcome {
        let mut outcome = Outcome::new(selected.kind.clone(), selected.id, &selected.seqs);
        if let Err(error) = self.take_back(undo, selected, rows, &mut outcome).await {
            outcome.refused(&error);
        }
        outcome
    }

    async fn take_back(
        &self,
        undo: &mut Undo,
        selected: &Selected,
        rows: &Rows,
        outcome: &mut Outcome,
    ) -> Result<(), ScimError> {
        let caller = self.undo_caller(undo)?;
        let net = net_of(&caller, selected).await?;
        let mut retries = self.retries();
        loop {
            let attempt = self.aim_and_commit(undo, &caller, selected, &net, rows, outcome).await;
            if retries.settle(attempt)?.is_some() {
                return Ok(());
            }
        }
    }

    async fn aim_and_commit(
        &self,
        undo: &mut Undo,
        caller: &Caller,
        selected: &Selected,
        net: &Net,
        rows: &Rows,
        outcome: &mut Outcome,
    ) -> Result<(), Attempt> {
        let current = caller.tenant.directory.get(&selected.kind, selected.id).await?;
        outcome
            .named(current.as_ref().map(|record| &record.document).or(net.left_document()).or(net.deleted_document()));
        match self.aim(undo, caller, selected, net, rows, current).await? {
            Aim::Nothing(says) => outcome.end(Came::Unchanged, says),
            Aim::Conflict(says) => {
                outcome.end(Came::Conflict, says);
                outcome.by = later_than(caller, selected.id, net, &[]).await?.0;
            }
            Aim::Conflicts(conflicts) => {
                outcome.came = Came::Conflict;
                tell_conflicts(caller, selected.id, net, &conflicts, outcome).await?;
            }
            Aim::Commit(mut decided, Back { changed, conflicts, .. }) => {
                decided.change.undoes.clone_from(&net.seqs);
                let (event, tasks) = (decided.change.event, decided.tasks.clone());
                if undo.dry_run {
                    if event != Event::Deleted {
                        free_keys(undo, caller, &decided.record).await?;
                    }
                    undo.suppose(event, decided.record);
                } else {
                    outcome.seq = Some(self.commit(caller, *decided).await?.seq);
                }
                outcome.came = if conflicts.is_empty() { Came::Undone } else { Came::Partly };
                outcome.event = Some(event);
                outcome.tell_changed(&changed);
                outcome.tell_tasks(&tasks);
                tell_conflicts(caller, selected.id, net, &conflicts, outcome).await?;
            }
        }
        Ok(())
    }

    async fn aim(
        &self,
        undo: &Undo,
        caller: &Caller,
        selected: &Selected,
        net: &Net,
        rows: &Rows,
        current: Option<Record>,
    ) -> Result<Aim, Attempt> {
        Ok(match (net.existed, &net.left, current) {
            (false, None, _) => Aim::Nothing("it was created and deleted again"),
            (false, Some(_), None) => Aim::Nothing("it is gone already"),
            (false, Some(left), Some(current)) => {
                let has_changed =
                    current.document != left.document || self.other_members(undo, caller, &current, rows).await?;
                if has_changed && !undo.force {
                    return Ok(Aim::Conflict("it has changed since it was created"));
                }
                Aim::Commit(Box::new(self.decide_gone(caller, current).await?), Back::default())
            }
            (true, Some(_), None) => Aim::Conflict("it has been deleted since"),
            (true, None, None) => {
                let Some(deleted) = &net.deleted else { return Ok(Aim::Nothing("it was not there")) };
                let back = net.back(&deleted.document, undo.force);
                let version = last_version(caller, selected.id).await?.next();
                let sent = Normalised { document: back.document.clone(), members: None, rewrites: Vec::new() };
                let created = deleted.created.unwrap_or(caller.now);
                // What the plugin has decided once (a workspace, whether there was an invitation) it finds as it was.
                let earlier = Some(&deleted.account);
                let new =
                    New { resource_type: &selected.kind, id: selected.id, created, version, sent: &sent, earlier };
                Aim::Commit(Box::new(self.decide_new(caller, new).await?), back)
            }
            (true, _, Some(current)) => {
                let back = net.back(&current.document, undo.force);
                if back.changed.is_empty() {
                    return Ok(match back.conflicts.as_slice() {
                        [] => Aim::Nothing("it is as it was already"),
                        _ => Aim::Conflicts(back.conflicts),
                    });
                }
                let document = Some(back.document.clone());
                match self.decide(caller, &current, Shall { document, ..Shall::default() }).await? {
                    Some(decided) => Aim::Commit(Box::new(decided), back),
                    None => Aim::Nothing("the plugin keeps nothing of what was"),
                }
            }
        })
    }

    /// Whether a group has other members than those that the selected entries left it with.
    async fn other_members(
        &self,
        undo: &Undo,
        caller: &Caller,
        group: &Record,
        rows: &Rows,
    ) -> Result<bool, ScimError> {
        if group.resource_type != ResourceType::GROUP {
            return Ok(false);
        }
        let left: BTreeSet<ResourceId> = rows.get(&group.id).map_or_else(BTreeSet::new, |rows| {
            rows.iter().filter(|(_, row)| row.became).map(|(member, _)| *member).collect()
        });
        let now = self.all_members(caller, group.id).await?;
        let now: BTreeSet<ResourceId> = now.iter().map(|member| member.id).collect();
        // Whoever was taken back before it is no member any more.
        let is_other = |member: &ResourceId| now.contains(member) || !undo.is_about(*member);
        Ok(now.symmetric_difference(&left).any(is_other))
    }
}

impl Net {
    fn left_document(&self) -> Option<&Document> {
        document(self.left.as_ref())
    }

    fn deleted_document(&self) -> Option<&Document> {
        document(self.deleted.as_ref())
    }
}

/// Reads the entries again, one after the other: however many there are, only what they changed is kept.
async fn net_of(caller: &Caller, selected: &Selected) -> Result<Net, ScimError> {
    let mut net = Net::default();
    for seq in &selected.seqs {
        // An entry that retention took away meanwhile has nothing that could be taken back.
        for entry in caller.tenant.directory.log(seq - 1, 1).await?.iter().filter(|entry| entry.seq == *seq) {
            net.add(entry);
        }
    }
    Ok(net)
}

/// The last version that a deleted resource had; what comes back goes on counting.
async fn last_version(caller: &Caller, id: ResourceId) -> Result<Version, ScimError> {
    let mut before = None;
    loop {
        let entries = caller.tenant.directory.history(id, before, ENTRIES_A_READ).await?;
        let Some(oldest) = entries.last() else { return Ok(Version(0)) };
        before = Some(oldest.seq);
        if let Some(own) = entries.iter().find(|entry| entry.change.id == id) {
            return Ok(own.version);
        }
    }
}

/// The latest entry that changed the resource and is not taken back; and for each place the latest that changed it.
async fn later_than(
    caller: &Caller,
    id: ResourceId,
    net: &Net,
    places: &[&Place],
) -> Result<(Option<u64>, BTreeMap<Place, u64>), ScimError> {
    let (mut latest, mut by, mut before, mut seen) = (None, BTreeMap::new(), None, 0);
    let first = net.seqs.first().copied().unwrap_or_default();
    while seen < ENTRIES_LOOKED_THROUGH {
        let entries = caller.tenant.directory.history(id, before, ENTRIES_A_READ).await?;
        let Some(oldest) = entries.last() else { break };
        before = Some(oldest.seq);
        seen += entries.len();
        let is_other = |entry: &&LogEntry| entry.change.id == id && !net.seqs.contains(&entry.seq) && entry.seq > first;
        for entry in entries.iter().filter(is_other) {
            latest = latest.or(Some(entry.seq));
            let change = &entry.change;
            let changed = differences(document(change.before.as_ref()), document(change.after.as_ref()));
            for place in places.iter().filter(|place| changed.iter().any(|one| one.place == ***place)) {
                by.entry((*place).clone()).or_insert(entry.seq);
            }
        }
        if oldest_is_below(&entries, first) || (latest.is_some() && by.len() == places.len()) {
            break;
        }
    }
    Ok((latest, by))
}

fn oldest_is_below(entries: &[LogEntry], seq: u64) -> bool {
    entries.last().is_some_and(|oldest| oldest.seq <= seq)
}

async fn tell_conflicts(
    caller: &Caller,
    id: ResourceId,
    net: &Net,
    conflicts: &[Conflict],
    outcome: &mut Outcome,
) -> Result<(), ScimError> {
    if conflicts.is_empty() {
        return Ok(());
    }
    let places: Vec<&Place> = conflicts.iter().map(|conflict| &conflict.place).collect();
    let (_, by) = later_than(caller, id, net, &places).await?;
    outcome.tell_conflicts(conflicts, &by);
    Ok(())
}

/// Whether what comes back would have its names: what a commit finds out by itself.
async fn free_keys(undo: &Undo, caller: &Caller, record: &Record) -> Result<(), ScimError> {
    for key in &record.keys {
        let holder = caller.tenant.directory.find(&record.resource_type, key).await?;
        // Whoever was taken back before may have given it up.
        let holds = |holder: &Record| match undo.supposed.get(&holder.id) {
            Some(Some(supposed)) => supposed.keys.contains(key),
            Some(None) => false,
            None => true,
        };
        if holder.is_some_and(|holder| holder.id != record.id && holds(&holder)) {
            return Err(ScimError::Uniqueness {
                attribute: caller.bound.canonical(&record.resource_type, &key.attribute),
            });
        }
    }
    Ok(())
}

/// A task as it is told before it is done.
pub(super) fn task_shown(task: &NewTask) -> Value {
    json!({
        "action": task.action,
        "idempotency_key": task.idempotency_key,
        "id": task.id,
        "destructive": task.destructive,
    })
}
