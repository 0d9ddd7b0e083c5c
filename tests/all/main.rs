//! Every test that needs a whole server, in one binary: a module a subject.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says so by panicking")]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "stories, which say what they measured")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "the shortest way to write what is expected")]

mod admin;
mod agreement;
mod architecture;
mod breaker;
mod bulk;
mod clock;
mod command;
mod concurrency;
mod contracts;
mod crash;
mod damage;
mod delivery;
mod demo;
mod dialects;
mod discovery_walk;
mod entra;
mod etags;
mod faults;
mod full_disk;
mod gauges;
mod grants;
mod guests;
mod history;
mod hostile;
mod isolation;
mod languages;
mod limits;
mod log;
mod me;
mod moving;
mod numbered;
mod okta;
mod patching;
mod perform;
mod planning;
mod plugin_cli;
mod poggio;
mod power_cut;
mod quirks;
mod references;
mod registry;
mod requests;
mod rollout;
mod schemas;
mod search;
mod secoda;
mod serve;
mod store_cli;
mod suites;
mod swap;
mod tenants;
mod undo;
