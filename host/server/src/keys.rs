//! Secrets of the deployment: 32 random bytes each, in files that only their owner reads, apart from the store.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;

/// The key in this file; made if there is none.
pub(crate) fn read_or_make(file: &Path) -> anyhow::Result<[u8; 32]> {
    let told = || format!("the key file {}", file.display());
    close_to_others(file).with_context(told)?;
    match fs::read_to_string(file) {
        Ok(text) => {
            let mut key = [0; 32];
            hex::decode_to_slice(text.trim(), &mut key)
                .with_context(|| format!("{} is not 64 hexadecimal digits", told()))?;
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => make(file).with_context(told),
        Err(error) => Err(error).with_context(told),
    }
}

/// The key in this file, which must be there: something was made with it.
pub(crate) fn read(file: &Path, made_with_it: &str) -> anyhow::Result<[u8; 32]> {
    if !file.exists() {
        anyhow::bail!(
            "the key file {} is missing, and {made_with_it}; restore it from the backup (or move the data folder away to begin anew)",
            file.display()
        );
    }
    read_or_make(file)
}

/// Keys that others could read are closed to them, and the operator is told.
fn close_to_others(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().context("a key file stands in a folder")?;
    for (path, mode) in [(folder, 0o700), (file, 0o600)] {
        let Ok(metadata) = fs::metadata(path) else { continue };
        if metadata.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "others could read the keys; closed to them now, consider new ones");
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

fn make(file: &Path) -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    write_private(file, hex::encode(key).as_bytes())?;
    Ok(key)
}

/// Writes a file that only its owner reads, whole or not at all.
pub(crate) fn write_private(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = file.parent().context("a key file stands in a folder")?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let partial = file.with_extension("partial");
    let mut handle = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    handle.write_all(bytes)?;
    handle.sync_all()?;
    fs::rename(&partial, file)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/token.key");

        let first = read_or_make(&file).unwrap();

        assert_eq!(first, read_or_make(&file).unwrap());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_key_that_something_was_made_with_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token.key");

        let error = format!("{:#}", read(&file, "the store holds tokens").unwrap_err());

        assert!(error.contains("token.key is missing, and the store holds tokens"), "{error}");
        assert!(!file.exists());
    }

    #[test]
    fn keys_that_others_could_read_are_closed_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/token.key");
        let key = read_or_make(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();

        assert_eq!(read_or_make(&file).unwrap(), key);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token.key");
        fs::write(&file, "short").unwrap();

        let error = format!("{:#}", read_or_make(&file).unwrap_err());

        assert!(error.contains("token.key"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "short");
    }
}
