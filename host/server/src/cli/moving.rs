//! What `export` and `import` share: where the deployment is, and what a file must hold to.

pub(super) mod meter;
pub(super) mod source;
pub(super) mod target;

use std::path::PathBuf;

use clap::Args;

use self::target::Target;
use super::Remote;
use crate::app::{App, Overrides};
use crate::config::Config;

/// A running server, or a deployment that nobody serves.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The data folder of a deployment that is not being served, instead of a running server
    #[arg(long)]
    data: Option<PathBuf>,
    /// The configuration file (TOML) that the data folder is served with; without one, the defaults
    #[arg(long, requires = "data", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The admin listener of a running server
    #[arg(long, env = "MUSTER_SERVER", default_value = "http://127.0.0.1:7601")]
    server: String,
    /// The admin key of a running server
    #[arg(long, env = "MUSTER_ADMIN_KEY", hide_env_values = true)]
    admin_key: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Place {
    /// A deployment that is there.
    pub(super) async fn open(&self) -> anyhow::Result<Target> {
        if let Some(data) = &self.data {
            anyhow::ensure!(data.join("store").is_dir(), "{} holds no deployment of Muster", data.display());
        }
        self.open_or_make().await
    }

    /// A deployment that may be made by this.
    pub(super) async fn open_or_make(&self) -> anyhow::Result<Target> {
        let Some(data) = &self.data else {
            // Whether there is one is looked at where it is sent.
            let admin_key = self.admin_key.clone().unwrap_or_default();
            return Target::remote(&Remote { server: self.server.clone(), admin_key, json: self.json });
        };
        // As a server would open it: with the same limits, the same reserve on the disk.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let config = Config { data: data.clone(), ..Config::load(self.config.as_deref(), environment)? };
        let service = App::open(&config, Overrides::default()).await?.service;
        Ok(Target::Here { service, exports: data.join("exports") })
    }
}
