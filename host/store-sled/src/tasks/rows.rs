//! The rows that follow from one task, for whoever holds them against it or makes them again.

use muster_model::{Progress, Standing, Task};
use muster_store::StoreError;
use sled::Tree;

use crate::codec;
use crate::keys::{Space, kind_of_row, last_number};
use crate::reader::failed;

/// The rows of a task but for that of its lane's head.
pub(crate) fn following_rows(space: &Space, task: &Task, progress: &Progress) -> Vec<Vec<u8>> {
    let mut rows = vec![space.standing(progress.standing, task.seq), space.follows(task.change, task.seq)];
    if progress.standing.blocks() {
        rows.push(space.in_lane(task.task.id, &task.task.queue, task.seq));
    }
    rows
}

/// The row of a lane's head, if this task is it and waits.
pub(crate) fn head_row(space: &Space, task: &Task, progress: &Progress) -> Option<Vec<u8>> {
    (progress.standing == Standing::Waiting).then(|| space.due(&task.task.queue, progress.due, task.seq))
}

/// A task as it stands in the tree; `None`: it is not there, or cannot be read.
pub(crate) fn stored(tree: &Tree, space: &Space, seq: u64) -> Result<Option<(Task, Progress)>, StoreError> {
    let get = |key: &[u8]| tree.get(key).map_err(failed);
    let read = || {
        let Some(row) = codec::load(&space.task(seq), get)? else { return Ok(None) };
        let task = codec::decode_task(seq, &row)?;
        let progress = codec::load(&space.progress(seq), get)?;
        let progress = codec::decode_progress(progress.as_deref(), task.at)?;
        Ok(Some((task, progress)))
    };
    match read() {
        // It is told where tasks are read.
        Err(StoreError::Damaged(_)) => Ok(None),
        other => other,
    }
}

/// Whether a row of those that follow from tasks, but for counters, follows from one that is there. The rows of lanes come before those of
/// heads: they are taken for what they should be.
pub(crate) fn belongs(tree: &Tree, space: &Space, key: &[u8]) -> Result<bool, StoreError> {
    let Some(seq) = last_number(key) else { return Ok(false) };
    let Some((task, progress)) = stored(tree, space, seq)? else { return Ok(false) };
    if kind_of_row(key) != Some(b'w') {
        return Ok(following_rows(space, &task, &progress).iter().any(|row| row == key));
    }
    let lane = space.lane(task.task.id, &task.task.queue);
    let head = tree.range(&lane.start[..]..&lane.end[..]).next().transpose().map_err(failed)?;
    let is_head = head.is_some_and(|(head, _)| last_number(&head) == Some(seq));
    Ok(is_head && head_row(space, &task, &progress).as_deref() == Some(key))
}

/// The numbers of tasks before `before`, the latest first, at most `limit`, of a store from before there were the rows that follow from
/// tasks; none: they are there.
pub(crate) fn without_rows(tree: &Tree, space: &Space, before: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
    let tasks = space.tasks(0);
    let number = |row: sled::Result<(sled::IVec, sled::IVec)>| {
        let (key, _) = row.map_err(failed)?;
        last_number(&key).ok_or_else(|| codec::damaged("a task"))
    };
    // They are made from the last task to the first.
    let Some(first) = tree.range(&tasks.start[..]..&tasks.end[..]).next() else { return Ok(Vec::new()) };
    let Some((task, progress)) = stored(tree, space, number(first)?)? else { return Ok(Vec::new()) };
    if tree.get(space.standing(progress.standing, task.seq)).map_err(failed)?.is_some() {
        return Ok(Vec::new());
    }
    tree.range(tasks.start..space.task(before)).rev().take(limit).map(number).collect()
}
