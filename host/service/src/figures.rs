//! How a tenant's plugin has fared since it was bound, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_plugin::PluginError;
use serde_json::{Map, Value, json};

use crate::binding::{Bound, failure_class};
use crate::{AdminError, Service};

/// Upper bounds of the times that calls are counted by, in microseconds; what takes longer than all of them stands behind.
const TIMES_US: [u64; 12] = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 100_000];

/// What can become of a call besides an answer.
const CLASSES: [&str; 6] = ["rejected", "trapped", "deadline", "limit", "invalid", "busy"];

/// The calls of one binding.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    calls: AtomicU64,
    took_us: AtomicU64,
    classes: [AtomicU64; CLASSES.len()],
    times: [AtomicU64; TIMES_US.len() + 1],
}

impl Figures {
    /// Counts one call.
    pub(crate) fn count(&self, took: Duration, error: Option<&PluginError>) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.took_us.fetch_add(took_us, Ordering::Relaxed);
        let place = TIMES_US.iter().position(|bound| took_us <= *bound).unwrap_or(TIMES_US.len());
        let class = error.and_then(|error| CLASSES.iter().position(|class| *class == failure_class(error)));
        let classes = class.and_then(|class| self.classes.get(class));
        for counter in self.times.get(place).into_iter().chain(classes) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn shown(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let without: Map<String, Value> =
            CLASSES.iter().zip(&self.classes).map(|(class, count)| ((*class).to_owned(), json!(read(count)))).collect();
        let bounds = TIMES_US.iter().map(|bound| json!(bound)).chain([Value::Null]);
        let times: Vec<Value> =
            bounds.zip(&self.times).map(|(bound, count)| json!({ "up_to_us": bound, "calls": read(count) })).collect();
        json!({ "calls": read(&self.calls), "took_us": read(&self.took_us), "without_an_account": without, "times": times })
    }
}

impl Bound {
    fn figures(&self) -> Value {
        let manifest = self.plugin.manifest();
        let mut figures = self.figures.shown();
        figures["plugin"] =
            json!({ "name": manifest.name, "version": manifest.version, "digest": self.plugin.digest() });
        figures["revision"] = json!(self.revision);
        figures["left_alone"] = json!(self.breaker.is_open());
        figures["memory_high_water_bytes"] = json!(self.plugin.memory_high_water());
        figures
    }
}

impl Service {
    /// How a tenant's plugin has fared since it was bound, or since this process was started. The memory is that of one instance of it,
    /// whichever tenant's.
    pub fn plugin_figures(&self, tenant: &str) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let bound = self.tenants.view().tenant(&id).and_then(|tenant| tenant.bound.load_full());
        let bound = bound.ok_or_else(|| AdminError::NotFound(format!("plugin of tenant {id} that is loaded")))?;
        Ok(bound.figures())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_what_became_of_them_and_by_how_long_they_took() {
        let figures = Figures::default();
        figures.count(Duration::from_micros(5), None);
        figures.count(Duration::from_micros(6), None);
        let trapped = PluginError::Trapped { function: "mapping.to-account", cause: String::new() };
        figures.count(Duration::from_secs(1), Some(&trapped));

        let shown = figures.shown();
        assert_eq!((&shown["calls"], &shown["took_us"]), (&json!(3), &json!(1_000_011)));
        assert_eq!(
            (&shown["without_an_account"]["trapped"], &shown["without_an_account"]["busy"]),
            (&json!(1), &json!(0))
        );
        let counted: Vec<u64> =
            shown["times"].as_array().unwrap().iter().map(|time| time["calls"].as_u64().unwrap()).collect();
        assert_eq!(counted, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
