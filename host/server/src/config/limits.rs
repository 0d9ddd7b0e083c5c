use std::time::Duration;

use muster_http::HttpLimits;
use muster_http::listen::ListenLimits;
use muster_service::ServiceLimits;
use serde::Deserialize;

use super::ConfigError;

/// How much of everything; see `muster.toml` beside this file for what each is.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "told once, in the documented file")]
pub struct LimitsConfig {
    pub body_bytes: usize,
    pub uri_bytes: usize,
    pub requests_in_flight: usize,
    pub request_timeout_s: u64,
    pub requests_per_second_per_tenant: u32,
    pub connections: usize,
    pub header_timeout_s: u64,
    pub idle_timeout_s: u64,
    pub drain_timeout_s: u64,
    pub write_attempts: u32,
    pub plugin_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let (http, listen, service) = (HttpLimits::default(), ListenLimits::default(), ServiceLimits::default());
        Self {
            body_bytes: http.body_bytes,
            uri_bytes: http.uri_bytes,
            requests_in_flight: http.requests_in_flight,
            request_timeout_s: http.request_timeout.as_secs(),
            requests_per_second_per_tenant: service.requests_per_second,
            connections: listen.connections,
            header_timeout_s: listen.header_timeout.as_secs(),
            idle_timeout_s: listen.idle_timeout.as_secs(),
            drain_timeout_s: listen.drain_timeout.as_secs(),
            write_attempts: service.attempts,
            plugin_bytes: http.plugin_bytes,
        }
    }
}

impl LimitsConfig {
    pub(crate) fn http(&self) -> HttpLimits {
        HttpLimits {
            body_bytes: self.body_bytes,
            uri_bytes: self.uri_bytes,
            requests_in_flight: self.requests_in_flight,
            request_timeout: Duration::from_secs(self.request_timeout_s),
            plugin_bytes: self.plugin_bytes,
        }
    }

    pub(crate) fn listen(&self) -> ListenLimits {
        ListenLimits {
            connections: self.connections,
            header_timeout: Duration::from_secs(self.header_timeout_s),
            idle_timeout: Duration::from_secs(self.idle_timeout_s),
            drain_timeout: Duration::from_secs(self.drain_timeout_s),
            ..ListenLimits::default()
        }
    }

    pub(crate) fn service(&self) -> ServiceLimits {
        ServiceLimits { requests_per_second: self.requests_per_second_per_tenant, attempts: self.write_attempts }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("limits.body_bytes", self.body_bytes > 0),
            ("limits.uri_bytes", self.uri_bytes > 0),
            ("limits.requests_in_flight", self.requests_in_flight > 0),
            ("limits.request_timeout_s", self.request_timeout_s > 0),
            ("limits.requests_per_second_per_tenant", self.requests_per_second_per_tenant > 0),
            ("limits.connections", self.connections > 0),
            ("limits.header_timeout_s", self.header_timeout_s > 0),
            ("limits.idle_timeout_s", self.idle_timeout_s > 0),
            ("limits.write_attempts", self.write_attempts > 0),
            ("limits.plugin_bytes", self.plugin_bytes > 0),
        ];
        match positive.iter().find(|(_, fits)| !fits) {
            Some((key, _)) => Err(ConfigError::key(key, "must be greater than 0")),
            None => Ok(()),
        }
    }
}
