//! Components in OCI registries, in the layout of the CNCF's Wasm artifacts, which `wkg` reads and writes.
//!
//! Start with [`Registry`]: `pull.rs` and `push.rs` say what is asked of a registry, `ask.rs` how, `auth.rs` who asks, and `trust.rs` whom. What a registry answers
//! is believed in nothing: everything has a bound, what is fetched is what its digest says, and nobody is led elsewhere in clear text.

#![deny(missing_docs)]

mod artifact;
mod ask;
mod auth;
mod error;
mod pull;
mod push;
mod reference;
#[cfg(test)]
mod tests;
mod trust;

use std::time::Duration;

pub use artifact::{Component, Pulled};
pub use ask::Registry;
pub use auth::Credentials;
pub use error::OciError;
pub use push::Taken;
pub use reference::{Named, Reference};
pub use trust::Authorities;

/// How large the manifest of an artifact can be, in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 256 << 10;

/// How large what a registry answers beside that can be, in bytes: tokens, and why it refuses something.
pub const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// How often a registry can send whoever fetches a component elsewhere.
pub const MAX_REDIRECTS: usize = 3;

/// How a registry is asked, and by whom.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who asks; without, nobody in particular.
    pub credentials: Option<Credentials>,
    /// Whose certificates count beside those that the machine trusts. With any, a registry on loopback is asked by https as well.
    pub authorities: Option<Authorities>,
    /// How long it may take.
    pub times: Times,
}

/// How long a registry may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// To begin an answer, or to go on with it.
    pub answer: Duration,
    /// Until everything is done.
    pub whole: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { answer: Duration::from_secs(30), whole: Duration::from_mins(10) }
    }
}
