//! The keys of the vendor's backend: a few lines in a file, one of which opens `/directory/v1`. The file is looked at while the server runs, so
//! that a key comes and goes without a restart: an operator changes it, or whatever mounts it replaces it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, ensure};
use muster_http::CurrentKeys;
use muster_model::{Token, TokenHash, TokenKey};

use crate::config::Config;
use crate::keys;

/// How many keys there can be at a time: the one before goes on until all who use it have the next.
pub(crate) const MAX_DIRECTORY_KEYS: usize = 4;

/// Bytes of a directory key that is worth a warning.
const SHORT_KEY_BYTES: usize = 20;

/// How often the file is looked at while requests come.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// How a key begins that is made here, so that leaked ones are recognised by secret scanners.
const PREFIX: &str = "msd_";

/// Where the keys of a deployment stand.
pub(crate) fn file_of(config: &Config) -> PathBuf {
    let configured = &config.directory.key_file;
    if configured.as_os_str().is_empty() { config.data.join("keys/directory.key") } else { configured.clone() }
}

/// The keys in a file, the newest first: one a line.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Token>> {
    let told = || format!("the file of directory keys {}", file.display());
    let text = fs::read_to_string(file).with_context(told)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let found: Vec<Token> = lines.map(Token::presented).collect();
    ensure!(found.len() <= MAX_DIRECTORY_KEYS, "{} has more than {MAX_DIRECTORY_KEYS} keys", told());
    Ok(found)
}

/// Writes them, the newest first.
pub(crate) fn write(file: &Path, all: &[Token]) -> anyhow::Result<()> {
    let mut lines = String::new();
    for key in all {
        lines.push_str(key.reveal());
        lines.push('\n');
    }
    keys::write_private(file, lines.as_bytes())
}

/// The keys in a file; one is made if there is no such file.
pub(crate) fn read_or_make(file: &Path) -> anyhow::Result<Vec<Token>> {
    if !file.exists() {
        write(file, &[make()?])?;
    }
    read(file)
}

/// The key to tell whoever asks for one, and where the next one will be.
#[derive(Debug)]
pub(crate) struct Newest {
    /// The newest; none where all were taken away.
    pub(crate) key: Option<Token>,
    /// The file that has it; none: the environment has it, and no other opens.
    pub(crate) file: Option<PathBuf>,
}

/// What a server of this configuration takes; a key is made if there is no file.
pub(crate) fn newest(config: &Config) -> anyhow::Result<Newest> {
    if let Some(key) = of_environment() {
        return Ok(Newest { key: Some(key), file: None });
    }
    let file = std::path::absolute(file_of(config))?;
    Ok(Newest { key: read_or_make(&file)?.into_iter().next(), file: Some(file) })
}

/// The one key of a server that is given it, which then looks at no file.
fn of_environment() -> Option<Token> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a secret comes from the environment without standing in a configuration"
    )]
    let given = std::env::var("MUSTER_DIRECTORY_KEY").ok().filter(|key| !key.is_empty());
    given.map(|key| Token::presented(&key))
}

/// A new key.
pub(crate) fn make() -> anyhow::Result<Token> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(Token::presented(&format!("{PREFIX}{}", hex::encode(entropy))))
}

/// What the server asks with each request: the environment's key, or those in the file, which is made at the first start.
pub(crate) fn current(config: &Config, given: Option<Token>, hashed: TokenKey) -> anyhow::Result<CurrentKeys> {
    if let Some(key) = given.or_else(of_environment) {
        warn_if_short(&key);
        let only: Arc<[TokenHash]> = Arc::new([hashed.hash(&key)]);
        return Ok(Arc::new(move || only.clone()));
    }
    let file = file_of(config);
    let found = if config.directory.key_file.as_os_str().is_empty() { read_or_make(&file)? } else { read(&file)? };
    found.iter().for_each(warn_if_short);
    tracing::info!(file = %file.display(), keys = found.len(), "the directory keys are in this file");
    let kept = KeyFile { seen: Mutex::new(Seen::now(&file, &hashed)), file, hashed };
    Ok(Arc::new(move || kept.keys()))
}

fn warn_if_short(key: &Token) {
    if key.reveal().len() < SHORT_KEY_BYTES {
        tracing::warn!(
            "a directory key is shorter than {SHORT_KEY_BYTES} bytes: whoever guesses it reads every account"
        );
    }
}

/// A file of keys that is looked at again and again.
struct KeyFile {
    file: PathBuf,
    hashed: TokenKey,
    seen: Mutex<Seen>,
}

/// What was in it.
struct Seen {
    at: Instant,
    /// When it was written, and how long it is; `None`: there is no such file.
    stamp: Option<(SystemTime, u64)>,
    keys: Arc<[TokenHash]>,
}

impl KeyFile {
    fn keys(&self) -> Arc<[TokenHash]> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.at.elapsed() >= LOOKED_AT_EVERY {
            seen.at = Instant::now();
            if stamp(&self.file) != seen.stamp {
                *seen = Seen::now(&self.file, &self.hashed);
                tracing::info!(file = %self.file.display(), keys = seen.keys.len(), "the directory keys were read anew");
            }
        }
        seen.keys.clone()
    }
}

impl Seen {
    /// A file that cannot be read has no keys: what an operator took away must not go on because of a mistake in what is left.
    fn now(file: &Path, hashed: &TokenKey) -> Self {
        // Looked at before it is read: what is written meanwhile is read the next time.
        let stamp = stamp(file);
        let found = read(file).unwrap_or_else(|error| {
            tracing::error!(error = format!("{error:#}"), "no directory key is good until the file can be read");
            Vec::new()
        });
        Self { at: Instant::now(), stamp, keys: found.iter().map(|key| hashed.hash(key)).collect() }
    }
}

fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_were_written_and_are_few() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/directory.key");
        let all: Vec<Token> = (0..MAX_DIRECTORY_KEYS).map(|_| make().unwrap()).collect();

        write(&file, &all).unwrap();

        assert_eq!(read(&file).unwrap(), all);
        assert!(all[0] != all[1] && all[0].reveal().starts_with(PREFIX));
        write(&file, &[all.clone(), vec![make().unwrap()]].concat()).unwrap();
        let refused = format!("{:#}", read(&file).unwrap_err());
        assert!(refused.contains("more than 4 keys"), "{refused}");
    }

    #[test]
    fn a_file_that_changes_is_read_anew_and_one_that_is_gone_has_no_keys() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("directory.key");
        let hashed = TokenKey::new([7; 32]);
        let kept = KeyFile { seen: Mutex::new(Seen::now(&file, &hashed)), file: file.clone(), hashed: hashed.clone() };
        let later = |kept: &KeyFile| {
            let mut seen = kept.seen.lock().unwrap();
            seen.at = seen.at.checked_sub(LOOKED_AT_EVERY).unwrap();
        };
        assert_eq!(kept.keys().len(), 0);

        let key = make().unwrap();
        write(&file, std::slice::from_ref(&key)).unwrap();
        assert_eq!(kept.keys().len(), 0, "it was looked at a moment ago");
        later(&kept);
        assert!(kept.keys().iter().any(|known| known.matches(&hashed.hash(&key))));

        fs::remove_file(&file).unwrap();
        later(&kept);
        assert_eq!(kept.keys().len(), 0);
    }
}
