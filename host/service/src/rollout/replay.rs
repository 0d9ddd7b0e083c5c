//! What a candidate would have made of the requests of the last hours: every write that the log tells of, and what was refused where its
//! values were kept. Nothing is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_model::{Actor, Event, LogEntry, RequestId, ResourceId, Rollout, StepName, TenantId, Timestamp};
use muster_store::{Directory, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

use super::frame::{Ended, Found, changed};
use super::pace::Pace;
use super::past::{Came, Past, no_answers, record_of};
use super::tally::Tally;
use super::{MAX_FAILURES, Work};
use crate::Service;
use crate::authenticate::Caller;

/// How many entries of the log are read at once.
const ENTRIES_A_READ: usize = 100;

/// What is true of every replay, and somebody who reads its findings should know.
const APPROXIMATED: [&str; 4] = [
    "each write is put to the candidate with the account that the plugin of that time had made before it, not with one of the candidate's own",
    "of what was sent, the candidate sees what was stored of it: attributes that were not kept are missing (not_kept)",
    "tasks are compared with those that the plugin that decides now plans for the same change",
    "repeated writes that changed nothing are in no log, and are what the preview has looked at",
];

/// A replay on its way.
pub(super) struct Replay<'a> {
    pub work: &'a Work,
    /// The candidate.
    pub caller: Caller,
    /// Who decides now.
    pub present: Caller,
    pub tally: Tally,
    pub pace: Pace,
    pub since: Timestamp,
    /// What could not be put to it, by reason.
    pub not_replayed: BTreeMap<&'static str, u64>,
    pub refused: Refused,
}

/// What is known of the requests that a plugin had refused, or given no answer to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Refused {
    /// How many there were.
    pub count: u64,
    /// How many of them could be put to the candidate.
    pub replayed: u64,
}

impl Replay<'_> {
    pub(super) fn cannot(&mut self, why: &'static str) {
        *self.not_replayed.entry(why).or_default() += 1;
    }
}

impl Service {
    /// Puts what was written, and then what was refused, to the candidate.
    pub(super) async fn replay(&self, work: &Work, rollout: &Rollout) -> Result<Found, Ended> {
        let row = self.row(rollout.tenant.as_str())?;
        if row.binding.revision != rollout.revision {
            return Err(changed(&row.binding, rollout).into());
        }
        let candidate = Arc::new(self.candidate(&row, rollout.plugin, rollout.config.clone()).await?);
        let caller = self.rollout_caller(work, "replay", candidate)?;
        let present = caller.tenant.bound.load_full().ok_or(crate::ScimError::PluginNotLoaded)?;
        let present = Caller { bound: present, ..caller.clone() };
        let back_ms = i64::try_from(rollout.trials.replay_s.unwrap_or_default()).unwrap_or_default() * 1_000;
        let began =
            rollout.step(StepName::Replay).and_then(|step| step.began).unwrap_or_else(|| self.parts.clock.now());
        let mut replay = Replay {
            work,
            caller,
            present,
            tally: Tally::default(),
            pace: Pace::new(),
            since: Timestamp::from_millis(began.as_millis().saturating_sub(back_ms)),
            not_replayed: BTreeMap::new(),
            refused: Refused::default(),
        };
        let mut done = self.replay_log(&mut replay, rollout).await;
        if done.is_ok() {
            done = self.replay_refusals(&mut replay).await;
        }
        let found = findings(&replay);
        match done {
            Ok(()) => Ok(Found::done(found)),
            // It is replayed again from the beginning.
            Err(Ended::Stopped) => Err(Ended::Stopped),
            Err(ended) => {
                self.keep_findings(work, StepName::Replay, |_| {}, found).await?;
                Err(ended)
            }
        }
    }

    async fn replay_log(&self, replay: &mut Replay<'_>, rollout: &Rollout) -> Result<(), Ended> {
        let directory = replay.caller.tenant.directory.clone();
        let last = self.parts.store.log_keeper(&rollout.tenant).status().await?.last;
        let mut after = self.last_before(&rollout.tenant, directory.as_ref(), replay.since).await?;
        replay.work.progress.set_total(last.saturating_sub(after));
        let mut gone = None;
        while after < last {
            let entries = directory.log(after, ENTRIES_A_READ).await?;
            let Some(end) = entries.last().map(|entry| entry.seq) else { return Ok(()) };
            for entry in entries.into_iter().filter(|entry| entry.seq <= last) {
                self.go_on(replay.work)?;
                replay.work.progress.advance(1);
                let is_request = entry.change.at >= replay.since && matches!(entry.change.actor, Actor::Token(_));
                if is_request && !follows(&entry, gone.as_ref()) {
                    gone =
                        (entry.change.event == Event::Deleted).then(|| (entry.change.request.clone(), entry.change.id));
                    replay.tally.earlier += u64::from(entry.change.plugin != rollout.from);
                    match past_of(directory.as_ref(), entry).await? {
                        Ok(past) => self.put(replay, &past).await?,
                        Err(why) => replay.cannot(why),
                    }
                }
                replay.pace.rest().await;
            }
            after = end;
        }
        Ok(())
    }

    /// Puts one write to the candidate.
    pub(super) async fn put(&self, replay: &mut Replay<'_>, past: &Past) -> Result<(), Ended> {
        let came = self.compare(&mut replay.caller, Some(&mut replay.present), past).await?;
        replay.tally.compares(past, came);
        if replay.tally.failed >= MAX_FAILURES {
            return Err(Ended::Failed(no_answers()));
        }
        Ok(())
    }

    /// Behind which entry those of a time begin. Clocks go backwards, so each entry is asked again.
    async fn last_before(
        &self,
        tenant: &TenantId,
        directory: &dyn Directory,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let status = self.parts.store.log_keeper(tenant).status().await?;
        let (mut low, mut high) = (status.first, status.last + 1);
        while low < high {
            let middle = u64::midpoint(low, high);
            let entry = directory.log(middle - 1, 1).await?.into_iter().next();
            if entry.is_none_or(|entry| entry.change.at >= since) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low.saturating_sub(1))
    }
}

/// Whether a group only lost who was deleted: no plugin is asked about that.
fn follows(entry: &LogEntry, gone: Option<&(RequestId, ResourceId)>) -> bool {
    let change = &entry.change;
    change.event == Event::MemberRemoved
        && gone.is_some_and(|(request, id)| change.request == *request && change.members_removed == [*id])
}

/// A write as the log tells of it, or why it cannot be put to anybody.
async fn past_of(directory: &dyn Directory, entry: LogEntry) -> Result<Result<Past, &'static str>, StoreError> {
    let LogEntry { seq, version, change } = entry;
    let of = (&change.resource_type, change.id);
    let by = (change.at, version, change.plugin);
    let (record, sent, before) = match (&change.before, &change.after) {
        (before, Some(after)) => {
            let sent = Some(after.document.clone());
            (record_of(after, of, by), sent, before.as_ref().map(|before| before.account.clone()))
        }
        (Some(before), None) => (record_of(before, of, by), None, Some(before.account.clone())),
        (None, None) => match directory.get(of.0, of.1).await? {
            Some(group) => {
                let account = group.account.clone();
                (group, None, Some(account))
            }
            None => return Ok(Err("the members of a group that is gone: its account is not known")),
        },
    };
    if change.event == Event::Signalled {
        return Ok(Err("a signal of the product"));
    }
    let gained = change.members_added.iter().map(|member| (Event::MemberAdded, *member));
    let lost = change.members_removed.iter().map(|member| (Event::MemberRemoved, *member));
    // A group that goes takes its members along, and nobody is asked about each.
    let members = if change.event == Event::Deleted { Vec::new() } else { lost.chain(gained).collect() };
    Ok(Ok(Past {
        record,
        event: change.event,
        at: change.at,
        request: change.request,
        seq: Some(seq),
        sent,
        before,
        members,
        came: Came::Stored(None),
    }))
}

fn findings(replay: &Replay<'_>) -> Value {
    let mut found = json!(replay.tally);
    found["since"] = json!(replay.since.to_string());
    found["refused"] = json!(replay.refused);
    found["not_replayed"] = json!(replay.not_replayed);
    found["approximated"] = json!(APPROXIMATED);
    found["against"] = json!(replay.tally.against("replayed writes"));
    found
}
