//! Errors of the disk, and panics, at every place where the store relies on it.

use std::collections::BTreeSet;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use muster_store::contract::help::{USER, acme, at, change, commit, id, insert, number, query, together, user};
use muster_store::{Commit, Committed, Directory, Store, StoreError};

use crate::fault::name;
use crate::{Options, SledStore, check, restore};

/// How a place fails.
const WAYS: [&str; 2] = ["return", "panic"];

fn fails(folder: &Path, place: &str, way: &str) -> Failing {
    let name = name(folder, place);
    fail::cfg(&*name, way).unwrap();
    Failing(name)
}

/// Until it is dropped.
struct Failing(String);

impl Drop for Failing {
    fn drop(&mut self) {
        fail::remove(&*self.0);
    }
}

fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SledStore::open(folder, Options::default()).unwrap())
}

async fn add(directory: &Arc<dyn Directory>, n: u64) -> Result<Committed, StoreError> {
    let ada = user(n, &format!("user {n}"));
    directory.commit(Commit { changes: vec![change(&ada)], ..commit(vec![insert(&ada)]) }).await
}

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

/// Who is there; each with a whole entry of the log.
async fn who(store: &Arc<dyn Store>) -> BTreeSet<u64> {
    let directory = acme(store);
    let listed = directory.list(&query(&USER, None)).await.unwrap();
    let found: BTreeSet<u64> = listed.records.iter().map(|record| number(record.id)).collect();
    let mut told = BTreeSet::new();
    for entry in directory.log(0, 1000).await.unwrap() {
        told.insert(number(entry.change.id));
    }
    assert_eq!(found, told, "the log tells of whoever is there");
    found
}

/// What was held against what was acknowledged.
#[derive(Debug, Default)]
struct Held {
    failures: u64,
    acknowledged: u64,
    lost: u64,
    torn: u64,
    failed_opens: u64,
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "what it held is told")]
async fn whatever_fails_while_a_batch_is_written_nothing_acknowledged_is_lost_and_nothing_else_is_acknowledged() {
    let rounds = super::size("STORE_FAULTS", 1, 10);
    let mut held = Held::default();
    for place in (0..rounds).flat_map(|_| ["apply", "flush", "sync", "marker"]) {
        for way in WAYS {
            let case = format!("{place}, {way}");
            held.failures += 1;
            let folder = tempfile::tempdir().unwrap();
            let store = open(folder.path());
            let directory = acme(&store);
            for n in 1..=20 {
                add(&directory, n).await.unwrap();
                held.acknowledged += 1;
            }

            let failing = fails(folder.path(), place, way);
            let outcomes =
                together((101..=110).map(|n| Box::pin(add_owned(directory.clone(), n)) as _).collect()).await;
            assert!(outcomes.iter().all(is_unavailable), "{case}: acknowledged, and not written");
            drop(failing);
            assert!(is_unavailable(&add(&directory, 200).await), "{case}: it goes on as if nothing had been");
            assert!(store.ready().is_err(), "{case}");
            for n in (1..=20).chain(101..=110) {
                match directory.get(&USER, id(n)).await {
                    Ok(Some(found)) => assert!(n <= 20 && number(found.id) == n, "{case}: {n} may be taken back"),
                    Ok(None) => assert!(n > 20, "{case}: {n} is lost"),
                    Err(error) => assert!(n > 20 && is_unavailable::<()>(&Err(error)), "{case}: {n}"),
                }
            }

            store.close().await;
            let Ok(store) = SledStore::open(folder.path(), Options::default()) else {
                held.failed_opens += 1;
                continue;
            };
            let store: Arc<dyn Store> = Arc::new(store);
            let found = who(&store).await;
            held.lost += (1..=20).filter(|n| !found.contains(n)).count() as u64;
            assert!(found.iter().all(|n| (1..=20).contains(n) || (101..=110).contains(n)), "{case}: {found:?}");
            assert!(place != "apply" || found.len() == 20, "{case}: what was never applied is there");
            add(&acme(&store), 300).await.unwrap();
            store.close().await;
            let report = check(folder.path(), &Options::default(), &mut |_| {}).unwrap();
            held.torn += report.found;
        }
    }
    println!("{held:?}");
    assert!(held.failures == rounds * 8 && held.acknowledged == held.failures * 20, "{held:?}");
    assert_eq!((held.lost, held.torn, held.failed_opens), (0, 0, 0), "{held:?}");
}

async fn add_owned(directory: Arc<dyn Directory>, n: u64) -> Result<Committed, StoreError> {
    add(&directory, n).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_while_a_store_is_opened_it_opens_the_next_time() {
    for place in ["open: first batch", "open: sync", "open: marker"] {
        for way in WAYS {
            for was_there in [true, false] {
                let folder = tempfile::tempdir().unwrap();
                if was_there {
                    let store = open(folder.path());
                    add(&acme(&store), 1).await.unwrap();
                    store.close().await;
                }
                let failing = fails(folder.path(), place, way);
                for _ in 0..2 {
                    let opening = AssertUnwindSafe(|| SledStore::open(folder.path(), Options::default()).map(drop));
                    let outcome = std::panic::catch_unwind(opening);
                    assert!(!matches!(outcome, Ok(Ok(()))), "{place}, {way}");
                }
                drop(failing);
                let store = open(folder.path());
                assert_eq!(who(&store).await.len(), usize::from(was_there), "{place}, {way}");
                add(&acme(&store), 2).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_while_a_backup_is_made_there_is_none_and_the_store_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("store"), folder.path().join("backups/one"));
    let unfinished = folder.path().join("backups/one.unfinished");
    let store = open(&data);
    let mut made = 0;
    let places =
        [(&data, "snapshot"), (&unfinished, "backup: write"), (&unfinished, "backup: sync"), (&backup, "backup: name")];
    for (whose, place) in places {
        for way in WAYS {
            let failing = fails(whose, place, way);
            let outcome = store.back_up(&backup, at(1), Box::new(|_| {})).await;
            assert!(is_unavailable(&outcome), "{place}, {way}");
            assert!(!backup.exists(), "{place}, {way}");
            assert!(way == "panic" || !unfinished.exists(), "{place}: what is left of it takes room");
            drop(failing);
            made += 1;
            add(&acme(&store), made).await.unwrap();
            store.ready().unwrap();
        }
    }
    store.back_up(&backup, at(1), Box::new(|_| {})).await.unwrap();
    assert!(!unfinished.exists());
    let copy = open(&backup);
    assert_eq!(who(&copy).await.len() as u64, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_while_a_backup_is_restored_there_is_no_store_until_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, target) = (folder.path().join("one"), folder.path().join("data/store"));
    let unfinished = target.with_extension("unfinished");
    let store = open(&folder.path().join("store"));
    add(&acme(&store), 1).await.unwrap();
    store.back_up(&backup, at(1), Box::new(|_| {})).await.unwrap();
    for (whose, place) in [(&unfinished, "restore: copy"), (&target, "restore: name")] {
        for way in WAYS {
            let failing = fails(whose, place, way);
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
                restore(&backup, &target, &Options::default(), &mut |_| {}).map(drop)
            }));
            assert!(!matches!(outcome, Ok(Ok(()))), "{place}, {way}");
            assert!(!target.exists(), "{place}, {way}");
            drop(failing);
        }
    }
    restore(&backup, &target, &Options::default(), &mut |_| {}).unwrap();
    assert!(!unfinished.exists());
    assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1);
    assert_eq!(who(&open(&target)).await.len(), 1);
}
