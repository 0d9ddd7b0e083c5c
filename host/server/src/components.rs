//! Files of plugins: components, and the signatures that stand beside them.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use muster_service::signing::{MAX_SIGNATURE_BYTES, SignatureFile};
use muster_service::{AdminError, NewPlugin, Service};

use crate::files::Told as _;

/// Pushes every component of a folder.
pub(crate) async fn preload(service: &Service, folder: &Path) -> anyhow::Result<()> {
    for file in components(folder)? {
        let Err(error) = preload_one(service, &file).await else { continue };
        // That is the store, and no fault of the file.
        if matches!(error.downcast_ref(), Some(AdminError::Unavailable(_))) {
            return Err(error.context(format!("plugin {}", file.display())));
        }
        // A server that does not start serves nobody; this one serves what it has.
        tracing::error!(file = %file.display(), error = format!("{error:#}"), "a plugin of plugins.preload is not taken");
    }
    Ok(())
}

async fn preload_one(service: &Service, file: &Path) -> anyhow::Result<()> {
    let bytes = tokio::fs::read(file).await?;
    let signature = signature_beside(file)?;
    service.push_plugin(bytes, NewPlugin { signature, ..NewPlugin::default() }).await?;
    Ok(())
}

/// Where the signature of a component stands: beside it, with `.sig` behind its name.
pub(crate) fn signature_file(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// The signature that stands beside a component, if there is one.
pub(crate) fn signature_beside(component: &Path) -> anyhow::Result<Option<SignatureFile>> {
    let file = signature_file(component);
    if file.exists() { read_signature(&file).map(Some) } else { Ok(None) }
}

/// The signature in this file.
pub(crate) fn read_signature(file: &Path) -> anyhow::Result<SignatureFile> {
    let mut bytes = Vec::new();
    // One more than there can be shows that there is too much.
    let most = u64::try_from(MAX_SIGNATURE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(file).and_then(|opened| opened.take(most).read_to_end(&mut bytes)).of(file, "a signature")?;
    SignatureFile::parse(&bytes).with_context(|| file.display().to_string())
}

/// The components in a folder, by name.
pub(crate) fn components(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("the plugin folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
