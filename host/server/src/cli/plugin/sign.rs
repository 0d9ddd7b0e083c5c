use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::signer::private_key;
use super::{component, component_file};
use crate::app::Workbench;
use crate::cli::say;
use crate::components::signature_file;
use crate::files::Told as _;

/// What is signed, and with what.
#[derive(Debug, Args)]
pub(in crate::cli) struct Sign {
    /// The component (.wasm), or the folder of a plugin that was built
    file: PathBuf,
    /// The file of your private key, as `muster plugin keygen` has made it
    #[arg(long)]
    key: PathBuf,
    /// Where the signature is written to; without it, FILE.sig
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Sign {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let key = private_key(&self.key)?;
        let file = component_file(&self.file)?;
        let component = component(&file)?;
        let bench = Workbench::open()?;
        // What it says of itself is signed as well, so it is asked.
        let plugin = tokio::task::spawn_blocking(move || bench.host.load(&component)).await?;
        let plugin = plugin.with_context(|| file.display().to_string())?;
        let signature = key.sign(plugin.as_ref());
        let output = self.output.unwrap_or_else(|| signature_file(&file));
        let text = serde_json::to_string_pretty(&signature)? + "\n";
        std::fs::write(&output, text).written(&output)?;
        if self.json {
            return say(json!({ "file": output, "signature": signature }));
        }
        say(format_args!("{} {}   sha256:{}", signature.name, signature.version, signature.digest))?;
        say(format_args!("  manifest   sha256:{}", signature.manifest))?;
        say(format_args!("  signed by  {}", signature.key))?;
        say(format_args!("  written    {}", output.display()))
    }
}
