//! The marker file: what is known to have been in the database.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::{FilesState, OpenError, sync_folder};

/// What this version reads and writes.
pub(crate) const FORMAT: u32 = 1;

pub(crate) const MARKER: &str = "muster.store";
pub(super) const UNFINISHED_MARKER: &str = "muster.store.new";

/// What the marker file says; all but the length is in the database as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(super) format: u32,
    /// The number of the latest batch; 0 in the marker of a store that is just being made.
    pub(super) batch: u64,
    /// How long `db` was when that batch was on disk; earlier versions did not write it down.
    pub(super) length: Option<u64>,
}

/// The marker file while the store is open.
#[derive(Debug)]
pub(crate) struct Marker(File);

impl Mark {
    /// What every batch writes into the database.
    pub(crate) fn row(batch: u64) -> [u8; 12] {
        let mut row = [0; 12];
        row[..4].copy_from_slice(&FORMAT.to_be_bytes());
        row[4..].copy_from_slice(&batch.to_be_bytes());
        row
    }

    pub(super) fn from_row(row: &[u8]) -> Option<Self> {
        let (format, batch) = row.split_first_chunk()?;
        let batch = u64::from_be_bytes(batch.try_into().ok()?);
        Some(Self { format: u32::from_be_bytes(*format), batch, length: None })
    }

    /// Always of the same length, and far below a sector of a disk: written over itself it is the old one or the new
    /// one.
    fn text(batch: u64, length: u64) -> String {
        let about = "A store of Muster. Back up and restore this folder as a whole.";
        format!("{about}\nformat {FORMAT:010}\nbatch {batch:020}\nlength {length:020}\n")
    }

    fn from_text(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        Some(Self { format: u32::try_from(field("format ")?).ok()?, batch: field("batch ")?, length: field("length ") })
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
    pub(super) fn create(folder: &Path, batch: u64, length: u64) -> io::Result<Self> {
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
