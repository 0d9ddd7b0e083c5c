//! A disk that is full, and what a batch takes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_model::{PluginDigest, PluginRow};
use muster_store::contract::help::{
    USER, acme, at, change, commit, group, id, insert, join, query, remove, replace, tenant, user,
};
use muster_store::{Commit, Store, StoreError};
use serde_json::json;

use crate::flight::Writes;
use crate::keys::Space;
use crate::prepared::{Prepared, Work};
use crate::room::cost;
use crate::staging::Staging;
use crate::{FreeSpace, OfflineError, OpenError, Options, SledStore, check, check_copy, rebuild_index, restore};

const RESERVE: u64 = 50 * 1024 * 1024;

fn on_a_disk_with(free: &Arc<AtomicU64>, folder: &std::path::Path) -> Arc<dyn Store> {
    let free = Arc::clone(free);
    let free_space = Some(FreeSpace(Arc::new(move || Ok(free.load(Ordering::Relaxed)))));
    Arc::new(SledStore::open(folder, Options { reserve_bytes: RESERVE, free_space, ..Options::default() }).unwrap())
}

fn is_full<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Full))
}

#[tokio::test]
async fn on_a_full_disk_writes_are_refused_reads_go_on_and_it_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let store = on_a_disk_with(&free, folder.path());
    let directory = acme(&store);
    let ada = user(1, "ada");
    let made = Commit { changes: vec![change(&ada)], ..commit(vec![insert(&ada)]) };
    directory.commit(made).await.unwrap();

    let plugin = PluginRow::new(PluginDigest::of(b"p"), "p".to_owned(), "1.0.0".to_owned(), 1, at(0));
    for short in [RESERVE, RESERVE - 1, 0, RESERVE + 1000] {
        free.store(short, Ordering::Relaxed);
        assert!(is_full(&directory.commit(commit(vec![insert(&user(2, "bob"))])).await));
        assert!(is_full(&directory.commit(commit(vec![replace(&ada, json!({ "userName": "eve" })).1])).await));
        assert!(is_full(&directory.commit(commit(vec![remove(&ada)])).await), "the log grows by it");
        assert!(is_full(&store.put_plugin(&plugin, b"p").await));
        store.ready().unwrap();
        assert_eq!(directory.get(&USER, id(1)).await.unwrap().as_ref(), Some(&ada));
        assert_eq!(directory.list(&query(&USER, None)).await.unwrap().total, 1);
        assert_eq!(directory.log(0, 10).await.unwrap().len(), 1);
        // What writes nothing needs no room.
        directory.commit(commit(vec![])).await.unwrap();
    }

    free.store(u64::MAX, Ordering::Relaxed);
    directory.commit(commit(vec![insert(&user(2, "bob"))])).await.unwrap();
    store.close().await;
    let store = on_a_disk_with(&free, folder.path());
    assert_eq!(acme(&store).list(&query(&USER, None)).await.unwrap().total, 2);
}

#[tokio::test]
async fn a_commit_that_is_too_large_for_what_is_left_does_not_stop_smaller_ones() {
    let folder = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(RESERVE + 4 * 1024 * 1024));
    let store = on_a_disk_with(&free, folder.path());
    let directory = acme(&store);
    let many = (1..=2000).map(|n| insert(&user(n, &format!("user {n}")))).collect();
    let mut together: Vec<_> = vec![directory.commit(commit(many))];
    together.extend((3001..3010).map(|n| directory.commit(commit(vec![insert(&user(n, &format!("user {n}")))]))));

    let made = muster_store::contract::help::together(together).await;

    assert!(is_full(&made[0]));
    assert!(made[1..].iter().all(Result::is_ok), "{made:?}");
}

#[tokio::test]
async fn when_nobody_can_tell_what_is_free_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let free_space = Some(FreeSpace(Arc::new(|| Err(std::io::Error::other("no such file system")))));
    let store = SledStore::open(folder.path(), Options { free_space, ..Options::default() }).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let refused = acme(&store).commit(commit(vec![insert(&user(1, "ada"))])).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert_eq!(acme(&store).list(&query(&USER, None)).await.unwrap().total, 0);
}

#[tokio::test]
async fn the_file_system_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let free = crate::room::free_bytes(&std::fs::File::open(folder.path()).unwrap()).unwrap();
    assert!(free > 0);
    let open = |reserve_bytes| SledStore::open(folder.path(), Options { reserve_bytes, ..Options::default() }).unwrap();
    let store: Arc<dyn Store> = Arc::new(open(free * 2));
    assert!(is_full(&acme(&store).commit(commit(vec![insert(&user(1, "ada"))])).await));
    store.close().await;
    let store: Arc<dyn Store> = Arc::new(open(0));
    acme(&store).commit(commit(vec![insert(&user(1, "ada"))])).await.unwrap();
}

#[tokio::test]
async fn making_indexes_again_checking_and_restoring_keep_the_reserve_and_leave_the_store_as_it_was() {
    let scene = tempfile::tempdir().unwrap();
    let (folder, backup) = (scene.path().join("store"), scene.path().join("one"));
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let store = on_a_disk_with(&free, &folder);
    acme(&store).commit(commit(vec![insert(&user(1, "ada"))])).await.unwrap();
    store.back_up(&backup, at(9), Box::new(|_| {})).await.unwrap();
    store.close().await;
    let told = Arc::clone(&free);
    let free_space = Some(FreeSpace(Arc::new(move || Ok(told.load(Ordering::Relaxed)))));
    let options = Options { reserve_bytes: RESERVE, free_space, ..Options::default() };

    // Room for what sled allots, and not beside the reserve.
    free.store(RESERVE + 400 * 1024, Ordering::Relaxed);
    let refused = rebuild_index(&folder, &options, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, OfflineError::Store(StoreError::Full)), "{refused}");
    drop(crate::open::open(&folder, &options).unwrap());
    assert!(check(&folder, &options, &mut |_| {}).unwrap().counts.contains_key("User records"), "it is not half made");
    let refused = check_copy(&folder, &options, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, OfflineError::Open(OpenError::NotCopied { .. })), "{refused}");
    let refused = restore(&backup, &scene.path().join("new/data/store"), &options, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, OfflineError::Store(StoreError::Full)), "{refused}");
    let mut names: Vec<_> = std::fs::read_dir(scene.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["one", "store"], "nothing is left of what was refused");

    free.store(RESERVE + 400 * 1024 * 1024, Ordering::Relaxed);
    rebuild_index(&folder, &options, &mut |_| {}).unwrap();
    restore(&backup, &scene.path().join("new/data/store"), &options, &mut |_| {}).unwrap();
}

#[test]
fn a_file_is_given_its_room_before_it_is_written() {
    use std::os::unix::fs::MetadataExt as _;
    let file = tempfile::tempfile().unwrap();
    let held = |file: &std::fs::File| file.metadata().unwrap().blocks() * 512;
    let mut room = crate::room::Held::default();
    for (length, bytes) in [(0, 1000), (3_000_000, 5_000_000), (4_000_000, 20_000_000), (1_000_000, 1000)] {
        file.set_len(length).unwrap();
        room.hold(&file, bytes).unwrap();
        assert!(held(&file) >= length + bytes, "{length}: {}", held(&file));
        assert_eq!(file.metadata().unwrap().len(), length, "what is behind the end is no part of it");
    }
}

/// A store under a load, and what its batches were expected to take and took.
struct Measured {
    opened: crate::core::Opened,
    folder: tempfile::TempDir,
    expected: u64,
    /// Of what was allowed for one batch, in per cent.
    worst: u64,
}

impl Measured {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (opened, _) = crate::open::open(folder.path(), &Options::default()).unwrap();
        Self { opened, folder, expected: 0, worst: 0 }
    }

    fn length(&self) -> u64 {
        std::fs::metadata(self.folder.path().join(crate::open::DATA)).unwrap().len()
    }

    fn commit(&mut self, commit: Commit) {
        let (length, before) = (self.length(), Writes::new());
        let work = Work::Commit(Box::new(Prepared::new(Space::of(&tenant("acme")), commit).unwrap()));
        let mut staging = Staging::new(&self.opened.db, &before);
        work.apply(&mut staging).unwrap();
        let (writes, _) = staging.into_parts();
        let mut batch = sled::Batch::default();
        for (key, row) in &writes {
            match row {
                Some(row) => batch.insert(&key[..], row),
                None => batch.remove(&key[..]),
            }
        }
        self.opened.db.apply_batch(batch).unwrap();
        self.opened.db.flush().unwrap();
        let (cost, took) = (cost(&writes), self.length().saturating_sub(length));
        self.expected += cost;
        assert!(took <= cost + 512 * 1024, "a batch of {} rows took {took} bytes, not {cost}", writes.len());
        self.worst = self.worst.max(took * 100 / (cost + 512 * 1024));
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "what it prints is what it is for")]
fn no_batch_takes_more_of_the_disk_than_was_allowed_for_it() {
    let mut measured = Measured::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut people: Vec<_> = (1..=4000).map(|n| user(n, &format!("user{n}"))).collect();
    measured.commit(commit(vec![insert(&group(1_000_000, "everyone"))]));
    for some in people.chunks(40) {
        measured.commit(commit(some.iter().map(insert).collect()));
    }
    let made = measured.length();
    for _ in 0..600 {
        let (who, filling) = (usize::try_from(next(4000)).unwrap(), usize::try_from(next(12_000)).unwrap());
        let name = people[who].document.text("userName").unwrap().to_owned();
        let (changed, write) = replace(&people[who], json!({ "userName": name, "title": "x".repeat(filling) }));
        measured.commit(Commit { changes: vec![change(&changed)], ..commit(vec![write]) });
        people[who] = changed;
    }
    measured.commit(commit((1..=4000).map(|n| join(1_000_000, n)).collect()));
    let everyone = group(1_000_000, "everyone");
    let gone = Commit { changes: vec![change(&everyone)], ..commit(vec![remove(&everyone)]) };
    measured.commit(gone);
    println!(
        "expected {} MiB, took {} MiB ({} of them for 4,000 users), the worst batch {} % of what was allowed",
        measured.expected >> 20,
        measured.length() >> 20,
        made >> 20,
        measured.worst
    );
}
