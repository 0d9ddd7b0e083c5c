//! What connects the dispatcher with the rest of the server: the store's outboxes, who carries what out, and chance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use muster_delivery::{Brake, Carrier, DeliveryLimits, Dice, Dispatcher, OfStore, Parts};
use muster_model::{Clock, Progress, Receiver, ReceiverKind, Task, TenantId};
use muster_plugin::Outcome;
use muster_service::Service;
use muster_store::{Store, StoreError};

use crate::feeding::Carried;

/// The dispatcher of a server. `carrier` carries everything out, in a test; otherwise each task goes to whom its queue names.
pub(crate) fn dispatcher(
    service: Arc<Service>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    carrier: Option<Arc<dyn Carrier>>,
    limits: DeliveryLimits,
) -> anyhow::Result<Dispatcher> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let brake = Arc::new(OfService(service.clone()));
    let dispatcher = Dispatcher::new(Parts {
        outboxes: Arc::new(Carried { of_store: OfStore(store), service: service.clone() }),
        carrier: carrier.unwrap_or_else(|| Arc::new(ByQueue(service))),
        clock,
        dice: Arc::new(Jitter(AtomicU64::new(u64::from_ne_bytes(seed)))),
        limits,
    });
    Ok(dispatcher.braked_by(brake))
}

/// The service knows when the brake is engaged.
#[derive(Debug)]
struct OfService(Arc<Service>);

#[async_trait]
impl Brake for OfService {
    async fn holds(&self, tenant: &TenantId, task: &Task, progress: &Progress) -> Result<bool, StoreError> {
        self.0.brake_holds(tenant, task, progress).await
    }
}

/// Each queue has its own: this is where another kind of queue is added.
#[derive(Debug)]
struct ByQueue(Arc<Service>);

#[async_trait]
impl Carrier for ByQueue {
    async fn carry(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Outcome {
        if task.task.queue.is_of_the_plugin() {
            return self.0.perform(tenant, task, attempt).await;
        }
        if let Some(Receiver { kind: ReceiverKind::Webhook, .. }) = Receiver::of(&task.task.queue) {
            return self.0.carry_webhook(tenant, task, attempt).await;
        }
        if let Some(Receiver { kind: ReceiverKind::Push, .. }) = Receiver::of(&task.task.queue) {
            return self.0.carry_token(tenant, task, attempt).await;
        }
        if task.task.queue.is_of_requests() {
            return self.0.carry_request(tenant, task, attempt).await;
        }
        // Of another version of this program, which has been here before.
        Outcome::Failed { reason: format!("nobody carries out what is in the queue {}", task.task.queue) }
    }
}

/// Numbers that are good enough to keep those apart that failed together.
#[derive(Debug)]
struct Jitter(AtomicU64);

impl Dice for Jitter {
    fn below(&self, bound: u64) -> u64 {
        /// The golden ratio, as splitmix64 has it: every number comes once before one comes again.
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_reaches_every_part_of_a_range_and_nothing_beyond_it() {
        let jitter = Jitter(AtomicU64::new(7));
        let mut hits = [0_u32; 10];
        for _ in 0..10_000 {
            hits[usize::try_from(jitter.below(10)).unwrap()] += 1;
        }
        assert!(hits.iter().all(|hits| (800..1_200).contains(hits)), "{hits:?}");
        assert_eq!(jitter.below(1), 0);
    }
}
