use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Actor, Field, PluginDigest, Receiver, ResourceId, ResourceType, Timestamp};

/// A lifecycle action that a plugin planned for a change; committed with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTask {
    /// The resource it is about: tasks of one resource keep their order, in each queue. What tells of no resource has an id of its own, and
    /// so waits for nothing.
    pub resource_type: ResourceType,
    /// Which one.
    pub id: ResourceId,
    /// The same key is never carried out twice for the same change.
    pub idempotency_key: String,
    /// The plugin's own name for what is to be done.
    pub action: String,
    /// With what.
    pub arguments: Vec<Field>,
    /// Whether the brake may hold it.
    pub destructive: bool,
    /// The plugin that planned it and will perform it; of a task of another queue, the one that was bound when it happened.
    pub plugin: PluginDigest,
    /// Who carries it out.
    #[serde(default, skip_serializing_if = "Queue::is_of_the_plugin")]
    pub queue: Queue,
}

/// A [`NewTask`] in its place in the tenant's outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// 1, 2, 3, ... per tenant.
    pub seq: u64,
    /// The log entry that it follows from; 0: it tells a receiver of something that is no change.
    pub change: u64,
    /// When it was planned.
    pub at: Timestamp,
    /// What is to be done.
    #[serde(flatten)]
    pub task: NewTask,
}

/// Who carries tasks out, within a tenant: its plugin, or one of its endpoints. What waits in one queue never delays another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Queue(Arc<str>);

/// Why a text names no queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a queue is `plugin`, `async`, or a kind and a name of lower-case letters, digits and '-': `webhook:NAME`, `push:NAME` or `poll:NAME`"
)]
pub struct InvalidQueue;

impl Queue {
    /// How long a name can be, in bytes.
    pub const MAX_BYTES: usize = 80;

    /// That of the tenant's plugin.
    pub fn plugin() -> Self {
        Self("plugin".into())
    }

    /// That of somebody who is told of changes.
    pub fn of(receiver: &Receiver) -> Self {
        Self(format!("{}:{}", receiver.kind.name(), receiver.name).into())
    }

    /// That of requests which their clients do not wait for.
    pub fn requests() -> Self {
        Self("async".into())
    }

    /// Checks the name.
    pub fn parse(text: &str) -> Result<Self, InvalidQueue> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b':');
        let fits = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(Self(text.into())) } else { Err(InvalidQueue) }
    }

    /// The same one, if tasks can be in it: it is of the plugin, of requests, or of a receiver.
    pub fn existing(self) -> Result<Self, InvalidQueue> {
        let exists = self.is_of_the_plugin() || self.is_of_requests() || Receiver::of(&self).is_some();
        if exists { Ok(self) } else { Err(InvalidQueue) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is that of the plugin.
    pub fn is_of_the_plugin(&self) -> bool {
        &*self.0 == "plugin"
    }

    /// Whether it is that of requests which their clients do not wait for.
    pub fn is_of_requests(&self) -> bool {
        &*self.0 == "async"
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::plugin()
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Queue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// How many attempts of a task are told one by one: the first and the latest. The others are counted.
pub const MAX_ATTEMPTS_TOLD: usize = 20;

/// What has become of a task so far. It changes by compare-and-set on its revision: who acts on what is not so any more, changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// 0 when it was committed; one more with every change. It is the fence: what a carrier says of an attempt that somebody else has decided
    /// over meanwhile does not count.
    pub revision: u64,
    /// Where it stands.
    pub standing: Standing,
    /// Not before then.
    pub due: Timestamp,
    /// How many attempts came to an end.
    pub attempts: u32,
    /// The first and the latest of them, at most [`MAX_ATTEMPTS_TOLD`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Attempt>,
    /// What people decided over it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// Somebody has said that the brake is not to hold it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_released: bool,
}

impl Progress {
    /// That of a task which was committed at this time.
    pub fn new(at: Timestamp) -> Self {
        Self {
            revision: 0,
            standing: Standing::Waiting,
            due: at,
            attempts: 0,
            told: Vec::new(),
            decisions: Vec::new(),
            is_released: false,
        }
    }

    /// When something last became of it; of one that nothing has become of when it was committed.
    pub fn changed(&self, committed: Timestamp) -> Timestamp {
        let decided = self.decisions.last().map(|decision| decision.at);
        let tried = self.told.last().map(Attempt::end);
        [decided, tried].into_iter().flatten().fold(committed, Timestamp::max)
    }

    /// Notes an attempt: the first ones and the latest stay.
    pub fn note(&mut self, attempt: Attempt) {
        self.attempts = self.attempts.saturating_add(1);
        if self.told.len() >= MAX_ATTEMPTS_TOLD {
            self.told.remove(MAX_ATTEMPTS_TOLD / 2);
        }
        self.told.push(attempt);
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It will be carried out, again if need be. Later tasks of its resource in its queue wait for it.
    Waiting,
    /// The brake has it, until somebody releases or cancels it. Later tasks of its resource in its queue wait for it.
    Held,
    /// It was tried and will not be tried again unless somebody says so. Later tasks of its resource go on.
    Parked,
    /// It was carried out.
    Done,
    /// It had been tried, and somebody has said that it is not to be tried again.
    Skipped,
    /// It was never tried, and somebody has said that it is not to be.
    Cancelled,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Waiting, Self::Held, Self::Parked, Self::Done, Self::Skipped, Self::Cancelled];

    /// Whether later tasks of the same resource and queue wait for it.
    pub fn blocks(self) -> bool {
        match self {
            Self::Waiting | Self::Held => true,
            Self::Parked | Self::Done | Self::Skipped | Self::Cancelled => false,
        }
    }

    /// Whether nothing will become of it any more, whatever anybody says.
    pub fn is_over(self) -> bool {
        match self {
            Self::Done | Self::Skipped | Self::Cancelled => true,
            Self::Waiting | Self::Held | Self::Parked => false,
        }
    }

    /// Its name, as it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Parked => "parked",
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl<'de> Deserialize<'de> for Standing {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameOfStanding)
    }
}

/// Reads the name of one; of what is none it says which there are.
struct NameOfStanding;

impl serde::de::Visitor<'_> for NameOfStanding {
    type Value = Standing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where a task stands")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Standing, E> {
        let found = Standing::ALL.into_iter().find(|standing| standing.name() == name);
        found.ok_or_else(|| E::custom("a task is waiting, held, parked, done, skipped or cancelled"))
    }
}

/// One attempt at a task, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// One sentence; `None`: it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Attempt {
    /// When it ended.
    pub fn end(&self) -> Timestamp {
        let took = i64::try_from(self.took_ms).unwrap_or(i64::MAX);
        Timestamp::from_millis(self.at.as_millis().saturating_add(took))
    }
}

/// What somebody decided over a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What was said: `replay`, `skip`, `cancel`, `release`, `hold`.
    pub what: String,
}
