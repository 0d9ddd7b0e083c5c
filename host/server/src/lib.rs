//! The binary `muster`: reads its configuration, builds every part, serves, and drains when it is told to stop.
//!
//! `app.rs` is the one file that names the store engine and the plugin runtime; `cli/` has one file a command.

pub mod app;
pub mod cli;
pub mod config;
mod delivery;
mod files;
mod keys;
mod logging;
mod numbers;
mod outbound;
