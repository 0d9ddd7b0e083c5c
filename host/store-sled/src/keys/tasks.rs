//! The rows of tasks, and of what plugins remember.

use muster_model::{Queue, ResourceId, Standing, TenantId, Timestamp};
use sha2::{Digest, Sha256};

use super::{Range, Space, owner_bytes};

/// How long a SHA-256 is.
const HASH_BYTES: usize = 32;

/// As it stands in keys; never to be changed.
const fn standing_byte(standing: Standing) -> u8 {
    match standing {
        Standing::Waiting => 1,
        Standing::Held => 2,
        Standing::Parked => 3,
        Standing::Done => 4,
        Standing::Skipped => 5,
        Standing::Cancelled => 6,
    }
}

impl Space {
    pub(crate) fn progress(&self, seq: u64) -> Vec<u8> {
        self.key(b'p').number(seq).0
    }

    /// What has become of the tasks `first` to `last`.
    pub(crate) fn progresses(&self, first: u64, last: u64) -> Range {
        Range { start: self.progress(first), end: self.progress(last) }.and(&self.progress(last))
    }

    /// A task that blocks its lane.
    pub(crate) fn in_lane(&self, id: ResourceId, queue: &Queue, seq: u64) -> Vec<u8> {
        self.key(b'q').id(id).text(queue.as_str()).number(seq).0
    }

    /// The tasks that block a lane.
    pub(crate) fn lane(&self, id: ResourceId, queue: &Queue) -> Range {
        Range::below(self.key(b'q').id(id).text(queue.as_str()).0)
    }

    /// The tasks that block any lane of a resource.
    pub(crate) fn lanes(&self, id: ResourceId) -> Range {
        Range::below(self.key(b'q').id(id).0)
    }

    /// The head of a lane, if it waits.
    pub(crate) fn due(&self, queue: &Queue, at: Timestamp, seq: u64) -> Vec<u8> {
        self.key(b'w').text(queue.as_str()).time(at).number(seq).0
    }

    /// The heads that wait in a queue, the earliest due first.
    pub(crate) fn dues(&self, queue: &Queue) -> Range {
        Range::below(self.key(b'w').text(queue.as_str()).0)
    }

    pub(crate) fn standing(&self, standing: Standing, seq: u64) -> Vec<u8> {
        self.key(b'y').bytes(&[standing_byte(standing)]).number(seq).0
    }

    /// The tasks of a standing after `after`.
    pub(crate) fn standings(&self, standing: Standing, after: u64) -> Range {
        Range::below(self.key(b'y').bytes(&[standing_byte(standing)]).0).after(&self.standing(standing, after))
    }

    pub(crate) fn follows(&self, change: u64, seq: u64) -> Vec<u8> {
        self.key(b'e').number(change).number(seq).0
    }

    /// The tasks after `after` that follow from an entry of the log.
    pub(crate) fn following(&self, change: u64, after: u64) -> Range {
        Range::below(self.key(b'e').number(change).0).after(&self.follows(change, after))
    }

    pub(crate) fn task_count(&self, queue: &Queue, standing: Standing) -> Vec<u8> {
        self.key(b'n').text(queue.as_str()).bytes(&[standing_byte(standing)]).0
    }

    /// How far a queue was fed from the log.
    pub(crate) fn fed(&self, queue: &Queue) -> Vec<u8> {
        self.key(b'j').text(queue.as_str()).0
    }

    /// Of the deployment: a queue that holds tasks which wait.
    pub(crate) fn queue(&self, tenant: &TenantId, queue: &Queue) -> Vec<u8> {
        self.key(b'Q').text(tenant.as_str()).text(queue.as_str()).0
    }

    /// All of them after this one.
    pub(crate) fn queues(&self, after: Option<(&TenantId, &Queue)>) -> Range {
        let all = Range::below(self.key(b'Q').0);
        match after {
            Some((tenant, queue)) => all.after(&self.queue(tenant, queue)),
            None => all,
        }
    }

    /// The latest version that was given to an entry of what a plugin remembers.
    pub(crate) fn state_last(&self, plugin: &str) -> Vec<u8> {
        self.key(b'v').text(plugin).0
    }

    pub(crate) fn state_bytes(&self, plugin: &str) -> Vec<u8> {
        self.key(b'G').text(plugin).0
    }

    pub(crate) fn state_entry(&self, plugin: &str, key: &str) -> Vec<u8> {
        self.key(b'z').bytes(&Sha256::digest(plugin)).text(key).0
    }

    pub(crate) fn state_entries(&self, plugin: &str) -> Range {
        Range::below(self.key(b'z').bytes(&Sha256::digest(plugin)).0)
    }
}

/// The queue and the standing that a counter is of.
pub(crate) fn counted(key: &[u8]) -> Option<(Queue, Standing)> {
    let (queue, rest) = text(rest(key)?)?;
    let [byte] = rest else { return None };
    let standing = Standing::ALL.into_iter().find(|standing| standing_byte(*standing) == *byte)?;
    Some((Queue::parse(queue).ok()?, standing))
}

/// The queue of which is kept how far it was fed.
pub(crate) fn fed_queue(key: &[u8]) -> Option<Queue> {
    let (queue, rest) = text(rest(key)?)?;
    rest.is_empty().then_some(())?;
    Queue::parse(queue).ok()
}

/// The tenant and the queue of a row of queues.
pub(crate) fn tenant_and_queue(key: &[u8]) -> Option<(TenantId, Queue)> {
    let (tenant, rest) = text(rest(key)?)?;
    let (queue, rest) = text(rest)?;
    rest.is_empty().then_some(())?;
    Some((TenantId::parse(tenant).ok()?, Queue::parse(queue).ok()?))
}

/// The lane that a task blocks, and the task.
pub(crate) fn blocked_lane(key: &[u8]) -> Option<(ResourceId, Queue, u64)> {
    let (id, rest) = rest(key)?.split_first_chunk()?;
    let (queue, seq) = text(rest)?;
    Some((ResourceId::from_bytes(*id), Queue::parse(queue).ok()?, u64::from_be_bytes(seq.try_into().ok()?)))
}

/// When a head is due, and which task it is.
pub(crate) fn due_and_seq(key: &[u8]) -> Option<(Timestamp, u64)> {
    let (rest, seq) = key.split_last_chunk()?;
    let at = u64::from_be_bytes(*rest.last_chunk()?) ^ (1 << 63);
    Some((Timestamp::from_millis(at.cast_signed()), u64::from_be_bytes(*seq)))
}

/// The key of an entry of what a plugin remembers.
pub(crate) fn remembered(key: &[u8]) -> Option<&str> {
    let (_, rest) = rest(key)?.split_at_checked(HASH_BYTES)?;
    text(rest).filter(|(_, rest)| rest.is_empty()).map(|(key, _)| key)
}

/// The plugin of which a number is kept.
pub(crate) fn remembering(key: &[u8]) -> Option<&str> {
    text(rest(key)?).filter(|(_, rest)| rest.is_empty()).map(|(plugin, _)| plugin)
}

/// What stands behind the kind of a row.
fn rest(key: &[u8]) -> Option<&[u8]> {
    key.get(owner_bytes(key) + 1..)
}

/// A text that stands in a key whole.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}
