//! What it costs to feed receivers from the log: entries a second, of tenants with 1, 4 and 16 receivers that take everything, and with one that takes
//! nothing. Nothing here fails on a time.
//!
//! `cargo bench --package muster-bench-delivery --bench feed`

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark, which prints what it measured")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use muster_delivery::{Feeder, Feeds, MAX_FED_WAITING, Ring};
use muster_model::{Following, LogEntry, NewTask, Receiver, ReceiverKind, ReceiverName, SystemClock, TenantId};
use muster_store::contract::help;
use muster_store::{Commit, Store, StoreError};
use muster_store_sled::{Options, SledStore};
use tokio::sync::oneshot;

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many tenants there are.
const TENANTS: usize = 20;

/// Entries of the log of each: as many as can wait for a receiver.
const ENTRIES: u64 = MAX_FED_WAITING;

/// How many of them one commit has.
const ENTRIES_A_COMMIT: u64 = 50;

/// Every tenant has the same receivers.
#[derive(Debug)]
struct Everything {
    tenants: Vec<TenantId>,
    receivers: Vec<Receiver>,
    takes: bool,
}

#[async_trait]
impl Feeds for Everything {
    fn tenants(&self) -> Vec<TenantId> {
        self.tenants.clone()
    }

    fn following(&self, _: &TenantId) -> Vec<Following> {
        self.receivers.iter().map(|receiver| Following { receiver: receiver.clone(), since: 0 }).collect()
    }

    fn events(&self, _: &TenantId, receiver: &Receiver, entries: &[LogEntry]) -> Vec<(u64, NewTask)> {
        let queue = receiver.queue();
        let taken = entries.iter().filter(|_| self.takes);
        let task = |entry: &LogEntry| NewTask {
            resource_type: entry.change.resource_type.clone(),
            id: entry.change.id,
            idempotency_key: format!("event-{}", entry.seq),
            action: "user.created".to_owned(),
            arguments: Vec::new(),
            destructive: false,
            plugin: entry.change.plugin,
            queue: queue.clone(),
        };
        taken.map(|entry| (entry.seq, task(entry))).collect()
    }

    fn gap(&self, _: &TenantId, _: &Receiver, _: u64, _: u64) -> Option<NewTask> {
        None
    }

    fn fed(&self, _: &TenantId, _: &Receiver) {}

    async fn forget_if_gone(&self, _: &TenantId, _: &Receiver) -> Result<(), StoreError> {
        Ok(())
    }

    async fn forget_gone(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn on_news(&self, _: Ring) {}
}

async fn fill(store: &SledStore, tenant: &TenantId) -> anyhow::Result<()> {
    let directory = store.directory(tenant);
    for from in (0..ENTRIES).step_by(usize::try_from(ENTRIES_A_COMMIT)?) {
        let records: Vec<_> = (from..from + ENTRIES_A_COMMIT).map(|n| help::user(n, &format!("user {n}"))).collect();
        let writes = records.iter().map(help::insert).collect();
        let changes = records.iter().map(help::change).collect();
        directory.commit(Commit { changes, ..help::commit(writes) }).await?;
    }
    Ok(())
}

/// How long it takes until every receiver of every tenant was fed everything.
async fn measure(receivers: usize, takes: bool) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SledStore::open(folder.path(), Options::default())?);
    let tenants: Vec<TenantId> =
        (0..TENANTS).map(|n| TenantId::parse(&format!("tenant-{n}"))).collect::<Result<_, _>>()?;
    for tenant in &tenants {
        fill(&store, tenant).await?;
    }
    let receiver = |n: usize| {
        let name = ReceiverName::parse(&format!("r{n}"))?;
        anyhow::Ok(Receiver { kind: ReceiverKind::Webhook, name })
    };
    let receivers: Vec<Receiver> = (0..receivers).map(receiver).collect::<Result<_, _>>()?;
    let feeds = Everything { tenants: tenants.clone(), receivers: receivers.clone(), takes };
    let feeder = Feeder::new(store.clone(), Arc::new(feeds), Arc::new(SystemClock));
    let (stop, stopped) = oneshot::channel::<()>();
    let began = Instant::now();
    let running = tokio::spawn(feeder.run(async {
        let _ = stopped.await;
    }));
    for tenant in &tenants {
        let outbox = store.outbox(tenant);
        for receiver in &receivers {
            while outbox.fed(&receiver.queue()).await? != Some(ENTRIES) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
    let took = began.elapsed();
    let _ = stop.send(());
    running.await?;
    store.close().await;
    Ok(took)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let entries = TENANTS as f64 * ENTRIES as f64;
    println!("{TENANTS} tenants with {ENTRIES} entries each");
    for (receivers, takes) in [(1, false), (1, true), (4, true), (16, true)] {
        let took = measure(receivers, takes).await?.as_secs_f64();
        let what = if takes { "that take everything" } else { "that takes nothing" };
        let tasks = if takes { entries * receivers as f64 / took } else { 0.0 };
        println!("{receivers:>3} receivers {what}: {:>8.0} entries/s, {tasks:>8.0} tasks/s", entries / took);
    }
    Ok(())
}
