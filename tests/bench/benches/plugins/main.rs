//! What plugins cost: a call, loading, their share of a write, and many tenants of few plugins. Nothing here fails on a time.
//!
//! `cargo xtask bench plugins` runs all of it; `args` says what can be chosen. Each figure stands beside its reference in the same run: the
//! vendor's own code compiled natively, and a guest that does nothing.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark, which prints what it measured")]

mod args;
mod calls;
mod loading;
mod share;
mod subjects;
mod tenants;

use clap::Parser as _;

use crate::args::{Args, Part};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    for missing in subjects::missing(&args) {
        println!("left out: {missing}");
    }
    anyhow::ensure!(!subjects::built(&args).is_empty(), "no plugin is there; `cargo xtask bench plugins` builds them");
    if args.wants(Part::Calls) {
        calls::run(&args)?;
    }
    if args.wants(Part::Load) {
        loading::run(&args)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if args.wants(Part::Share) {
        runtime.block_on(share::run(&args))?;
    }
    if args.wants(Part::Tenants) {
        runtime.block_on(tenants::run(&args))?;
    }
    Ok(())
}
