//! Mapping what is stored by the plugin that decides now: resource by resource, each a write like any other, from where it was interrupted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_model::{Cursor, Record, Rollout, StepName};
use serde_json::json;
use tokio::task::JoinSet;

use super::activate::is_of;
use super::frame::{Ended, Found};
use super::pace::Pace;
use super::preview::too_many_failures;
use super::tally::{Seen, Tally, place};
use super::walk::Walk;
use super::weigh::Weighed;
use super::{MAX_FAILURES, Work};
use crate::authenticate::Caller;
use crate::create::Made;
use crate::retry::Attempt;
use crate::{ScimError, Service};

/// How many resources are committed together: they share one flush of the disk.
pub const REMAPPED_AT_ONCE: usize = 16;

/// How many resources whose names others still have are tried again at the end; what is more is told as rejected.
pub const MAX_TAKEN: usize = 1_000;

/// How often those are tried again: each time some names may have come free.
const MAX_ROUNDS: usize = 20;

/// After how many resources it is kept how far it came.
const KEPT_EVERY: u64 = 1_000;

/// How long requests that the binding before still decides are waited for. A request is answered within this time.
const IN_FLIGHT_WAIT: Duration = Duration::from_mins(1);

/// How often it is looked whether there are any left.
const IN_FLIGHT_PAUSE: Duration = Duration::from_millis(10);

/// What came of one resource that was to be written.
type Written = (Record, Seen, Result<Made, Attempt>);

/// A re-mapping on its way.
struct Remapping<'a> {
    work: &'a Work,
    rollout: &'a Rollout,
    tally: Tally,
    /// Who had got no answer when it was interrupted.
    failed_before: u64,
    cursor: Option<Cursor>,
    unkept: u64,
    pace: Pace,
}

impl Service {
    /// Maps everything that is stored and not mapped by the candidate yet.
    pub(super) async fn remap(self: &Arc<Self>, work: &Work, rollout: &Rollout) -> Result<Found, Ended> {
        self.wait_for_requests(work).await?;
        let kept = rollout.step(StepName::Remap).map(|step| step.findings.clone()).unwrap_or_default();
        // What an earlier version has kept and this one does not understand is counted anew.
        let tally: Tally = serde_json::from_value(kept).unwrap_or_default();
        let (failed_before, cursor) = (tally.failed, rollout.cursor.clone());
        let mut remapping = Remapping { work, rollout, tally, failed_before, cursor, unkept: 0, pace: Pace::new() };
        let mut done = self.remap_all(&mut remapping).await;
        if done.is_ok() {
            done = self.remap_taken(&mut remapping).await;
        }
        self.keep_remapped(&mut remapping).await?;
        done.map(|()| Found::done(json!(remapping.tally)))
    }

    /// Requests that came before the binding was replaced may still write what the one before made of them.
    async fn wait_for_requests(&self, work: &Work) -> Result<(), Ended> {
        let began = Instant::now();
        while self.rollouts.is_any_held(&work.tenant) && began.elapsed() < IN_FLIGHT_WAIT {
            self.go_on(work)?;
            tokio::time::sleep(IN_FLIGHT_PAUSE).await;
        }
        Ok(())
    }

    async fn remap_all(self: &Arc<Self>, remapping: &mut Remapping<'_>) -> Result<(), Ended> {
        let caller = self.remap_caller(remapping)?;
        let directory = caller.tenant.directory.clone();
        let mut walk = Walk::of(&caller.bound, remapping.cursor.as_ref());
        remapping.work.progress.set_total(walk.total(directory.as_ref()).await?);
        remapping.work.progress.set_done(remapping.tally.looked_at);
        loop {
            let records = walk.next(directory.as_ref()).await?;
            if records.is_empty() {
                return Ok(());
            }
            for some in records.chunks(REMAPPED_AT_ONCE) {
                self.go_on(remapping.work)?;
                // The tenant's settings may have changed meanwhile; each write has the present ones.
                let caller = self.remap_caller(remapping)?;
                self.remap_some(&caller, some, remapping).await?;
                if remapping.tally.failed - remapping.failed_before >= MAX_FAILURES {
                    return Err(Ended::Failed(too_many_failures(&remapping.work.tenant)));
                }
                remapping.cursor = some.last().map(|last| place(&last.resource_type, last.id));
                remapping.unkept += u64::try_from(some.len()).unwrap_or(u64::MAX);
                if remapping.unkept >= KEPT_EVERY {
                    self.keep_remapped(remapping).await?;
                }
                remapping.pace.rest().await;
            }
        }
    }

    /// The candidate, as long as it decides.
    fn remap_caller(&self, remapping: &Remapping<'_>) -> Result<Caller, Ended> {
        let Remapping { work, rollout, .. } = remapping;
        let row = self.row(work.tenant.as_str())?;
        if !is_of(&row.binding, rollout) {
            return Err(Ended::Cancelled);
        }
        let bound = self.tenants.view().tenant(&work.tenant).and_then(|tenant| tenant.bound.load_full());
        Ok(self.rollout_caller(work, "remap", bound.ok_or(ScimError::PluginNotLoaded)?)?)
    }

    async fn remap_some(
        self: &Arc<Self>,
        caller: &Caller,
        some: &[Record],
        remapping: &mut Remapping<'_>,
    ) -> Result<(), Ended> {
        let mut commits: JoinSet<Written> = JoinSet::new();
        for record in some {
            remapping.tally.looked_at += 1;
            remapping.work.progress.advance(1);
            match self.weigh(caller, record).await {
                Ok(Weighed::Changed(decided)) => {
                    let (service, caller, record) = (self.clone(), caller.clone(), record.clone());
                    let seen = Seen::of(&record, &decided);
                    commits.spawn(async move {
                        let made = service.commit_apart(&caller, *decided).await;
                        (record, seen, made)
                    });
                }
                Ok(other) => remapping.not_written(record, &other),
                Err(Attempt::Stale) => self.remap_again(caller, record, remapping).await?,
                Err(failed @ Attempt::Failed(_)) => return Err(failed.into()),
            }
        }
        let began = Instant::now();
        let mut stale = Vec::new();
        let mut failed = None;
        // All of them are waited for: each is written or is not, and must be counted as such.
        while let Some(written) = commits.join_next().await {
            let (record, seen, made) =
                written.map_err(|error| Ended::Failed(format!("a write ended early: {error}")))?;
            match made {
                Ok(_) => remapping.tally.changes(seen),
                Err(Attempt::Stale) => stale.push(record),
                Err(Attempt::Failed(error @ (ScimError::Uniqueness { .. } | ScimError::ByHand { .. }))) => {
                    remapping.taken(&record, &error);
                }
                Err(attempt @ Attempt::Failed(_)) => failed = Some(attempt),
            }
        }
        remapping.pace.waited(began.elapsed());
        if let Some(failed) = failed {
            return Err(failed.into());
        }
        for record in stale {
            self.remap_again(caller, &record, remapping).await?;
        }
        Ok(())
    }

    /// One that another write came between of, or whose name was taken.
    async fn remap_again(
        self: &Arc<Self>,
        caller: &Caller,
        record: &Record,
        remapping: &mut Remapping<'_>,
    ) -> Result<(), Ended> {
        let mut retries = self.retries();
        loop {
            let Some(current) = caller.tenant.directory.get(&record.resource_type, record.id).await? else {
                remapping.tally.gone += 1;
                return Ok(());
            };
            let attempt = match self.weigh(caller, &current).await {
                Ok(Weighed::Changed(decided)) => {
                    let seen = Seen::of(&current, &decided);
                    self.commit_apart(caller, *decided).await.map(|_| Some(seen))
                }
                Ok(other) => {
                    remapping.not_written(&current, &other);
                    Ok(None)
                }
                Err(attempt) => Err(attempt),
            };
            if let Err(Attempt::Failed(error @ (ScimError::Uniqueness { .. } | ScimError::ByHand { .. }))) = &attempt {
                remapping.taken(&current, error);
                return Ok(());
            }
            if let Some(seen) = retries.settle(attempt)? {
                if let Some(seen) = seen {
                    remapping.tally.changes(seen);
                }
                return Ok(());
            }
        }
    }

    /// Names go from one to the other in any order: what one still held may be free once all were mapped.
    async fn remap_taken(self: &Arc<Self>, remapping: &mut Remapping<'_>) -> Result<(), Ended> {
        for _ in 0..MAX_ROUNDS {
            let taken = std::mem::take(&mut remapping.tally.taken);
            let before = taken.len();
            for (done, at) in taken.iter().enumerate() {
                let went_on = self.go_on(remapping.work).and_then(|()| self.remap_caller(remapping));
                let went_on = match went_on {
                    Ok(caller) => self.remap_one_taken(&caller, at, remapping).await,
                    Err(ended) => Err(ended),
                };
                if let Err(ended) = went_on {
                    remapping.tally.taken.extend_from_slice(&taken[done..]);
                    return Err(ended);
                }
                remapping.pace.rest().await;
            }
            if remapping.tally.taken.len() == before {
                break;
            }
        }
        let caller = self.remap_caller(remapping)?;
        for at in std::mem::take(&mut remapping.tally.taken) {
            if let Some(record) = caller.tenant.directory.get(&at.resource_type, at.id).await? {
                let attribute = self.taken_name(&caller, &record).await?;
                remapping.tally.rejects(&record, &ScimError::Uniqueness { attribute });
            }
        }
        Ok(())
    }

    async fn remap_one_taken(
        self: &Arc<Self>,
        caller: &Caller,
        at: &Cursor,
        remapping: &mut Remapping<'_>,
    ) -> Result<(), Ended> {
        let Some(record) = caller.tenant.directory.get(&at.resource_type, at.id).await? else {
            remapping.tally.gone += 1;
            return Ok(());
        };
        self.remap_again(caller, &record, remapping).await
    }

    /// Which of its names another one has.
    async fn taken_name(&self, caller: &Caller, record: &Record) -> Result<String, Ended> {
        let weighed = self.weigh(caller, record).await?;
        if let Weighed::Changed(decided) = weighed {
            for key in &decided.record.keys {
                let holder = caller.tenant.directory.find(&record.resource_type, key).await?;
                if holder.is_some_and(|holder| holder.id != record.id) {
                    return Ok(caller.bound.canonical(&record.resource_type, &key.attribute));
                }
            }
        }
        Ok("a name".to_owned())
    }

    async fn keep_remapped(&self, remapping: &mut Remapping<'_>) -> Result<(), Ended> {
        let cursor = remapping.cursor.clone();
        let keep = |rollout: &mut Rollout| rollout.cursor.clone_from(&cursor);
        remapping.unkept = 0;
        self.keep_findings(remapping.work, StepName::Remap, keep, json!(remapping.tally)).await
    }
}

impl Remapping<'_> {
    fn not_written(&mut self, record: &Record, weighed: &Weighed) {
        match weighed {
            Weighed::Unchanged | Weighed::Changed(_) => self.tally.unchanged += 1,
            Weighed::NotServed => self.tally.not_served += 1,
            Weighed::Rejected(error) => self.tally.rejects(record, error),
            Weighed::Failed(error) => self.tally.fails(record, error),
        }
    }

    fn taken(&mut self, record: &Record, error: &ScimError) {
        if self.tally.taken.len() < MAX_TAKEN {
            self.tally.taken.push(place(&record.resource_type, record.id));
        } else {
            self.tally.rejects(record, error);
        }
    }
}
