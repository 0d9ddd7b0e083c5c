//! Every test that needs a whole server, in one binary: a module a subject.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says so by panicking")]
#![allow(clippy::pedantic, clippy::print_stdout, reason = "stories, which say what they measured")]
#![allow(clippy::cloned_ref_to_slice_refs, reason = "the shortest way to write what is expected")]

mod admin;
mod architecture;
mod crash;
mod demo;
mod entra;
mod guests;
mod limits;
mod okta;
mod poggio;
mod quirks;
mod secoda;
mod serve;
mod swap;
mod tenants;
