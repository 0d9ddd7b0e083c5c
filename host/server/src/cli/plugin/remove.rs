use clap::Args;

use super::line;
use crate::cli::admin_client::AdminClient;
use crate::cli::{Remote, say};

/// What is removed.
#[derive(Debug, Args)]
pub(in crate::cli) struct Remove {
    /// NAME@VERSION, or a digest; NAME, if there is one version of it
    plugin: String,
    #[command(flatten)]
    remote: Remote,
}

impl Remove {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let answer = AdminClient::new(&self.remote)?.delete(&["plugins", &self.plugin]).await?;
        if self.remote.json { say(answer) } else { say(format_args!("removed {}", line(&answer))) }
    }
}
