//! Proof that a log is the one that was written: every entry there, in order, and unchanged, as far as seals and an exported head reach.

mod cut;
mod head;
mod walk;

use muster_model::{LogEntry, Seal};
use serde::Serialize;

pub use cut::KeptNow;
pub use head::{ExportedHead, KeptThen, LogHead};
pub use walk::{MAX_VERIFIED_A_CALL, NewVerification, Verified, verify};

/// What is wrong with a log, and between which of its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("entries {from} to {through}: {says}")]
pub struct Broken {
    /// The first entry that it can be.
    pub from: u64,
    /// The last.
    pub through: u64,
    /// What was found.
    pub says: String,
}

/// Follows the chain of a log, entry by entry and seal by seal, in constant memory. It knows no store: an export is proved like a log.
///
/// What it cannot see is an edit behind the last seal, and a whole log that was written anew with its seals; the exported head of
/// [`Verifier::new`] sees the second, and a log that is sealed often has little of the first.
#[derive(Debug, Clone)]
pub struct Verifier {
    /// The log up to the last entry.
    at: LogHead,
    /// The log up to the last seal that held.
    sealed: LogHead,
    expected: Option<LogHead>,
    entries: u64,
    blocks: u64,
}

/// What held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Entries that a seal covers, and that are as they were when it was made.
    pub sealed: u64,
    /// Entries behind the last seal: they are there and in order.
    pub unsealed: u64,
    /// Seals that held.
    pub blocks: u64,
}

impl Verifier {
    /// Begins behind `anchor`: the seal before the oldest entry that is kept, or the place up to which the log was verified before.
    ///
    /// With `expected` the log must pass through that head, which is not before `anchor`.
    pub fn new(anchor: LogHead, expected: Option<LogHead>) -> Result<Self, Broken> {
        let expected = expected.filter(|head| head.seq >= anchor.seq);
        let verifier = Self { at: anchor, sealed: anchor, expected, entries: 0, blocks: 0 };
        verifier.passes_head().map(|()| verifier)
    }

    /// Goes on where an earlier part ended; its head was compared there.
    pub fn resumed(at: LogHead, expected: Option<LogHead>) -> Self {
        let expected = expected.filter(|head| head.seq > at.seq);
        Self { at, sealed: at, expected, entries: 0, blocks: 0 }
    }

    /// Up to where it has come.
    pub const fn at(&self) -> LogHead {
        self.at
    }

    /// The last seal that held, or where it began.
    pub const fn sealed(&self) -> u64 {
        self.sealed.seq
    }

    /// Takes the next entry.
    pub fn entry(&mut self, entry: &LogEntry) -> Result<(), Broken> {
        let next = self.at.seq + 1;
        if entry.seq != next {
            let says = format!("entry {next} is not there; what follows is entry {}", entry.seq);
            return Err(self.broken(entry.seq.max(next), says));
        }
        self.at = LogHead { seq: next, hash: self.at.hash.link(entry) };
        self.entries += 1;
        self.passes_head()
    }

    /// Takes the seal that stands behind the last entry.
    pub fn seal(&mut self, seal: &Seal) -> Result<(), Broken> {
        if seal.seq != self.at.seq || seal.seq <= self.sealed.seq {
            let says = format!("there is a seal at entry {}, where none belongs", seal.seq);
            return Err(self.broken(seal.seq.max(self.at.seq), says));
        }
        if seal.hash != self.at.hash {
            let says = "they are not what was sealed: an entry was edited, removed, added or moved, or the seal was"
                .to_owned();
            return Err(self.broken(seal.seq, says));
        }
        let passed = |head: &LogHead| self.sealed.seq < head.seq && head.seq < seal.seq;
        if let Some(head) = self.expected.filter(passed) {
            return Err(self.unsealed(head, seal.seq));
        }
        self.sealed = self.at;
        self.blocks += 1;
        Ok(())
    }

    /// The log says that it ends at `last`, and that this is its latest seal.
    pub fn end(&self, last: u64, sealed: LogHead) -> Result<Held, Broken> {
        if self.at.seq != last {
            let says = format!("the log counts {last} entries and ends at {}", self.at.seq);
            return Err(self.broken(last.max(self.at.seq), says));
        }
        if let Some(head) = self.expected.filter(|head| head.seq > last) {
            let says =
                format!("the log ends at entry {last}, before the exported head at {}: its end was cut off", head.seq);
            return Err(Broken { from: last + 1, through: head.seq, says });
        }
        if self.sealed != sealed {
            let says =
                format!("the latest seal is that of entry {}, and not the one that was last made", self.sealed.seq);
            return Err(self.broken(last, says));
        }
        if let Some(head) = self.expected.filter(|head| head.seq > self.sealed.seq) {
            return Err(self.unsealed(head, last));
        }
        let unsealed = self.at.seq - self.sealed.seq;
        Ok(Held { sealed: self.entries.saturating_sub(unsealed), unsealed, blocks: self.blocks })
    }

    /// A head is exported of what is sealed, and seals go only with what they cover.
    fn unsealed(&self, head: LogHead, through: u64) -> Broken {
        self.broken(through, format!("the seal of the exported head, at entry {}, is not there", head.seq))
    }

    /// What is wrong since the last seal that held.
    pub fn broken(&self, through: u64, says: String) -> Broken {
        Broken { from: self.sealed.seq + 1, through, says }
    }

    fn passes_head(&self) -> Result<(), Broken> {
        match self.expected {
            Some(head) if head.seq == self.at.seq && head.hash != self.at.hash => {
                let says = "the log up to there is not the one of the exported head: it was written anew".to_owned();
                Err(Broken { from: 1, through: head.seq, says })
            }
            _ => Ok(()),
        }
    }
}
