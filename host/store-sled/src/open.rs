//! Opening a folder, and not opening it when that could lose what is in it.
//!
//! sled 0.34.7 needs help, in this order:
//!
//! 1. The lock file keeps a second process out, with a better sentence than sled's.
//! 2. A folder that holds something else is left alone.
//! 3. A database that is missing is refused before sled makes a new one. One that is shorter than its marker says is
//!    copied before sled shortens and overwrites it, with all that belongs to it: see `found`. sled itself may have
//!    shortened it, so it is opened, and read to its end: sled also opens what lacks pages. The copy is kept if that is
//!    refused, and deleted otherwise. Other damage shows only after sled has opened the files; the refusal says so.
//! 4. `snap.*.generating` is deleted: a kill while sled wrote a snapshot leaves it behind, and sled would take it for a
//!    whole one.
//! 5. sled may panic on damage: that is caught. If it says "corruption", the snapshots are moved aside, once: they are
//!    made from the log, which is read in full when there is none. The log itself, `db`, is never deleted or moved.
//! 6. A damaged store can open empty, or without its latest part. So batches are numbered, and a marker file beside the
//!    database says which one was durable last: a database that is behind its marker has lost something, and is not
//!    served. The marker itself is synced at each start only; a power cut may leave it behind, which is no harm, and a
//!    kill does not.

mod found;
mod marker;

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::found::AsFound;
use self::marker::{FORMAT, UNFINISHED_MARKER};
use crate::core::Opened;
use crate::keys::Space;
use crate::options::Options;

#[cfg(test)]
pub(crate) use self::found::AS_FOUND;
pub(crate) use self::marker::{MARKER, Mark, Marker};

pub(crate) const LOCK: &str = "muster.lock";
/// The file that sled writes to.
pub(crate) const DATA: &str = "db";
const SNAPSHOT_PREFIX: &str = "snap.";
const MOVED: &str = "moved-snapshots";

/// sled's threads keep its file locked for a moment after a store was closed in the same process.
const LOCK_RETRIES: u32 = 500;
const LOCK_RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Why a folder was not opened. Nothing in it was deleted or changed, except as the `files` of [`OpenError::Damaged`]
/// and [`OpenError::Behind`] tell. Snapshots are no data, but made from it: sled's own are replaced, and damaged ones
/// moved aside.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system refuses.
    #[error(
        "the store's folder {} cannot be used; check that it can be created, read and written by this user",
        .folder.display()
    )]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the store in {} is in use by another process; stop that one first, or give this one another folder",
        .folder.display()
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// It holds something else.
    #[error(
        "{} is not empty, and has no file `{MARKER}`, so it is not a store of Muster, or not all of one; choose a \
         folder of Muster's own, or restore all files of this one from the latest backup",
        .folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// A version with another format wrote it.
    #[error(
        "the store in {} has format {found}, and this version of Muster reads format {FORMAT}; start the version that \
         wrote it, and move the data with `muster export` and `muster import`",
        .folder.display()
    )]
    Format {
        /// The folder.
        folder: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It cannot be read.
    #[error(
        "the store in {} is damaged ({detail}); {files}, and restore all files of the folder together from the latest \
         backup",
        .folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        detail: String,
        /// What became of its files.
        files: FilesState,
    },
    /// It can be read, but lacks what is known to have been in it.
    #[error(
        "the database in {} is not the one that its marker file `{MARKER}` belongs to: parts of it are lost or were \
         exchanged; {files}, and restore all files of the folder together from the latest backup",
        .folder.display()
    )]
    Behind {
        /// The folder.
        folder: PathBuf,
        /// What became of its files.
        files: FilesState,
    },
}

/// What became of the files of a store that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilesState {
    /// They are as they were found.
    Untouched,
    /// sled opened them and may have overwritten parts; before that they were copied to this folder.
    Copied(PathBuf),
    /// sled opened them and may have overwritten parts: that they are damaged was found only then.
    PerhapsRepaired,
}

impl fmt::Display for FilesState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untouched => f.write_str("nothing in it was changed; keep a copy of the folder"),
            Self::Copied(copy) => write!(f, "its files as they were found are in {}; keep them", copy.display()),
            Self::PerhapsRepaired => f.write_str(
                "this was found only after a repair may have begun, which overwrites parts of the file `db`; keep a \
                 copy of the folder",
            ),
        }
    }
}

/// Opens the folder; gives the number of the latest batch as well.
pub(crate) fn open(folder: &Path, options: &Options) -> Result<(Opened, u64), OpenError> {
    let io = |source| OpenError::Io { folder: folder.to_owned(), source };
    create_folder(folder).map_err(io)?;
    // Before the lock file makes the folder look used.
    let is_foreign = !folder.join(MARKER).exists() && !is_empty(folder).map_err(io)?;
    if is_foreign {
        return Err(OpenError::Foreign { folder: folder.to_owned() });
    }
    let lock = lock(folder)?;
    let mark = if let Some(mark) = Mark::read(folder)? {
        mark
    } else {
        Marker::create(folder, 0, 0).map_err(io)?;
        Mark { format: FORMAT, batch: 0, length: Some(0) }
    };
    if mark.format != FORMAT {
        return Err(OpenError::Format { folder: folder.to_owned(), found: mark.format });
    }
    let as_found = keep_what_is_in_doubt(folder, mark)?;
    match open_files(folder, options, mark, as_found.as_ref()) {
        Ok((db, data, marker, next)) => {
            if let Some(as_found) = as_found {
                as_found.discard();
            }
            Ok((Opened { db, data, marker, lock }, next))
        }
        Err(error) => {
            match as_found {
                // Then sled has not touched it either.
                Some(as_found) if matches!(error, OpenError::InUse { .. }) => as_found.discard(),
                Some(as_found) => as_found.settle(),
                None => {}
            }
            Err(error)
        }
    }
}

/// Before sled writes to it.
fn keep_what_is_in_doubt(folder: &Path, mark: Mark) -> Result<Option<AsFound>, OpenError> {
    let io = |source| OpenError::Io { folder: folder.to_owned(), source };
    match fs::metadata(folder.join(DATA)) {
        Ok(data) => AsFound::keep(folder, mark.length.is_some_and(|length| data.len() < length)).map_err(io),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(error)),
        // A store that is just being made.
        Err(_) if mark.batch == 0 => Ok(None),
        Err(_) => Err(OpenError::Behind { folder: folder.to_owned(), files: FilesState::Untouched }),
    }
}

/// Lets sled have them. On an error it has let go of them when this returns.
fn open_files(
    folder: &Path,
    options: &Options,
    mark: Mark,
    as_found: Option<&AsFound>,
) -> Result<(sled::Db, File, Marker, u64), OpenError> {
    let io = |source| OpenError::Io { folder: folder.to_owned(), source };
    let files = as_found.map_or(FilesState::PerhapsRepaired, |kept| FilesState::Copied(kept.copy().to_owned()));
    delete_unfinished_snapshots(folder).map_err(io)?;
    let db = open_sled(folder, options, &files)?;
    if as_found.is_some() {
        read_everything(&db).map_err(|detail| OpenError::Damaged {
            folder: folder.to_owned(),
            detail,
            files: files.clone(),
        })?;
    }
    let data = File::options().write(true).open(folder.join(DATA)).map_err(io)?;
    let next = next_batch(folder, &db, &data, mark, &files)?;
    let length = data.metadata().map_err(io)?.len();
    let marker = Marker::create(folder, next, length).map_err(io)?;
    Ok((db, data, marker, next))
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    // The store holds names and addresses of people.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or(Ok(()), sync_folder)
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(folder)? {
        // What a start leaves behind that was killed before it made the marker.
        let name = entry?.file_name();
        if name != LOCK && name != UNFINISHED_MARKER {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { folder: folder.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

fn snapshots(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SNAPSHOT_PREFIX) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn delete_unfinished_snapshots(folder: &Path) -> io::Result<()> {
    for snapshot in snapshots(folder)? {
        if snapshot.extension().is_some_and(|extension| extension == "generating") {
            tracing::info!(file = %snapshot.display(), "deleting a snapshot that was never finished");
            fs::remove_file(snapshot)?;
        }
    }
    Ok(())
}

/// Into a folder of their own, numbered, so that nothing is ever overwritten.
fn move_snapshots_aside(folder: &Path) -> io::Result<()> {
    let unreadable = snapshots(folder)?;
    if unreadable.is_empty() {
        return Ok(());
    }
    let moved = folder.join(MOVED);
    let mut number = 1;
    while moved.join(number.to_string()).exists() {
        number += 1;
    }
    let target = moved.join(number.to_string());
    fs::create_dir_all(&target)?;
    for snapshot in unreadable {
        if let Some(name) = snapshot.file_name() {
            fs::rename(&snapshot, target.join(name))?;
        }
    }
    tracing::warn!(folder = %target.display(), "the snapshots cannot be read: moved aside, reading the log instead");
    sync_folder(folder)
}

fn open_sled(folder: &Path, options: &Options, files: &FilesState) -> Result<sled::Db, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { folder: folder.to_owned(), detail, files: files.clone() };
    match try_sled(folder, options) {
        Ok(db) => Ok(db),
        Err(Refusal::Io(error)) if is_locked(&error) => Err(OpenError::InUse { folder: folder.to_owned() }),
        Err(Refusal::Io(source)) => Err(OpenError::Io { folder: folder.to_owned(), source }),
        Err(Refusal::Damage(first)) => {
            move_snapshots_aside(folder).map_err(|source| OpenError::Io { folder: folder.to_owned(), source })?;
            try_sled(folder, options).map_err(|second| match second {
                Refusal::Io(error) => damaged(format!("{first}; then: {error}")),
                Refusal::Damage(second) => damaged(format!("{first}; without snapshots: {second}")),
            })
        }
    }
}

enum Refusal {
    Io(io::Error),
    Damage(String),
}

fn try_sled(folder: &Path, options: &Options) -> Result<sled::Db, Refusal> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(options.cache_bytes)
        .use_compression(false)
        // Whoever commits flushes; a timer would only make writes durable that nobody waits for.
        .flush_every_ms(None);
    let mut retries = 0;
    loop {
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(error))) if is_locked(&error) && retries < LOCK_RETRIES => {
                retries += 1;
                std::thread::sleep(LOCK_RETRY_PAUSE);
            }
            Ok(Err(sled::Error::Io(error))) => return Err(Refusal::Io(error)),
            Ok(Err(other)) => return Err(Refusal::Damage(other.to_string())),
            Err(_) => return Err(Refusal::Damage("reading it panicked".to_owned())),
        }
    }
}

/// sled has no error of its own for it.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// sled opens a file that lacks pages, and says so only when one of them is read.
fn read_everything(db: &sled::Db) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| db.iter().try_for_each(|row| row.map(drop)))) {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err("reading it panicked".to_owned()),
    }
}

/// Writes a first batch, with nothing in it but its number; gives the number when it is on disk.
fn next_batch(folder: &Path, db: &sled::Db, data: &File, mark: Mark, files: &FilesState) -> Result<u64, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { folder: folder.to_owned(), detail, files: files.clone() };
    let key = Space::deployment().format();
    let known = match db.get(&key).map_err(|error| damaged(error.to_string()))? {
        Some(row) => Some(Mark::from_row(&row).ok_or_else(|| damaged("its format cannot be read".to_owned()))?),
        None => None,
    };
    let next = match known {
        Some(known) if known.format != FORMAT => {
            return Err(OpenError::Format { folder: folder.to_owned(), found: known.format });
        }
        Some(known) if known.batch >= mark.batch => known.batch + 1,
        // Only a store that is just being made has none.
        None if mark.batch == 0 && db.is_empty() => 1,
        Some(_) | None => return Err(OpenError::Behind { folder: folder.to_owned(), files: files.clone() }),
    };
    db.insert(key, &Mark::row(next)).map_err(|error| damaged(error.to_string()))?;
    db.flush().map_err(|error| damaged(error.to_string()))?;
    data.sync_data().map_err(|source| OpenError::Io { folder: folder.to_owned(), source })?;
    Ok(next)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
