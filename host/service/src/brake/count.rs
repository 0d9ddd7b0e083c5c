//! Reading what the tally is made of: the log, and how many users there are.

use std::collections::HashSet;
use std::sync::Arc;

use muster_model::{
    Brake, BrakeSettings, Following, LogEntry, ResourceId, ResourceType, Standing, TenantId, Timestamp,
};
use muster_store::{Directory, StoreError};

use super::tally::{Halved, Suspect, Tally, has_access, more_of, net, net_members, window_before};
use crate::Service;

/// How many entries or users are read at once.
const READ_AT_ONCE: usize = 500;

/// How often it is read again how many there are, because something changed meanwhile.
const ATTEMPTS: u32 = 8;

/// More was lost within a window than may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Over {
    /// The entry with which it was.
    pub(super) by: u64,
    /// When that was.
    pub(super) at: Timestamp,
    pub(super) why: String,
    pub(super) count: u64,
    pub(super) of: u64,
    /// The one group that lost them.
    pub(super) group: Option<ResourceId>,
}

impl Service {
    /// A tally that has everything before it which can be in a window with what is still to be done, or is yet to come. So nothing is missed
    /// that was committed before a restart, and not looked at.
    pub(super) async fn begin_tally(&self, tenant: &TenantId, brake: &Brake) -> Result<Tally, StoreError> {
        let oldest = self.parts.store.outbox(tenant).tasks(Some(Standing::Waiting), 0, 1).await?;
        let unfed = self.first_unfed(tenant).await?;
        let waits = oldest.first().map(|(task, _)| task.at).into_iter().chain(unfed);
        let through = self.entry_at(tenant, first_window(self.parts.clock.now(), waits, &brake.settings)).await?;
        Ok(Tally::new(brake.settings, brake.since, through.max(brake.since)))
    }

    /// A tally that has the window before this entry too: a task follows from it that was not there, or did not wait, when the tally was made. It
    /// is of a receiver that was off, or was replayed.
    pub(super) async fn begin_tally_before(
        &self,
        tenant: &TenantId,
        brake: &Brake,
        seq: u64,
    ) -> Result<Tally, StoreError> {
        let entries = self.parts.store.directory(tenant).log(seq - 1, 1).await?;
        let from = entries.first().map_or(self.parts.clock.now(), |entry| entry.change.at);
        let through = self.entry_at(tenant, window_before(from, &brake.settings)).await?;
        // Before it, also where the clock was set back.
        Ok(Tally::new(brake.settings, brake.since, through.min(seq - 1).max(brake.since)))
    }

    /// When the oldest change was that some receiver has not been given yet, if it is on.
    async fn first_unfed(&self, tenant: &TenantId) -> Result<Option<Timestamp>, StoreError> {
        let following: Vec<Following> = {
            let view = self.tenants.view();
            view.row(tenant).into_iter().flat_map(|row| row.delivery.following()).collect()
        };
        let outbox = self.parts.store.outbox(tenant);
        let mut oldest: Option<u64> = None;
        for Following { receiver, since } in following {
            let fed = outbox.fed(&receiver.queue()).await?.unwrap_or(since);
            oldest = Some(oldest.map_or(fed, |oldest| oldest.min(fed)));
        }
        let Some(fed) = oldest else { return Ok(None) };
        let entries = self.parts.store.directory(tenant).log(fed, 1).await?;
        Ok(entries.first().map(|entry| entry.change.at))
    }

    /// The last entry that is not later than this time; times go up with numbers, but where the clock was set back.
    pub(super) async fn entry_at(&self, tenant: &TenantId, time: Timestamp) -> Result<u64, StoreError> {
        let status = self.parts.store.log_keeper(tenant).status().await?;
        let directory = self.parts.store.directory(tenant);
        let (mut before, mut behind) = (status.first.saturating_sub(1), status.last.saturating_add(1));
        while behind - before > 1 {
            let middle = before + (behind - before) / 2;
            match directory.log(middle - 1, 1).await?.first() {
                Some(entry) if entry.change.at > time => behind = middle,
                // Retention may have taken it away meanwhile: what is left is later.
                Some(entry) => before = entry.seq.max(middle),
                None => behind = middle,
            }
        }
        Ok(before)
    }

    /// Counts what the log has by now. Nothing is passed over that can be too much: each entry is judged with the window that it ends.
    pub(super) async fn count_on(&self, tenant: &TenantId, tally: &mut Tally) -> Result<Option<Over>, StoreError> {
        let directory = self.parts.store.directory(tenant);
        loop {
            let entries = directory.log(tally.through, READ_AT_ONCE).await?;
            if entries.is_empty() {
                return Ok(None);
            }
            for entry in &entries {
                let kept = self.kept(tenant, &directory, entry).await?;
                for suspect in tally.take(entry, &kept) {
                    if let Some(over) = self.judge_suspect(tenant, &directory, tally, entry, suspect).await? {
                        return Ok(Some(over));
                    }
                }
                tally.fit();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn judge_suspect(
        &self,
        tenant: &TenantId,
        directory: &Arc<dyn Directory>,
        tally: &mut Tally,
        entry: &LogEntry,
        suspect: Suspect,
    ) -> Result<Option<Over>, StoreError> {
        let within = minutes(tally.settings.window_s);
        let found = match suspect {
            Suspect::Users(least) => {
                // Twice as many, so that it is not to be asked again with the very next one.
                let active = self.active_then(tenant, directory, tally.through, least.saturating_mul(2)).await?;
                tally.knows_active(active);
                let told =
                    |(count, of)| (format!("{count} of {of} users were deactivated or deleted"), count, of, None);
                tally.too_many_users().map(told)
            }
            Suspect::Members(group) => {
                let members = self.all_then(tenant, directory, tally, suspect).await?;
                let of_one =
                    |(count, of)| (format!("a group lost {count} of its {of} members"), count, of, Some(group));
                let of_many = |Halved { groups, lost, of }| {
                    (format!("{groups} groups lost {lost} of their {of} members"), lost, of, None)
                };
                let many = tally.too_many_groups(group, members).map(of_many);
                tally.too_many_members(group, members).map(of_one).or(many)
            }
            Suspect::Names => {
                let users = self.all_then(tenant, directory, tally, suspect).await?;
                let told = |(count, of)| (format!("{count} of {of} users have another userName"), count, of, None);
                tally.too_many_names(users).map(told)
            }
            Suspect::Groups => {
                let groups = self.all_then(tenant, directory, tally, suspect).await?;
                let told = |(count, of)| (format!("{count} of {of} groups were deleted"), count, of, None);
                tally.too_many_deleted(groups).map(told)
            }
        };
        Ok(found.map(|(what, count, of, group)| {
            let why = format!("{what} within {within}");
            tracing::debug!(tenant.id = %tenant, log.seq = entry.seq, "more than the brake lets pass");
            Over { by: entry.seq, at: entry.change.at, why, count, of, group }
        }))
    }

    /// How many users, groups or members of a group there were after the last entry that the tally has: it is read once, and the log says it
    /// from there on. What came later is not counted: it may be what somebody put in the place of what was lost.
    pub(super) async fn all_then(
        &self,
        tenant: &TenantId,
        directory: &Arc<dyn Directory>,
        tally: &mut Tally,
        suspect: Suspect,
    ) -> Result<u64, StoreError> {
        if let Some(all) = tally.all_of(suspect) {
            return Ok(all);
        }
        let all = match suspect {
            Suspect::Members(group) => members_then(directory, group, tally.through).await?,
            Suspect::Names | Suspect::Users(_) => {
                self.records_then(tenant, directory, &ResourceType::USER, tally.through).await?
            }
            Suspect::Groups => self.records_then(tenant, directory, &ResourceType::GROUP, tally.through).await?,
        };
        tally.knows_all_of(suspect, all);
        Ok(all)
    }

    /// How many records of a kind there were after the entry `through`.
    async fn records_then(
        &self,
        tenant: &TenantId,
        directory: &Arc<dyn Directory>,
        kind: &ResourceType,
        through: u64,
    ) -> Result<u64, StoreError> {
        let keeper = self.parts.store.log_keeper(tenant);
        let (mut last, mut all) = (keeper.status().await?.last, 0);
        for _ in 0..ATTEMPTS {
            all = directory.states(kind).await?.iter().map(|(_, count)| count).sum();
            let now = keeper.status().await?.last;
            if std::mem::replace(&mut last, now) == now {
                break;
            }
        }
        let (mut read, mut more) = (through, 0);
        while read < last {
            let entries = directory.log(read, READ_AT_ONCE).await?;
            let Some(latest) = entries.last() else { break };
            read = latest.seq;
            let later = entries.iter().filter(|entry| entry.seq <= last && entry.change.resource_type == *kind);
            more += later.map(|entry| more_of(&entry.change)).sum::<i64>();
            tokio::task::yield_now().await;
        }
        Ok(all.saturating_add_signed(more.saturating_neg()))
    }

    /// How many users were active after the entry `through`, counted as far as `enough`: nobody keeps this number.
    ///
    /// It is exact, though no store has a snapshot for it and writes go on. First the log is read as far as it goes, to `last`: so each user is
    /// read later, as they were after it or after a later entry; and of whom a later one is about, its `before` says how they were at `last`.
    /// That one is there to be read: what a read of a user has shown, a later read of the log shows as well.
    async fn active_then(
        &self,
        tenant: &TenantId,
        directory: &Arc<dyn Directory>,
        through: u64,
        enough: u64,
    ) -> Result<i64, StoreError> {
        let last = self.parts.store.log_keeper(tenant).status().await?.last;
        let (mut read, mut more) = (through, 0);
        while read < last {
            let entries = directory.log(read, READ_AT_ONCE).await?;
            let Some(latest) = entries.last() else { break };
            read = latest.seq.min(last);
            more += entries.iter().filter(|entry| entry.seq <= last).map(|entry| net(&entry.change)).sum::<i64>();
            tokio::task::yield_now().await;
        }
        // Who came since is among those who are read, and is not to stand for one who was there.
        let came = u64::try_from(more).unwrap_or(0);
        let mut active = active_users(directory, enough.saturating_add(came)).await?;
        let mut met = HashSet::new();
        read = read.max(last);
        loop {
            let entries = directory.log(read, READ_AT_ONCE).await?;
            let Some(latest) = entries.last() else { break };
            read = latest.seq;
            for LogEntry { change, .. } in &entries {
                if change.resource_type == ResourceType::USER && met.insert(change.id) {
                    if change.before.as_ref().is_some_and(has_access) {
                        active.insert(change.id);
                    } else {
                        active.remove(&change.id);
                    }
                }
            }
        }
        Ok(i64::try_from(active.len()).unwrap_or(i64::MAX).saturating_sub(more))
    }
}

/// How many members a group had after the entry `through`: those that it has now, without what the log says of it since.
async fn members_then(directory: &Arc<dyn Directory>, group: ResourceId, through: u64) -> Result<u64, StoreError> {
    let (mut newest, mut members) = (newest_of(directory, group).await?, 0);
    for _ in 0..ATTEMPTS {
        members = directory.member_count(group).await?;
        let now = newest_of(directory, group).await?;
        if std::mem::replace(&mut newest, now) == now {
            break;
        }
    }
    let (mut before, mut more) = (newest.saturating_add(1), 0);
    while before > through.saturating_add(1) {
        let entries = directory.history(group, Some(before), READ_AT_ONCE).await?;
        let Some(oldest) = entries.last() else { break };
        before = oldest.seq;
        let later = entries.iter().filter(|entry| entry.seq > through && entry.change.id == group);
        more += later.map(|entry| net_members(&entry.change)).sum::<i64>();
        tokio::task::yield_now().await;
    }
    Ok(members.saturating_add_signed(more.saturating_neg()))
}

/// The latest entry that tells of it; 0: there is none.
async fn newest_of(directory: &Arc<dyn Directory>, id: ResourceId) -> Result<u64, StoreError> {
    Ok(directory.history(id, None, 1).await?.first().map_or(0, |entry| entry.seq))
}

/// When the first window begins that has to be judged: what waits since then is not carried out before it is.
fn first_window(now: Timestamp, waits: impl Iterator<Item = Timestamp>, settings: &BrakeSettings) -> Timestamp {
    window_before(waits.fold(now, Timestamp::min), settings)
}

/// The users who are active, as far as `enough`.
async fn active_users(directory: &Arc<dyn Directory>, enough: u64) -> Result<HashSet<ResourceId>, StoreError> {
    let mut active = HashSet::new();
    for (state, _) in directory.states(&ResourceType::USER).await? {
        let mut after = None;
        while (active.len() as u64) < enough {
            let users = directory.by_state(&ResourceType::USER, &state, after, READ_AT_ONCE).await?;
            let Some(last) = users.last() else { break };
            after = Some(last.id);
            active.extend(users.iter().filter(|user| user.document.is_active()).map(|user| user.id));
            tokio::task::yield_now().await;
        }
    }
    Ok(active)
}

/// A time in words: `60 minutes`, `90 seconds`.
fn minutes(seconds: u32) -> String {
    match (seconds / 60, seconds % 60) {
        (1, 0) => "1 minute".to_owned(),
        (minutes, 0) => format!("{minutes} minutes"),
        _ => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_restart_it_is_counted_from_a_window_before_the_oldest_thing_that_is_left_to_do() {
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        let settings = BrakeSettings { window_s: 60, ..BrakeSettings::default() };
        let from = |waits: &[i64]| first_window(at(1_000), waits.iter().map(|second| at(*second)), &settings);
        assert_eq!(from(&[]), at(940), "nothing waits: what is yet to come is judged with a window of its own");
        assert_eq!(from(&[700]), at(640), "a task that waits, or an entry that a receiver has not been given");
        assert_eq!(from(&[700, 300]), at(240), "whichever is older");
        assert_eq!(from(&[2_000]), at(940), "a clock that was set back hides nothing");
    }
}
