//! Files of keys: a private one is its owner's alone, and is never printed.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use muster_model::PublicKey;
use muster_service::signing::SigningKey;

use crate::files::Told as _;

/// How large the file of a key can be, in bytes.
const MAX_KEY_BYTES: u64 = 1 << 10;

/// Where the public half stands: beside the private one, with `.pub` behind its name.
pub(super) fn public_file(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Makes a key, in two files that were not there.
pub(super) fn make(file: &Path) -> anyhow::Result<SigningKey> {
    let public = public_file(file);
    for path in [file, &public] {
        ensure!(!path.exists(), "{}: it is there already, and a key is not written over", path.display());
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let key = SigningKey::new(&random);
    write_new(file, &key.to_file(), 0o600)?;
    write_new(&public, &format!("{}\n", key.public()), 0o644)?;
    Ok(key)
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).written(path)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).written(path)
}

/// The private key in this file, if nobody but its owner can read it.
pub(super) fn private_key(path: &Path) -> anyhow::Result<SigningKey> {
    const WHAT: &str = "the private key of `muster plugin keygen`";
    let file = fs::File::open(path).of(path, WHAT)?;
    // Of the file that was opened: its name may mean another one by now.
    let mode = file.metadata().of(path, WHAT)?.permissions().mode() & 0o777;
    let mut text = String::new();
    file.take(MAX_KEY_BYTES).read_to_string(&mut text).of(path, WHAT)?;
    if PublicKey::parse(text.trim()).is_some() {
        bail!("{}: this is the public key; a private one signs, the file beside it without `.pub`", path.display());
    }
    if mode & 0o077 != 0 {
        bail!("{}: others can read this private key (mode {mode:o}); take it from them: chmod 600", path.display());
    }
    SigningKey::parse(&text)
        .with_context(|| format!("{}: it holds no private key of `muster plugin keygen`", path.display()))
}

/// A public key: itself, or the file that it stands in.
pub(super) fn public_key(text: &str) -> anyhow::Result<String> {
    if let Some(key) = PublicKey::parse(text) {
        return Ok(key.to_string());
    }
    let none = || format!("{text}: it is no public key (ed25519: and 64 hexadecimal digits), and no file of one");
    let mut content = String::new();
    match fs::File::open(text) {
        Ok(file) => file.take(MAX_KEY_BYTES).read_to_string(&mut content).with_context(none)?,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!("{}", none()),
        Err(error) => return Err(error).of(Path::new(text), "a public key"),
    };
    let key = PublicKey::parse(content.trim()).with_context(none)?;
    Ok(key.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("key");
        let key = make(&file).unwrap();
        assert_eq!(private_key(&file).unwrap().public(), key.public());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(public_key(public_file(&file).to_str().unwrap()).unwrap(), key.public().to_string());
        let told = make(&file).unwrap_err().to_string();
        assert!(told.ends_with("it is there already, and a key is not written over"), "{told}");
        assert_eq!(private_key(&file).unwrap().public(), key.public());
    }

    #[test]
    fn a_private_key_that_others_can_read_is_not_used() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("key");
        make(&file).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o666] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let told = private_key(&file).unwrap_err().to_string();
            assert!(told.contains(&format!("others can read this private key (mode {mode:o})")), "{told}");
        }
        let told = private_key(&public_file(&file)).unwrap_err().to_string();
        assert!(told.contains("this is the public key"), "nobody is told to hide it: {told}");
    }

    #[test]
    fn of_a_file_so_much_is_read_as_a_key_can_have() {
        let room = tempfile::tempdir().unwrap();
        let (file, most) = (room.path().join("key"), usize::try_from(MAX_KEY_BYTES).unwrap());
        let public = make(&file).unwrap().public().to_string();
        let within = room.path().join("within.pub");
        write_new(&within, &format!("{public:>most$}"), 0o644).unwrap();
        assert_eq!(public_key(within.to_str().unwrap()).unwrap(), public);
        let beyond = room.path().join("beyond.pub");
        write_new(&beyond, &format!("{public:>0$}", most + 1), 0o644).unwrap();
        let told = format!("{:#}", public_key(beyond.to_str().unwrap()).unwrap_err());
        assert!(told.contains("it is no public key") && !told.contains(&public), "{told}");
        let private = fs::read_to_string(&file).unwrap();
        let beyond = room.path().join("beyond");
        write_new(&beyond, &format!("{private:>0$}", most + private.len()), 0o600).unwrap();
        let told = private_key(&beyond).unwrap_err().to_string();
        assert!(told.ends_with("it holds no private key of `muster plugin keygen`"), "{told}");
    }

    #[test]
    fn what_is_no_key_is_told_without_what_is_in_it() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("key");
        write_new(&file, "hunter2", 0o600).unwrap();
        for told in [private_key(&file).unwrap_err(), public_key(file.to_str().unwrap()).unwrap_err()] {
            let told = format!("{told:#}");
            assert!(told.contains("key: it ") && !told.contains("hunter2"), "{told}");
        }
        assert!(public_key("nobody").unwrap_err().to_string().starts_with("nobody: it is no public key"));
    }
}
