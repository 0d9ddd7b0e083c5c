//! Probation: the candidate decides and is watched, and over its budget the tenant goes back to the binding before.
//!
//! Watching is no job: it waits, and takes none of their places. It ends with the process and goes on with the next one, for the time that
//! is left and from what was counted, as far as that was kept; while no server ran, nothing was watched. `rollout/budget.rs` says what is too
//! much.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_model::{Binding, Rollout, RolloutId, RolloutState, StepName, StepState, TenantId, Timestamp};
use serde_json::{Value, json};
use tokio::sync::watch as channel;

use super::activate::mark_of;
use super::again::BackOff;
use super::back::already_over;
use super::budget::{Before, Verdict, at_the_end, before, findings, judge, left_alone, not_loaded};
use super::frame::{Ended, Found};
use super::seen::Seen;
use super::{Registered, TURN_WAIT, Work, Worker};
use crate::binding::Bound;
use crate::figures::{Counts, Figures};
use crate::jobs::Progress;
use crate::{AdminError, Service};

/// How often a candidate is looked at; also at each call that got no account.
const LOOKED_EVERY: Duration = Duration::from_millis(250);

/// A candidate on probation.
#[derive(Debug)]
pub(super) struct Watching {
    pub rollout: Rollout,
    pub before: Before,
    /// What an earlier process has seen of it.
    earlier: Option<Seen>,
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
            let (mut watching, mut back_off) = (None, BackOff::from(TURN_WAIT));
            while let Err(error) = service.watch(&work, &mut watching).await {
                let pause = back_off.pause();
                tracing::error!(
                    tenant.id = %work.tenant, rollout.id = %work.id, %error, again_in_s = pause.as_secs(),
                    "a candidate cannot be watched, or cannot give way"
                );
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
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

    /// `watching`: who, as soon as that is known; what was counted by an earlier process is added once.
    async fn watch(&self, work: &Work, watching: &mut Option<Watching>) -> Result<(), AdminError> {
        if self.is_left(work).await? {
            return Ok(());
        }
        let watching = match watching {
            Some(watching) => {
                // It may be on its way back already.
                watching.rollout = self.rollout_of(work).await?;
                &*watching
            }
            None => &*watching.insert(self.watching(work).await?),
        };
        let whole = Duration::from_secs(u64::from(watching.rollout.watch.seconds));
        work.progress.set_total(whole.as_secs());
        let (mut kept, mut kept_at) = (None::<Seen>, Duration::ZERO);
        loop {
            let passed = self.parts.clock.now_and_passed().1;
            let left = watching.until.saturating_sub(passed);
            work.progress.set_done(whole.as_secs().saturating_sub(left.as_secs()));
            if work.cancelled.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Some(bound) = self.present_of(&work.tenant) else {
                return self.fall_back(work, watching, &Counts::default(), not_loaded()).await;
            };
            let counts = bound.own.counts();
            if let Some(over) = already_over(&watching.rollout) {
                return self.fall_back(work, watching, &counts, over).await;
            }
            let watched_ms = u64::try_from(whole.saturating_sub(left).as_millis()).unwrap_or(u64::MAX);
            let is_stopping = *self.stopping.borrow();
            let since = passed.saturating_sub(kept_at);
            if is_stopping || kept.is_none_or(|kept| kept.is_to_be_kept(since, &counts)) {
                let seen = Seen { counts, watched_ms };
                self.keep_seen(work, seen).await?;
                (kept, kept_at) = (Some(seen), passed);
            }
            if is_stopping {
                return Ok(());
            }
            let over = judge(&watching.rollout.watch, &watching.before, &counts);
            if let Some(over) = over.or_else(|| left_alone(&bound.breaker, &counts)) {
                return self.fall_back(work, watching, &counts, over.with_failures(&bound.own, &work.tenant)).await;
            }
            if left.is_zero() {
                return self.end_watch(work, watching, &bound.own).await;
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
        let kept =
            |name: &str| rollout.step(StepName::Watch).map(|step| step.findings[name].clone()).unwrap_or_default();
        // What an earlier version has kept and this one does not understand is not known.
        let before = serde_json::from_value(kept("before")).unwrap_or_default();
        let earlier = Seen::kept(&rollout, StepName::Watch);
        if let Some(earlier) = &earlier
            && let Some(bound) = self.present_of(&work.tenant)
        {
            bound.own.add(&earlier.counts);
        }
        let began = rollout.step(StepName::Watch).and_then(|step| step.began).unwrap_or(now);
        let since_began = u64::try_from(now.as_millis().saturating_sub(began.as_millis())).unwrap_or_default();
        let gone = earlier.map_or(since_began, |earlier| earlier.watched_ms);
        let whole = Duration::from_secs(u64::from(rollout.watch.seconds));
        let until = passed + whole.saturating_sub(Duration::from_millis(gone));
        Ok(Watching { rollout, before, earlier, until })
    }

    /// Should the server end, the next one goes on from there.
    async fn keep_seen(&self, work: &Work, seen: Seen) -> Result<(), AdminError> {
        let kept = self.change_rollout(&work.tenant, work.id, |rollout| {
            if rollout.state == RolloutState::Watching
                && let Some(step) = rollout.step_mut(StepName::Watch)
            {
                step.findings = json!({ "before": step.findings["before"], "seen": seen });
            }
            Ok(())
        });
        kept.await.map(drop)
    }

    /// The time is over. What is to follow by itself follows if nothing was found.
    async fn end_watch(&self, work: &Work, watching: &Watching, figures: &Figures) -> Result<(), AdminError> {
        let counts = &figures.counts();
        let (says, is_clean) = match at_the_end(&watching.rollout.watch, &watching.before, counts) {
            Verdict::Over(over) => {
                return self.fall_back(work, watching, counts, over.with_failures(figures, &work.tenant)).await;
            }
            Verdict::Clean => (None, true),
            // Nobody knows what was not kept when the server ended.
            Verdict::NotJudged { says, is_clean } => (Some(says), is_clean && watching.earlier.is_none()),
        };
        let _one_at_a_time = self.administration.lock().await;
        if self.mark_if_left(&self.rollout_of(work).await?, &self.row(work.tenant.as_str())?.binding).await? {
            return Ok(());
        }
        let (now, found) = (self.parts.clock.now(), findings(&watching.rollout.watch, &watching.before, counts));
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

    /// Whether something else is bound than what is to be watched; the rollout says so from then on.
    async fn is_left(&self, work: &Work) -> Result<bool, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        self.mark_if_left(&self.rollout_of(work).await?, &self.row(work.tenant.as_str())?.binding).await
    }

    pub(crate) fn present_of(&self, tenant: &TenantId) -> Option<Arc<Bound>> {
        self.tenants.view().tenant(tenant).and_then(|tenant| tenant.bound.load_full())
    }

    /// What there is to be seen of a candidate while it is watched.
    pub(super) fn watched_so_far(&self, rollout: &Rollout) -> Option<Value> {
        let kept = rollout.step(StepName::Watch)?.findings["before"].clone();
        let before: Before = serde_json::from_value(kept).unwrap_or_default();
        let bound = self.present_of(&rollout.tenant)?;
        Some(findings(&rollout.watch, &before, &bound.own.counts()))
    }
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
pub(super) fn compare_with(rollout: &mut Rollout, binding: &Binding, left: Option<&Bound>) {
    if let Some(step) = rollout.step_mut(StepName::Activate) {
        step.findings = json!({ "left": mark_of(binding) });
    }

    let refused_in_preview = rollout.step(StepName::Preview).and_then(|step| {
        let count = |name: &str| step.findings[name].as_u64();
        Some((count("rejected")?, count("looked_at")?))
    });
    let now = before(left.map(|left| left.own.counts()), refused_in_preview);
    // The process in which the canary began may have been another one, which had seen more of it.
    let kept = rollout.step(StepName::Canary).map(|step| step.findings["before"].clone());
    let kept = kept.and_then(|kept| serde_json::from_value::<Before>(kept).ok());
    let before = kept.filter(|kept| kept.calls > now.calls).unwrap_or(now);
    if let Some(step) = rollout.step_mut(StepName::Watch) {
        step.findings = json!({ "before": before });
    }
}
