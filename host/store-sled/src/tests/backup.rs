//! Backups: of one moment, made under load, whole or not there, and the way back.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use muster_store::contract::help::{USER, acme, at, change, commit, insert, query, tenant, user};
use muster_store::{Commit, Store, StoreError};
use tempfile::TempDir;

use super::load::{Load, loaded};
use crate::backup::ABOUT;
use crate::{FreeSpace, OfflineError, Options, SledStore, check, restore};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn open(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SledStore::open(folder, Options::default()).unwrap())
}

async fn back_up(store: &Arc<dyn Store>, to: &Path) -> Result<u64, StoreError> {
    store.back_up(to, at(9), Box::new(|_| {})).await.map(|made| made.rows)
}

/// All rows but the number of the latest batch, which each start makes anew.
fn rows(folder: &Path) -> Rows {
    let db = crate::open::open_plain(folder, Options::CACHE_BYTES).unwrap();
    let rows = db.iter().map(|row| row.unwrap()).map(|(key, row)| (key.to_vec(), row.to_vec()));
    rows.filter(|(key, _)| *key != crate::keys::Space::deployment().format()).collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

type Damage = (&'static str, fn(&Path), &'static str);

struct Scene {
    folder: TempDir,
    store: Arc<dyn Store>,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    loaded(&store, 11, 200).await;
    Scene { folder, store }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_a_store_with_everything_in_it() {
    let Scene { folder, store } = scene().await;
    let heard = Arc::new(AtomicU64::new(0));
    let listener = Arc::clone(&heard);
    let to = folder.path().join("backups").join("monday");

    let made = store.back_up(&to, at(9), Box::new(move |rows| listener.store(rows, Ordering::Relaxed))).await.unwrap();

    assert_eq!(heard.load(Ordering::Relaxed), made.rows);
    assert!(made.bytes > 0);
    store.close().await;
    let original = rows(&folder.path().join("store"));
    assert_eq!(made.rows, original.len() as u64 + 1);
    assert!(rows(&to) == original);
    assert_eq!(names(&folder.path().join("backups")), ["monday"]);
    assert!(check(&to, &Options::default(), &mut |_| {}).unwrap().is_sound(), "it can be opened where it is");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&to).unwrap().permissions()) & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_under_load_is_of_one_moment_and_has_what_was_acknowledged_before_it() {
    let Scene { folder, store } = scene().await;
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writers: Vec<_> = ["w1", "w2", "w3", "w4"]
        .map(|name| {
            let (stop, acknowledged, directory) = (stop.clone(), acknowledged.clone(), store.directory(&tenant(name)));
            tokio::spawn(async move {
                let mut load = Load::new(directory, 3);
                while !stop.load(Ordering::Relaxed) {
                    load.step().await;
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .into_iter()
        .collect();
    let mut told = Vec::new();
    for name in ["one", "two", "three"] {
        let at_least = acknowledged.load(Ordering::Relaxed) + 20;
        while acknowledged.load(Ordering::Relaxed) < at_least {
            tokio::task::yield_now().await;
        }
        let before: Vec<u64> = lasts(&store).await;
        back_up(&store, &folder.path().join(name)).await.unwrap();
        told.push((name, before, lasts(&store).await));
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    for (name, before, after) in told {
        let copy = folder.path().join(name);
        let report = check(&copy, &Options::default(), &mut |_| {}).unwrap();
        assert!(report.is_sound(), "log and records agree: {:?}", report.findings);
        let held = lasts(&open(&copy)).await;
        let between =
            held.iter().zip(before.iter().zip(&after)).all(|(held, (least, most))| least <= held && held <= most);
        assert!(between, "{before:?} {held:?} {after:?}");
    }
}

/// How long each log is.
async fn lasts(store: &Arc<dyn Store>) -> Vec<u64> {
    let mut lasts = Vec::new();
    for name in ["acme", "b", "w1", "w2", "w3", "w4"] {
        lasts.push(store.log_keeper(&tenant(name)).status().await.unwrap().last);
    }
    lasts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_name_that_is_taken_is_refused_and_half_of_one_is_made_again() {
    let Scene { folder, store } = scene().await;
    let to = folder.path().join("one");
    back_up(&store, &to).await.unwrap();
    let before = files(&to);
    let refused = back_up(&store, &to).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Taken { attribute } if attribute == "backup"), "{refused}");
    assert!(files(&to) == before);

    // As a kill leaves it.
    fs::create_dir(folder.path().join("two.unfinished")).unwrap();
    fs::write(folder.path().join("two.unfinished/db"), "half of it").unwrap();
    back_up(&store, &folder.path().join("two")).await.unwrap();
    assert_eq!(names(folder.path()), ["one", "store", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_finds_no_room_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let asked = Arc::clone(&free);
    let free_space = Some(FreeSpace(Arc::new(move || Ok(asked.load(Ordering::Relaxed)))));
    let store = SledStore::open(&folder.path().join("store"), Options { free_space, ..Options::default() }).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    loaded(&store, 5, 50).await;
    free.store(1000, Ordering::Relaxed);
    assert!(matches!(back_up(&store, &folder.path().join("one")).await, Err(StoreError::Full)));
    assert_eq!(names(folder.path()), ["store"]);
    free.store(u64::MAX, Ordering::Relaxed);
    back_up(&store, &folder.path().join("one")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_restored_is_what_was_backed_up_and_it_goes_on() {
    let Scene { folder, store } = scene().await;
    let backup = folder.path().join("one");
    back_up(&store, &backup).await.unwrap();
    let late = user(1_000_000, "late");
    acme(&store).commit(Commit { changes: vec![change(&late)], ..commit(vec![insert(&late)]) }).await.unwrap();
    store.close().await;
    let (before, copy) = (files(&backup), folder.path().join("copy"));
    fs::create_dir(&copy).unwrap();
    for (name, bytes) in &before {
        fs::write(copy.join(name), bytes).unwrap();
    }
    let expected = rows(&copy);
    let (target, new) = (folder.path().join("data/store"), folder.path().join("new/data/store"));
    fs::create_dir_all(&target).unwrap();
    for target in [&target, &new] {
        let restored = restore(&backup, target, &Options::default(), &mut |_| {}).unwrap();
        assert_eq!((restored.at, restored.report.found), (at(9), 0));
        assert!(rows(target) == expected);
        assert!(files(&backup) == before, "the backup stays as it is");
        let store = open(target);
        let users = acme(&store).list(&query(&USER, None)).await.unwrap();
        assert!(users.total > 0 && users.records.iter().all(|user| user.id != late.id));
        acme(&store).commit(Commit { changes: vec![change(&late)], ..commit(vec![insert(&late)]) }).await.unwrap();
        store.close().await;
        assert!(check(target, &Options::default(), &mut |_| {}).unwrap().is_sound());
        assert!(!names(target).contains(&ABOUT.to_owned()), "a store that went on is no backup any more");
        let refused = restore(&backup, target, &Options::default(), &mut |_| {}).unwrap_err();
        assert!(refused.to_string().contains("there is a store in"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_sound_backup_is_not_restored() {
    let Scene { folder, store } = scene().await;
    let backup = folder.path().join("one");
    back_up(&store, &backup).await.unwrap();
    let target = folder.path().join("data/store");
    let refused = |from: &Path, why: &str| {
        let error = restore(from, &target, &Options::default(), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(!target.exists() && !target.with_extension("unfinished").exists());
        error
    };
    refused(&folder.path().join("nowhere"), "is no backup");
    refused(&folder.path().join("store"), "is no backup");
    let damages: [Damage; 6] = [
        (
            "cut",
            |folder| {
                let data = fs::read(folder.join("db")).unwrap();
                fs::write(folder.join("db"), &data[..data.len() / 2]).unwrap();
            },
            "is damaged",
        ),
        (
            "overwritten",
            |folder| {
                let mut data = fs::read(folder.join("db")).unwrap();
                let half = data.len() / 3;
                data[half..half + 5000].fill(7);
                fs::write(folder.join("db"), data).unwrap();
            },
            "is damaged",
        ),
        ("without data", |folder| fs::remove_file(folder.join("db")).unwrap(), "is damaged"),
        ("without marker", |folder| fs::remove_file(folder.join("muster.store")).unwrap(), "is damaged"),
        (
            "another number of rows",
            |folder| {
                let about = fs::read_to_string(folder.join(ABOUT)).unwrap();
                fs::write(folder.join(ABOUT), about.replace("\"rows\": ", "\"rows\": 1")).unwrap();
            },
            "is damaged",
        ),
        ("unreadable", |folder| fs::write(folder.join(ABOUT), "{").unwrap(), "is damaged"),
    ];
    for (name, damage, why) in damages {
        let copy = folder.path().join(name);
        fs::create_dir(&copy).unwrap();
        for (file, bytes) in files(&backup) {
            fs::write(copy.join(file), bytes).unwrap();
        }
        damage(&copy);
        refused(&copy, why);
    }
    let about = fs::read_to_string(backup.join(ABOUT)).unwrap();
    fs::write(backup.join(ABOUT), about.replace("\"format\": 2", "\"format\": 3")).unwrap();
    assert!(matches!(refused(&backup, "has format 3"), OfflineError::Open(_)));
}
