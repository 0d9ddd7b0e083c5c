//! What shadow and canary have in common: a candidate that hangs on the binding that decides, for a time.

use std::sync::Arc;
use std::time::Duration;

use muster_model::{Rollout, RolloutId, RolloutState, Step, StepName, StepState, TenantId, Timestamp};
use serde_json::Value;

use super::frame::{Ended, changed, check_against};
use super::{CANCEL_WAIT, Work, trials};
use crate::binding::Bound;
use crate::trial::{Canary, Trial};
use crate::{AdminError, Service};

/// How often it is looked whether a trial is over.
pub(super) const LOOKED_EVERY: Duration = Duration::from_millis(200);

/// How often what a trial has found is kept.
pub(super) const KEPT_EVERY: Duration = Duration::from_secs(1);

/// How often it is looked whether a canary has come to its activation.
const PROMOTED_PAUSE: Duration = Duration::from_millis(20);

/// A candidate that is tried, and the binding that it hangs on.
#[derive(Debug)]
pub(super) struct Live {
    pub trial: Arc<Trial>,
    pub present: Arc<Bound>,
    pub candidate: Arc<Bound>,
}

impl Service {
    /// Begins to try the candidate on live requests, or finds it being tried already: after a restart.
    pub(super) async fn begin_trial(
        &self,
        work: &Work,
        rollout: &Rollout,
        make: impl FnOnce(Arc<Bound>) -> Trial,
    ) -> Result<Live, Ended> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(rollout.tenant.as_str())?;
        if row.binding.revision != rollout.revision {
            return Err(changed(&row.binding, rollout).into());
        }
        let present = self.present_of(&work.tenant).ok_or(crate::ScimError::PluginNotLoaded)?;
        if let Some(trial) = present.trial.load_full()
            && let Trial::Canary(Canary { rollout: id, candidate, .. }) = &*trial
            && *id == work.id
        {
            let candidate = candidate.clone();
            return Ok(Live { trial, present, candidate });
        }
        let candidate = Arc::new(self.candidate(&row, rollout.plugin, rollout.config.clone()).await?);
        let trial = Arc::new(make(candidate.clone()));
        present.trial.store(Some(trial.clone()));
        Ok(Live { trial, present, candidate })
    }

    /// Whether the trial goes on; what has ended it is an error, or that it was to end early.
    pub(super) async fn trial_goes_on(&self, work: &Work, live: &Live) -> Result<bool, Ended> {
        self.go_on(work)?;
        let rollout = self.rollout_of(work).await?;
        if rollout.state != RolloutState::Running {
            return Err(Ended::Cancelled);
        }
        let is_there = self.present_of(&work.tenant).is_some_and(|present| Arc::ptr_eq(&present, &live.present));
        if !is_there {
            return Err(changed(&self.row(work.tenant.as_str())?.binding, &rollout).into());
        }
        Ok(!is_promoted(&rollout))
    }

    /// The candidate is not tried any more: whoever is bound decides alone. Unless the server stops, for then it is tried again after.
    pub(super) fn end_trial(&self, tenant: &TenantId, id: RolloutId) {
        if *self.stopping.borrow() {
            return;
        }
        if let Some(present) = self.present_of(tenant)
            && present.trial.load().as_ref().is_some_and(|trial| trial.rollout() == id)
        {
            present.trial.store(None);
        }
    }

    /// Goes on with canaries that the end of the server has interrupted, before the first request comes: each user is decided by the same
    /// plugin as before. What cannot be gone on with is told by its rollout.
    pub(crate) async fn restore_canaries(&self) -> Result<(), AdminError> {
        let tenants: Vec<TenantId> = self.tenants.view().rows().map(|row| row.id.clone()).collect();
        for tenant in tenants {
            for rollout in self.parts.store.rollouts(&tenant).await? {
                let is_canary = rollout.step(StepName::Canary).is_some_and(|step| step.state == StepState::Running);
                if rollout.state == RolloutState::Running
                    && is_canary
                    && let Err(error) = self.restore_canary(&rollout).await
                {
                    tracing::warn!(tenant.id = %tenant, rollout.id = %rollout.id, %error, "a canary cannot go on");
                }
            }
        }
        Ok(())
    }

    async fn restore_canary(&self, rollout: &Rollout) -> Result<(), AdminError> {
        let (row, canary) = (self.row(rollout.tenant.as_str())?, rollout.trials.canary);
        let (Some(canary), Some(present)) = (canary, self.present_of(&rollout.tenant)) else { return Ok(()) };
        if row.binding.revision != rollout.revision {
            return Ok(());
        }
        let candidate = Arc::new(self.candidate(&row, rollout.plugin, rollout.config.clone()).await?);
        let canary = Canary { rollout: rollout.id, candidate, percent: canary.percent };
        present.trial.store(Some(Arc::new(Trial::Canary(canary))));
        Ok(())
    }

    /// Ends a trial that is under way with the activation of its candidate, and waits for that; `None`: there is none under way.
    pub(super) async fn promote(&self, tenant: &str, id: &str, anyway: bool) -> Result<Option<Value>, AdminError> {
        let row = self.row(tenant)?;
        let rollout = self.rollout_named(&row, id).await?;
        if !is_tried(&rollout) {
            return Ok(None);
        }
        if !anyway {
            check_against(&rollout)?;
        }
        let promoted = self.change_rollout(&row.id, rollout.id, |rollout| {
            if is_tried(rollout) {
                rollout.accepted = true;
                rollout.until = rollout.until.max(StepName::Activate);
                trials::skip_pending(rollout);
            }
            Ok(())
        });
        promoted.await?;
        let activated = async {
            loop {
                let now = self.rollout_named(&row, id).await?;
                if now.activated.is_some() || now.state != RolloutState::Running {
                    return Ok::<_, AdminError>(now);
                }
                tokio::time::sleep(PROMOTED_PAUSE).await;
            }
        };
        match tokio::time::timeout(CANCEL_WAIT, activated).await {
            Ok(now) => Ok(Some(self.rollout_view(&now?).await?)),
            Err(_) => Err(AdminError::InUse(format!("rollout {id} is being activated; ask again in a moment"))),
        }
    }

    /// Goes on with the trials that were asked for, whatever speaks against the candidate.
    pub async fn continue_rollout(self: &Arc<Self>, tenant: &str, id: &str) -> Result<Value, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let rollout = self.rollout_named(&row, id).await?;
        let state = rollout.state.as_str();
        let last = trials::last(&rollout.trials).filter(|_| trials::is_any_pending(&rollout));
        let Some(last) = last.filter(|_| rollout.state == RolloutState::Waiting) else {
            return Err(AdminError::InUse(format!("rollout {id} is {state}, and waits for no trial")));
        };
        if row.binding.revision != rollout.revision {
            return Err(changed(&row.binding, &rollout));
        }
        let others = self.parts.store.rollouts(&row.id).await?;
        if let Some(other) = others.iter().find(|other| super::is_under_way(other)) {
            return Err(super::running(other));
        }
        let before = (rollout.until, rollout.accepted, rollout.says.clone());
        let set = self.change_rollout(&row.id, rollout.id, |rollout| {
            (rollout.state, rollout.until, rollout.accepted, rollout.says) = (RolloutState::Running, last, true, None);
            Ok(())
        });
        let set = set.await?;
        if let Err(error) = self.set_to_work(&set) {
            let back = self.change_rollout(&row.id, rollout.id, |rollout| {
                (rollout.until, rollout.accepted, rollout.says) = before.clone();
                rollout.state = RolloutState::Waiting;
                Ok(())
            });
            back.await?;
            return Err(error);
        }
        self.rollout_view(&set).await
    }
}

/// Whether somebody wants the candidate to be activated without waiting for the end of its trial.
fn is_promoted(rollout: &Rollout) -> bool {
    rollout.accepted && rollout.until >= StepName::Activate
}

fn is_tried(rollout: &Rollout) -> bool {
    let is_live =
        |step: &Step| matches!(step.name, StepName::Shadow | StepName::Canary) && step.state == StepState::Running;
    rollout.state == RolloutState::Running && rollout.steps.iter().any(is_live)
}

/// How long a step has been under way, and how long it is to be, in milliseconds: by the clock, so that a restart does not begin anew.
pub(super) fn passed_ms(rollout: &Rollout, name: StepName, now: Timestamp) -> u64 {
    let began = rollout.step(name).and_then(|step| step.began).unwrap_or(now);
    u64::try_from(now.as_millis().saturating_sub(began.as_millis())).unwrap_or_default()
}
