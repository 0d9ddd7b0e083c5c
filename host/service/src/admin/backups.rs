use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use muster_model::Timestamp;
use muster_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{AdminError, JobView, Service};

/// How long the name of a backup can be, in bytes.
pub const MAX_BACKUP_NAME_BYTES: usize = 100;

/// What a folder ends with that is not a whole backup yet.
const UNFINISHED: &str = ".unfinished";

/// A backup to be made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// What its folder is called; `None`: the time.
    #[serde(default)]
    pub name: Option<String>,
}

/// A backup as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct BackupView {
    /// What it is called.
    pub backup: String,
    /// Where it is, on the server's machine.
    pub folder: PathBuf,
    /// When its folder was last written to: of a whole one, when it was finished.
    pub at: String,
    /// How much room it takes, in bytes.
    pub bytes: u64,
    /// Whether it is whole: one that is not is being made, or was interrupted.
    pub finished: bool,
}

impl Service {
    /// Begins a copy of the whole store, as it is at one moment, while it is served.
    pub fn back_up(&self, new: NewBackup) -> Result<JobView, AdminError> {
        let at = self.parts.clock.now();
        let name = new.name.unwrap_or_else(|| at.to_string().replace(':', "-"));
        check_name(&name)?;
        let alone = self.backing_up.clone().try_lock_owned();
        let alone = alone.map_err(|_| AdminError::InUse("a backup is being made; wait for its end".to_owned()))?;
        let folder = self.parts.backups.join(&name);
        if folder.exists() {
            return Err(AdminError::Exists(format!("backup {name}")));
        }
        let store = self.parts.store.clone();
        let job = self.jobs().start("backup", "rows", |progress| async move {
            let _alone = alone;
            let tell = progress.clone();
            let made = store.back_up(&folder, at, Box::new(move |rows| tell.set_done(rows))).await;
            let made = made.map_err(|error| match error {
                StoreError::Taken { .. } => AdminError::Exists(format!("backup {name}")),
                other => other.into(),
            })?;
            progress.set_total(made.rows);
            progress.set_done(made.rows);
            Ok(json!({ "backup": name, "folder": made.folder, "rows": made.rows, "bytes": made.bytes }))
        })?;
        self.show_job(&job.to_string())
    }

    /// All backups that are on the server's machine, by name.
    pub fn list_backups(&self) -> Result<Vec<BackupView>, AdminError> {
        let unreadable = |error: io::Error| AdminError::Unavailable(StoreError::Unavailable(Box::new(error)));
        let entries = match std::fs::read_dir(&self.parts.backups) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut backups = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().map_err(unreadable)?.is_dir() {
                let finished = !name.ends_with(UNFINISHED);
                let (folder, at) = (entry.path(), written(&entry).map_err(unreadable)?.to_string());
                let bytes = size(&folder).map_err(unreadable)?;
                backups.push(BackupView { backup: name, folder, at, bytes, finished });
            }
        }
        backups.sort();
        Ok(backups)
    }
}

fn written(folder: &DirEntry) -> io::Result<Timestamp> {
    let since = folder.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}

/// Of its files. What goes while it is looked at (one that is being made is given its name) takes no room.
fn size(folder: &Path) -> io::Result<u64> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let entries = match std::fs::read_dir(folder) {
        Err(error) if gone(&error) => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        bytes += match entry.and_then(|entry| entry.metadata()) {
            Ok(data) if data.is_file() => data.len(),
            Ok(_) => 0,
            Err(error) if gone(&error) => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

/// A name becomes the name of a folder, and nothing else.
fn check_name(name: &str) -> Result<(), AdminError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = (1..=MAX_BACKUP_NAME_BYTES).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with('.')
        && !name.ends_with(UNFINISHED);
    if fits {
        return Ok(());
    }
    Err(AdminError::Invalid(format!(
        "the name of a backup is 1 to {MAX_BACKUP_NAME_BYTES} letters, digits, '-', '_' and '.', and begins with no '.'"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_folder_and_nothing_else() {
        for name in ["monday", "2026-11-22T13-42-14.856Z", "A_1.b", &"x".repeat(MAX_BACKUP_NAME_BYTES)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "x".repeat(MAX_BACKUP_NAME_BYTES + 1);
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "ä", "x.unfinished", &long] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
