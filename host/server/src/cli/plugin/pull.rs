use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use muster_model::PluginDigest;
use serde_json::json;

use super::bytes;
use super::registry::{Login, fetch};
use crate::cli::say;
use crate::components::signature_file;

/// What is fetched, and where it is written to.
#[derive(Debug, Args)]
pub(in crate::cli) struct Pull {
    /// <oci://HOST/REPOSITORY:TAG>, or ...@sha256:DIGEST
    reference: String,
    /// The file for the component; its signature, if it has one, is written beside it, to FILE.sig
    #[arg(short, long)]
    output: PathBuf,
    #[command(flatten)]
    login: Login,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Pull {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let beside = signature_file(&self.output);
        for file in [&self.output, &beside] {
            ensure!(!file.exists(), "{}: it is there already, and is not written over", file.display());
        }
        let found = fetch(&self.reference, &self.login).await?;
        let digest = PluginDigest::of(&found.bytes);
        if let Some(signature) = &found.signature {
            signature.verify(digest).with_context(|| self.reference.clone())?;
        }
        std::fs::write(&self.output, &found.bytes).with_context(|| self.output.display().to_string())?;
        if let Some(signature) = &found.signature {
            let text = serde_json::to_string_pretty(signature)? + "\n";
            std::fs::write(&beside, text).with_context(|| beside.display().to_string())?;
        }
        let signed_by = found.signature.as_ref().map(|signature| signature.key);
        if self.json {
            return say(json!({
                "file": self.output, "digest": digest, "size": found.bytes.len(), "origin": found.origin, "signed_by": signed_by,
            }));
        }
        let size = bytes(u64::try_from(found.bytes.len()).unwrap_or(u64::MAX));
        say(format_args!("{}   sha256:{digest}   {size}", self.output.display()))?;
        say(format_args!("  from       {}   manifest sha256:{}", found.origin.reference, found.origin.manifest))?;
        match signed_by {
            Some(key) => say(format_args!("  signed by  {key}   {}", beside.display())),
            None => say("  signed by  nobody"),
        }
    }
}
