//! The candidate decides for a share of the users, always the same ones, and gives way by itself if it costs more than it may.

use std::time::{Duration, Instant};

use muster_model::{CanaryTrial, LogEntry, ResourceType, Rollout, RolloutState, StepName};
use serde_json::{Value, json};

use super::Work;
use super::budget::{Before, Over, Verdict, at_the_end, before, judge, left_alone};
use super::frame::{Ended, Found};
use super::live::{KEPT_EVERY, LOOKED_EVERY, Live, passed_ms};
use super::seen::Seen;
use super::walk::is_in_sample;
use super::written::Written;
use crate::Service;
use crate::figures::Counts;
use crate::standard::STANDARD;
use crate::trial::{Canary, Trial};

impl Service {
    /// Until its time is over, or the candidate is activated, or it is too much.
    pub(super) async fn canary(&self, work: &Work, rollout: &Rollout) -> Result<Found, Ended> {
        let Some(asked) = rollout.trials.canary else { return Ok(Found::skipped("it was not asked for")) };
        let id = work.id;
        let make = |candidate| Trial::Canary(Canary { rollout: id, candidate, percent: asked.percent });
        let live = self.begin_trial(work, rollout, make).await?;
        let preview = rollout.step(StepName::Preview).map(|step| &step.findings);
        let count = |name: &str| preview.and_then(|found| found[name].as_u64());
        // What an earlier process has counted counts as well, and it knew better how the binding has fared.
        if let Some(earlier) = Seen::kept(rollout, StepName::Canary) {
            live.candidate.own.add(&earlier.counts);
        }
        let kept = rollout.step(StepName::Canary).and_then(|step| step.findings.get("before").cloned());
        let before = if let Some(kept) = kept.and_then(|kept| serde_json::from_value(kept).ok()) {
            kept
        } else {
            let now = before(Some(live.present.own.counts()), count("rejected").zip(count("looked_at")));
            self.keep_findings(work, StepName::Canary, |_| {}, so_far(rollout, asked, &now, &Counts::default()))
                .await?;
            now
        };
        work.progress.set_total(asked.for_s);
        work.progress.waits(true);
        let came = self.wait_for_canary(work, rollout, &live, &before, asked).await;
        work.progress.waits(false);
        if came.is_err() {
            self.end_trial(&work.tenant, id);
        }
        if matches!(came, Err(Ended::Stopped)) {
            let counts = live.candidate.own.counts();
            let found = so_far(rollout, asked, &before, &counts);
            if self.keep_findings(work, StepName::Canary, |_| {}, found).await.is_err() {
                tracing::warn!(tenant.id = %work.tenant, rollout.id = %id, "what a canary has counted was not kept");
            }
            return Err(Ended::Stopped);
        }
        let written = self.written_by_canary(rollout, asked).await?;
        let mut found = findings(rollout, asked, &before, &live.candidate.own.counts());
        found["written"] = json!(written);
        match came {
            Ok(came) => {
                found["against"] = json!(came.against);
                Ok(Found { says: came.says, ..Found::done(found) })
            }
            Err(ended) => {
                let says = again(&written, rollout);
                if matches!(ended, Ended::Cancelled) {
                    self.tell_replaced(work, &says).await?;
                }
                self.keep_findings(work, StepName::Canary, |_| {}, found).await?;
                Err(match ended {
                    Ended::Failed(why) => Ended::Failed(format!("{why}; {says}")),
                    Ended::Stopped | Ended::Watched | Ended::Cancelled => ended,
                })
            }
        }
    }

    /// Whoever has replaced its binding has said so; what has become of the canary's users is known only afterwards.
    async fn tell_replaced(&self, work: &Work, says: &str) -> Result<(), Ended> {
        let told = self.change_rollout(&work.tenant, work.id, |rollout| {
            if rollout.state == RolloutState::Replaced
                && let Some(why) = &mut rollout.says
            {
                *why = format!("{why}; {says}");
            }
            Ok(())
        });
        told.await?;
        Ok(())
    }

    async fn wait_for_canary(
        &self,
        work: &Work,
        rollout: &Rollout,
        live: &Live,
        before: &Before,
        asked: CanaryTrial,
    ) -> Result<Came, Ended> {
        let (mut kept, mut kept_at) = (Counts::default(), Instant::now());
        loop {
            let counts = live.candidate.own.counts();
            let over = judge(&rollout.watch, before, &counts);
            if let Some(over) = over.or_else(|| left_alone(&live.candidate.breaker, &counts)) {
                return Err(gives_way(&over.with_failures(&live.candidate.own, &work.tenant)));
            }
            if !self.trial_goes_on(work, live).await? {
                return Ok(Came { says: Some("it was ended by the activation".to_owned()), against: Vec::new() });
            }
            let passed = Duration::from_millis(passed_ms(rollout, StepName::Canary, self.parts.clock.now()));
            work.progress.set_done(passed.as_secs().min(asked.for_s));
            if passed >= Duration::from_secs(asked.for_s) {
                let verdict = match at_the_end(&rollout.watch, before, &counts) {
                    Verdict::Over(over) => Verdict::Over(over.with_failures(&live.candidate.own, &work.tenant)),
                    verdict @ (Verdict::Clean | Verdict::NotJudged { .. }) => verdict,
                };
                return came(verdict, &counts);
            }
            let is_first_failure = kept.failed() == 0 && counts.failed() > 0;
            if counts != kept && (kept_at.elapsed() >= KEPT_EVERY || is_first_failure) {
                self.keep_findings(work, StepName::Canary, |_| {}, so_far(rollout, asked, before, &counts)).await?;
                (kept, kept_at) = (counts, Instant::now());
            }
            tokio::select! {
                () = tokio::time::sleep(LOOKED_EVERY) => {}
                () = live.candidate.own.missed() => {}
                () = self.told_to_stop() => {}
            }
        }
    }

    /// How many users the candidate has written, by the log.
    async fn written_by_canary(&self, rollout: &Rollout, asked: CanaryTrial) -> Result<Written, Ended> {
        let began = rollout.step(StepName::Canary).and_then(|step| step.began).unwrap_or(rollout.at);
        let is_by_it = |entry: &LogEntry| {
            let change = &entry.change;
            change.resource_type == ResourceType::USER
                && is_in_sample(change.id, asked.percent)
                // What it gave no answer for, and was written all the same, was written in its place.
                && (change.plugin == rollout.plugin || change.plugin == STANDARD)
        };
        Ok(self.written_since(&rollout.tenant, began, is_by_it).await?)
    }
}

/// What a canary came to whose time is over.
#[derive(Debug, Default, PartialEq, Eq)]
struct Came {
    says: Option<String>,
    /// What speaks against going on by itself.
    against: Vec<String>,
}

/// One that was not judged, or not without a failure, is no reason to let the candidate decide for all.
fn came(verdict: Verdict, counts: &Counts) -> Result<Came, Ended> {
    let (calls, failed) = (counts.calls, counts.failed());
    match verdict {
        Verdict::Over(over) => Err(gives_way(&over)),
        Verdict::NotJudged { says, .. } => {
            Ok(Came { against: vec![format!("the canary was {says}")], says: Some(says) })
        }
        Verdict::Clean if failed == 0 => Ok(Came::default()),
        Verdict::Clean => {
            Ok(Came { says: None, against: vec![format!("{failed} of {calls} calls of the canary failed")] })
        }
    }
}

fn gives_way(over: &Over) -> Ended {
    metrics::counter!("muster_rollouts_over_budget_total", "reason" => over.what, "went_back" => "true").increment(1);
    Ended::Failed(format!("the candidate decides for nobody any more: {}", over.says))
}

fn findings(rollout: &Rollout, asked: CanaryTrial, before: &Before, counts: &Counts) -> Value {
    let mut found = super::budget::findings(&rollout.watch, before, counts);
    found["percent"] = json!(asked.percent);
    found
}

/// What it has found so far, with what the next process goes on from.
fn so_far(rollout: &Rollout, asked: CanaryTrial, before: &Before, counts: &Counts) -> Value {
    let mut found = findings(rollout, asked, before, counts);
    found["seen"] = json!(Seen { counts: *counts, watched_ms: 0 });
    found
}

/// Who is to be mapped again, and how.
fn again(written: &Written, rollout: &Rollout) -> String {
    let tenant = &rollout.tenant;
    match (written.resources, written.more) {
        (0, false) => "it has written nobody".to_owned(),
        (count, more) => {
            let least = if more { "at least " } else { "" };
            let users = if count == 1 { "user was" } else { "users were" };
            format!(
                "{least}{count} {users} written by it; they are mapped again by muster rollout start {tenant} --until remap"
            )
        }
    }
}
