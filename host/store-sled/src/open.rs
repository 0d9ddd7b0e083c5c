//! Opening a folder, and not opening it when that could lose what is in it.
//!
//! sled 0.34.7 needs help, in this order:
//!
//! 1. The lock file keeps a second process out, with a better sentence than sled's.
//! 2. A folder that holds something else is left alone.
//! 3. `snap.*.generating` is deleted: a kill while sled wrote a snapshot leaves it behind, and sled would take it for a
//!    whole one.
//! 4. sled may panic on damage: that is caught. If it says "corruption", the snapshots are moved aside, once: they are
//!    made from the log, which is read in full when there is none. The log itself, `db`, is never deleted or moved.
//! 5. A damaged store can open empty, or without its latest part. So batches are numbered, and a marker file beside the
//!    database says which one was durable last: a database that is behind its marker has lost something, and is not
//!    served. The marker itself is synced at each start only; a power cut may leave it behind, which is no harm, and a
//!    kill does not.

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::core::Opened;
use crate::keys::Space;
use crate::options::Options;

/// What this version reads and writes.
pub(crate) const FORMAT: u32 = 1;

pub(crate) const LOCK: &str = "muster.lock";
pub(crate) const MARKER: &str = "muster.store";
const UNFINISHED_MARKER: &str = "muster.store.new";
/// The file that sled writes to.
pub(crate) const DATA: &str = "db";
const SNAPSHOT_PREFIX: &str = "snap.";
const MOVED: &str = "moved-snapshots";

/// sled's threads keep its file locked for a moment after a store was closed in the same process.
const LOCK_RETRIES: u32 = 500;
const LOCK_RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Why a folder was not opened. Nothing in it was deleted.
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
        "the store in {} is damaged ({detail}); nothing in it was deleted; keep a copy of the folder, and restore the \
         latest backup",
        .folder.display()
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// It can be read, but lacks what is known to have been in it.
    #[error(
        "the database in {} is not the one that its marker file `{MARKER}` belongs to: parts of it are lost or were \
         exchanged; keep a copy of the folder, and restore all its files together from the latest backup",
        .folder.display()
    )]
    Behind {
        /// The folder.
        folder: PathBuf,
    },
}

/// What the marker file and the database both say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    format: u32,
    /// The number of the latest batch; 0 in the marker of a store that is just being made.
    batch: u64,
}

/// The marker file while the store is open.
#[derive(Debug)]
pub(crate) struct Marker(File);

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
    let mark = if let Some(mark) = read_marker(folder)? {
        mark
    } else {
        let mark = Mark { format: FORMAT, batch: 0 };
        write_marker(folder, mark).map_err(io)?;
        mark
    };
    if mark.format != FORMAT {
        return Err(OpenError::Format { folder: folder.to_owned(), found: mark.format });
    }
    delete_unfinished_snapshots(folder).map_err(io)?;
    let db = open_sled(folder, options)?;
    let data = File::options().write(true).open(folder.join(DATA)).map_err(io)?;
    let next = next_batch(folder, &db, &data, mark)?;
    let marker = write_marker(folder, Mark { format: FORMAT, batch: next }).map_err(io)?;
    Ok((Opened { db, data, marker, lock }, next))
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
    let moved = folder.join(MOVED);
    let mut number = 1;
    while moved.join(number.to_string()).exists() {
        number += 1;
    }
    let target = moved.join(number.to_string());
    fs::create_dir_all(&target)?;
    for snapshot in snapshots(folder)? {
        if let Some(name) = snapshot.file_name() {
            fs::rename(&snapshot, target.join(name))?;
        }
    }
    tracing::warn!(folder = %target.display(), "the snapshots cannot be read: moved aside, reading the log instead");
    sync_folder(folder)
}

fn open_sled(folder: &Path, options: &Options) -> Result<sled::Db, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { folder: folder.to_owned(), detail };
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

/// Writes a first batch, with nothing in it but its number; gives the number when it is on disk.
fn next_batch(folder: &Path, db: &sled::Db, data: &File, mark: Mark) -> Result<u64, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { folder: folder.to_owned(), detail };
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
        Some(_) | None => return Err(OpenError::Behind { folder: folder.to_owned() }),
    };
    db.insert(key, &Mark::row(next)).map_err(|error| damaged(error.to_string()))?;
    db.flush().map_err(|error| damaged(error.to_string()))?;
    data.sync_data().map_err(|source| OpenError::Io { folder: folder.to_owned(), source })?;
    Ok(next)
}

impl Mark {
    /// What every batch writes into the database.
    pub(crate) fn row(batch: u64) -> [u8; 12] {
        let mut row = [0; 12];
        row[..4].copy_from_slice(&FORMAT.to_be_bytes());
        row[4..].copy_from_slice(&batch.to_be_bytes());
        row
    }

    fn from_row(row: &[u8]) -> Option<Self> {
        let (format, batch) = row.split_first_chunk()?;
        Some(Self { format: u32::from_be_bytes(*format), batch: u64::from_be_bytes(batch.try_into().ok()?) })
    }

    /// Always of the same length, and far below a sector of a disk: written over itself it is the old one or the new
    /// one.
    fn to_text(self) -> String {
        let Self { format, batch } = self;
        format!(
            "A store of Muster. Back up and restore this folder as a whole.\nformat {format:010}\nbatch {batch:020}\n"
        )
    }

    fn from_text(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        Some(Self { format: u32::try_from(field("format ")?).ok()?, batch: field("batch ")? })
    }
}

impl Marker {
    /// To be called when the batch is on disk.
    pub(crate) fn set(&self, batch: u64) -> io::Result<()> {
        let mut file = &self.0;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(Mark { format: FORMAT, batch }.to_text().as_bytes())
    }
}

fn read_marker(folder: &Path) -> Result<Option<Mark>, OpenError> {
    match fs::read_to_string(folder.join(MARKER)) {
        Ok(text) => Mark::from_text(&text).map(Some).ok_or_else(|| OpenError::Damaged {
            folder: folder.to_owned(),
            detail: format!("`{MARKER}` cannot be read"),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Io { folder: folder.to_owned(), source }),
    }
}

/// Whole or not at all: a new file takes the place of the old one.
fn write_marker(folder: &Path, mark: Mark) -> io::Result<Marker> {
    let unfinished = folder.join(UNFINISHED_MARKER);
    let mut file = File::create(&unfinished)?;
    file.write_all(mark.to_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, folder.join(MARKER))?;
    // This also makes durable that sled has made its files.
    sync_folder(folder)?;
    Ok(Marker(file))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
