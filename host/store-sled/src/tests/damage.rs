//! Damage in the part of sled's log that the next start reads: found, or harmless; never served.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use muster_store::Store;
use tempfile::TempDir;

use super::load::{Dice, loaded};
use crate::open::{AS_FOUND, DATA};
use crate::{Options, SledStore, check};

const TRIALS: u64 = 150;

type Files = BTreeMap<String, Vec<u8>>;
type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())).collect()
}

fn put(files: &Files) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// What a store holds that opens, but for the number of the latest batch; or why it does not open.
fn rows(folder: &Path) -> Result<Rows, String> {
    let (opened, _) = crate::open::open(folder, &Options::default()).map_err(|error| error.to_string())?;
    let read = || {
        let rows = opened.db.iter().map(|row| row.map(|(key, row)| (key.to_vec(), row.to_vec())));
        rows.filter(|row| row.as_ref().is_ok_and(|(key, _)| *key != [0, b'f'])).collect::<Result<Rows, _>>()
    };
    crate::open::quietly(read)?.map_err(|error| error.to_string())
}

/// Written in one go, so that no snapshot of sled covers any of it; as a kill leaves it.
async fn killed_store() -> Files {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    loaded(&store, 23, 400).await;
    let killed = files(folder.path());
    store.close().await;
    killed
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "what it prints is what it is for")]
async fn no_damage_to_what_is_replayed_is_served() {
    let killed = killed_store().await;
    let expected = rows(put(&killed).path()).unwrap();
    let data = &killed[DATA];
    let used = data.iter().rposition(|byte| *byte != 0).unwrap() as u64;
    let (mut dice, mut refused, mut harmless) = (Dice(99), 0, 0);
    for trial in 0..TRIALS {
        let mut damaged = data.clone();
        let place = usize::try_from(dice.below(used)).unwrap();
        let length = [1, 16, 600, 70_000][usize::try_from(trial % 4).unwrap()].min(damaged.len() - place);
        match trial % 3 {
            0 => damaged[place..place + length].iter_mut().for_each(|byte| *byte ^= 1 << (trial % 8)),
            1 => damaged[place..place + length].fill(0),
            _ => damaged[place..place + length].fill(0xA5),
        }
        let folder = put(&Files::from([(DATA.to_owned(), damaged)]));
        for (name, bytes) in killed.iter().filter(|(name, _)| *name != DATA) {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        match rows(folder.path()) {
            Ok(rows) if rows == expected => harmless += 1,
            Ok(rows) => {
                panic!("trial {trial} at {place}: {} rows are served, and {} were written", rows.len(), expected.len())
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0, "nothing was damaged");
    println!("damages {TRIALS}, refused {refused}, harmless {harmless}, served 0");
}

#[tokio::test]
async fn a_segment_that_is_gone_as_a_whole_is_missed() {
    let killed = killed_store().await;
    let expected = rows(put(&killed).path()).unwrap();
    for segment in 0..killed[DATA].len() / (512 * 1024) {
        let mut without = killed.clone();
        without.get_mut(DATA).unwrap()[segment * 512 * 1024..][..512 * 1024].fill(0);
        let found = rows(put(&without).path());
        assert!(found.is_err() || found == Ok(expected.clone()), "segment {segment}");
    }
}

#[tokio::test]
async fn a_store_that_was_killed_at_any_time_gives_no_reason_for_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    let mut load = super::load::Load::new(muster_store::contract::help::acme(&store), 31);
    for round in 0..40 {
        for _ in 0..20 {
            load.step().await;
        }
        let killed = put(&files(folder.path()));
        drop(crate::open::open(killed.path(), &Options::default()).unwrap());
        assert!(!killed.path().join(AS_FOUND).exists(), "round {round}");
        assert_eq!(crate::open::doubts(killed.path()).unwrap(), crate::open::Doubt::None, "round {round}");
        if round % 10 == 0 {
            assert!(check(killed.path(), &Options::default(), &mut |_| {}).unwrap().is_sound());
        }
    }
}
