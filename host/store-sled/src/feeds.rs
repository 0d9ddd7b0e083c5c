//! How far queues were fed from the log: facts, each a number under its queue.

use muster_model::{NewTask, Queue, Timestamp};
use muster_store::{Feed, StoreError};

use crate::codec::{self, damaged};
use crate::keys::Space;
use crate::staging::Staging;
use crate::tasks::{self, Place, PreparedTask};

/// What is told of it when it is damaged.
pub(crate) const FED: &str = "how far a queue was fed";

/// Tasks that follow from no commit, encoded, and how far a queue comes with them.
pub(crate) struct Fed {
    at: Timestamp,
    tasks: Vec<PreparedTask>,
    /// `None`: no queue comes any further, somebody is told something.
    step: Option<Step>,
}

struct Step {
    queue: Queue,
    expected: Option<u64>,
    through: u64,
}

impl Fed {
    pub(crate) fn new(queue: &Queue, feed: &Feed) -> Result<Self, StoreError> {
        let Feed { at, expected, through, tasks } = feed;
        let before = expected.unwrap_or(0);
        let fits = |(change, task): &(u64, NewTask)| {
            task.queue == *queue && (*change == 0 || (*change > before && *change <= *through))
        };
        if *through < before || !tasks.iter().all(fits) {
            return Err(StoreError::Unavailable(
                "what a queue is fed does not follow from the entries that are told".into(),
            ));
        }
        let tasks = tasks.iter().map(|(change, task)| PreparedTask::new(*change, *at, task));
        let step = Step { queue: queue.clone(), expected: *expected, through: *through };
        Ok(Self { at: *at, tasks: tasks.collect::<Result<_, _>>()?, step: Some(step) })
    }

    pub(crate) fn announced(at: Timestamp, tasks: &[NewTask]) -> Result<Self, StoreError> {
        let tasks = tasks.iter().map(|task| PreparedTask::new(0, at, task));
        Ok(Self { at, tasks: tasks.collect::<Result<_, _>>()?, step: None })
    }

    /// How many tasks it added.
    pub(crate) fn apply(&self, space: &Space, staging: &mut Staging<'_>) -> Result<u64, StoreError> {
        let (log, last) = codec::heads(staging.get(&space.heads())?)?;
        if let Some(Step { queue, expected, through }) = &self.step {
            let key = space.fed(queue);
            let fed = staging.value(&key)?.map(|row| decode_fed(&row)).transpose()?;
            if fed != *expected {
                return Err(StoreError::Stale);
            }
            if *through > log {
                return Err(StoreError::Unavailable("a queue is fed entries that the log does not have".into()));
            }
            staging.put_value(key, &through.to_be_bytes())?;
        }
        for (seq, task) in (last + 1..).zip(&self.tasks) {
            let place = Place { seq, change: task.change, id: task.id, queue: task.queue.clone() };
            tasks::add(space, staging, &place, self.at, &task.encoded)?;
        }
        let added = self.tasks.len() as u64;
        if added > 0 {
            staging.put(space.heads(), &[log, last + added].map(u64::to_be_bytes).concat()[..]);
        }
        Ok(added)
    }
}

/// How far a queue of another store was fed.
pub(crate) fn load_fed(
    space: &Space,
    staging: &mut Staging<'_>,
    queue: &Queue,
    through: u64,
) -> Result<(), StoreError> {
    let key = space.fed(queue);
    if staging.has(&key)? { Err(StoreError::Stale) } else { staging.put_value(key, &through.to_be_bytes()) }
}

pub(crate) fn decode_fed(row: &[u8]) -> Result<u64, StoreError> {
    Ok(u64::from_be_bytes(row.try_into().map_err(|_| damaged(FED))?))
}
