//! Tasks a second, and how long after its commit a task is carried out: on the store, and on a line in memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_bench::measure::{Cost, Watch};
use muster_bench_delivery::Memory;
use muster_model::TenantId;
use muster_store::contract::help;

use crate::Args;
use crate::carrier::{DEAD, SINGLE};
use crate::place::{Place, key, open};
use crate::raw::Written;

/// Tasks of the tenant whose endpoint hangs.
const OF_THE_DEAD: u64 = 500;

/// How far apart single tasks come at least: the pace of a busy directory.
const PACE: Duration = Duration::from_millis(2);

/// What was measured with so many tenants.
pub(crate) struct Round {
    pub(crate) tenants: u64,
    pub(crate) store: Figures,
    pub(crate) memory: Figures,
    /// Syncs of the disk while the tasks that waited were carried out, on the store.
    pub(crate) syncs: u64,
    /// sled itself, with the rows of as many tasks in a batch as shared a sync on the store.
    pub(crate) sled: Cost,
}

pub(crate) struct Figures {
    pub(crate) bulk: Cost,
    /// In ms, the shortest first.
    pub(crate) lags_ms: Vec<f64>,
    /// How long the commits of these tasks took, in the same way.
    pub(crate) commits_ms: Vec<f64>,
}

pub(crate) async fn round(args: &Args, tenants: u64, written: &Written) -> anyhow::Result<Round> {
    let memory = figures(args, tenants, &Place::Memory(Arc::<Memory>::default())).await?.0;
    let folder = tempfile::Builder::new().prefix("delivery-").tempdir_in(&args.data)?;
    let place = Place::Store(Arc::new(open(&folder.path().join("store"))?));
    let (store, syncs) = figures(args, tenants, &place).await?;
    place.close().await;
    let shared_by = (store.bulk.operations + syncs / 2) / syncs.max(1);
    let sled = written.again(args, usize::try_from(shared_by)?)?;
    Ok(Round { tenants, store, memory, syncs, sled })
}

async fn figures(args: &Args, tenants: u64, place: &Place) -> anyhow::Result<(Figures, u64)> {
    let names: Vec<TenantId> = (0..tenants).map(|number| help::tenant(&format!("tenant-{number}"))).collect();
    let each = (args.tasks / tenants).max(1);
    for name in &names {
        place.fill(name, each).await?;
    }
    if tenants > 1 {
        place.fill(&help::tenant(DEAD), OF_THE_DEAD).await?;
    }
    let syncs_before = syncs(place);
    let watch = Watch::start();
    let delivery = place.deliver();
    delivery.carrier.until(each * tenants).await;
    let bulk = watch.stop(each * tenants);
    let syncs = syncs(place) - syncs_before;

    let mut tick = tokio::time::interval(PACE);
    let mut commits_ms = Vec::new();
    for number in 0..args.singles {
        tick.tick().await;
        let Some(name) = names.get(usize::try_from(number % tenants)?) else { continue };
        let number = each + number;
        let key = key(name, number);
        delivery.carrier.sends(&key);
        let began = Instant::now();
        place.plan(name, number..number + 1, SINGLE).await?;
        commits_ms.push(began.elapsed().as_secs_f64() * 1e3);
        delivery.carrier.sent(&key);
    }
    delivery.carrier.until(each * tenants + args.singles).await;
    let lags_ms = delivery.carrier.lags_ms();
    delivery.stop().await?;
    commits_ms.sort_by(f64::total_cmp);
    Ok((Figures { bulk, lags_ms, commits_ms }, syncs))
}

fn syncs(place: &Place) -> u64 {
    match place {
        Place::Store(store) => store.syncs(),
        Place::Memory(_) => 0,
    }
}
