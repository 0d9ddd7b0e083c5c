use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_bench_delivery::Memory;
use muster_delivery::{DeliveryLimits, Dispatcher, OfStore, Outboxes, Parts};
use muster_model::{Clock as _, NewTask, SystemClock, TenantId};
use muster_store::contract::help;
use muster_store::{Commit, Store as _};
use muster_store_sled::{Options, SledStore};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::CACHE_BYTES;
use crate::carrier::{Instantly, NoDice};

/// Tasks in one commit while many are planned.
const AT_ONCE: u64 = 500;

/// Where tasks are.
#[derive(Clone)]
pub(crate) enum Place {
    Store(Arc<SledStore>),
    Memory(Arc<Memory>),
}

/// A dispatcher at work.
pub(crate) struct Delivery {
    pub(crate) carrier: Arc<Instantly>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

pub(crate) fn open(folder: &Path) -> anyhow::Result<SledStore> {
    Ok(SledStore::open(folder, Options { cache_bytes: CACHE_BYTES, ..Options::default() })?)
}

impl Place {
    /// These tasks of a tenant, each of another user, in one commit.
    pub(crate) async fn plan(
        &self,
        tenant: &TenantId,
        numbers: std::ops::Range<u64>,
        action: &str,
    ) -> anyhow::Result<()> {
        let tasks = numbers.clone().map(|number| task(tenant, number, action));
        match self {
            Self::Memory(memory) => memory.plan(tenant, SystemClock.now(), tasks),
            Self::Store(store) => {
                let record = help::user(numbers.start, &format!("u{}", numbers.start));
                let commit = Commit {
                    changes: vec![help::change(&record)],
                    tasks: tasks.map(|task| (0, task)).collect(),
                    ..help::commit(vec![help::insert(&record)])
                };
                store.directory(tenant).commit(commit).await?;
            }
        }
        Ok(())
    }

    /// So many tasks of a tenant that wait.
    pub(crate) async fn fill(&self, tenant: &TenantId, tasks: u64) -> anyhow::Result<()> {
        for from in (0..tasks).step_by(usize::try_from(AT_ONCE)?) {
            self.plan(tenant, from..tasks.min(from + AT_ONCE), "bulk").await?;
        }
        Ok(())
    }

    pub(crate) fn deliver(&self) -> Delivery {
        let outboxes: Arc<dyn Outboxes> = match self {
            Self::Store(store) => Arc::new(OfStore(store.clone())),
            Self::Memory(memory) => memory.clone(),
        };
        let carrier = Arc::<Instantly>::default();
        let dispatcher = Dispatcher::new(Parts {
            outboxes,
            carrier: carrier.clone(),
            clock: Arc::new(SystemClock),
            dice: Arc::new(NoDice),
            limits: DeliveryLimits { drain: Duration::ZERO, ..DeliveryLimits::default() },
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(dispatcher.run(async move {
            // Told, or forgotten: it stops.
            let _ = stopped.await;
        }));
        Delivery { carrier, stop, running }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Store(store) => store.close().await,
            Self::Memory(_) => {}
        }
    }
}

impl Delivery {
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        Ok(self.running.await?)
    }
}

/// What a task is known by at its receiver.
pub(crate) fn key(tenant: &TenantId, number: u64) -> String {
    format!("{tenant}-{number}")
}

fn task(tenant: &TenantId, number: u64, action: &str) -> NewTask {
    let record = help::user(number, "");
    NewTask { id: record.id, idempotency_key: key(tenant, number), ..help::task(&record, action) }
}
