//! What the store on sled costs, each figure beside its reference in the same run. Nothing here fails on a time.
//!
//! `cargo xtask bench store` runs all of it; `args` says what can be chosen. `commits` holds it against sled itself, `sizes` a
//! small directory against a large one, and `requests` does so at a server. `outbox` carries tasks out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark, which prints what it measured"
)]

mod args;
mod commits;
mod data;
mod line;
mod outbox;
mod people;
mod raw;
mod requests;
mod served;
mod server;
mod sizes;

use clap::Parser as _;
use muster_bench::measure;

use crate::args::{Args, Part};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(users) = args.serve {
        return served::run(&args, users);
    }
    if args.wants(Part::Commits) {
        commits::run(&args)?;
    }
    if args.wants(Part::Outbox) {
        outbox::run(&args)?;
    }
    let at_the_store = [Part::Sizes, Part::Members, Part::Moving].into_iter().any(|part| args.wants(part));
    if at_the_store {
        sizes::run(&args)?;
    }
    if args.wants(Part::Requests) {
        // A million users are not built twice.
        requests::run(&Args { fresh: args.fresh && !at_the_store, ..args })?;
    }
    Ok(())
}
