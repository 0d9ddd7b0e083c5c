use muster_model::{PluginDigest, RequestId, TenantId};

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `trace`
    Trace,
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

impl LogLevel {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line that a plugin has logged: short, on one line, and without what a terminal obeys.
#[derive(Debug, Clone, Copy)]
pub struct LogLine<'a> {
    /// For whom the plugin was at work.
    pub tenant: &'a TenantId,
    /// For which request.
    pub request: &'a RequestId,
    /// Which plugin.
    pub plugin: &'a str,
    /// Its true name.
    pub digest: PluginDigest,
    /// How loud.
    pub level: LogLevel,
    /// What.
    pub message: &'a str,
}

/// Who else hears what plugins log, beside the host's own log.
pub trait PluginLog: Send + Sync + std::fmt::Debug {
    /// Takes one line. It is called in the middle of a plugin's call, so it is quick.
    fn heard(&self, line: LogLine<'_>);
}
