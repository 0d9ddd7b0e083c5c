use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_oci::{Component, Reference};
use serde_json::json;

use super::component;
use super::registry::Login;
use super::shape::Shape;
use crate::app::{Workbench, read_signature, signature_beside};
use crate::cli::say;

/// What is published, and where.
#[derive(Debug, Args)]
pub(in crate::cli) struct Publish {
    /// The component (.wasm)
    file: PathBuf,
    /// <oci://HOST/REPOSITORY:TAG>
    reference: String,
    /// Its signature; without it FILE.sig, if that is there
    #[arg(long)]
    signature: Option<PathBuf>,
    #[command(flatten)]
    login: Login,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Publish {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let told = || self.file.display().to_string();
        let mut registry = self.login.registry(Reference::parse(&self.reference)?)?;
        let bytes = component(&self.file)?;
        let signature = match &self.signature {
            Some(file) => Some(read_signature(file)?),
            None => signature_beside(&self.file)?,
        };
        // What no server would take is not published.
        let (bench, loaded) = (Workbench::open()?, bytes.clone());
        let plugin = tokio::task::spawn_blocking(move || bench.host.load(&loaded)).await?.with_context(told)?;
        if let Some(signature) = &signature {
            signature.verify(plugin.digest()).and_then(|()| signature.fits(plugin.as_ref())).with_context(told)?;
        }
        let (shape, manifest) = (Shape::of(&bytes).with_context(told)?, plugin.manifest());
        let text = signature.as_ref().map(serde_json::to_string).transpose()?;
        let published = Component {
            bytes: &bytes,
            name: &manifest.name,
            version: &manifest.version,
            imports: &shape.imports,
            exports: &shape.exports,
            signature: text.as_deref(),
        };
        let digest = muster_model::HexDigest::from_bytes(registry.push(&published).await?);
        let signed_by = signature.as_ref().map(|signature| signature.key);
        if self.json {
            return say(json!({
                "reference": self.reference, "manifest": digest, "digest": plugin.digest(), "signed_by": signed_by,
            }));
        }
        say(format_args!("{} {}   sha256:{}", manifest.name, manifest.version, plugin.digest()))?;
        say(format_args!("  published  {}   manifest sha256:{digest}", self.reference))?;
        match signed_by {
            Some(key) => say(format_args!("  signed by  {key}")),
            None => say("  signed by  nobody"),
        }
    }
}
