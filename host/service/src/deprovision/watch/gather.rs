//! What may not be over: of the tasks that wait, and of what receivers have not been given.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_model::{Following, Receiver, ResourceType, Standing, Task, TenantRow};
use muster_store::{MAX_TASKS_A_PAGE, StoreError};

use super::super::ends_access;
use super::super::story::Which;
use super::Watched;
use crate::Service;

/// How many tasks, and entries of the log, are read of one tenant in one round.
const MAX_READ_A_ROUND: usize = 20_000;

/// How many entries are read at once.
const ENTRIES_A_READ: usize = 500;

/// How often what waits is looked through anew, if it is not much: whatever was missed because it changed while it was read is found then.
const LOOK_THROUGH_EVERY: Duration = Duration::from_mins(10);

/// The order in which standings are read: what goes from one to another meanwhile is mostly met in the later one.
const STANDINGS: [Standing; 3] = [Standing::Parked, Standing::Held, Standing::Waiting];

/// How far everything was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// The last task of each of [`STANDINGS`].
    tasks: [u64; 3],
    /// The last entry of the log.
    log: u64,
    /// How much time had passed when it was begun anew.
    begun: Option<Duration>,
    /// Whether there was no more.
    is_whole: bool,
}

impl Read {
    pub(super) const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

/// A part of the log that some receiver has not been given.
struct Behind {
    after: u64,
    last: u64,
}

impl Service {
    /// Takes in what has come since, as far as there is room and time.
    pub(super) async fn gather_open(&self, row: &TenantRow, watched: &mut Watched) -> Result<(), StoreError> {
        let counts = self.parts.store.outbox(&row.id).counts().await?;
        let waiting: u64 =
            counts.iter().filter(|(_, standing, _)| !standing.is_over()).map(|(_, _, count)| count).sum();
        let behind = self.receivers_behind(row).await?;
        if waiting == 0 && behind.is_none() {
            (watched.open, watched.held) = (BTreeMap::new(), 0);
            watched.read.is_whole = true;
            return Ok(());
        }
        let (_, passed) = self.parts.clock.now_and_passed();
        let is_little = usize::try_from(waiting).is_ok_and(|waiting| waiting <= MAX_READ_A_ROUND);
        let is_time = |begun: Duration| is_little && passed.saturating_sub(begun) >= LOOK_THROUGH_EVERY;
        if watched.read.begun.is_none_or(is_time) {
            watched.read = Read { begun: Some(passed), ..Read::default() };
        }
        let mut budget = MAX_READ_A_ROUND;
        let mut is_whole = true;
        for (place, standing) in STANDINGS.into_iter().enumerate() {
            is_whole &= self.gather_open_tasks(row, watched, (place, standing), &mut budget).await?;
        }
        if let Some(behind) = behind {
            is_whole &= self.gather_open_entries(row, watched, behind, &mut budget).await?;
        }
        watched.read.is_whole = is_whole;
        Ok(())
    }

    /// Takes in the tasks that stand so; whether there are no more.
    async fn gather_open_tasks(
        &self,
        row: &TenantRow,
        watched: &mut Watched,
        (place, standing): (usize, Standing),
        budget: &mut usize,
    ) -> Result<bool, StoreError> {
        let outbox = self.parts.store.outbox(&row.id);
        // Tasks of one change mostly follow each other.
        let mut other = 0;
        while *budget > 0 {
            let Some(read) = watched.read.tasks.get(place).copied() else { break };
            let tasks = outbox.tasks(Some(standing), read, MAX_TASKS_A_PAGE.min(*budget)).await?;
            if tasks.is_empty() {
                return Ok(true);
            }
            *budget -= tasks.len();
            for (task, _) in tasks {
                if !watched.has_room(standing == Standing::Held) {
                    return Ok(false);
                }
                if task.change != other && !watched.open.contains_key(&task.change) {
                    match self.ended_by(row, &task).await? {
                        Some(which) => watched.add(which, standing == Standing::Held),
                        None => other = task.change,
                    }
                }
                if let Some(read) = watched.read.tasks.get_mut(place) {
                    *read = task.seq;
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(false)
    }

    /// Whose access ends by the change that a task follows from; `None`: nobody's.
    async fn ended_by(&self, row: &TenantRow, task: &Task) -> Result<Option<Which>, StoreError> {
        let action = task.task.action.as_str();
        let is_other = action.starts_with(OF_USERS) && !ENDS.contains(&action);
        let tells_other = is_other && Receiver::of(&task.task.queue).is_some();
        if task.change == 0 || task.task.resource_type != ResourceType::USER || tells_other {
            return Ok(None);
        }
        let entry = self.log_entry(&row.id, task.change).await?;
        Ok(entry.filter(|entry| ends_access(&entry.change)).map(|entry| Which::of(&entry)))
    }

    /// What receivers have not been given yet, if they are on.
    async fn receivers_behind(&self, row: &TenantRow) -> Result<Option<Behind>, StoreError> {
        let outbox = self.parts.store.outbox(&row.id);
        let mut slowest: Option<u64> = None;
        for Following { receiver, since } in row.delivery.expected() {
            let fed = outbox.fed(&receiver.queue()).await?.unwrap_or(since);
            slowest = Some(slowest.map_or(fed, |slowest| slowest.min(fed)));
        }
        let Some(after) = slowest else { return Ok(None) };
        let last = self.parts.store.log_keeper(&row.id).status().await?.last;
        Ok((after < last).then_some(Behind { after, last }))
    }

    /// Takes in the entries that were not given yet; whether there are no more.
    async fn gather_open_entries(
        &self,
        row: &TenantRow,
        watched: &mut Watched,
        behind: Behind,
        budget: &mut usize,
    ) -> Result<bool, StoreError> {
        let directory = self.parts.store.directory(&row.id);
        watched.read.log = watched.read.log.max(behind.after);
        while *budget > 0 && watched.read.log < behind.last {
            let entries = directory.log(watched.read.log, ENTRIES_A_READ.min(*budget)).await?;
            if entries.is_empty() {
                return Ok(true);
            }
            *budget -= entries.len();
            for entry in entries {
                if ends_access(&entry.change) {
                    if !watched.has_room(false) {
                        return Ok(false);
                    }
                    watched.add(Which::of(&entry), false);
                }
                watched.read.log = entry.seq;
            }
            tokio::task::yield_now().await;
        }
        Ok(watched.read.log >= behind.last)
    }
}

/// How what receivers are told of users is called: by that it is known what need not be looked up.
const OF_USERS: &str = "user.";

/// What of it tells that an access ends.
const ENDS: [&str; 2] = ["user.deactivated", "user.deleted"];
