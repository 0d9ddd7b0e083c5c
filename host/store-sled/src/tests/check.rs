//! A check finds nothing in a sound store, and each thing that is wrong in another; what follows from facts is mended.

use std::path::Path;
use std::sync::Arc;

use muster_model::{Attempt, LogHash, Progress, Queue, ResourceType, Seal, Standing, Trust};
use muster_store::contract::feeds::{event, feed};
use muster_store::contract::help::{USER, at, id, tenant};
use muster_store::contract::outbox::crm;
use muster_store::{Settled, Store};
use sled::IVec;
use tempfile::TempDir;

use super::load::loaded;
use crate::keys::{self, Range, Space, last_number};
use crate::{OfflineError, OpenError, Options, Report, SledStore, check, codec, rebuild_index};

const STEPS: usize = 300;

async fn sound_store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    loaded(&store, 7, STEPS).await;
    seal(&store).await;
    tasks(&store).await;
    store.put_trust(&Trust { version: 1, ..Trust::default() }, 0).await.unwrap();
    store.close().await;
    folder
}

/// Carries some of acme's tasks out, feeds and tells a receiver, and lets a plugin remember something.
async fn tasks(store: &Arc<dyn Store>) {
    let outbox = store.outbox(&tenant("acme"));
    let leases = outbox.lease(&Queue::plugin(), at(1_000_000), at(1_000_060), 8).await.unwrap().tasks;
    assert_eq!(leases.len(), 8);
    let attempt = Attempt { at: at(1_000_000), took_ms: 5, failure: None };
    let outcomes = [
        Settled::Done(attempt.clone()),
        Settled::Done(attempt.clone()),
        Settled::Again { attempt: attempt.clone(), due: at(1_000_100) },
        Settled::Parked(attempt),
        Settled::Held,
    ];
    for (lease, outcome) in leases.iter().zip(outcomes) {
        outbox.settle(lease, outcome).await.unwrap();
    }
    let entries = vec![(7, event(7, &crm())), (0, event(8, &crm()))];
    outbox.feed(&crm(), feed(1_000_000, None, 9, entries)).await.unwrap();
    let state = store.plugin_state(&tenant("acme"), "poggio");
    for key in ["one", "other", "gone"] {
        state.put(key, &[7; 9_000], None, 1 << 20).await.unwrap();
    }
    state.delete("gone", None).await.unwrap();
}

/// Seals acme's log twice, and cuts it off at the first.
async fn seal(store: &Arc<dyn Store>) {
    let (keeper, directory) = (store.log_keeper(&tenant("acme")), store.directory(&tenant("acme")));
    let (mut hash, mut after) = (LogHash::START, 0);
    for through in [20, 100] {
        for entry in directory.log(after, usize::try_from(through - after).unwrap()).await.unwrap() {
            hash = hash.link(&entry);
        }
        keeper.seal(&Seal { seq: through, hash, at: at(1) }, after).await.unwrap();
        after = through;
    }
    keeper.prune(20, 1000).await.unwrap();
}

fn copy(original: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(original).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    folder
}

fn checked(folder: &Path) -> Report {
    check(folder, &Options::default(), &mut |_| {}).unwrap()
}

fn edit(folder: &Path, edit: impl FnOnce(&sled::Db)) {
    let (opened, _) = crate::open::open(folder, &Options::default()).unwrap();
    edit(&opened.db);
    opened.db.flush().unwrap();
}

fn rows(db: &sled::Db, range: &Range) -> Vec<(IVec, IVec)> {
    db.range(&range.start[..]..&range.end[..]).map(Result::unwrap).collect()
}

/// The middle one of the rows of a kind.
fn one(db: &sled::Db, kind: u8) -> (IVec, IVec) {
    let rows = rows(db, &acme().rows(kind));
    assert!(!rows.is_empty(), "the load made no `{}`", char::from(kind));
    rows[rows.len() / 2].clone()
}

fn acme() -> Space {
    Space::of(&tenant("acme"))
}

/// Another key of the same kind of row: the last byte differs, which is of an id or of a number.
fn beside(key: &[u8]) -> Vec<u8> {
    let mut key = key.to_vec();
    *key.last_mut().unwrap() ^= 0x55;
    key
}

#[tokio::test]
async fn nothing_is_found_in_a_sound_store() {
    let folder = sound_store().await;
    for _ in 0..2 {
        let report = checked(folder.path());
        assert!(report.is_sound(), "{:?}", report.findings);
        for (what, least) in
            [("User records", 20), ("Group records", 2), ("log entries", 2 * STEPS as u64 - 20), ("tasks", 20)]
        {
            assert!(report.counts[what] >= least, "{what}: {:?}", report.counts);
        }
        assert_eq!((report.counts["tenants"], report.counts["plugins"], report.counts["seals"]), (2, 1, 1));
    }
    let rebuilt = rebuild_index(folder.path(), &Options::default(), &mut |_| {}).unwrap();
    assert_eq!((rebuilt.changed, rebuilt.report.found), (0, 0), "there was nothing to mend");
}

type Damage = (&'static str, fn(&sled::Db));

/// Of what follows from facts.
const MENDABLE: &[Damage] = &[
    ("no unique key", |db| drop(db.remove(one(db, b'k').0).unwrap())),
    ("a unique key that leads to nobody", |db| drop(db.insert(one(db, b'k').0, id(999_999).as_bytes()).unwrap())),
    ("a unique key too many", |db| {
        let key = acme().unique(&USER, "username", "nobody has it");
        db.insert(key, id(1).as_bytes()).unwrap();
    }),
    ("no index row", |db| drop(db.remove(one(db, b'i').0).unwrap())),
    ("an index row too many", |db| drop(db.insert(beside(&one(db, b'i').0), &[]).unwrap())),
    ("an index row with something in it", |db| drop(db.insert(one(db, b'i').0, b"x").unwrap())),
    ("an index row for another", |db| {
        let (key, row) = one(db, b'i');
        db.remove(&key).unwrap();
        db.insert(beside(&key), row).unwrap();
    }),
    ("not known to be active", |db| drop(db.remove(one(db, b'a').0).unwrap())),
    ("said to be active", |db| drop(db.insert(acme().active(&USER, true, id(999_999)), &[]).unwrap())),
    ("no state", |db| drop(db.remove(one(db, b's').0).unwrap())),
    ("a state too many", |db| drop(db.insert(acme().state(&USER, "gone", id(2)), &[]).unwrap())),
    ("no time of change", |db| drop(db.remove(one(db, b'd').0).unwrap())),
    ("a time of change too many", |db| drop(db.insert(acme().modified(&USER, at(77), id(2)), &[]).unwrap())),
    ("a counter that is too high", |db| {
        let (key, row) = one(db, b'R');
        let count = codec::number(Some(row)).unwrap() + 1;
        db.insert(key, &count.to_be_bytes()).unwrap();
    }),
    ("no counter", |db| drop(db.remove(one(db, b'S').0).unwrap())),
    ("a counter that cannot be read", |db| drop(db.insert(one(db, b'A').0, b"many").unwrap())),
    ("a counter too many", |db| {
        db.insert(acme().record_count(&ResourceType::new("Device")), &1_u64.to_be_bytes()).unwrap();
    }),
    ("a wrong count of members", |db| drop(db.insert(one(db, b'M').0, &77_u64.to_be_bytes()).unwrap())),
    ("a count of members of no group", |db| {
        db.insert(acme().member_count(id(999_999)), &1_u64.to_be_bytes()).unwrap();
    }),
    ("a member that does not know it", |db| drop(db.remove(one(db, b'g').0).unwrap())),
    ("a member only by its own account", |db| drop(db.insert(acme().group(id(1), id(999_999)), &[]).unwrap())),
    ("a task that stands nowhere", |db| drop(db.remove(one(db, b'y').0).unwrap())),
    ("a task that stands twice", |db| {
        let seq = last_number(&one(db, b't').0).unwrap();
        db.insert(acme().standing(Standing::Cancelled, seq), &[]).unwrap();
    }),
    ("a task that follows from nothing", |db| drop(db.remove(one(db, b'e').0).unwrap())),
    ("a task that follows twice", |db| drop(db.insert(beside(&one(db, b'e').0), &[]).unwrap())),
    ("a task that blocks no lane", |db| drop(db.remove(one(db, b'q').0).unwrap())),
    ("a task that blocks two lanes", |db| {
        let seq = last_number(&one(db, b't').0).unwrap();
        db.insert(acme().in_lane(id(999_999), &Queue::plugin(), seq), &[]).unwrap();
    }),
    ("a head that is not due", |db| drop(db.remove(one(db, b'w').0).unwrap())),
    ("a head that is due twice", |db| {
        let seq = last_number(&one(db, b'w').0).unwrap();
        db.insert(acme().due(&Queue::plugin(), at(77), seq), &[]).unwrap();
    }),
    ("all heads are gone", |db| {
        for kind in *b"qw" {
            for (key, _) in rows(db, &acme().rows(kind)) {
                db.remove(key).unwrap();
            }
        }
    }),
    ("a wrong count of tasks", |db| drop(db.insert(one(db, b'n').0, &77_u64.to_be_bytes()).unwrap())),
    ("a queue that is not known to hold tasks", |db| {
        drop(db.remove(Space::deployment().queue(&tenant("acme"), &Queue::plugin())).unwrap());
    }),
    ("a queue that is said to hold tasks", |db| {
        let queue = Queue::parse("webhook:none").unwrap();
        db.insert(Space::deployment().queue(&tenant("acme"), &queue), &[]).unwrap();
    }),
    ("a wrong count of what is remembered", |db| drop(db.insert(one(db, b'G').0, &7_u64.to_be_bytes()).unwrap())),
    ("a gap in a history", |db| drop(db.remove(one(db, b'H').0).unwrap())),
    ("a history of an entry that does not tell of it", |db| {
        drop(db.insert(acme().told(id(999_999), 50), &[]).unwrap());
    }),
    ("a history of an entry that is not there", |db| drop(db.insert(acme().told(id(1), 99_999), &[]).unwrap())),
    ("a part of no value", |db| drop(db.insert(keys::part(&acme().record(&USER, id(999_999)), 3), b"x").unwrap())),
    ("all index rows gone", |db| {
        for kind in *b"kiasdASuRgMHyeqwnG" {
            for (key, _) in rows(db, &acme().rows(kind)) {
                db.remove(key).unwrap();
            }
        }
    }),
];

/// Of facts: nothing can make them again.
const FACTS: &[Damage] = &[
    ("a record is gone", |db| drop(db.remove(one(db, b'r').0).unwrap())),
    ("a byte of a record changed", |db| {
        let (key, row) = one(db, b'r');
        let mut row = row.to_vec();
        *row.last_mut().unwrap() ^= 1;
        db.insert(key, row).unwrap();
    }),
    ("a record of another is in its place", |db| {
        let records = rows(db, &acme().records(&USER));
        db.insert(&records[0].0, &records[1].1).unwrap();
    }),
    ("a part of a value is gone", |db| drop(db.remove(one(db, b'c').0).unwrap())),
    ("a record is older than the log", |db| {
        // As if a page had been lost: an earlier version of the record, whole in itself.
        let older = |(key, _): &(IVec, IVec)| {
            let record = codec::load(key, |key| Ok(db.get(key).unwrap())).unwrap().unwrap();
            let version = codec::record_version(&record).unwrap();
            (version.0 > 1).then(|| codec::touched(&record, muster_model::Version(version.0 - 1), at(0)).unwrap())
        };
        let found = rows(db, &acme().records(&USER)).into_iter().find_map(|row| Some((row.0.clone(), older(&row)?)));
        let (key, record) = found.unwrap();
        let (own, parts) = codec::rows(&key, &record);
        for (number, part) in (0..).zip(parts) {
            db.insert(keys::part(&key, number), part).unwrap();
        }
        db.insert(key, own).unwrap();
    }),
    ("a membership is of nobody", |db| drop(db.insert(acme().member(id(999_999), id(1)), "User").unwrap())),
    ("an entry of the log is gone", |db| drop(db.remove(one(db, b'l').0).unwrap())),
    ("the latest entry of the log is gone", |db| {
        let (key, _) = rows(db, &acme().changes(0)).pop().unwrap();
        db.remove(key).unwrap();
    }),
    ("an entry of the log is not what it was", |db| {
        let (key, row) = one(db, b'l');
        db.insert(key, row.iter().rev().copied().collect::<Vec<u8>>()).unwrap();
    }),
    ("the log's counter is too high", |db| {
        db.insert(acme().heads(), &[9_999_u64, 3].map(u64::to_be_bytes).concat()[..]).unwrap();
    }),
    ("the counters cannot be read", |db| drop(db.insert(acme().heads(), b"x").unwrap())),
    ("a seal is gone", |db| drop(db.remove(acme().seal(100)).unwrap())),
    ("a sealed entry was exchanged", |db| {
        let value = |seq: u64| codec::load(&acme().change(seq), |key| Ok(db.get(key).unwrap())).unwrap().unwrap();
        let (one, other) = (value(50).to_vec(), value(51).to_vec());
        for (seq, value) in [(50, other), (51, one)] {
            let key = acme().change(seq);
            let (own, parts) = codec::rows(&key, &value);
            assert_eq!(parts.len(), 0);
            db.insert(key, own).unwrap();
        }
    }),
    ("a task is gone", |db| drop(db.remove(one(db, b't').0).unwrap())),
    ("that a task is done is gone", |db| drop(db.remove(&rows(db, &acme().rows(b'p'))[0].0).unwrap())),
    ("what has become of a task is not what it was", |db| drop(db.insert(one(db, b'p').0, b"x").unwrap())),
    ("something has become of no task", |db| {
        let progress = serde_json::to_vec(&Progress::new(at(1))).unwrap();
        let key = acme().progress(999_999);
        db.insert(&key[..], codec::rows(&key, &progress).0).unwrap();
    }),
    ("how far a queue was fed is not what it was", |db| drop(db.insert(one(db, b'j').0, b"x").unwrap())),
    ("how far a queue was fed is no number", |db| {
        let key = one(db, b'j').0;
        db.insert(&key[..], codec::rows(&key, b"x").0).unwrap();
    }),
    ("a queue was fed beyond the end of the log", |db| {
        let key = one(db, b'j').0;
        db.insert(&key[..], codec::rows(&key, &999_999_u64.to_be_bytes()).0).unwrap();
    }),
    ("which queue was fed is not known", |db| drop(db.insert(beside(&one(db, b'j').0), b"x").unwrap())),
    ("what a plugin remembers is not what it was", |db| drop(db.insert(one(db, b'z').0, b"x").unwrap())),
    ("which plugin remembers is not known", |db| drop(db.remove(one(db, b'v').0).unwrap())),
    ("a plugin's component is gone", |db| {
        let (key, _) = rows(db, &Space::deployment().rows(b'B')).pop().unwrap();
        db.remove(key).unwrap();
    }),
    ("whom to trust cannot be read", |db| drop(db.insert(Space::deployment().trust(), b"x").unwrap())),
    ("a tenant cannot be read", |db| {
        let (key, _) = rows(db, &Space::deployment().tenants()).pop().unwrap();
        db.insert(key, b"x").unwrap();
    }),
    ("a row is nobody's", |db| drop(db.insert([9, b'x'], b"x").unwrap())),
];

#[tokio::test]
async fn each_damage_to_what_follows_from_facts_is_found_and_mended() {
    let original = sound_store().await;
    for (name, damage) in MENDABLE {
        let folder = copy(original.path());
        edit(folder.path(), damage);
        let report = checked(folder.path());
        assert!(report.found > 0 && report.mendable == report.found, "{name}: {:?}", report.findings);

        let rebuilt = rebuild_index(folder.path(), &Options::default(), &mut |_| {}).unwrap();

        assert!(rebuilt.changed > 0, "{name}");
        assert!(rebuilt.report.is_sound(), "{name}: {:?}", rebuilt.report.findings);
        assert!(checked(folder.path()).is_sound(), "{name}");
    }
}

#[tokio::test]
async fn each_damage_to_a_fact_is_found_and_nothing_is_made_up_for_it() {
    let original = sound_store().await;
    for (name, damage) in FACTS {
        let folder = copy(original.path());
        edit(folder.path(), damage);
        let report = checked(folder.path());
        assert!(report.found > report.mendable, "{name}: {:?}", report.findings);
        let told: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        assert!(told.iter().all(|told| !told.contains("example.com") && !told.contains("User 1 ")), "{told:?}");

        let rebuilt = rebuild_index(folder.path(), &Options::default(), &mut |_| {}).unwrap();

        assert!(rebuilt.report.found > 0 && rebuilt.report.mendable == 0, "{name}: {:?}", rebuilt.report.findings);
    }
}

#[tokio::test]
async fn only_so_many_findings_are_told_and_all_are_counted() {
    let folder = sound_store().await;
    edit(folder.path(), |db| {
        for n in 0..500 {
            db.insert(acme().told(id(999_999), 30 + n), &[]).unwrap();
        }
    });
    let report = checked(folder.path());
    assert_eq!((report.findings.len(), report.found), (crate::MAX_FINDINGS, 500));
}

#[tokio::test]
async fn a_store_whose_rebuilding_was_interrupted_is_not_served_until_it_is_done() {
    let folder = sound_store().await;
    edit(folder.path(), |db| {
        for kind in *b"kiasdASuRgMH" {
            for (key, _) in rows(db, &acme().rows(kind)) {
                db.remove(key).unwrap();
            }
        }
    });
    // Killed at different places: what it hears may panic, as good as a kill.
    for stop in [1, 400, 1500] {
        let interrupted = std::panic::catch_unwind(|| {
            rebuild_index(folder.path(), &Options::default(), &mut |rows| assert!(rows < stop, "a kill"))
        });
        assert!(!matches!(interrupted, Ok(Ok(_))), "it was stopped half-way");
        let refused = SledStore::open(folder.path(), Options::default()).unwrap_err();
        assert!(matches!(refused, OpenError::HalfMade { .. }), "{refused}");
        let refused = check(folder.path(), &Options::default(), &mut |_| {}).unwrap_err();
        assert!(matches!(refused, OfflineError::Open(OpenError::HalfMade { .. })), "{refused}");
    }
    assert!(rebuild_index(folder.path(), &Options::default(), &mut |_| {}).unwrap().report.is_sound());
    let store = SledStore::open(folder.path(), Options::default()).unwrap();
    store.close().await;
    assert!(checked(folder.path()).is_sound());
}

#[tokio::test]
async fn what_is_no_store_is_neither_checked_nor_made() {
    let folder = tempfile::tempdir().unwrap();
    for missing in [folder.path().to_owned(), folder.path().join("nowhere")] {
        for refused in [
            check(&missing, &Options::default(), &mut |_| {}).map(drop).unwrap_err(),
            rebuild_index(&missing, &Options::default(), &mut |_| {}).map(drop).unwrap_err(),
        ] {
            assert!(matches!(refused, OfflineError::Open(OpenError::Missing { .. })), "{refused}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let refused = check(folder.path(), &Options::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(refused, OfflineError::Open(OpenError::Foreign { .. })), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
