//! What an operator keeps of one deprovision, or gives to somebody: a file that proves its part of the log without the store.
//!
//! It has the part of the chain that one seal covers: of the entries that are about the deprovision everything, of all others only what stands
//! for them in the chain, so nothing is told of anybody else. Whoever holds the seal, or a later head of the log, against the server's own log
//! knows that the entries are those that were written. What the tasks tell is not in the log: that the file has it as the server told it shows
//! by the digest over all of it, which is no signature.

use muster_model::{HexDigest, LogEntry, LogHash, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ends_access;
use crate::verify::{ExportedHead, LogHead};

/// How the file is laid out.
pub const EVIDENCE_VERSION: u32 = 1;

/// How large such a file is at most, in bytes, for whoever reads one.
pub const MAX_EVIDENCE_BYTES: u64 = 64 << 20;

/// One deprovision and what proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`EVIDENCE_VERSION`]
    pub deprovision_evidence: u32,
    /// Whose user it was.
    pub tenant: TenantId,
    /// When this was made.
    pub made: String,
    /// The deprovision with its steps, as it stood then.
    pub deprovision: Value,
    /// The part of the log that it is in.
    pub chain: Chain,
    /// The SHA-256 of all of the above: of its JSON without white space, with the keys of every object in the order of their bytes.
    pub sha256: HexDigest,
}

/// The part of a log that one seal covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// What the log was before it.
    pub from: LogHead,
    /// Every entry of it, in order.
    pub links: Vec<Link>,
    /// What the log is behind it: the seal, as `muster log verify --head` takes it.
    pub head: ExportedHead,
}

/// One entry in the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Link {
    /// What stands for it: it is about somebody else.
    Digest(HexDigest),
    /// All of it.
    Entry(Box<LogEntry>),
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// It is none, or of another version of this program.
    #[error("this is no evidence of a deprovision: {0}")]
    NotOne(String),
    /// Something in it is not as it was made.
    #[error("the file is not as it was made: its content has not the digest that it names")]
    Changed,
    /// The entries do not follow each other up to the seal.
    #[error("the entries are not those that were sealed: {0}")]
    Chain(String),
    /// The story is of another entry than the one that is proved.
    #[error("the story is not that of the entry: {0} is another")]
    Story(&'static str),
    /// The head that was kept elsewhere is of another log.
    #[error("the log of this file is not the one of the head at entry {0}: it was written anew")]
    Head(u64),
}

/// What holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The log's entry.
    pub entry: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The seal that covers it.
    pub head: ExportedHead,
    /// Whether that was held against a head which was kept elsewhere.
    pub is_compared: bool,
}

impl Evidence {
    /// With the digest over all of it.
    pub(crate) fn new(tenant: TenantId, made: Timestamp, deprovision: Value, chain: Chain) -> Self {
        let made = made.to_string();
        let sha256 = HexDigest::START;
        let mut evidence = Self { deprovision_evidence: EVIDENCE_VERSION, tenant, made, deprovision, chain, sha256 };
        evidence.sha256 = evidence.digest();
        evidence
    }

    /// Of its JSON.
    pub fn parse(text: &[u8]) -> Result<Self, EvidenceError> {
        let not_one = |says: String| EvidenceError::NotOne(says);
        // As requests are read: a member that is there twice would be one thing to a person and another to this program.
        let value = muster_protocol::json::parse(text).map_err(|error| {
            let says = error.to_string();
            not_one(says.strip_prefix("the body is ").map_or(says.clone(), |rest| format!("it is {rest}")))
        })?;
        let version = value.get("deprovision_evidence").and_then(Value::as_u64);
        if version != Some(u64::from(EVIDENCE_VERSION)) {
            let says = match version {
                Some(other) => format!("it is of version {other}, and this program knows {EVIDENCE_VERSION}"),
                None => "it has no deprovision_evidence".to_owned(),
            };
            return Err(not_one(says));
        }
        let evidence: Self = serde_json::from_value(value.clone())
            .map_err(|error| not_one(crate::words::of_json(&error.to_string())))?;
        // What this program does not know is in no digest: a file has nothing in it but what was written.
        if json!(evidence) != value {
            return Err(EvidenceError::Changed);
        }
        Ok(evidence)
    }

    /// Whether it holds in itself: nothing in it was changed, the entry is part of the chain up to the seal, and the story is that entry's. With
    /// `head`, which was kept elsewhere, also whether the chain is that of the log; a head of another place cannot be compared.
    pub fn verify(&self, head: Option<&ExportedHead>) -> Result<Proven, EvidenceError> {
        if self.sha256 != self.digest() {
            return Err(EvidenceError::Changed);
        }
        let Chain { from, links, head: seal } = &self.chain;
        if seal.tenant.as_ref() != Some(&self.tenant) {
            return Err(EvidenceError::Chain("the seal is of the log of another tenant".to_owned()));
        }
        let (mut at, mut entries) = (*from, Vec::new());
        for link in links {
            let next = at.seq.saturating_add(1);
            let digest = match link {
                Link::Digest(digest) => *digest,
                Link::Entry(entry) if entry.seq != next => {
                    let says = format!("entry {} stands where entry {next} belongs", entry.seq);
                    return Err(EvidenceError::Chain(says));
                }
                Link::Entry(entry) => {
                    entries.push(entry.as_ref());
                    LogHash::of_entry(entry)
                }
            };
            at = LogHead { seq: next, hash: at.hash.link_of(digest) };
        }
        if (at.seq, at.hash) != (seal.seq, seal.hash) {
            let says = format!("they do not lead from entry {} to the seal at entry {}", from.seq, seal.seq);
            return Err(EvidenceError::Chain(says));
        }
        let mut is_compared = false;
        for place in [*from, at] {
            let same_place = head.filter(|head| head.seq == place.seq);
            if same_place.is_some_and(|head| head.hash != place.hash) {
                return Err(EvidenceError::Head(place.seq));
            }
            is_compared |= same_place.is_some();
        }
        let entry = self.entry(&entries)?;
        Ok(Proven { entry: entry.seq, at: entry.change.at, head: seal.clone(), is_compared })
    }

    /// The entry that the story is about, which says the same.
    fn entry<'a>(&self, entries: &[&'a LogEntry]) -> Result<&'a LogEntry, EvidenceError> {
        let seq = self.deprovision["entry"].as_u64();
        let entry = entries.iter().find(|entry| Some(entry.seq) == seq).ok_or(EvidenceError::Story("entry"))?;
        let change = &entry.change;
        if !ends_access(change) {
            return Err(EvidenceError::Story("event"));
        }
        let same = [
            ("user", json!(change.id)),
            ("event", json!(change.event)),
            ("at", json!(change.at.to_string())),
            ("by", json!(change.actor)),
            ("request", json!(change.request)),
        ];
        match same.into_iter().find(|(name, value)| self.deprovision[*name] != *value) {
            Some((name, _)) => Err(EvidenceError::Story(name)),
            None => Ok(entry),
        }
    }

    fn digest(&self) -> HexDigest {
        let Self { deprovision_evidence, tenant, made, deprovision, chain, sha256: _ } = self;
        let mut content = json!({
            "deprovision_evidence": deprovision_evidence,
            "tenant": tenant,
            "made": made,
            "deprovision": deprovision,
            "chain": chain,
        });
        content.sort_all_objects();
        HexDigest::of(content.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Actor, Change, Event, PluginDigest, RequestId, ResourceId, ResourceType, Version};

    use super::*;

    fn entry(seq: u64, event: Event, user: u8) -> LogEntry {
        let change = Change {
            at: Timestamp::from_millis(1_793_714_580_000),
            actor: Actor::Operator,
            request: RequestId("r-1".into()),
            plugin: PluginDigest::of(b""),
            event,
            resource_type: ResourceType::USER,
            id: ResourceId::from_bytes([user; 16]),
            before: None,
            after: None,
            members_added: Vec::new(),
            members_removed: Vec::new(),
            rewrites: Vec::new(),
            undoes: Vec::new(),
        };
        LogEntry { seq, version: Version(seq), change }
    }

    fn evidence() -> Evidence {
        let before = LogHash::START.link(&entry(1, Event::Created, 1));
        let entries = [entry(2, Event::Created, 2), entry(3, Event::Deactivated, 1), entry(4, Event::Updated, 2)];
        let hash = entries.iter().fold(before, LogHash::link);
        let tenant = TenantId::parse("acme").unwrap();
        let links = entries.map(|entry| {
            let digest = Link::Digest(LogHash::of_entry(&entry));
            if entry.change.event == Event::Deactivated { Link::Entry(Box::new(entry)) } else { digest }
        });
        let chain = Chain {
            from: LogHead { seq: 1, hash: before },
            links: links.to_vec(),
            head: ExportedHead { tenant: Some(tenant.clone()), seq: 4, hash, kept: None },
        };
        let change = entry(3, Event::Deactivated, 1).change;
        let story = json!({
            "entry": 3, "user": change.id, "event": "deactivated", "at": change.at.to_string(), "by": "operator",
            "request": "r-1", "state": "done",
        });
        Evidence::new(tenant, change.at, story, chain)
    }

    /// As whoever forges it has to: with the digest anew.
    fn forged(change: impl FnOnce(&mut Evidence)) -> Result<Proven, EvidenceError> {
        let mut evidence = evidence();
        change(&mut evidence);
        evidence.sha256 = evidence.digest();
        evidence.verify(None)
    }

    #[test]
    fn it_holds_as_it_was_made_and_after_any_detour_through_json() {
        let evidence = evidence();
        let proven = evidence.verify(None).unwrap();
        assert_eq!((proven.entry, proven.is_compared), (3, false));
        for text in [serde_json::to_vec(&evidence).unwrap(), serde_json::to_vec_pretty(&evidence).unwrap()] {
            assert_eq!(Evidence::parse(&text).unwrap().verify(None).unwrap(), proven);
        }
    }

    #[test]
    fn whichever_byte_is_changed_it_does_not_hold() {
        let text = serde_json::to_string_pretty(&evidence()).unwrap().into_bytes();
        let mut tried = 0;
        for place in 0..text.len() {
            // White space around it says nothing.
            if text[place].is_ascii_whitespace() {
                continue;
            }
            let mut changed = text.clone();
            changed[place] = if changed[place] == b'3' { b'4' } else { b'3' };
            let held = Evidence::parse(&changed).and_then(|evidence| evidence.verify(None));
            assert!(held.is_err(), "byte {place}: {}", String::from_utf8_lossy(&changed));
            tried += 1;
        }
        assert!(tried > 800, "{tried}");
    }

    #[test]
    fn what_is_added_to_it_is_not_as_it_was_made() {
        let (made, text) = (serde_json::to_value(evidence()).unwrap(), |value: &Value| value.to_string().into_bytes());
        assert!(Evidence::parse(&text(&made)).is_ok());
        for (place, name, value) in [
            ("/chain/links/1", "approved_by", json!("ciso")),
            ("/chain/links/1", "undoes", json!([])),
            ("/chain/links/1", "after", json!(null)),
        ] {
            let mut added = made.clone();
            added.pointer_mut(place).unwrap()[name] = value;
            assert_eq!(Evidence::parse(&text(&added)), Err(EvidenceError::Changed), "{place}/{name}");
        }
    }

    #[test]
    fn what_was_forged_with_its_digest_breaks_the_chain_or_is_another_story() {
        let chain = |says: &str| Err(EvidenceError::Chain(says.to_owned()));
        let broken = "they do not lead from entry 1 to the seal at entry 4";
        assert_eq!(forged(|it| it.chain.links.truncate(2)), chain(broken));
        assert_eq!(forged(|it| it.chain.links[0] = Link::Digest(HexDigest::START)), chain(broken));
        let another = |it: &mut Evidence| {
            let Link::Entry(entry) = &mut it.chain.links[1] else { unreachable!() };
            entry.change.at = Timestamp::from_millis(0);
        };
        assert_eq!(forged(another), chain(broken));
        assert_eq!(forged(|it| it.chain.links.swap(0, 1)), chain("entry 3 stands where entry 2 belongs"));
        let globex = TenantId::parse("globex").unwrap();
        assert_eq!(forged(|it| it.tenant = globex), chain("the seal is of the log of another tenant"));
        for (name, value) in [
            ("entry", json!(2)),
            ("user", json!(ResourceId::from_bytes([2; 16]))),
            ("event", json!("deleted")),
            ("at", json!("2026-11-03T14:03:00.001Z")),
            ("by", json!({ "job": "x" })),
            ("request", json!("r-2")),
        ] {
            assert_eq!(forged(|it| it.deprovision[name] = value), Err(EvidenceError::Story(name)));
        }
    }

    #[test]
    fn a_head_that_was_kept_elsewhere_is_compared_where_it_is_of_the_same_place() {
        let evidence = evidence();
        let head = |seq, hash| ExportedHead { tenant: None, seq, hash, kept: None };
        let (from, seal) = (evidence.chain.from, &evidence.chain.head);
        for (head, holds) in [
            (head(4, seal.hash), Ok(true)),
            (head(1, from.hash), Ok(true)),
            (head(3, LogHash::START), Ok(false)),
            (head(4, LogHash::START), Err(EvidenceError::Head(4))),
            (head(1, LogHash::START), Err(EvidenceError::Head(1))),
        ] {
            assert_eq!(evidence.verify(Some(&head)).map(|proven| proven.is_compared), holds);
        }
    }

    #[test]
    fn what_is_no_evidence_is_told_in_a_sentence() {
        for (text, says) in [
            ("{", "it is not acceptable JSON: "),
            ("", "it is empty where JSON is expected"),
            ("{}", "it has no deprovision_evidence"),
            (r#"{"deprovision_evidence":2}"#, "it is of version 2, and this program knows 1"),
            (r#"{"deprovision_evidence":1}"#, "missing field `tenant`"),
        ] {
            let told = Evidence::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(told.starts_with("this is no evidence of a deprovision: "), "{told}");
            assert!(told.contains(says), "{told}");
        }
    }
}
