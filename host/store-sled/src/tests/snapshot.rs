//! A snapshot gives what was there when it began, whatever is written while it is read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_store::contract::help::{USER, acme, commit, group, id, insert, join, leave, remove, replace, user};
use muster_store::{Store, StoreError};
use proptest::prelude::*;
use serde_json::json;
use sled::IVec;

use crate::core::Core;
use crate::flight::Writes;
use crate::keys::{self, Range, Space};
use crate::snapshot::{Row, Snapshot, Snapshots};
use crate::{Options, SledStore, codec};

type Rows = BTreeMap<Vec<u8>, IVec>;

/// What is in the tree, row by row.
fn everything(db: &sled::Db) -> Rows {
    db.iter().map(|row| row.unwrap()).map(|(key, row)| (key.to_vec(), row)).collect()
}

/// The same of what a snapshot gave; none may come twice.
fn add(all: &mut Rows, rows: Vec<Row>) {
    for Row { key, own, parts } in rows {
        for (number, part) in (0..).zip(parts) {
            assert!(all.insert(keys::part(&key, number), part).is_none(), "a part came twice");
        }
        assert!(all.insert(key.to_vec(), own).is_none(), "a row came twice");
    }
}

fn core(folder: &std::path::Path) -> Arc<Core> {
    let (opened, _) = crate::open::open(folder, &Options::default()).unwrap();
    Arc::new(Core::new(Arc::new(opened), 1000))
}

/// As the committer does it.
fn write(core: &Core, writes: &Writes) {
    let db = &core.opened().unwrap().db;
    let mut batch = sled::Batch::default();
    for (key, row) in writes {
        match row {
            Some(row) => batch.insert(&key[..], row),
            None => batch.remove(&key[..]),
        }
    }
    let kept = core.snapshots.keep(db, writes);
    db.apply_batch(batch).unwrap();
    drop(kept);
}

async fn begin(core: &Arc<Core>, ranges: Vec<Range>) -> Snapshot {
    let turn = core.snapshots.turn().await.unwrap();
    core.snapshots.begin(ranges);
    Snapshot::new(Arc::clone(core), turn)
}

/// Puts a value of this length over what is there, as a commit would; `None`: removes it.
fn put(core: &Core, key: &[u8], length: Option<usize>, filling: u8) {
    let db = &core.opened().unwrap().db;
    let mut writes = Writes::new();
    let old = db.get(key).unwrap().map_or(0, |row| codec::count_of_parts(&row));
    writes.extend((0..old).map(|number| (keys::part(key, number), None)));
    match length {
        Some(length) => {
            let value = vec![filling; length];
            let (own, parts) = codec::rows(key, &value);
            writes.extend((0..).zip(parts).map(|(number, part)| (keys::part(key, number), Some(part.into()))));
            writes.insert(key.to_vec(), Some(own.into()));
        }
        None => {
            writes.insert(key.to_vec(), None);
        }
    }
    write(core, &writes);
}

#[derive(Debug, Clone)]
enum Step {
    Put { key: usize, length: Option<usize>, filling: u8 },
    Read { range: usize, rows: usize },
}

fn places() -> Vec<Vec<u8>> {
    let spaces = ["a", "acme", "acme2"].map(|name| Space::of(&muster_store::contract::help::tenant(name)));
    let of = |space: &Space| (1..=6).flat_map(|n| [space.record(&USER, id(n)), space.change(n)]).collect::<Vec<_>>();
    spaces.iter().flat_map(of).collect()
}

fn ranges() -> Vec<Range> {
    let acme = Space::of(&muster_store::contract::help::tenant("acme"));
    vec![acme.records(&USER), acme.changes(2), Range::everything()]
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![Just(None), (0..100_usize).prop_map(Some), (5000..16_000_usize).prop_map(Some)];
    prop_oneof![
        3 => (0..places().len(), length, any::<u8>()).prop_map(|(key, length, filling)| Step::Put { key, length, filling }),
        2 => (0..ranges().len(), 1..6_usize).prop_map(|(range, rows)| Step::Read { range, rows }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_equals_the_state_at_its_beginning(
        before in proptest::collection::vec(step(), 0..60),
        during in proptest::collection::vec(step(), 0..120),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let core = core(folder.path());
        let (places, ranges) = (places(), ranges());
        for step in before {
            if let Step::Put { key, length, filling } = step {
                put(&core, &places[key], length, filling);
            }
        }
        let expected = everything(&core.opened().unwrap().db);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut snapshot = runtime.block_on(begin(&core, vec![Range::everything()]));
        let mut found = Rows::new();
        for step in during {
            match step {
                Step::Put { key, length, filling } => put(&core, &places[key], length, filling),
                Step::Read { range, rows } => {
                    let read = snapshot.next_in(&ranges[range], rows).unwrap();
                    prop_assert!(read.len() <= rows);
                    prop_assert!(read.iter().all(|row| *row.key >= *ranges[range].start && *row.key < *ranges[range].end));
                    add(&mut found, read);
                }
            }
        }
        loop {
            let rows = snapshot.next(3).unwrap();
            if rows.is_empty() {
                break;
            }
            add(&mut found, rows);
        }
        prop_assert!(found == expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_a_store_that_is_written_to_is_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    let directory = acme(&(Arc::clone(&store) as Arc<dyn Store>));
    directory.commit(commit(vec![insert(&group(1, "everyone"))])).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..=4)
        .map(|writer| {
            let (directory, stop) = (directory.clone(), stop.clone());
            tokio::spawn(async move {
                let mut made = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    made += 1;
                    let ada = user(writer * 1_000_000 + made, &format!("user {writer} {made}"));
                    directory.commit(commit(vec![insert(&ada), join(1, writer * 1_000_000 + made)])).await.unwrap();
                    let long = json!({ "userName": format!("user {writer} {made}"), "title": "x".repeat(9000) });
                    let (changed, write) = replace(&ada, long);
                    directory.commit(commit(vec![write])).await.unwrap();
                    if made.is_multiple_of(3) {
                        directory
                            .commit(commit(vec![leave(1, writer * 1_000_000 + made), remove(&changed)]))
                            .await
                            .unwrap();
                    }
                }
                made
            })
        })
        .collect();

    for _ in 0..5 {
        let mut snapshot = store.snapshot(vec![Range::everything()]).await.unwrap();
        let space = Space::of(&muster_store::contract::help::tenant("acme"));
        let reading = tokio::task::spawn_blocking(move || {
            let mut rows = Vec::new();
            loop {
                let more = snapshot.next(50).unwrap();
                if more.is_empty() {
                    break rows;
                }
                rows.extend(more);
                std::thread::yield_now();
            }
        });
        let rows = reading.await.unwrap();
        let within = |range: Range| rows.iter().filter(move |row| *row.key >= *range.start && *row.key < *range.end);
        let users = within(space.records(&USER)).count() as u64;
        let told = |key: Vec<u8>| rows.iter().find(|row| *row.key == *key).map(|row| row.own.clone());
        assert_eq!(codec::number(told(space.record_count(&USER))).unwrap(), users);
        let members = within(space.members(id(1))).count() as u64;
        assert_eq!(codec::number(told(space.member_count(id(1)))).unwrap(), members);
        assert_eq!(members, users, "each batch holds both or neither");
        assert!(within(space.records(&USER)).all(|row| row.value().is_ok()));
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
}

#[tokio::test]
async fn a_snapshot_fails_when_too_much_changes_and_writes_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut core = core(folder.path());
    Arc::get_mut(&mut core).unwrap().snapshots = Snapshots::new(50_000);
    let places = places();
    for place in &places {
        put(&core, place, Some(4000), 1);
    }
    let mut snapshot = begin(&core, vec![Range::everything()]).await;
    assert_eq!(snapshot.next(5).unwrap().len(), 5);
    for place in &places {
        put(&core, place, Some(10), 2);
    }
    let failed = snapshot.next(5).unwrap_err();
    assert!(
        matches!(&failed, StoreError::Unavailable(why) if why.to_string().contains("more was changed")),
        "{failed}"
    );
    assert!(everything(&core.opened().unwrap().db).len() >= places.len(), "what was written is there");

    // The next one begins anew, and what was read need not be kept.
    drop(snapshot);
    let mut snapshot = begin(&core, vec![Range::everything()]).await;
    let mut count = 0;
    loop {
        let rows = snapshot.next(7).unwrap();
        if rows.is_empty() {
            break;
        }
        count += rows.len();
        for place in &places {
            put(&core, place, Some(count), 3);
        }
    }
    assert!(count >= places.len());
}

#[tokio::test]
async fn one_snapshot_is_read_at_a_time_and_another_waits() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), Options::default()).unwrap();
    let first = store.snapshot(vec![Range::everything()]).await.unwrap();
    let mut second = Box::pin(store.snapshot(vec![Range::everything()]));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(second.as_mut().poll(&mut context).is_pending());

    drop(first);

    assert!(second.await.unwrap().next(1).is_ok());
    store.close().await;
    assert!(store.snapshot(vec![Range::everything()]).await.is_err());
}
