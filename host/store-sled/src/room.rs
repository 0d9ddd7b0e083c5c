//! Whether there is room for a batch on the disk.
//!
//! sled does not survive a full disk: what it could not write it never writes again, and only a restart helps. So it is
//! never let come to that: before each batch the file system is asked how much is free, and commits that would go into the reserve are
//! refused, one by one, until there is room again. Reads need none. And because others can fill the disk while a batch is being written, the file
//! is given its room before ([`Held`]).
//!
//! What a batch takes is more than its bytes. sled appends what changes on a page, and from time to time writes the
//! whole page anew; pages split, and are moved out of segments that are nearly empty. The reserve is for what cannot be foreseen: for
//! sled's own snapshots at the next start, for the marker, and for whatever else grows on the same disk meanwhile.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_store::StoreError;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::flight::Writes;

/// What a row can cost beside its own bytes: its part of a page that is written anew.
pub(crate) const ROW_BYTES: u64 = 2 * 1024;
/// How often a row's own bytes can be written: once appended, once with its page.
const TIMES_WRITTEN: u64 = 3;
/// What sled allots at a time.
const SEGMENT_BYTES: u64 = 512 * 1024;

/// How much room is taken from the file system ahead of the batches that will need it.
const HELD_BYTES: u64 = 8 * 1024 * 1024;

/// Tells how many bytes are free for this user; instead of the file system, for tests.
#[derive(Clone)]
pub struct FreeSpace(pub Arc<dyn Fn() -> io::Result<u64> + Send + Sync>);

impl fmt::Debug for FreeSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeSpace")
    }
}

/// The disk that a store is on.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    /// Held open: it stays the same disk, whatever becomes of the path.
    disk: File,
    reserve_bytes: u64,
    free_space: Option<FreeSpace>,
    is_short: AtomicBool,
}

/// What commits may take of it before it is asked again.
#[derive(Debug)]
pub(crate) struct Allowance<'a> {
    room: &'a Room,
    left: u64,
}

impl Room {
    pub(crate) fn new(folder: &Path, reserve_bytes: u64, free_space: Option<FreeSpace>) -> io::Result<Self> {
        let disk = File::open(folder)?;
        Ok(Self { folder: folder.to_owned(), disk, reserve_bytes, free_space, is_short: AtomicBool::new(false) })
    }

    /// Refuses if so many bytes would go into the reserve.
    pub(crate) fn require(&self, bytes: u64) -> Result<(), StoreError> {
        match self.allowance()?.left.checked_sub(SEGMENT_BYTES + TIMES_WRITTEN * bytes) {
            Some(_) => Ok(()),
            None => Err(StoreError::Full),
        }
    }

    /// The same reserve on the disk of another folder.
    pub(crate) fn at(&self, folder: &Path) -> io::Result<Self> {
        Self::new(folder, self.reserve_bytes, self.free_space.clone())
    }

    /// What is free beyond the reserve.
    pub(crate) fn allowance(&self) -> Result<Allowance<'_>, StoreError> {
        let left = self.free().map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(Allowance { room: self, left })
    }

    /// The same, in bytes.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let free = match &self.free_space {
            Some(FreeSpace(tell)) => tell()?,
            None => free_bytes(&self.disk)?,
        };
        Ok(free.saturating_sub(self.reserve_bytes))
    }
}

impl Allowance<'_> {
    /// Takes what these writes may cost, or refuses them.
    pub(crate) fn take(&mut self, writes: &Writes) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        let Some(left) = self.left.checked_sub(SEGMENT_BYTES + cost(writes)) else {
            if !self.room.is_short.swap(true, Ordering::Relaxed) {
                let (folder, reserve_mib) = (self.room.folder.display(), self.room.reserve_bytes >> 20);
                tracing::error!(%folder, reserve_mib, "the disk is full up to the reserve: writes are refused until there is room");
            }
            return Err(StoreError::Full);
        };
        self.left = left + SEGMENT_BYTES;
        if self.room.is_short.swap(false, Ordering::Relaxed) {
            tracing::info!("there is room on the disk again: writes are accepted");
        }
        Ok(())
    }
}

/// The room that sled's file has already, behind its end: nobody else on the disk can take it while a batch is written.
#[derive(Debug, Default)]
pub(crate) struct Held {
    length: u64,
    /// Up to where; 0: nothing is known of it.
    through: u64,
}

impl Held {
    /// Takes room for so many bytes more. Nothing was written if it is refused.
    pub(crate) fn hold(&mut self, file: &File, bytes: u64) -> Result<(), StoreError> {
        let length = file.metadata().map_err(|error| StoreError::Unavailable(Box::new(error)))?.len();
        // sled shortens its file when its last segments are free, and what was held behind them goes with that.
        if length < self.length {
            self.through = 0;
        }
        self.length = length;
        let least = length + SEGMENT_BYTES + bytes;
        if least <= self.through {
            return Ok(());
        }
        // The first time also where the file has holes.
        let from = if self.through == 0 { 0 } else { length };
        match self.extend(file, from, least + HELD_BYTES) {
            Err(Errno::NOSPC | Errno::DQUOT) => match self.extend(file, from, least) {
                Err(Errno::NOSPC | Errno::DQUOT) => Err(StoreError::Full),
                other => settled(other),
            },
            other => settled(other),
        }
    }

    fn extend(&mut self, file: &File, from: u64, through: u64) -> Result<(), Errno> {
        // The length stays: what is behind it is no part of the file yet. A signal that comes meanwhile is no reason to refuse a write.
        rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, through - from))?;
        self.through = through;
        Ok(())
    }
}

/// A file system that cannot do it is not asked for more than what it says is free.
fn settled(outcome: Result<(), Errno>) -> Result<(), StoreError> {
    match outcome {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(error) => Err(StoreError::Unavailable(Box::new(io::Error::from(error)))),
    }
}

/// How many bytes these rows can take on the disk.
pub(crate) fn cost(writes: &Writes) -> u64 {
    let bytes = |(key, row): (&Vec<u8>, &Option<sled::IVec>)| key.len() + row.as_ref().map_or(0, |row| row.len());
    writes.iter().map(|row| TIMES_WRITTEN * bytes(row) as u64 + ROW_BYTES).sum()
}

/// What the file system has left for this user.
pub(crate) fn free_bytes(disk: &File) -> io::Result<u64> {
    let system = rustix::io::retry_on_intr(|| rustix::fs::fstatvfs(disk))?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}
