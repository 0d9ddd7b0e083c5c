//! The way back by itself: a candidate over its budget gives way to the binding before.

use std::sync::atomic::Ordering;

use muster_model::{Binding, Rollout, RolloutState, StepName, StepState, TenantRow};
use serde_json::{Value, json};

use super::Work;
use super::activate::is_of;
use super::again::may_pass;
use super::budget::{Over, findings};
use super::seen::Seen;
use super::watch::Watching;
use crate::admin::Hidden;
use crate::figures::Counts;
use crate::{AdminError, Service};

impl Service {
    /// The tenant goes back to the binding before, if the candidate still decides.
    pub(super) async fn fall_back(
        &self,
        work: &Work,
        watching: &Watching,
        counts: &Counts,
        over: Over,
    ) -> Result<(), AdminError> {
        let one_at_a_time = self.administration.lock().await;
        let row = self.row(work.tenant.as_str())?;
        let present = self.rollout_of(work).await?;
        let is_watched = present.state == RolloutState::Watching && !work.cancelled.load(Ordering::Relaxed);
        if !is_watched || self.mark_if_left(&present, &row.binding).await? {
            // Whoever has bound something else, or does not want it to be watched, was quicker.
            return Ok(());
        }
        let (revision, left) = (row.binding.revision, row.binding.clone());
        let mut found = findings(&watching.rollout.watch, &watching.before, counts);
        found["over"] = json!(over.what);
        // Should the server end in the middle, the row tells why there is another binding, and what was counted.
        let mut kept = found.clone();
        kept["seen"] = json!(Seen { counts: *counts, watched_ms: 0 });
        self.keep_watched(work, &over.says, &kept).await?;
        let previous = row.previous.clone().filter(|previous| !is_of(previous, &watching.rollout));
        let went_back = match previous {
            Some(previous) => {
                self.rebind(row, previous.plugin, previous.config, Some(revision), Hidden::Accepted).await
            }
            None => Err(AdminError::NotFound("binding before it to go back to".to_owned())),
        };
        // Nobody is left with what is too much because the store was busy or full for a moment.
        let went_back = match went_back {
            Err(error) if may_pass(&error) => return Err(error),
            other => other,
        };
        let (says, state) = match &went_back {
            Ok(view) => (
                format!("{}; {} {} decides again", over.says, view.plugin.name, view.plugin.version),
                RolloutState::RolledBack,
            ),
            Err(error) => (format!("{}; it decides all the same, because {error}", over.says), RolloutState::Active),
        };
        drop(one_at_a_time);
        if went_back.is_ok() {
            match self.written(&work.tenant, &left).await {
                Ok(written) => found["written"] = json!(written),
                Err(error) => {
                    tracing::warn!(tenant.id = %work.tenant, rollout.id = %work.id, %error, "what a candidate has written was not counted");
                }
            }
        }
        let now = self.parts.clock.now();
        self.change_rollout(&work.tenant, work.id, |rollout| {
            if let Some(step) = rollout.step_mut(StepName::Watch) {
                step.state = StepState::Failed;
                step.ended = Some(now);
                step.says = Some(over.says.clone());
                step.findings.clone_from(&found);
            }
            rollout.state = state;
            rollout.says = Some(says.clone());
            Ok(())
        })
        .await?;
        let went_back = went_back.is_ok();
        metrics::counter!("muster_rollouts_over_budget_total", "reason" => over.what, "went_back" => went_back.to_string())
            .increment(1);
        tracing::warn!(
            tenant.id = %work.tenant, rollout.id = %work.id, plugin.digest = %watching.rollout.plugin, went_back, says,
            "a candidate on probation is over its budget"
        );
        Ok(())
    }

    /// From here on the rollout is on its way back, and nobody else need mark it.
    async fn keep_watched(&self, work: &Work, says: &str, found: &Value) -> Result<(), AdminError> {
        let kept = self.change_rollout(&work.tenant, work.id, |rollout| {
            rollout.says = Some(says.to_owned());
            if let Some(step) = rollout.step_mut(StepName::Watch) {
                step.state = StepState::Failed;
                step.says = Some(says.to_owned());
                step.findings.clone_from(found);
            }
            Ok(())
        });
        kept.await.map(drop)
    }

    /// Whoever goes back just after the tenant has gone back by itself would bring back what was too much.
    pub(crate) async fn check_way_back(&self, row: &TenantRow, previous: &Binding) -> Result<(), AdminError> {
        let rollouts = self.parts.store.rollouts(&row.id).await?;
        let latest = rollouts.iter().rev().find(|rollout| is_of(previous, rollout));
        let left = latest.filter(|rollout| rollout.state == RolloutState::RolledBack).and_then(|rollout| {
            let step = rollout.step(StepName::Watch).filter(|step| step.state == StepState::Failed)?;
            Some((rollout.id, step.ended))
        });
        let Some((id, ended)) = left else { return Ok(()) };
        let at = ended.map_or_else(String::new, |ended| format!(" at {ended}"));
        Err(AdminError::InUse(format!(
            "the binding before is the candidate of rollout {id}, which was rolled back by itself{at}; \
             to bind it again all the same: muster tenant rollback {} --again",
            row.id
        )))
    }
}

/// Whether it was over its budget, and the tenant is going back.
pub(super) fn is_on_its_way_back(rollout: &Rollout) -> bool {
    let has_failed = rollout.step(StepName::Watch).is_some_and(|step| step.state == StepState::Failed);
    rollout.state == RolloutState::Watching && has_failed
}

/// The server has ended in the middle of the way back, before it was made: what was too much is too much still.
pub(super) fn already_over(rollout: &Rollout) -> Option<Over> {
    let step = rollout.step(StepName::Watch).filter(|_| is_on_its_way_back(rollout))?;
    let what = match step.findings["over"].as_str() {
        Some("rejected") => "rejected",
        Some("slow") => "slow",
        Some("left-alone") => "left-alone",
        Some(_) | None => "failed",
    };
    Some(Over { what, says: step.says.clone().unwrap_or_default() })
}
