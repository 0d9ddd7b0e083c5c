//! Looks for damage that sled passes over.
//!
//! When sled opens its file, it reads the log from the newest of its snapshots on. A message there that is not what was written it takes
//! for the end of the segment, and a segment without a sound head for none at all: it goes on with the next one, and the pages that the
//! lost messages were about are as they were before. That is right for what a crash leaves of a segment that was being used anew, and wrong
//! for damage. So the same part of the file is read here first, by the same rules (sled 0.34.7, `pagecache/logger.rs`, `iterator.rs`): where
//! something is passed over, the store is not served before all its rows were added up ([`crate::total`]).
//!
//! What a snapshot covers needs no such care: its pages are found by their places, and read with their sums.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::{DATA, SNAPSHOT_PREFIX, snapshots};

/// How much sled allots at a time.
const SEGMENT_BYTES: usize = 512 * 1024;
/// CRC, sequence number, and up to where the log was known to be on disk.
const HEAD_BYTES: usize = 20;
/// Where less is left in a segment, no message begins.
const MESSAGE_HEAD_BYTES: usize = 32;
/// The kind of a message that fills a segment up.
const CAP: u8 = 2;
/// The highest kind that there is; 0 is what unused parts are filled with.
const LAST_KIND: u8 = 11;

/// Whether sled will pass over something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// It will not.
    None,
    /// A segment may be missing as a whole; mostly it was used anew.
    Slight,
    /// A part of a segment cannot be read.
    Grave,
}

/// The head of a segment.
#[derive(Debug, Clone, Copy)]
struct Head {
    place: u64,
    lsn: u64,
    stable: u64,
}

pub(crate) fn scan(folder: &Path) -> io::Result<Doubt> {
    let file = File::open(folder.join(DATA))?;
    let length = file.metadata()?.len();
    let mut scan = Scan { file, length, doubt: Doubt::None, heads: Vec::new(), has_blanks: false };
    scan.heads()?;
    scan.messages(covered(folder)?)?;
    Ok(scan.doubt)
}

/// Up to where the newest snapshot tells of the log: its name says so.
fn covered(folder: &Path) -> io::Result<u64> {
    let lsn = |path: &std::path::PathBuf| {
        let name = path.file_name()?.to_str()?.strip_prefix(SNAPSHOT_PREFIX)?;
        u64::from_str_radix(name, 16).ok()
    };
    Ok(snapshots(folder)?.iter().filter_map(lsn).max().unwrap_or(0))
}

struct Scan {
    file: File,
    length: u64,
    doubt: Doubt,
    heads: Vec<Head>,
    /// Whether there are segments with nothing in them.
    has_blanks: bool,
}

impl Scan {
    fn doubt(&mut self, doubt: Doubt) {
        self.doubt = self.doubt.max(doubt);
    }

    fn heads(&mut self) -> io::Result<()> {
        let mut segment = Vec::new();
        for place in (0..self.length).step_by(SEGMENT_BYTES) {
            let mut head = [0; HEAD_BYTES];
            if place + HEAD_BYTES as u64 > self.length {
                break;
            }
            self.file.read_exact_at(&mut head, place)?;
            match read_head(place, &head) {
                Some(head) => self.heads.push(head),
                None if self.read(place, &mut segment)?.iter().all(|byte| *byte == 0) => self.has_blanks = true,
                None => self.doubt(Doubt::Grave),
            }
        }
        self.heads.sort_unstable_by_key(|head| head.lsn);
        Ok(())
    }

    fn messages(&mut self, covered: u64) -> io::Result<()> {
        let beginning = |lsn: u64| lsn / SEGMENT_BYTES as u64 * SEGMENT_BYTES as u64;
        // Behind it a crash may have left anything; if that is more than nobody was told of, the marker knows.
        let stable = self.heads.iter().map(|head| head.stable).max().unwrap_or(0).max(covered);
        let (from, tail) = (beginning(covered), beginning(stable));
        let mut segment = Vec::new();
        let mut next = from;
        for head in self.heads.clone() {
            if head.lsn < from {
                continue;
            }
            if head.lsn != next && head.lsn <= tail && self.has_blanks {
                self.doubt(Doubt::Slight);
            }
            next = head.lsn + SEGMENT_BYTES as u64;
            if head.lsn < tail && !is_whole(self.read(head.place, &mut segment)?, head.lsn) {
                self.doubt(Doubt::Grave);
            }
        }
        Ok(())
    }

    fn read<'s>(&self, place: u64, segment: &'s mut Vec<u8>) -> io::Result<&'s [u8]> {
        let length = usize::try_from(self.length - place).unwrap_or(usize::MAX).min(SEGMENT_BYTES);
        segment.resize(length, 0);
        self.file.read_exact_at(segment, place)?;
        Ok(segment)
    }
}

fn read_head(place: u64, head: &[u8; HEAD_BYTES]) -> Option<Head> {
    let (crc, rest) = head.split_first_chunk()?;
    let (lsn, stable) = rest.split_first_chunk()?;
    let number = |bytes: [u8; 8]| i64::from_le_bytes(bytes) ^ i64::MAX;
    let (lsn, stable) = (number(*lsn), number(stable.try_into().ok()?));
    let is_sound = u32::from_le_bytes(*crc) == !crc32fast::hash(rest);
    // A new store has nothing on disk yet: that is -1.
    let (lsn, stable) = (u64::try_from(lsn).ok()?, u64::try_from(stable).unwrap_or(0));
    (is_sound && lsn.is_multiple_of(SEGMENT_BYTES as u64)).then_some(Head { place, lsn, stable })
}

/// Whether each message of a segment is what was written, up to its end.
fn is_whole(segment: &[u8], lsn: u64) -> bool {
    let mut at = HEAD_BYTES;
    while at + MESSAGE_HEAD_BYTES <= SEGMENT_BYTES {
        match segment.get(at..).and_then(|rest| message(rest, lsn / SEGMENT_BYTES as u64)) {
            Some(Message::Cap) => return true,
            Some(Message::Other { length }) => at += length,
            None => return false,
        }
    }
    true
}

enum Message {
    Cap,
    Other { length: usize },
}

/// The message that bytes begin with: CRC, kind, length, number of its segment, page, and the rest.
fn message(bytes: &[u8], segment: u64) -> Option<Message> {
    let (crc, rest) = bytes.split_first_chunk()?;
    let (kind, mut rest) = rest.split_first()?;
    let length = usize::try_from(number(&mut rest)?).ok()?;
    let of_segment = number(&mut rest)?;
    number(&mut rest)?;
    let head = &bytes[..bytes.len() - rest.len()];
    let body = rest.get(..length)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(body);
    hasher.update(&head[4..]);
    let is_sound = !hasher.finalize() == u32::from_le_bytes(*crc) && of_segment == segment;
    match *kind {
        _ if !is_sound => None,
        CAP => Some(Message::Cap),
        1..=LAST_KIND => Some(Message::Other { length: head.len() + length }),
        _ => None,
    }
}

/// A number as sled writes it: small ones in one byte, others behind a byte that says how long they are.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let (number, length) = match *first {
        small @ 0..=240 => (u64::from(small), 0),
        large @ 241..=248 => (240 + 256 * (u64::from(large) - 241) + u64::from(*rest.first()?), 1),
        249 => (2288 + 256 * u64::from(*rest.first()?) + u64::from(*rest.get(1)?), 2),
        longer => {
            let length = usize::from(longer) - 247;
            let mut number = [0; 8];
            number.get_mut(..length)?.copy_from_slice(rest.get(..length)?);
            (u64::from_le_bytes(number), length)
        }
    };
    *bytes = rest.get(length..)?;
    Some(number)
}
