//! The marker file: what is known to have been in the database.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::{FilesState, OpenError, sync_folder};
use crate::total::Total;

/// What this version reads and writes.
pub(crate) const FORMAT: u32 = 2;

pub(crate) const MARKER: &str = "muster.store";
pub(super) const UNFINISHED_MARKER: &str = "muster.store.new";

/// What the marker file says; all but the length is in the database as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(super) format: u32,
    /// The number of the latest batch; 0 in the marker of a store that is just being made.
    pub(crate) batch: u64,
    /// How long `db` was when that batch was on disk; earlier versions did not write it down.
    pub(super) length: Option<u64>,
    /// What all rows add up to; only in the database.
    pub(crate) total: Total,
}

/// The marker file while the store is open.
#[derive(Debug)]
pub(crate) struct Marker(File);

impl Mark {
    /// What every batch writes into the database.
    pub(crate) fn row(batch: u64, total: Total) -> [u8; 12 + Total::BYTES] {
        let mut row = [0; 12 + Total::BYTES];
        row[..4].copy_from_slice(&FORMAT.to_be_bytes());
        row[4..12].copy_from_slice(&batch.to_be_bytes());
        row[12..].copy_from_slice(&total.to_bytes());
        row
    }

    pub(crate) fn from_row(row: &[u8]) -> Option<Self> {
        let (format, rest) = row.split_first_chunk()?;
        let (batch, rest) = rest.split_first_chunk()?;
        let (format, batch) = (u32::from_be_bytes(*format), u64::from_be_bytes(*batch));
        // Another format may have another row.
        let total = if format == FORMAT { Total::from_bytes(rest)? } else { Total::default() };
        Some(Self { format, batch, length: None, total })
    }

    /// Always of the same length, and far below a sector of a disk: written over itself it is the old one or the new
    /// one.
    fn text(batch: u64, length: u64) -> String {
        let about = "A store of Muster. Back up and restore this folder as a whole.";
        format!("{about}\nformat {FORMAT:010}\nbatch {batch:020}\nlength {length:020}\n")
    }

    fn from_text(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        let format = u32::try_from(field("format ")?).ok()?;
        Some(Self { format, batch: field("batch ")?, length: field("length "), total: Total::default() })
    }

    pub(super) fn read(folder: &Path) -> Result<Option<Self>, OpenError> {
        match fs::read_to_string(folder.join(MARKER)) {
            Ok(text) => Self::from_text(&text).map(Some).ok_or_else(|| OpenError::Damaged {
                folder: folder.to_owned(),
                detail: format!("`{MARKER}` cannot be read"),
                files: FilesState::Untouched,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OpenError::Io { folder: folder.to_owned(), source }),
        }
    }
}

impl Marker {
    /// Whole or not at all: a new file takes the place of the old one.
    pub(crate) fn create(folder: &Path, batch: u64, length: u64) -> io::Result<Self> {
        let unfinished = folder.join(UNFINISHED_MARKER);
        let mut file = File::create(&unfinished)?;
        file.write_all(Mark::text(batch, length).as_bytes())?;
        file.sync_all()?;
        fs::rename(unfinished, folder.join(MARKER))?;
        // This also makes durable that sled has made its files.
        sync_folder(folder)?;
        Ok(Self(file))
    }

    /// To be called when the batch is on disk; `length` is that of `db`.
    pub(crate) fn set(&self, batch: u64, length: u64) -> io::Result<()> {
        let mut file = &self.0;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(Mark::text(batch, length).as_bytes())
    }
}
