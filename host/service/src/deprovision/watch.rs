//! Which deprovisions are not over: in memory, for the metrics, the alert and the list.
//!
//! Only what still waits can be late, so the log is not gone through for them: what is watched follows from the tasks that wait, are held or are
//! parked, each read once, and from the part of the log that a receiver has not been given yet. After a start it is gathered anew.

mod gather;
mod gauges;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use muster_model::{Field, FieldValue, LogEntry, ResourceId, TenantId, TenantRow, Timestamp};
use muster_store::StoreError;
use tokio::sync::Mutex as AsyncMutex;

use super::steps::{Waits, millis};
use super::story::Which;
use crate::Service;
use crate::events::{Announcement, DEPROVISION_OVERDUE};
use gauges::Gauges;
pub use gauges::MAX_TENANTS_TOLD as MAX_WATCHED_TENANTS_TOLD;

/// How long to wait between two rounds.
pub const DEPROVISION_INTERVAL: Duration = Duration::from_secs(5);

/// How many deprovisions of one tenant are watched, and how many beside them that the brake holds: so an accident hides nothing that is late for
/// another reason. Later ones are as soon as earlier ones are over: nothing is passed over.
pub const MAX_WATCHED_A_TENANT: usize = 20_000;

/// How many deprovisions of one tenant are looked at in one round, of those that are late.
pub const MAX_CHECKED_A_ROUND: usize = 2_000;

/// How many deprovisions of one tenant are told to be overdue in one round; the next ones are in the next.
pub const MAX_TOLD_A_ROUND: usize = 100;

/// How many of them have a line of their own in the log.
const MAX_LINES_A_ROUND: usize = 10;

/// What is not over, by tenant.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    tenants: Mutex<HashMap<TenantId, Arc<AsyncMutex<Watched>>>>,
    gauges: Mutex<Gauges>,
}

/// Of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// By the log's entry.
    open: BTreeMap<u64, Open>,
    /// How many of them the brake holds.
    held: usize,
    /// What was read already.
    read: gather::Read,
    /// The last of those that were late and were looked at again.
    checked: u64,
}

/// One that is not known to be over.
#[derive(Debug, Clone, Copy)]
struct Open {
    at: Timestamp,
    id: ResourceId,
    /// Whether it waited for somebody to release it when it was last looked at.
    is_held: bool,
    /// What it waits for, and no time is left.
    late: Option<Waits>,
    /// Whether somebody was told that.
    is_told: bool,
}

/// One of which somebody is to be told that it is overdue.
#[derive(Debug)]
struct Late {
    which: Which,
    unfinished: Vec<String>,
}

impl Late {
    /// Nothing of it says who the user is.
    fn announcement(&self) -> Announcement {
        let Self { which, unfinished } = self;
        let text = |name: &str, value: String| Field { name: name.to_owned(), value: FieldValue::Text(value) };
        let entry = FieldValue::Integer(i64::try_from(which.seq).unwrap_or(i64::MAX));
        Announcement {
            name: DEPROVISION_OVERDUE,
            // A store that is restored from an older copy gives the number again, to another entry.
            key: format!("deprovision-overdue-{}-{}", which.seq, which.at.as_millis()),
            data: vec![
                text("user", which.id.to_string()),
                Field { name: "entry".to_owned(), value: entry },
                text("since", which.at.to_string()),
                text("unfinished", unfinished.join("; ")),
            ],
            to: None,
        }
    }
}

impl Watch {
    /// What is watched of a tenant.
    fn of(&self, tenant: &TenantId) -> Arc<AsyncMutex<Watched>> {
        self.tenants().entry(tenant.clone()).or_default().clone()
    }

    /// Nothing is left half-done by whoever panics with the lock.
    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<AsyncMutex<Watched>>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Whether there is room for one more that is held, or is not.
    fn has_room(&self, is_held: bool) -> bool {
        let others = if is_held { self.held } else { self.open.len() - self.held };
        others < MAX_WATCHED_A_TENANT
    }

    fn add(&mut self, which: Which, is_held: bool) {
        let Which { seq, at, id } = which;
        if let Entry::Vacant(vacant) = self.open.entry(seq) {
            vacant.insert(Open { at, id, is_held, late: None, is_told: false });
            self.held += usize::from(is_held);
        }
    }

    fn remove(&mut self, seq: u64) {
        if let Some(open) = self.open.remove(&seq) {
            self.held -= usize::from(open.is_held);
        }
    }

    /// It was looked at, and waits for this.
    fn note(&mut self, seq: u64, waits: Waits, is_late: bool) -> Option<&mut Open> {
        let open = self.open.get_mut(&seq)?;
        let was_held = std::mem::replace(&mut open.is_held, waits == Waits::Held);
        self.held = self.held + usize::from(open.is_held) - usize::from(was_held);
        open.late = is_late.then_some(waits);
        Some(open)
    }

    fn which(&self, seq: u64) -> Option<Which> {
        self.open.get(&seq).map(|open| Which { seq, at: open.at, id: open.id })
    }

    /// Those that are to be looked at: first those whose time has run out, then those that were late, in turn.
    fn next_to_check(&mut self, now: Timestamp, target_ms: i64) -> Vec<u64> {
        let is_due = |open: &Open| open.late.is_none() && millis(open.at, now) > target_ms;
        let due = self.open.iter().filter(|(_, open)| is_due(open)).map(|(seq, _)| *seq);
        let mut seqs: Vec<u64> = due.take(MAX_CHECKED_A_ROUND).collect();
        let left = MAX_CHECKED_A_ROUND - seqs.len();
        let again = self.open.range(self.checked + 1..).filter(|(_, open)| open.late.is_some());
        let again: Vec<u64> = again.map(|(seq, _)| *seq).take(left).collect();
        self.checked = again.last().copied().filter(|_| again.len() == left).unwrap_or(0);
        seqs.extend(again);
        seqs
    }
}

impl Service {
    /// Watches whether access ends in time, until the server stops.
    pub async fn watch_deprovisions(&self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(DEPROVISION_INTERVAL) => {}
                () = self.told_to_stop() => return,
            }
            self.watch_deprovisions_once().await;
        }
    }

    /// One round: each tenant in turn.
    pub async fn watch_deprovisions_once(&self) {
        let rows: Vec<TenantRow> = self.tenants.view().rows().cloned().collect();
        self.deprovisions.tenants().retain(|tenant, _| rows.iter().any(|row| row.id == *tenant));
        let mut round = gauges::Round::default();
        for row in rows {
            if *self.stopping.borrow() {
                return;
            }
            let watched = self.deprovisions.of(&row.id);
            let mut watched = watched.lock().await;
            match self.watch_tenant(&row, &mut watched).await {
                Ok(late) => self.tell_late(&row, &late, &mut watched).await,
                Err(error) => {
                    metrics::counter!("muster_deprovision_failures_total").increment(1);
                    tracing::warn!(tenant.id = %row.id, %error, "what is left to do of deprovisions cannot be read; it is tried again");
                }
            }
            round.note(&row.id, &watched, self.parts.clock.now());
            drop(watched);
            tokio::task::yield_now().await;
        }
        self.deprovisions.gauges.lock().unwrap_or_else(PoisonError::into_inner).set(&round);
    }

    /// Those of a tenant that are not known to be over, behind the entry `after`, as they are now; and whether there are others.
    pub(crate) async fn watched(
        &self,
        row: &TenantRow,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Which>, bool), StoreError> {
        let watched = self.deprovisions.of(&row.id);
        let mut watched = watched.lock().await;
        self.gather_open(row, &mut watched).await?;
        let seqs: Vec<u64> = watched.open.range(after.saturating_add(1)..).map(|(seq, _)| *seq).take(limit).collect();
        let is_more = seqs.len() == limit || !watched.read.is_whole();
        Ok((seqs.into_iter().filter_map(|seq| watched.which(seq)).collect(), is_more))
    }

    /// Gathers what waits, and looks at what may be late; which of it somebody is to be told of.
    async fn watch_tenant(&self, row: &TenantRow, watched: &mut Watched) -> Result<Vec<Late>, StoreError> {
        self.gather_open(row, watched).await?;
        let target_ms = i64::from(row.delivery.deprovision.target_s) * 1000;
        let mut late = Vec::new();
        let seqs = watched.next_to_check(self.parts.clock.now(), target_ms);
        for seq in &seqs {
            late.extend(self.check_deprovision(row, watched, *seq, late.len() < MAX_TOLD_A_ROUND).await?);
        }
        // What is called the oldest is one that is really open.
        for _ in seqs.len()..MAX_CHECKED_A_ROUND {
            let Some((&seq, open)) = watched.open.first_key_value() else { break };
            if open.late.is_some() {
                break;
            }
            late.extend(self.check_deprovision(row, watched, seq, late.len() < MAX_TOLD_A_ROUND).await?);
            if watched.open.contains_key(&seq) {
                break;
            }
        }
        Ok(late)
    }

    /// Looks at one as it is now. It is watched no longer if nothing of it waits.
    async fn check_deprovision(
        &self,
        row: &TenantRow,
        watched: &mut Watched,
        seq: u64,
        is_to_be_told: bool,
    ) -> Result<Option<Late>, StoreError> {
        let Some(which) = watched.which(seq) else { return Ok(None) };
        let entry = self.log_entry(&row.id, seq).await?;
        let now = self.deprovision(row, which, entry.as_ref()).await?;
        let Some(waits) = now.judged.waits else {
            watched.remove(seq);
            return Ok(None);
        };
        let Some(open) = watched.note(seq, waits, now.judged.late_ms.is_some()) else { return Ok(None) };
        // What the brake holds was told when it engaged.
        let is_alarming = match open.late {
            Some(Waits::Waiting | Waits::Failed) => !open.is_told,
            Some(Waits::Held) | None => false,
        };
        let target_ms = i64::from(row.delivery.deprovision.target_s) * 1000;
        if is_alarming && is_to_be_told && millis(now.judged.tell_from, self.parts.clock.now()) > target_ms {
            open.is_told = true;
            return Ok(Some(Late { which, unfinished: now.unfinished() }));
        }
        Ok(None)
    }

    /// An entry of the log; `None`, if it is not kept any more.
    pub(crate) async fn log_entry(&self, tenant: &TenantId, seq: u64) -> Result<Option<LogEntry>, StoreError> {
        let entries = self.parts.store.directory(tenant).log(seq.saturating_sub(1), 1).await?;
        Ok(entries.into_iter().find(|entry| entry.seq == seq))
    }

    /// Says once of each that it is overdue: in the log, and to the receivers that take it. After a start it is said again, under the same key.
    async fn tell_late(&self, row: &TenantRow, late: &[Late], watched: &mut Watched) {
        for late in late {
            if let Err(error) = self.announce(&row.id, late.announcement()).await {
                // The next round tries again.
                if let Some(open) = watched.open.get_mut(&late.which.seq) {
                    open.is_told = false;
                }
                metrics::counter!("muster_deprovision_failures_total").increment(1);
                tracing::warn!(tenant.id = %row.id, entry.seq = late.which.seq, %error, "that a deprovision is overdue could not be announced");
            }
        }
        for Late { which, unfinished } in late.iter().take(MAX_LINES_A_ROUND) {
            tracing::warn!(
                tenant.id = %row.id, entry.seq = which.seq, steps = unfinished.len(),
                "a deprovision is overdue: `muster deprovision show` tells what is left to do"
            );
        }
        if let Some(others) = late.len().checked_sub(MAX_LINES_A_ROUND).filter(|others| *others > 0) {
            tracing::warn!(tenant.id = %row.id, others, "more deprovisions are overdue: `muster deprovision list --overdue`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(seq: u64) -> Which {
        Which { seq, at: Timestamp::from_millis(9), id: ResourceId::from_bytes([1; 16]) }
    }

    fn watched(count: u64) -> Watched {
        let mut watched = Watched::default();
        for seq in 1..=count {
            let at = Timestamp::from_millis(i64::try_from(seq).unwrap());
            watched.add(Which { seq, at, id: ResourceId::from_bytes([1; 16]) }, false);
        }
        watched
    }

    #[test]
    fn what_has_no_time_left_is_looked_at_first_and_what_was_late_in_turn() {
        let mut watched = watched(10_000);
        let round = u64::try_from(MAX_CHECKED_A_ROUND).unwrap();
        let now = Timestamp::from_millis(5_001);
        assert_eq!(watched.next_to_check(now, 2_000), (1..=round).collect::<Vec<_>>());
        for open in watched.open.values_mut() {
            open.late = Some(Waits::Waiting);
        }
        for first in [1, round + 1, 2 * round + 1] {
            assert_eq!(watched.next_to_check(now, 2_000), (first..first + round).collect::<Vec<_>>());
        }
        watched.open.get_mut(&9_999).unwrap().late = None;
        watched.open.get_mut(&9_999).unwrap().at = Timestamp::from_millis(0);
        let next = watched.next_to_check(now, 2_000);
        assert_eq!((next[0], next[1], next.len()), (9_999, 3 * round + 1, MAX_CHECKED_A_ROUND));
    }

    #[test]
    fn so_many_are_watched_and_each_once() {
        let mut watched = watched(u64::try_from(MAX_WATCHED_A_TENANT).unwrap() - 1);
        assert!(watched.has_room(false));
        watched.add(one(1), false);
        assert!(watched.has_room(false), "it was there");
        watched.add(one(1 << 40), false);
        assert!(!watched.has_room(false) && watched.has_room(true));
    }

    #[test]
    fn those_that_the_brake_holds_take_no_room_from_the_others() {
        let mut watched = watched(0);
        let most = u64::try_from(MAX_WATCHED_A_TENANT).unwrap();
        for seq in 1..=most {
            watched.add(one(seq), true);
        }
        assert!(!watched.has_room(true) && watched.has_room(false));
        watched.remove(1);
        watched.remove(1);
        watched.note(2, Waits::Waiting, true).unwrap();
        watched.note(2, Waits::Waiting, false).unwrap();
        assert_eq!((watched.held, watched.open.len()), (MAX_WATCHED_A_TENANT - 2, MAX_WATCHED_A_TENANT - 1));
        watched.note(2, Waits::Held, true).unwrap();
        assert_eq!((watched.held, watched.open[&2].late), (MAX_WATCHED_A_TENANT - 1, Some(Waits::Held)));
    }
}
