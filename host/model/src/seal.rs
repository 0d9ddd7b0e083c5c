//! The hash chain over a tenant's log.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{HexDigest, LogEntry, Timestamp};

/// The hash of a log up to one of its entries: two logs with the same hash at the same place are the same up to there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogHash(HexDigest);

impl LogHash {
    /// Of a log without entries.
    pub const START: Self = Self(HexDigest::START);

    /// From its 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(HexDigest::from_bytes(bytes))
    }

    /// Of 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        HexDigest::parse(text).map(Self)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Of the log with one more entry: SHA-256(this ‖ SHA-256(canonical JSON of the entry)).
    ///
    /// The canonical JSON is the entry as it is serialised, without white space and with the keys of every object in the order of
    /// their bytes. It depends on nothing but the entry, so a log that was exported, or that another store keeps, is proved in the
    /// same way.
    #[must_use]
    pub fn link(self, entry: &LogEntry) -> Self {
        self.link_of(Self::of_entry(entry))
    }

    /// What an entry is in the chain, for whoever may not see it: the SHA-256 of its canonical JSON.
    pub fn of_entry(entry: &LogEntry) -> HexDigest {
        HexDigest::of(&canonical_json(entry))
    }

    /// As [`LogHash::link`], with what [`LogHash::of_entry`] made of the entry.
    #[must_use]
    pub fn link_of(self, entry: HexDigest) -> Self {
        Self(self.0.link_of(entry))
    }
}

fn canonical_json(entry: &LogEntry) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    // An entry is made of nothing that JSON cannot hold.
    write_canonical(&serde_json::to_value(entry).unwrap_or_default(), &mut text);
    text
}

/// Documents keep the order in which their attributes arrived, and a store need not.
fn write_canonical(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push(b'{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    text.push(b',');
                }
                write_scalar(name, text);
                text.push(b':');
                write_canonical(value, text);
            }
            text.push(b'}');
        }
        Value::Array(elements) => {
            text.push(b'[');
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    text.push(b',');
                }
                write_canonical(element, text);
            }
            text.push(b']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => write_scalar(value, text),
    }
}

fn write_scalar(value: &(impl Serialize + ?Sized), text: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(text, value);
}

impl fmt::Display for LogHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for LogHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What the log was at one of its entries. It stands for every entry since the seal before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The last entry that it covers; 0: none.
    pub seq: u64,
    /// The hash of the log up to that entry.
    pub hash: LogHash,
    /// When it was made.
    pub at: Timestamp,
}

impl Seal {
    /// Of a log without entries: where every chain begins.
    pub const START: Self = Self { seq: 0, hash: LogHash::START, at: Timestamp::from_millis(0) };
}

#[cfg(test)]
mod tests {
    use muster_protocol::dialect::{Rewrite, Rule};
    use serde_json::{Value, json};

    use super::*;
    use crate::{Actor, Change, Event, PluginDigest, RequestId, ResourceId, ResourceType, Snapshot, TokenId, Version};

    fn entry(document: &str) -> LogEntry {
        let snapshot = |document: &str| Snapshot {
            document: serde_json::from_str(document).unwrap(),
            account: serde_json::from_value(json!({
                "state": "invited", "listed": false, "fields": [{ "name": "seats", "value": { "decimal": 2.5 } }],
            }))
            .unwrap(),
            created: Some(Timestamp::from_millis(-1)),
        };
        LogEntry {
            seq: 3,
            version: Version(2),
            change: Change {
                at: Timestamp::from_millis(1_790_841_600_123),
                actor: Actor::Token(TokenId("tok_1".to_owned())),
                request: RequestId("req \"1\"".into()),
                plugin: PluginDigest::of(b"a plugin"),
                event: Event::Updated,
                resource_type: ResourceType::USER,
                id: ResourceId::from_bytes([7; 16]),
                before: None,
                after: Some(snapshot(document)),
                members_added: vec![ResourceId::from_bytes([8; 16])],
                members_removed: Vec::new(),
                rewrites: vec![Rewrite::new(Rule::UnknownMemberIgnored, "members")],
                undoes: vec![1, 2],
            },
        }
    }

    const DOCUMENT: &str = r#"{"userName":"ada","name":{"givenName":"Ada","familyName":"\u00e9\n"},"emails":[{"value":"a","primary":true}]}"#;

    #[test]
    fn the_canonical_form_is_without_spaces_and_in_the_order_of_keys() {
        let text = String::from_utf8(canonical_json(&entry(DOCUMENT))).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"actor":{"token":"tok_1"},"after":{"account":{"fields":[{"name":"seats","value":{"decimal":2.5}}],"listed":false,"state":"invited"},"#,
                r#""created":-1,"document":{"emails":[{"primary":true,"value":"a"}],"name":{"familyName":"é\n","givenName":"Ada"},"userName":"ada"}},"#,
                r#""at":1790841600123,"event":"updated","id":"07070707-0707-0707-0707-070707070707","members_added":["08080808-0808-0808-0808-080808080808"],"#,
                r#""plugin":"bc1de45bfa4006cb1695e194d9bdf6532af14e323de66a5bd13b146184b15d30","request":"req \"1\"","resource_type":"User","rewrites":[{"path":"members","rule":"unknown-member-ignored"}],"seq":3,"#,
                r#""undoes":[1,2],"version":2}"#,
            )
        );
    }

    /// If this changes, no head that was exported before proves anything any more.
    #[test]
    fn the_hash_of_an_entry_is_what_it_always_was() {
        let one = LogHash::START.link(&entry(DOCUMENT));
        assert_eq!(one.to_string(), "55f4ecff39dced2da41007e85e016d2c2a5edea5f42004ba6585741e56f71093");
        assert_eq!(LogHash::START.link_of(LogHash::of_entry(&entry(DOCUMENT))), one);
        let two = one.link(&entry(DOCUMENT));
        assert_eq!(two.to_string(), "870ac7560c266e10e231dfb9ba658be4b379f02121a974a123a98a03047e10e1");
    }

    #[test]
    fn the_order_of_attributes_and_a_detour_through_json_do_not_matter() {
        let reordered = r#"{"emails":[{"primary":true,"value":"a"}],"name":{"familyName":"é\n","givenName":"Ada"},"userName":"ada"}"#;
        let hash = LogHash::START.link(&entry(DOCUMENT));
        assert_eq!(hash, LogHash::START.link(&entry(reordered)));

        let text = serde_json::to_string_pretty(&entry(DOCUMENT)).unwrap();
        assert_eq!(hash, LogHash::START.link(&serde_json::from_str(&text).unwrap()));
    }

    /// An entry is read and written again on its way through an export: a decimal that came back as its neighbour would break the chain.
    #[test]
    fn decimals_are_the_same_after_any_number_of_detours() {
        let mut bits = 1_u64;
        for _ in 0..100_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let decimal = f64::from_bits(bits ^ (bits >> 29));
            let text = serde_json::to_string(&decimal).unwrap();
            if decimal.is_finite() {
                assert_eq!(serde_json::from_str::<f64>(&text).unwrap().to_bits(), decimal.to_bits(), "{text}");
            }
        }
    }

    #[test]
    fn whatever_is_changed_changes_the_hash() {
        let whole = serde_json::to_value(entry(DOCUMENT)).unwrap();
        let hash = LogHash::START.link(&entry(DOCUMENT));
        let mut tried = 0;
        for pointer in leaves(&whole, String::new()) {
            let mut edited = whole.clone();
            let leaf = edited.pointer_mut(&pointer).unwrap();
            *leaf = match &*leaf {
                Value::Bool(yes) => json!(!*yes),
                Value::Number(number) if number.is_i64() => json!(number.as_i64().unwrap() + 1),
                Value::Number(number) => json!(number.as_f64().unwrap() + 0.5),
                Value::String(text) => json!(edited_text(text)),
                other => panic!("no leaf: {other}"),
            };
            if let Ok(entry) = serde_json::from_value::<LogEntry>(edited) {
                tried += 1;
                assert_ne!(LogHash::START.link(&entry), hash, "{pointer}");
            }
        }
        assert!(tried >= 18, "{tried} edits were still entries");
        assert_ne!(hash.link(&entry(DOCUMENT)), hash);
        assert_ne!(LogHash::from_bytes([1; 32]).link(&entry(DOCUMENT)), hash);
    }

    /// Hexadecimal digits stay what they are.
    fn edited_text(text: &str) -> String {
        match text.strip_suffix('0') {
            Some(rest) => format!("{rest}1"),
            None if text.len() > 30 => format!("{}0", &text[..text.len() - 1]),
            None => format!("{text}x"),
        }
    }

    fn leaves(value: &Value, at: String) -> Vec<String> {
        match value {
            Value::Object(members) => {
                members.iter().flat_map(|(name, value)| leaves(value, format!("{at}/{name}"))).collect()
            }
            Value::Array(elements) => {
                elements.iter().enumerate().flat_map(|(n, value)| leaves(value, format!("{at}/{n}"))).collect()
            }
            _ => vec![at],
        }
    }

    #[test]
    fn a_seal_is_read_back_and_a_hash_is_nothing_but_64_digits() {
        let seal = Seal { seq: 7, hash: LogHash::START.link(&entry(DOCUMENT)), at: Timestamp::from_millis(5) };
        let text = serde_json::to_string(&seal).unwrap();
        assert_eq!(serde_json::from_str::<Seal>(&text).unwrap(), seal);
        assert_eq!(LogHash::parse(&seal.hash.to_string()), Some(seal.hash));
        assert_eq!(LogHash::parse(&"0".repeat(64)), Some(LogHash::START));
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(66), &"g".repeat(64)] {
            assert_eq!(LogHash::parse(wrong), None, "{wrong}");
            assert!(serde_json::from_value::<LogHash>(json!(wrong)).is_err());
        }
    }
}
