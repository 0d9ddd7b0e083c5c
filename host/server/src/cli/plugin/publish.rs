use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_oci::{Component, Reference, Taken};
use serde_json::json;

use super::push::not_stale;
use super::registry::Login;
use super::shape::Shape;
use super::{component, component_file};
use crate::app::Workbench;
use crate::cli::say;
use crate::components::{read_signature, signature_beside, signature_file};

/// What is published, and where.
#[derive(Debug, Args)]
pub(in crate::cli) struct Publish {
    /// The component (.wasm), or the folder of a plugin that was built
    file: PathBuf,
    /// <oci://HOST/REPOSITORY:TAG>
    reference: String,
    /// Its signature; without it FILE.sig, if that is there
    #[arg(long)]
    signature: Option<PathBuf>,
    /// Gives the tag to this component even if it names another one
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    login: Login,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

impl Publish {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let reference = Reference::parse(&self.reference)?;
        let file = component_file(&self.file)?;
        let told = || file.display().to_string();
        let bytes = component(&file)?;
        let signature = match &self.signature {
            Some(file) => Some(read_signature(file)?),
            None => signature_beside(&file)?,
        };
        if let Some(signature) = &signature {
            let beside = self.signature.clone().unwrap_or_else(|| signature_file(&file));
            not_stale(signature, &beside, &bytes, &file)?;
        }
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
        let taken = if self.force { Taken::Moved } else { Taken::Kept };
        let digest = self.login.push(reference, &published, taken).await?;
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
