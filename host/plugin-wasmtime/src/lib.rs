//! Plugins as WebAssembly components.
//!
//! A plugin's way in: [`WasmtimeHost::load`] -> `check` (is it a component, what does it import and export) -> `cache` (compiled
//! ahead of time, in the host's own folder) or else `compile` (in a process of its own) -> `manifest` (what it says of itself, checked)
//! -> a `WasmtimePlugin`. A call's way: `plugin` -> `slots` (only declared attributes cross) -> `instance` (a fresh one, or one from
//! the `shelf`, under the limits of `limits`) -> `answer` (what comes back is untrusted). What a plugin may touch has a module an interface: `host_log`, `host_config`, `wasi`, and `deny`. The
//! role `delivery` goes out into the world, and has all of this for itself, in `delivery`.

#![deny(missing_docs)]

mod answer;
mod bare;
mod bindings;
mod cache;
mod check;
mod classify;
mod compile;
mod config_form;
mod config_problems;
mod deadline;
mod delivery;
mod deny;
mod deny_http;
mod engine;
mod exports;
mod host;
mod host_config;
mod host_log;
mod instance;
mod limits;
mod logged_errors;
mod manifest;
mod params;
mod plugin;
mod shelf;
mod slots;
mod warm_up;
mod wasi;

#[doc(hidden)]
pub use bare::Bare;
pub use compile::{COMPILE_COMMAND, CompileLimits, Compiler, compile_here};
pub use host::{HostOptions, WasmtimeHost};
pub use limits::{CALL_DEADLINE_MS, MAX_ANSWER_BYTES, MAX_COMPONENT_BYTES, MAX_KEPT_BYTES, MAX_MEMORY_BYTES};
