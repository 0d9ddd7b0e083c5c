//! What to measure, and how much of it.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use muster_store_sled::Options;

/// Measures the store on sled, each figure beside its reference in the same run.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo xtask bench store --")]
pub(crate) struct Args {
    /// What to measure; all of it if none is named.
    pub(crate) parts: Vec<Part>,
    /// How many clients create at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    pub(crate) clients: Vec<usize>,
    /// How many users the data sets have. Each is built once.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    pub(crate) sizes: Vec<u64>,
    /// How many members the groups have.
    #[arg(long, value_delimiter = ',', default_value = "10,10000,100000")]
    pub(crate) members: Vec<u64>,
    /// How often everything is measured; what is told is the one in the middle.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
    /// How many creates a client makes in a round.
    #[arg(long, default_value_t = 400)]
    pub(crate) each: u64,
    /// How many reads a round has.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) reads: u64,
    /// How many writes a round has.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) writes: u64,
    /// The memory that sled may use for pages, in MiB; 0: as the server decides.
    #[arg(long, default_value_t = 0)]
    pub(crate) cache_mib: u64,
    /// How many clients send requests at a time.
    #[arg(long, value_delimiter = ',', default_value = "1,8")]
    pub(crate) request_clients: Vec<usize>,
    /// The server that is sent requests.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/muster"))]
    pub(crate) muster: PathBuf,
    /// The plugin that decides them.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/plugins/standard.wasm"))]
    pub(crate) plugin: PathBuf,
    /// Where the data sets are kept.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench"))]
    pub(crate) data: PathBuf,
    /// Builds the data sets anew.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Measures one data set, as it is told on standard input.
    #[arg(long, hide = true)]
    pub(crate) serve: Option<u64>,
    /// cargo gives it to every benchmark.
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

/// A part of what can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Durable creates, against sled itself.
    Commits,
    /// Leases and settles of tasks, with few and with many that wait.
    Outbox,
    /// What reads and writes cost in data sets of different sizes; disk, memory, reopening.
    Sizes,
    /// What a member costs in groups of different sizes.
    Members,
    /// Export and backup.
    Moving,
    /// What requests cost at a server, in the smallest and the largest data set. It is measured only where it is named: it needs the
    /// released server.
    Requests,
}

impl Args {
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.parts.contains(&part) || (self.parts.is_empty() && part != Part::Requests)
    }

    pub(crate) fn cache_bytes(&self) -> u64 {
        if self.cache_mib == 0 { Options::cache_bytes_here() } else { self.cache_mib * 1024 * 1024 }
    }

    /// One client waits for the disk each time: it gets more of them, so that a round is not over at once.
    pub(crate) fn commits_of(&self, clients: usize) -> u64 {
        self.each * (clients as u64).max(4)
    }

    pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()
    }
}
