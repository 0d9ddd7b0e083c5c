//! The log against its counters, its seals, its histories and the records.

use muster_model::{Event, LogEntry, LogHash, Seal};
use muster_store::StoreError;
use sled::Tree;

use super::Check;
use crate::codec;
use crate::entry;
use crate::keys::{Range, Space, last_number, told_seq};
use crate::log::Bounds;
use crate::reader::failed;

impl Check<'_> {
    pub(super) fn log(&mut self, space: &Space) -> Result<(), StoreError> {
        let Ok((last, _)) = codec::heads(self.get(&space.heads())?) else {
            self.fact(Some(space), "the counters of log and outbox cannot be read".to_owned());
            return Ok(());
        };
        let bounds = self.value(space, &space.log_bounds(), "how far the log reaches")?;
        let Ok(Bounds { anchor, sealed }) = Bounds::decode(bounds.as_ref()) else {
            self.fact(Some(space), "how far the log reaches cannot be read".to_owned());
            return Ok(());
        };
        let mut seals = Seals::new(anchor, self.seals(space, anchor.seq)?);
        let (mut through, mut told) = (anchor.seq, 0_u64);
        for row in self.rows(&space.changes(anchor.seq)) {
            let (key, _) = row?;
            self.look();
            let seq = last_number(&key).unwrap_or_default();
            if seq != through + 1 {
                self.fact(
                    Some(space),
                    format!("entries {} to {} of the log are missing", through + 1, seq.saturating_sub(1)),
                );
                seals.lost();
            }
            through = seq;
            let what = format!("entry {seq} of the log");
            let entry = self.value(space, &key, &what)?.map(|row| entry::decode_entry(seq, &row));
            let Some(Ok(entry)) = entry else {
                if entry.is_some() {
                    self.fact(Some(space), format!("{what} cannot be read"));
                }
                seals.lost();
                continue;
            };
            self.count("log entries", 1);
            told += self.told(space, &entry)?;
            self.agrees(space, &entry)?;
            if let Err(at) = seals.next(&entry) {
                self.fact(Some(space), format!("the log up to entry {at} is not the one that was sealed"));
            }
        }
        if through != last {
            self.fact(Some(space), format!("the log ends at entry {through}, and should at {last}"));
        }
        let latest = seals.latest();
        if sealed.seq != latest || sealed.seq > last {
            self.fact(Some(space), format!("the latest seal is at entry {latest}, and should be at {}", sealed.seq));
        }
        self.histories(space, anchor.seq, told)
    }

    fn seals(&mut self, space: &Space, anchor: u64) -> Result<Vec<Seal>, StoreError> {
        let mut seals = Vec::new();
        for row in self.rows(&space.seals(anchor)) {
            let (key, _) = row?;
            self.look();
            let seal = self.value(space, &key, "a seal")?.map(|row| codec::decode::<Seal>(&row, "a seal"));
            match seal {
                Some(Ok(seal)) if Some(seal.seq) == last_number(&key) => {
                    self.count("seals", 1);
                    seals.push(seal);
                }
                Some(_) => self.fact(Some(space), "a seal cannot be read".to_owned()),
                None => {}
            }
        }
        Ok(seals)
    }

    /// Each resource that an entry tells of leads to it; how many there are.
    fn told(&mut self, space: &Space, entry: &LogEntry) -> Result<u64, StoreError> {
        let ids = entry::tells_of(&entry.change);
        for (id, key) in ids.iter().zip(entry::history_keys(space, entry.seq, &ids)) {
            if self.get(&key)?.is_none() {
                self.derived(space, format!("the history of {id} lacks entry {}", entry.seq));
            }
        }
        Ok(ids.len() as u64)
    }

    /// A record is never older than what the log tells of it, and not gone before the log says so.
    fn agrees(&mut self, space: &Space, entry: &LogEntry) -> Result<(), StoreError> {
        let (kind, id) = (&entry.change.resource_type, entry.change.id);
        // Without its history nobody can tell: that is a finding of its own.
        if self.get(&space.told(id, entry.seq))?.is_none() {
            return Ok(());
        }
        let record = codec::load(&space.record(kind, id), |key| self.get(key));
        match record {
            Ok(Some(record)) => {
                if codec::record_version(&record).is_ok_and(|version| version < entry.version) {
                    self.fact(Some(space), format!("{kind} {id} is older than entry {} of the log says", entry.seq));
                }
            }
            Ok(None) => {
                if entry.change.event != Event::Deleted && !was_deleted_after(self.tree, space, entry)? {
                    self.fact(
                        Some(space),
                        format!("{kind} {id} is not there, and the log does not say that it was deleted"),
                    );
                }
            }
            // It is told where records are read.
            Err(StoreError::Damaged(_)) => {}
            Err(other) => return Err(other),
        }
        Ok(())
    }

    fn histories(&mut self, space: &Space, anchor: u64, told: u64) -> Result<(), StoreError> {
        let mut present = 0;
        for row in self.rows(&space.rows(b'H')) {
            let (key, _) = row?;
            self.look();
            present += u64::from(told_seq(&key).is_some_and(|seq| seq > anchor));
        }
        self.count("rows of histories", present);
        if present <= told {
            return Ok(());
        }
        for row in self.rows(&space.rows(b'H')) {
            let (key, _) = row?;
            if !is_told(self.tree, space, anchor, &key)? {
                self.derived(space, "a history has an entry that does not tell of it".to_owned());
            }
        }
        Ok(())
    }
}

/// The chain over the entries, held against the seals on the way.
struct Seals {
    /// `None` behind an entry that is lost, up to the next seal.
    hash: Option<LogHash>,
    rest: std::iter::Peekable<std::vec::IntoIter<Seal>>,
    latest: u64,
}

impl Seals {
    fn new(anchor: Seal, seals: Vec<Seal>) -> Self {
        let latest = seals.last().map_or(anchor.seq, |seal| seal.seq);
        Self { hash: Some(anchor.hash), rest: seals.into_iter().peekable(), latest }
    }

    fn latest(&self) -> u64 {
        self.latest
    }

    fn lost(&mut self) {
        self.hash = None;
    }

    /// Where the seal is that does not fit, if one does not.
    fn next(&mut self, entry: &LogEntry) -> Result<(), u64> {
        self.hash = self.hash.map(|hash| hash.link(entry));
        while let Some(seal) = self.rest.next_if(|seal| seal.seq <= entry.seq) {
            let fits = seal.seq < entry.seq || self.hash.is_none_or(|hash| hash == seal.hash);
            if seal.seq == entry.seq {
                self.hash = Some(seal.hash);
            }
            if !fits {
                return Err(seal.seq);
            }
        }
        Ok(())
    }
}

/// Whether a later entry tells of the deletion.
fn was_deleted_after(tree: &Tree, space: &Space, entry: &LogEntry) -> Result<bool, StoreError> {
    let (kind, id) = (&entry.change.resource_type, entry.change.id);
    // Newest first; the entries before this one cannot tell of it.
    let later: Range = space.history(id, None).through(&space.told(id, entry.seq));
    for row in tree.range(&later.start[..]..&later.end[..]) {
        let (key, _) = row.map_err(failed)?;
        let Some(seq) = told_seq(&key) else { continue };
        let Ok(Some(row)) = codec::load(&space.change(seq), |key| tree.get(key).map_err(failed)) else { continue };
        let Ok(later) = entry::decode_entry(seq, &row) else { continue };
        if later.change.id == id && later.change.resource_type == *kind && later.change.event == Event::Deleted {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the entry that a row of a history names is there and tells of the resource; rows of what was pruned may be left.
pub(crate) fn is_told(tree: &Tree, space: &Space, anchor: u64, key: &[u8]) -> Result<bool, StoreError> {
    let Some(seq) = told_seq(key) else { return Ok(false) };
    if seq <= anchor {
        return Ok(true);
    }
    match codec::load(&space.change(seq), |key| tree.get(key).map_err(failed)) {
        Ok(Some(row)) => {
            Ok(entry::row_tells_of(&row)
                .is_ok_and(|ids| entry::history_keys(space, seq, &ids).any(|told| told == *key)))
        }
        Ok(None) | Err(StoreError::Damaged(_)) => Ok(false),
        Err(other) => Err(other),
    }
}
