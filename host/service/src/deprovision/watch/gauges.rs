//! How many are overdue, for the metrics.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{TenantId, Timestamp};

use super::super::steps::{Waits, millis};
use super::Watched;

/// Of how many tenants the metrics tell one by one: those that had something overdue first. The others are told together.
pub const MAX_TENANTS_TOLD: usize = 200;

/// What is told by the name `tenant="(others)"`, which no tenant can have.
const OTHERS: &str = "(others)";

/// Which tenants have numbers of their own: a number that was told once is told from then on.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    told: BTreeSet<TenantId>,
}

/// What one round has found.
#[derive(Debug, Default)]
pub(super) struct Round {
    overdue: BTreeMap<TenantId, BTreeMap<Waits, usize>>,
    oldest_ms: i64,
}

impl Round {
    pub(super) fn note(&mut self, tenant: &TenantId, watched: &Watched, now: Timestamp) {
        let mut overdue = BTreeMap::new();
        for open in watched.open.values() {
            if let Some(waits) = open.late {
                *overdue.entry(waits).or_default() += 1;
            }
        }
        if let Some((_, oldest)) = watched.open.first_key_value() {
            self.oldest_ms = self.oldest_ms.max(millis(oldest.at, now));
        }
        self.overdue.insert(tenant.clone(), overdue);
    }
}

impl Gauges {
    pub(super) fn set(&mut self, round: &Round) {
        let mut others: BTreeMap<Waits, usize> = BTreeMap::new();
        // Of a tenant that is gone nothing is left.
        let gone = self.told.iter().filter(|tenant| !round.overdue.contains_key(*tenant));
        gone.for_each(|tenant| set(tenant.as_str(), &BTreeMap::new()));
        for (tenant, overdue) in &round.overdue {
            let has_room = self.told.len() < MAX_TENANTS_TOLD;
            if self.told.contains(tenant) || (!overdue.is_empty() && has_room && self.told.insert(tenant.clone())) {
                set(tenant.as_str(), overdue);
            } else {
                for (waits, count) in overdue {
                    *others.entry(*waits).or_default() += count;
                }
            }
        }
        set(OTHERS, &others);
        metrics::gauge!("muster_deprovision_oldest_open_seconds").set(seconds(round.oldest_ms));
    }
}

fn set(tenant: &str, overdue: &BTreeMap<Waits, usize>) {
    for waits in Waits::ALL {
        let labels = [("tenant", tenant.to_owned()), ("waits", waits.name().to_owned())];
        let count = overdue.get(&waits).copied().unwrap_or_default();
        metrics::gauge!("muster_deprovision_overdue", &labels).set(as_gauge(count));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn as_gauge(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
