//! Opening what must be there already, and opening a copy that nobody serves.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::{MARKER, Mark, OpenError, Refusal, create_folder, found, is_empty, lock, open, try_sled};
use crate::core::Opened;
use crate::keys::Space;
use crate::options::Options;
use crate::room::Room;

/// As [`open`], but nothing is made where no store is.
pub(crate) fn open_existing(folder: &Path, options: &Options) -> Result<(Opened, Mark), OpenError> {
    must_be_there(folder)?;
    open(folder, options)
}

/// Copies a store that nobody has open. As long as what it returns is held, nobody can open it.
pub(crate) fn copy_existing(folder: &Path, copy: &Path, options: &Options) -> Result<File, OpenError> {
    must_be_there(folder)?;
    let lock = lock(folder)?;
    found::delete_if_there(copy)
        .and_then(|()| create_folder(copy))
        .and_then(|()| room_for_a_copy(folder, copy, options))
        .and_then(|()| found::copy_files(folder, copy))
        .map_err(|source| {
            // Nothing in it, or half of one.
            let _ = found::delete_if_there(copy);
            OpenError::NotCopied { folder: folder.to_owned(), source }
        })?;
    Ok(lock)
}

/// Refuses if a copy of the files would go into the reserve of the disk that it is to be on.
pub(crate) fn room_for_a_copy(folder: &Path, copy: &Path, options: &Options) -> io::Result<()> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let data = entry?.metadata()?;
        bytes += if data.is_file() { data.len() } else { 0 };
    }
    let free = Room::new(copy, options.reserve_bytes, options.free_space.clone())?.free()?;
    if bytes > free { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
}

fn must_be_there(folder: &Path) -> Result<(), OpenError> {
    if !folder.join(MARKER).exists() {
        let is_missing = match is_empty(folder) {
            Ok(is_empty) => is_empty,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(source) => return Err(OpenError::Io { folder: folder.to_owned(), source }),
        };
        let folder = folder.to_owned();
        return Err(if is_missing { OpenError::Missing { folder } } else { OpenError::Foreign { folder } });
    }
    Ok(())
}

/// A store of which a part is being made again answers wrongly.
pub(crate) fn refuse_half_made(folder: &Path, db: &sled::Db) -> Result<(), OpenError> {
    match db.contains_key(Space::deployment().rebuilding()) {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::HalfMade { folder: folder.to_owned() }),
        Err(error) => Err(OpenError::Io { folder: folder.to_owned(), source: io::Error::other(error) }),
    }
}

/// sled alone, for a copy in a folder of its own: without marker and lock, and without what they guard.
pub(crate) fn open_plain(folder: &Path, cache_bytes: u64) -> io::Result<sled::Db> {
    let options = Options { cache_bytes, ..Options::default() };
    try_sled(folder, &options).map_err(|refusal| match refusal {
        Refusal::Io(error) => error,
        Refusal::Damage(why) => io::Error::other(why),
    })
}

/// Waits until sled's threads have let go of the file, and gives its length.
pub(crate) fn wait_for_sled(data: &Path) -> io::Result<u64> {
    found::wait_for_sled(data)?;
    Ok(fs::metadata(data)?.len())
}
