//! Probation: the candidate decides and is watched, and over its budget the tenant goes back to the binding before.
//!
//! Watching is no job: it waits, and takes none of their places. It ends with the process and goes on with the next one, for the time that
//! is left; what is counted begins anew then. `rollout/budget.rs` says what is too much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_model::{Rollout, RolloutId, RolloutState, StepName, StepState, TenantId, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch as channel;

use super::activate::is_of;
use super::budget::{Before, Over, Verdict, at_the_end, before, findings, judge, not_loaded};
use super::frame::{Ended, Found};
use super::{Registered, TURN_WAIT, Work, Worker};
use crate::admin::Hidden;
use crate::binding::Bound;
use crate::figures::Counts;
use crate::jobs::Progress;
use crate::{AdminError, Service};

/// How often a candidate is looked at; also at each call that got no account.
const LOOKED_EVERY: Duration = Duration::from_millis(250);

/// A candidate on probation.
#[derive(Debug)]
struct Watching {
    rollout: Rollout,
    before: Before,
    /// When it is over, as the clock counts what has really passed.
    until: Duration,
}

/// Why there is nothing to watch.
pub(super) fn unwatched(rollout: &Rollout) -> Option<&'static str> {
    if rollout.watch.seconds == 0 {
        return Some("it was not to be watched");
    }
    (rollout.activated == Some(rollout.revision)).then_some("it decided before the rollout began")
}

impl Service {
    /// The candidate is on probation from now on, if there is anything to watch.
    pub(super) async fn put_on_probation(&self, rollout: &Rollout) -> Result<Found, Ended> {
        if let Some(says) = unwatched(rollout) {
            return Ok(Found::skipped(says));
        }
        let now = self.parts.clock.now();
        let watching = self.change_rollout(&rollout.tenant, rollout.id, |rollout| {
            if rollout.state == RolloutState::Running {
                begin(rollout, now);
            }
            Ok(())
        });
        watching.await?;
        Err(Ended::Watched)
    }

    /// Watches a candidate that is on probation, unless somebody does already.
    pub(super) fn set_to_watch(self: &Arc<Self>, tenant: &TenantId, id: RolloutId) {
        let (until_dropped, working) = channel::channel(());
        let (progress, cancelled) = (Progress::default(), Arc::new(AtomicBool::new(false)));
        let work = Work { tenant: tenant.clone(), id, progress: progress.clone(), cancelled: cancelled.clone() };
        let registered = Registered(self.clone(), id, cancelled.clone());
        {
            let mut workers = self.rollouts.lock();
            if workers.contains_key(&id) {
                return;
            }
            workers.insert(id, Worker { progress, cancelled, working });
        }
        let service = self.clone();
        tokio::spawn(async move {
            // What the store could not do it may be able to do in a moment.
            while let Err(error) = service.watch(&work).await {
                tracing::error!(tenant.id = %work.tenant, rollout.id = %work.id, %error, "a candidate cannot be watched");
                tokio::select! {
                    () = tokio::time::sleep(TURN_WAIT) => {}
                    () = service.told_to_stop() => break,
                }
            }
            drop(registered);
            drop(until_dropped);
            service.go_on_after_watch(&work).await;
        });
    }

    /// As soon as a job has ended that came as far as the watch.
    pub(super) async fn watch_if_due(self: &Arc<Self>, work: &Work) {
        match self.rollout_of(work).await {
            Ok(rollout) if rollout.state == RolloutState::Watching => self.set_to_watch(&work.tenant, work.id),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(tenant.id = %work.tenant, rollout.id = %work.id, %error, "a candidate is not watched");
            }
        }
    }

    /// What was to be mapped again after the watch waits for its turn among the jobs.
    async fn go_on_after_watch(self: &Arc<Self>, work: &Work) {
        while let Ok(rollout) = self.rollout_of(work).await
            && rollout.state == RolloutState::Running
            && self.rollouts.of(work.id).is_none()
            && self.set_to_work(&rollout).is_err()
        {
            tokio::select! {
                () = tokio::time::sleep(TURN_WAIT) => {}
                () = self.told_to_stop() => return,
            }
        }
    }

    async fn watch(&self, work: &Work) -> Result<(), AdminError> {
        let watching = self.watching(work).await?;
        if is_on_its_way_back(&watching.rollout) && self.is_back(work, &watching.rollout).await? {
            return Ok(());
        }
        work.progress.set_total(u64::from(watching.rollout.watch.seconds));
        loop {
            let passed = self.parts.clock.now_and_passed().1;
            let left = watching.until.saturating_sub(passed);
            work.progress.set_done(u64::from(watching.rollout.watch.seconds).saturating_sub(left.as_secs()));
            if work.cancelled.load(Ordering::Relaxed) || *self.stopping.borrow() {
                return Ok(());
            }
            let Some(bound) = self.present_of(&work.tenant) else {
                return self.fall_back(work, &watching, &Counts::default(), not_loaded()).await;
            };
            let counts = bound.own.counts();
            if let Some(over) = judge(&watching.rollout.watch, &watching.before, &counts) {
                return self.fall_back(work, &watching, &counts, over).await;
            }
            if left.is_zero() {
                return self.end_watch(work, &watching, &counts).await;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOKED_EVERY) => {}
                () = bound.own.missed() => {}
                () = self.told_to_stop() => {}
            }
        }
    }

    /// Who is watched, for how long still, and against what.
    async fn watching(&self, work: &Work) -> Result<Watching, AdminError> {
        let rollout = self.rollout_of(work).await?;
        let (now, passed) = self.parts.clock.now_and_passed();
        let step = rollout.step(StepName::Watch);
        let began = step.and_then(|step| step.began).unwrap_or(now);
        let gone = u64::try_from(now.as_millis().saturating_sub(began.as_millis())).unwrap_or_default();
        let whole = Duration::from_secs(u64::from(rollout.watch.seconds));
        let until = passed + whole.saturating_sub(Duration::from_millis(gone));
        let kept = step.map(|step| step.findings["before"].clone()).unwrap_or_default();
        // What an earlier version has kept and this one does not understand is not known.
        let before = serde_json::from_value(kept).unwrap_or_default();
        Ok(Watching { rollout, before, until })
    }

    /// The time is over. What is to follow by itself follows if nothing was found.
    async fn end_watch(&self, work: &Work, watching: &Watching, counts: &Counts) -> Result<(), AdminError> {
        let (says, is_clean) = match at_the_end(&watching.rollout.watch, counts) {
            Verdict::Over(over) => return self.fall_back(work, watching, counts, over).await,
            Verdict::Clean => (None, true),
            Verdict::NotJudged { says, is_clean } => (Some(says), is_clean),
        };
        let (now, found) = (self.parts.clock.now(), findings(&watching.before, counts));
        let ended = self.change_rollout(&work.tenant, work.id, |rollout| {
            // Whoever has bound something else has ended it already.
            if rollout.state != RolloutState::Watching {
                return Ok(());
            }
            if let Some(step) = rollout.step_mut(StepName::Watch) {
                step.state = StepState::Done;
                step.ended = Some(now);
                step.says.clone_from(&says);
                step.findings.clone_from(&found);
            }
            let goes_on = rollout.until >= StepName::Remap && is_clean;
            rollout.state = if goes_on { RolloutState::Running } else { RolloutState::Active };
            if rollout.until >= StepName::Remap && !is_clean {
                rollout.says = says.as_ref().map(|says| format!("nothing was mapped again, because it was {says}"));
            }
            Ok(())
        });
        let ended = ended.await?;
        let (says, state) = (says.unwrap_or_default(), ended.state.as_str());
        tracing::info!(tenant.id = %work.tenant, rollout.id = %work.id, rollout.state = state, says, "a candidate was watched to the end");
        Ok(())
    }

    /// The tenant goes back to the binding before, if the candidate still decides.
    async fn fall_back(&self, work: &Work, watching: &Watching, counts: &Counts, over: Over) -> Result<(), AdminError> {
        let one_at_a_time = self.administration.lock().await;
        let row = self.row(work.tenant.as_str())?;
        if !is_of(&row.binding, &watching.rollout) || work.cancelled.load(Ordering::Relaxed) {
            // Whoever has bound something else, or does not want it to be watched, was quicker.
            return Ok(());
        }
        let (revision, left) = (row.binding.revision, row.binding.clone());
        let mut found = findings(&watching.before, counts);
        found["over"] = json!(over.what);
        // Should the server end in the middle, the row tells why there is another binding.
        self.keep_watched(work, &over.says, &found).await?;
        let previous = row.previous.clone().filter(|previous| !is_of(previous, &watching.rollout));
        let went_back = match previous {
            Some(previous) => {
                self.rebind(row, previous.plugin, previous.config, Some(revision), Hidden::Accepted).await
            }
            None => Err(AdminError::NotFound("binding before it to go back to".to_owned())),
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

    /// The server has ended in the middle of the way back: either it was made, or the candidate is watched on.
    async fn is_back(&self, work: &Work, rollout: &Rollout) -> Result<bool, AdminError> {
        let is_back = !is_of(&self.row(work.tenant.as_str())?.binding, rollout);
        let marked = self.change_rollout(&work.tenant, work.id, |rollout| {
            if is_back {
                rollout.state = RolloutState::RolledBack;
            } else if let Some(step) = rollout.step_mut(StepName::Watch) {
                (step.state, step.says) = (StepState::Running, None);
            }
            Ok(())
        });
        marked.await.map(|_| is_back)
    }

    pub(super) fn present_of(&self, tenant: &TenantId) -> Option<Arc<Bound>> {
        self.tenants.view().tenant(tenant).and_then(|tenant| tenant.bound.load_full())
    }

    /// What there is to be seen of a candidate while it is watched.
    pub(super) fn watched_so_far(&self, rollout: &Rollout) -> Option<Value> {
        let kept = rollout.step(StepName::Watch)?.findings["before"].clone();
        let before: Before = serde_json::from_value(kept).unwrap_or_default();
        let bound = self.present_of(&rollout.tenant)?;
        Some(findings(&before, &bound.own.counts()))
    }
}

/// Whether it was over its budget, and the tenant is going back.
pub(super) fn is_on_its_way_back(rollout: &Rollout) -> bool {
    let has_failed = rollout.step(StepName::Watch).is_some_and(|step| step.state == StepState::Failed);
    rollout.state == RolloutState::Watching && has_failed
}

/// From now on it is on probation.
pub(super) fn begin(rollout: &mut Rollout, now: Timestamp) {
    rollout.state = RolloutState::Watching;
    if let Some(step) = rollout.step_mut(StepName::Watch) {
        step.state = StepState::Running;
        step.began = step.began.or(Some(now));
    }
}

/// Keeps how the binding before has fared: the moment it is left is the last at which that is known.
pub(super) fn compare_with(rollout: &mut Rollout, left: Option<&Bound>) {
    let refused_in_preview = rollout.step(StepName::Preview).and_then(|step| {
        let count = |name: &str| step.findings[name].as_u64();
        Some((count("rejected")?, count("looked_at")?))
    });
    let before = before(left.map(|left| left.own.counts()), refused_in_preview);
    if let Some(step) = rollout.step_mut(StepName::Watch) {
        step.findings = json!({ "before": before });
    }
}
