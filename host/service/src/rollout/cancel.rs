//! The end of a rollout that somebody does not want any more.

use std::sync::atomic::Ordering;

use muster_model::{Rollout, RolloutState, StepState};
use serde_json::Value;

use super::{CANCEL_WAIT, is_under_way};
use crate::{AdminError, Service};

impl Service {
    /// Ends what is under way, or what waits. A candidate that decides already goes on deciding; what was mapped again stays so.
    pub async fn cancel_rollout(&self, tenant: &str, id: &str) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let rollout = self.rollout_named(&row, id).await?;
        match rollout.state {
            RolloutState::Running | RolloutState::Waiting | RolloutState::Watching => {}
            RolloutState::Active
            | RolloutState::Done
            | RolloutState::Failed
            | RolloutState::Cancelled
            | RolloutState::RolledBack
            | RolloutState::Replaced => {
                let state = rollout.state.as_str();
                return Err(AdminError::InUse(format!("rollout {id} is {state}: there is nothing to cancel")));
            }
        }
        if let Some(mut worker) = self.rollouts.of(rollout.id) {
            worker.cancelled.store(true, Ordering::Relaxed);
            // The sender goes with the work: there is never anything to be told but its end.
            if tokio::time::timeout(CANCEL_WAIT, worker.working.changed()).await.is_err() {
                return Err(AdminError::InUse(format!("rollout {id} is being cancelled; ask again in a moment")));
            }
        }
        // Who activates it at this moment does so to the end.
        let _one_at_a_time = self.administration.lock().await;
        let is_worked_on = self.rollouts.of(rollout.id).is_some();
        let before = rollout;
        let cancelled = self.change_rollout(&row.id, before.id, |rollout| {
            let is_ending = is_under_way(rollout) || rollout.state == RolloutState::Waiting;
            if is_ending && !is_worked_on {
                self.end_step(rollout, StepState::Cancelled, None);
            } else if !was_cancelled(&before, rollout) {
                return Err(came_too_late(rollout));
            }
            Ok(())
        });
        self.rollout_view(&cancelled.await?).await
    }
}

/// Whether whoever was to stop working on it has ended it for that reason.
fn was_cancelled(before: &Rollout, now: &Rollout) -> bool {
    let cancelled = |rollout: &Rollout| rollout.steps.iter().filter(|step| step.state == StepState::Cancelled).count();
    now.state == RolloutState::Cancelled || cancelled(now) > cancelled(before)
}

/// What was to be cancelled has become something else in the meantime.
fn came_too_late(rollout: &Rollout) -> AdminError {
    let (id, tenant, state) = (rollout.id, &rollout.tenant, rollout.state.as_str());
    AdminError::InUse(if rollout.state == RolloutState::Watching {
        format!(
            "rollout {id} was activated in the meantime, and is watched; to end the watch: muster rollout cancel {tenant} {id}"
        )
    } else if is_under_way(rollout) {
        format!("rollout {id} goes on with its next step; ask again in a moment")
    } else {
        format!("rollout {id} has become {state} in the meantime: there is nothing to cancel")
    })
}
