//! Secrets of the deployment: 32 random bytes each, in files that only their owner reads, apart from the store.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;

/// The key in this file; made if there is none.
pub(crate) fn read_or_make(file: &Path) -> anyhow::Result<[u8; 32]> {
    let told = || format!("the key file {}", file.display());
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
    use std::os::unix::fs::PermissionsExt;

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
    fn a_damaged_key_is_named_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token.key");
        fs::write(&file, "short").unwrap();

        let error = format!("{:#}", read_or_make(&file).unwrap_err());

        assert!(error.contains("token.key"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "short");
    }
}
