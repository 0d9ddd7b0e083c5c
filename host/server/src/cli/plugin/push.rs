use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use muster_model::PluginDigest;
use muster_oci::Reference;
use muster_service::signing::{SignatureError, SignatureFile};
use muster_service::{NewPlugin, cases};

use super::registry::{Login, fetch};
use super::{component, component_file, counted, line};
use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};
use crate::components::{read_signature, signature_beside, signature_file};

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
            let file = component_file(Path::new(&self.path))?;
            let bytes = component(&file)?;
            let signature = match given {
                Some(given) => Some(given),
                None => signature_beside(&file)?,
            };
            if let Some(signature) = &signature {
                let beside = self.signature.clone().unwrap_or_else(|| signature_file(&file));
                not_stale(signature, &beside, &bytes, &file)?;
            }
            (bytes, NewPlugin { by, origin: None, signature })
        };
        let carried = cases::embedded(&bytes).map_or(0, |stories| stories.len());
        // A wrong key is told before the bytes are on their way: who refuses them does not read them to their end.
        client.get(&["plugin-keys"]).await?;
        let answer = client.push_plugin(bytes, &new).await?;
        if self.remote.json {
            return say(answer);
        }
        say(line(&answer))?;
        match carried {
            0 => say("  cases      none are in it")?,
            count => say(format_args!(
                "  cases      {}, which were not run: `muster plugin test` and rollouts do",
                counted(count, "case")
            ))?,
        }
        if let Some(key) = answer["new_owner"].as_str() {
            say(format_args!("  the name {} belongs to {key} from now on", plain(&answer["name"])))?;
        }
        match answer["warning"].as_str() {
            Some(warning) => say(format_args!("  warning: {warning}")),
            None => Ok(()),
        }
    }
}

/// Refuses a signature that was made for an earlier build, by the name of its file.
pub(super) fn not_stale(signature: &SignatureFile, beside: &Path, bytes: &[u8], file: &Path) -> anyhow::Result<()> {
    match signature.verify(PluginDigest::of(bytes)) {
        Ok(()) => Ok(()),
        Err(error @ SignatureError::OtherBytes { .. }) => bail!(
            "{}: {error}; sign it again (muster plugin sign {} --key KEYFILE), or delete the file",
            beside.display(),
            file.display()
        ),
        Err(error) => Err(error).with_context(|| beside.display().to_string()),
    }
}
