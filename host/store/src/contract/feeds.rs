//! Queues that are fed from the log: what is added with how far they came, and what is told that is no change.

use std::sync::Arc;

use muster_model::{NewTask, Queue, Task};

use super::Fixture;
use super::help::{acme, at, change, commit, id, insert, is_stale, task, tenant, together, user};
use super::outbox::{attempt, crm, outbox, soon};
use crate::{Commit, Feed, Settled, Store, StoreError};

fn siem() -> Queue {
    Queue::parse("push:siem").unwrap()
}

/// Writes so many entries of a log, each of a user of its own.
async fn write(store: &Arc<dyn Store>, entries: u64) {
    let directory = acme(store);
    for n in 1..=entries {
        let user = user(n, &format!("user {n}"));
        let commit = Commit { changes: vec![change(&user)], ..commit(vec![insert(&user)]) };
        directory.commit(commit).await.unwrap();
    }
}

/// What tells of a user to a queue.
pub fn event(n: u64, queue: &Queue) -> NewTask {
    NewTask {
        idempotency_key: format!("event-{n}"),
        queue: queue.clone(),
        ..task(&user(n, "somebody"), "user.created")
    }
}

/// One step of a feeding.
pub fn feed(second: i64, expected: Option<u64>, through: u64, tasks: Vec<(u64, NewTask)>) -> Feed {
    Feed { at: at(second), expected, through, tasks }
}

fn told(tasks: &[(Task, muster_model::Progress)]) -> Vec<(u64, u64, String)> {
    tasks.iter().map(|(task, _)| (task.seq, task.change, task.task.queue.to_string())).collect()
}

pub async fn what_a_queue_is_fed_is_there_with_how_far_it_came_or_not_at_all(fixture: &mut impl Fixture) {
    let store = fixture.store();
    write(&store, 3).await;
    let outbox = outbox(&store);
    assert_eq!(outbox.fed(&crm()).await.unwrap(), None, "it was never fed");

    outbox.feed(&crm(), feed(6, None, 2, vec![(1, event(1, &crm())), (2, event(2, &crm()))])).await.unwrap();
    outbox.feed(&siem(), feed(6, None, 3, vec![(2, event(2, &siem()))])).await.unwrap();
    assert_eq!(outbox.fed(&crm()).await.unwrap(), Some(2));
    assert_eq!(outbox.fed(&siem()).await.unwrap(), Some(3));
    assert_eq!(store.outbox(&tenant("other")).fed(&crm()).await.unwrap(), None, "another tenant's is another queue");
    for expected in [None, Some(0), Some(1), Some(3)] {
        let again = outbox.feed(&crm(), feed(7, expected, 3, vec![])).await;
        assert!(is_stale(&again.unwrap_err()), "{expected:?}");
    }
    // Neither what it does not follow, nor what is another queue's, nor what is not there.
    let wrong = [
        feed(7, Some(2), 1, vec![]),
        feed(7, Some(2), 3, vec![(2, event(2, &crm()))]),
        feed(7, Some(2), 2, vec![(3, event(3, &crm()))]),
        feed(7, Some(2), 3, vec![(3, event(3, &siem()))]),
        feed(7, Some(2), 4, vec![(3, event(3, &crm()))]),
    ];
    for feed in wrong {
        assert!(matches!(outbox.feed(&crm(), feed).await, Err(StoreError::Unavailable(_))));
    }
    let all = outbox.tasks(None, 0, 100).await.unwrap();
    let (of_crm, of_siem) = ("webhook:crm".to_owned(), "push:siem".to_owned());
    assert_eq!(told(&all), [(1, 1, of_crm.clone()), (2, 2, of_crm.clone()), (3, 2, of_siem.clone())]);
    assert_eq!(told(&outbox.tasks_of(2, 0, 100).await.unwrap()), [(2, 2, of_crm), (3, 2, of_siem)]);
    assert_eq!(all[0].0.task, event(1, &crm()));
    assert_eq!((all[0].0.at, all[0].1.due), (at(6), at(6)));

    let leases = outbox.lease(&crm(), at(6), soon(6), 10).await.unwrap();
    assert_eq!(leases.tasks.len(), 2);
    outbox.settle(&leases.tasks[0], Settled::Done(attempt(6))).await.unwrap();
    // A page in which nothing is for it moves it all the same.
    outbox.feed(&crm(), feed(7, Some(2), 3, vec![])).await.unwrap();
    fixture.reopen().await;
    let outbox = super::outbox::outbox(&fixture.store());
    assert_eq!(outbox.fed(&crm()).await.unwrap(), Some(3));
    assert_eq!(outbox.tasks(None, 0, 100).await.unwrap().len(), 3);
}

pub async fn of_many_who_feed_at_once_one_does_and_the_others_are_told(fixture: &mut impl Fixture) {
    let store = fixture.store();
    write(&store, 4).await;
    let outbox = outbox(&store);
    for expected in [None, Some(1), Some(2), Some(3)] {
        let next = expected.unwrap_or(0) + 1;
        let feeding = |_| {
            let feed = feed(6, expected, next, vec![(next, event(next, &crm()))]);
            let outbox = outbox.clone();
            Box::pin(async move { outbox.feed(&crm(), feed).await }) as _
        };
        let fed: Vec<Result<(), StoreError>> = together((0..5).map(feeding).collect()).await;
        assert_eq!(fed.iter().filter(|fed| fed.is_ok()).count(), 1);
        assert!(fed.iter().filter_map(|fed| fed.as_ref().err()).all(is_stale));
    }
    let changes: Vec<u64> = outbox.tasks(None, 0, 100).await.unwrap().iter().map(|(task, _)| task.change).collect();
    assert_eq!(changes, [1, 2, 3, 4], "each once, and in their order");
}

pub async fn what_is_announced_follows_from_no_entry(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    let ping = |n: u64, queue: &Queue| NewTask { id: id(n), action: "test.ping".to_owned(), ..event(n, queue) };

    // Also where there is no log yet.
    outbox.announce(at(5), vec![ping(700, &crm()), ping(701, &siem())]).await.unwrap();
    outbox.announce(at(5), vec![]).await.unwrap();
    write(&store, 1).await;
    outbox.feed(&crm(), feed(6, None, 1, vec![(0, ping(702, &crm())), (1, event(1, &crm()))])).await.unwrap();

    let announced = outbox.tasks_of(0, 0, 100).await.unwrap();
    let (of_crm, of_siem) = ("webhook:crm".to_owned(), "push:siem".to_owned());
    assert_eq!(told(&announced), [(1, 0, of_crm.clone()), (2, 0, of_siem), (3, 0, of_crm)]);
    assert_eq!(outbox.tasks_of(1, 0, 100).await.unwrap().len(), 1);
    assert_eq!(outbox.fed(&siem()).await.unwrap(), None, "nobody was fed by that");
    let leases = outbox.lease(&crm(), at(6), soon(6), 10).await.unwrap();
    assert_eq!(leases.tasks.len(), 3, "none waits for another: they have ids of their own");
}

pub async fn a_queue_of_which_it_is_forgotten_how_far_it_was_fed_begins_anew(fixture: &mut impl Fixture) {
    let store = fixture.store();
    write(&store, 2).await;
    let outbox = outbox(&store);
    outbox.unfed(&crm()).await.unwrap();
    outbox.feed(&crm(), feed(6, None, 2, vec![(2, event(2, &crm()))])).await.unwrap();
    outbox.feed(&siem(), feed(6, None, 2, vec![])).await.unwrap();

    outbox.unfed(&crm()).await.unwrap();

    assert_eq!(outbox.fed(&crm()).await.unwrap(), None);
    assert_eq!(outbox.fed(&siem()).await.unwrap(), Some(2));
    assert!(is_stale(&outbox.feed(&crm(), feed(7, Some(2), 2, vec![])).await.unwrap_err()));
    assert_eq!(outbox.tasks(None, 0, 100).await.unwrap().len(), 1, "its tasks stay");
    outbox.feed(&crm(), feed(7, None, 1, vec![(1, event(1, &crm()))])).await.unwrap();
    assert_eq!(outbox.fed(&crm()).await.unwrap(), Some(1));
}
