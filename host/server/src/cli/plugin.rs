use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};

#[derive(Debug, Subcommand)]
pub(super) enum Plugin {
    /// Pushes a component: it is checked, compiled, asked to describe itself, and kept
    Push {
        /// The component (.wasm)
        file: PathBuf,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists all plugins
    List {
        #[command(flatten)]
        remote: Remote,
    },
}

impl Plugin {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Push { file, remote } => {
                let bytes = tokio::fs::read(&file).await.with_context(|| file.display().to_string())?;
                let answer = AdminClient::new(&remote)?.push(&["plugins"], bytes).await?;
                if remote.json { say(answer) } else { say(line(&answer)) }
            }
            Self::List { remote } => {
                let answer = AdminClient::new(&remote)?.get(&["plugins"]).await?;
                if remote.json {
                    return say(answer);
                }
                for plugin in answer["plugins"].as_array().into_iter().flatten() {
                    say(line(plugin))?;
                }
                Ok(())
            }
        }
    }
}

fn line(plugin: &serde_json::Value) -> String {
    let (name, version) = (plain(&plugin["name"]), plain(&plugin["version"]));
    let (digest, pushed) = (plain(&plugin["digest"]), plain(&plugin["pushed"]));
    format!("{name:<24} {version:<10} sha256:{digest}   {} bytes   pushed {pushed}", plugin["size"])
}
