//! What plugins have in memory, for the metrics: told when somebody asks, for nothing happens when it changes.

use std::collections::BTreeMap;

use crate::Service;

impl Service {
    /// Sets the gauges. Whoever shows the metrics calls this first.
    pub fn tell_gauges(&self) {
        let kept = self.parts.plugins.kept();
        metrics::gauge!("muster_plugin_kept_instances").set(as_gauge(kept.instances));
        metrics::gauge!("muster_plugin_kept_bytes").set(as_gauge(kept.bytes));
        self.tell_brakes();
        // Of versions of one plugin, the one that has had most.
        let mut most: BTreeMap<String, usize> = BTreeMap::new();
        for plugin in self.loaded().values() {
            let of_name = most.entry(plugin.manifest().name.clone()).or_default();
            *of_name = plugin.memory_high_water().max(*of_name);
        }
        for (name, bytes) in most {
            metrics::gauge!("muster_plugin_memory_high_water_bytes", "plugin" => name).set(as_gauge(bytes));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
pub(crate) fn as_gauge(count: usize) -> f64 {
    count as f64
}
