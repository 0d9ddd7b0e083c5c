//! How OCI registries are reached from the command line: it is the operator's machine that asks them, never the server.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_model::{HexDigest, PluginOrigin};
use muster_oci::{Credentials, Pulled, Reference, Registry, Times};
use muster_service::signing::SignatureFile;

use crate::app::MAX_PLUGIN_BYTES;

/// The variable with credentials for a registry.
const CREDENTIALS: &str = "MUSTER_OCI_CREDENTIALS";

/// How large a file of credentials can be, in bytes.
const MAX_LOGIN_BYTES: u64 = 1 << 20;

/// Who asks a registry.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// A file with credentials for the registry, as `docker login` writes it; without it, the variable `MUSTER_OCI_CREDENTIALS` (USER:PASSWORD)
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

impl Login {
    /// The registry of a reference, with what it is to know.
    pub(super) fn registry(&self, reference: Reference) -> anyhow::Result<Registry> {
        let credentials = self.of(reference.host())?;
        Ok(Registry::new(reference, credentials, Times::default())?)
    }

    fn of(&self, host: &str) -> anyhow::Result<Option<Credentials>> {
        let Some(file) = &self.credentials else {
            #[expect(clippy::disallowed_methods, reason = "a secret, which an argument would show in `Debug`")]
            let Ok(text) = std::env::var(CREDENTIALS) else { return Ok(None) };
            let credentials = Credentials::parse(&text);
            return credentials.map(Some).with_context(|| format!("{CREDENTIALS} is not USER:PASSWORD"));
        };
        let told = || file.display().to_string();
        let size = std::fs::metadata(file).with_context(told)?.len();
        anyhow::ensure!(
            size <= MAX_LOGIN_BYTES,
            "{}: it has {size} bytes, and such a file has at most {MAX_LOGIN_BYTES}",
            told()
        );
        let content = std::fs::read(file).with_context(told)?;
        let credentials = Credentials::in_login_file(&content, host).with_context(told)?;
        credentials.map(Some).with_context(|| format!("{}: it has no credentials for {host}", told()))
    }
}

/// A component that was fetched: its bytes, its signature if it has one, and where it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) bytes: Vec<u8>,
    pub(super) signature: Option<SignatureFile>,
    pub(super) origin: PluginOrigin,
}

/// Fetches what a reference names.
pub(super) async fn fetch(reference: &str, login: &Login) -> anyhow::Result<Found> {
    let mut registry = login.registry(Reference::parse(reference)?)?;
    let Pulled { bytes, signature, manifest } = registry.pull(MAX_PLUGIN_BYTES).await?;
    let signature = signature.map(|text| SignatureFile::parse(text.as_bytes())).transpose();
    let signature = signature.with_context(|| reference.to_owned())?;
    let origin = PluginOrigin { reference: reference.to_owned(), manifest: HexDigest::from_bytes(manifest) };
    Ok(Found { bytes, signature, origin })
}
