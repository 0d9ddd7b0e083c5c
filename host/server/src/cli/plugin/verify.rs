use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use muster_service::signing::SignatureFile;
use serde_json::json;

use super::signer::public_key;
use super::{component, component_file};
use crate::app::Workbench;
use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};
use crate::components::{read_signature, signature_file};

/// What is verified, and whom to believe.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The component (.wasm), or the folder of a plugin that was built
    file: PathBuf,
    /// Its signature; without it, FILE.sig
    #[arg(long)]
    signature: Option<PathBuf>,
    /// The public key that must have signed it, or its file
    #[arg(long, conflicts_with = "trusted")]
    key: Option<String>,
    /// A key that a running server trusts must have signed it
    #[arg(long)]
    trusted: bool,
    /// The admin listener of that server
    #[arg(long, env = "MUSTER_SERVER", default_value = "http://127.0.0.1:7601")]
    server: String,
    /// The admin key of that server
    #[arg(long, env = "MUSTER_ADMIN_KEY", hide_env_values = true)]
    admin_key: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(mut self) -> anyhow::Result<()> {
        self.file = component_file(&self.file)?;
        let told = || self.file.display().to_string();
        let component = component(&self.file)?;
        let signature = read_signature(&self.signature.clone().unwrap_or_else(|| signature_file(&self.file)))?;
        signature.verify(muster_model::PluginDigest::of(&component)).with_context(told)?;
        // Not before it is known that these are the signer's bytes.
        let bench = Workbench::open()?;
        let plugin = tokio::task::spawn_blocking(move || bench.host.load(&component)).await?.with_context(told)?;
        signature.fits(plugin.as_ref()).with_context(told)?;
        let known_as = self.known(&signature).await?;
        if self.json {
            return say(json!({ "signature": signature, "key_name": known_as }));
        }
        say(format_args!("{} {}   sha256:{}", signature.name, signature.version, signature.digest))?;
        say(format_args!("  manifest   sha256:{}", signature.manifest))?;
        let known = match (&known_as, &self.key) {
            (Some(name), _) => format!("   trusted as {name}"),
            (None, Some(_)) => "   the key that was asked for".to_owned(),
            (None, None) => "   whose key that is, was not asked: --key or --trusted".to_owned(),
        };
        say(format_args!("  signed by  {}{known}", signature.key))
    }

    /// What the server calls the key, if it was to be asked; refused if it is not the one that was asked for.
    async fn known(&self, signature: &SignatureFile) -> anyhow::Result<Option<String>> {
        let (file, key) = (self.file.display(), signature.key.to_string());
        if let Some(expected) = &self.key {
            let expected = public_key(expected)?;
            if expected != key {
                bail!("{file}: it is signed by {key}, not by {expected}");
            }
        }
        if !self.trusted {
            return Ok(None);
        }
        let admin_key = self.admin_key.clone().context("--trusted asks a server; give --admin-key")?;
        let remote = Remote { server: self.server.clone(), admin_key, json: self.json };
        let answer = AdminClient::new(&remote)?.get(&["plugin-keys"]).await?;
        let mut keys = answer["keys"].as_array().into_iter().flatten();
        match keys.find(|trusted| plain(&trusted["key"]) == key) {
            Some(trusted) => Ok(Some(plain(&trusted["name"]).to_owned())),
            None => bail!("{file}: it is signed by {key}, which {} does not trust", self.server),
        }
    }
}
