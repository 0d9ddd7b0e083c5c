//! An export as a file: a line for the manifest, a line for each item, a line for the end. Each line is a JSON object as it is written here, byte for
//! byte: whatever else a line could say in the same words is not one.

use std::collections::BTreeMap;
use std::fmt;

use muster_model::{HexDigest, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Item;

/// What the manifest calls the format.
pub const FORMAT: &str = "muster-export";

/// The version of the format that is written and read.
pub const VERSION: u32 = 1;

/// How long a line can be, in bytes. A change of a group tells of each member that came or went in some 40 bytes, so there is room for 1.6
/// million of them.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// How long the line of the manifest can be, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// How many tenants one file can hold.
pub const MAX_TENANTS: usize = 10_000;

/// A hash over lines: each is linked to those before it, so that none can be left out, doubled, changed or moved.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(HexDigest);

impl Chain {
    /// Of no lines.
    pub const START: Self = Self(HexDigest::START);

    /// With one more line, which is told without its line feed.
    #[must_use]
    pub fn link(self, line: &[u8]) -> Self {
        Self(self.0.link(line))
    }

    /// Of 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        HexDigest::parse(text).map(Self)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The first line: what the file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The version of the Muster that wrote it.
    pub muster: String,
    /// What the server that made it calls it.
    pub id: String,
    /// When it was begun.
    pub at: Timestamp,
    /// Whether it is of a whole deployment.
    pub whole: bool,
    /// The fingerprint of the key that the hashes of the tokens were made with. The key itself is in no export.
    pub token_key: String,
}

/// The last line: what the lines before it must add up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many items there are.
    pub items: u64,
    /// How many of each kind.
    pub counts: Counts,
    /// Over all lines before this one.
    pub digest: Chain,
}

/// How much there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Of each tenant.
    pub tenants: BTreeMap<TenantId, TenantCounts>,
    /// Plugins.
    pub plugins: u64,
}

/// How much there is of one tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantCounts {
    /// Tokens.
    pub tokens: u64,
    /// Resources.
    pub records: u64,
    /// Memberships.
    pub members: u64,
    /// Entries of the log.
    pub entries: u64,
    /// Seals over them.
    pub seals: u64,
    /// Tasks.
    pub tasks: u64,
    /// What plugins remember.
    #[serde(default, skip_serializing_if = "is_none")]
    pub states: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "that is how serde asks")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    /// One more.
    pub fn add(&mut self, item: &Item) {
        if let Item::Plugin { .. } = item {
            self.plugins += 1;
        }
        let Some(tenant) = item.tenant() else { return };
        // The tenant is looked up without being cloned: there are many of its items.
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.clone(), TenantCounts::default());
        }
        let Some(counts) = self.tenants.get_mut(tenant) else { return };
        match item {
            Item::Tenant { .. }
            | Item::State { .. }
            | Item::Fed { .. }
            | Item::Plugin { .. }
            | Item::PluginBytes { .. }
            | Item::Trust { .. } => {}
            Item::Token { .. } => counts.tokens += 1,
            Item::Record { .. } => counts.records += 1,
            Item::Member { .. } => counts.members += 1,
            Item::Entry { .. } => counts.entries += 1,
            Item::Seal { .. } => counts.seals += 1,
            Item::Task { .. } => counts.tasks += 1,
            Item::StateEntry { .. } => counts.states += 1,
        }
    }
}

/// The first and the last line, which are no items.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Frame {
    Manifest(Manifest),
    End(End),
}

/// Why a line is none. It never says what stands in the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is too long.
    #[error("is longer than {limit} bytes")]
    TooLong {
        /// How long it can be.
        limit: usize,
    },
    /// It is something else.
    #[error("is not {what} as an export has it")]
    Other {
        /// What it should be.
        what: &'static str,
    },
    /// It is the first line of another format.
    #[error("is not the beginning of an export of Muster")]
    Foreign,
    /// It is the first line of another version of the format.
    #[error("is of version {found} of the format, and this Muster reads version {VERSION}")]
    Version {
        /// Which.
        found: u64,
    },
}

/// A manifest as a line, without its line feed.
pub fn manifest_line(manifest: &Manifest) -> Vec<u8> {
    line(&Frame::Manifest(manifest.clone()))
}

/// The end as a line, without its line feed.
pub fn end_line(end: &End) -> Vec<u8> {
    line(&Frame::End(end.clone()))
}

/// An item as a line, without its line feed.
pub fn item_line(item: &Item) -> Result<Vec<u8>, LineError> {
    let line = line(item);
    if line.len() > MAX_LINE_BYTES { Err(LineError::TooLong { limit: MAX_LINE_BYTES }) } else { Ok(line) }
}

/// Reads the first line.
pub fn read_manifest(text: &[u8]) -> Result<Manifest, LineError> {
    /// What every version of the format says.
    #[derive(Deserialize)]
    struct AnyFrame {
        manifest: AnyManifest,
    }
    #[derive(Deserialize)]
    struct AnyManifest {
        format: String,
        version: u64,
    }
    if text.len() > MAX_MANIFEST_BYTES {
        return Err(LineError::Foreign);
    }
    let any: AnyFrame = serde_json::from_slice(text).map_err(|_| LineError::Foreign)?;
    if any.manifest.format != FORMAT {
        return Err(LineError::Foreign);
    }
    if any.manifest.version != u64::from(VERSION) {
        return Err(LineError::Version { found: any.manifest.version });
    }
    match read(text, "a manifest")? {
        Frame::Manifest(manifest) => Ok(manifest),
        Frame::End(_) => Err(LineError::Foreign),
    }
}

/// Reads the last line; `None` if it is an item's.
pub fn read_end(text: &[u8]) -> Result<Option<End>, LineError> {
    if !text.starts_with(b"{\"end\":") {
        return Ok(None);
    }
    match read(text, "an end")? {
        Frame::End(end) => Ok(Some(end)),
        Frame::Manifest(_) => Err(LineError::Other { what: "an end" }),
    }
}

/// Reads an item.
pub fn read_item(text: &[u8]) -> Result<Item, LineError> {
    read(text, "an item")
}

/// Reads what is written exactly as it would be written here: then it is no other thing to any later reader, and none of it is lost.
fn read<T: Serialize + for<'de> Deserialize<'de>>(text: &[u8], what: &'static str) -> Result<T, LineError> {
    if text.len() > MAX_LINE_BYTES {
        return Err(LineError::TooLong { limit: MAX_LINE_BYTES });
    }
    let value: T = serde_json::from_slice(text).map_err(|_| LineError::Other { what })?;
    if line(&value) == text { Ok(value) } else { Err(LineError::Other { what }) }
}

fn line(value: &impl Serialize) -> Vec<u8> {
    // Made of nothing that JSON cannot hold: text for keys, finite numbers.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use muster_model::{PluginDigest, Seal};

    use super::*;
    use crate::contract::help::{at, change, id, tenant, user};
    use crate::moving::Bytes;

    fn manifest() -> Manifest {
        let (muster, id, token_key) = ("0.1.0".to_owned(), "one".to_owned(), "ab".to_owned());
        Manifest { format: FORMAT.to_owned(), version: VERSION, muster, id, at: at(0), whole: true, token_key }
    }

    fn items() -> Vec<Item> {
        let mut record = user(1, "ada");
        // One that is read wrongly by who rounds in the middle.
        record.document.0.insert("ratio".to_owned(), serde_json::json!(0.123_456_789_012_345_67));
        let entry = muster_model::LogEntry { seq: 1, version: record.version, change: change(&record) };
        let acme = tenant("acme");
        vec![
            Item::Record { tenant: acme.clone(), record },
            Item::Entry { tenant: acme.clone(), entry },
            Item::Seal { tenant: acme.clone(), seal: Seal { seq: 1, ..Seal::START } },
            Item::Member { tenant: acme, group: id(2), member: id(1), resource_type: muster_model::ResourceType::USER },
            Item::PluginBytes { digest: PluginDigest::of(b"a"), at: 0, bytes: Bytes(vec![0, 255, 7]) },
        ]
    }

    #[test]
    fn each_item_is_read_as_it_was_written() {
        for item in items() {
            let line = item_line(&item).unwrap();
            assert!(!line.contains(&b'\n'));
            assert_eq!(read_item(&line).unwrap(), item);
            assert_eq!(read_end(&line).unwrap(), None);
        }
        let manifest = manifest();
        assert_eq!(read_manifest(&manifest_line(&manifest)).unwrap(), manifest);
        let mut counts = Counts::default();
        for item in &items() {
            counts.add(item);
        }
        let end = End { items: 5, counts, digest: Chain::START.link(b"a line") };
        assert_eq!(read_end(&end_line(&end)).unwrap(), Some(end));
    }

    #[test]
    fn what_says_the_same_in_other_bytes_is_no_item() {
        let other = LineError::Other { what: "an item" };
        for item in items() {
            let line = String::from_utf8(item_line(&item).unwrap()).unwrap();
            let more = line.replacen('{', "{ ", 1);
            let unknown = format!("{},\"more\":1}}}}", &line[..line.len() - 2]);
            let escaped = line.replacen("acme", "\\u0061cme", 1);
            for changed in [more, unknown, escaped.replacen("AP8H", "AP8H=", 1)] {
                if changed != line {
                    assert_eq!(read_item(changed.as_bytes()).unwrap_err(), other, "{changed}");
                }
            }
            for length in 0..line.len() {
                assert_eq!(read_item(&line.as_bytes()[..length]).unwrap_err(), other);
            }
        }
    }

    #[test]
    fn another_format_and_another_version_are_told_apart() {
        let with = |change: fn(&mut Manifest)| {
            let mut manifest = manifest();
            change(&mut manifest);
            read_manifest(&manifest_line(&manifest)).unwrap_err()
        };
        assert_eq!(with(|manifest| manifest.version = 7), LineError::Version { found: 7 });
        assert_eq!(with(|manifest| manifest.format = "tar".to_owned()), LineError::Foreign);
        assert_eq!(with(|manifest| manifest.id = "x".repeat(MAX_MANIFEST_BYTES)), LineError::Foreign);
        let later = br#"{"manifest":{"format":"muster-export","version":2,"unheard":"of"}}"#;
        assert_eq!(read_manifest(later).unwrap_err(), LineError::Version { found: 2 });
    }

    #[test]
    fn a_line_has_an_end() {
        let bytes = Bytes(vec![7; MAX_LINE_BYTES / 4 * 3]);
        let long = Item::PluginBytes { digest: PluginDigest::of(b"a"), at: 0, bytes };
        assert_eq!(item_line(&long).unwrap_err(), LineError::TooLong { limit: MAX_LINE_BYTES });
        let long = vec![b' '; MAX_LINE_BYTES + 1];
        assert_eq!(read_item(&long).unwrap_err(), LineError::TooLong { limit: MAX_LINE_BYTES });
    }

    #[test]
    fn a_chain_tells_lines_that_are_changed_moved_or_left_out() {
        let of = |lines: &[&str]| lines.iter().fold(Chain::START, |chain, line| chain.link(line.as_bytes()));
        let good = of(&["a", "b", "c"]);
        for other in [&["a", "b"][..], &["a", "c", "b"], &["a", "b", "b", "c"], &["ab", "c"], &["a", "b", "d"]] {
            assert_ne!(of(other), good);
        }
        assert_eq!(Chain::parse(&good.to_string()), Some(good));
    }
}
