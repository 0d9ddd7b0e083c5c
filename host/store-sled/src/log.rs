//! A tenant's log as it is read: in order, by resource, by what is looked for.

use std::ops::ControlFlow;

use muster_model::{LogEntry, ResourceId, Seal};
use muster_store::{Found, LogQuery, MAX_LOG_PAGE_BYTES, MAX_LOG_SCANNED, StoreError};
use serde::{Deserialize, Serialize};

use crate::codec::{self, Value, damaged};
use crate::entry;
use crate::keys::{Space, last_number, told_seq};
use crate::reader::Reader;

/// From where a log is kept, and how far it is sealed. Entries and seals up to the anchor may still have rows: they are about to be removed,
/// and nobody is shown them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// The seal before the oldest entry that is kept.
    pub(crate) anchor: Seal,
    /// The latest seal, or the anchor.
    pub(crate) sealed: Seal,
}

impl Bounds {
    pub(crate) fn decode(row: Option<&Value>) -> Result<Self, StoreError> {
        const START: Bounds = Bounds { anchor: Seal::START, sealed: Seal::START };
        row.map_or(Ok(START), |row| codec::decode(row, "how far a log reaches"))
    }

    pub(crate) fn read(reader: &Reader<'_>, space: &Space) -> Result<Self, StoreError> {
        Self::decode(reader.value(space.log_bounds())?.as_ref())
    }
}

/// The entries after `after`, as many as an answer takes.
pub(crate) fn page(reader: &Reader<'_>, space: &Space, after: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
    let mut page = Page::new(limit);
    if limit > 0 {
        walk(reader, space, after, |seq, row| page.add(seq, row))?;
    }
    Ok(page.entries)
}

/// The entries that tell of a resource, newest first.
pub(crate) fn history(
    reader: &Reader<'_>,
    space: &Space,
    id: ResourceId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<LogEntry>, StoreError> {
    let kept_after = Bounds::read(reader, space)?.anchor.seq;
    let range = space.history(id, before);
    let mut page = Page::new(limit);
    let mut seen = range.clone();
    for row in reader.rows(&range).take_while(|_| limit > 0) {
        let (key, _) = row?;
        let seq = told_seq(&key).ok_or_else(|| damaged("a history"))?;
        if seq <= kept_after {
            break;
        }
        match reader.value(space.change(seq))? {
            Some(row) => {
                if page.add(seq, &row)?.is_break() {
                    seen = range.through(&key);
                    break;
                }
            }
            None if Bounds::read(reader, space)?.anchor.seq >= seq => break,
            None => return Err(missing(seq)),
        }
    }
    reader.saw(seen);
    Ok(page.entries)
}

/// Looks for entries after `after`.
pub(crate) fn find(
    reader: &Reader<'_>,
    space: &Space,
    query: &LogQuery,
    after: u64,
    limit: usize,
) -> Result<Found, StoreError> {
    let mut page = Page::new(limit);
    if limit == 0 {
        return Ok(Found { entries: page.entries, scanned_through: after, end: false });
    }
    let (mut entries_left, mut bytes_left) = (MAX_LOG_SCANNED, MAX_LOG_PAGE_BYTES);
    let walked = walk(reader, space, after, |seq, row| {
        let head = entry::head(row)?;
        if query.selects(head.at, head.request) && page.add(seq, row)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        entries_left -= 1;
        bytes_left = bytes_left.saturating_sub(row.len());
        Ok(if entries_left == 0 || bytes_left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(Found { entries: page.entries, scanned_through: walked.through, end: walked.end })
}

/// Entries of one answer.
struct Page {
    entries: Vec<LogEntry>,
    limit: usize,
    bytes_left: usize,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), limit, bytes_left: MAX_LOG_PAGE_BYTES }
    }

    /// Breaks when no more will be taken.
    fn add(&mut self, seq: u64, row: &[u8]) -> Result<ControlFlow<()>, StoreError> {
        self.entries.push(entry::decode_entry(seq, row)?);
        self.bytes_left = self.bytes_left.saturating_sub(row.len());
        let full = self.entries.len() >= self.limit || self.bytes_left == 0;
        Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

/// How far [`walk`] came.
struct Walked {
    through: u64,
    end: bool,
}

/// Goes through the entries after `after`, in order, until `each` breaks. There is no gap between them: where an entry is missing it was
/// pruned meanwhile, and what was read before it is all there is to say; or it was lost, which is damage.
fn walk(
    reader: &Reader<'_>,
    space: &Space,
    after: u64,
    mut each: impl FnMut(u64, &Value) -> Result<ControlFlow<()>, StoreError>,
) -> Result<Walked, StoreError> {
    let after = after.max(Bounds::read(reader, space)?.anchor.seq);
    // Before the entries are read: those that come later need not be there.
    let (last, _) = codec::heads(reader.peek(&space.heads())?)?;
    let range = space.changes(after);
    let mut through = after;
    for row in reader.rows(&range) {
        reader.check_wanted()?;
        let (key, row) = row?;
        if last_number(&key) != Some(through + 1) {
            break;
        }
        let Some(row) = reader.loaded(&key, row)? else { break };
        through += 1;
        if each(through, &row)?.is_break() {
            reader.saw(range.through(&key));
            return Ok(Walked { through, end: false });
        }
    }
    reader.saw(range);
    if through >= last {
        return Ok(Walked { through, end: true });
    }
    if Bounds::read(reader, space)?.anchor.seq <= through {
        return Err(missing(through + 1));
    }
    if through == after {
        return walk(reader, space, after, each);
    }
    Ok(Walked { through, end: false })
}

fn missing(seq: u64) -> StoreError {
    StoreError::Damaged(format!("entry {seq} of the log is missing"))
}
