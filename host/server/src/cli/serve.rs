use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::say;
use crate::app::{App, Overrides, this_program};
use crate::config::Config;
use crate::logging;

/// Serves until SIGTERM or Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The configuration file (TOML); without one, the defaults
    #[arg(long)]
    config: Option<PathBuf>,
    /// The folder that holds everything; instead of `data` of the configuration
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where identity providers are served; instead of `scim.listen` of the configuration
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Where operators are served; instead of `admin.listen` of the configuration
    #[arg(long)]
    admin_listen: Option<SocketAddr>,
    /// Print the documented configuration with its defaults, and do nothing else
    #[arg(long)]
    print_config: bool,
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        if self.print_config {
            return say(include_str!("../config/muster.toml").trim_end());
        }
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut config = Config::load(self.config.as_deref(), environment)?;
        config.data = self.data.unwrap_or(config.data);
        config.scim.listen = self.listen.unwrap_or(config.scim.listen);
        config.admin.listen = self.admin_listen.unwrap_or(config.admin.listen);
        logging::start(&config.log)?;
        // Before anybody is told that it serves: a signal is never met without its handler.
        let stop = asked_to_stop()?;
        let app = App::build(&config, Overrides { compiler: Some(this_program()?), ..Overrides::default() }).await?;
        tracing::info!(scim = %app.scim_addr()?, admin = %app.admin_addr()?, data = %config.data.display(), "serving");
        app.run(stop).await;
        Ok(())
    }
}

/// Done at the first SIGTERM or SIGINT. The handlers are set before this returns, so that no signal is missed.
pub(super) fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
