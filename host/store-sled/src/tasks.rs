//! What the committer does with tasks: each of these is a part of a batch, and checks there what it relies on.
//!
//! The task and what has become of it are facts. All other rows follow from them, and are written here and nowhere else: see `turn`.

mod rows;

use muster_model::{NewTask, Progress, Queue, ResourceId, Standing, Task, TenantId, Timestamp};
use muster_store::{Settled, StoreError};

use crate::codec::{self, damaged};
use crate::feeds::Fed;
use crate::keys::{self, Space};
use crate::leases::TaskTurn;
use crate::staging::Staging;

pub(crate) use self::rows::{belongs, following_rows, head_row, stored, without_rows};

/// What the committer is asked to do with tasks.
pub(crate) enum TaskWork {
    /// What came of an attempt at a task that is at this revision.
    Settle { seq: u64, revision: u64, outcome: Settled },
    /// What somebody has decided over a task that is at this revision.
    Decide { seq: u64, revision: u64, progress: Progress },
    /// Those of these tasks that are over, and of which nothing has become since then, are forgotten.
    Prune { seqs: Vec<u64>, before: Timestamp },
    /// Tasks that no commit brings.
    Feed(Fed),
    /// How far this queue was fed is forgotten.
    Unfed(Queue),
    /// Tasks of a store from before there were the rows that follow from them.
    Lead { seqs: Vec<u64> },
}

/// A [`NewTask`], encoded.
pub(crate) struct PreparedTask {
    /// By its position in the commit; of one that no commit brings, its number, or 0.
    pub(crate) change: u64,
    pub(crate) id: ResourceId,
    pub(crate) queue: Queue,
    pub(crate) encoded: Vec<u8>,
}

impl PreparedTask {
    pub(crate) fn new(change: u64, at: Timestamp, task: &NewTask) -> Result<Self, StoreError> {
        let encoded = codec::encode_task(at, task)?;
        Ok(Self { change, id: task.id, queue: task.queue.clone(), encoded })
    }
}

/// A task, as far as the rows that follow from it are made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) change: u64,
    pub(crate) id: ResourceId,
    pub(crate) queue: Queue,
}

impl Place {
    pub(crate) fn of(task: &Task) -> Self {
        Self { seq: task.seq, change: task.change, id: task.task.id, queue: task.task.queue.clone() }
    }
}

impl TaskWork {
    /// How many tasks it was done to.
    pub(crate) fn apply(&self, space: &Space, staging: &mut Staging<'_>) -> Result<u64, StoreError> {
        match self {
            Self::Settle { seq, revision, outcome } => {
                let (task, old) = read(space, staging, *seq)?.ok_or(StoreError::Stale)?;
                if old.revision != *revision || old.standing != Standing::Waiting {
                    return Err(StoreError::Stale);
                }
                let new = settled(&old, outcome);
                replace(space, staging, &Place::of(&task), &old, &new)?;
                Ok(1)
            }
            Self::Decide { seq, revision, progress } => {
                let (task, old) = read(space, staging, *seq)?.ok_or(StoreError::Stale)?;
                if old.revision != *revision {
                    return Err(StoreError::Stale);
                }
                replace(space, staging, &Place::of(&task), &old, progress)?;
                Ok(1)
            }
            Self::Prune { seqs, before } => {
                let mut pruned = 0;
                for seq in seqs {
                    let Some((task, progress)) = read(space, staging, *seq)? else { continue };
                    if is_to_be_forgotten(&task, &progress, *before) {
                        forget(space, staging, &Place::of(&task), &progress)?;
                        pruned += 1;
                    }
                }
                Ok(pruned)
            }
            Self::Feed(fed) => fed.apply(space, staging),
            Self::Unfed(queue) => {
                let key = space.fed(queue);
                if staging.has(&key)? {
                    staging.delete_value(key)?;
                }
                Ok(0)
            }
            Self::Lead { seqs } => {
                for seq in seqs {
                    let Some((task, progress)) = read(space, staging, *seq)? else { continue };
                    if !staging.has(&space.standing(progress.standing, *seq))? {
                        turn(space, staging, &Place::of(&task), None, Some(&progress))?;
                    }
                }
                Ok(seqs.len() as u64)
            }
        }
    }
}

/// A new task. What it relies on is the commit's to know.
pub(crate) fn add(
    space: &Space,
    staging: &mut Staging<'_>,
    place: &Place,
    at: Timestamp,
    encoded: &[u8],
) -> Result<(), StoreError> {
    staging.put_value(space.task(place.seq), &codec::task_row(place.change, encoded))?;
    turn(space, staging, place, None, Some(&Progress::new(at)))
}

/// A task of another store, with what has become of it.
pub(crate) fn load(
    space: &Space,
    staging: &mut Staging<'_>,
    task: &Task,
    row: &[u8],
    progress: Option<&Progress>,
) -> Result<(), StoreError> {
    if staging.has(&space.task(task.seq))? {
        return Err(StoreError::Stale);
    }
    staging.put_value(space.task(task.seq), row)?;
    let new = Progress::new(task.at);
    if let Some(progress) = progress {
        staging.put_value(space.progress(task.seq), &codec::encode(progress)?)?;
    }
    turn(space, staging, &Place::of(task), None, Some(progress.unwrap_or(&new)))
}

/// A task as this part of the batch finds it.
fn read(space: &Space, staging: &Staging<'_>, seq: u64) -> Result<Option<(Task, Progress)>, StoreError> {
    let Some(row) = staging.value(&space.task(seq))? else { return Ok(None) };
    let task = codec::decode_task(seq, &row)?;
    let progress = codec::decode_progress(staging.value(&space.progress(seq))?.as_deref(), task.at)?;
    Ok(Some((task, progress)))
}

/// As it is after an attempt.
fn settled(old: &Progress, outcome: &Settled) -> Progress {
    let mut new = Progress { revision: old.revision + 1, ..old.clone() };
    match outcome {
        Settled::Done(attempt) => {
            new.note(attempt.clone());
            new.standing = Standing::Done;
        }
        Settled::Again { attempt, due } => {
            new.note(attempt.clone());
            new.due = *due;
        }
        Settled::Parked(attempt) => {
            new.note(attempt.clone());
            new.standing = Standing::Parked;
        }
        Settled::Held => new.standing = Standing::Held,
    }
    new
}

pub(crate) fn is_to_be_forgotten(task: &Task, progress: &Progress, before: Timestamp) -> bool {
    progress.standing.is_over() && progress.changed(task.at) < before
}

fn replace(
    space: &Space,
    staging: &mut Staging<'_>,
    place: &Place,
    old: &Progress,
    new: &Progress,
) -> Result<(), StoreError> {
    staging.put_value(space.progress(place.seq), &codec::encode(new)?)?;
    turn(space, staging, place, Some(old), Some(new))
}

fn forget(space: &Space, staging: &mut Staging<'_>, place: &Place, old: &Progress) -> Result<(), StoreError> {
    turn(space, staging, place, Some(old), None)?;
    staging.delete_value(space.progress(place.seq))?;
    staging.delete_value(space.task(place.seq))
}

/// Writes what follows from a task that stood so, and stands so now; `None`: it was not there, or is there no more.
///
/// The lane has one row for each task that blocks it, so its head is the first of them; and the queue has one for each head that waits. What it costs
/// depends on neither the length of the lane nor that of the queue.
fn turn(
    space: &Space,
    staging: &mut Staging<'_>,
    place: &Place,
    old: Option<&Progress>,
    new: Option<&Progress>,
) -> Result<(), StoreError> {
    let Place { seq, change, id, queue } = place;
    let lane = space.lane(*id, queue);
    let head_before = staging.first_number(&lane)?;
    if head_before == Some(*seq)
        && let Some(old) = old
    {
        staging.delete(space.due(queue, old.due, *seq));
    }
    match (old.is_some_and(|old| old.standing.blocks()), new.is_some_and(|new| new.standing.blocks())) {
        (false, true) => staging.put(space.in_lane(*id, queue, *seq), &[]),
        (true, false) => staging.delete(space.in_lane(*id, queue, *seq)),
        (true, true) | (false, false) => {}
    }
    let head = staging.first_number(&lane)?;
    // It was pushed back by one with a lower number.
    if let Some(before) = head_before.filter(|before| head != Some(*before) && before != seq)
        && let Some(due) = due_of(space, staging, before, None)?
    {
        staging.delete(space.due(queue, due, before));
    }
    let mut arrived = None;
    if let Some(head) = head.filter(|head| head == seq || head_before != Some(*head)) {
        let own = new.filter(|_| head == *seq);
        if let Some(due) = due_of(space, staging, head, own)? {
            staging.put(space.due(queue, due, head), &[]);
            arrived = Some((due, head));
        }
    }
    standings(space, staging, place, old.map(|old| old.standing), new.map(|new| new.standing))?;
    match (old, new) {
        (None, Some(_)) => staging.put(space.follows(*change, *seq), &[]),
        (Some(_), None) => staging.delete(space.follows(*change, *seq)),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let ended = old.map(|old| (*seq, old.revision));
    staging.turn_task(TaskTurn { space: space.clone(), queue: queue.clone(), arrived, ended, wakes: old.is_none() });
    Ok(())
}

/// When a task is due that waits.
fn due_of(
    space: &Space,
    staging: &Staging<'_>,
    seq: u64,
    own: Option<&Progress>,
) -> Result<Option<Timestamp>, StoreError> {
    let waits = |progress: &Progress| (progress.standing == Standing::Waiting).then_some(progress.due);
    if let Some(own) = own {
        return Ok(waits(own));
    }
    if let Some(row) = staging.value(&space.progress(seq))? {
        return Ok(waits(&codec::decode(&row, "a task's progress")?));
    }
    let row = staging.value(&space.task(seq))?.ok_or_else(|| damaged("a task"))?;
    Ok(Some(codec::task_at(&row)?))
}

/// The rows by standing, and what counts them.
fn standings(
    space: &Space,
    staging: &mut Staging<'_>,
    place: &Place,
    old: Option<Standing>,
    new: Option<Standing>,
) -> Result<(), StoreError> {
    if old == new {
        return Ok(());
    }
    let Place { seq, queue, .. } = place;
    let waiting = space.task_count(queue, Standing::Waiting);
    let had_any = staging.has(&waiting)?;
    if let Some(old) = old {
        staging.delete(space.standing(old, *seq));
        staging.count(space.task_count(queue, old), -1)?;
    }
    if let Some(new) = new {
        staging.put(space.standing(new, *seq), &[]);
        staging.count(space.task_count(queue, new), 1)?;
    }
    match (had_any, staging.has(&waiting)?) {
        (false, true) => show(space, staging, queue, true),
        (true, false) => show(space, staging, queue, false),
        (true, true) | (false, false) => {}
    }
    Ok(())
}

/// What an import has brought of a tenant is shown.
pub(crate) fn show_all(tenant: &TenantId, staging: &mut Staging<'_>) -> Result<(), StoreError> {
    let space = Space::of(tenant);
    for key in staging.keys(&space.rows(b'n'))? {
        let (queue, standing) = keys::counted(&key).ok_or_else(|| damaged("a counter"))?;
        if standing == Standing::Waiting {
            show(&space, staging, &queue, true);
            staging.turn_task(TaskTurn { space: space.clone(), queue, arrived: None, ended: None, wakes: true });
        }
    }
    Ok(())
}

/// Whether the queue is among those that hold tasks which wait.
fn show(space: &Space, staging: &mut Staging<'_>, queue: &Queue, waits: bool) {
    // What an import brings is shown when it is finished.
    let Ok(tenant) = TenantId::parse(space.name()) else { return };
    if staging.is_quiet() {
        return;
    }
    let key = Space::deployment().queue(&tenant, queue);
    if waits { staging.put(key, &[]) } else { staging.delete(key) }
}
