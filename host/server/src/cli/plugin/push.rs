use std::path::PathBuf;

use clap::Args;

use super::build::only_component;
use super::{component, line};
use crate::cli::admin_client::AdminClient;
use crate::cli::{Remote, say};

/// What is pushed, and where to.
#[derive(Debug, Args)]
pub(in crate::cli) struct Push {
    /// The component (.wasm), or the folder of a plugin that was built
    path: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

impl Push {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let file = if self.path.is_dir() { only_component(&self.path.join("dist"))? } else { self.path };
        let answer = AdminClient::new(&self.remote)?.push(&["plugins"], component(&file)?).await?;
        if self.remote.json { say(answer) } else { say(line(&answer)) }
    }
}
