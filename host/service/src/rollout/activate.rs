//! The moment at which a candidate decides: the binding is replaced if it is still the one that the preview has looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_model::{Binding, HexDigest, Rollout, RolloutState, Step, StepName, StepState, TenantId, TenantRow};
use serde_json::{Value, json};

use super::again::{BackOff, may_pass};
use super::back::is_on_its_way_back;
use super::frame::{Ended, Found, changed, check_against, outdate, since};
use super::watch::{begin, compare_with, unwatched};
use super::{is_under_way, running, trials};
use crate::admin::Hidden;
use crate::grants::NewGrants;
use crate::{AdminError, Service};

/// How often it is tried to write that a candidate decides, once it does.
const TOLD_TRIES: usize = 5;

/// The first pause between two of these attempts.
const TOLD_PAUSE: Duration = Duration::from_millis(100);

/// How a candidate comes to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// An operator has waited for the preview; nobody works on the rollout now.
    Hand,
    /// The rollout was to go so far, and goes on.
    Itself,
}

impl Service {
    /// Lets the candidate of a previewed rollout decide; one against which something speaks, only if it is to `anyway`. Requests in flight
    /// finish with the old binding; none fails.
    pub async fn activate_rollout(self: &Arc<Self>, tenant: &str, id: &str, anyway: bool) -> Result<Value, AdminError> {
        if let Some(activated) = self.promote(tenant, id, anyway).await? {
            return Ok(activated);
        }
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let rollout = self.rollout_named(&row, id).await?;
        let was_replaced = rollout.state == RolloutState::Replaced && rollout.activated.is_none();
        if rollout.state != RolloutState::Waiting && !was_replaced {
            let state = rollout.state.as_str();
            return Err(AdminError::InUse(format!("rollout {id} is {state}; only one that waits can be activated")));
        }
        if row.binding.revision != rollout.revision {
            return Err(changed(&row.binding, &rollout));
        }
        if !anyway {
            check_against(&rollout)?;
        }
        // From here on the row tells, if the server ends in between, that it may be done or not.
        self.set_activating(&rollout).await?;
        let row_id = row.id.clone();
        match self.make_active(row, &rollout, By::Hand).await {
            Ok(()) => {}
            // It decides, and nothing waits any more: its row says that it is being activated, and the work on it goes on from there.
            Err(error) if self.is_made(&rollout)? => {
                let _ = self.set_to_work(&rollout);
                return Err(error);
            }
            Err(error) => {
                self.set_waiting(&rollout).await?;
                return Err(error);
            }
        }
        let active = self.rollout_named(&self.row(tenant)?, id).await?;
        if active.state == RolloutState::Watching {
            self.set_to_watch(&row_id, active.id);
        }
        self.rollout_view(&active).await
    }

    /// The same as a step of its own; also where the server ended in the middle of it.
    pub(super) async fn activate_by_itself(&self, rollout: &Rollout) -> Result<Found, Ended> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(rollout.tenant.as_str())?;
        if row.binding.revision == rollout.revision {
            if let Err(error) = self.make_active(row, rollout, By::Itself).await {
                // What decides has not failed to be activated: the next attempt finds it made.
                return Err(if self.is_made(rollout)? { Ended::Stopped } else { error.into() });
            }
        } else if self.is_made(rollout)? {
            self.tell_active(rollout, row.binding.revision, By::Itself).await.map_err(|_| Ended::Stopped)?;
        } else {
            return Err(changed(&row.binding, rollout).into());
        }
        Ok(Found::done(Value::Null))
    }

    /// The caller holds the administration lock, and has seen that the binding is at the rollout's revision.
    async fn make_active(&self, row: TenantRow, rollout: &Rollout, by: By) -> Result<(), AdminError> {
        // Whoever only wants to map again what is stored keeps the way back to the binding before.
        if is_of(&row.binding, rollout) {
            return self.set_active(rollout, row.binding.revision, by).await;
        }
        let (tenant, revision) = (row.id.clone(), row.binding.revision);
        let before = self.present_of(&tenant);
        let compared = self.change_rollout(&tenant, rollout.id, |rollout| {
            compare_with(rollout, &row.binding, before.as_deref());
            Ok(())
        });
        compared.await?;
        let row = self.with_grants(row, &rollout.plugin, &NewGrants::These(rollout.grants.clone())).await?;
        self.rebind(row, rollout.plugin, rollout.config.clone(), Some(revision), Hidden::Refused).await?;
        self.tell_active(rollout, revision + 1, by).await
    }

    /// Whether the candidate has been bound, whatever its rollout says so far.
    pub(super) fn is_made(&self, rollout: &Rollout) -> Result<bool, AdminError> {
        Ok(is_made_by(&self.row(rollout.tenant.as_str())?.binding, rollout))
    }

    /// The candidate decides. What the store cannot write of that at this moment is tried again.
    async fn tell_active(&self, rollout: &Rollout, revision: u64, by: By) -> Result<(), AdminError> {
        let mut back_off = BackOff::from(TOLD_PAUSE);
        for _ in 1..TOLD_TRIES {
            match self.set_active(rollout, revision, by).await {
                Err(error) if may_pass(&error) => tokio::time::sleep(back_off.pause()).await,
                told => return told,
            }
        }
        self.set_active(rollout, revision, by).await
    }

    async fn set_activating(&self, rollout: &Rollout) -> Result<(), AdminError> {
        let now = self.parts.clock.now();
        let begun = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            rollout.state = RolloutState::Running;
            rollout.until = rollout.until.max(StepName::Activate);
            trials::skip_pending(rollout);
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

    async fn set_active(&self, rollout: &Rollout, revision: u64, by: By) -> Result<(), AdminError> {
        let now = self.parts.clock.now();
        let active = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            rollout.activated = Some(revision);
            if let Some(step) = rollout.step_mut(StepName::Activate) {
                step.state = StepState::Done;
                step.ended = Some(now);
                step.findings["revision"] = json!(revision);
            }
            // Whoever works on it goes on with the next step.
            if by == By::Itself {
                return Ok(());
            }
            rollout.state = RolloutState::Active;
            match unwatched(rollout) {
                None => begin(rollout, now),
                Some(says) => {
                    if let Some(step) = rollout.step_mut(StepName::Watch) {
                        (step.state, step.says) = (StepState::Skipped, Some(says.to_owned()));
                    }
                }
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
        match rollout.state {
            RolloutState::Active | RolloutState::Done if is_of(&row.binding, &rollout) => {}
            RolloutState::Watching => return self.remap_after_watch(&rollout).await,
            RolloutState::Running => return Err(running(&rollout)),
            RolloutState::Waiting => {
                let first = format!("muster rollout activate {tenant} {id}");
                return Err(AdminError::InUse(format!("rollout {id} waits to be activated; do that first: {first}")));
            }
            RolloutState::Active
            | RolloutState::Done
            | RolloutState::Failed
            | RolloutState::Cancelled
            | RolloutState::RolledBack
            | RolloutState::Replaced => {
                let start = format!("muster rollout start {tenant} --until remap");
                return Err(AdminError::InUse(format!(
                    "rollout {id} is not what decides; to map what is stored by what does: {start}"
                )));
            }
        }
        let others = self.parts.store.rollouts(&row.id).await?;
        if let Some(other) = others.iter().find(|other| is_under_way(other)) {
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

    /// Whoever wants it mapped while it is watched has it mapped when that has gone well.
    async fn remap_after_watch(&self, rollout: &Rollout) -> Result<Value, AdminError> {
        let set = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            if rollout.state != RolloutState::Watching {
                return Err(AdminError::InUse(format!(
                    "the watch of rollout {} has just ended; try again",
                    rollout.id
                )));
            }
            rollout.until = StepName::Remap;
            Ok(())
        });
        self.rollout_view(&set.await?).await
    }

    /// A binding has been replaced by another one, or the settings beside it: what was rolled out with it is not what decides any more, and
    /// what was compared with it waits in vain. Failing here undoes nothing.
    pub(crate) async fn leave_rollouts(&self, tenant: &TenantId, left: &Binding, now: &Binding, state: RolloutState) {
        if let Err(error) = self.mark_left(tenant, left, now, state).await {
            tracing::warn!(tenant.id = %tenant, %error, "a rollout was not told that its binding was left");
        }
    }

    async fn mark_left(
        &self,
        tenant: &TenantId,
        left: &Binding,
        now: &Binding,
        state: RolloutState,
    ) -> Result<(), AdminError> {
        let rollouts = self.parts.store.rollouts(tenant).await?;
        for rollout in rollouts.iter().filter(|rollout| rollout.state == RolloutState::Waiting) {
            let outdated = self.change_rollout(tenant, rollout.id, |rollout| {
                outdate(rollout, now);
                Ok(())
            });
            outdated.await?;
        }
        for rollout in rollouts.iter().filter(|rollout| is_overtaken(rollout, now)) {
            self.mark_overtaken(rollout, now).await?;
        }
        let is_left = (left.plugin, &left.config) != (now.plugin, &now.config);
        let decided = |rollout: &&Rollout| {
            let is_active = is_under_way(rollout) || matches!(rollout.state, RolloutState::Active | RolloutState::Done);
            is_left && is_active && !is_on_its_way_back(rollout) && rollout.activated.is_some() && is_of(left, rollout)
        };
        for rollout in rollouts.iter().filter(decided) {
            self.mark_as(rollout, state).await?;
        }
        Ok(())
    }

    /// What it looks at, or is tried beside, does not decide any more: it ends where it is, and makes room for another one.
    async fn mark_overtaken(&self, rollout: &Rollout, now: &Binding) -> Result<(), AdminError> {
        if let Some(worker) = self.rollouts.of(rollout.id) {
            worker.cancelled.store(true, Ordering::Relaxed);
        }
        let marked = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            if is_overtaken(rollout, now) {
                self.end_overtaken(rollout, now);
            } else {
                // Between two steps it has come to wait.
                outdate(rollout, now);
            }
            Ok(())
        });
        marked.await.map(drop)
    }

    /// Ends the step that is under way, and the rollout with it.
    pub(super) fn end_overtaken(&self, rollout: &mut Rollout, now: &Binding) {
        self.end_step(rollout, StepState::Cancelled, None);
        rollout.state = RolloutState::Replaced;
        rollout.says = Some(since(now, rollout));
    }

    async fn mark_as(&self, rollout: &Rollout, state: RolloutState) -> Result<(), AdminError> {
        if let Some(worker) = self.rollouts.of(rollout.id) {
            worker.cancelled.store(true, Ordering::Relaxed);
        }
        let marked = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            // Why the tenant went back by itself stays told.
            if !is_on_its_way_back(rollout) {
                self.end_step(rollout, StepState::Cancelled, None);
            }
            rollout.state = state;
            Ok(())
        });
        marked.await.map(drop)
    }

    /// The server may have ended when another binding was made already and the rollouts were not yet told.
    pub(super) async fn compare_with_bound(&self, tenant: &TenantId) -> Result<(), AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let binding = self.row(tenant.as_str())?.binding;
        for rollout in self.parts.store.rollouts(tenant).await? {
            if rollout.state == RolloutState::Waiting && rollout.revision != binding.revision {
                let outdated = self.change_rollout(tenant, rollout.id, |rollout| {
                    outdate(rollout, &binding);
                    Ok(())
                });
                outdated.await?;
            }
            if is_overtaken(&rollout, &binding) {
                self.mark_overtaken(&rollout, &binding).await?;
            }
            self.mark_if_left(&rollout, &binding).await?;
        }
        Ok(())
    }

    /// Whether a candidate that its rollout takes for the one that decides has been left. The caller holds the administration lock.
    pub(super) async fn mark_if_left(&self, rollout: &Rollout, binding: &Binding) -> Result<bool, AdminError> {
        let is_active = is_under_way(rollout) || matches!(rollout.state, RolloutState::Active | RolloutState::Done);
        let Some(activated) = rollout.activated.filter(|_| is_active) else { return Ok(false) };
        // Other settings of the tenant are a later revision, and not another binding.
        if is_of(binding, rollout) && binding.revision >= activated {
            return Ok(false);
        }
        let went_back = is_what_was_left(binding, rollout);
        let state =
            if went_back || is_on_its_way_back(rollout) { RolloutState::RolledBack } else { RolloutState::Replaced };
        self.mark_as(rollout, state).await?;
        tracing::warn!(tenant.id = %rollout.tenant, rollout.id = %rollout.id, rollout.state = state.as_str(), "a candidate does not decide any more");
        Ok(true)
    }
}

/// Whether another binding, or other settings, have come while a rollout has still to come to its activation.
pub(super) fn is_overtaken(rollout: &Rollout, now: &Binding) -> bool {
    rollout.state == RolloutState::Running
        && rollout.activated.is_none()
        && rollout.revision != now.revision
        && !is_made_by(now, rollout)
}

/// Whether a binding is what comes of a rollout's activation.
fn is_made_by(binding: &Binding, rollout: &Rollout) -> bool {
    binding.revision == rollout.revision + 1 && is_of(binding, rollout)
}

/// Whether a binding is the one that the candidate took the place of.
fn is_what_was_left(binding: &Binding, rollout: &Rollout) -> bool {
    let left = rollout.step(StepName::Activate).and_then(|step| step.findings["left"].as_str());
    match left {
        Some(left) => left == mark_of(binding).to_string(),
        // A row of before that was kept tells of the plugin only.
        None => rollout.from != rollout.plugin && rollout.from == binding.plugin,
    }
}

/// By what a binding is known again: its plugin and its configuration.
pub(super) fn mark_of(binding: &Binding) -> HexDigest {
    HexDigest::of(format!("{} {}", binding.plugin, binding.config).as_bytes())
}

/// Whether a binding is the candidate.
pub(super) fn is_of(binding: &Binding, rollout: &Rollout) -> bool {
    binding.plugin == rollout.plugin && binding.config == rollout.config
}
