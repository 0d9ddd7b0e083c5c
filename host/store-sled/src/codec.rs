//! What a row holds, as bytes.
//!
//! Small facts (ids, counters) are bare. Everything else is a *value*: a format byte, then a CRC-32 and the bytes
//! themselves ([`WHOLE`]) or, where they are many, how many parts they are in and what they must add up to
//! ([`IN_PARTS`]). Both sums are of key and value, so that a value is not taken for another's either. sled checks what it reads back from its log
//! by a CRC of its own, which is not of what a page is put together from; and the parts of a value are read one by one,
//! while they may be replaced.
//!
//! A record is told in two pieces of JSON behind a fixed head. The committer needs version and names only, and must not
//! spend its time on reading documents:
//!
//! ```text
//! version u64 | modified i64 | length of names u32 | names: keys, index | body: created, document, account, plugin
//! ```

use std::ops::Deref;

use muster_model::{
    Account, IndexEntry, Key, NewTask, PluginDigest, Progress, Record, ResourceId, ResourceType, Task, Timestamp,
    Version,
};
use muster_protocol::Document;
use muster_protocol::project::display_name;
use muster_store::{Called, Member, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sled::IVec;

use crate::keys;

/// The format byte of a value that stands in its own row.
const WHOLE: u8 = 1;
/// The format byte of a value that stands in rows of its own.
const IN_PARTS: u8 = 2;

/// What stands before a value in its own row: the format byte and the CRC.
const WHOLE_HEAD_BYTES: usize = 1 + 4;

/// How large a row's value can be, in bytes. sled writes a page above 128 KiB to a file of its own, which it never
/// syncs, and a page holds up to 20 rows.
pub(crate) const MAX_PART_BYTES: usize = 5 * 1024;

const HEAD_BYTES: usize = 8 + 8 + 4;

/// A value as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    bytes: IVec,
    /// What stands before it is part of the row, but not of the value.
    from: usize,
}

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

/// The row of a value: the value itself, or the way to its parts.
pub(crate) enum Row {
    Whole(Value),
    Parts { count: u32, sum: u64 },
}

/// The rows of a value: the first is for its own key, the others are its parts.
pub(crate) fn rows<'v>(key: &[u8], value: &'v [u8]) -> (Vec<u8>, std::slice::Chunks<'v, u8>) {
    if value.len() <= MAX_PART_BYTES - WHOLE_HEAD_BYTES {
        return ([&[WHOLE][..], &crc(key, value).to_be_bytes(), value].concat(), [].chunks(MAX_PART_BYTES));
    }
    let parts = value.chunks(MAX_PART_BYTES);
    // 2^32 parts would be 20 TiB.
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    ([&[IN_PARTS][..], &count.to_be_bytes(), &sum(key, value).to_be_bytes()].concat(), parts)
}

/// What [`rows`] put into the value's own row.
pub(crate) fn row(key: &[u8], bytes: IVec) -> Result<Row, StoreError> {
    match bytes.split_first() {
        Some((&WHOLE, rest)) => match rest.split_first_chunk() {
            Some((expected, value)) if crc(key, value) == u32::from_be_bytes(*expected) => {
                Ok(Row::Whole(Value { bytes, from: WHOLE_HEAD_BYTES }))
            }
            Some(_) | None => Err(damaged("a value")),
        },
        Some((&IN_PARTS, rest)) => match (rest.first_chunk(), rest.last_chunk()) {
            (Some(count), Some(sum)) if rest.len() == 12 => {
                Ok(Row::Parts { count: u32::from_be_bytes(*count), sum: u64::from_be_bytes(*sum) })
            }
            _ => Err(damaged("a value")),
        },
        Some(_) | None => Err(damaged("a value")),
    }
}

/// How many parts the value in this row has; 0 also if the row is no value's.
pub(crate) fn count_of_parts(row: &[u8]) -> u32 {
    match row.split_first() {
        Some((&IN_PARTS, rest)) if rest.len() == 12 => rest.first_chunk().map_or(0, |count| u32::from_be_bytes(*count)),
        Some(_) | None => 0,
    }
}

/// Reads a value; `get` reads one row.
///
/// Each `get` sees whole batches, but between two of them a batch may come: then the parts do not add up, and all is
/// read again. If they do not add up though nothing came between, they are damaged.
pub(crate) fn load(
    key: &[u8],
    get: impl Fn(&[u8]) -> Result<Option<IVec>, StoreError>,
) -> Result<Option<Value>, StoreError> {
    let Some(mut own) = get(key)? else { return Ok(None) };
    loop {
        let (count, expected) = match row(key, own.clone())? {
            Row::Whole(value) => return Ok(Some(value)),
            Row::Parts { count, sum } => (count, sum),
        };
        let mut bytes = Vec::new();
        for number in 0..count {
            match get(&keys::part(key, number))? {
                Some(part) => bytes.extend_from_slice(&part),
                None => break,
            }
        }
        if sum(key, &bytes) == expected {
            return Ok(Some(Value { bytes: bytes.into(), from: 0 }));
        }
        match get(key)? {
            None => return Ok(None),
            Some(again) if again == own => return Err(damaged("a value in parts")),
            Some(again) => own = again,
        }
    }
}

/// FNV-1a, 64 bits: against mix-ups, not against an attacker.
fn sum(key: &[u8], value: &[u8]) -> u64 {
    let bytes = key.iter().chain(value);
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn crc(key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

/// What a record is found by.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Names {
    pub(crate) keys: Vec<Key>,
    pub(crate) index: Vec<IndexEntry>,
    /// What the resource says of itself; `None`: nothing that is yes or no.
    pub(crate) active: Option<bool>,
    /// The state of the account.
    pub(crate) state: String,
}

impl Names {
    pub(crate) fn of(record: &Record) -> Self {
        let Record { keys, index, document, account, .. } = record;
        Self { keys: keys.clone(), index: index.clone(), active: active(document), state: account.state.clone() }
    }
}

#[derive(Serialize)]
struct NamesRef<'a> {
    keys: &'a [Key],
    index: &'a [IndexEntry],
    active: Option<bool>,
    state: &'a str,
    /// What people call the resource, so that members are shown without reading their documents.
    called: Option<String>,
}

/// What [`NamesRef`] says last; records that were written before it did so do not have it.
#[derive(Deserialize)]
struct Named {
    #[serde(default, deserialize_with = "said")]
    called: Option<Name>,
}

#[derive(Deserialize)]
struct Name(Option<String>);

/// Tells a name that is `null` from one that is not there.
fn said<'de, D: serde::Deserializer<'de>>(called: D) -> Result<Option<Name>, D::Error> {
    Name::deserialize(called).map(Some)
}

#[derive(Serialize)]
struct BodyRef<'a> {
    created: Timestamp,
    document: &'a Document,
    account: &'a Account,
    plugin: PluginDigest,
}

#[derive(Deserialize)]
struct Body {
    created: Timestamp,
    document: Document,
    account: Account,
    plugin: PluginDigest,
}

/// The one part of a [`Body`] that says so: the document is passed over.
#[derive(Deserialize)]
struct ListedBody {
    account: ListedAccount,
}

#[derive(Deserialize)]
struct ListedAccount {
    listed: bool,
}

/// As a filter that asks `active eq true` compares it: the text is what an attribute of another type may hold.
fn active(document: &Document) -> Option<bool> {
    match document.get("active")? {
        serde_json::Value::Bool(active) => Some(*active),
        serde_json::Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        serde_json::Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

pub(crate) fn encode_record(record: &Record) -> Result<Vec<u8>, StoreError> {
    let called = display_name(&record.document);
    let names = encode(&NamesRef {
        keys: &record.keys,
        index: &record.index,
        active: active(&record.document),
        state: &record.account.state,
        called,
    })?;
    let body = encode(&BodyRef {
        created: record.created,
        document: &record.document,
        account: &record.account,
        plugin: record.plugin,
    })?;
    let length = u32::try_from(names.len()).map_err(unencodable)?;
    Ok([&head(record.version, record.modified)[..], &length.to_be_bytes(), &names, &body].concat())
}

pub(crate) fn decode_record(kind: &ResourceType, id: ResourceId, bytes: &[u8]) -> Result<Record, StoreError> {
    let Split { version, modified, names, body } = split(bytes)?;
    let Names { keys, index, .. } = decode(names, "a record")?;
    let Body { created, document, account, plugin } = decode(body, "a record")?;
    let resource_type = kind.clone();
    Ok(Record { id, resource_type, created, modified, version, document, account, plugin, keys, index })
}

/// The version of a record, without reading the rest.
pub(crate) fn record_version(bytes: &[u8]) -> Result<Version, StoreError> {
    split(bytes).map(|parts| parts.version)
}

/// When a record was last changed, without reading the rest.
pub(crate) fn record_modified(bytes: &[u8]) -> Result<Timestamp, StoreError> {
    split(bytes).map(|parts| parts.modified)
}

/// The names of a record, without reading its document.
pub(crate) fn record_names(bytes: &[u8]) -> Result<Names, StoreError> {
    split(bytes).and_then(|parts| decode(parts.names, "a record"))
}

/// What people call the resource. The document is only read if the names do not say it.
pub(crate) fn record_called(bytes: &[u8]) -> Result<Called, StoreError> {
    let parts = split(bytes)?;
    let called = match decode::<Named>(parts.names, "a record")?.called {
        Some(Name(called)) => called,
        None => display_name(&decode::<Body>(parts.body, "a record")?.document),
    };
    Ok(Called(called))
}

/// Whether the product lists the account.
pub(crate) fn record_listed(bytes: &[u8]) -> Result<bool, StoreError> {
    let parts = split(bytes)?;
    Ok(decode::<ListedBody>(parts.body, "a record")?.account.listed)
}

/// The same record with another version and time.
pub(crate) fn touched(bytes: &[u8], version: Version, modified: Timestamp) -> Result<Vec<u8>, StoreError> {
    let head = head(version, modified);
    let rest = bytes.get(head.len()..).ok_or_else(|| damaged("a record"))?;
    Ok([&head[..], rest].concat())
}

fn head(version: Version, modified: Timestamp) -> [u8; 16] {
    let mut head = [0; 16];
    head[..8].copy_from_slice(&version.0.to_be_bytes());
    head[8..].copy_from_slice(&modified.as_millis().to_be_bytes());
    head
}

/// A record's bytes, told apart.
struct Split<'a> {
    version: Version,
    modified: Timestamp,
    names: &'a [u8],
    body: &'a [u8],
}

fn split(bytes: &[u8]) -> Result<Split<'_>, StoreError> {
    let parts = || {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let version = Version(u64::from_be_bytes(*head.first_chunk()?));
        let modified = Timestamp::from_millis(i64::from_be_bytes(*head[8..].first_chunk()?));
        let length = usize::try_from(u32::from_be_bytes(*head.last_chunk()?)).ok()?;
        let (names, body) = rest.split_at_checked(length)?;
        Some(Split { version, modified, names, body })
    };
    parts().ok_or_else(|| damaged("a record"))
}

/// A task as the caller can write it; the committer puts `change` before it.
pub(crate) fn encode_task(at: Timestamp, task: &NewTask) -> Result<Vec<u8>, StoreError> {
    Ok([&at.as_millis().to_be_bytes()[..], &encode(task)?].concat())
}

pub(crate) fn task_row(change: u64, encoded: &[u8]) -> Vec<u8> {
    [&change.to_be_bytes()[..], encoded].concat()
}

pub(crate) fn decode_task(seq: u64, bytes: &[u8]) -> Result<Task, StoreError> {
    let parts = || {
        let (change, rest) = bytes.split_first_chunk()?;
        let (at, task) = rest.split_first_chunk()?;
        Some((u64::from_be_bytes(*change), Timestamp::from_millis(i64::from_be_bytes(*at)), task))
    };
    let (change, at, task) = parts().ok_or_else(|| damaged("a task"))?;
    Ok(Task { seq, change, at, task: decode(task, "a task")? })
}

/// When a task was planned, without reading the rest.
pub(crate) fn task_at(bytes: &[u8]) -> Result<Timestamp, StoreError> {
    let at = bytes.get(8..).and_then(|rest| rest.first_chunk()).ok_or_else(|| damaged("a task"))?;
    Ok(Timestamp::from_millis(i64::from_be_bytes(*at)))
}

/// What has become of a task that was planned at this time; `None`: there is no row, so nothing yet.
pub(crate) fn decode_progress(row: Option<&[u8]>, at: Timestamp) -> Result<Progress, StoreError> {
    row.map_or_else(|| Ok(Progress::new(at)), |row| decode(row, "a task's progress"))
}

/// A row of a group: who is a member is in the key, of which kind in the value.
pub(crate) fn member(key: &[u8], row: &[u8]) -> Result<Member, StoreError> {
    let kind = std::str::from_utf8(row).map_err(|_| damaged("a member"))?;
    let id = keys::last_id(key).ok_or_else(|| damaged("a member"))?;
    Ok(Member { id, resource_type: ResourceType::new(kind) })
}

pub(crate) fn number(bytes: Option<IVec>) -> Result<u64, StoreError> {
    match bytes {
        None => Ok(0),
        Some(bytes) => Ok(u64::from_be_bytes(bytes.as_ref().try_into().map_err(|_| damaged("a counter"))?)),
    }
}

/// The last `seq` of the log, and of the outbox.
pub(crate) fn heads(bytes: Option<IVec>) -> Result<(u64, u64), StoreError> {
    let Some(bytes) = bytes else { return Ok((0, 0)) };
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(log), Some(outbox)) if bytes.len() == 16 => Ok((u64::from_be_bytes(*log), u64::from_be_bytes(*outbox))),
        _ => Err(damaged("a counter")),
    }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(unencodable)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, StoreError> {
    // The error's text could quote what was stored.
    serde_json::from_slice(bytes).map_err(|_| damaged(what))
}

pub(crate) fn unencodable(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}

pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} cannot be read"))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;

    fn stored(value: &[u8]) -> BTreeMap<Vec<u8>, IVec> {
        let (own, parts) = rows(b"\x00B", value);
        let parts = (0..).zip(parts).map(|(number, part)| (keys::part(b"\x00B", number), part.into()));
        parts.chain([(b"\x00B".to_vec(), own.into())]).collect()
    }

    #[test]
    fn values_of_any_size_are_read_back_from_rows_that_are_small() {
        let most = MAX_PART_BYTES - WHOLE_HEAD_BYTES;
        for length in [0, 1, most - 1, most, most + 1, MAX_PART_BYTES, MAX_PART_BYTES + 1, 50 * MAX_PART_BYTES] {
            let value: Vec<u8> = (0..length).map(|n| u8::try_from(n / 100 % 256).unwrap()).collect();
            let rows = stored(&value);
            assert!(rows.values().all(|row| row.len() <= MAX_PART_BYTES));
            let loaded = load(b"\x00B", |key| Ok(rows.get(key).cloned())).unwrap().unwrap();
            assert!(*loaded == *value, "{length}");
        }
    }

    #[test]
    fn parts_that_change_while_they_are_read_are_read_again() {
        let (old, new) = (stored(&vec![1; 20_000]), stored(&vec![2; 20_000]));
        let reads = RefCell::new(0);
        let loaded = load(b"\x00B", |key| {
            *reads.borrow_mut() += 1;
            Ok(if *reads.borrow() <= 3 { old.get(key) } else { new.get(key) }.cloned())
        });
        assert!(*loaded.unwrap().unwrap() == vec![2; 20_000]);
    }

    #[test]
    fn a_record_from_before_names_were_kept_is_called_by_its_document() {
        let mut record = muster_store::contract::help::user(1, "ada");
        record.document.0.insert("displayName".into(), "ada".into());
        let now = encode_record(&record).unwrap();
        assert_eq!(record_called(&now).unwrap(), Called(Some("ada".to_owned())));

        let Split { names, body, .. } = split(&now).unwrap();
        let mut before: serde_json::Value = serde_json::from_slice(names).unwrap();
        before.as_object_mut().unwrap().remove("called").unwrap();
        let names = serde_json::to_vec(&before).unwrap();
        let length = u32::try_from(names.len()).unwrap();
        let before = [&now[..HEAD_BYTES - 4], &length.to_be_bytes(), &names, body].concat();
        assert_eq!(record_called(&before).unwrap(), Called(Some("ada".to_owned())));
        assert_eq!(decode_record(&record.resource_type, record.id, &before).unwrap(), record);
    }

    #[test]
    fn a_missing_or_changed_part_is_damage() {
        let mut rows = stored(&vec![1; 20_000]);
        rows.insert(keys::part(b"\x00B", 1), IVec::from(&[7; MAX_PART_BYTES][..]));
        assert!(matches!(load(b"\x00B", |key| Ok(rows.get(key).cloned())), Err(StoreError::Damaged(_))));
        rows.remove(&keys::part(b"\x00B", 1));
        assert!(matches!(load(b"\x00B", |key| Ok(rows.get(key).cloned())), Err(StoreError::Damaged(_))));
        for no_value in [&[][..], &[9, 9], &[WHOLE], &[WHOLE, 0, 0, 0], &[IN_PARTS, 0]] {
            assert!(matches!(row(b"\x00B", IVec::from(no_value)), Err(StoreError::Damaged(_))), "{no_value:?}");
        }
    }

    #[test]
    fn no_bit_of_a_value_or_of_its_key_can_change_unseen() {
        let key = b"\x00B".to_vec();
        for length in [0, 1, 40, 6000] {
            let stored = stored(&vec![7; length]);
            for (place, row) in &stored {
                for bit in (0..row.len() * 8).step_by(1 + length / 50) {
                    let mut changed = row.to_vec();
                    changed[bit / 8] ^= 1 << (bit % 8);
                    let mut rows = stored.clone();
                    rows.insert(place.clone(), changed.into());
                    let loaded = load(&key, |key| Ok(rows.get(key).cloned()));
                    assert!(matches!(loaded, Err(StoreError::Damaged(_))), "{length}, bit {bit} of {place:?}");
                }
            }
            let moved: BTreeMap<Vec<u8>, IVec> = stored
                .into_iter()
                .map(|(place, row)| (place.iter().map(|byte| if *byte == b'B' { b'C' } else { *byte }).collect(), row))
                .collect();
            let loaded = load(b"\x00C", |key| Ok(moved.get(key).cloned()));
            assert!(matches!(loaded, Err(StoreError::Damaged(_))), "{length}: under another key");
        }
    }
}
