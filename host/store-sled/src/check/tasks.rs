//! The tasks against the log, and what follows from them; what plugins remember.

use std::collections::BTreeMap;

use muster_model::{Progress, Standing, Task, TenantId};
use muster_store::StoreError;

use super::Check;
use crate::codec;
use crate::feeds::{FED, decode_fed};
use crate::keys::{self, Space, blocked_lane, last_number};
use crate::plugin_state::{STATE, decode_entry, entry_bytes};
use crate::tasks::{belongs, following_rows, head_row, stored};

/// The rows that follow from tasks, but for counters: those of heads behind those of lanes.
pub(crate) const OF_TASKS: &[u8] = b"yeqw";

impl Check<'_> {
    pub(super) fn tasks(&mut self, space: &Space) -> Result<(), StoreError> {
        let Ok((log, last)) = codec::heads(self.get(&space.heads())?) else { return Ok(()) };
        let (mut counted, mut expected) = (BTreeMap::new(), 0_u64);
        for row in self.rows(&space.tasks(0)) {
            let (key, _) = row?;
            self.look();
            let seq = last_number(&key).unwrap_or_default();
            if !(1..=last).contains(&seq) {
                self.fact(Some(space), format!("the tasks do not end at task {last}"));
            }
            let task = self.value(space, &key, &format!("task {seq}"))?.map(|row| codec::decode_task(seq, &row));
            let task = match task {
                Some(Ok(task)) => task,
                Some(Err(_)) => {
                    self.fact(Some(space), format!("task {seq} cannot be read"));
                    continue;
                }
                None => continue,
            };
            // What is announced to a receiver follows from no change.
            let first = u64::from(task.task.queue.is_of_the_plugin());
            if !(first..=log).contains(&task.change) {
                self.fact(Some(space), format!("task {seq} follows from no entry of the log"));
            }
            let Some(progress) = self.progress(space, &task)? else { continue };
            self.count("tasks", 1);
            expected += self.following(space, &task, &progress)?;
            *counted.entry(space.task_count(&task.task.queue, progress.standing)).or_insert(0) += 1;
            if progress.standing == Standing::Waiting {
                self.is_shown(space, &task)?;
            }
        }
        expected += self.heads(space)?;
        self.missing(space)?;
        self.progresses(space)?;
        self.surplus_of_tasks(space, expected)?;
        self.counters(space, b"n", &counted)
    }

    fn progress(&mut self, space: &Space, task: &Task) -> Result<Option<Progress>, StoreError> {
        let (seq, key) = (task.seq, space.progress(task.seq));
        if self.get(&key)?.is_none() {
            let elsewhere = Standing::ALL.map(|standing| self.get(&space.standing(standing, seq)));
            let [waiting, others @ ..] = elsewhere;
            let mut is_lost = waiting?.is_none();
            is_lost &= others.into_iter().collect::<Result<Vec<_>, _>>()?.iter().any(Option::is_some);
            if is_lost {
                self.fact(Some(space), format!("what has become of task {seq} is missing"));
                return Ok(None);
            }
            return Ok(Some(Progress::new(task.at)));
        }
        let row = self.value(space, &key, &format!("what has become of task {seq}"))?;
        let Some(row) = row else { return Ok(None) };
        let progress = codec::decode_progress(Some(&row), task.at).ok();
        if progress.is_none() {
            self.fact(Some(space), format!("what has become of task {seq} cannot be read"));
        }
        Ok(progress)
    }

    fn following(&mut self, space: &Space, task: &Task, progress: &Progress) -> Result<u64, StoreError> {
        let rows = following_rows(space, task, progress);
        for key in &rows {
            if self.get(key)?.is_none() {
                self.derived(space, format!("a row that follows from task {} is missing", task.seq));
            }
        }
        Ok(rows.len() as u64)
    }

    fn is_shown(&mut self, space: &Space, task: &Task) -> Result<(), StoreError> {
        let Ok(tenant) = TenantId::parse(space.name()) else { return Ok(()) };
        if self.get(&Space::deployment().queue(&tenant, &task.task.queue))?.is_none() {
            self.derived(space, format!("the queue of task {} is not among those that hold tasks", task.seq));
        }
        Ok(())
    }

    /// Each lane's head that waits is among those of its queue; how many there are.
    fn heads(&mut self, space: &Space) -> Result<u64, StoreError> {
        let (mut heads, mut lane) = (0, None);
        for row in self.rows(&space.rows(b'q')) {
            let (key, _) = row?;
            self.look();
            let Some((id, queue, seq)) = blocked_lane(&key) else { continue };
            if lane.as_ref() == Some(&(id, queue.clone())) {
                continue;
            }
            let head = stored(self.tree, space, seq)?;
            // One that should not be there, or not in this lane, is no head, and is told of below.
            let is_its_own = |(task, progress): &(Task, Progress)| {
                progress.standing.blocks() && task.task.id == id && task.task.queue == queue
            };
            let Some((task, progress)) = head.filter(is_its_own) else { continue };
            lane = Some((id, queue));
            if let Some(key) = head_row(space, &task, &progress) {
                heads += 1;
                if self.get(&key)?.is_none() {
                    self.derived(space, format!("task {seq} is not among those that are due"));
                }
            }
        }
        Ok(heads)
    }

    /// Where more than one row says that there is a task, there was one.
    fn missing(&mut self, space: &Space) -> Result<(), StoreError> {
        for row in self.rows(&space.rows(b'e')) {
            let (key, _) = row?;
            let seq = last_number(&key).unwrap_or_default();
            if self.get(&space.task(seq))?.is_some() {
                continue;
            }
            for standing in Standing::ALL {
                if self.get(&space.standing(standing, seq))?.is_some() {
                    self.fact(Some(space), format!("task {seq} is missing"));
                }
            }
        }
        Ok(())
    }

    fn progresses(&mut self, space: &Space) -> Result<(), StoreError> {
        for row in self.rows(&space.rows(b'p')) {
            let (key, _) = row?;
            self.look();
            let seq = last_number(&key).unwrap_or_default();
            if self.get(&space.task(seq))?.is_none() {
                self.fact(Some(space), format!("something has become of task {seq}, which is not there"));
            }
        }
        Ok(())
    }

    fn surplus_of_tasks(&mut self, space: &Space, expected: u64) -> Result<(), StoreError> {
        let mut present = 0;
        for kind in OF_TASKS {
            for row in self.rows(&space.rows(*kind)) {
                row?;
                self.look();
                present += 1;
            }
        }
        self.count("rows of tasks", present);
        if present <= expected {
            return Ok(());
        }
        for kind in OF_TASKS {
            for row in self.rows(&space.rows(*kind)) {
                let (key, _) = row?;
                if !belongs(self.tree, space, &key)? {
                    self.derived(space, "a row follows from a task that does not stand so".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Of the deployment: the queues of which it says that they hold tasks which wait.
    pub(super) fn queues(&mut self, space: &Space) -> Result<(), StoreError> {
        for row in self.rows(&space.rows(b'Q')) {
            let (key, _) = row?;
            self.look();
            self.count("queues with tasks", 1);
            let shown = keys::tenant_and_queue(&key);
            let counter = shown.map(|(tenant, queue)| Space::of(&tenant).task_count(&queue, Standing::Waiting));
            if counter.map_or(Ok(None), |counter| self.get(&counter))?.is_none() {
                self.derived(space, "a queue is said to hold tasks, and does not".to_owned());
            }
        }
        Ok(())
    }

    /// How far queues were fed from the log.
    pub(super) fn feeds(&mut self, space: &Space) -> Result<(), StoreError> {
        let Ok((log, _)) = codec::heads(self.get(&space.heads())?) else { return Ok(()) };
        for row in self.rows(&space.rows(b'j')) {
            let (key, _) = row?;
            self.look();
            self.count("queues that are fed", 1);
            let Some(queue) = keys::fed_queue(&key) else {
                self.fact(Some(space), format!("{FED} cannot be read"));
                continue;
            };
            match self.value(space, &key, FED)?.map(|row| decode_fed(&row)) {
                Some(Ok(through)) if through > log => {
                    let what = format!("queue {queue} was fed up to entry {through} of the log, which ends at {log}");
                    self.fact(Some(space), what);
                }
                Some(Err(_)) => self.fact(Some(space), format!("{FED} cannot be read")),
                Some(Ok(_)) | None => {}
            }
        }
        Ok(())
    }

    /// What plugins remember of a tenant.
    pub(super) fn states(&mut self, space: &Space) -> Result<(), StoreError> {
        let (mut counted, mut entries) = (BTreeMap::new(), 0_u64);
        for row in self.rows(&space.rows(b'v')) {
            let (key, row) = row?;
            self.look();
            let known = keys::remembering(&key).map(str::to_owned).zip(codec::number(Some(row)).ok());
            let Some((plugin, last)) = known else {
                self.fact(Some(space), format!("{STATE} cannot be read"));
                continue;
            };
            for row in self.rows(&space.state_entries(&plugin)) {
                let (key, _) = row?;
                self.look();
                entries += 1;
                let Some(row) = self.value(space, &key, STATE)? else { continue };
                match keys::remembered(&key).zip(decode_entry(&row).ok()) {
                    Some((name, entry)) if entry.version <= last => {
                        *counted.entry(space.state_bytes(&plugin)).or_insert(0) += entry_bytes(name, &entry.value);
                    }
                    Some(_) | None => self.fact(Some(space), format!("{STATE} cannot be read")),
                }
            }
        }
        let mut present = 0_u64;
        for row in self.rows(&space.rows(b'z')) {
            row?;
            present += 1;
        }
        self.count("entries of what plugins remember", present);
        if present != entries {
            self.fact(Some(space), format!("{STATE} is of no plugin that is known"));
        }
        counted.retain(|_, bytes| *bytes > 0);
        self.counters(space, b"G", &counted)
    }
}
