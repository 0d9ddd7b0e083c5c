//! What is left of a damaged database survives the start that refuses it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use muster_store::contract::help::{acme, commit, insert, user};
use muster_store::{Directory, Store};
use tempfile::TempDir;

use super::guards::{USERS, assert_whole, closed_store, open, refused, snapshots};
use crate::open::{AS_FOUND, DATA, MARKER};
use crate::{FilesState, OpenError};

/// How much sled allots at a time, in bytes.
const SEGMENT: u64 = 512 * 1024;

type Files = BTreeMap<String, Vec<u8>>;

/// Without the lock file and the folders.
fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let named = entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()));
    named.filter(|(name, _)| name != crate::open::LOCK).collect()
}

fn copy(original: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files(original) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn length(folder: &Path) -> u64 {
    fs::metadata(folder.join(DATA)).unwrap().len()
}

fn cut(folder: &Path, length: u64) {
    File::options().write(true).open(folder.join(DATA)).unwrap().set_len(length).unwrap();
}

fn copies(folder: &Path) -> usize {
    fs::read_dir(folder.join(AS_FOUND)).map_or(0, Iterator::count)
}

fn files_state(error: OpenError) -> FilesState {
    match error {
        OpenError::Damaged { files, .. } | OpenError::Behind { files, .. } => files,
        other => panic!("{other}"),
    }
}

/// The store was refused, and what was found is in this copy.
fn assert_kept(folder: &Path, number: u64, found: &Files) {
    let copy = folder.join(AS_FOUND).join(number.to_string());
    let error = refused(folder);
    assert!(error.to_string().contains(copy.to_str().unwrap()), "{error}");
    assert_eq!(files_state(error), FilesState::Copied(copy.clone()));
    let mut kept = files(&copy);
    assert!(kept.remove("left-behind").is_some());
    assert!(kept == *found, "the copy has other files, or other bytes");
}

/// Made over several starts, so that it has snapshots, and of several segments.
async fn large_store() -> TempDir {
    let folder = closed_store().await;
    for start in 1..=3 {
        let store: Arc<dyn Store> = Arc::new(open(folder.path()).unwrap());
        fill(&acme(&store), start * 10_000).await;
        store.close().await;
    }
    assert!(length(folder.path()) > 3 * SEGMENT);
    folder
}

async fn fill(directory: &Arc<dyn Directory>, first: u64) {
    for n in first..first + 100 {
        let long = format!("user{n}{}", "x".repeat(4000));
        directory.commit(commit(vec![insert(&user(n, &long))])).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_left_of_a_database_that_was_cut_is_copied_before_sled_repairs_it() {
    let original = large_store().await;
    let whole = length(original.path());
    let mut refused = 0;
    for keeps_snapshots in [true, false] {
        for left in [whole / 2, whole - 4096, whole - SEGMENT] {
            let folder = copy(original.path());
            if !keeps_snapshots {
                for snapshot in snapshots(folder.path()) {
                    fs::remove_file(snapshot).unwrap();
                }
            }
            cut(folder.path(), left);
            // There may be nothing at the end that is still needed.
            if let Ok(store) = open(copy(folder.path()).path()) {
                assert_whole(store).await;
                continue;
            }
            refused += 1;
            let found = files(folder.path());
            assert_kept(folder.path(), 1, &found);
            assert_kept(folder.path(), 1, &found);
            assert_eq!(copies(folder.path()), 1, "a service that is restarted for ever does not fill the disk");

            // Another file that is damaged.
            fs::copy(original.path().join(DATA), folder.path().join(DATA)).unwrap();
            cut(folder.path(), left / 3);
            let other = files(folder.path());
            assert_kept(folder.path(), 2, &other);

            // The right one, alone.
            fs::copy(original.path().join(DATA), folder.path().join(DATA)).unwrap();
            assert_whole(open(folder.path()).unwrap()).await;
            assert_eq!(copies(folder.path()), 2, "they are the operator's to delete");
        }
    }
    assert!(refused >= 2, "half of it is never enough");
}

/// sled opens what has lost pages at the end, and would serve the rest.
#[tokio::test]
async fn no_cut_is_served_unless_everything_can_be_read() {
    let original = large_store().await;
    let whole = length(original.path());
    for left in (1..40).map(|part| whole * part / 40).chain((1..=whole / SEGMENT).map(|segments| segments * SEGMENT)) {
        let folder = copy(original.path());
        cut(folder.path(), left);
        let found = files(folder.path());
        match open(folder.path()) {
            Ok(store) => {
                assert_whole(store).await;
                assert_eq!(copies(folder.path()), 0);
            }
            Err(error) if left < whole => {
                let FilesState::Copied(copy) = files_state(error) else { panic!("no copy at {left}") };
                assert!(found[DATA] == fs::read(copy.join(DATA)).unwrap());
                // sled has made it longer again, perhaps.
                assert_kept(folder.path(), 1, &found);
                // As if the first start had been killed on the way.
                fs::remove_file(copy.join("left-behind")).unwrap();
                assert!(matches!(files_state(refused(folder.path())), FilesState::Copied(_)));
                assert!(found[DATA] == fs::read(copy.join(DATA)).unwrap());
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_missing_database_is_refused_and_nothing_is_written() {
    let original = closed_store().await;
    let folder = copy(original.path());
    fs::remove_file(folder.path().join(DATA)).unwrap();
    let found = files(folder.path());
    assert_eq!(files_state(refused(folder.path())), FilesState::Untouched);
    assert!(files(folder.path()) == found);

    fs::copy(original.path().join(DATA), folder.path().join(DATA)).unwrap();
    assert_whole(open(folder.path()).unwrap()).await;
    assert_eq!(copies(folder.path()), 0);
}

#[tokio::test]
async fn a_sound_store_opens_and_leaves_no_copy() {
    let folder = large_store().await;
    let marker = fs::read_to_string(folder.path().join(MARKER)).unwrap();
    assert!(marker.ends_with(&format!("length {:020}\n", length(folder.path()))), "{marker}");
    assert_whole(open(folder.path()).unwrap()).await;
    assert!(!folder.path().join(AS_FOUND).exists());

    // As a kill leaves it: copied while it is open.
    let store: Arc<dyn Store> = Arc::new(open(folder.path()).unwrap());
    let directory = acme(&store);
    for n in 1..=20 {
        directory.commit(commit(vec![insert(&user(USERS + n, &format!("later{n}")))])).await.unwrap();
        let killed = copy(folder.path());
        assert_whole(open(killed.path()).unwrap()).await;
        assert!(!killed.path().join(AS_FOUND).exists());
    }
}

/// sled shortens its file when the last segments are free; a kill can come before the marker says so.
#[tokio::test]
async fn a_store_that_sled_has_shortened_opens_and_leaves_no_copy() {
    let folder = large_store().await;
    let path = folder.path().join(MARKER);
    let marker = fs::read_to_string(&path).unwrap();
    let (rest, _) = marker.split_once("length ").unwrap();
    fs::write(&path, format!("{rest}length {:020}\n", length(folder.path()) + SEGMENT)).unwrap();
    assert_whole(open(folder.path()).unwrap()).await;
    assert!(!folder.path().join(AS_FOUND).exists());

    // The start that made the copy was killed as well.
    let copy_of = folder.path().join(AS_FOUND).join("1");
    fs::create_dir_all(&copy_of).unwrap();
    fs::copy(folder.path().join(DATA), copy_of.join(DATA)).unwrap();
    assert_whole(open(folder.path()).unwrap()).await;
    assert!(!folder.path().join(AS_FOUND).exists());

    // A marker of an earlier version says nothing of a length.
    fs::write(&path, rest).unwrap();
    cut(folder.path(), 1_000_000);
    assert_eq!(files_state(refused(folder.path())), FilesState::PerhapsRepaired);
}

#[tokio::test]
async fn without_a_copy_sled_is_not_let_near_it() {
    let folder = closed_store().await;
    // As good as a disk that is full.
    fs::write(folder.path().join(AS_FOUND), "in the way").unwrap();
    cut(folder.path(), length(folder.path()) / 2);
    let found = files(folder.path());
    assert!(matches!(refused(folder.path()), OpenError::Io { .. }));
    assert!(files(folder.path()) == found);
}
