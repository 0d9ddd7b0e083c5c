//! Every limit of a plugin, with its unit. The defaults of the runtime are made for trusted guests and far too generous.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Result};

/// Bytes of a component, as it is pushed.
pub const MAX_COMPONENT_BYTES: u64 = 32 << 20;

/// Milliseconds of the processor that a call on the request path may take: `mapping`, `lifecycle`, `adoption`.
pub const CALL_DEADLINE_MS: u64 = 10;
/// Milliseconds of the processor that a call of `about` or `schemas` may take: when a plugin is loaded and bound, never on the request path.
pub(crate) const ABOUT_DEADLINE_MS: u64 = 1_000;

/// Milliseconds of the processor that an instance may take to start, where it is kept for many calls: Python takes 8.
pub(crate) const START_DEADLINE_MS: u64 = 100;

/// How many times longer a call may take on the wall than on the processor, while other threads have the processor.
pub(crate) const WALL_FACTOR: u64 = 50;

/// Milliseconds of the processor that a call of `delivery` may take.
pub(crate) const DELIVERY_PROCESSOR_MS: u64 = 1_000;
/// How long it may take on the wall, with all that it waits for.
pub(crate) const DELIVERY_WALL: Duration = Duration::from_secs(30);
/// How long it waits for a place among [`MAX_DELIVERY_INSTANCES`].
pub(crate) const DELIVERY_ROOM_WAIT: Duration = Duration::from_secs(10);
/// Calls of `delivery` that run at a time, of all tenants and plugins.
pub(crate) const MAX_DELIVERY_INSTANCES: usize = 64;
/// Bytes over all memories of an instance of `delivery`.
pub(crate) const MAX_DELIVERY_MEMORY_BYTES: usize = 128 << 20;
/// Bytes of them that each has for itself: 1 GiB, where all of [`MAX_DELIVERY_INSTANCES`] run. Python needs 12 MiB.
pub(crate) const OWN_DELIVERY_MEMORY_BYTES: usize = 16 << 20;
/// Bytes that all instances of `delivery` share beyond that.
pub(crate) const MAX_DELIVERY_SHARED_BYTES: usize = 1 << 30;
/// Requests of one call of `delivery`.
pub(crate) const MAX_REQUESTS: u32 = 64;
/// Bytes of the headers of one request or answer, as they stand in memory.
pub(crate) const MAX_FIELDS_BYTES: usize = 32 << 10;
/// What one call of `delivery` has open at a time: requests, answers, streams, whatever it waits for.
pub(crate) const MAX_TABLE_ENTRIES: usize = 256;
/// Bytes of one write to the body of a request.
pub(crate) const BODY_CHUNK_BYTES: usize = 64 << 10;
/// What the host tells of one call beside what the plugin says.
pub(crate) const MAX_NOTES: usize = 8;
/// Characters of a place that a plugin asked for, as they are told.
pub(crate) const MAX_PLACE_CHARS: usize = 128;
/// Bytes of a secret that is looked for in answers: a shorter one could be part of any word.
pub(crate) const MIN_HIDDEN_BYTES: usize = 8;
/// The longest that a plugin puts the next attempt at a task off.
pub(crate) const MAX_PUT_OFF: Duration = Duration::from_hours(1);

/// Bytes over all memories of an instance.
pub const MAX_MEMORY_BYTES: usize = 64 << 20;
/// Elements of one table.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 20_000;
/// Core instances of one component: a Rust guest has 3 or 4, a Python guest 38.
pub(crate) const MAX_CORE_INSTANCES: u32 = 40;
/// Memories of one component: a JavaScript guest has 2.
pub(crate) const MAX_MEMORIES: u32 = 2;
/// Tables of one component.
pub(crate) const MAX_TABLES: u32 = 20;
/// Bytes of stack.
pub(crate) const MAX_STACK_BYTES: usize = 512 << 10;
/// Handles of resources (streams, pollables) at a time. They are the only resources there are: the host keeps no table of its own.
pub(crate) const MAX_HANDLES: usize = 1_000;

/// Bytes that cross from the plugin to the host in one call of either.
pub(crate) const MAX_HOST_CALL_BYTES: usize = 2 << 20;
/// Bytes of one request for random numbers.
pub(crate) const MAX_RANDOM_BYTES: u64 = 64 << 10;
/// Log lines of one call; the rest is counted.
pub(crate) const MAX_LOG_LINES: u32 = 64;
/// Calls of one request whose errors are in the host's log one after the other; of more, those at which they have doubled.
pub(crate) const MAX_ERRORS_TOLD: u64 = 5;
/// Bytes of one log line; the rest is cut off.
pub(crate) const MAX_LOG_LINE_BYTES: usize = 4 << 10;

/// Instances that run at a time, in all.
pub(crate) const MAX_INSTANCES: u32 = 1_000;
/// Instances that are kept between calls, in all: they have places among [`MAX_INSTANCES`].
pub(crate) const MAX_KEPT: usize = 250;
/// Instances that are kept for one tenant: as many calls of it at a time have one.
pub(crate) const MAX_KEPT_A_TENANT: usize = 8;
/// Bytes over the memories of all instances that are kept, where the host is not told otherwise.
pub const MAX_KEPT_BYTES: usize = 256 << 20;
/// Bytes over the memories of an instance that is kept; what has grown more is not called again.
pub(crate) const MAX_KEPT_INSTANCE_BYTES: usize = 32 << 20;
/// Calls that one instance serves, whatever its manifest says.
pub(crate) const MAX_CALLS_PER_INSTANCE: u32 = 10_000;
/// Bytes of an instance's memory that stay resident between two calls: what a call touches is then reset, not fetched again.
pub(crate) const KEEP_RESIDENT_BYTES: usize = 1 << 20;
/// The same of a table.
pub(crate) const KEEP_RESIDENT_TABLE_BYTES: usize = 16 << 10;

/// Bytes of an answer, all its strings together.
pub const MAX_ANSWER_BYTES: usize = 256 << 10;
/// Bytes of one string in an answer.
pub(crate) const MAX_STRING_BYTES: usize = 64 << 10;
/// Bytes of what a plugin declares, as JSON.
pub(crate) const MAX_DECLARATIONS_BYTES: usize = 256 << 10;
/// Keys of an account.
pub(crate) const MAX_KEYS: usize = 16;
/// Bytes of the value of a key.
pub(crate) const MAX_KEY_BYTES: usize = 1 << 10;
/// Fields of an account, and arguments of a task.
pub(crate) const MAX_FIELDS: usize = 256;
/// Tasks that follow from one change.
pub(crate) const MAX_TASKS: usize = 32;
/// Bytes of the name of a field, an action, and an idempotency key.
pub(crate) const MAX_NAME_BYTES: usize = 256;
/// Bytes of the detail of a rejection, and of the reason of an outcome.
pub(crate) const MAX_DETAIL_BYTES: usize = 1 << 10;
/// The statuses that a rejection may have.
pub(crate) const REJECTION_STATUSES: [u16; 7] = [400, 403, 404, 409, 413, 422, 429];

/// Steps of checking one value against a configuration's schema, with every reference followed.
pub(crate) const MAX_SCHEMA_STEPS: u64 = 10_000;
/// Problems that are told of one configuration; the rest is left out.
pub(crate) const MAX_PROBLEMS: usize = 100;
/// Attributes that one kind reads, and that it retains.
pub(crate) const MAX_ATTRIBUTES: usize = 256;
/// States in a manifest.
pub(crate) const MAX_STATES: usize = 64;
/// What a manifest wants.
pub(crate) const MAX_WANTS: usize = 64;
/// Bytes of what one of its wants is for.
pub(crate) const MAX_WHY_BYTES: usize = 256;
/// Bytes of the manifest's short texts: name, version, a state.
pub(crate) const MAX_WORD_BYTES: usize = 64;
/// Bytes of the base path.
pub(crate) const MAX_BASE_PATH_BYTES: usize = 128;

/// Threads that compile one plugin.
pub(crate) const COMPILE_THREADS: u32 = 2;
/// Bytes of compiled code of one plugin.
pub(crate) const MAX_COMPILED_BYTES: u64 = 256 << 20;
/// Bytes that are read of what the compiler says went wrong.
pub(crate) const MAX_SENTENCE_BYTES: u64 = 1 << 10;

/// A plugin wanted more than it may have: told by name.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the limit {0} is reached")]
pub(crate) struct LimitReached(pub(crate) &'static str);

/// Watches what one instance grows to.
#[derive(Debug)]
pub(crate) struct Growth {
    memory_bytes: usize,
    limit_bytes: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Self::up_to(MAX_MEMORY_BYTES)
    }
}

impl Growth {
    /// With so many bytes over all memories.
    pub(crate) const fn up_to(limit_bytes: usize) -> Self {
        Self { memory_bytes: 0, limit_bytes }
    }

    /// Bytes over all memories of the instance.
    pub(crate) const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total > self.limit_bytes {
            return Err(LimitReached("memory bytes").into());
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            return Err(LimitReached("table elements").into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories() {
        let half = MAX_MEMORY_BYTES / 2;
        let mut growth = Growth::default();
        assert!(growth.memory_growing(0, half, None).unwrap());
        assert!(growth.memory_growing(0, half, None).unwrap());
        assert!(growth.memory_growing(half, half + 1, None).is_err());
    }

    #[test]
    fn a_table_has_its_limit() {
        let mut growth = Growth::default();
        assert!(growth.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        assert!(growth.table_growing(0, MAX_TABLE_ELEMENTS + 1, None).is_err());
    }
}
