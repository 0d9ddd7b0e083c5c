//! Taking back what was done to one resource: the same path as any write, one commit, decided again where another write came between.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Event, LogEntry, NewTask, Record, ResourceId, ResourceType, Version};
use muster_protocol::Document;
use muster_protocol::normalise::Normalised;
use serde_json::{Value, json};

use super::Undo;
use super::net::{Back, Conflict, Net};
use super::outcome::{Outcome, Result as Came};
use super::select::{Rows, Selected, Selection};
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

/// What is said where nothing is left to be taken back but what the product told.
const TOLD: &str =
    "the product told it, by a signal: an undo takes back what was written; what holds now is for the product to tell";

/// The same where the rest is taken back.
const TOLD_TOO: &str = "what the product told of it, by a signal, is not taken back";

/// What is to be done to one resource.
enum Aim {
    /// Nothing, and why.
    Nothing(&'static str),
    /// Nothing can be: this changed it since.
    Conflict(&'static str),
    /// Nothing can be: the product told it.
    Told,
    /// One commit, and what could not be taken back beside it.
    Commit(Box<Decided>, Back),
    /// Nothing is left to be taken back but this.
    Conflicts(Vec<Conflict>),
}

/// A commit that takes back what was done to one resource.
pub(super) struct Planned {
    pub decided: Decided,
    beside: Beside,
}

/// What is told of it once it is made.
struct Beside {
    /// What changes, and what could not be taken back.
    back: Back,
    /// A later deletion that is taken back too.
    deletion: Option<u64>,
    /// How many groups it goes out of that it has joined since.
    groups_left: usize,
    /// Whether what the product told stays.
    keeps_told: bool,
}

impl Service {
    /// Takes back what the selected entries did to some resources themselves, in one commit.
    pub(super) async fn undo_records(&self, undo: &mut Undo, some: &[&Selected], rows: &Rows) -> Vec<Outcome> {
        let new = |selected: &&Selected| Outcome::new(selected.kind.clone(), selected.id, &selected.seqs);
        let mut outcomes: Vec<Outcome> = some.iter().map(new).collect();
        if let Err(error) = self.take_back(undo, some, rows, &mut outcomes).await {
            for outcome in &mut outcomes {
                outcome.refused(&error);
            }
        }
        outcomes
    }

    async fn take_back(
        &self,
        undo: &mut Undo,
        some: &[&Selected],
        rows: &Rows,
        outcomes: &mut [Outcome],
    ) -> Result<(), ScimError> {
        let caller = self.undo_caller(undo)?;
        let mut nets = Vec::with_capacity(some.len());
        for selected in some {
            nets.push(net_of(&caller, selected).await?);
        }
        let mut retries = self.retries();
        loop {
            let attempt = self.plan_and_commit(undo, &caller, some, &nets, rows, outcomes).await;
            if retries.settle(attempt)?.is_some() {
                return Ok(());
            }
        }
    }

    async fn plan_and_commit(
        &self,
        undo: &mut Undo,
        caller: &Caller,
        some: &[&Selected],
        nets: &[Net],
        rows: &Rows,
        outcomes: &mut [Outcome],
    ) -> Result<(), Attempt> {
        let (mut decided, mut told) = (Vec::new(), Vec::new());
        for ((selected, net), outcome) in some.iter().zip(nets).zip(outcomes) {
            if let Some(planned) = self.planned(undo, caller, selected, net, rows, outcome).await? {
                let Decided { change, tasks, .. } = &planned.decided;
                told.push((outcome, change.event, change.undoes.clone(), tasks.clone(), planned.beside));
                decided.push(planned.decided);
            }
        }
        if decided.is_empty() {
            return Ok(());
        }
        let first = self.commit_all(undo, caller, decided).await?;
        for (after, (outcome, event, undoes, tasks, beside)) in (0..).zip(told) {
            let Beside { back, deletion, groups_left, keeps_told } = beside;
            outcome.came = if back.conflicts.is_empty() && !keeps_told { Came::Undone } else { Came::Partly };
            outcome.event = Some(event);
            outcome.seq = first.map(|first| first + after);
            outcome.says = says(deletion, groups_left).or_else(|| keeps_told.then(|| TOLD_TOO.to_owned()));
            outcome.memberships_lost = groups_left;
            outcome.tell_changed(&back.changed);
            outcome.tell_tasks(&tasks);
            if let Some(deletion) = deletion {
                self.bring_rows_back(undo, deletion, outcome).await;
            }
            tell_conflicts(caller, outcome.id, &undoes, &back.conflicts, outcome).await?;
        }
        Ok(())
    }

    /// The commit that takes back what was done to one resource; `None`: there is none, and the outcome tells why.
    pub(super) async fn planned(
        &self,
        undo: &Undo,
        caller: &Caller,
        selected: &Selected,
        net: &Net,
        rows: &Rows,
        outcome: &mut Outcome,
    ) -> Result<Option<Planned>, Attempt> {
        let current = caller.tenant.directory.get(&selected.kind, selected.id).await?;
        // With force a deletion that came later is taken back as if it had been selected.
        let is_deleted_since = current.is_none() && net.existed && net.left.is_some();
        let deletion = if undo.force && is_deleted_since {
            last_own(caller, selected.id).await?.filter(|entry| entry.change.event == Event::Deleted)
        } else {
            None
        };
        let mut net = Cow::Borrowed(net);
        if let Some(deletion) = &deletion {
            net.to_mut().add(deletion);
        }
        let net = net.as_ref();
        outcome
            .named(current.as_ref().map(|record| &record.document).or(net.left_document()).or(net.deleted_document()));
        let groups_left = match &current {
            Some(current) if !net.existed && net.left.is_some() => groups_left(caller, current.id, rows).await?,
            Some(_) | None => 0,
        };
        match self.aim(undo, caller, selected, net, rows, current).await? {
            Aim::Nothing(says) => outcome.end(Came::Unchanged, says),
            Aim::Conflict(says) => {
                outcome.end(Came::Conflict, says);
                outcome.by = later_than(caller, selected.id, &net.seqs, &[]).await?.0;
            }
            Aim::Told => {
                outcome.end(Came::Conflict, TOLD);
                outcome.by = net.told.last().copied();
            }
            Aim::Conflicts(conflicts) => {
                outcome.came = Came::Conflict;
                tell_conflicts(caller, selected.id, &net.seqs, &conflicts, outcome).await?;
            }
            Aim::Commit(decided, back) => {
                let mut decided = *decided;
                let keeps_told = net.keeps_what_was_told(&decided.record.account);
                let is_undone = |seq: &&u64| !(keeps_told && net.told.contains(seq));
                decided.change.undoes = net.seqs.iter().filter(is_undone).copied().collect();
                let deletion = deletion.map(|entry| entry.seq);
                return Ok(Some(Planned { decided, beside: Beside { back, deletion, groups_left, keeps_told } }));
            }
        }
        Ok(None)
    }

    /// The memberships that went with a later deletion come back with it.
    async fn bring_rows_back(&self, undo: &mut Undo, deletion: u64, outcome: &mut Outcome) {
        let mut with_it = Selection::default();
        let selected = self.select_one(&undo.tenant, deletion, None, &mut with_it).await;
        if selected.is_err() || undo.brought_back.merge(with_it).is_err() {
            outcome.end(Came::Partly, "it has been deleted since; its memberships could not be brought back with it");
        }
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
            (false, Some(_), Some(_)) if has_taken_over(caller, selected.id, &net.seqs).await? => Aim::Conflict(
                "it took over an account that was made by hand, which would be gone; delete the user if that is meant",
            ),
            (false, Some(left), Some(current)) => {
                let has_changed =
                    current.document != left.document || self.other_members(undo, caller, &current, rows).await?;
                if has_changed && !undo.force {
                    return Ok(Aim::Conflict("it has changed since it was created"));
                }
                Aim::Commit(Box::new(self.decide_gone(caller, current).await?), Back::default())
            }
            (true, Some(_), None) if undo.force => {
                Aim::Conflict("it has been deleted since, by a change that is not kept")
            }
            (true, Some(_), None) => Aim::Conflict("it has been deleted since; with force it comes back"),
            (true, None, None) => {
                let Some(deleted) = &net.deleted else { return Ok(Aim::Nothing("it was not there")) };
                let back = net.back(&deleted.document, undo.force);
                // What comes back goes on counting from the last version that it had.
                let version = last_own(caller, selected.id).await?.map_or(Version(0), |entry| entry.version).next();
                let sent = Normalised { document: back.document.clone(), members: None, rewrites: Vec::new() };
                let created = deleted.created.unwrap_or(caller.now);
                // What the plugin has decided once (a workspace, whether there was an invitation) it finds as it was.
                let earlier = Some(&deleted.account);
                let (resource_type, id, adopted) = (&selected.kind, selected.id, None);
                let new = New { resource_type, id, created, version, sent: &sent, earlier, adopted };
                Aim::Commit(Box::new(self.decide_new(caller, new).await?), back)
            }
            (true, _, Some(current)) => {
                let back = net.back(&current.document, undo.force);
                if back.changed.is_empty() {
                    return Ok(match back.conflicts.as_slice() {
                        [] if net.keeps_what_was_told(&current.account) => Aim::Told,
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
pub(super) async fn net_of(caller: &Caller, selected: &Selected) -> Result<Net, ScimError> {
    let mut net = Net::default();
    for seq in &selected.seqs {
        // An entry that retention took away meanwhile has nothing that could be taken back.
        for entry in caller.tenant.directory.log(seq - 1, 1).await?.iter().filter(|entry| entry.seq == *seq) {
            net.add(entry);
        }
    }
    Ok(net)
}

/// The latest entry of a resource itself; of one that is not there any more, the one that deleted it.
pub(super) async fn last_own(caller: &Caller, id: ResourceId) -> Result<Option<LogEntry>, ScimError> {
    let mut before = None;
    loop {
        let entries = caller.tenant.directory.history(id, before, ENTRIES_A_READ).await?;
        let Some(oldest) = entries.last() else { return Ok(None) };
        before = Some(oldest.seq);
        if let Some(own) = entries.into_iter().find(|entry| entry.change.id == id) {
            return Ok(Some(own));
        }
    }
}

/// Whether the first of the entries is of a user who took an account over: the entry before it, of the same commit, tells of that one's end.
async fn has_taken_over(caller: &Caller, id: ResourceId, seqs: &[u64]) -> Result<bool, ScimError> {
    let Some(before) = seqs.first().and_then(|first| first.checked_sub(2)) else { return Ok(false) };
    let entries = caller.tenant.directory.log(before, 1).await?;
    Ok(entries.iter().any(|entry| entry.seq == before + 1 && entry.change.id == id && entry.change.is_adoption()))
}

/// How many groups a resource goes out of with its creation that it did not join by what is taken back.
async fn groups_left(caller: &Caller, id: ResourceId, rows: &Rows) -> Result<usize, ScimError> {
    let is_taken_back = |group: &ResourceId| rows.get(group).is_some_and(|rows| rows.contains_key(&id));
    let groups = caller.tenant.directory.groups_of(id).await?;
    Ok(groups.iter().filter(|group| !is_taken_back(group)).count())
}

/// What a person should know of a commit besides what it changes.
fn says(deletion: Option<u64>, groups_left: usize) -> Option<String> {
    match (deletion, groups_left) {
        (Some(seq), _) => Some(format!("it had been deleted since, by change {seq}, which is taken back too")),
        (None, 0) => None,
        (None, 1) => Some("it goes out of a group that it has joined since".to_owned()),
        (None, left) => Some(format!("it goes out of {left} groups that it has joined since")),
    }
}

/// The latest entry that changed the resource and is not taken back; and for each place the latest that changed it.
async fn later_than(
    caller: &Caller,
    id: ResourceId,
    seqs: &[u64],
    places: &[&Place],
) -> Result<(Option<u64>, BTreeMap<Place, u64>), ScimError> {
    let (mut latest, mut by, mut before, mut seen) = (None, BTreeMap::new(), None, 0);
    let first = seqs.first().copied().unwrap_or_default();
    while seen < ENTRIES_LOOKED_THROUGH {
        let entries = caller.tenant.directory.history(id, before, ENTRIES_A_READ).await?;
        let Some(oldest) = entries.last() else { break };
        before = Some(oldest.seq);
        seen += entries.len();
        let is_other = |entry: &&LogEntry| entry.change.id == id && !seqs.contains(&entry.seq) && entry.seq > first;
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
    seqs: &[u64],
    conflicts: &[Conflict],
    outcome: &mut Outcome,
) -> Result<(), ScimError> {
    if conflicts.is_empty() {
        return Ok(());
    }
    let places: Vec<&Place> = conflicts.iter().map(|conflict| &conflict.place).collect();
    let (_, by) = later_than(caller, id, seqs, &places).await?;
    outcome.tell_conflicts(conflicts, &by);
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
