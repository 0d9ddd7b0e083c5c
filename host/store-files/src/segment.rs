//! Segments: files that are appended to until they are large or old enough, and then only read and removed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use muster_model::{TenantId, Timestamp};
use muster_store::request_log::{Item, Kept};

const EXTENSION: &str = "ndjson";

/// Milliseconds that entries of one segment may be out of order: they stand in the order of their answers, and have the time of their
/// arrival. A clock that is set back further begins a new segment.
const SLACK_MS: i64 = 60 * 60 * 1000;

/// Milliseconds from the first entry of a segment to its last, at most.
const MAX_SPAN_MS: i64 = 24 * 60 * 60 * 1000;

/// A tenant's entries are in about so many segments when there is no more room or time for them: what goes at once is one of them.
pub(crate) const SEGMENTS: u32 = 8;

/// One file of a tenant's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The `seq` of its first entry; with `began` its name.
    pub first: u64,
    /// The time of its first entry.
    pub began: Timestamp,
    /// The time of its last entry.
    pub ended: Timestamp,
    /// How many bytes of it are whole lines; what is behind them is not read.
    pub bytes: u64,
    /// Nothing is appended any more.
    pub is_closed: bool,
}

impl Segment {
    pub(crate) const fn new(first: u64, began: Timestamp) -> Self {
        Self { first, began, ended: began, bytes: 0, is_closed: false }
    }

    /// Whether an entry of this time belongs to it. So none is kept for much longer than the tenant's `days`: no more than an eighth.
    pub(crate) fn takes(&self, at: Timestamp, days: u32) -> bool {
        let span_ms = (i64::from(days) * MAX_SPAN_MS / i64::from(SEGMENTS)).min(MAX_SPAN_MS);
        let (at_ms, began_ms, ended_ms) = (at.as_millis(), self.began.as_millis(), self.ended.as_millis());
        !self.is_closed && at_ms <= began_ms.saturating_add(span_ms) && at_ms.saturating_add(SLACK_MS) >= ended_ms
    }

    /// Whether it can have an entry that is not before `from` and before `to`.
    pub(crate) fn may_hold(&self, from: Timestamp, to: Option<Timestamp>) -> bool {
        let began_ms = self.began.as_millis().saturating_sub(SLACK_MS);
        self.ended >= from && to.is_none_or(|to| began_ms < to.as_millis())
    }

    pub(crate) fn path(&self, folder: &Path) -> PathBuf {
        let began = self.began.as_millis().max(0);
        folder.join(format!("{:020}-{began:015}.{EXTENSION}", self.first))
    }

    /// Appends whole lines. What could be written of them in vain is taken away again, as far as that is possible; either way the error
    /// is told, and the segment is not to be appended to again.
    pub(crate) fn append(&self, folder: &Path, lines: &[u8]) -> io::Result<()> {
        let is_new = self.bytes == 0;
        if is_new {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let path = self.path(folder);
        let mut file = OpenOptions::new().append(true).create_new(is_new).mode(0o600).open(&path)?;
        file.write_all(lines).inspect_err(|_| {
            let undone = if is_new { fs::remove_file(&path) } else { file.set_len(self.bytes) };
            if let Err(error) = undone {
                tracing::debug!(%error, "half an entry of the request log stays behind; it is not read");
            }
        })
    }

    /// Its whole lines; `None` if it has been removed.
    pub(crate) fn read(&self, folder: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path(folder)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or_default());
        file.take(self.bytes).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Removes the file; it may be gone already.
    pub(crate) fn remove(&self, folder: &Path) -> io::Result<()> {
        match fs::remove_file(self.path(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// What the name of a file says of it; `None`: it is none of ours.
    fn named(name: &str, bytes: u64) -> Option<Self> {
        let (first, began) = name.strip_suffix(EXTENSION)?.strip_suffix('.')?.split_once('-')?;
        let (first, began) = (first.parse().ok()?, Timestamp::from_millis(began.parse().ok()?));
        Some(Self { bytes, is_closed: true, ..Self::new(first, began) })
    }
}

/// What an earlier process left of one tenant.
#[derive(Debug)]
pub(crate) struct Found {
    /// Oldest first. None of them is appended to: the next entry begins a new one.
    pub segments: Vec<Segment>,
    /// The `seq` of the next entry.
    pub next: u64,
    /// Bytes of a last line that was cut off.
    pub torn: u64,
}

/// The tenants that have a folder.
pub(crate) fn tenants(folder: &Path) -> io::Result<Vec<TenantId>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut tenants = Vec::new();
    for entry in entries {
        // What has another name is somebody else's, and stays as it is.
        tenants.extend(entry?.file_name().to_str().and_then(|name| TenantId::parse(name).ok()));
    }
    Ok(tenants)
}

/// Reads the names of a tenant's segments, and the end of the newest.
pub(crate) fn find(folder: &Path) -> io::Result<Found> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let bytes = entry.metadata()?.len();
        segments.extend(entry.file_name().to_str().and_then(|name| Segment::named(name, bytes)));
    }
    segments.sort_by_key(|segment| segment.first);
    for at in 1..segments.len() {
        if let [segment, next] = &mut segments[at - 1..=at] {
            let began_ms = segment.began.as_millis();
            let ended_ms = next.began.as_millis().max(began_ms).saturating_add(SLACK_MS);
            segment.ended = Timestamp::from_millis(ended_ms.min(began_ms.saturating_add(MAX_SPAN_MS)));
        }
    }
    let (mut next, mut torn) = (1, 0);
    if let Some(newest) = segments.last_mut() {
        let bytes = newest.read(folder)?.unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = bytes.get(..whole).unwrap_or_default();
        torn = newest.bytes - lines.len() as u64;
        newest.bytes = lines.len() as u64;
        // Counted as well, in case that the last line is damaged.
        let count = lines.split(|byte| *byte == b'\n').count() as u64 - 1;
        let last = lines.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty());
        let last = last.and_then(|line| serde_json::from_slice::<Kept>(line).ok());
        next = (newest.first + count).max(last.as_ref().map_or(0, |last| last.seq + 1)) + u64::from(torn > 0);
        newest.ended = match last.map(|last| last.item) {
            Some(Item::Request(entry)) => entry.at.max(newest.began),
            Some(Item::Lost { at, .. }) => at.max(newest.began),
            None => newest.began,
        };
    }
    Ok(Found { segments, next, torn })
}
