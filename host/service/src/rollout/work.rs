//! Work on rollouts as jobs: begun, ended with the server, and gone on with after the next start.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use muster_model::{Rollout, RolloutState, StepState, TenantId};
use tokio::sync::watch as channel;

use super::{Registered, TURN_WAIT, Work, Worker, request_of};
use crate::jobs::Progress;
use crate::{AdminError, Service};

/// How long the end of the server waits until the work on rollouts has stopped.
const STOP_WAIT: Duration = Duration::from_secs(5);

impl Service {
    /// Goes on with what was interrupted when the server ended, and waits until it ends again.
    pub async fn carry_rollouts(self: &Arc<Self>) {
        if let Err(error) = self.resume_rollouts().await {
            tracing::error!(%error, "interrupted rollouts were not gone on with");
        }
        self.told_to_stop().await;
        let working: Vec<Worker> = self.rollouts.lock().values().cloned().collect();
        for mut worker in working {
            let _ = tokio::time::timeout(STOP_WAIT, worker.working.changed()).await;
        }
    }

    async fn resume_rollouts(self: &Arc<Self>) -> Result<(), AdminError> {
        let tenants: Vec<TenantId> = self.tenants.view().rows().map(|row| row.id.clone()).collect();
        let mut interrupted = Vec::new();
        // A candidate that decides is watched before anything waits for its turn among the jobs.
        for tenant in tenants {
            if let Err(error) = self.compare_with_bound(&tenant).await {
                tracing::error!(tenant.id = %tenant, %error, "rollouts were not compared with what is bound");
            }
            for rollout in self.parts.store.rollouts(&tenant).await? {
                match rollout.state {
                    RolloutState::Watching => self.set_to_watch(&tenant, rollout.id),
                    RolloutState::Running => interrupted.push(rollout),
                    RolloutState::Waiting
                    | RolloutState::Active
                    | RolloutState::Done
                    | RolloutState::Failed
                    | RolloutState::Cancelled
                    | RolloutState::RolledBack
                    | RolloutState::Replaced => {}
                }
            }
        }
        for rollout in interrupted {
            while self.rollouts.of(rollout.id).is_none() && self.set_to_work(&rollout).is_err() {
                tokio::select! {
                    () = tokio::time::sleep(TURN_WAIT) => {}
                    () = self.told_to_stop() => return Ok(()),
                }
            }
            tracing::info!(tenant.id = %rollout.tenant, rollout.id = %rollout.id, "rollout goes on");
        }
        Ok(())
    }

    /// Works on a rollout from where it stands, as a job.
    pub(super) fn set_to_work(self: &Arc<Self>, rollout: &Rollout) -> Result<(), AdminError> {
        let (tenant, id, service) = (rollout.tenant.clone(), rollout.id, self.clone());
        let work = |progress: Progress| {
            let (until_dropped, working) = channel::channel(());
            let cancelled = Arc::new(AtomicBool::new(false));
            let worker = Worker { progress: progress.clone(), cancelled: cancelled.clone(), working };
            service.rollouts.lock().insert(id, worker);
            let registered = Registered(service.clone(), id, cancelled.clone());
            async move {
                let work = Work { tenant, id, progress, cancelled };
                let done = service.carry(&work).await;
                service.end_trial(&work.tenant, id);
                if let Err(error) = &done {
                    service.give_up(&work, error).await;
                }
                drop(registered);
                drop(until_dropped);
                service.watch_if_due(&work).await;
                done
            }
        };
        self.jobs.start_as(&request_of(id), "rollout", "resources", work).map(drop)
    }

    /// What cannot be gone on with is not left as if it were under way; unless the server stops, for then it is.
    async fn give_up(&self, work: &Work, error: &AdminError) {
        if *self.stopping.borrow() {
            return;
        }
        let given_up = self.change_rollout(&work.tenant, work.id, |rollout| {
            // What decides already goes on after the next start.
            if rollout.state == RolloutState::Running && (rollout.activated.is_some() || !self.is_made(rollout)?) {
                self.end_step(rollout, StepState::Failed, Some(&error.to_string()));
            }
            Ok(())
        });
        if let Err(error) = given_up.await {
            tracing::warn!(tenant.id = %work.tenant, rollout.id = %work.id, %error, "a rollout ended early, and says that it runs");
        }
    }
}
