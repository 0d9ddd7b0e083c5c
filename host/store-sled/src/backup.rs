//! A copy of the whole store, made while it is written to, and the way back.
//!
//! A backup is a folder that is itself a store, with one file more ([`ABOUT`]) that says how many rows it has and what they add up to. It is
//! made from a [`crate::snapshot`], so it is of one moment: everything that was acknowledged by then, and nothing of what was not.
//! It is called by its name only when it is whole: written, synced, closed, opened again and read to its end.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_model::Timestamp;
use muster_store::{BackedUp, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sled::Tree;

use crate::check;
use crate::core::Core;
use crate::fault::point;
use crate::keys::{self, Space};
use crate::offline::OfflineError;
use crate::open::{self, DATA, FORMAT, MARKER, Mark, Marker, OpenError};
use crate::options::Options;
use crate::reader::failed;
use crate::room::Room;
use crate::snapshot::{Row, Snapshot};

/// The file that makes a store a backup.
pub(crate) const ABOUT: &str = "backup.json";
/// Behind the name of a folder that is not whole yet.
const UNFINISHED: &str = "unfinished";
/// How many rows are read from the snapshot and written at a time.
const ROWS_AT_ONCE: usize = 1024;
/// sled's cache for the copy, in bytes. It is written once, in order.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// After how many bytes the copy is flushed.
const FLUSHED_BYTES: u64 = 8 * 1024 * 1024;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    format: u32,
    at: Timestamp,
    /// The latest batch in it.
    batch: u64,
    sum: Sum,
}

/// What rows add up to, in whatever order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    rows: u64,
    #[serde(with = "in_hex")]
    digest: u128,
}

mod in_hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

impl Sum {
    fn add(&mut self, key: &[u8], row: &[u8]) {
        let hash = Sha256::new().chain_update((key.len() as u64).to_be_bytes()).chain_update(key).chain_update(row);
        let hash: [u8; 32] = hash.finalize().into();
        self.rows += 1;
        self.digest = self.digest.wrapping_add(hash.first_chunk().map_or(0, |half| u128::from_be_bytes(*half)));
    }

    fn of(tree: &Tree) -> Result<Self, StoreError> {
        let mut sum = Self::default();
        for row in tree {
            let (key, row) = row.map_err(failed)?;
            sum.add(&key, &row);
        }
        Ok(sum)
    }
}

/// Makes one from a snapshot of everything. It blocks.
pub(crate) fn back_up(
    core: &Arc<Core>,
    snapshot: Snapshot,
    folder: &Path,
    at: Timestamp,
    room: &Room,
    tell: &dyn Fn(u64),
) -> Result<BackedUp, StoreError> {
    let unfinished = unfinished(folder)?;
    let made = copy(snapshot, &unfinished, at, room, tell).and_then(|about| {
        point(folder, "backup: name").map_err(unavailable)?;
        fs::rename(&unfinished, folder).and_then(|()| open::sync_folder(parent(folder))).map_err(unavailable)?;
        Ok(about)
    });
    if made.is_err() {
        // A disk that is full should not stay so because of this.
        let _ = fs::remove_dir_all(&unfinished);
    }
    let About { sum, .. } = made?;
    core.sound()?;
    Ok(BackedUp { folder: folder.to_owned(), rows: sum.rows, bytes: size(folder).map_err(unavailable)? })
}

/// Where it is made. What a kill left there is removed.
fn unfinished(folder: &Path) -> Result<PathBuf, StoreError> {
    if folder.exists() {
        return Err(StoreError::Taken { attribute: "backup".to_owned() });
    }
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{UNFINISHED}"));
    let unfinished = folder.with_file_name(name);
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unavailable(error)),
        _ => Ok(unfinished),
    }
}

fn copy(
    mut snapshot: Snapshot,
    folder: &Path,
    at: Timestamp,
    room: &Room,
    tell: &dyn Fn(u64),
) -> Result<About, StoreError> {
    open::create_folder(folder).map_err(unavailable)?;
    // Backups may be on another disk than the store.
    let room = room.at(folder).map_err(unavailable)?;
    room.require(0)?;
    let db = open::open_plain(folder, CACHE_BYTES).map_err(unavailable)?;
    let (mut sum, mut unflushed) = (Sum::default(), 0);
    loop {
        let rows = snapshot.next(ROWS_AT_ONCE)?;
        if rows.is_empty() {
            break;
        }
        let (batch, bytes) = batch_of(rows, &mut sum);
        room.require(bytes)?;
        point(folder, "backup: write").map_err(unavailable)?;
        db.apply_batch(batch).map_err(failed)?;
        unflushed += bytes;
        if unflushed > FLUSHED_BYTES {
            db.flush().map_err(failed)?;
            unflushed = 0;
        }
        tell(sum.rows);
    }
    // The store's memory is needed no more.
    drop(snapshot);
    db.flush().map_err(failed)?;
    drop(db);

    // What is on the disk, not what was meant to be.
    let db = open::open_plain(folder, CACHE_BYTES).map_err(unavailable)?;
    if Sum::of(&db)? != sum {
        return Err(StoreError::Damaged("the backup does not hold what was copied into it".to_owned()));
    }
    let mark = db.get(Space::deployment().format()).map_err(failed)?.and_then(|row| Mark::from_row(&row));
    let batch = mark.ok_or_else(|| StoreError::Damaged("the store has no number".to_owned()))?.batch;
    drop(db);
    let length = open::wait_for_sled(&folder.join(DATA)).map_err(unavailable)?;
    let about = About { format: FORMAT, at, batch, sum };
    point(folder, "backup: sync").map_err(unavailable)?;
    write_about(folder, &about).and_then(|()| sync_files(folder)).map_err(unavailable)?;
    Marker::create(folder, batch, length).map_err(unavailable)?;
    Ok(about)
}

fn batch_of(rows: Vec<Row>, sum: &mut Sum) -> (sled::Batch, u64) {
    let (mut batch, mut bytes) = (sled::Batch::default(), 0);
    let mut add = |key: &[u8], row: &[u8]| {
        sum.add(key, row);
        bytes += (key.len() + row.len()) as u64;
        batch.insert(key, row);
    };
    for Row { key, own, parts } in rows {
        for (number, part) in (0..).zip(&parts) {
            add(&keys::part(&key, number), part);
        }
        add(&key, &own);
    }
    (batch, bytes)
}

fn write_about(folder: &Path, about: &About) -> io::Result<()> {
    let mut file = File::create(folder.join(ABOUT))?;
    file.write_all(&serde_json::to_vec_pretty(about)?)?;
    file.sync_all()
}

fn sync_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    open::sync_folder(folder)
}

fn size(folder: &Path) -> io::Result<u64> {
    let bytes = |data: fs::Metadata| if data.is_file() { data.len() } else { 0 };
    fs::read_dir(folder)?.map(|entry| entry?.metadata().map(bytes)).sum()
}

/// What a restored store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made.
    pub at: Timestamp,
    /// How many rows it has.
    pub rows: u64,
    /// What a check found: nothing.
    pub report: check::Report,
}

/// Copies a backup to where a store shall be, and checks the copy before it is called by that name. Nothing of the backup is changed.
/// A restoring that is refused leaves nothing behind: no store, and no folder that was made for it.
pub fn restore(
    from: &Path,
    store: &Path,
    options: &Options,
    tell: &mut dyn FnMut(u64),
) -> Result<Restored, OfflineError> {
    let about = read_about(from)?;
    if store.exists() && !open::is_empty(store).map_err(unavailable)? {
        let why = format!("there is a store in {} already; restore into a folder without one", store.display());
        return Err(OfflineError::Refused(why));
    }
    let unfinished = unfinished_store(store)?;
    let made: Vec<&Path> = parent(store).ancestors().take_while(|folder| !folder.exists()).collect();
    let restored = copy_back(from, &unfinished, &about, options, tell).and_then(|restored| {
        point(store, "restore: name").map_err(unavailable)?;
        // Only an empty one can be there.
        let _ = fs::remove_dir(store);
        fs::rename(&unfinished, store).and_then(|()| open::sync_folder(parent(store))).map_err(unavailable)?;
        Ok(restored)
    });
    if restored.is_err() {
        let _ = fs::remove_dir_all(&unfinished);
        for folder in made {
            let _ = fs::remove_dir(folder);
        }
    }
    restored
}

fn unfinished_store(store: &Path) -> Result<PathBuf, StoreError> {
    let unfinished = store.with_extension(UNFINISHED);
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unavailable(error)),
        _ => Ok(unfinished),
    }
}

fn read_about(from: &Path) -> Result<About, OfflineError> {
    let refused = |why: &str| OfflineError::Refused(format!("{} {why}", from.display()));
    let text = match fs::read(from.join(ABOUT)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(refused(&format!("is no backup: it has no file `{ABOUT}`")));
        }
        Err(error) => return Err(unavailable(error).into()),
    };
    let about: About =
        serde_json::from_slice(&text).map_err(|_| refused("is damaged: its `backup.json` cannot be read"))?;
    if about.format != FORMAT {
        return Err(OpenError::Format { folder: from.to_owned(), found: about.format }.into());
    }
    Ok(about)
}

fn copy_back(
    from: &Path,
    folder: &Path,
    about: &About,
    options: &Options,
    tell: &mut dyn FnMut(u64),
) -> Result<Restored, OfflineError> {
    let damaged =
        || OfflineError::Refused(format!("the backup in {} is damaged: it does not hold what it says", from.display()));
    open::create_folder(folder).map_err(unavailable)?;
    open::room_for_a_copy(from, folder, options).map_err(unavailable)?;
    for entry in fs::read_dir(from).map_err(unavailable)? {
        let entry = entry.map_err(unavailable)?;
        let name = entry.file_name();
        if entry.file_type().map_err(unavailable)?.is_file() && name != ABOUT && name != open::LOCK {
            point(folder, "restore: copy").map_err(unavailable)?;
            fs::copy(entry.path(), folder.join(name)).map_err(unavailable)?;
        }
    }
    if !folder.join(MARKER).exists() || !folder.join(DATA).exists() {
        return Err(damaged());
    }
    let db = open::open_plain(folder, CACHE_BYTES).map_err(|_| damaged())?;
    match open::quietly(|| Sum::of(&db)) {
        Ok(Ok(sum)) if sum == about.sum => {}
        Ok(_) | Err(_) => return Err(damaged()),
    }
    let report = open::quietly(|| check::check(&db, tell)).map_err(|_| damaged())??;
    if let Some(first) = report.findings.first() {
        return Err(OfflineError::Refused(format!("the backup in {} is not sound: {first}", from.display())));
    }
    drop(db);
    open::wait_for_sled(&folder.join(DATA)).map_err(unavailable)?;
    sync_files(folder).map_err(unavailable)?;
    Ok(Restored { at: about.at, rows: about.sum.rows, report })
}

fn parent(folder: &Path) -> &Path {
    folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unavailable(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull => StoreError::Full,
        _ => StoreError::Unavailable(Box::new(error)),
    }
}
