//! What a plugin promises, as small stories that its author writes: a request, and what must become of it.
//!
//! A case is a JSON file of the plugin's `cases/` folder ([`Case`] has every member); `muster plugin build` embeds all of them into the
//! component (`section.rs`), so that they travel with it, and whoever runs the plugin can try it. [`run`] takes each through the same use
//! cases as a real request, for a tenant of its own in an empty store, with the real plugin. Decision record 17.

mod actual;
mod case;
mod compare;
mod names;
mod run;
mod section;

use std::time::Duration;

pub use case::{AccountExpected, Case, CaseError, ErrorExpected, Expect, Method, Request, TaskExpected, parse};
pub use compare::Difference;
pub use run::{MakeScratch, NOW, Outcome, Scratch, request_of, run};
pub use section::{SECTION, embed, embedded};

/// How many cases a plugin can have.
pub const MAX_CASES: usize = 200;
/// Bytes of one case.
pub const MAX_CASE_BYTES: usize = 64 << 10;
/// Bytes of all cases of a plugin, as they are embedded.
pub const MAX_SECTION_BYTES: usize = 1 << 20;
/// How many requests can come before the one that a case is about.
pub const MAX_GIVEN: usize = 20;
/// How many differences are told of one case; the rest is left out.
pub const MAX_DIFFERENCES: usize = 50;
/// How long all cases of a plugin can take, where nobody says otherwise: what is not done by then has failed.
pub const MAX_RUN: Duration = Duration::from_secs(30);
