use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::Duration;

use muster_delivery::DeliveryLimits;
use muster_outbound::{Network, Place};
use serde::Deserialize;

use super::ConfigError;

/// The delivery of tasks; see `muster.toml` beside this file for what each is.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "told once, in the documented file")]
pub struct DeliveryConfig {
    pub concurrency: usize,
    pub concurrency_per_tenant: usize,
    pub concurrency_per_queue: usize,
    pub attempts: u32,
    pub attempt_timeout_s: u64,
    pub first_pause_ms: u64,
    pub max_pause_s: u64,
    pub max_asked_pause_s: u64,
    pub failing_after: u32,
    pub patience_s: u64,
    pub drain_s: u64,
    pub sweep_s: u64,
    pub ca_file: PathBuf,
    pub private_networks: Vec<String>,
    pub hosts: BTreeMap<String, String>,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        let limits = DeliveryLimits::default();
        Self {
            concurrency: limits.concurrency,
            concurrency_per_tenant: limits.concurrency_per_tenant,
            concurrency_per_queue: limits.concurrency_per_queue,
            attempts: limits.attempts,
            attempt_timeout_s: limits.attempt_timeout.as_secs(),
            first_pause_ms: u64::try_from(limits.first_pause.as_millis()).unwrap_or(u64::MAX),
            max_pause_s: limits.max_pause.as_secs(),
            max_asked_pause_s: limits.max_asked_pause.as_secs(),
            failing_after: limits.failing_after,
            patience_s: limits.patience.as_secs(),
            drain_s: limits.drain.as_secs(),
            sweep_s: limits.sweep.as_secs(),
            ca_file: PathBuf::new(),
            private_networks: Vec::new(),
            hosts: BTreeMap::new(),
        }
    }
}

const A_DAY_S: u64 = 24 * 60 * 60;

impl DeliveryConfig {
    pub(crate) fn limits(&self) -> DeliveryLimits {
        DeliveryLimits {
            concurrency: self.concurrency,
            concurrency_per_tenant: self.concurrency_per_tenant,
            concurrency_per_queue: self.concurrency_per_queue,
            attempts: self.attempts,
            attempt_timeout: Duration::from_secs(self.attempt_timeout_s),
            first_pause: Duration::from_millis(self.first_pause_ms),
            max_pause: Duration::from_secs(self.max_pause_s),
            max_asked_pause: Duration::from_secs(self.max_asked_pause_s),
            failing_after: self.failing_after,
            patience: Duration::from_secs(self.patience_s),
            drain: Duration::from_secs(self.drain_s),
            sweep: Duration::from_secs(self.sweep_s),
        }
    }

    /// Networks that may be called although they are not public.
    pub(crate) fn networks(&self) -> Result<Vec<Network>, ConfigError> {
        let network = |text: &String| {
            text.parse().map_err(|why| ConfigError::key("delivery.private_networks", format!("{text:?}: {why}")))
        };
        self.private_networks.iter().map(network).collect()
    }

    /// Hosts that are not looked up, with their places.
    pub(crate) fn places(&self) -> Result<HashMap<String, Place>, ConfigError> {
        let place = |(host, text): (&String, &String)| {
            let told = |why| ConfigError::key(&format!("delivery.hosts.{host}"), format!("{text:?}: {why}"));
            text.parse().map(|place| (host.clone(), place)).map_err(told)
        };
        self.hosts.iter().map(place).collect()
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        self.networks()?;
        self.places()?;
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let bounds = [
            ("concurrency", wide(self.concurrency), 0..=100_000),
            ("concurrency_per_tenant", wide(self.concurrency_per_tenant), 0..=100_000),
            ("concurrency_per_queue", wide(self.concurrency_per_queue), 1..=1_000),
            ("attempts", self.attempts.into(), 1..=1_000),
            ("attempt_timeout_s", self.attempt_timeout_s, 1..=A_DAY_S),
            ("first_pause_ms", self.first_pause_ms, 1..=A_DAY_S * 1_000),
            ("max_pause_s", self.max_pause_s, 1..=A_DAY_S),
            ("max_asked_pause_s", self.max_asked_pause_s, 0..=7 * A_DAY_S),
            ("failing_after", self.failing_after.into(), 1..=1_000_000),
            ("patience_s", self.patience_s, 0..=365 * A_DAY_S),
            ("drain_s", self.drain_s, 0..=A_DAY_S),
            ("sweep_s", self.sweep_s, 1..=A_DAY_S),
        ];
        match bounds.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((key, _, range)) => {
                let problem = format!("must be between {} and {}", range.start(), range.end());
                Err(ConfigError::key(&format!("delivery.{key}"), problem))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_the_limit_of_its_name_in_its_unit() {
        let config = DeliveryConfig {
            concurrency: 1,
            concurrency_per_tenant: 12,
            concurrency_per_queue: 2,
            attempts: 3,
            attempt_timeout_s: 4,
            first_pause_ms: 5,
            max_pause_s: 6,
            max_asked_pause_s: 7,
            failing_after: 8,
            patience_s: 9,
            drain_s: 10,
            sweep_s: 11,
            ..DeliveryConfig::default()
        };
        config.validate().unwrap();
        let limits = config.limits();
        assert_eq!((limits.concurrency, limits.concurrency_per_queue, limits.attempts), (1, 2, 3));
        assert_eq!(limits.concurrency_per_tenant, 12);
        assert_eq!(limits.attempt_timeout, Duration::from_secs(4));
        assert_eq!(limits.first_pause, Duration::from_millis(5));
        assert_eq!((limits.max_pause, limits.max_asked_pause), (Duration::from_secs(6), Duration::from_secs(7)));
        assert_eq!((limits.failing_after, limits.patience), (8, Duration::from_secs(9)));
        assert_eq!((limits.drain, limits.sweep), (Duration::from_secs(10), Duration::from_secs(11)));
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        for (config, key) in [
            (DeliveryConfig { attempts: 0, ..DeliveryConfig::default() }, "`delivery.attempts`"),
            (DeliveryConfig { sweep_s: 0, ..DeliveryConfig::default() }, "`delivery.sweep_s`"),
            (DeliveryConfig { first_pause_ms: 0, ..DeliveryConfig::default() }, "`delivery.first_pause_ms`"),
            (
                DeliveryConfig { private_networks: vec!["10.0.0.1/8".to_owned()], ..DeliveryConfig::default() },
                "`delivery.private_networks`",
            ),
        ] {
            let refused = config.validate().unwrap_err().to_string();
            assert!(refused.contains(key), "{refused}");
        }
    }
}
