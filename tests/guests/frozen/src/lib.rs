//! Built for the contract as it was first published, with bindings of its own and without the SDK: `wit/` is a copy that nobody changes.
//! Whatever the host learns, this goes on working.

#[cfg(target_family = "wasm")]
mod guest;
