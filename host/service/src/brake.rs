//! The brake: where more people lose their access than an identity provider can mean, destructive tasks are held until somebody has looked.
//!
//! The log is what is counted, and nothing else is kept: `brake/tally.rs` has the window of each tenant, which a restart makes anew from the
//! log, `brake/count.rs` reads, `brake/kept.rs` knows whose loss was cancelled, and `brake/affected.rs` says what an accident has come to.
//! [`Service::brake_holds`] is asked before a destructive task is carried out, and looks at the log at least up to the entry that the task
//! follows from: so none of those is carried out with which the threshold was passed, however fast they are. A write only says that there is
//! something to count ([`Brakes::wake`]).

mod affected;
mod count;
mod kept;
mod tally;
mod window;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_model::{
    Brake, BrakeSettings, Change, Engaged, Field, FieldValue, Progress, Standing, Task, TenantId, TenantRow, Timestamp,
};
use muster_store::{Lease, Outbox, Settled, StoreError};
use tokio::sync::Notify;

use crate::Service;
use crate::events::{Announcement, BRAKE_ENGAGED, BRAKE_RELEASED};
use crate::gauges::as_gauge;
use affected::Affected;
pub(crate) use affected::{Counted, may_hold, would_hold};
pub use affected::{MAX_ENTRIES_A_LOOK, MAX_WAITING_LOOKED_AT};
use count::Over;
pub use kept::MAX_ENTRIES_OF_A_LOSS;
pub use tally::MAX_BRAKE_COUNTED;
use tally::{Tally, concerns, window_before};

/// How long the first of several changes waits for the others, to be counted with them.
const TOGETHER: Duration = Duration::from_millis(50);

/// How long to leave the store alone that did not answer.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Of how many tenants the metrics tell one by one.
const MAX_TENANTS_TOLD: usize = 200;

/// What the others are told by, which no tenant can be called.
const OTHERS: &str = "(others)";

/// What is counted of each tenant, and of whom there is more to count.
#[derive(Debug, Default)]
pub(crate) struct Brakes {
    tallies: Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<Known>>>>,
    woken: Mutex<HashSet<TenantId>>,
    bell: Notify,
    /// Which tenants have a number of their own in the metrics: one that was told once is told from then on.
    told: Mutex<HashSet<TenantId>>,
}

/// What is known of one tenant; `None`: it is to be made from the log.
#[derive(Debug, Default)]
struct Known {
    /// While the brake is not engaged.
    tally: Option<Tally>,
    /// While it is, once somebody has looked.
    affected: Option<Affected>,
}

impl Brakes {
    /// Whether a change is counted: asked before the commit takes it.
    pub(crate) fn counts(change: &Change) -> bool {
        concerns(change)
    }

    /// There is something to count.
    pub(crate) fn wake(&self, tenant: &TenantId) {
        let is_new = self.woken.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone());
        if is_new {
            self.bell.notify_one();
        }
    }

    fn take(&self) -> HashSet<TenantId> {
        std::mem::take(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn of(&self, tenant: &TenantId) -> Arc<tokio::sync::Mutex<Known>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant.clone()).or_default().clone()
    }
}

impl Service {
    /// Whether a task is not to be carried out now: it destroys, nobody has released it, and the brake is engaged, or is by what the log has
    /// up to the entry that the task follows from. Whoever hands a task out asks this first.
    pub async fn brake_holds(&self, tenant: &TenantId, task: &Task, progress: &Progress) -> Result<bool, StoreError> {
        if !task.task.destructive || progress.is_released {
            return Ok(false);
        }
        let Some(brake) = self.brake_of(tenant) else { return Ok(false) };
        let is_cancelled = |brake: &Brake| brake.is_cancelled(task.change);
        if is_cancelled(&brake) || brake.engaged.is_some() {
            return Ok(true);
        }
        if !brake.settings.is_on {
            return Ok(false);
        }
        Ok(self.count_through(tenant, task.change).await? || self.brake_of(tenant).as_ref().is_some_and(is_cancelled))
    }

    /// It stays where it is until somebody decides over it; not, if somebody has said meanwhile that all that was held goes on: who did so has
    /// not seen it.
    pub(crate) async fn hold(&self, tenant: &TenantId, outbox: &dyn Outbox, lease: &Lease) -> Result<(), StoreError> {
        match outbox.settle(lease, Settled::Held).await {
            Ok(()) => {}
            // Somebody has decided over it meanwhile.
            Err(StoreError::Stale) => return Ok(()),
            Err(error) => return Err(error),
        }
        let revision = lease.progress.revision + 1;
        let held = Progress { revision, standing: Standing::Held, ..lease.progress.clone() };
        self.hold_no_more(tenant, outbox, &lease.task, held).await.map(|_| ())
    }

    /// Asks again of a task that is held: it waits as before, if the brake does not hold it any more. Whether it does.
    pub(crate) async fn hold_no_more(
        &self,
        tenant: &TenantId,
        outbox: &dyn Outbox,
        task: &Task,
        held: Progress,
    ) -> Result<bool, StoreError> {
        if self.brake_holds(tenant, task, &held).await? {
            return Ok(false);
        }
        let revision = held.revision;
        let waits = Progress { revision: revision + 1, standing: Standing::Waiting, ..held };
        match outbox.decide(task.seq, revision, waits).await {
            Ok(()) => Ok(true),
            Err(StoreError::Stale) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Counts at once what was committed, and engages the brake where it is too much: also of tenants that have no destructive tasks. Ends
    /// when the server stops.
    pub async fn keep_brakes(&self) {
        for row in self.tenants.view().rows() {
            self.brakes.wake(&row.id);
        }
        loop {
            tokio::select! {
                () = self.told_to_stop() => return,
                () = self.brakes.bell.notified() => {}
            }
            tokio::time::sleep(TOGETHER).await;
            for tenant in self.brakes.take() {
                if *self.stopping.borrow() {
                    return;
                }
                if let Err(error) = self.count_through(&tenant, u64::MAX).await {
                    tracing::warn!(tenant.id = %tenant, %error, "the brake cannot count; destructive tasks wait for it");
                    tokio::time::sleep(STORE_PAUSE).await;
                    self.brakes.wake(&tenant);
                }
            }
        }
    }

    pub(crate) fn brake_of(&self, tenant: &TenantId) -> Option<Brake> {
        self.tenants.view().row(tenant).map(|row| row.delivery.brake.clone())
    }

    /// Whether the brake is engaged by what the log has, up to this entry at least.
    async fn count_through(&self, tenant: &TenantId, at_least: u64) -> Result<bool, StoreError> {
        let known = self.brakes.of(tenant);
        let mut known = known.lock().await;
        let Known { tally, affected } = &mut *known;
        // Again, where somebody has set or released it meanwhile.
        loop {
            let Some(brake) = self.brake_of(tenant) else { return Ok(false) };
            if brake.engaged.is_some() || !brake.settings.is_on {
                *tally = None;
                return Ok(brake.engaged.is_some());
            }
            *affected = None;
            let is_other = |it: &Tally| (it.settings, it.since) != (brake.settings, brake.since);
            if tally.as_ref().is_none_or(is_other) {
                *tally = Some(self.begin_tally(tenant, &brake).await?);
            }
            if at_least > brake.since && tally.as_ref().is_some_and(|it| at_least <= it.began) {
                *tally = Some(self.begin_tally_before(tenant, &brake, at_least).await?);
            }
            let Some(present) = tally.as_mut().filter(|it| it.through < at_least) else { return Ok(false) };
            let over = match self.count_on(tenant, present).await {
                Ok(Some(over)) => over,
                Ok(None) => return Ok(false),
                Err(error) => {
                    // The entry that was not judged is to be read again.
                    *tally = None;
                    return Err(error);
                }
            };
            let is_engaged = self.engage(tenant, &brake, over).await;
            *tally = None;
            if is_engaged? {
                return Ok(true);
            }
        }
    }

    /// Engages it, durably; not, if it is not set or released as it was when this was counted.
    async fn engage(&self, tenant: &TenantId, counted: &Brake, over: Over) -> Result<bool, StoreError> {
        let first = self.entry_at(tenant, window_before(over.at, &counted.settings)).await?.max(counted.since) + 1;
        let _one_at_a_time = self.administration.lock().await;
        let Some(row) = self.tenants.view().row(tenant).cloned() else { return Ok(false) };
        let brake = &row.delivery.brake;
        if brake.engaged.is_some() || (brake.settings, brake.since) != (counted.settings, counted.since) {
            return Ok(false);
        }
        let Over { by, at: then, why, count, of, group } = over;
        let engaged = Engaged { at: self.parts.clock.now(), by, first, why, count, of, group };
        // Before it is so: who is told of it twice knows it by the key, and nobody is never told.
        self.announce(tenant, engaged_told(&engaged, then, &counted.settings)).await?;
        self.put_brake(row.clone(), Brake { engaged: Some(engaged.clone()), ..brake.clone() }, 0).await?;
        tracing::warn!(
            tenant.id = %tenant, brake.why = %engaged.why, log.seq = by,
            "the brake is engaged: destructive tasks are held (`muster brake show`, then `release` or `cancel`)"
        );
        Ok(true)
    }

    /// Sets the gauge: by tenant for the first of those that were engaged, and all others as one number.
    pub(crate) fn tell_brakes(&self) {
        let mut told = self.brakes.told.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.tenants.view();
        let mut engaged: HashSet<&TenantId> = HashSet::new();
        engaged.extend(view.rows().filter(|row| row.delivery.brake.engaged.is_some()).map(|row| &row.id));
        for tenant in &engaged {
            if told.len() < MAX_TENANTS_TOLD {
                told.insert((*tenant).clone());
            }
        }
        for tenant in told.iter() {
            let is_engaged = f64::from(u8::from(engaged.contains(tenant)));
            metrics::gauge!("muster_brake_engaged", "tenant" => tenant.to_string()).set(is_engaged);
        }
        let others = engaged.iter().filter(|tenant| !told.contains(**tenant)).count();
        metrics::gauge!("muster_brake_engaged", "tenant" => OTHERS).set(as_gauge(others));
    }

    /// The caller holds the administration lock, and has the row as it is. What an operator sets raises the revision by 1. What happens by
    /// itself, or undoes that, raises it by 0: it must not end a rollout that looked at the binding.
    pub(crate) async fn put_brake(
        &self,
        mut row: TenantRow,
        brake: Brake,
        raised_by: u64,
    ) -> Result<TenantRow, StoreError> {
        let actual = row.binding.revision;
        row.binding.revision += raised_by;
        row.delivery.brake = brake;
        self.parts.store.replace_tenant(&row, actual).await?;
        self.tenants.change(|view| view.put_row(row.clone()));
        Ok(row)
    }
}

/// What receivers are told: numbers, and nobody's name. `then` is when the entry was that engaged it: a store that is restored from an older
/// copy gives its number again, to another one.
fn engaged_told(engaged: &Engaged, then: Timestamp, settings: &BrakeSettings) -> Announcement {
    let number = |name: &str, number: u64| field(name, FieldValue::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
    let mut data = vec![
        field("why", FieldValue::Text(engaged.why.clone())),
        number("count", engaged.count),
        number("of", engaged.of),
        number("window_s", u64::from(settings.window_s)),
    ];
    data.extend(engaged.group.map(|group| field("group", FieldValue::Text(group.to_string()))));
    let key = format!("brake-engaged-{}-{}", engaged.by, then.as_millis());
    Announcement { name: BRAKE_ENGAGED, key, data, to: None }
}

/// `decision` is `release` or `cancel`.
pub(crate) fn released_told(engaged: &Engaged, decision: &str) -> Announcement {
    let data = vec![
        field("decision", FieldValue::Text(decision.to_owned())),
        field("engaged_at", FieldValue::Text(engaged.at.to_string())),
    ];
    let key = format!("brake-released-{}-{}-{decision}", engaged.by, engaged.at.as_millis());
    Announcement { name: BRAKE_RELEASED, key, data, to: None }
}

fn field(name: &str, value: FieldValue) -> Field {
    Field { name: name.to_owned(), value }
}
