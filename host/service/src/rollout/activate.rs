//! The moment at which a candidate decides: the binding is replaced if it is still the one that the preview has looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use muster_model::{Binding, Rollout, RolloutState, Step, StepName, StepState, TenantId, TenantRow};
use serde_json::{Value, json};

use super::frame::{Ended, Found, changed};
use super::running;
use crate::admin::Hidden;
use crate::{AdminError, Service};

impl Service {
    /// Lets the candidate of a previewed rollout decide. Requests in flight finish with the old binding; none fails.
    pub async fn activate_rollout(&self, tenant: &str, id: &str) -> Result<Value, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let rollout = self.rollout_named(&row, id).await?;
        if rollout.state != RolloutState::Waiting {
            let state = rollout.state.as_str();
            return Err(AdminError::InUse(format!("rollout {id} is {state}; only one that waits can be activated")));
        }
        if row.binding.revision != rollout.revision {
            return Err(changed(&row.binding, &rollout));
        }
        // From here on the row tells, if the server ends in between, that it may be done or not.
        self.set_activating(&rollout).await?;
        match self.make_active(row, &rollout).await {
            Ok(()) => {}
            Err(error) => {
                self.set_waiting(&rollout).await?;
                return Err(error);
            }
        }
        self.rollout_view(&self.rollout_named(&self.row(tenant)?, id).await?).await
    }

    /// The same as a step of its own; also where the server ended in the middle of it.
    pub(super) async fn activate_by_itself(&self, rollout: &Rollout) -> Result<Found, Ended> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(rollout.tenant.as_str())?;
        if row.binding.revision == rollout.revision {
            self.make_active(row, rollout).await?;
        } else if row.binding.revision == rollout.revision + 1 && is_of(&row.binding, rollout) {
            self.set_active(rollout, row.binding.revision).await?;
        } else {
            return Err(changed(&row.binding, rollout).into());
        }
        Ok(Found::done(Value::Null))
    }

    /// The caller holds the administration lock, and has seen that the binding is at the rollout's revision.
    async fn make_active(&self, row: TenantRow, rollout: &Rollout) -> Result<(), AdminError> {
        // Whoever only wants to map again what is stored keeps the way back to the binding before.
        if is_of(&row.binding, rollout) {
            return self.set_active(rollout, row.binding.revision).await;
        }
        let (tenant, revision) = (row.id.clone(), row.binding.revision);
        let before = self.tenants.view().tenant(&tenant).and_then(|tenant| tenant.bound.load_full());
        self.rebind(row, rollout.plugin, rollout.config.clone(), Some(revision), Hidden::Refused).await?;
        if let Some(before) = before {
            self.rollouts.before().insert(tenant, Arc::downgrade(&before));
        }
        self.set_active(rollout, revision + 1).await
    }

    async fn set_activating(&self, rollout: &Rollout) -> Result<(), AdminError> {
        let now = self.parts.clock.now();
        let begun = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            rollout.state = RolloutState::Running;
            rollout.until = rollout.until.max(StepName::Activate);
            rollout.says = None;
            if let Some(step) = rollout.step_mut(StepName::Activate) {
                *step = Step { state: StepState::Running, began: Some(now), ..Step::pending(StepName::Activate) };
            }
            Ok(())
        });
        begun.await.map(drop)
    }

    async fn set_waiting(&self, rollout: &Rollout) -> Result<(), AdminError> {
        let waits = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            rollout.state = RolloutState::Waiting;
            if let Some(step) = rollout.step_mut(StepName::Activate) {
                *step = Step::pending(StepName::Activate);
            }
            Ok(())
        });
        waits.await.map(drop)
    }

    async fn set_active(&self, rollout: &Rollout, revision: u64) -> Result<(), AdminError> {
        let now = self.parts.clock.now();
        let is_under_way = self.rollouts.of(rollout.id).is_some();
        let active = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            rollout.activated = Some(revision);
            if let Some(step) = rollout.step_mut(StepName::Activate) {
                step.state = StepState::Done;
                step.ended = Some(now);
                step.findings = json!({ "revision": revision });
            }
            // Whoever works on it goes on with the next step.
            if !is_under_way {
                rollout.state = RolloutState::Active;
            }
            Ok(())
        });
        active.await?;
        tracing::info!(tenant.id = %rollout.tenant, rollout.id = %rollout.id, binding.revision = revision, "candidate activated");
        Ok(())
    }

    /// Maps what is stored by the candidate that decides, from where that was interrupted.
    pub async fn remap_rollout(self: &Arc<Self>, tenant: &str, id: &str) -> Result<Value, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let rollout = self.rollout_named(&row, id).await?;
        let state = rollout.state.as_str();
        if !matches!(rollout.state, RolloutState::Active | RolloutState::Done) {
            return Err(AdminError::InUse(format!("rollout {id} is {state}; activate it first")));
        }
        if !is_of(&row.binding, &rollout) {
            return Err(AdminError::InUse(format!("rollout {id} is not what decides for tenant {tenant}")));
        }
        let others = self.parts.store.rollouts(&row.id).await?;
        if let Some(other) = others.iter().find(|other| other.state == RolloutState::Running) {
            return Err(running(other));
        }
        let is_again = rollout.state == RolloutState::Done;
        let set = self.change_rollout(&row.id, rollout.id, |rollout| {
            rollout.state = RolloutState::Running;
            rollout.until = StepName::Remap;
            rollout.says = None;
            rollout.cursor = rollout.cursor.take().filter(|_| !is_again);
            if let Some(step) = rollout.step_mut(StepName::Remap) {
                let findings = if is_again { Value::Null } else { step.findings.take() };
                *step = Step { began: step.began, findings, ..Step::pending(StepName::Remap) };
            }
            Ok(())
        });
        let set = set.await?;
        if let Err(error) = self.set_to_work(&set) {
            let back = self.change_rollout(&row.id, rollout.id, |rollout| {
                rollout.state = RolloutState::Active;
                Ok(())
            });
            back.await?;
            return Err(error);
        }
        self.rollout_view(&set).await
    }

    /// A binding has been replaced by another one: what was rolled out with it is not what decides any more. Failing here undoes nothing.
    pub(crate) async fn leave_rollouts(&self, tenant: &TenantId, left: &Binding, state: RolloutState) {
        if let Err(error) = self.mark_left(tenant, left, state).await {
            tracing::warn!(tenant.id = %tenant, %error, "a rollout was not told that its binding was left");
        }
    }

    async fn mark_left(&self, tenant: &TenantId, left: &Binding, state: RolloutState) -> Result<(), AdminError> {
        let rollouts = self.parts.store.rollouts(tenant).await?;
        let decided = |rollout: &&Rollout| {
            let is_active = matches!(rollout.state, RolloutState::Active | RolloutState::Done | RolloutState::Running);
            is_active && rollout.activated.is_some() && is_of(left, rollout)
        };
        for rollout in rollouts.iter().filter(decided) {
            if let Some(worker) = self.rollouts.of(rollout.id) {
                worker.cancelled.store(true, Ordering::Relaxed);
            }
            let marked = self.change_rollout(tenant, rollout.id, |rollout| {
                self.end_step(rollout, StepState::Cancelled, None);
                rollout.state = state;
                Ok(())
            });
            marked.await?;
        }
        Ok(())
    }
}

/// Whether a binding is the candidate.
pub(super) fn is_of(binding: &Binding, rollout: &Rollout) -> bool {
    binding.plugin == rollout.plugin && binding.config == rollout.config
}
