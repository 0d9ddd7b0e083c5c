use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use muster_delivery::{Carrier, Dice};
use muster_model::{Task, TenantId};
use muster_plugin::Outcome;
use tokio::sync::watch;

/// The tenant whose endpoint hangs.
pub(crate) const DEAD: &str = "dead";

/// The action of tasks whose way is measured.
pub(crate) const SINGLE: &str = "single";

/// Answers at once, but for one tenant, which does not before it is told to; notes when it was asked.
#[derive(Debug, Default)]
pub(crate) struct Instantly {
    done: AtomicU64,
    /// When the commit of a task was acknowledged, and how long after that it was here.
    sent: Mutex<HashMap<String, Instant>>,
    lags_ms: Mutex<Vec<f64>>,
    answers: watch::Sender<bool>,
}

#[async_trait]
impl Carrier for Instantly {
    async fn carry(&self, tenant: &TenantId, task: &Task, _: u32) -> Outcome {
        if tenant.as_str() == DEAD {
            // It is told as long as this is there.
            let _ = self.answers.subscribe().wait_for(|answers| *answers).await;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        if task.task.action == SINGLE {
            let sent = lock(&self.sent).remove(&task.task.idempotency_key);
            lock(&self.lags_ms).extend(sent.map(|sent| sent.elapsed().as_secs_f64() * 1e3));
        }
        Outcome::Done
    }
}

impl Instantly {
    /// How many it has answered.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) async fn until(&self, done: u64) {
        while self.done() < done {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The endpoint that hung answers from now on.
    pub(crate) fn revive(&self) {
        self.answers.send_replace(true);
    }

    /// The task is on its way: it may be here before its commit is acknowledged.
    pub(crate) fn sends(&self, key: &str) {
        lock(&self.sent).insert(key.to_owned(), Instant::now());
    }

    /// Its commit is acknowledged.
    pub(crate) fn sent(&self, key: &str) {
        if let Some(sent) = lock(&self.sent).get_mut(key) {
            *sent = Instant::now();
        }
    }

    /// How long after its commit each single task was here, in ms, the shortest first.
    pub(crate) fn lags_ms(&self) -> Vec<f64> {
        let mut lags = lock(&self.lags_ms).clone();
        lags.sort_by(f64::total_cmp);
        lags
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing fails here, so there are no pauses that chance would spread.
#[derive(Debug)]
pub(crate) struct NoDice;

impl Dice for NoDice {
    fn below(&self, _: u64) -> u64 {
        0
    }
}
