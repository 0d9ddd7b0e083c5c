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
//!    The same is done where sled would pass over a part of its log: see `scan`.
//! 4. `snap.*.generating` is deleted: a kill while sled wrote a snapshot leaves it behind, and sled would take it for a
//!    whole one.
//! 5. sled may panic on damage: that is caught. If it says "corruption", the snapshots are moved aside, once: they are
//!    made from the log, which is read in full when there is none. The log itself, `db`, is never deleted or moved.
//! 6. A damaged store can open empty, or without its latest part. So batches are numbered, and a marker file beside the
//!    database says which one was durable last: a database that is behind its marker has lost something, and is not
//!    served. The marker itself is synced at each start only; a power cut may leave it behind, which is no harm, and a
//!    kill does not.

mod error;
mod found;
mod marker;
mod plain;
mod quiet;
mod scan;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_store::StoreError;

use self::found::AsFound;
use self::marker::UNFINISHED_MARKER;
use crate::core::Opened;
use crate::fault::point;
use crate::keys::Space;
use crate::options::Options;
use crate::total::Total;

pub use self::error::{FilesState, OpenError};
pub(crate) use self::found::delete_if_there;
pub(crate) use self::marker::{FORMAT, MARKER, Mark, Marker};
pub(crate) use self::plain::{
    copy_existing, open_existing, open_plain, refuse_half_made, room_for_a_copy, wait_for_sled,
};
pub(crate) use self::quiet::quietly;
pub(crate) use self::scan::Doubt;
#[cfg(test)]
pub(crate) use self::{found::AS_FOUND, scan::scan as doubts};

pub(crate) const LOCK: &str = "muster.lock";
/// The file that sled writes to.
pub(crate) const DATA: &str = "db";
const SNAPSHOT_PREFIX: &str = "snap.";
const MOVED: &str = "moved-snapshots";
/// What sled's file of settings is called.
const SETTINGS: &str = "conf";

/// sled's threads keep its file locked for a moment after a store was closed in the same process.
const LOCK_RETRIES: u32 = 500;
const LOCK_RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Opens the folder; gives the latest batch as well.
pub(crate) fn open(folder: &Path, options: &Options) -> Result<(Opened, Mark), OpenError> {
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
        Mark { format: FORMAT, batch: 0, length: Some(0), total: Total::default() }
    };
    if mark.format != FORMAT {
        return Err(OpenError::Format { folder: folder.to_owned(), found: mark.format });
    }
    let (as_found, doubt) = keep_what_is_in_doubt(folder, mark)?;
    match open_files(folder, options, mark, as_found.as_ref(), doubt) {
        Ok((db, data, marker, latest)) => {
            if let Some(as_found) = as_found {
                as_found.discard();
            }
            Ok((Opened { folder: folder.to_owned(), db, data, marker, lock }, latest))
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
fn keep_what_is_in_doubt(folder: &Path, mark: Mark) -> Result<(Option<AsFound>, Doubt), OpenError> {
    let io = |source| OpenError::Io { folder: folder.to_owned(), source };
    match fs::metadata(folder.join(DATA)) {
        Ok(data) => {
            let doubt = scan::scan(folder).map_err(io)?;
            let is_short = mark.length.is_some_and(|length| data.len() < length);
            Ok((AsFound::keep(folder, is_short || doubt == Doubt::Grave).map_err(io)?, doubt))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(error)),
        // A store that is just being made.
        Err(_) if mark.batch == 0 => Ok((None, Doubt::None)),
        Err(_) => Err(OpenError::Behind { folder: folder.to_owned(), files: FilesState::Untouched }),
    }
}

/// Lets sled have them. On an error it has let go of them when this returns.
fn open_files(
    folder: &Path,
    options: &Options,
    mark: Mark,
    as_found: Option<&AsFound>,
    doubt: Doubt,
) -> Result<(sled::Db, File, Marker, Mark), OpenError> {
    let io = |source| OpenError::Io { folder: folder.to_owned(), source };
    let files = as_found.map_or(FilesState::PerhapsRepaired, |kept| FilesState::Copied(kept.copy().to_owned()));
    delete_unfinished_snapshots(folder).map_err(io)?;
    if mark.batch == 0 {
        // Half of a start: nothing was acknowledged yet, and sled would take half a file of settings for damage.
        remove_if_there(&folder.join(SETTINGS)).map_err(io)?;
    }
    let (db, is_without_snapshots) = open_sled(folder, options, &files)?;
    // sled writes its settings once, and does not sync them.
    File::open(folder.join(SETTINGS)).and_then(|settings| settings.sync_all()).map_err(io)?;
    let data = File::options().write(true).open(folder.join(DATA)).map_err(io)?;
    let known = latest_batch(folder, &db, mark, &files)?;
    if as_found.is_some() || doubt != Doubt::None || is_without_snapshots {
        add_up(&db, known.total).map_err(|detail| OpenError::Damaged {
            folder: folder.to_owned(),
            detail,
            files: files.clone(),
        })?;
    }
    let latest = next_batch(folder, &db, &data, known, &files)?;
    let length = data.metadata().map_err(io)?.len();
    point(folder, "open: marker").map_err(io)?;
    let marker = Marker::create(folder, latest.batch, length).map_err(io)?;
    Ok((db, data, marker, latest))
}

pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
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

pub(crate) fn is_empty(folder: &Path) -> io::Result<bool> {
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

/// Tells as well whether it is without the snapshots that were there.
fn open_sled(folder: &Path, options: &Options, files: &FilesState) -> Result<(sled::Db, bool), OpenError> {
    let damaged = |detail: String| OpenError::Damaged { folder: folder.to_owned(), detail, files: files.clone() };
    match try_sled(folder, options) {
        Ok(db) => Ok((db, false)),
        Err(Refusal::Io(error)) if is_locked(&error) => Err(OpenError::InUse { folder: folder.to_owned() }),
        Err(Refusal::Io(source)) => Err(OpenError::Io { folder: folder.to_owned(), source }),
        Err(Refusal::Damage(first)) => {
            move_snapshots_aside(folder).map_err(|source| OpenError::Io { folder: folder.to_owned(), source })?;
            try_sled(folder, options).map(|db| (db, true)).map_err(|second| match second {
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
        match quietly(|| config.open()) {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(sled::Error::Io(error))) if is_locked(&error) && retries < LOCK_RETRIES => {
                retries += 1;
                std::thread::sleep(LOCK_RETRY_PAUSE);
            }
            Ok(Err(sled::Error::Io(error))) => return Err(Refusal::Io(error)),
            Ok(Err(other)) => return Err(Refusal::Damage(other.to_string())),
            Err(panicked) => return Err(Refusal::Damage(panicked)),
        }
    }
}

/// sled has no error of its own for it.
fn is_locked(error: &io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

/// sled opens a file that lacks pages, and says so only when one of them is read; and one with pages that are older than they were, and
/// never says so.
fn add_up(db: &sled::Db, expected: Total) -> Result<(), String> {
    tracing::warn!("the database may have lost something: everything in it is read");
    match quietly(|| Total::of(db))? {
        Ok(total) if total == expected => Ok(()),
        Ok(total) => Err(format!("its {} rows are not the {} that were written", total.rows, expected.rows)),
        // The sentence that this becomes a part of says that it is damaged.
        Err(StoreError::Damaged(detail)) => Err(detail),
        Err(error) => Err(error.to_string()),
    }
}

/// The latest batch that is in the database.
fn latest_batch(folder: &Path, db: &sled::Db, mark: Mark, files: &FilesState) -> Result<Mark, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { folder: folder.to_owned(), detail, files: files.clone() };
    let key = Space::deployment().format();
    let known = match db.get(&key).map_err(|error| damaged(error.to_string()))? {
        Some(row) => Some(Mark::from_row(&row).ok_or_else(|| damaged("its format cannot be read".to_owned()))?),
        None => None,
    };
    match known {
        Some(known) if known.format != FORMAT => {
            Err(OpenError::Format { folder: folder.to_owned(), found: known.format })
        }
        Some(known) if known.batch >= mark.batch => Ok(known),
        // Only a store that is just being made has none.
        None if mark.batch == 0 && db.is_empty() => Ok(mark),
        Some(_) | None => Err(OpenError::Behind { folder: folder.to_owned(), files: files.clone() }),
    }
}

/// Writes a first batch, with nothing in it but its number; it is on disk when this returns.
fn next_batch(folder: &Path, db: &sled::Db, data: &File, known: Mark, files: &FilesState) -> Result<Mark, OpenError> {
    let damaged = |error: sled::Error| OpenError::Damaged {
        folder: folder.to_owned(),
        detail: error.to_string(),
        files: files.clone(),
    };
    let io = |source| OpenError::Io { folder: folder.to_owned(), source };
    let next = Mark { batch: known.batch + 1, ..known };
    point(folder, "open: first batch").map_err(io)?;
    db.insert(Space::deployment().format(), &Mark::row(next.batch, next.total)).map_err(damaged)?;
    db.flush().map_err(damaged)?;
    point(folder, "open: sync").map_err(io)?;
    data.sync_data().map_err(io)?;
    Ok(next)
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
