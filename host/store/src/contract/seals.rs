//! What proves a log, and what cuts it off.

use std::sync::Arc;

use muster_model::{LogEntry, LogHash, Seal};

use super::Fixture;
use super::help::{acme, at, change, group, id, insert, is_stale, join, tenant, together, user};
use super::log::{log_of, moved};
use crate::{Directory, LogKeeper, LogQuery, LogStatus, Store};

fn keeper(store: &Arc<dyn Store>) -> Arc<dyn LogKeeper> {
    store.log_keeper(&tenant("acme"))
}

/// A log of so many entries, all about different users.
async fn grow(directory: &Arc<dyn Directory>, from: u64, through: u64) {
    for n in from..=through {
        let one = user(n, &format!("user{n}"));
        assert_eq!(log_of(directory, vec![insert(&one)], vec![change(&one)]).await.seq, n);
    }
}

async fn entries(directory: &Arc<dyn Directory>, after: u64) -> Vec<LogEntry> {
    directory.log(after, 10_000).await.unwrap()
}

async fn seqs(directory: &Arc<dyn Directory>, after: u64) -> Vec<u64> {
    entries(directory, after).await.iter().map(|entry| entry.seq).collect()
}

/// The seal at `seq`, of a log that nothing was pruned from.
async fn made(directory: &Arc<dyn Directory>, seq: u64) -> Seal {
    let log = entries(directory, 0).await;
    let hash = log.iter().take_while(|entry| entry.seq <= seq).fold(LogHash::START, LogHash::link);
    Seal { seq, hash, at: at(0) }
}

/// Seals at these places.
async fn seal(store: &Arc<dyn Store>, places: &[u64]) -> Vec<Seal> {
    let (directory, keeper) = (acme(store), keeper(store));
    let mut seals = Vec::new();
    for place in places {
        let after = keeper.status().await.unwrap().sealed.seq;
        let seal = made(&directory, *place).await;
        keeper.seal(&seal, after).await.unwrap();
        seals.push(seal);
    }
    seals
}

pub async fn a_log_is_sealed_from_the_latest_seal_on(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (directory, keeper) = (acme(&store), keeper(&store));
    let start = LogStatus { first: 1, last: 0, anchor: Seal::START, sealed: Seal::START };
    assert_eq!(keeper.status().await.unwrap(), start);
    assert!(is_stale(&keeper.seal(&Seal { seq: 1, ..Seal::START }, 0).await.unwrap_err()), "there is no entry");

    grow(&directory, 1, 5).await;
    let (second, fifth) = (made(&directory, 2).await, made(&directory, 5).await);
    assert_ne!(second.hash, fifth.hash);
    for (wrong, after) in [(Seal::START, 0), (Seal { seq: 6, ..fifth }, 0), (fifth, 2)] {
        assert!(is_stale(&keeper.seal(&wrong, after).await.unwrap_err()), "{wrong:?} after {after}");
    }
    assert_eq!(keeper.status().await.unwrap(), LogStatus { last: 5, ..start });

    keeper.seal(&second, 0).await.unwrap();
    for (wrong, after) in [(second, 0), (second, 2), (fifth, 0), (fifth, 1)] {
        assert!(is_stale(&keeper.seal(&wrong, after).await.unwrap_err()), "{wrong:?} after {after}");
    }
    keeper.seal(&fifth, 2).await.unwrap();
    let expected = LogStatus { last: 5, sealed: fifth, ..start };
    assert_eq!(keeper.status().await.unwrap(), expected);
    assert_eq!(keeper.seals(0, 10).await.unwrap(), [second, fifth]);
    assert_eq!(keeper.seals(0, 1).await.unwrap(), [second]);
    assert_eq!(keeper.seals(2, 10).await.unwrap(), [fifth]);
    assert_eq!(keeper.seals(5, 10).await.unwrap(), []);

    fixture.reopen().await;
    let store = fixture.store();
    let keeper = self::keeper(&store);
    assert_eq!(keeper.status().await.unwrap(), expected);
    assert_eq!(keeper.seals(0, 10).await.unwrap(), [second, fifth]);
    let other = store.log_keeper(&tenant("other"));
    assert_eq!((other.status().await.unwrap(), other.seals(0, 10).await.unwrap()), (start, vec![]));
}

pub async fn of_two_seals_over_the_same_entries_exactly_one_is_kept(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (directory, keeper) = (acme(&store), keeper(&store));
    grow(&directory, 1, 3).await;
    let rivals = [made(&directory, 2).await, made(&directory, 3).await];

    let outcomes = together(rivals.iter().map(|rival| keeper.seal(rival, 0)).collect()).await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(is_stale));
    assert_eq!(keeper.seals(0, 10).await.unwrap().len(), 1);
}

pub async fn what_was_pruned_is_gone_and_the_rest_is_still_proved(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let directory = acme(&store);
    grow(&directory, 1, 9).await;
    let staff = group(50, "staff");
    log_of(&directory, vec![insert(&staff)], vec![change(&staff)]).await;
    log_of(&directory, vec![join(50, 1), join(50, 8)], vec![moved(&staff, &[1, 8], &[])]).await;
    let seals = seal(&store, &[3, 7, 11]).await;
    let (third, seventh, last) = (seals[0], seals[1], seals[2]);
    let kept = entries(&directory, 7).await;

    assert_eq!(keeper(&store).prune(7, 1000).await.unwrap(), 7);

    let expected = LogStatus { first: 8, last: 11, anchor: seventh, sealed: last };
    assert_eq!(keeper(&store).status().await.unwrap(), expected);
    assert_eq!(keeper(&store).seals(0, 10).await.unwrap(), [last]);
    assert_eq!(keeper(&store).seals(third.seq, 10).await.unwrap(), [last]);
    for after in [0, 3, 7] {
        assert_eq!(entries(&directory, after).await, kept, "after {after}: the first entry tells that others are gone");
    }
    let history = |n: u64| directory.history(id(n), None, 10);
    let told = |entries: Vec<LogEntry>| entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
    assert_eq!(told(history(1).await.unwrap()), [11], "what is left of it is a membership");
    assert_eq!(told(history(8).await.unwrap()), [11, 8]);
    assert_eq!(told(history(2).await.unwrap()), [0_u64; 0]);
    let found = directory.find_in_log(&LogQuery::default(), 0, 100).await.unwrap();
    assert_eq!((found.entries, found.scanned_through, found.end), (kept.clone(), 11, true));

    assert_eq!(kept.iter().fold(seventh.hash, LogHash::link), last.hash, "the chain goes on from the anchor");
    fixture.reopen().await;
    let store = fixture.store();
    let directory = acme(&store);
    assert_eq!(keeper(&store).status().await.unwrap(), expected);
    assert_eq!(entries(&directory, 0).await, kept);
    grow(&directory, 12, 13).await;
    assert_eq!(seqs(&directory, 0).await, (8..=13).collect::<Vec<_>>());
    assert!(directory.get(&super::help::USER, id(1)).await.unwrap().is_some(), "the log is cut off, nothing else");
}

pub async fn a_log_is_cut_off_only_where_a_seal_is(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (directory, keeper) = (acme(&store), keeper(&store));
    grow(&directory, 1, 9).await;
    seal(&store, &[3, 7]).await;

    for wrong in [1, 2, 4, 8, 9, 10, u64::MAX] {
        assert!(is_stale(&keeper.prune(wrong, 100).await.unwrap_err()), "{wrong}");
    }
    assert_eq!(seqs(&directory, 0).await, (1..=9).collect::<Vec<_>>(), "nothing is gone");
    assert_eq!(keeper.prune(0, 100).await.unwrap(), 0);
    assert_eq!(keeper.prune(3, 100).await.unwrap(), 3);
    assert_eq!(keeper.prune(3, 100).await.unwrap(), 0, "it is done");
    for wrong in [0, 1, 2] {
        assert!(is_stale(&keeper.prune(wrong, 100).await.unwrap_err()), "{wrong}");
    }
    assert_eq!(seqs(&directory, 0).await, (4..=9).collect::<Vec<_>>());
}

pub async fn a_pruning_goes_in_steps_of_which_readers_see_one(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (directory, keeper) = (acme(&store), keeper(&store));
    grow(&directory, 1, 20).await;
    seal(&store, &[5, 10, 15]).await;

    assert_eq!(keeper.prune(15, 0).await.unwrap(), 0);
    assert_eq!(keeper.status().await.unwrap().first, 1, "nothing was asked for");
    assert_eq!(keeper.prune(15, 4).await.unwrap(), 4);
    assert_eq!(seqs(&directory, 0).await, (16..=20).collect::<Vec<_>>());
    assert_eq!(keeper.status().await.unwrap().first, 16);
    assert_eq!(keeper.seals(0, 10).await.unwrap(), []);
    for left in 5..=15 {
        assert_eq!(directory.history(id(left), None, 10).await.unwrap(), [], "{left}");
    }

    drop((directory, keeper));
    drop(store);
    fixture.reopen().await;
    let keeper = self::keeper(&fixture.store());
    assert_eq!(keeper.prune(15, 6).await.unwrap(), 6);
    assert_eq!(keeper.prune(15, 6).await.unwrap(), 5, "the rest");
    assert_eq!(keeper.prune(15, 6).await.unwrap(), 0);
}

pub async fn a_log_that_was_pruned_to_its_end_goes_on(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (directory, keeper) = (acme(&store), keeper(&store));
    grow(&directory, 1, 4).await;
    let fourth = seal(&store, &[2, 4]).await[1];

    assert_eq!(keeper.prune(4, 100).await.unwrap(), 4);
    assert_eq!(keeper.status().await.unwrap(), LogStatus { first: 5, last: 4, anchor: fourth, sealed: fourth });
    assert_eq!(seqs(&directory, 0).await, [0_u64; 0]);

    grow(&directory, 5, 6).await;
    let log = entries(&directory, 0).await;
    let sixth = Seal { seq: 6, hash: log.iter().fold(fourth.hash, LogHash::link), at: at(1) };
    keeper.seal(&sixth, 4).await.unwrap();
    assert_eq!(keeper.status().await.unwrap(), LogStatus { first: 5, last: 6, anchor: fourth, sealed: sixth });
    assert_eq!(keeper.prune(6, 100).await.unwrap(), 2);
    assert_eq!(keeper.status().await.unwrap().anchor, sixth);
}

pub async fn who_reads_a_log_that_is_pruned_meets_no_gap(fixture: &mut impl Fixture) {
    const ENTRIES: u64 = 300;
    let store = fixture.store();
    let (directory, keeper) = (acme(&store), keeper(&store));
    let ada = user(1, "ada");
    let changes = vec![change(&ada); usize::try_from(ENTRIES).unwrap()];
    log_of(&directory, vec![insert(&ada)], changes).await;
    let places: Vec<_> = (1..=29).map(|n| n * 10).collect();
    seal(&store, &places).await;

    let prunes = async {
        for place in &places {
            keeper.prune(*place, 1000).await.unwrap();
        }
    };
    let reads = async {
        for round in 0..200 {
            let (after, limit) = (round % 7 * 40, 1 + round % 60);
            let page = directory.log(after, usize::try_from(limit).unwrap()).await.unwrap();
            let first = page.first().unwrap().seq;
            assert!(first > after);
            for (expected, entry) in (first..).zip(&page) {
                assert_eq!(entry.seq, expected);
            }
            let history = directory.history(id(1), None, 500).await.unwrap();
            for (expected, entry) in (1..=ENTRIES).rev().zip(&history) {
                assert_eq!(entry.seq, expected);
            }
        }
    };
    together::<()>(vec![Box::pin(prunes), Box::pin(reads)]).await;
    assert_eq!(seqs(&directory, 0).await, (291..=ENTRIES).collect::<Vec<_>>());
}
