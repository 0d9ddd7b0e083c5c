//! How many tasks stand where, for the metrics.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Clock, Standing, TenantId, Timestamp};
use muster_store::{MAX_TASKS_A_PAGE, StoreError};

use crate::Outboxes;

/// Of how many tenants the metrics tell one by one: those that had something to wait for first. The others are told together.
pub const MAX_TENANTS_TOLD: usize = 200;

/// What is told by the name `tenant="(others)"`, which no tenant can have.
const OTHERS: &str = "(others)";

/// Which tenants have numbers of their own: a number that was told once is told from then on.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    told: BTreeSet<TenantId>,
}

impl Gauges {
    /// Reads the counts of all tenants and sets the gauges.
    pub(crate) async fn tell(&mut self, outboxes: &dyn Outboxes, clock: &dyn Clock) -> Result<(), StoreError> {
        let mut others: BTreeMap<Standing, u64> = Standing::ALL.into_iter().map(|standing| (standing, 0)).collect();
        let mut oldest_s = 0.0_f64;
        for tenant in outboxes.tenants().await? {
            let outbox = outboxes.outbox(&tenant);
            let mut own: BTreeMap<Standing, u64> = Standing::ALL.into_iter().map(|standing| (standing, 0)).collect();
            let mut is_for_us = false;
            for (queue, standing, count) in outbox.counts().await? {
                *own.entry(standing).or_default() += count;
                is_for_us |= standing == Standing::Waiting && count > 0 && outboxes.is_carried(&tenant, &queue);
            }
            let is_eventful = own.iter().any(|(standing, count)| !standing.is_over() && *count > 0);
            let oldest = if is_for_us { oldest(outboxes, &tenant).await? } else { None };
            if let Some(at) = oldest {
                oldest_s = oldest_s.max(seconds(clock.now().as_millis() - at.as_millis()));
            }
            let has_room = self.told.len() < MAX_TENANTS_TOLD;
            if self.told.contains(&tenant) || (is_eventful && has_room && self.told.insert(tenant.clone())) {
                set(tenant.as_str(), &own);
            } else {
                for (standing, count) in own {
                    *others.entry(standing).or_default() += count;
                }
            }
            tokio::task::yield_now().await;
        }
        set(OTHERS, &others);
        metrics::gauge!("muster_delivery_oldest_waiting_seconds").set(oldest_s);
        Ok(())
    }
}

/// When the oldest task was planned that waits to be carried out. What somebody comes for, or what is for a receiver that is off, waits for
/// them and not for the dispatcher; of those there are never many, because their queues are fed no further.
pub(crate) async fn oldest(outboxes: &dyn Outboxes, tenant: &TenantId) -> Result<Option<Timestamp>, StoreError> {
    let (outbox, mut after) = (outboxes.outbox(tenant), 0);
    // The first is it, nearly always.
    let mut limit = 1;
    loop {
        let page = outbox.tasks(Some(Standing::Waiting), after, limit).await?;
        let Some((last, _)) = page.last() else { return Ok(None) };
        after = last.seq;
        if let Some((task, _)) = page.iter().find(|(task, _)| outboxes.is_carried(tenant, &task.task.queue)) {
            return Ok(Some(task.at));
        }
        limit = MAX_TASKS_A_PAGE;
    }
}

fn set(tenant: &str, counts: &BTreeMap<Standing, u64>) {
    for (standing, count) in counts {
        let labels = [("tenant", tenant.to_owned()), ("standing", standing.name().to_owned())];
        metrics::gauge!("muster_delivery_tasks", &labels).set(as_gauge(*count));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn as_gauge(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
