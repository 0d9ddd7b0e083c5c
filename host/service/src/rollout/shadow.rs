//! The candidate runs beside the plugin that decides: each write is put to it after it was committed, off the request's way, and what it
//! would have made of it is compared. Nothing of it is committed, and no request waits for it.

use std::collections::BTreeMap;
use std::time::Instant;

use muster_model::{Rollout, ShadowTrial, StepName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

use super::frame::{Ended, Found};
use super::live::{KEPT_EVERY, LOOKED_EVERY, Live, passed_ms};
use super::pace::Share;
use super::past::no_answers;
use super::tally::Tally;
use super::{MAX_FAILURES, Work};
use crate::Service;
use crate::authenticate::Caller;
use crate::figures::Figures;
use crate::trial::{Queued, Shadow, Trial};

/// What a shadow has found; it goes on from there after a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Seen {
    #[serde(flatten)]
    tally: Tally,
    /// Writes that were not compared, because too many waited.
    dropped: u64,
    /// Calls of the plugin that decides,
    present: Fared,
    /// and of the candidate.
    candidate: Fared,
}

/// How a plugin fared.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Fared {
    calls: u64,
    took_us: u64,
    without_an_account: BTreeMap<String, u64>,
}

impl Fared {
    fn of(figures: &Figures) -> Self {
        let counts = figures.counts();
        let by_class = counts.by_class().into_iter();
        let without_an_account =
            by_class.filter_map(|(class, count)| Some((class, count.as_u64().filter(|count| *count > 0)?))).collect();
        Self { calls: counts.calls, took_us: figures.took_us(), without_an_account }
    }

    /// What came between two moments, and what was known before.
    fn since(now: &Self, then: &Self, known: &Self) -> Self {
        let mut all = known.clone();
        all.calls += now.calls.saturating_sub(then.calls);
        all.took_us += now.took_us.saturating_sub(then.took_us);
        for (class, count) in &now.without_an_account {
            let new = count.saturating_sub(then.without_an_account.get(class).copied().unwrap_or_default());
            if new > 0 {
                *all.without_an_account.entry(class.clone()).or_default() += new;
            }
        }
        all
    }

    fn told(&self) -> Value {
        let mut told = json!(self);
        told["mean_us"] = json!(self.took_us.checked_div(self.calls));
        told
    }
}

/// A shadow on its way.
struct Shadowing {
    caller: Caller,
    live: Live,
    queued: Receiver<Queued>,
    /// What was found before a restart.
    before: Seen,
    present_then: Fared,
    tally: Tally,
    failed_before: u64,
    share: Share,
}

impl Shadowing {
    fn found(&self) -> Value {
        let present = Fared::since(&Fared::of(&self.live.present.own), &self.present_then, &self.before.present);
        let candidate = Fared::since(&Fared::of(&self.live.candidate.own), &Fared::default(), &self.before.candidate);
        let mut found = json!(self.tally);
        found["dropped"] = json!(self.before.dropped + self.live.trial.dropped());
        found["present"] = present.told();
        found["candidate"] = candidate.told();
        found["against"] = json!(self.tally.against("compared writes"));
        found
    }
}

impl Service {
    /// Until its time is over, or so many writes were compared.
    pub(super) async fn shadow(&self, work: &Work, rollout: &Rollout) -> Result<Found, Ended> {
        let Some(asked) = rollout.trials.shadow else { return Ok(Found::skipped("it was not asked for")) };
        let (shadow, queued) = Shadow::new(work.id);
        let live = self.begin_trial(work, rollout, |_| Trial::Shadow(shadow)).await?;
        let kept = rollout.step(StepName::Shadow).map(|step| step.findings.clone()).unwrap_or_default();
        // What an earlier version has kept and this one does not understand is counted anew.
        let mut before: Seen = serde_json::from_value(kept).unwrap_or_default();
        let tally = std::mem::take(&mut before.tally);
        let caller = self.rollout_caller(work, "shadow", live.candidate.clone())?;
        let present_then = Fared::of(&live.present.own);
        let (failed_before, share) = (tally.failed, Share::default());
        let mut shadowing = Shadowing { caller, live, queued, before, present_then, tally, failed_before, share };
        work.progress.set_total(asked.for_s);
        work.progress.waits(true);
        let came = self.look_beside(work, rollout, asked, &mut shadowing).await;
        work.progress.waits(false);
        self.end_trial(&work.tenant, work.id);
        let came = match came {
            Ok(says) => self.compare_rest(work, asked, &mut shadowing).await.map(|()| says),
            Err(ended) => Err(ended),
        };
        let found = shadowing.found();
        match came {
            Ok(says) => Ok(Found { says, ..Found::done(found) }),
            Err(ended) => {
                self.keep_findings(work, StepName::Shadow, |_| {}, found).await?;
                Err(ended)
            }
        }
    }

    async fn look_beside(
        &self,
        work: &Work,
        rollout: &Rollout,
        asked: ShadowTrial,
        shadowing: &mut Shadowing,
    ) -> Result<Option<String>, Ended> {
        let (mut looked, mut kept) = (None::<Instant>, (Instant::now(), Value::Null));
        loop {
            if looked.is_none_or(|at| at.elapsed() >= LOOKED_EVERY) {
                looked = Some(Instant::now());
                if !self.trial_goes_on(work, &shadowing.live).await? {
                    return Ok(Some("it was ended by the activation".to_owned()));
                }
                let passed_s = passed_ms(rollout, StepName::Shadow, self.parts.clock.now()) / 1_000;
                work.progress.set_done(passed_s.min(asked.for_s));
                if passed_s >= asked.for_s {
                    let is_idle = shadowing.tally.looked_at == 0 && shadowing.queued.is_empty();
                    return Ok(is_idle.then(|| "nothing was written".to_owned()));
                }
            }
            if enough(asked, shadowing) {
                return Ok(None);
            }
            if kept.0.elapsed() >= KEPT_EVERY {
                let found = shadowing.found();
                if found != kept.1 {
                    self.keep_findings(work, StepName::Shadow, |_| {}, found.clone()).await?;
                }
                kept = (Instant::now(), found);
            }
            // A rest is no reason to overlook that somebody has ended it.
            let rest = shadowing.share.rest(Instant::now());
            let pause = if rest.is_zero() { LOOKED_EVERY } else { rest.min(LOOKED_EVERY) };
            let queued = tokio::select! {
                queued = shadowing.queued.recv(), if rest.is_zero() => queued,
                () = tokio::time::sleep(pause) => None,
                () = self.told_to_stop() => None,
            };
            if let Some(queued) = queued {
                self.compare_queued(shadowing, queued).await?;
            }
        }
    }

    /// What was written in its time is compared, also if that takes longer.
    async fn compare_rest(&self, work: &Work, asked: ShadowTrial, shadowing: &mut Shadowing) -> Result<(), Ended> {
        while !enough(asked, shadowing)
            && let Ok(queued) = shadowing.queued.try_recv()
        {
            self.go_on(work)?;
            self.compare_queued(shadowing, queued).await?;
            loop {
                let rest = shadowing.share.rest(Instant::now());
                if rest.is_zero() {
                    break;
                }
                tokio::select! {
                    () = tokio::time::sleep(rest.min(LOOKED_EVERY)) => {}
                    () = self.told_to_stop() => {}
                }
                self.go_on(work)?;
            }
        }
        Ok(())
    }

    async fn compare_queued(&self, shadowing: &mut Shadowing, queued: Queued) -> Result<(), Ended> {
        let began = Instant::now();
        let came = self.compare(&mut shadowing.caller, None, &queued.past).await?;
        shadowing.share.worked(began.elapsed(), Instant::now());
        // Requests have their turn.
        tokio::task::yield_now().await;
        shadowing.tally.compares(&queued.past, came);
        if shadowing.tally.failed - shadowing.failed_before >= MAX_FAILURES {
            return Err(Ended::Failed(no_answers()));
        }
        Ok(())
    }
}

fn enough(asked: ShadowTrial, shadowing: &Shadowing) -> bool {
    asked.writes.is_some_and(|writes| shadowing.tally.looked_at >= writes)
}
