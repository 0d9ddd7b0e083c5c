//! One turn of a tenant: one page of its log for each of its receivers.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_model::{Following, LogEntry, NewTask, Receiver, Standing, TenantId, Timestamp};
use muster_store::{Feed, Outbox, StoreError};
use tokio::task::JoinSet;

use super::{Feeds, MAX_ENTRIES_A_FEED, MAX_FED_WAITING, Means};

/// What one turn came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stepped {
    /// Whether there is more for somebody that could be fed at once.
    pub(super) has_more: bool,
    /// Whether there is more for somebody whose queue is full.
    pub(super) is_full: bool,
    /// Whether anybody was fed.
    pub(super) has_fed: bool,
    /// By how many entries the slowest is behind.
    pub(super) behind: u64,
}

impl Stepped {
    fn and(self, other: Self) -> Self {
        Self {
            has_more: self.has_more || other.has_more,
            is_full: self.is_full || other.is_full,
            has_fed: self.has_fed || other.has_fed,
            behind: self.behind.max(other.behind),
        }
    }
}

/// A page of a log, and what is known of it.
#[derive(Debug)]
struct Page {
    /// The entry before it, as it was asked for.
    after: u64,
    /// The oldest entry that was kept after it was read.
    first: u64,
    /// The latest entry before it was read.
    last: u64,
    entries: Vec<LogEntry>,
}

/// One receiver's turn.
struct Turn {
    feeds: Arc<dyn Feeds>,
    outbox: Arc<dyn Outbox>,
    tenant: TenantId,
    receiver: Receiver,
    at: Timestamp,
    /// What the store says of how far it was fed.
    fed: Option<u64>,
    /// How many more may wait for it.
    room: u64,
    page: Arc<Page>,
}

impl Means {
    /// Feeds each receiver of a tenant what follows, at most one page.
    pub(super) async fn step(&self, tenant: &TenantId) -> Result<Stepped, StoreError> {
        let following = self.feeds.following(tenant);
        if following.is_empty() {
            return Ok(Stepped::default());
        }
        let (outbox, at) = (self.store.outbox(tenant), self.clock.now());
        let last = self.store.log_keeper(tenant).status().await?.last;
        let counts = outbox.counts().await?;
        let mut pages: BTreeMap<u64, Arc<Page>> = BTreeMap::new();
        let (mut turns, mut stepped) = (JoinSet::new(), Stepped::default());
        for Following { receiver, since } in following {
            let queue = receiver.queue();
            let fed = outbox.fed(&queue).await?;
            // One that was added again is not told of what was before that, whatever became of the one before it.
            let after = fed.unwrap_or(since).max(since);
            if after >= last {
                if after > last {
                    // Its own trouble (`store check` tells of it): the others are fed.
                    tracing::error!(tenant.id = %tenant, %queue, fed = after, log.last = last, "a receiver was fed beyond the end of the log");
                    metrics::counter!("muster_feed_failures_total").increment(1);
                }
                continue;
            }
            let waits = counts.iter().find(|(of, standing, _)| *of == queue && *standing == Standing::Waiting);
            let room = MAX_FED_WAITING.saturating_sub(waits.map_or(0, |(_, _, count)| *count));
            if room == 0 {
                stepped = stepped.and(Stepped { is_full: true, behind: last - after, ..Stepped::default() });
                continue;
            }
            let page = if let Some(page) = pages.get(&after) {
                page.clone()
            } else {
                let page = Arc::new(self.page(tenant, after, last).await?);
                pages.insert(after, page.clone());
                page
            };
            let (feeds, outbox, tenant) = (self.feeds.clone(), outbox.clone(), tenant.clone());
            let turn = Turn { feeds, outbox, tenant, receiver, at, fed, room, page };
            turns.spawn(turn.take());
        }
        while let Some(turned) = turns.join_next().await {
            let turned = turned.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
            stepped = stepped.and(turned?);
        }
        Ok(stepped)
    }

    async fn page(&self, tenant: &TenantId, after: u64, last: u64) -> Result<Page, StoreError> {
        let entries = self.store.directory(tenant).log(after, MAX_ENTRIES_A_FEED).await?;
        // Asked after the entries were read: what retention took away meanwhile is not passed over.
        let first = self.store.log_keeper(tenant).status().await?.first;
        Ok(Page { after, first, last, entries })
    }
}

impl Page {
    /// The entries that are gone between `after` and the first of these.
    fn gap(&self) -> Option<(u64, u64)> {
        let next = self.entries.first().map_or(self.first, |entry| entry.seq);
        (next > self.after + 1).then(|| (self.after + 1, next - 1))
    }

    /// How far one comes by it.
    fn through(&self) -> u64 {
        let gone = self.gap().map_or(self.after, |(_, last)| last);
        self.entries.last().map_or(gone, |entry| entry.seq)
    }
}

impl Turn {
    async fn take(self) -> Result<Stepped, StoreError> {
        let Self { feeds, outbox, tenant, receiver, at, fed, room, page } = self;
        let mut tasks = feeds.events(&tenant, &receiver, &page.entries);
        let gap = page.gap().and_then(|(first, last)| feeds.gap(&tenant, &receiver, first, last));
        let through = cut(&mut tasks, page.through(), room.saturating_sub(u64::from(gap.is_some())));
        if let Some((first, last)) = page.gap() {
            tracing::warn!(
                tenant.id = %tenant, queue = %receiver.queue(), log.first = first, log.last = last,
                "entries of the log were removed before a receiver was told of them"
            );
        }
        if through > page.after {
            let is_any = !tasks.is_empty() || gap.is_some();
            let tasks = gap.map(|gap| (0, gap)).into_iter().chain(tasks).collect();
            match outbox.feed(&receiver.queue(), Feed { at, expected: fed, through, tasks }).await {
                Ok(()) => {}
                // It begins anew meanwhile, or is gone: it is looked at again.
                Err(StoreError::Stale) => return Ok(Stepped { has_more: true, ..Stepped::default() }),
                Err(error) => return Err(error),
            }
            feeds.forget_if_gone(&tenant, &receiver).await?;
            if is_any {
                feeds.fed(&tenant, &receiver);
            }
        }
        let behind = page.last.saturating_sub(through);
        let is_cut = through < page.through();
        Ok(Stepped { has_more: behind > 0 && !is_cut, is_full: is_cut, has_fed: through > page.after, behind })
    }
}

/// Keeps as many of the first tasks as there is room for, all of an entry or none; how far one comes by them.
fn cut(tasks: &mut Vec<(u64, NewTask)>, through: u64, room: u64) -> u64 {
    let place = usize::try_from(room).unwrap_or(usize::MAX);
    let Some((beyond, _)) = tasks.get(place) else { return through };
    let beyond = *beyond;
    tasks.retain(|(change, _)| *change < beyond);
    beyond - 1
}

#[cfg(test)]
mod tests;
