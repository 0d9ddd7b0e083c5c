//! What carrying tasks out costs at the store: leases and settles a second, and whether a settle costs the same whatever waits behind it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_model::{Attempt, NewTask, Queue};
use muster_store::contract::help;
use muster_store::{Commit, Outbox, Settled, Store as _, StoreError};
use muster_store_sled::{Options, SledStore};
use tokio::task::JoinSet;

use crate::args::Args;
use crate::data;
use crate::measure::{Cost, Watch, disk_bytes, resident_bytes};

/// Tasks in one commit while a backlog is built.
const AT_ONCE: u64 = 500;

/// How many tasks each carrier settles in a round, but for one carrier alone, which waits for the disk each time.
const EACH: u64 = 100;

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    println!("\ntasks, each of a user of its own: leased one at a time, and settled as done");
    for tasks in [1_000, args.sizes.iter().copied().max().unwrap_or(1_000_000)] {
        let folder = data::scratch(args)?;
        let before = resident_bytes()?;
        let built = Args::runtime()?.block_on(build(args, folder.path(), tasks))?;
        let after = resident_bytes()?;
        println!(
            "  {tasks} tasks that wait: {:.0} a second while built; {} MiB on disk, {} MiB in memory (before: {})",
            built.per_second(),
            disk_bytes(folder.path())? >> 20,
            after >> 20,
            before >> 20,
        );
        for &carriers in &args.clients {
            let (cost, syncs) = Args::runtime()?.block_on(carry_out(args, folder.path(), carriers, tasks))?;
            println!(
                "    {carriers:3} at once {:9.0} /s {:9.1} µs of processor time each {:7.3} syncs each; {} MiB in memory",
                cost.per_second(),
                cost.cpu_us(),
                syncs as f64 / cost.operations as f64,
                resident_bytes()? >> 20,
            );
        }
    }
    Ok(())
}

fn open(args: &Args, folder: &Path) -> anyhow::Result<SledStore> {
    Ok(SledStore::open(folder, Options { cache_bytes: args.cache_bytes(), ..Options::default() })?)
}

async fn build(args: &Args, folder: &Path, tasks: u64) -> anyhow::Result<Cost> {
    let store = open(args, folder)?;
    let directory = store.directory(&data::tenant());
    let ada = help::user(1, "ada");
    directory.commit(help::commit(vec![help::insert(&ada)])).await?;
    let watch = Watch::start();
    for part in 0..tasks.div_ceil(AT_ONCE) {
        let own = part * AT_ONCE..tasks.min((part + 1) * AT_ONCE);
        let new = |n| (0, NewTask { id: help::id(n), ..help::task(&ada, "invite") });
        let tasks = own.map(new).collect();
        directory.commit(Commit { changes: vec![help::change(&ada)], tasks, ..help::commit(vec![]) }).await?;
    }
    let cost = watch.stop(tasks);
    store.close().await;
    Ok(cost)
}

/// Each carrier leases one task after the other, and says that it is done. The first of them are not measured: whoever comes first after a
/// store was opened reads its pages, and puts away what opening it has left.
async fn carry_out(args: &Args, folder: &Path, carriers: usize, tasks: u64) -> anyhow::Result<(Cost, u64)> {
    let store = open(args, folder)?;
    let outbox = store.outbox(&data::tenant());
    let wanted = (EACH * (carriers as u64).max(3)).min(tasks / 8);
    all(&outbox, carriers, wanted).await?;
    let (syncs, watch) = (store.syncs(), Watch::start());
    all(&outbox, carriers, wanted).await?;
    let cost = watch.stop(wanted);
    let syncs = store.syncs() - syncs;
    store.close().await;
    Ok((cost, syncs))
}

/// So many tasks.
async fn all(outbox: &Arc<dyn Outbox>, carriers: usize, wanted: u64) -> anyhow::Result<()> {
    let begun = Arc::new(AtomicU64::new(0));
    let mut carrying = JoinSet::new();
    for _ in 0..carriers {
        carrying.spawn(carrier(Arc::clone(outbox), Arc::clone(&begun), wanted));
    }
    while let Some(carrier) = carrying.join_next().await {
        carrier??;
    }
    Ok(())
}

async fn carrier(outbox: Arc<dyn Outbox>, begun: Arc<AtomicU64>, wanted: u64) -> Result<(), StoreError> {
    while begun.fetch_add(1, Ordering::Relaxed) < wanted {
        let leases = outbox.lease(&Queue::plugin(), help::at(60), help::at(120), 1).await?;
        for lease in leases.tasks {
            let attempt = Attempt { at: help::at(60), took_ms: 1, failure: None };
            outbox.settle(&lease, Settled::Done(attempt)).await?;
        }
    }
    Ok(())
}
