//! What is done to logs while nobody looks: new entries are sealed, and old ones go as each tenant's retention has it; so do old tasks. No
//! request waits for it, and its failures stop nothing.

use std::collections::HashSet;
use std::time::Duration;

use muster_model::{LogEntry, LogHash, Seal, TenantId, TenantRow, Timestamp};
use muster_store::StoreError;

use crate::Service;

/// How many entries one seal covers at most: retention cuts at seals.
pub const SEAL_BLOCK: usize = 256;

/// How long an entry waits for others to be sealed with it.
pub const SEAL_AFTER: Duration = Duration::from_mins(1);

/// How many seals are made of one tenant's log in one round; what is over waits for the next.
pub const MAX_SEALS_A_ROUND: usize = 256;

/// How many entries retention removes at once, before other writes have their turn.
pub const MAX_PRUNED_AT_ONCE: usize = 1000;

/// With how many entries removed a round is over for one tenant; what is over goes in the next.
pub const MAX_PRUNED_A_ROUND: u64 = 25_000;

/// How many seals are looked at for one that everything before has passed.
const SEALS_A_READ: usize = 100;

/// How long to wait between two rounds.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

const MILLIS_A_DAY: i64 = 24 * 60 * 60 * 1000;

/// What the upkeep remembers between two rounds.
#[derive(Debug, Default)]
pub struct Upkeep {
    /// Whose entries that an interrupted pruning left over are gone.
    cleared: HashSet<TenantId>,
}

impl Service {
    /// Keeps the logs until the server stops.
    pub async fn keep_logs(&self) {
        let mut upkeep = Upkeep::default();
        // At once: the next start may be soon, and with another clock.
        self.look_at_clock().await;
        loop {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP_INTERVAL) => {}
                () = self.told_to_stop() => return,
            }
            self.keep_logs_once(&mut upkeep).await;
        }
    }

    /// One round: each tenant's log in turn.
    pub async fn keep_logs_once(&self, upkeep: &mut Upkeep) {
        // The clock is looked at before anything is done: what takes long is no leap.
        let now = self.look_at_clock().await;
        let rows: Vec<TenantRow> = self.tenants.view().rows().cloned().collect();
        for row in rows {
            if *self.stopping.borrow() {
                return;
            }
            if let Err(error) = self.keep_log(&row, now, upkeep).await {
                failed_for(Some(&row.id), &error);
            }
        }
    }

    /// What time it is, if that is believed; kept for the next start.
    async fn look_at_clock(&self) -> Option<Timestamp> {
        let now = self.removal_time().ok();
        if let Err(error) = self.keep_clock().await {
            failed_for(None, &error);
        }
        now
    }

    async fn keep_log(&self, row: &TenantRow, now: Option<Timestamp>, upkeep: &mut Upkeep) -> Result<(), StoreError> {
        self.seal(&row.id, When::Due).await?;
        self.forget_local(&row.id).await?;
        if !upkeep.cleared.contains(&row.id) {
            let anchor = self.parts.store.log_keeper(&row.id).status().await?.anchor.seq;
            if anchor > 0 {
                self.remove_through(&row.id, anchor).await?;
            }
            upkeep.cleared.insert(row.id.clone());
        }
        if let Some(now) = now {
            self.prune(row, now).await?;
            self.prune_tasks(row, now).await?;
        }
        Ok(())
    }

    /// Seals everything that is there now; the latest seal.
    pub(crate) async fn seal_all(&self, tenant: &TenantId) -> Result<Seal, StoreError> {
        let last = self.parts.store.log_keeper(tenant).status().await?.last;
        loop {
            let sealed = self.seal(tenant, When::Now).await?;
            if sealed.seq >= last || *self.stopping.borrow() {
                return Ok(sealed);
            }
        }
    }

    async fn seal(&self, tenant: &TenantId, when: When) -> Result<Seal, StoreError> {
        let keeper = self.parts.store.log_keeper(tenant);
        let directory = self.parts.store.directory(tenant);
        let status = keeper.status().await?;
        let mut sealed = status.sealed;
        for _ in 0..MAX_SEALS_A_ROUND {
            if sealed.seq >= status.last || *self.stopping.borrow() {
                break;
            }
            let entries = directory.log(sealed.seq, SEAL_BLOCK).await?;
            let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
                return Err(StoreError::Damaged(format!("entry {} of a log is missing", sealed.seq + 1)));
            };
            if first.seq != sealed.seq + 1 {
                return Err(StoreError::Damaged(format!("entry {} of a log is missing", sealed.seq + 1)));
            }
            // A block that is not full yet waits for more, but not for long.
            let is_full = entries.len() == SEAL_BLOCK || last.seq < status.last;
            if !is_full && !when.is_due(first, self.parts.clock.now()) {
                break;
            }
            let hash = entries.iter().fold(sealed.hash, LogHash::link);
            // A seal is no older than what it covers, also after the clock was set back: what was cut off is told by it.
            let times = entries.iter().map(|entry| entry.change.at).chain([sealed.at]);
            let seal = Seal { seq: last.seq, hash, at: times.fold(self.parts.clock.now(), Timestamp::max) };
            match keeper.seal(&seal, sealed.seq).await {
                Ok(()) => sealed = seal,
                // Somebody else has sealed it meanwhile.
                Err(StoreError::Stale) => sealed = keeper.status().await?.sealed,
                Err(error) => return Err(error),
            }
            tokio::task::yield_now().await;
        }
        Ok(sealed)
    }

    /// Removes the blocks at the beginning of a log that were sealed, and of which every entry was made, longer ago than its tenant's
    /// retention says; how many entries that were. `now` is a time that is believed: see [`crate::judge`].
    ///
    /// What is removed is always a beginning: an entry that a clock has dated too late keeps everything behind it, and an entry dated too
    /// early waits for those before it.
    pub(crate) async fn prune(&self, row: &TenantRow, now: Timestamp) -> Result<u64, StoreError> {
        let Some(days) = row.retention.log_days else { return Ok(0) };
        let cutoff = cutoff(now, days).as_millis();
        let keeper = self.parts.store.log_keeper(&row.id);
        let directory = self.parts.store.directory(&row.id);
        let is_old = |entry: &LogEntry| entry.change.at.as_millis() < cutoff;
        let (mut before, mut removed) = (keeper.status().await?.anchor.seq, 0);
        loop {
            let mut through = None;
            'blocks: for seal in keeper.seals(before, SEALS_A_READ).await? {
                // Most rounds end here: the oldest entry is not old enough.
                if !directory.log(before, 1).await?.first().is_some_and(is_old) {
                    break;
                }
                // Verification holds the last seal that is gone against the retention.
                if seal.at.as_millis() > cutoff {
                    break;
                }
                let mut at = before;
                while at < seal.seq {
                    let wanted = usize::try_from(seal.seq - at).unwrap_or(SEAL_BLOCK).min(SEAL_BLOCK);
                    let entries = directory.log(at, wanted).await?;
                    match entries.last() {
                        Some(last) if entries.iter().all(is_old) => at = last.seq,
                        _ => break 'blocks,
                    }
                }
                before = seal.seq;
                through = Some(seal.seq);
            }
            let Some(through) = through else { return Ok(removed) };
            removed += self.remove_through(&row.id, through).await?;
            tracing::info!(tenant.id = %row.id, log.through = through, "old entries of a log were removed");
            if removed >= MAX_PRUNED_A_ROUND || *self.stopping.borrow() {
                return Ok(removed);
            }
        }
    }

    /// Forgets tasks that nothing becomes of any more, and nothing has for as long as their tenant's retention says.
    async fn prune_tasks(&self, row: &TenantRow, now: Timestamp) -> Result<(), StoreError> {
        let before = cutoff(now, row.retention.tasks_days);
        let outbox = self.parts.store.outbox(&row.id);
        let mut left = MAX_PRUNED_A_ROUND;
        while left > 0 && !*self.stopping.borrow() {
            let pruned = outbox.prune(before, MAX_PRUNED_AT_ONCE).await?;
            left = left.saturating_sub(u64::try_from(pruned).unwrap_or(u64::MAX));
            if pruned < MAX_PRUNED_AT_ONCE {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn remove_through(&self, tenant: &TenantId, through: u64) -> Result<u64, StoreError> {
        let keeper = self.parts.store.log_keeper(tenant);
        let mut removed = 0;
        loop {
            let some = match keeper.prune(through, MAX_PRUNED_AT_ONCE).await {
                // Somebody else has removed more meanwhile.
                Err(StoreError::Stale) => return Ok(removed),
                some => some?,
            };
            removed += some;
            if usize::try_from(some).is_ok_and(|some| some < MAX_PRUNED_AT_ONCE) {
                return Ok(removed);
            }
            tokio::task::yield_now().await;
        }
    }
}

/// What is older is not kept for so many days any more.
pub(crate) fn cutoff(now: Timestamp, days: u32) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub(i64::from(days).saturating_mul(MILLIS_A_DAY)))
}

fn failed_for(tenant: Option<&TenantId>, error: &StoreError) {
    metrics::counter!("muster_upkeep_failures_total").increment(1);
    let tenant = tenant.map(tracing::field::display);
    tracing::warn!(tenant.id = tenant, %error, "a part of the upkeep failed; it is tried again");
}

/// When a block that is not full is sealed.
#[derive(Debug, Clone, Copy)]
enum When {
    /// When its first entry has waited for [`SEAL_AFTER`].
    Due,
    /// At once.
    Now,
}

impl When {
    fn is_due(self, first: &LogEntry, now: Timestamp) -> bool {
        match self {
            Self::Now => true,
            Self::Due => {
                let waited = now.as_millis().saturating_sub(first.change.at.as_millis());
                // A clock that was set back makes nothing wait for ever.
                waited < 0 || u128::try_from(waited).is_ok_and(|waited| waited >= SEAL_AFTER.as_millis())
            }
        }
    }
}
