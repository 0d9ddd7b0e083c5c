//! What opening a folder refuses, repairs and leaves alone.

use std::fs;
use std::path::{Path, PathBuf};

use muster_store::Store;
use muster_store::contract::help::{USER, acme, commit, id, insert, user};
use tempfile::TempDir;

use crate::open::{DATA, FORMAT, LOCK, MARKER};
use crate::{FilesState, OpenError, Options, SledStore};

pub(super) const USERS: u64 = 200;

/// A folder with a store that was closed.
pub(super) async fn closed_store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), Options::default()).unwrap();
    let directory = store.directory(&muster_store::contract::help::tenant("acme"));
    for n in 1..=USERS {
        directory.commit(commit(vec![insert(&user(n, &format!("user{n}")))])).await.unwrap();
    }
    store.close().await;
    folder
}

pub(super) fn open(folder: &Path) -> Result<SledStore, OpenError> {
    SledStore::open(folder, Options::default())
}

pub(super) async fn assert_whole(store: SledStore) {
    let directory = acme(&(std::sync::Arc::new(store) as std::sync::Arc<dyn Store>));
    for n in 1..=USERS {
        assert!(directory.get(&USER, id(n)).await.unwrap().is_some(), "{n}");
    }
}

pub(super) fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("snap.")).collect()
}

fn set_marker(folder: &Path, format: u32, batch: u64) {
    fs::write(folder.join(MARKER), format!("format {format}\nbatch {batch}\n")).unwrap();
}

fn batch(folder: &Path) -> u64 {
    let marker = fs::read_to_string(folder.join(MARKER)).unwrap();
    marker.lines().find_map(|line| line.strip_prefix("batch ")).unwrap().parse().unwrap()
}

/// Reopens, to see that the sentence says which folder.
pub(super) fn refused(folder: &Path) -> OpenError {
    let error = open(folder).unwrap_err();
    assert!(error.to_string().contains(folder.to_str().unwrap()), "{error}");
    error
}

#[tokio::test]
async fn a_snapshot_that_was_never_finished_is_deleted() {
    let folder = closed_store().await;
    let planted = folder.path().join("snap.00000000FFFFFFFF.generating");
    fs::write(&planted, b"half of a snapshot").unwrap();

    assert_whole(open(folder.path()).unwrap()).await;
    assert!(!planted.exists());
}

#[tokio::test]
async fn a_damaged_snapshot_is_moved_aside_and_the_log_is_read() {
    let folder = closed_store().await;
    // The first start after a close makes a snapshot.
    open(folder.path()).unwrap().close().await;
    let damaged = snapshots(folder.path()).pop().unwrap();
    let name = damaged.file_name().unwrap();
    fs::write(&damaged, b"this was a snapshot").unwrap();

    assert_whole(open(folder.path()).unwrap()).await;
    let aside = folder.path().join("moved-snapshots/1").join(name);
    assert_eq!(fs::read(aside).unwrap(), b"this was a snapshot");
}

#[tokio::test]
async fn a_database_that_opens_empty_is_not_served() {
    let folder = closed_store().await;
    fs::remove_file(folder.path().join(DATA)).unwrap();
    for snapshot in snapshots(folder.path()) {
        fs::remove_file(snapshot).unwrap();
    }
    for _ in 0..2 {
        assert!(matches!(refused(folder.path()), OpenError::Behind { files: FilesState::Untouched, .. }));
        assert!(!folder.path().join(DATA).exists(), "sled has not made a new one");
    }
}

#[tokio::test]
async fn a_marker_that_disagrees_with_the_database_is_not_served() {
    let folder = closed_store().await;
    let latest = batch(folder.path());
    assert_eq!(latest, USERS + 1, "the start is a batch as well");
    for batch in [latest + 1, u64::MAX] {
        set_marker(folder.path(), FORMAT, batch);
        assert!(matches!(refused(folder.path()), OpenError::Behind { .. }));
    }
    for other in [FORMAT - 1, FORMAT + 1] {
        set_marker(folder.path(), other, 1);
        assert!(matches!(refused(folder.path()), OpenError::Format { found, .. } if found == other));
    }
    fs::write(folder.path().join(MARKER), "nonsense").unwrap();
    assert!(matches!(refused(folder.path()), OpenError::Damaged { .. }));
    fs::remove_file(folder.path().join(MARKER)).unwrap();
    assert!(matches!(refused(folder.path()), OpenError::Foreign { .. }));

    // A marker that a power cut has left behind.
    set_marker(folder.path(), FORMAT, latest - 7);
    assert_whole(open(folder.path()).unwrap()).await;
    let marker = fs::read_to_string(folder.path().join(MARKER)).unwrap();
    assert!(marker.contains(&format!("\nbatch {:020}\n", latest + 1)), "{marker}");
}

#[tokio::test]
async fn a_store_whose_making_was_interrupted_is_made() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(LOCK), "").unwrap();
    set_marker(folder.path(), FORMAT, 0);
    open(folder.path()).unwrap().close().await;
}

#[tokio::test]
async fn one_process_at_a_time_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    assert!(matches!(refused(folder.path()), OpenError::InUse { .. }));
    first.close().await;
    open(folder.path()).unwrap();
    open(folder.path()).unwrap();
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    assert!(matches!(refused(folder.path()), OpenError::Foreign { .. }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = folder.path().join("notes.txt");
    assert!(matches!(refused(&file), OpenError::Io { .. }));
    open(&folder.path().join("a/new/folder")).unwrap();
}

#[tokio::test]
async fn a_damaged_database_is_refused_without_a_panic() {
    let original = closed_store().await;
    let data = fs::read(original.path().join(DATA)).unwrap();
    let half = data.len() / 2;
    let zeroed = |hole: std::ops::Range<usize>| {
        let mut data = data.clone();
        data[hole].fill(0);
        data
    };
    let damages = [
        ("emptied", Vec::new()),
        ("cut in half", data[..half].to_vec()),
        ("zeroed", zeroed(0..data.len())),
        ("overwritten", vec![0xA5; data.len()]),
        ("without its first page", zeroed(0..4096)),
        ("with a hole", zeroed(20_000..60_000)),
    ];
    for keeps_snapshots in [true, false] {
        for (name, damaged) in &damages {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("blobs")).unwrap();
            for file in fs::read_dir(original.path()).unwrap().map(|entry| entry.unwrap().path()) {
                let target = folder.path().join(file.file_name().unwrap());
                if file.is_file() && (keeps_snapshots || !file.to_string_lossy().contains("snap.")) {
                    fs::copy(&file, target).unwrap();
                }
            }
            fs::write(folder.path().join(DATA), damaged).unwrap();
            let first = open(folder.path());
            assert!(first.is_err(), "{name}, with snapshots: {keeps_snapshots}");
            assert!(open(folder.path()).is_err(), "{name}, with snapshots: {keeps_snapshots}: at the second try");
        }
    }
}
