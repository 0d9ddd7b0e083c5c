//! The candidate decides for a share of the users, always the same ones, and gives way by itself if it costs more than it may.

use std::time::{Duration, Instant};

use muster_model::{CanaryTrial, LogEntry, ResourceType, Rollout, StepName};
use serde_json::{Value, json};

use super::Work;
use super::budget::{Before, Over, Verdict, at_the_end, before, judge, left_alone};
use super::frame::{Ended, Found};
use super::live::{KEPT_EVERY, LOOKED_EVERY, Live, passed_ms};
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
        let before = before(Some(live.present.own.counts()), count("rejected").zip(count("looked_at")));
        work.progress.set_total(asked.for_s);
        work.progress.waits(true);
        let came = self.wait_for_canary(work, rollout, &live, &before, asked).await;
        work.progress.waits(false);
        if came.is_err() {
            self.end_trial(&work.tenant, id);
        }
        if matches!(came, Err(Ended::Stopped)) {
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
                self.keep_findings(work, StepName::Canary, |_| {}, found).await?;
                Err(match ended {
                    Ended::Failed(says) => Ended::Failed(format!("{says}; {}", again(&written, rollout))),
                    Ended::Stopped | Ended::Watched | Ended::Cancelled => ended,
                })
            }
        }
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
                return Err(gives_way(&over));
            }
            if !self.trial_goes_on(work, live).await? {
                return Ok(Came { says: Some("it was ended by the activation".to_owned()), against: Vec::new() });
            }
            let passed = Duration::from_millis(passed_ms(rollout, StepName::Canary, self.parts.clock.now()));
            work.progress.set_done(passed.as_secs().min(asked.for_s));
            if passed >= Duration::from_secs(asked.for_s) {
                return came(at_the_end(&rollout.watch, before, &counts), &counts);
            }
            if counts != kept && kept_at.elapsed() >= KEPT_EVERY {
                self.keep_findings(work, StepName::Canary, |_| {}, findings(rollout, asked, before, &counts)).await?;
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
    Ended::Failed(format!("the candidate decides for nobody any more: {}", over.says))
}

fn findings(rollout: &Rollout, asked: CanaryTrial, before: &Before, counts: &Counts) -> Value {
    let mut found = super::budget::findings(&rollout.watch, before, counts);
    found["percent"] = json!(asked.percent);
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
