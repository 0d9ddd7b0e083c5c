use std::path::{Path, PathBuf};

use clap::Args;
use muster_oci::Reference;
use muster_service::NewPlugin;

use super::build::only_component;
use super::registry::{Login, fetch};
use super::{component, line};
use crate::app::{read_signature, signature_beside};
use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};

/// What is pushed, and where to.
#[derive(Debug, Args)]
pub(in crate::cli) struct Push {
    /// The component (.wasm), the folder of a plugin that was built, or <oci://HOST/REPOSITORY:TAG> (or ...@sha256:DIGEST)
    path: String,
    /// Its signature; without it, FILE.sig if that is there, or the one that the registry has
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// Who pushes, which is noted as a claim; without it, the name of your account
    #[arg(long, value_name = "NAME", env = "USER")]
    by: Option<String>,
    #[command(flatten)]
    login: Login,
    #[command(flatten)]
    remote: Remote,
}

impl Push {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let given = self.signature.as_deref().map(read_signature).transpose()?;
        let by = self.by.clone().filter(|by| !by.is_empty());
        let (bytes, new) = if Reference::is_one(&self.path) {
            let found = fetch(&self.path, &self.login).await?;
            let signature = given.or(found.signature);
            (found.bytes, NewPlugin { by, origin: Some(found.origin), signature })
        } else {
            let path = Path::new(&self.path);
            let file = if path.is_dir() { only_component(&path.join("dist"))? } else { path.to_owned() };
            let bytes = component(&file)?;
            let signature = match given {
                Some(given) => Some(given),
                None => signature_beside(&file)?,
            };
            (bytes, NewPlugin { by, origin: None, signature })
        };
        let answer = client.push_plugin(bytes, &new).await?;
        if self.remote.json {
            return say(answer);
        }
        say(line(&answer))?;
        if let Some(key) = answer["new_owner"].as_str() {
            say(format_args!("  the name {} belongs to {key} from now on", plain(&answer["name"])))?;
        }
        match answer["warning"].as_str() {
            Some(warning) => say(format_args!("  warning: {warning}")),
            None => Ok(()),
        }
    }
}
