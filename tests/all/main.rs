//! Every test that needs a whole server, in one binary: a module a subject.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says so by panicking")]

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
mod swap;
mod tenants;
