//! What people ask of deprovisions: which are not over, what became of one, and what proves it.

mod named;

use muster_model::{Binding, DeprovisionSettings, LogEntry, ResourceId, Seal, TenantId, TenantRow, Timestamp};
use muster_store::StoreError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::deprovision::{
    Deprovision, Evidence, EvidenceChain as Chain, EvidenceLink as Link, Judged, MAX_TARGET_S, State, Waits, Which,
    ends_access,
};
use crate::feed::not_kept;
use crate::upkeep::SEAL_BLOCK;
use crate::verify::{ExportedHead, KeptThen, LogHead};
use crate::{AdminError, Service};

/// How many deprovisions are told at once.
pub const MAX_DEPROVISIONS_A_PAGE: usize = 1_000;

/// How many one call looks at for those that are asked for.
pub const MAX_DEPROVISIONS_LOOKED_AT: usize = 2_000;

/// How many entries of the log one call goes through for deprovisions, or for a user by name.
pub const MAX_ENTRIES_GONE_THROUGH: u64 = 10_000;

/// How many entries of a user's history are gone through for the latest deprovision.
pub const MAX_HISTORY_GONE_THROUGH: usize = 10_000;

/// How many entries are read at once.
const ENTRIES_A_READ: u64 = 200;

/// Which deprovisions.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeprovisionsAsked {
    /// Those that are not over, or some of them, the oldest first; those that came to something, the latest first; all, the latest first, if
    /// it is not given.
    #[serde(default)]
    pub which: Option<DeprovisionsThat>,
    /// Those since this time.
    #[serde(default)]
    pub since: Option<String>,
    /// Where to go on: `next` of the answer before.
    #[serde(default)]
    pub from: Option<u64>,
    /// How many at most.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// Which ones: some of those that are not over, or those that came to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeprovisionsThat {
    /// All that are not over.
    Open,
    /// Of them, those that have no time left, whatever they wait for.
    Overdue,
    /// Of them, those of which a task is parked.
    Failed,
    /// Of them, those that wait for nothing but that somebody releases them.
    Held,
    /// Those of which every step is confirmed.
    Done,
    /// Those of which somebody has decided that a step is not to be made.
    GivenUp,
    /// Those of which not all was done when the user was given access again.
    Superseded,
    /// Those of which it is not known any more what was done.
    Forgotten,
}

/// Which deprovision of a user.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeprovisionAsked {
    /// That of this entry of the log; the latest, if it is not given.
    #[serde(default)]
    pub entry: Option<u64>,
}

/// By when access must have ended.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// How many seconds after the change.
    pub target_s: u32,
}

impl DeprovisionsThat {
    /// What they came to; `None`: they are not over, so the log need not be gone through for them.
    const fn over(self) -> Option<State> {
        match self {
            Self::Open | Self::Overdue | Self::Failed | Self::Held => None,
            Self::Done => Some(State::Done),
            Self::GivenUp => Some(State::GivenUp),
            Self::Superseded => Some(State::Superseded),
            Self::Forgotten => Some(State::Forgotten),
        }
    }

    fn is(self, one: &Deprovision) -> bool {
        let Judged { waits, late_ms, state, .. } = &one.judged;
        match self {
            Self::Open => waits.is_some(),
            Self::Overdue => waits.is_some() && late_ms.is_some(),
            Self::Failed => *waits == Some(Waits::Failed),
            Self::Held => *waits == Some(Waits::Held),
            Self::Done | Self::GivenUp | Self::Superseded | Self::Forgotten => self.over() == Some(*state),
        }
    }
}

impl Service {
    /// A tenant's deprovisions, and where to go on.
    pub async fn read_deprovisions(&self, tenant: &str, asked: DeprovisionsAsked) -> Result<Value, AdminError> {
        let DeprovisionsAsked { which, since, from, limit } = asked;
        let row = self.row(tenant)?;
        let limit = match limit.unwrap_or(100) {
            0 => return Err(AdminError::Wrong("limit is at least 1".to_owned())),
            limit => limit.min(MAX_DEPROVISIONS_A_PAGE),
        };
        let no_time = || AdminError::Wrong("since is a time as in 2026-11-03T14:03:00Z".to_owned());
        let since = since.map(|text| Timestamp::parse(&text).ok_or_else(no_time)).transpose()?;
        let (deprovisions, next) = match which.filter(|which| which.over().is_none()) {
            Some(which) => self.unfinished_deprovisions(&row, which, since, from.unwrap_or(0), limit).await?,
            None => self.all_deprovisions(&row, which, since, from, limit).await?,
        };
        Ok(json!({ "target_s": row.delivery.deprovision.target_s, "deprovisions": deprovisions, "next": next }))
    }

    /// Those that are not over, the oldest first.
    async fn unfinished_deprovisions(
        &self,
        row: &TenantRow,
        which: DeprovisionsThat,
        since: Option<Timestamp>,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<u64>), AdminError> {
        let (watched, is_more) = self.watched(row, after, MAX_DEPROVISIONS_LOOKED_AT).await?;
        let (mut told, mut looked_at) = (Vec::new(), None);
        for one in &watched {
            if told.len() == limit {
                break;
            }
            looked_at = Some(one.seq);
            if since.is_some_and(|since| one.at < since) {
                continue;
            }
            let entry = self.log_entry(&row.id, one.seq).await?;
            let now = self.deprovision(row, *one, entry.as_ref()).await?;
            if which.is(&now) {
                told.push(now.brief(entry.as_ref()));
            }
        }
        let is_last = watched.last().map(|one| one.seq) == looked_at;
        Ok((told, looked_at.filter(|_| !is_last || is_more)))
    }

    /// All that the log has, or those that came to something, the latest first. What is before `since` ends it; a clock that was set back by more
    /// than the entries that are read at once ends it too early.
    async fn all_deprovisions(
        &self,
        row: &TenantRow,
        which: Option<DeprovisionsThat>,
        since: Option<Timestamp>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<(Vec<Value>, Option<u64>), AdminError> {
        let status = self.parts.store.log_keeper(&row.id).status().await?;
        let mut before = before.unwrap_or(u64::MAX).min(status.last.saturating_add(1));
        let stop = before.saturating_sub(MAX_ENTRIES_GONE_THROUGH).max(status.first);
        let (mut told, mut looked_at) = (Vec::new(), 0);
        while before > stop {
            let after = before.saturating_sub(ENTRIES_A_READ + 1).max(stop - 1);
            let (entries, is_past) = self.ended_between(row, after, before, since).await?;
            for entry in entries.iter().rev() {
                let one = self.deprovision(row, Which::of(entry), Some(entry)).await?;
                looked_at += 1;
                if which.is_none_or(|which| which.is(&one)) {
                    told.push(one.brief(Some(entry)));
                }
                if told.len() == limit || looked_at == MAX_DEPROVISIONS_LOOKED_AT {
                    return Ok((told, Some(entry.seq)));
                }
            }
            if is_past {
                return Ok((told, None));
            }
            before = after + 1;
        }
        Ok((told, Some(before).filter(|before| *before > status.first)))
    }

    /// The entries between two others by which access ended; and whether all of them are before `since`.
    async fn ended_between(
        &self,
        row: &TenantRow,
        mut after: u64,
        before: u64,
        since: Option<Timestamp>,
    ) -> Result<(Vec<LogEntry>, bool), StoreError> {
        let directory = self.parts.store.directory(&row.id);
        let (mut found, mut is_past) = (Vec::new(), since.is_some());
        while after + 1 < before {
            let wanted = usize::try_from(before - after - 1).unwrap_or(usize::MAX);
            let entries = directory.log(after, wanted).await?;
            let Some(last) = entries.last().map(|entry| entry.seq) else { break };
            let is_young = |entry: &LogEntry| since.is_none_or(|since| entry.change.at >= since);
            is_past &= !entries.iter().any(is_young);
            found.extend(entries.into_iter().filter(|entry| is_young(entry) && ends_access(&entry.change)));
            after = last;
            tokio::task::yield_now().await;
        }
        Ok((found, is_past))
    }

    /// What became of one deprovision of a user, by id or `userName`.
    pub async fn show_deprovision(
        &self,
        tenant: &str,
        user: &str,
        asked: DeprovisionAsked,
    ) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let entry = self.deprovision_of(&row, user, asked.entry).await?;
        let one = self.deprovision(&row, Which::of(&entry), Some(&entry)).await?;
        Ok(one.story(&entry))
    }

    /// The same with what proves its part of the log, which is sealed for it.
    pub async fn deprovision_evidence(
        &self,
        tenant: &str,
        user: &str,
        asked: DeprovisionAsked,
    ) -> Result<Evidence, AdminError> {
        let row = self.row(tenant)?;
        let entry = self.deprovision_of(&row, user, asked.entry).await?;
        self.seal_all(&row.id).await?;
        let chain = self.chain_of(&row, &entry).await?;
        let one = self.deprovision(&row, Which::of(&entry), Some(&entry)).await?;
        Ok(Evidence::new(row.id, self.parts.clock.now(), one.story(&entry), chain))
    }

    /// The part of the log around an entry, from seal to seal.
    async fn chain_of(&self, row: &TenantRow, entry: &LogEntry) -> Result<Chain, AdminError> {
        let keeper = self.parts.store.log_keeper(&row.id);
        let status = keeper.status().await?;
        // A seal covers at most so many entries, so the one before it is not further away.
        let block = u64::try_from(SEAL_BLOCK).unwrap_or(u64::MAX);
        let seals = keeper.seals(entry.seq.saturating_sub(block + 1).max(status.anchor.seq), SEAL_BLOCK + 2).await?;
        let from = seals.iter().rfind(|seal| seal.seq < entry.seq).copied().unwrap_or(status.anchor);
        let seal = seals.iter().find(|seal| seal.seq >= entry.seq).copied();
        let seal = seal.ok_or_else(|| AdminError::Wrong("the entry cannot be sealed now; try again".to_owned()))?;
        let first_seal = keeper.seals(status.anchor.seq, 1).await?.first().map_or(seal.at, |first| first.at);
        let kept = KeptThen { at: seal.at, first: status.first, since: first_seal, log_days: row.retention.log_days };
        let Seal { seq, hash, .. } = seal;
        let head = ExportedHead { tenant: Some(row.id.clone()), seq, hash, kept: Some(kept) };
        let links = self.links_between(&row.id, from.seq, seq, entry).await?;
        Ok(Chain { from: LogHead { seq: from.seq, hash: from.hash }, links, head })
    }

    /// The entries behind one up to another: what the request did to the user is shown, of the others what stands for them.
    async fn links_between(
        &self,
        tenant: &TenantId,
        after: u64,
        through: u64,
        of: &LogEntry,
    ) -> Result<Vec<Link>, AdminError> {
        let directory = self.parts.store.directory(tenant);
        let (mut links, mut at) = (Vec::new(), after);
        let is_of_it = |entry: &LogEntry| {
            let change = &entry.change;
            // Of a group only what tells of nobody else, and nothing else of the group.
            let is_left = change.members_removed == [of.change.id]
                && change.members_added.is_empty()
                && change.before.is_none()
                && change.after.is_none();
            (change.id == of.change.id || is_left) && change.request == of.change.request
        };
        while at < through {
            let wanted = usize::try_from(through - at).unwrap_or(usize::MAX);
            let entries = directory.log(at, wanted).await?;
            if entries.first().is_none_or(|entry| entry.seq != at + 1) {
                return Err(not_kept(self.parts.store.log_keeper(tenant).status().await?.first));
            }
            for entry in entries {
                at = entry.seq;
                let link = muster_model::LogHash::of_entry(&entry);
                links.push(if is_of_it(&entry) { Link::Entry(Box::new(entry)) } else { Link::Digest(link) });
            }
        }
        Ok(links)
    }

    /// The entry of a deprovision: the latest of a user, or the one that was asked for.
    async fn deprovision_of(&self, row: &TenantRow, user: &str, seq: Option<u64>) -> Result<LogEntry, AdminError> {
        let id = self.deprovisioned_user(row, user).await?;
        let Some(seq) = seq else { return self.latest_deprovision(row, id).await };
        let status = self.parts.store.log_keeper(&row.id).status().await?;
        if (1..status.first).contains(&seq) {
            return Err(not_kept(status.first));
        }
        let entry = self.log_entry(&row.id, seq).await?;
        let entry = entry.filter(|entry| entry.change.id == id && ends_access(&entry.change));
        entry.ok_or_else(|| AdminError::NotFound(format!("deactivation or deletion of user {id} at entry {seq}")))
    }

    async fn latest_deprovision(&self, row: &TenantRow, id: ResourceId) -> Result<LogEntry, AdminError> {
        let directory = self.parts.store.directory(&row.id);
        let (mut before, mut gone_through) = (None, 0);
        while gone_through < MAX_HISTORY_GONE_THROUGH {
            let entries = directory.history(id, before, usize::try_from(ENTRIES_A_READ).unwrap_or(usize::MAX)).await?;
            let Some(oldest) = entries.last().map(|entry| entry.seq) else {
                return Err(AdminError::NotFound(format!("deactivation or deletion of user {id} in the log")));
            };
            (before, gone_through) = (Some(oldest), gone_through + entries.len());
            let found = entries.into_iter().find(|entry| entry.change.id == id && ends_access(&entry.change));
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let says = format!("user {id} has changed more than {MAX_HISTORY_GONE_THROUGH} times since; name the entry");
        Err(AdminError::Wrong(says))
    }

    /// By when access must have ended.
    pub fn deprovision_target(&self, tenant: &str) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        Ok(target_of(&row))
    }

    /// Sets it: also for deprovisions of before.
    pub async fn set_deprovision_target(&self, tenant: &str, new: NewTarget) -> Result<Value, AdminError> {
        let NewTarget { target_s } = new;
        if !(1..=MAX_TARGET_S).contains(&target_s) {
            return Err(AdminError::Wrong(format!("target_s is between 1 and {MAX_TARGET_S}")));
        }
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        if row.delivery.deprovision.target_s == target_s {
            return Ok(target_of(&row));
        }
        let actual = row.binding.revision;
        row.delivery.deprovision = DeprovisionSettings { target_s };
        let row = TenantRow { binding: Binding { revision: actual + 1, ..row.binding }, ..row };
        self.replace_row(&row, actual).await?;
        self.tenants.change(|view| view.put_row(row.clone()));
        tracing::info!(tenant.id = %row.id, target_s, "the target of deprovisions changed");
        Ok(target_of(&row))
    }
}

fn target_of(row: &TenantRow) -> Value {
    json!({ "tenant": row.id, "target_s": row.delivery.deprovision.target_s, "revision": row.binding.revision })
}
