//! The import `log`: into the host's log, with tenant, plugin and request.

use std::sync::Arc;

use muster_model::{PluginDigest, RequestId, TenantId};
use muster_plugin::{Call, LogLevel, LogLine, PluginLog};
use tracing::Level as Severity;

use crate::bindings::v1::muster::plugin::log::{Host, Level};
use crate::instance::CallState;
use crate::limits::{MAX_LOG_LINE_BYTES, MAX_LOG_LINES};
use crate::logged_errors::{LoggedErrors, is_told};

/// The log of one call.
#[derive(Debug)]
pub(crate) struct CallLog {
    plugin: Arc<str>,
    digest: PluginDigest,
    origin: Option<(TenantId, RequestId)>,
    is_heard: bool,
    /// Who else hears it.
    also: Option<Arc<dyn PluginLog>>,
    /// Where it is counted how many calls of a request have logged an error; `None`: each of them is told.
    errors: Option<Arc<LoggedErrors>>,
    /// Which of them this one is, once it has.
    erred: Option<u64>,
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
        Self { plugin, digest, origin, is_heard, also, errors: None, erred: None, written: 0, dropped: 0 }
    }

    /// Of the calls of one request that log errors the host's log has those of the first, and then fewer and fewer; whoever else hears them
    /// hears all.
    pub(crate) fn counted_by(mut self, errors: Arc<LoggedErrors>) -> Self {
        self.errors = Some(errors);
        self
    }

    /// Which call of its request this one is that has logged an error; 0: nobody counts them.
    fn erred(&mut self) -> u64 {
        let (Some(errors), Some((tenant, request))) = (&self.errors, &self.origin) else { return 0 };
        *self.erred.get_or_insert_with(|| errors.count(tenant, request))
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
        Ok(self.log.enabled(level))
    }

    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log.write(level, &message);
        Ok(())
    }
}

impl CallLog {
    /// Whether a line would be kept.
    pub(crate) fn enabled(&self, level: Level) -> bool {
        let wanted = match level {
            Level::Trace => tracing::enabled!(target: "muster::plugin", Severity::TRACE),
            Level::Debug => tracing::enabled!(target: "muster::plugin", Severity::DEBUG),
            Level::Info => tracing::enabled!(target: "muster::plugin", Severity::INFO),
            Level::Warn => tracing::enabled!(target: "muster::plugin", Severity::WARN),
            Level::Error => tracing::enabled!(target: "muster::plugin", Severity::ERROR),
        };
        // Whoever else hears it does not hear what is said only where somebody looks for a fault.
        let wanted = wanted || self.also.is_some() && said(level) >= LogLevel::Info;
        wanted && self.is_heard && self.written < MAX_LOG_LINES
    }

    /// Keeps a line, if there is room for it.
    pub(crate) fn write(&mut self, level: Level, message: &str) {
        if !self.is_heard {
            return;
        }
        if self.written >= MAX_LOG_LINES {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.written += 1;
        let text = tidy(message);
        self.tell(said(level), &text);
        match level {
            Level::Trace => line!(&*self, Severity::TRACE, "{text}"),
            Level::Debug => line!(&*self, Severity::DEBUG, "{text}"),
            Level::Info => line!(&*self, Severity::INFO, "{text}"),
            Level::Warn => line!(&*self, Severity::WARN, "{text}"),
            Level::Error => {
                let calls = self.erred();
                if is_told(calls) {
                    line!(&*self, Severity::ERROR, calls = (calls > 1).then_some(calls), "{text}");
                }
            }
        }
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
