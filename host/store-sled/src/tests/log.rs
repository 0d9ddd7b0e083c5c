//! The log's rows: what a change costs, what a pruning leaves, and what is said when rows are lost.

#![expect(clippy::print_stdout, reason = "they tell what they measured")]

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_model::{Change, Event, LogHash, Record, Seal, Version};
use muster_store::contract::help::{acme, at, change, commit, group, id, insert, join, record, snapshot, tenant, user};
use muster_store::{Commit, Directory, LogQuery, Store, StoreError, Write};
use serde_json::json;
use tempfile::TempDir;

use super::guards::open;
use crate::SledStore;
use crate::flight::Writes;
use crate::keys::Space;
use crate::prepared::{Prepared, Work};
use crate::staging::Staging;

/// How many rows each kind has. Parts count for the kind of their value, as `c` and that kind.
fn rows(store: &SledStore) -> BTreeMap<String, usize> {
    let mut rows = BTreeMap::new();
    for row in store.core.opened().unwrap().db.iter() {
        let (key, _) = row.unwrap();
        let rest = &key[1 + usize::from(key[0])..];
        let kind = if rest[0] == b'c' { &rest[..2] } else { &rest[..1] };
        *rows.entry(String::from_utf8(kind.to_vec()).unwrap()).or_default() += 1;
    }
    rows
}

/// A store, and a log of ten entries: large ones, and of groups with many members.
async fn with_a_log() -> (TempDir, Arc<SledStore>, Arc<dyn Directory>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()).unwrap());
    let directory = acme(&(Arc::clone(&store) as Arc<dyn Store>));
    for n in 1..=5 {
        let large = record(
            &user(n, "").resource_type,
            n,
            json!({ "userName": format!("user{n}"), "title": "x".repeat(20_000) }),
        );
        let staff = group(100 + n, &format!("staff{n}"));
        let members = (1..=n).map(id).collect();
        let writes = [&large, &staff].into_iter().map(insert).chain((1..=n).map(|member| join(100 + n, member)));
        let changes = vec![change(&large), Change { members_added: members, ..change(&staff) }];
        directory.commit(Commit { changes, ..commit(writes.collect()) }).await.unwrap();
    }
    (folder, store, directory)
}

async fn seal(store: &SledStore, seqs: &[u64]) {
    let keeper = store.log_keeper(&tenant("acme"));
    for seq in seqs {
        let after = keeper.status().await.unwrap().sealed.seq;
        keeper.seal(&Seal { seq: *seq, hash: LogHash::START, at: at(0) }, after).await.unwrap();
    }
}

#[tokio::test]
async fn a_pruning_leaves_no_row_of_what_it_removed() {
    let (_folder, store, _) = with_a_log().await;
    seal(&store, &[2, 4, 6, 10]).await;
    let before = rows(&store);
    assert_eq!((before["l"], before["H"], before["L"]), (10, 5 + 5 + 15, 4));
    assert!(before["cl"] >= 5 * 4, "the large ones are in parts: {before:?}");
    let keeper = store.log_keeper(&tenant("acme"));

    assert_eq!(keeper.prune(6, 3).await.unwrap(), 3);
    let between = rows(&store);
    assert_eq!((between["l"], between["L"]), (7, 3), "limited: three entries, and the seal among them");
    assert_eq!(keeper.prune(6, 100).await.unwrap(), 3);
    let half = rows(&store);
    assert_eq!((half["l"], half["H"], half["L"]), (4, 2 + 2 + 9, 1));
    assert_eq!(keeper.prune(10, 100).await.unwrap(), 4);

    let mut expected = before;
    for gone in ["l", "cl", "H", "L"] {
        expected.remove(gone);
    }
    // How far the log reaches is known since the first seal.
    assert_eq!(rows(&store), expected);
}

#[tokio::test]
async fn an_entry_that_is_lost_is_damage_to_whoever_would_read_it() {
    let (_folder, store, directory) = with_a_log().await;
    let raw = store.raw_log(&tenant("acme"));
    let whole = directory.log(0, 100).await.unwrap();
    let damaged = |answer: &StoreError, seq: u64| {
        assert_eq!(answer.to_string(), format!("the store is damaged: entry {seq} of the log is missing"));
    };

    raw.remove_entry(4).unwrap();
    assert_eq!(directory.log(0, 3).await.unwrap(), whole[..3]);
    assert_eq!(directory.log(4, 100).await.unwrap(), whole[4..]);
    damaged(&directory.log(0, 100).await.unwrap_err(), 4);
    damaged(&directory.log(3, 1).await.unwrap_err(), 4);
    damaged(&directory.find_in_log(&LogQuery::default(), 0, 100).await.unwrap_err(), 4);
    damaged(&directory.history(id(2), None, 100).await.unwrap_err(), 4);
    raw.put_entry(&whole[3]).unwrap();
    assert_eq!(directory.log(0, 100).await.unwrap(), whole);

    raw.remove_entry(10).unwrap();
    damaged(&directory.log(8, 100).await.unwrap_err(), 10);
    raw.set_last(9).unwrap();
    assert_eq!(directory.log(8, 100).await.unwrap(), whole[8..9], "only a seal can tell now");
}

/// How many rows a create writes at most, with an index of three values.
const ROWS_A_CREATE: usize = 16;

#[tokio::test]
async fn what_a_create_writes() {
    let (_folder, store, _) = with_a_log().await;
    let document = json!({
        "userName": "ada.byron@example.org", "displayName": "Ada Byron", "externalId": "00u1a2b3c4d5e6f7g8h9", "active": true,
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "value": "ada.byron@example.org", "type": "work", "primary": true }],
    });
    let ada = record(&user(1, "").resource_type, 1000, document.clone());
    let next = Record { version: Version(2), ..ada.clone() };
    let update = Change { event: Event::Updated, before: Some(snapshot(&ada)), ..change(&next) };
    let create = Commit { changes: vec![change(&ada)], ..commit(vec![insert(&ada)]) };
    let replace = Write::Replace { record: Box::new(next), expected: Version(1) };
    let replace = Commit { changes: vec![update], ..commit(vec![replace]) };

    let opened = store.core.opened().unwrap();
    let mut before = Writes::new();
    for (what, commit) in [("create", create), ("replace", replace)] {
        let prepared = Prepared::new(Space::of(&tenant("acme")), commit).unwrap();
        let mut staging = Staging::new(&opened.db, &before);
        Work::Commit(Box::new(prepared)).apply(&mut staging).unwrap();
        let (writes, _) = staging.into_parts();
        let bytes = |kind: Option<u8>| -> (usize, usize) {
            let of = writes.iter().filter(|(key, _)| kind.is_none_or(|kind| key[5] == kind));
            of.fold((0, 0), |(rows, bytes), (key, row)| {
                (rows + 1, bytes + key.len() + row.as_ref().map_or(0, |row| row.len()))
            })
        };
        println!(
            "{what}: {:?} rows and bytes; of these record {:?}, log {:?}, history {:?}",
            bytes(None),
            bytes(Some(b'r')),
            bytes(Some(b'l')),
            bytes(Some(b'H'))
        );
        assert!(writes.len() <= ROWS_A_CREATE, "{what}: {} rows", writes.len());
        assert_eq!((bytes(Some(b'l')).0, bytes(Some(b'H')).0), (1, 1), "one entry, and one way to it");
        before.extend(writes);
    }
}

#[tokio::test]
#[ignore = "it measures"]
async fn timing_of_the_chain() {
    const ENTRIES: usize = 20_000;
    let (_folder, _store, directory) = with_a_log().await;
    let entry = directory.log(1, 1).await.unwrap().remove(0);
    let started = std::time::Instant::now();
    let hash = (0..ENTRIES).fold(LogHash::START, |hash, _| hash.link(&entry));
    println!("{:?} an entry ({hash})", started.elapsed() / u32::try_from(ENTRIES).unwrap());
}
