//! What went wrong in a call, told in the words of the port.

use muster_plugin::PluginError;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::delivery::NothingLeft;
use crate::limits::LimitReached;

/// What the runtime says when more bytes cross to the host than may; it has no public type for it.
const HOST_CALL_BYTES: &str = "fuel allocated for hostcalls has been exhausted";

/// How that limit is told: with how much it is.
const HOST_CALL_LIMIT: &str = "host call bytes (2 MiB)";
const _: () = assert!(crate::limits::MAX_HOST_CALL_BYTES == 2 << 20, "it is told in a sentence");

/// The same for handles of resources.
const HANDLES: &str = "store handle limit exceeded";

/// Characters of a trap's cause that are kept for the log.
const MAX_CAUSE_CHARS: usize = 300;

/// What happened to `function`, which had `deadline_ms`.
pub(crate) fn classify(error: &wasmtime::Error, function: &'static str, deadline_ms: u64) -> PluginError {
    if error.is::<PoolConcurrencyLimitError>() || error.is::<NothingLeft>() {
        return PluginError::Busy;
    }
    if let Some(LimitReached(limit)) = error.downcast_ref() {
        return PluginError::Limit { function, limit };
    }
    if error.downcast_ref() == Some(&Trap::Interrupt) {
        return PluginError::Deadline { function, limit_ms: deadline_ms };
    }
    let cause = format!("{error:#}");
    if cause.contains(HOST_CALL_BYTES) {
        return PluginError::Limit { function, limit: HOST_CALL_LIMIT };
    }
    if cause.contains(HANDLES) {
        return PluginError::Limit { function, limit: "resource handles" };
    }
    // What happened; where, in frames of the runtime, helps nobody who reads the log.
    let cause = error.root_cause().to_string().chars().take(MAX_CAUSE_CHARS).collect();
    PluginError::Trapped { function, cause }
}
