use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Sends the log to standard error: standard output belongs to what a command answers.
pub(crate) fn start(config: &LogConfig) -> anyhow::Result<()> {
    let registry = tracing_subscriber::registry().with(EnvFilter::try_new(&config.filter)?);
    match config.format {
        LogFormat::Text => registry
            .with(layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false))
            .try_init()?,
        LogFormat::Json => registry.with(layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()?,
    }
    Ok(())
}
