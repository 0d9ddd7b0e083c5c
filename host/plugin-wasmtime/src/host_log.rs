//! The import `log`: into the host's log, with tenant, plugin and request.

use std::sync::Arc;

use muster_model::{PluginDigest, RequestId, TenantId};
use muster_plugin::{Call, LogLevel, LogLine, PluginLog};
use tracing::Level as Severity;

use crate::bindings::v1::muster::plugin::log::{Host, Level};
use crate::instance::CallState;
use crate::limits::{MAX_LOG_LINE_BYTES, MAX_LOG_LINES};

/// The log of one call.
#[derive(Debug)]
pub(crate) struct CallLog {
    plugin: Arc<str>,
    digest: PluginDigest,
    origin: Option<(TenantId, RequestId)>,
    is_heard: bool,
    /// Who else hears it.
    also: Option<Arc<dyn PluginLog>>,
    written: u32,
    dropped: u32,
}

impl CallLog {
    pub(crate) fn new(
        digest: PluginDigest,
        plugin: Arc<str>,
        origin: Option<&Call<'_>>,
        is_heard: bool,
        also: Option<Arc<dyn PluginLog>>,
    ) -> Self {
        let origin = origin.map(|call| (call.tenant.clone(), call.request.clone()));
        Self { plugin, digest, origin, is_heard, also, written: 0, dropped: 0 }
    }

    fn tell(&self, level: LogLevel, message: &str) {
        if let (Some(also), Some((tenant, request))) = (&self.also, &self.origin) {
            also.heard(LogLine { tenant, request, plugin: &self.plugin, digest: self.digest, level, message });
        }
    }
}

/// `tracing` wants the level when it compiles.
macro_rules! line {
    ($log:expr, $severity:expr, $($message:tt)+) => {{
        let log = $log;
        let (tenant, request) = log.origin.as_ref().map_or(("", ""), |(tenant, request)| (tenant.as_str(), &*request.0));
        tracing::event!(
            target: "muster::plugin",
            $severity,
            tenant.id = tenant,
            plugin.name = &*log.plugin,
            plugin.digest = %log.digest,
            request.id = request,
            $($message)+
        );
    }};
}

impl Host for CallState {
    fn enabled(&mut self, level: Level) -> wasmtime::Result<bool> {
        let wanted = match level {
            Level::Trace => tracing::enabled!(target: "muster::plugin", Severity::TRACE),
            Level::Debug => tracing::enabled!(target: "muster::plugin", Severity::DEBUG),
            Level::Info => tracing::enabled!(target: "muster::plugin", Severity::INFO),
            Level::Warn => tracing::enabled!(target: "muster::plugin", Severity::WARN),
            Level::Error => tracing::enabled!(target: "muster::plugin", Severity::ERROR),
        };
        // Whoever else hears it does not hear what is said only where somebody looks for a fault.
        let wanted = wanted || self.log.also.is_some() && said(level) >= LogLevel::Info;
        Ok(wanted && self.log.is_heard && self.log.written < MAX_LOG_LINES)
    }

    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let log = &mut self.log;
        if !log.is_heard {
            return Ok(());
        }
        if log.written >= MAX_LOG_LINES {
            log.dropped = log.dropped.saturating_add(1);
            return Ok(());
        }
        log.written += 1;
        let text = tidy(&message);
        log.tell(said(level), &text);
        match level {
            Level::Trace => line!(log, Severity::TRACE, "{text}"),
            Level::Debug => line!(log, Severity::DEBUG, "{text}"),
            Level::Info => line!(log, Severity::INFO, "{text}"),
            Level::Warn => line!(log, Severity::WARN, "{text}"),
            Level::Error => line!(log, Severity::ERROR, "{text}"),
        }
        Ok(())
    }
}

/// Told when the call is over, however it ended.
impl Drop for CallLog {
    fn drop(&mut self) {
        if self.dropped > 0 {
            line!(&*self, Severity::WARN, lines = self.dropped, "the plugin logged more lines than one call may");
            self.tell(LogLevel::Warn, &format!("{} more lines than one call may log were left out", self.dropped));
        }
    }
}

const fn said(level: Level) -> LogLevel {
    match level {
        Level::Trace => LogLevel::Trace,
        Level::Debug => LogLevel::Debug,
        Level::Info => LogLevel::Info,
        Level::Warn => LogLevel::Warn,
        Level::Error => LogLevel::Error,
    }
}

/// One line, whatever a plugin writes: not longer than allowed, and without what a terminal obeys.
fn tidy(message: &str) -> String {
    let end = message.floor_char_boundary(MAX_LOG_LINE_BYTES);
    message[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_not_too_long() {
        assert_eq!(tidy("a\nb\x1b[31mc"), "a b [31mc");
        assert_eq!(tidy(&"ä".repeat(4_000)).len(), 4_096);
        assert_eq!(tidy(&format!("a{}", "ä".repeat(4_000))).len(), 4_095);
    }
}
