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
    pub plugin_ms_per_request: u64,
    pub tasks_per_request: usize,
    pub write_attempts: u32,
    pub cursor_timeout_s: u64,
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
            plugin_ms_per_request: service.plugin_ms_per_request,
            tasks_per_request: service.tasks_per_request,
            write_attempts: service.attempts,
            cursor_timeout_s: service.cursor_timeout_s,
            plugin_bytes: http.plugin_bytes,
        }
    }
}

const A_DAY_S: u64 = 24 * 60 * 60;

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
        ServiceLimits {
            requests_per_second: self.requests_per_second_per_tenant,
            plugin_ms_per_request: self.plugin_ms_per_request,
            tasks_per_request: self.tasks_per_request,
            attempts: self.write_attempts,
            body_bytes: self.body_bytes,
            cursor_timeout_s: self.cursor_timeout_s,
            ..ServiceLimits::default()
        }
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let bounds = [
            ("body_bytes", wide(self.body_bytes), 1..=1 << 30),
            ("uri_bytes", wide(self.uri_bytes), 1..=60 << 10),
            ("requests_in_flight", wide(self.requests_in_flight), 1..=1_000_000),
            ("request_timeout_s", self.request_timeout_s, 1..=A_DAY_S),
            ("requests_per_second_per_tenant", self.requests_per_second_per_tenant.into(), 1..=1_000_000_000),
            ("connections", wide(self.connections), 1..=1_000_000),
            ("header_timeout_s", self.header_timeout_s, 1..=A_DAY_S),
            ("idle_timeout_s", self.idle_timeout_s, 1..=A_DAY_S),
            ("drain_timeout_s", self.drain_timeout_s, 0..=A_DAY_S),
            ("plugin_ms_per_request", self.plugin_ms_per_request, 1..=A_DAY_S * 1000),
            ("tasks_per_request", wide(self.tasks_per_request), 1..=1_000_000),
            ("write_attempts", self.write_attempts.into(), 1..=1_000_000),
            ("cursor_timeout_s", self.cursor_timeout_s, 1..=A_DAY_S),
            // The runtime takes no larger component.
            ("plugin_bytes", wide(self.plugin_bytes), 1..=32 << 20),
        ];
        match bounds.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((key, _, range)) => {
                let problem = format!("must be between {} and {}", range.start(), range.end());
                Err(ConfigError::key(&format!("limits.{key}"), problem))
            }
            None => Ok(()),
        }
    }
}
