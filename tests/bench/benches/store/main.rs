//! What the store on sled costs, each figure beside its reference in the same run. Nothing here fails on a time.
//!
//! `cargo xtask bench store` runs all of it; `args` says what can be chosen. `commits` holds it against sled itself, `sizes` a
//! small directory against a large one.

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
mod measure;
mod people;
mod raw;
mod served;
mod sizes;

use clap::Parser as _;

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
    if [Part::Sizes, Part::Members, Part::Moving].into_iter().any(|part| args.wants(part)) {
        sizes::run(&args)?;
    }
    Ok(())
}
