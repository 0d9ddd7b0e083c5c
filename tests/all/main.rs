//! Every test that needs a whole server, in one binary: a module a subject.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says so by panicking")]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "stories, which say what they measured")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "the shortest way to write what is expected")]

mod admin;
mod agreement;
mod architecture;
mod bulk;
mod concurrency;
mod crash;
mod demo;
mod dialects;
mod discovery_walk;
mod entra;
mod etags;
mod guests;
mod hostile;
mod limits;
mod me;
mod okta;
mod patching;
mod poggio;
mod quirks;
mod references;
mod schemas;
mod search;
mod secoda;
mod serve;
mod suites;
mod swap;
mod tenants;
