//! What the delivery of tasks costs, each figure beside its reference in the same run. Nothing here fails on a time.
//!
//! `cargo xtask bench delivery` runs all of it, in about five minutes. `rates` has the dispatcher carry tasks out on the store on sled, on a
//! line in memory, and asks sled itself to write what it wrote; `backlog` says what a million tasks take in memory.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark, which prints what it measured")]

mod backlog;
mod carrier;
mod place;
mod rates;
mod raw;
mod table;

use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;

use crate::table::Report;

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What sled may use for pages, in bytes: less than a server gives it, so that a backlog does not fit.
const CACHE_BYTES: u64 = 128 << 20;

/// Measures the delivery of tasks, each figure beside its reference in the same run.
#[derive(Debug, Clone, Parser)]
#[command(name = "cargo xtask bench delivery --")]
pub(crate) struct Args {
    /// How many tenants; where there is more than one, one more has an endpoint that hangs.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1_000])]
    tenants: Vec<u64>,
    /// Tasks of all tenants together that wait when the dispatcher starts.
    #[arg(long, default_value_t = 50_000)]
    tasks: u64,
    /// Tasks that come one by one, whose way is measured.
    #[arg(long, default_value_t = 2_000)]
    singles: u64,
    /// Tasks of the backlog; 0: none.
    #[arg(long, default_value_t = 1_000_000)]
    backlog: u64,
    /// Where stores are made, and where the tables are written.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/bench"))]
    data: PathBuf,
    /// Measures the backlog in this store, as a process of its own.
    #[arg(long, hide = true)]
    backlog_in: Option<PathBuf>,
    /// cargo gives it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let Some(store) = &args.backlog_in {
        return runtime.block_on(backlog::measure(store));
    }
    let began = Instant::now();
    std::fs::create_dir_all(&args.data)?;
    let mut report = Report::default();
    if !args.tenants.is_empty() {
        let written = runtime.block_on(raw::Written::by_settles(&args))?;
        let mut rounds = Vec::new();
        for &tenants in &args.tenants {
            rounds.push(runtime.block_on(rates::round(&args, tenants, &written))?);
        }
        report.rates(&rounds);
    }
    if args.backlog > 0 {
        let few = backlog::round(&args, &runtime, backlog::FEW)?;
        let many = backlog::round(&args, &runtime, args.backlog)?;
        report.backlog(&[few, many]);
    }
    report.keep(&args.data.join("delivery.md"), began.elapsed())
}
