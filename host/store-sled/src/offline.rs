//! What is done to a store that no server has open: check it, make its indexes again, restore it from a backup.

use std::path::{Path, PathBuf};

use muster_store::StoreError;

use crate::check::{self, Report};
use crate::core::Opened;
use crate::keys::Space;
use crate::open::{self, Mark, OpenError};
use crate::options::Options;
use crate::reader::failed;
use crate::rebuild;
use crate::room::{ROW_BYTES, Room};
use crate::total::Total;

/// What the name of a store's folder has behind it where a copy of it is checked.
const COPY: &str = "-being-checked";

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The folder was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in it cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is a reason not to.
    #[error("{0}")]
    Refused(String),
}

/// What making the indexes again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many rows were written or removed.
    pub changed: u64,
    /// What a check found afterwards.
    pub report: Report,
}

/// Reads everything in the folder, and holds it against itself. `tell` hears how many rows were looked at.
pub fn check(folder: &Path, options: &Options, tell: &mut dyn FnMut(u64)) -> Result<Report, OfflineError> {
    let (opened, _) = open::open_existing(folder, options)?;
    open::refuse_half_made(folder, &opened.db)?;
    Ok(readable(|| check::check(&opened.db, tell))?)
}

/// sled may panic on what is damaged, and says so of some damage only when it is read.
fn readable<T>(reads: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    open::quietly(reads).unwrap_or_else(|panicked| Err(StoreError::Damaged(panicked)))
}

/// As [`check`], of a copy beside the folder that is removed afterwards: sled writes to whatever it opens, and a check must not.
pub fn check_copy(folder: &Path, options: &Options, tell: &mut dyn FnMut(u64)) -> Result<Report, OfflineError> {
    let mut copy = folder.as_os_str().to_owned();
    copy.push(COPY);
    let copy = PathBuf::from(copy);
    let _nobody_else = open::copy_existing(folder, &copy, options)?;
    let checked = check(&copy, options, tell);
    if let Err(error) = open::delete_if_there(&copy) {
        tracing::warn!(folder = %copy.display(), %error, "the copy that was checked cannot be removed");
    }
    checked.map_err(|error| match error {
        OfflineError::Open(error) => OfflineError::Open(error.of_original(folder)),
        OfflineError::Store(_) | OfflineError::Refused(_) => error,
    })
}

/// Makes again what follows from records, memberships and log, and checks the store afterwards. When it is stopped half-way, the store is
/// not served before it was run once more to its end.
pub fn rebuild_index(folder: &Path, options: &Options, tell: &mut dyn FnMut(u64)) -> Result<Rebuilt, OfflineError> {
    let (opened, latest) = open::open_existing(folder, options)?;
    let room = Room::new(folder, options.reserve_bytes, options.free_space.clone());
    let room = room.map_err(|source| OpenError::Io { folder: folder.to_owned(), source })?;
    Ok(readable(|| make_again(&opened, latest, &room, tell))?)
}

fn make_again(opened: &Opened, latest: Mark, room: &Room, tell: &mut dyn FnMut(u64)) -> Result<Rebuilt, StoreError> {
    let was_complete = Total::of(&opened.db)? == latest.total;
    let mark = Space::deployment().rebuilding();
    // Where there is no room the store stays as it is, and is served as it was.
    room.require(ROW_BYTES)?;
    opened.db.insert(&mark, &[]).map_err(failed)?;
    persist(opened)?;
    let changed = rebuild::rebuild(&opened.db, room, tell)?;
    if was_complete {
        // It was wrong, but it was what had been written. If it was not, only what was written can make it complete.
        let total = Total::of(&opened.db)?;
        opened.db.insert(Space::deployment().format(), &Mark::row(latest.batch, total)).map_err(failed)?;
    }
    persist(opened)?;
    let report = check::check(&opened.db, tell)?;
    if report.mendable == 0 {
        opened.db.remove(&mark).map_err(failed)?;
        persist(opened)?;
    }
    Ok(Rebuilt { changed, report })
}

fn persist(opened: &Opened) -> Result<(), StoreError> {
    opened.db.flush().map_err(failed)?;
    opened.data.sync_data().map_err(|error| StoreError::Unavailable(Box::new(error)))
}
