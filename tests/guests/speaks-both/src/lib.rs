//! Exports two versions of the contract, as a plugin does that is to run on older hosts too. Each says in an account which one was called.

#[cfg(target_family = "wasm")]
mod first;
#[cfg(target_family = "wasm")]
mod second;
