use std::sync::Arc;

use muster_model::{Actor, Decision, Progress, Queue, Receiver, Standing, TenantId, Timestamp};
use muster_store::{MAX_TASKS_A_PAGE, Outbox, StoreError};
use tokio::task::JoinSet;

use crate::{AdminError, Service};

/// How many tasks of a receiver that is gone are given up at once, before other writes have their turn.
const MAX_GIVEN_UP_AT_ONCE: usize = 64;

/// What waits for somebody, or for somebody's word.
const OPEN: [Standing; 3] = [Standing::Waiting, Standing::Held, Standing::Parked];

/// Who gives up what a receiver that is gone was to be told.
const BY: &str = "receiver-removed";

impl Service {
    /// Gives up what a receiver was to be told, and forgets how far it was fed: it is gone, or one of its name begins anew. To be called
    /// after the tenant's row was replaced, with the administration's lock held.
    pub(crate) async fn forget_receiver(&self, tenant: &TenantId, receiver: &Receiver) -> Result<(), AdminError> {
        Ok(self.forget_queue(tenant, receiver).await?)
    }

    /// The same, if the receiver is gone: whoever feeds may have added something after it went.
    pub async fn forget_if_gone(&self, tenant: &TenantId, receiver: &Receiver) -> Result<(), StoreError> {
        let is_gone = || {
            let view = self.tenants.view();
            view.row(tenant).is_some_and(|row| row.delivery.receivers().all(|other| other != *receiver))
        };
        if !is_gone() {
            return Ok(());
        }
        let _one_at_a_time = self.administration.lock().await;
        if is_gone() { self.forget_queue(tenant, receiver).await } else { Ok(()) }
    }

    /// Whatever waits for receivers that are gone is given up: a removal may have been interrupted.
    pub async fn forget_gone(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let queues = self.parts.store.queues(after, MAX_TASKS_A_PAGE).await?;
            for (tenant, queue) in &queues {
                if let Some(receiver) = Receiver::of(queue) {
                    self.forget_if_gone(tenant, &receiver).await?;
                }
            }
            after = queues.last().cloned();
            if queues.len() < MAX_TASKS_A_PAGE {
                return Ok(());
            }
        }
    }

    async fn forget_queue(&self, tenant: &TenantId, receiver: &Receiver) -> Result<(), StoreError> {
        let (outbox, queue) = (self.parts.store.outbox(tenant), receiver.queue());
        self.bells.forget_polled(tenant, &receiver.name);
        loop {
            let counts = outbox.counts().await?;
            let open: Vec<Standing> = OPEN
                .into_iter()
                .filter(|standing| counts.iter().any(|(of, at, count)| *of == queue && at == standing && *count > 0))
                .collect();
            for standing in &open {
                self.give_up_all(&outbox, &queue, *standing).await?;
            }
            if open.is_empty() {
                return outbox.unfed(&queue).await;
            }
        }
    }

    /// All tasks of a queue that stand so now.
    async fn give_up_all(&self, outbox: &Arc<dyn Outbox>, queue: &Queue, standing: Standing) -> Result<(), StoreError> {
        let (mut after, at) = (0, self.parts.clock.now());
        loop {
            let tasks = outbox.tasks(Some(standing), after, MAX_TASKS_A_PAGE).await?;
            let Some((last, _)) = tasks.last() else { return Ok(()) };
            after = last.seq;
            let own: Vec<_> = tasks.iter().filter(|(task, _)| task.task.queue == *queue).collect();
            for some in own.chunks(MAX_GIVEN_UP_AT_ONCE) {
                let mut decisions = JoinSet::new();
                for (task, progress) in some {
                    let (outbox, seq, revision) = (Arc::clone(outbox), task.seq, progress.revision);
                    let given_up = given_up(progress, at);
                    decisions.spawn(async move { outbox.decide(seq, revision, given_up).await });
                }
                for decided in decisions.join_all().await {
                    match decided {
                        // It went on meanwhile: it is met again if it is still open.
                        Ok(()) | Err(StoreError::Stale) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }
}

fn given_up(progress: &Progress, at: Timestamp) -> Progress {
    let was_tried = progress.attempts > 0;
    let (standing, what) = if was_tried { (Standing::Skipped, "skip") } else { (Standing::Cancelled, "cancel") };
    let mut given_up = Progress { revision: progress.revision + 1, standing, ..progress.clone() };
    given_up.decisions.push(Decision { at, by: Actor::Job(BY.to_owned()), what: what.to_owned() });
    given_up
}
