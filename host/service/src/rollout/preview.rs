//! What a candidate would make of the directory: every resource, or a sample, is decided as a write of it would be, and nothing is written.

use std::sync::Arc;

use muster_model::{Record, Rollout, StepName, TenantId};
use serde_json::{Value, json};

use super::Work;
use super::collisions::Collisions;
use super::frame::{Ended, Found, changed};
use super::pace::Pace;
use super::tally::{Seen, Tally};
use super::walk::{Walk, is_in_sample};
use super::weigh::Weighed;
use crate::Service;
use crate::authenticate::Caller;
use crate::meets::otherwise;

/// After how many resources that got no answer from the candidate it is not asked any more.
pub const MAX_FAILURES: u64 = 100;

impl Service {
    /// Looks at everything, or at the sample.
    pub(super) async fn preview(&self, work: &Work, rollout: &Rollout) -> Result<Found, Ended> {
        let (mut tally, mut collisions) = (Tally::default(), Collisions::default());
        let row = self.row(rollout.tenant.as_str())?;
        if row.binding.revision != rollout.revision {
            return Err(changed(&row.binding, rollout).into());
        }
        let candidate = Arc::new(self.candidate(&row, rollout.plugin, rollout.config.clone()).await?);
        let caller = self.rollout_caller(work, "preview", candidate)?;
        let looked = self.look(work, rollout, &caller, &mut tally, &mut collisions).await;
        let found = findings(rollout, &caller, &tally, collisions);
        match looked {
            Ok(()) => Ok(Found::done(found)),
            // It is looked at again from the beginning.
            Err(Ended::Stopped) => Err(Ended::Stopped),
            Err(ended) => {
                self.keep_findings(work, StepName::Preview, |_| {}, found).await?;
                Err(ended)
            }
        }
    }

    async fn look(
        &self,
        work: &Work,
        rollout: &Rollout,
        caller: &Caller,
        tally: &mut Tally,
        collisions: &mut Collisions,
    ) -> Result<(), Ended> {
        let directory = caller.tenant.directory.as_ref();
        let mut walk = Walk::of(&caller.bound, None);
        if let Some(present) = caller.tenant.bound.load_full() {
            walk = walk.and(&present);
        }
        work.progress.set_total(walk.total(directory).await?);
        let mut pace = Pace::new();
        loop {
            let records = walk.next(directory).await?;
            if records.is_empty() {
                return Ok(());
            }
            for record in records {
                self.go_on(work)?;
                work.progress.advance(1);
                if is_in_sample(record.id, rollout.sample) {
                    self.look_at(caller, &record, tally, collisions).await?;
                    tally.earlier += u64::from(record.plugin != rollout.from);
                    if tally.failed >= MAX_FAILURES {
                        return Err(Ended::Failed(too_many_failures(&work.tenant)));
                    }
                }
                pace.rest().await;
            }
        }
    }

    async fn look_at(
        &self,
        caller: &Caller,
        record: &Record,
        tally: &mut Tally,
        collisions: &mut Collisions,
    ) -> Result<(), Ended> {
        tally.looked_at += 1;
        match self.weigh(caller, record).await? {
            Weighed::Unchanged => tally.unchanged += 1,
            Weighed::Changed(decided) => {
                tally.changes(Seen::of(record, &decided));
                self.collide(caller, record, &decided.record, collisions).await?;
            }
            Weighed::NotServed => tally.not_served += 1,
            Weighed::Rejected(error) => tally.rejects(record, &error),
            Weighed::Failed(error) => tally.fails(record, &error),
        }
        Ok(())
    }
}

pub(super) fn too_many_failures(tenant: &TenantId) -> String {
    format!(
        "the plugin gave no answer for {MAX_FAILURES} resources; it was not asked any more; what it has logged: muster plugin tail --tenant {tenant}"
    )
}

fn findings(rollout: &Rollout, caller: &Caller, tally: &Tally, mut collisions: Collisions) -> Value {
    let collide = collisions.count(|kind, attribute| caller.bound.canonical(kind, attribute));
    let mut found = json!(tally);
    let present = caller.tenant.bound.load_full();
    let met = present.map_or_else(Vec::new, |present| otherwise(&present, &caller.bound));
    found["against"] = json!(against(rollout, tally, collide, met));
    found["collisions"] = collisions.told();
    found["not_kept"] = json!(rollout.not_kept);
    found["sample"] = json!(rollout.sample);
    found
}

/// What somebody should have looked at before the candidate decides.
fn against(rollout: &Rollout, tally: &Tally, collide: u64, met: Vec<String>) -> Vec<String> {
    let counted = [
        (tally.rejected, "rejected"),
        (tally.failed, "without an answer from the plugin"),
        (tally.not_served, "of a kind that it does not serve"),
        (collide, "with a name that another one has"),
    ];
    // Who cannot ask any more comes before what would be answered.
    let mut against = met;
    let some = counted.into_iter().filter(|(count, _)| *count > 0);
    against.extend(some.map(|(count, what)| format!("{count} of {} would be {what}", tally.looked_at)));
    against.extend(tally.loses());
    match rollout.not_kept.len() {
        0 => {}
        1 => against.push("one attribute that it reads was not kept until now".to_owned()),
        count => against.push(format!("{count} attributes that it reads were not kept until now")),
    }
    against
}
