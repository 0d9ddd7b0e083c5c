//! The binary `muster`: reads its configuration, builds every part, serves, and drains when it is told to stop.
//!
//! `app.rs` is the one file that names the store engine and the plugin runtime; `cli/` has one file a command.

mod admin_key;
pub mod app;
pub mod cli;
mod components;
pub mod config;
mod delivery;
mod directory_keys;
mod feeding;
mod files;
mod keys;
mod logging;
mod numbers;
mod outbound;
