//! A copy of the files as they were found, for when `db` is shorter than the marker says.
//!
//! sled repairs what it opens: it shortens and overwrites `db` before anybody can see that something is missing. What
//! is left of a damaged database may be all that somebody has; so it is copied first.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{DATA, LOCK_RETRIES, LOCK_RETRY_PAUSE, MARKER, SETTINGS, snapshots, sync_folder};

pub(crate) const AS_FOUND: &str = "as-found";
const UNFINISHED: &str = "unfinished";
/// In a copy whose store was refused: the length and the SHA-256 of the `db` that sled left behind. That one is not
/// copied as well, or a service that is restarted for ever fills the disk; and it is not trusted, though sled may have
/// made it longer than the marker says.
const LEFT: &str = "left-behind";
const LEFT_LENGTH: usize = 20 + 1 + 64;

/// A copy, in a numbered folder of its own.
#[derive(Debug)]
pub(super) struct AsFound {
    folder: PathBuf,
    copy: PathBuf,
    /// No start has yet refused what it is a copy of.
    is_undecided: bool,
}

impl AsFound {
    /// Whether the database is in doubt: it is short (or sled would pass over a part of it), or an earlier start of sled has worked on a short one. The copy is
    /// on disk when this returns.
    pub(super) fn keep(folder: &Path, is_short: bool) -> io::Result<Option<Self>> {
        let parent = folder.join(AS_FOUND);
        // What a kill leaves behind.
        delete_if_there(&parent.join(UNFINISHED))?;
        let latest = latest(&parent)?;
        let (data, copy) = (folder.join(DATA), parent.join(latest.to_string()));
        let left = if latest > 0 { read_left(&copy)? } else { None };
        let was_refused = left.as_ref().map_or(Ok(false), |left| is_left(&data, left))?;
        // The start that made it was killed.
        let is_undecided = latest > 0 && left.is_none();
        if !is_short && !was_refused && !is_undecided {
            return Ok(None);
        }
        let has_copy = if is_undecided {
            !is_short || digest(&data)? == digest(&copy.join(DATA))?
        } else {
            was_refused && snapshots(folder)?.is_empty()
        };
        if has_copy {
            return Ok(Some(Self { folder: folder.to_owned(), copy, is_undecided }));
        }
        let copy = parent.join((latest + 1).to_string());
        make_copy(folder, &parent, &copy)?;
        tracing::warn!(folder = %copy.display(), "the database is not as it was left: its files were copied first");
        Ok(Some(Self { folder: folder.to_owned(), copy, is_undecided: true }))
    }

    pub(super) fn copy(&self) -> &Path {
        &self.copy
    }

    /// The store has opened, and lacks nothing: sled itself had shortened the file. Or sled was not let near it. A copy
    /// of what an earlier start has refused is the operator's to delete.
    pub(super) fn discard(self) {
        if !self.is_undecided {
            return;
        }
        let parent = self.folder.join(AS_FOUND);
        let unfinished = parent.join(UNFINISHED);
        // Half a copy must not be taken for one.
        if let Err(error) = fs::rename(&self.copy, &unfinished).and_then(|()| delete_if_there(&unfinished)) {
            tracing::warn!(folder = %self.copy.display(), error = %error, "a copy that is not needed cannot be deleted");
        }
        // Only if it is empty.
        let _ = fs::remove_dir(parent);
    }

    /// The store was refused. Snapshots that sled made of what it found would spoil a `db` that is restored alone; any
    /// from before are in the copy.
    pub(super) fn settle(self) {
        if let Err(error) = self.try_settle() {
            tracing::warn!(error = %error, "the folder of a refused store cannot be tidied up");
        }
    }

    fn try_settle(&self) -> io::Result<()> {
        for snapshot in snapshots(&self.folder)? {
            fs::remove_file(snapshot)?;
        }
        let data = self.folder.join(DATA);
        wait_for_sled(&data)?;
        let mut file = File::create(self.copy.join(LEFT))?;
        file.write_all(left(&data)?.as_bytes())?;
        file.sync_all()?;
        sync_folder(&self.copy)
    }
}

fn latest(copies: &Path) -> io::Result<u64> {
    let mut latest = 0;
    match fs::read_dir(copies) {
        Ok(entries) => {
            for entry in entries {
                latest = latest.max(entry?.file_name().to_string_lossy().parse().unwrap_or(0));
            }
            Ok(latest)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Its threads may still write for a moment after it was let go.
pub(super) fn wait_for_sled(data: &Path) -> io::Result<()> {
    let file = File::open(data)?;
    for _ in 0..LOCK_RETRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::other("the database is still locked"))
}

fn read_left(copy: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(copy.join(LEFT)) {
        Ok(left) => Ok(Some(left).filter(|left| left.len() == LEFT_LENGTH)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_left(data: &Path, found: &str) -> io::Result<bool> {
    // Mostly this is enough, and a digest takes seconds for each gigabyte.
    Ok(found.starts_with(&format!("{:020} ", fs::metadata(data)?.len())) && found == left(data)?)
}

fn left(data: &Path) -> io::Result<String> {
    Ok(format!("{:020} {}", fs::metadata(data)?.len(), digest(data)?))
}

fn digest(file: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = BufReader::with_capacity(1 << 20, File::open(file)?);
    loop {
        let read = reader.fill_buf()?;
        if read.is_empty() {
            break;
        }
        hasher.update(read);
        let length = read.len();
        reader.consume(length);
    }
    let mut text = String::new();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

fn make_copy(folder: &Path, parent: &Path, copy: &Path) -> io::Result<()> {
    let unfinished = parent.join(UNFINISHED);
    let outcome = copy_files(folder, &unfinished).and_then(|()| fs::rename(&unfinished, copy));
    if let Err(error) = outcome {
        // A disk that is full should not stay so because of this.
        let _ = delete_if_there(&unfinished);
        return Err(error);
    }
    sync_folder(parent)?;
    sync_folder(folder)
}

pub(super) fn copy_files(folder: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    let mut files = snapshots(folder)?;
    // With its marker it is a store of its own, that can be looked into.
    files.extend([DATA, SETTINGS, MARKER].map(|name| folder.join(name)).into_iter().filter(|file| file.exists()));
    for file in files {
        if let Some(name) = file.file_name() {
            let copy = target.join(name);
            fs::copy(&file, &copy)?;
            File::open(&copy)?.sync_all()?;
        }
    }
    sync_folder(target)
}

pub(crate) fn delete_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
