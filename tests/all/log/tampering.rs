//! Whoever can write to the store can change a log, but not without `muster log verify` finding it. What the store's own sums would find is
//! left out here: every edit is written as the store itself would write it.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_model::{
    Account, Actor, Change, Event, LogEntry, LogHash, PluginDigest, Record, RequestId, ResourceId, ResourceType, Seal,
    Snapshot, TenantId, Timestamp, Version,
};
use muster_protocol::Document;
use muster_service::{ExportedHead, KeptNow, KeptThen, NewVerification, Verified, verify};
use muster_store::{Commit, Directory, LogKeeper, Store, Write};
use muster_store_sled::{Options, RawLog, SledStore};
use serde_json::json;

const TAMPERINGS: u64 = 1000;
const ENTRIES: u64 = 160;
/// Smaller than the server's, so that there are many seals.
pub(super) const BLOCK: u64 = 8;
const SEED: u64 = 20_261_103;
pub(super) const A_DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// SplitMix64: the same tamperings in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

fn id(number: u64) -> ResourceId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    ResourceId::from_bytes(bytes)
}

fn side(name: &str) -> Snapshot {
    let document: Document = serde_json::from_value(json!({ "userName": name, "active": true })).unwrap();
    Snapshot { document, account: Account::unmapped(), created: Some(Timestamp::from_millis(1_793_714_580_000)) }
}

/// A log with its seals, as it was written.
pub(super) struct Log {
    _folder: tempfile::TempDir,
    pub(super) raw: RawLog,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) keeper: Arc<dyn LogKeeper>,
    pub(super) entries: Vec<LogEntry>,
    seals: Vec<Seal>,
    /// What was exported: the head after most of it.
    head: ExportedHead,
}

impl Log {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(&folder.path().join("store"), Options::default()).unwrap();
        let acme = TenantId::parse("acme").unwrap();
        let (directory, keeper) = (store.directory(&acme), store.log_keeper(&acme));
        for number in 1..=ENTRIES {
            let name = format!("user{number}");
            let Snapshot { document, account, .. } = side(&name);
            let at = Timestamp::from_millis(1_793_714_580_000 + i64::try_from(number).unwrap() * 1000);
            let plugin = PluginDigest::of(b"a plugin");
            let record = Record {
                id: id(number),
                resource_type: ResourceType::USER,
                created: at,
                modified: at,
                version: Version::FIRST,
                document,
                account,
                plugin,
                keys: Vec::new(),
                index: Vec::new(),
            };
            let change = Change {
                at,
                actor: Actor::Operator,
                request: RequestId(format!("request-{number}").into()),
                plugin,
                event: Event::Created,
                resource_type: ResourceType::USER,
                id: record.id,
                before: None,
                after: Some(side(&name)),
                members_added: Vec::new(),
                members_removed: Vec::new(),
                rewrites: Vec::new(),
                undoes: Vec::new(),
            };
            let writes = vec![Write::Insert(Box::new(record))];
            let commit = Commit { at, writes, free: Vec::new(), changes: vec![change], tasks: Vec::new() };
            directory.commit(commit).await.unwrap();
        }
        let entries = directory.log(0, 1000).await.unwrap();
        let (mut seals, mut sealed) = (Vec::new(), Seal::START);
        for block in entries.chunks(usize::try_from(BLOCK).unwrap()) {
            let seal = sealed_by(&sealed, block);
            keeper.seal(&seal, sealed.seq).await.unwrap();
            seals.push(seal);
            sealed = seal;
        }
        let kept = KeptThen { at: sealed.at, first: 1, since: seals[0].at, log_days: None };
        let head = ExportedHead { tenant: None, seq: sealed.seq, hash: sealed.hash, kept: Some(kept) };
        Self { _folder: folder, raw: store.raw_log(&acme), directory, keeper, entries, seals, head }
    }

    /// Verified so many days after it was exported, while it was and is kept for so long.
    async fn verified_after(&self, days: i64, log_days: Option<u32>) -> Verified {
        let kept = self.head.kept.map(|then| KeptThen { log_days, ..then });
        let new = NewVerification { head: Some(ExportedHead { kept, ..self.head.clone() }), from: None };
        let now = Timestamp::from_millis(self.seals.last().unwrap().at.as_millis() + days * A_DAY_MS);
        verify(self.keeper.as_ref(), self.directory.as_ref(), new, KeptNow { now, log_days }).await.unwrap()
    }

    async fn verified(&self) -> Verified {
        self.verified_after(1, None).await
    }

    /// Replaces the log by another one.
    fn write(&self, entries: &[LogEntry], seals: &[Seal], beyond: u64) {
        for seq in 1..=ENTRIES + beyond {
            match entries.iter().find(|entry| entry.seq == seq) {
                Some(entry) => self.raw.put_entry(entry).unwrap(),
                None => self.raw.remove_entry(seq).unwrap(),
            }
            match seals.iter().find(|seal| seal.seq == seq) {
                Some(seal) => self.raw.put_seal(seal).unwrap(),
                None => self.raw.remove_seal(seq).unwrap(),
            }
        }
    }

    /// Makes the counters of the log fit what is there, behind `anchor`.
    fn count(&self, entries: &[LogEntry], seals: &[Seal], anchor: &Seal) {
        self.raw.set_last(entries.last().map_or(anchor.seq, |entry| entry.seq)).unwrap();
        self.raw.set_sealed(seals.last().unwrap_or(anchor)).unwrap();
    }

    fn restore(&self) {
        self.write(&self.entries, &self.seals, 1);
        self.count(&self.entries, &self.seals, &Seal::START);
        self.raw.set_anchor(&Seal::START).unwrap();
    }
}

pub(super) fn sealed_by(before: &Seal, block: &[LogEntry]) -> Seal {
    let hash = block.iter().fold(before.hash, |hash, entry| hash.link(entry));
    let last = block.last().unwrap();
    Seal { seq: last.seq, hash, at: last.change.at }
}

/// The chain that these entries would have had.
fn forged(entries: &[LogEntry], seals: &[Seal]) -> Vec<Seal> {
    let mut made: Vec<Seal> = Vec::new();
    for seal in seals {
        let before = made.last().copied().unwrap_or(Seal::START);
        let block: Vec<LogEntry> =
            entries.iter().filter(|it| before.seq < it.seq && it.seq <= seal.seq).cloned().collect();
        made.push(sealed_by(&before, &block));
    }
    made
}

/// Changes one field of an entry.
fn edit(entry: &mut LogEntry, dice: &mut Dice) {
    let change = &mut entry.change;
    match dice.below(14) {
        0 => change.at = Timestamp::from_millis(change.at.as_millis() + 1),
        1 => change.actor = Actor::Job("nobody".to_owned()),
        2 => change.request = RequestId(format!("{}x", change.request).into()),
        3 => change.plugin = PluginDigest::of(b"another plugin"),
        4 => change.event = Event::Updated,
        5 => change.resource_type = ResourceType::GROUP,
        6 => change.id = id(9999),
        7 => change.before = Some(side("before")),
        8 => change.after = None,
        9 => change.after.as_mut().unwrap().document.0["active"] = json!(false),
        10 => change.after.as_mut().unwrap().account.state = "disabled".to_owned(),
        11 => change.members_added.push(id(1)),
        12 => change.undoes.push(1),
        _ => entry.version = Version(entry.version.0 + 1),
    }
}

/// Numbers entries from 1, as whoever closes or hides a gap does.
fn renumbered(entries: Vec<LogEntry>) -> Vec<LogEntry> {
    (1..).zip(entries).map(|(seq, entry)| LogEntry { seq, ..entry }).collect()
}

/// One tampering; what kind it is.
fn tamper(log: &Log, dice: &mut Dice) -> &'static str {
    let (mut entries, mut seals) = (log.entries.clone(), log.seals.clone());
    let place = usize::try_from(dice.below(ENTRIES)).unwrap();
    let other = (place + 1 + usize::try_from(dice.below(ENTRIES - 1)).unwrap()) % entries.len();
    let block = usize::try_from(dice.below(ENTRIES / BLOCK)).unwrap();
    let mut behind = Seal::START;
    let (kind, mut counted) = match dice.below(17) {
        0 | 1 => {
            edit(&mut entries[place], dice);
            ("an entry edited", false)
        }
        2 => {
            entries.remove(place);
            ("an entry removed", false)
        }
        3 => {
            entries.remove(place);
            entries = renumbered(entries);
            ("an entry removed and the gap closed", dice.below(2) == 0)
        }
        4 => {
            let mut added = entries[other].clone();
            edit(&mut added, dice);
            entries.insert(place, added);
            entries = renumbered(entries);
            ("an entry inserted", dice.below(2) == 0)
        }
        5 => {
            entries.swap(place, other);
            entries = renumbered(entries);
            ("two entries swapped", false)
        }
        6 => {
            entries[place] = LogEntry { seq: entries[place].seq, ..entries[other].clone() };
            ("an entry written over another", false)
        }
        7 => {
            entries.truncate(place);
            ("the end cut off", false)
        }
        8 => {
            entries.truncate(place);
            let last = entries.last().map_or(0, |entry| entry.seq);
            seals.retain(|seal| seal.seq <= last);
            ("the end cut off, seals and counters with it", true)
        }
        9 => {
            entries.drain(..=place);
            ("the beginning cut off", false)
        }
        10 => {
            // Cut between two seals, or at one whose hash is made up.
            let cut = seals[block];
            let anchor = match dice.below(2) {
                0 if cut.seq > 1 => Seal { seq: cut.seq - 1, ..cut },
                _ => Seal { hash: LogHash::from_bytes([u8::try_from(block).unwrap(); 32]), ..cut },
            };
            entries.retain(|entry| entry.seq > anchor.seq);
            seals.retain(|seal| seal.seq > anchor.seq);
            log.raw.set_anchor(&anchor).unwrap();
            ("the beginning cut off behind a made-up anchor", false)
        }
        11 => {
            seals.truncate(block);
            ("seals cut off", dice.below(2) == 0)
        }
        12 => {
            let mut bytes = *seals[block].hash.as_bytes();
            bytes[usize::try_from(dice.below(32)).unwrap()] ^= 1 << dice.below(8);
            seals[block].hash = LogHash::from_bytes(bytes);
            ("a seal edited", dice.below(2) == 0)
        }
        13 => {
            edit(&mut entries[place], dice);
            seals = forged(&entries, &seals);
            ("an entry edited and everything sealed anew", true)
        }
        // As retention does it, but too early.
        cut => {
            let (kind, last) = match cut {
                14 => ("the beginning cut off at a seal, which became the anchor", block),
                15 => ("the beginning cut off at a seal, and the time of the anchor forged", block),
                _ => ("everything gone, and the anchor at the end", seals.len() - 1),
            };
            behind = seals[last];
            if cut == 15 || dice.below(2) == 0 {
                let ms = behind.at.as_millis() - A_DAY_MS * i64::try_from(1 + dice.below(3650)).unwrap();
                behind.at = Timestamp::from_millis(if cut == 14 { behind.at.as_millis() } else { ms });
            }
            entries.retain(|entry| entry.seq > behind.seq);
            seals.retain(|seal| seal.seq > behind.seq);
            log.raw.set_anchor(&behind).unwrap();
            (kind, true)
        }
    };
    // Of nothing left at all the counters would say so.
    counted |= entries.is_empty();
    log.write(&entries, &seals, 1);
    if counted {
        log.count(&entries, &seals, &behind);
    }
    kind
}

#[tokio::test]
async fn a_thousand_tamperings_with_a_log_are_all_found_and_the_untouched_log_passes_each_time() {
    let log = Log::new().await;
    let mut dice = Dice(SEED);
    let mut found: BTreeMap<&str, (u64, u64)> = BTreeMap::new();

    for number in 0..TAMPERINGS {
        let kind = tamper(&log, &mut dice);
        // Whether it is kept for ever or for a time that is not over.
        let log_days = Some(30).filter(|_| number % 2 == 0);
        let tampered = log.verified_after(29, log_days).await;
        log.restore();
        let restored = log.verified_after(29, log_days).await;

        let counts = found.entry(kind).or_default();
        counts.0 += 1;
        counts.1 += u64::from(tampered.problem.is_some());
        assert!(tampered.problem.is_some(), "tampering {number} (seed {SEED}): {kind} was not found");
        assert_eq!(restored.problem, None, "after tampering {number} (seed {SEED}): {kind}");
        assert!(restored.held.is_some_and(|held| (held.sealed, held.unsealed) == (ENTRIES, 0)));
    }

    for (kind, (made, found)) in &found {
        println!("{kind}: {made} made, {found} found");
    }
    let (made, all) = found.values().fold((0, 0), |(made, all), counts| (made + counts.0, all + counts.1));
    println!("tamperings: {made}, found: {all}, the untouched log passed: {made}");
    assert_eq!((made, all), (TAMPERINGS, TAMPERINGS));
    assert_eq!(found.len(), 16, "every kind was tried");
}

#[tokio::test]
async fn what_is_wrong_is_told_with_the_block_that_it_is_in() {
    let log = Log::new().await;
    let mut edited = log.entries.clone();
    edited[20].change.after.as_mut().unwrap().document.0["active"] = json!(false);
    log.write(&edited, &log.seals, 0);
    let in_block = log.verified().await.problem.unwrap();
    log.restore();
    log.raw.remove_entry(100).unwrap();
    let missing = log.verified().await.problem.unwrap();
    log.restore();
    let (entries, seals) = (&log.entries[..40], &log.seals[..5]);
    log.write(entries, seals, 0);
    log.count(entries, seals, &Seal::START);
    let cut_off = log.verified().await.problem.unwrap();

    assert_eq!((in_block.from, in_block.through), (17, 24));
    assert!(in_block.says.starts_with("they are not what was sealed: "), "{in_block}");
    assert_eq!((missing.from, missing.through), (97, 104));
    assert_eq!(missing.says, "the store is damaged: entry 100 of the log is missing");
    let says = "entries 41 to 160: the log ends at entry 40, before the exported head at 160: its end was cut off";
    assert_eq!(cut_off.to_string(), says);
}

#[tokio::test]
async fn what_retention_has_taken_is_told_from_what_somebody_has() {
    let log = Log::new().await;
    let cut = async |block: usize, days: i64| {
        let anchor = log.seals[block];
        let (entries, seals): (Vec<_>, Vec<_>) = (
            log.entries.iter().filter(|entry| entry.seq > anchor.seq).cloned().collect(),
            log.seals.iter().filter(|seal| seal.seq > anchor.seq).copied().collect(),
        );
        log.write(&entries, &seals, 0);
        log.count(&entries, &seals, &anchor);
        log.raw.set_anchor(&anchor).unwrap();
        let verified = log.verified_after(days, Some(30)).await;
        log.restore();
        (verified.problem.map(|problem| problem.to_string()), verified.held.map(|held| held.sealed))
    };

    assert_eq!(cut(9, 31).await, (None, Some(80)), "a part of it, a day later than it had to be kept");
    assert_eq!(cut(19, 31).await, (None, Some(0)), "all of it");
    let (early, held) = cut(9, 29).await;
    let says =
        "entries 1 to 80: they were removed, though they are kept for 30 days and the first of them were sealed at ";
    assert!(early.is_some_and(|early| early.starts_with(says)) && held.is_none());
}
