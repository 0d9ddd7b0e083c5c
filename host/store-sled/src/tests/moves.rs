//! Records that move within an index while it is read: none that belongs there all along is missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_model::{Record, ResourceId};
use muster_protocol::filter::{Filter, Op};
use muster_store::contract::help::{USER, acme, compare, eq, id, insert, make, query, record};
use muster_store::{Directory, Store, Write};
use serde_json::json;

use crate::arrivals::Arrivals;
use crate::flight::Writes;
use crate::keys::Space;
use crate::{Options, SledStore};

/// Those that move, those that stand between the places, and those that are never found.
const MOVING: u64 = 20;
const BETWEEN: u64 = 400;
const OTHERS: u64 = 1200;
const ROUNDS: u64 = 300;

fn named(n: u64, name: &str) -> Record {
    record(&USER, n, json!({ "userName": format!("user{n}"), "displayName": name, "externalId": n.to_string() }))
}

/// At either end of the index, in turns.
fn moving(n: u64, round: u64) -> Record {
    let (end, other) = if (n + round).is_multiple_of(2) { ('a', "one") } else { ('z', "other") };
    let mut made = named(n, &format!("m-{end}-{n}"));
    made.index.retain(|entry| entry.attribute != "externalid");
    made.document.0.insert("externalId".to_owned(), json!(other));
    made.index.push(muster_model::IndexEntry { attribute: "externalid".to_owned(), value: other.to_owned() });
    made.version = muster_model::Version(round + 1);
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_moves_within_an_index_is_found_in_every_list() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    let directory: Arc<dyn Directory> = acme(&store);
    let between = (1000..1000 + BETWEEN).map(|n| named(n, &format!("m-m-{n}")));
    let others = (10_000..10_000 + OTHERS).map(|n| named(n, &format!("x-{n}")));
    let all = (1..=MOVING).map(|n| moving(n, 0)).chain(between).chain(others);
    make(&directory, all.map(|record| insert(&record)).collect()).await;

    let done = Arc::new(AtomicBool::new(false));
    let reader = {
        let (directory, done) = (Arc::clone(&directory), Arc::clone(&done));
        tokio::spawn(async move {
            let begins = query(&USER, Some(compare("displayName", Op::Sw, "m-")));
            let either = query(&USER, Some(Filter::Or(vec![eq("externalId", "other"), eq("externalId", "one")])));
            let mut lists = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(directory.list(&begins).await.unwrap().total, MOVING + BETWEEN, "list {lists}");
                assert_eq!(directory.list(&either).await.unwrap().total, MOVING, "list {lists}");
                lists += 2;
            }
            lists
        })
    };
    for round in 1..=ROUNDS {
        let replace = |n| {
            let expected = muster_model::Version(round);
            Write::Replace { record: Box::new(moving(n, round)), expected }
        };
        make(&directory, (1..=MOVING).map(replace).collect()).await;
    }
    done.store(true, Ordering::Relaxed);
    assert!(reader.await.unwrap() > 10);
}

fn brings(space: &Space, ids: impl Iterator<Item = u64>) -> Writes {
    ids.map(|n| (space.index(&USER, "title", "x", id(n)), Some(sled::IVec::default()))).collect()
}

fn ids(of: &[u64]) -> Vec<ResourceId> {
    of.iter().map(|n| id(*n)).collect()
}

#[test]
fn who_watches_sees_what_comes_from_then_on_and_what_was_under_way() {
    let (arrivals, space) = (Arrivals::default(), Space::of(&muster_model::TenantId::parse("acme").unwrap()));
    let range = [space.indexed(&USER, "title", "x")];
    arrivals.note(&brings(&space, 1..2));
    let early = arrivals.watch(|| Some(Arc::new(brings(&space, 2..3))));
    arrivals.note(&brings(&space, 3..5));
    let late = arrivals.watch(|| None);
    arrivals.note(&brings(&space, 5..6));

    let sorted = |mut found: Vec<ResourceId>| {
        found.sort_unstable();
        found
    };
    assert_eq!(early.came_into(&range).map(sorted), Some(ids(&[2, 3, 4, 5])));
    assert_eq!(late.came_into(&range), Some(ids(&[5])));
    assert_eq!(late.came_into(&[space.indexed(&USER, "title", "y")]), Some(vec![]));
    drop(early);
    assert_eq!(late.came_into(&range), Some(ids(&[5])));
    drop(late);
    assert_eq!(arrivals.watch(|| None).came_into(&range), Some(vec![]), "nothing is kept for nobody");
}

#[test]
fn more_than_is_kept_is_told_and_not_passed_over() {
    let (arrivals, space) = (Arrivals::default(), Space::of(&muster_model::TenantId::parse("acme").unwrap()));
    let range = [space.indexed(&USER, "title", "x")];
    let watch = arrivals.watch(|| None);
    arrivals.note(&brings(&space, 0..crate::arrivals::MAX_KEPT_ROWS as u64));
    assert_eq!(watch.came_into(&range).map(|found| found.len()), Some(crate::arrivals::MAX_KEPT_ROWS));
    arrivals.note(&brings(&space, 0..1));
    assert_eq!(watch.came_into(&range), None);
}
