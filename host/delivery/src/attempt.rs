use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_model::{Attempt as Told, Clock, Progress, Receiver, Standing, Timestamp};
use muster_plugin::Outcome;
use muster_store::{Lease, Outbox, Settled, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::limits::{MAX_FAILURE_CHARS, later};
use crate::turns::{End, Name};
use crate::{Brake, Carrier, DeliveryLimits, Dice, STORE_PAUSE};

/// One attempt at a task: it is carried out, and what came of it is settled.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) name: Name,
    pub(crate) lease: Lease,
    /// The queue fails for several tasks: attempts do not count against this one, unless it is old.
    pub(crate) is_outage: bool,
}

/// What an attempt needs.
#[derive(Debug, Clone)]
pub(crate) struct Means {
    pub(crate) carrier: Arc<dyn Carrier>,
    /// `None`: nothing is held.
    pub(crate) brake: Option<Arc<dyn Brake>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) dice: Arc<dyn Dice>,
    pub(crate) limits: Arc<DeliveryLimits>,
    /// Becomes true when there is no more time for attempts.
    pub(crate) is_over: watch::Receiver<bool>,
    pub(crate) parked: Arc<Parked>,
}

/// How often it is said in the log that tasks are parked: a plugin that is broken parks each task that it planned.
const PARKED_TOLD_EVERY: Duration = Duration::from_mins(1);

/// When it was said last, and how many tasks were parked since.
#[derive(Debug, Default)]
pub(crate) struct Parked(Mutex<(Option<Duration>, u64)>);

impl Parked {
    /// One more; how many others there were since it was said last, if it is to be said now.
    fn one_more(&self, passed: Duration) -> Option<u64> {
        let (told, others) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| passed.saturating_sub(told) < PARKED_TOLD_EVERY) {
            *others += 1;
            return None;
        }
        *told = Some(passed);
        Some(std::mem::take(others))
    }
}

impl Attempt {
    /// From its beginning to what the store knows of it.
    pub(crate) async fn make(self, outbox: Arc<dyn Outbox>, mut means: Means) -> End {
        let mut is_over = means.is_over.clone();
        if self.lease.task.task.destructive
            && let Some(brake) = means.brake.clone()
        {
            match self.is_held(brake.as_ref(), self.lease.progress.clone(), &mut is_over).await {
                Some(false) => {}
                Some(true) => return self.hold(brake.as_ref(), outbox.as_ref(), &mut means).await,
                None => {
                    outbox.let_go(&self.lease).await;
                    return End::Unknown;
                }
            }
        }
        let at = means.clock.now();
        let outcome = tokio::select! {
            biased;
            () = told(&mut is_over) => {
                outbox.let_go(&self.lease).await;
                count("let-go", &self.name);
                return End::Unknown;
            }
            outcome = self.carried(&means) => outcome,
        };
        let (settled, mut end) = self.settled(outcome, at, &means);
        match self.settle(outbox.as_ref(), &settled, &mut means).await {
            Ok(()) => count(label(&settled), &self.name),
            Err(NotSettled) => end = End::Unknown,
        }
        end
    }

    /// What the carrier says. It has a task of its own: one that panics is a carrier that fails, and one that takes too long is dropped.
    async fn carried(&self, means: &Means) -> Outcome {
        let (carrier, limit) = (means.carrier.clone(), means.limits.attempt_timeout);
        let (name, task) = (self.name.clone(), self.lease.task.clone());
        let number = self.number();
        let mut one = JoinSet::new();
        one.spawn(async move { carrier.carry(&name.0, &task, number).await });
        let again = |reason: String| Outcome::Again { reason, after: None };
        match tokio::time::timeout(limit, one.join_next()).await {
            Ok(Some(Ok(outcome))) => outcome,
            Ok(Some(Err(_)) | None) => again("the attempt broke off: the host failed, see its log".to_owned()),
            Err(_) => again(format!("the attempt took longer than {} s and was given up", limit.as_secs())),
        }
    }

    /// What the brake says of it; `None`: it cannot say, and the store is left alone for a while.
    async fn is_held(
        &self,
        brake: &dyn Brake,
        progress: Progress,
        is_over: &mut watch::Receiver<bool>,
    ) -> Option<bool> {
        let asked = tokio::select! {
            biased;
            () = told(is_over) => return None,
            asked = brake.holds(&self.name.0, &self.lease.task, &progress) => asked,
        };
        match asked {
            Ok(is_held) => Some(is_held),
            Err(error) => {
                metrics::counter!("muster_delivery_store_failures_total").increment(1);
                tracing::warn!(tenant.id = %self.name.0, task.seq = self.lease.task.seq, %error, "the brake cannot be asked; the task waits");
                tokio::select! {
                    () = tokio::time::sleep(STORE_PAUSE) => {}
                    () = told(is_over) => {}
                }
                None
            }
        }
    }

    /// It stays where it is until somebody decides over it. Who released all that was held while this was said has not seen it: then it
    /// waits as before.
    async fn hold(self, brake: &dyn Brake, outbox: &dyn Outbox, means: &mut Means) -> End {
        if self.settle(outbox, &Settled::Held, means).await.is_err() {
            return End::Unknown;
        }
        count("held", &self.name);
        let revision = self.lease.progress.revision + 1;
        let held = Progress { revision, standing: Standing::Held, ..self.lease.progress.clone() };
        if self.is_held(brake, held.clone(), &mut means.is_over).await == Some(false) {
            let waits = Progress { revision: revision + 1, standing: Standing::Waiting, ..held };
            if let Err(error) = outbox.decide(self.lease.task.seq, revision, waits).await {
                tracing::debug!(tenant.id = %self.name.0, task.seq = self.lease.task.seq, %error, "somebody has decided over a held task");
            }
        }
        End::Held
    }

    fn number(&self) -> u32 {
        self.lease.progress.attempts.saturating_add(1)
    }

    /// What becomes of the task, and what its queue learns from it.
    fn settled(&self, outcome: Outcome, at: Timestamp, means: &Means) -> (Settled, End) {
        let now = means.clock.now();
        let took_ms = u64::try_from(now.as_millis().saturating_sub(at.as_millis())).unwrap_or(0);
        let told = |failure: Option<String>| Told { at, took_ms, failure };
        let task = &self.lease.task;
        match outcome {
            Outcome::Done => (Settled::Done(told(None)), End::Answered),
            Outcome::Failed { reason } => (Settled::Parked(told(Some(sentence(&reason)))), End::Answered),
            Outcome::Again { reason, after } => {
                // A receiver asks for itself; a plugin may ask for one of its users.
                let asks = after.filter(|_| Receiver::of(&task.task.queue).is_some());
                let until = asks.map(|asked| later(now, asked.min(means.limits.max_asked_pause)));
                let (attempt, end) = (told(Some(sentence(&reason))), End::Failed { seq: task.seq, at: now, until });
                let age_ms = u64::try_from(now.as_millis().saturating_sub(task.at.as_millis())).unwrap_or(0);
                let is_patient = self.is_outage && Duration::from_millis(age_ms) < means.limits.patience;
                if self.number() >= means.limits.attempts && !is_patient {
                    return (Settled::Parked(attempt), end);
                }
                let due = means.limits.due(now, self.number(), after, means.dice.as_ref());
                (Settled::Again { attempt, due }, end)
            }
        }
    }

    /// Tells the store, until it answers or the lease has run out.
    async fn settle(&self, outbox: &dyn Outbox, settled: &Settled, means: &mut Means) -> Result<(), NotSettled> {
        loop {
            let error = match outbox.settle(&self.lease, settled.clone()).await {
                Ok(()) => {
                    self.log(settled, means);
                    return Ok(());
                }
                Err(StoreError::Stale) => {
                    metrics::counter!("muster_delivery_conflicts_total").increment(1);
                    tracing::warn!(
                        tenant.id = %self.name.0, queue.name = %self.name.1, task.seq = self.lease.task.seq,
                        "what came of an attempt does not count: its lease had run out, or somebody has decided over the task"
                    );
                    return Err(NotSettled);
                }
                Err(
                    error @ (StoreError::Taken { .. }
                    | StoreError::TooMany { .. }
                    | StoreError::Full
                    | StoreError::Unavailable(_)
                    | StoreError::Damaged(_)),
                ) => error,
            };
            metrics::counter!("muster_delivery_store_failures_total").increment(1);
            tracing::warn!(tenant.id = %self.name.0, task.seq = self.lease.task.seq, %error, "what came of an attempt cannot be kept yet");
            if means.clock.now() >= self.lease.until {
                return Err(NotSettled);
            }
            tokio::select! {
                () = tokio::time::sleep(STORE_PAUSE) => {}
                () = told(&mut means.is_over) => return Err(NotSettled),
            }
        }
    }

    /// Without the failure: it may say something of a user, and the task's story has it.
    fn log(&self, settled: &Settled, means: &Means) {
        let (tenant, queue) = (&self.name.0, &self.name.1);
        let (seq, attempt) = (self.lease.task.seq, self.number());
        tracing::debug!(tenant.id = %tenant, queue.name = %queue, task.seq = seq, task.attempt = attempt, outcome = label(settled), "attempt ended");
        let is_parked = matches!(settled, Settled::Parked(_));
        if let Some(others) = is_parked.then(|| means.parked.one_more(means.clock.now_and_passed().1)).flatten() {
            tracing::warn!(
                tenant.id = %tenant, queue.name = %queue, task.seq = seq, task.attempt = attempt, others_since = others,
                "a task is parked: `muster task show` tells why; others are not told for a minute"
            );
        }
    }
}

/// Done when there is no more time.
async fn told(is_over: &mut watch::Receiver<bool>) {
    // Without a dispatcher there is no more time either.
    let _ = is_over.wait_for(|is_over| *is_over).await;
}

/// The store does not know what came of it; the task will be tried again when its lease has run out.
struct NotSettled;

fn label(settled: &Settled) -> &'static str {
    match settled {
        Settled::Done(_) => "done",
        Settled::Again { .. } => "again",
        Settled::Parked(_) => "parked",
        Settled::Held => "held",
    }
}

fn count(outcome: &'static str, name: &Name) {
    // `webhook:crm` is a name of a tenant's; `webhook` is one of ours.
    let queue = name.1.as_str().split(':').next().unwrap_or_default().to_owned();
    metrics::counter!("muster_delivery_attempts_total", "outcome" => outcome, "queue" => queue).increment(1);
}

/// What others say, as one line that is not too long.
fn sentence(text: &str) -> String {
    let mut told: String = text.chars().take(MAX_FAILURE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_FAILURE_CHARS).is_some() {
        told.push_str("...");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_once_a_minute_that_tasks_are_parked() {
        let parked = Parked::default();
        let at = Duration::from_secs;
        let told = [0, 1, 59, 60, 61, 200].map(|second| parked.one_more(at(second)));
        assert_eq!(told, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
