//! What a backlog takes in memory while its endpoint hangs, and while it answers again: in a process of its own, which opens a store with
//! the tasks in it, so that nothing of what it took to plan them counts.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use muster_bench::measure::{disk_bytes, resident_bytes};
use muster_store::contract::help;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::Args;
use crate::carrier::DEAD;
use crate::place::{Place, open};

/// The backlog that the large one is held against.
pub(crate) const FEW: u64 = 1_000;

/// How long the endpoint hangs.
const HANGS: Duration = Duration::from_secs(10);

/// How long it is looked at after it has begun to answer.
const ANSWERS: Duration = Duration::from_secs(30);

/// How often the process is asked what it has.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Backlog {
    pub(crate) tasks: u64,
    pub(crate) disk: u64,
    /// How long it took to plan them.
    pub(crate) planned_in: Duration,
    pub(crate) memory: Resident,
}

/// What the process had in memory, in bytes; of what lasted, the most that was seen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Resident {
    pub(crate) opened: u64,
    pub(crate) hanging: u64,
    pub(crate) working: u64,
    pub(crate) after: u64,
    /// How many tasks were carried out, and in how long.
    pub(crate) done: u64,
    pub(crate) took: Duration,
}

pub(crate) fn round(args: &Args, runtime: &Runtime, tasks: u64) -> anyhow::Result<Backlog> {
    let folder = tempfile::Builder::new().prefix("delivery-").tempdir_in(&args.data)?;
    let began = Instant::now();
    runtime.block_on(async {
        let place = Place::Store(Arc::new(open(folder.path())?));
        place.fill(&help::tenant(DEAD), tasks).await?;
        place.close().await;
        anyhow::Ok(())
    })?;
    let (planned_in, disk) = (began.elapsed(), disk_bytes(folder.path())?);
    let program = std::env::current_exe().context("the file of this program")?;
    let told = Command::new(program).arg("--backlog-in").arg(folder.path()).output()?;
    ensure!(told.status.success(), "the process that was measured failed: {}", String::from_utf8_lossy(&told.stderr));
    Ok(Backlog { tasks, disk, planned_in, memory: serde_json::from_slice(&told.stdout)? })
}

/// In the process of its own: its figures are what it prints.
pub(crate) async fn measure(store: &Path) -> anyhow::Result<()> {
    let place = Place::Store(Arc::new(open(store)?));
    let mut resident = Resident { opened: resident_bytes()?, ..Resident::default() };
    let delivery = place.deliver();
    resident.hanging = most(HANGS, || false).await?;
    delivery.carrier.revive();
    let began = Instant::now();
    let before = delivery.carrier.done();
    let last = std::cell::Cell::new((before, began));
    // It is over when nothing was carried out for a while: all of it was.
    let is_over = || {
        let (done, at) = last.get();
        if delivery.carrier.done() != done {
            last.set((delivery.carrier.done(), Instant::now()));
        }
        delivery.carrier.done() == done && at.elapsed() > Duration::from_secs(1)
    };
    resident.working = most(ANSWERS, is_over).await?;
    (resident.done, resident.took) = (last.get().0 - before, last.get().1 - began);
    delivery.stop().await?;
    resident.after = resident_bytes()?;
    println!("{}", serde_json::to_string(&resident)?);
    Ok(())
}

async fn most(limit: Duration, is_over: impl Fn() -> bool) -> anyhow::Result<u64> {
    let (began, mut most) = (Instant::now(), 0);
    while began.elapsed() < limit && !is_over() {
        most = most.max(resident_bytes()?);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(most)
}
