use std::path::Path;

use anyhow::{Context, anyhow};
use clap::Args;
use muster_service::ManifestView;
use muster_service::cases;
use serde_json::json;

use super::describe::describe;
use super::{component, component_file, counted};
use crate::app::Workbench;
use crate::cli::admin_client::AdminClient;
use crate::cli::{Remote, say};

/// Which plugin is looked at.
#[derive(Debug, Args)]
pub(in crate::cli) struct Inspect {
    /// A component (.wasm), or the folder of a plugin that was built (with an admin key: ./FOLDER); or a plugin of a running server: NAME, NAME@VERSION, or a digest
    plugin: String,
    /// The admin listener of a running server
    #[arg(long, env = "MUSTER_SERVER", default_value = "http://127.0.0.1:7601")]
    server: String,
    /// The admin key, if it is a plugin of a server
    #[arg(long, env = "MUSTER_ADMIN_KEY", hide_env_values = true)]
    admin_key: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let file = Path::new(&self.plugin);
        // A folder may be called as a plugin of the server is: whoever has a key and gives a bare name means that one.
        let has_key = self.admin_key.as_ref().is_some_and(|key| !key.is_empty());
        let is_bare = has_key && !self.plugin.contains('/') && !self.plugin.starts_with('.');
        let is_folder = file.is_dir() && !is_bare;
        let is_file = is_folder || file.extension().is_some_and(|extension| extension == "wasm") || file.is_file();
        let (manifest, stories) = if is_file { local(file).await? } else { (self.remote().await?, None) };
        if self.json {
            return say(manifest);
        }
        for line in describe(&manifest) {
            say(line)?;
        }
        match stories {
            Some(count) => say(format_args!("  {:<18} {}", "carries", counted(count, "case"))),
            None => Ok(()),
        }
    }

    async fn remote(&self) -> anyhow::Result<serde_json::Value> {
        let told = "there is no such file; for a plugin of a server, give --admin-key";
        let admin_key = self.admin_key.clone().with_context(|| format!("{}: {told}", self.plugin))?;
        let remote = Remote { server: self.server.clone(), admin_key, json: self.json };
        let found = AdminClient::new(&remote)?.get(&["plugins", &self.plugin]).await;
        let here = || format!("the folder of that name: muster plugin inspect ./{}", self.plugin);
        found.map_err(|error| if Path::new(&self.plugin).is_dir() { anyhow!("{error}; {}", here()) } else { error })
    }
}

/// What a component says of itself, and how many cases are in it.
async fn local(file: &Path) -> anyhow::Result<(serde_json::Value, Option<usize>)> {
    let file = component_file(file)?;
    let component = component(&file)?;
    let stories = cases::embedded(&component).with_context(|| file.display().to_string())?.len();
    let bench = Workbench::open()?;
    let plugin = tokio::task::spawn_blocking(move || bench.host.load(&component)).await?;
    let plugin = plugin.with_context(|| file.display().to_string())?;
    Ok((json!(ManifestView::of(plugin.as_ref())), Some(stories)))
}
