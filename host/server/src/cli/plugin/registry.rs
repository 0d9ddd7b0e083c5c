//! How OCI registries are reached from the command line: it is the operator's machine that asks them, never the server.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use muster_model::{HexDigest, PluginOrigin};
use muster_oci::{Authorities, Component, Credentials, OciError, Options, Pulled, Reference, Registry, Taken, Times};
use muster_service::signing::SignatureFile;

use crate::app::MAX_PLUGIN_BYTES;
use crate::files::Told as _;

/// The variable with credentials for a registry.
const CREDENTIALS: &str = "MUSTER_OCI_CREDENTIALS";

/// How large a file of credentials can be, in bytes.
const MAX_LOGIN_BYTES: u64 = 1 << 20;

/// How large a file of authorities can be, in bytes: all those of the web are a quarter of it.
const MAX_AUTHORITIES_BYTES: u64 = 1 << 20;

/// Who asks a registry.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// A file with credentials for the registry, as `docker login` writes it; without it, the variable `MUSTER_OCI_CREDENTIALS` (USER:PASSWORD)
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// The authority of a private registry: its certificate in PEM, which counts beside those that this machine trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Login {
    /// Puts a component into the registry; the sha-256 of its manifest.
    pub(super) async fn push(
        &self,
        reference: Reference,
        component: &Component<'_>,
        taken: Taken,
    ) -> anyhow::Result<HexDigest> {
        let mut registry = self.registry(reference)?;
        let manifest = registry.push(component, taken).await.map_err(|error| self.told(error))?;
        Ok(HexDigest::from_bytes(manifest))
    }

    /// The registry of a reference, with what it is to know.
    fn registry(&self, reference: Reference) -> anyhow::Result<Registry> {
        let credentials = self.of(reference.host())?;
        let authorities = self.ca.as_deref().map(authorities).transpose()?;
        Ok(Registry::new(reference, Options { credentials, authorities, times: Times::default() })?)
    }

    /// With what whoever asks can do about it.
    fn told(&self, error: OciError) -> anyhow::Error {
        let hint = match &error {
            OciError::Refused { status: 401 | 403, .. } => self.who_asked(),
            OciError::Certificate { .. } => "--ca FILE names the authority of a private registry".to_owned(),
            OciError::Taken { .. } => "a version does not change, unless --force says so".to_owned(),
            OciError::Reference(_)
            | OciError::Unreachable { .. }
            | OciError::Late { .. }
            | OciError::Refused { .. }
            | OciError::Missing { .. }
            | OciError::TooLarge { .. }
            | OciError::OtherBytes { .. }
            | OciError::OtherSize { .. }
            | OciError::Elsewhere { .. }
            | OciError::NotAComponent { .. }
            | OciError::Authorities(_)
            | OciError::Credentials(_) => return error.into(),
        };
        anyhow::anyhow!("{error}; {hint}")
    }

    fn who_asked(&self) -> String {
        #[expect(
            clippy::disallowed_methods,
            reason = "whether there is a secret, which an argument would show in `Debug`"
        )]
        let is_set = std::env::var_os(CREDENTIALS).is_some();
        match &self.credentials {
            Some(file) => format!("it was asked with the credentials of {}", file.display()),
            None if is_set => format!("it was asked with the credentials of {CREDENTIALS}"),
            None => format!(
                "it was asked without credentials: --credentials FILE, as `docker login` writes it, or {CREDENTIALS} (USER:PASSWORD) gives some"
            ),
        }
    }

    fn of(&self, host: &str) -> anyhow::Result<Option<Credentials>> {
        let Some(file) = &self.credentials else {
            #[expect(clippy::disallowed_methods, reason = "a secret, which an argument would show in `Debug`")]
            let Ok(text) = std::env::var(CREDENTIALS) else { return Ok(None) };
            let credentials = Credentials::parse(&text);
            return credentials.map(Some).with_context(|| format!("{CREDENTIALS} is not USER:PASSWORD"));
        };
        let told = || file.display().to_string();
        let content = read(file, MAX_LOGIN_BYTES, "credentials as `docker login` writes them")?;
        let credentials = Credentials::in_login_file(&content, host).with_context(told)?;
        credentials.map(Some).with_context(|| format!("{}: it has no credentials for {host}", told()))
    }
}

fn authorities(file: &Path) -> anyhow::Result<Authorities> {
    let content = read(file, MAX_AUTHORITIES_BYTES, "the certificate of an authority")?;
    Authorities::parse(&content).with_context(|| file.display().to_string())
}

fn read(file: &Path, most: u64, what: &str) -> anyhow::Result<Vec<u8>> {
    let size = std::fs::metadata(file).of(file, what)?.len();
    anyhow::ensure!(size <= most, "{}: it has {size} bytes, and such a file has at most {most}", file.display());
    std::fs::read(file).of(file, what)
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
    let Pulled { bytes, signature, manifest } =
        registry.pull(MAX_PLUGIN_BYTES).await.map_err(|error| login.told(error))?;
    let signature = signature.map(|text| SignatureFile::parse(text.as_bytes())).transpose();
    let signature = signature.with_context(|| reference.to_owned())?;
    let origin = PluginOrigin { reference: reference.to_owned(), manifest: HexDigest::from_bytes(manifest) };
    Ok(Found { bytes, signature, origin })
}
