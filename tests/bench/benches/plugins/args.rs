//! What to measure, and how much of it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures what plugins cost, each figure beside its reference in the same run.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo xtask bench plugins --")]
pub(crate) struct Args {
    /// What to measure; all of it if nothing is named.
    pub(crate) parts: Vec<Part>,
    /// How often each call is measured; what is told is the one in the middle, and the least.
    #[arg(long, default_value_t = 200)]
    pub(crate) rounds: usize,
    /// How often a compiled plugin is loaded.
    #[arg(long, default_value_t = 20)]
    pub(crate) loads: usize,
    /// How many users a round creates at the server.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) posts: usize,
    /// How many clients create at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    pub(crate) clients: Vec<usize>,
    /// How many rounds of creates there are; what is told is the one in the middle.
    #[arg(long, default_value_t = 5)]
    pub(crate) post_rounds: usize,
    /// How many tenants there are.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) tenants: usize,
    /// The memory that the server may use for the store's pages, in MiB.
    #[arg(long, default_value_t = 64)]
    pub(crate) cache_mib: u64,
    /// The server.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/muster"))]
    pub(crate) muster: PathBuf,
    /// Where the components are: in `plugins`, `guests` and `languages`.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release"))]
    pub(crate) components: PathBuf,
    /// cargo gives it to every benchmark.
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

/// A part of what can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// An instance, a mapping and a plan, of each plugin and natively.
    Calls,
    /// From the bytes on disk to a plugin that can be called, compiled and not.
    Load,
    /// What of a durable create's processor time is the plugin's, at the released server.
    Share,
    /// Memory and start of the released server with many tenants.
    Tenants,
}

impl Args {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}
