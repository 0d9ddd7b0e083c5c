//! What [`Plugin::perform`](crate::Plugin::perform) may touch, and no other function: elsewhere the host stops the call.
//! Natively there is a memory for each thread, and the secrets that a test sets (`testing::set_secret`).
//! Requests are in [`http`](crate::http).

/// How the carrying out of a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// Try again.
    Retry {
        /// Why.
        reason: String,
        /// Not before this many milliseconds; `None`: the host's back-off.
        after_ms: Option<u64>,
    },
    /// Never again: parked for a person, with this reason.
    Failed(String),
}

/// Why the small memory did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateError {
    /// The tenant's share is full.
    Quota,
    /// The entry is not at the expected version.
    Conflict,
    /// Not now.
    Unavailable,
}

/// What stands in the small memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateEntry {
    /// What was put there.
    pub value: Vec<u8>,
    /// Counts the writes of this key.
    pub version: u64,
}

/// Reads an entry of this plugin's small memory for this tenant.
pub fn state_get(key: &str) -> Result<Option<StateEntry>, StateError> {
    #[cfg(target_family = "wasm")]
    return crate::glue::state_get(key);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::state_get(key)
}

/// Writes an entry and answers its new version. `expected`: `None`, whatever stands there; 0, nothing must stand there.
pub fn state_put(key: &str, value: &[u8], expected: Option<u64>) -> Result<u64, StateError> {
    #[cfg(target_family = "wasm")]
    return crate::glue::state_put(key, value, expected);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::state_put(key, value, expected)
}

/// Removes an entry.
pub fn state_delete(key: &str, expected: Option<u64>) -> Result<(), StateError> {
    #[cfg(target_family = "wasm")]
    return crate::glue::state_delete(key, expected);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::state_delete(key, expected)
}

/// A placeholder to send as a header's value, which the host replaces by the secret on the way out. `None`: not granted, or not set.
pub fn secret_header(name: &str) -> Option<String> {
    #[cfg(target_family = "wasm")]
    return crate::glue::secret_header(name);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::secret_header(name)
}
