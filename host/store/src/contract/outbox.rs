//! Tasks: who gets them in which order, what becomes of them, and what is known of them.

use std::sync::{Arc, Mutex};

use muster_model::{Actor, Attempt, Decision, NewTask, Progress, Queue, Standing, Task, TenantId, Timestamp};

use super::Fixture;
use super::help::{acme, at, change, commit, id, insert, is_stale, task, tenant, together, user};
use super::leases::others_go_on;
use crate::{Commit, Lease, Leases, Outbox, Settled, Store};

/// Of whatever is leased here, if nothing else is said.
pub fn soon(now: i64) -> Timestamp {
    at(now + 60)
}

pub fn crm() -> Queue {
    Queue::parse("webhook:crm").unwrap()
}

pub fn outbox(store: &Arc<dyn Store>) -> Arc<dyn Outbox> {
    store.outbox(&tenant("acme"))
}

/// Commits a task for each of these: number of the user, queue. They are numbered in this order, and due at once.
pub async fn plan(store: &Arc<dyn Store>, of: &str, second: i64, tasks: &[(u64, Queue)]) {
    let directory = store.directory(&tenant(of));
    let ada = user(1, "ada");
    let mut commit = Commit { at: at(second), changes: vec![change(&ada)], ..commit(vec![]) };
    if directory.get(&super::help::USER, id(1)).await.unwrap().is_none() {
        commit.writes.push(insert(&ada));
    }
    for (n, queue) in tasks {
        let new = NewTask { id: id(*n), queue: queue.clone(), ..task(&user(*n, "somebody"), "invite") };
        commit.tasks.push((0, new));
    }
    directory.commit(commit).await.unwrap();
}

pub async fn plan_of_the_plugin(store: &Arc<dyn Store>, second: i64, users: &[u64]) {
    let tasks: Vec<_> = users.iter().map(|n| (*n, Queue::plugin())).collect();
    plan(store, "acme", second, &tasks).await;
}

pub async fn lease(outbox: &Arc<dyn Outbox>, now: i64, limit: usize) -> Leases {
    outbox.lease(&Queue::plugin(), at(now), soon(now), limit).await.unwrap()
}

pub fn seqs(leases: &Leases) -> Vec<u64> {
    leases.tasks.iter().map(|lease| lease.task.seq).collect()
}

pub fn attempt(second: i64) -> Attempt {
    Attempt { at: at(second), took_ms: 7, failure: None }
}

pub fn failed(second: i64) -> Attempt {
    Attempt { failure: Some("the endpoint answered 500".to_owned()), ..attempt(second) }
}

pub fn done(second: i64) -> Settled {
    Settled::Done(attempt(second))
}

async fn known(outbox: &Arc<dyn Outbox>) -> Vec<(u64, Standing)> {
    told(&outbox.tasks(None, 0, 1000).await.unwrap())
}

fn told(tasks: &[(Task, Progress)]) -> Vec<(u64, Standing)> {
    tasks.iter().map(|(task, progress)| (task.seq, progress.standing)).collect()
}

/// The next progress: somebody has said so.
pub fn decided(old: &Progress, standing: Standing, second: i64) -> Progress {
    let mut new = Progress { revision: old.revision + 1, standing, ..old.clone() };
    new.decisions.push(Decision { at: at(second), by: Actor::Operator, what: standing.name().to_owned() });
    new
}

async fn decide(outbox: &Arc<dyn Outbox>, seq: u64, standing: Standing, second: i64) {
    let (_, old) = outbox.task(seq).await.unwrap().unwrap();
    let mut new = decided(&old, standing, second);
    new.due = at(second);
    outbox.decide(seq, old.revision, new).await.unwrap();
}

async fn counts(outbox: &Arc<dyn Outbox>) -> Vec<(String, Standing, u64)> {
    let counts = outbox.counts().await.unwrap();
    let mut counts: Vec<_> =
        counts.into_iter().map(|(queue, standing, count)| (queue.to_string(), standing, count)).collect();
    counts.retain(|(_, _, count)| *count > 0);
    counts.sort();
    counts
}

pub async fn a_lane_is_carried_out_in_order_and_others_go_on(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 1, 2]).await;
    plan(&store, "acme", 5, &[(1, crm())]).await;
    plan(&store, "other", 5, &[(1, Queue::plugin())]).await;

    let first = lease(&outbox, 5, 10).await;
    assert_eq!(seqs(&first), [1, 3], "the second of a lane waits for the first");
    assert_eq!(first.next, None);
    assert_eq!(first.tasks[0].task.task.id, id(1));
    assert_eq!(first.tasks[0].progress, Progress::new(at(5)));
    assert_eq!(first.tasks[0].until, soon(5));
    let webhook = outbox.lease(&crm(), at(5), soon(5), 10).await.unwrap();
    assert_eq!(seqs(&webhook), [4], "another queue is another lane");
    let other = store.outbox(&tenant("other"));
    assert_eq!(seqs(&lease(&other, 5, 10).await), [1], "tenants have nothing to do with each other");

    outbox.settle(&first.tasks[0], done(6)).await.unwrap();
    let second = lease(&outbox, 6, 10).await;
    assert_eq!(seqs(&second), [2]);
    outbox.settle(&second.tasks[0], done(7)).await.unwrap();
    assert_eq!(seqs(&lease(&outbox, 7, 10).await), [0; 0]);
    let (_, progress) = outbox.task(1).await.unwrap().unwrap();
    assert_eq!((progress.revision, progress.standing, progress.attempts), (1, Standing::Done, 1));
    assert_eq!(progress.told, [attempt(6)]);
}

pub async fn what_is_tried_again_waits_until_it_is_due(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1]).await;
    plan_of_the_plugin(&store, 9, &[2, 1]).await;
    let early = lease(&outbox, 4, 10).await;
    assert_eq!((seqs(&early), early.next), (vec![], Some(at(5))), "nothing is due yet");
    let first = lease(&outbox, 5, 10).await;
    assert_eq!((seqs(&first), first.next), (vec![1], Some(at(9))));

    outbox.settle(&first.tasks[0], Settled::Again { attempt: failed(5), due: at(30) }).await.unwrap();
    let second = lease(&outbox, 9, 10).await;
    assert_eq!((seqs(&second), second.next), (vec![2], Some(at(30))), "its lane waits for it");
    assert_eq!(seqs(&lease(&outbox, 29, 10).await), [0; 0]);
    let again = lease(&outbox, 30, 10).await;
    assert_eq!(seqs(&again), [1]);
    let progress = &again.tasks[0].progress;
    assert_eq!((progress.revision, progress.attempts, progress.due), (1, 1, at(30)));
    assert_eq!(progress.told, [failed(5)]);
}

pub async fn the_earliest_due_is_leased_first_and_the_rest_is_told(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    for (second, n) in [(9, 1), (7, 2), (8, 3), (7, 4)] {
        plan_of_the_plugin(&store, second, &[n]).await;
    }
    let first = lease(&outbox, 20, 3).await;
    assert_eq!((seqs(&first), first.next), (vec![2, 4, 3], Some(at(9))), "by due, then by number");
    let none = lease(&outbox, 20, 0).await;
    assert_eq!((seqs(&none), none.next), (vec![], Some(at(9))));
    let rest = lease(&outbox, 20, 3).await;
    assert_eq!((seqs(&rest), rest.next), (vec![1], None));
    plan_of_the_plugin(&store, 3, &[5]).await;
    assert_eq!(seqs(&lease(&outbox, 20, 3).await), [5], "what comes late is not behind what was leased");
}

pub async fn a_task_is_leased_once_until_the_lease_ends(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 2]).await;
    let first = lease(&outbox, 5, 10).await;
    assert_eq!(seqs(&lease(&outbox, 64, 10).await), [0; 0], "both are leased");
    outbox.let_go(&first.tasks[1]).await;
    let second = lease(&outbox, 64, 10).await;
    assert_eq!(seqs(&second), [2], "it was given back");
    outbox.let_go(&first.tasks[1]).await;
    assert_eq!(seqs(&lease(&outbox, 64, 10).await), [0; 0], "a lease is given back once");
    assert!(is_stale(&outbox.settle(&first.tasks[1], done(64)).await.unwrap_err()), "nothing was tried by this one");

    let third = lease(&outbox, 65, 10).await;
    assert_eq!(seqs(&third), [1], "the lease ran out");
    assert!(third.tasks[0].number > first.tasks[0].number);
    assert!(is_stale(&outbox.settle(&first.tasks[0], done(66)).await.unwrap_err()), "another one was given");
    outbox.settle(&third.tasks[0], done(66)).await.unwrap();
    assert!(is_stale(&outbox.settle(&third.tasks[0], done(67)).await.unwrap_err()), "it is settled once");
    outbox.settle(&second.tasks[0], done(200)).await.unwrap();
    assert_eq!(known(&outbox).await, [(1, Standing::Done), (2, Standing::Done)], "late, and nobody else had it");
}

pub async fn a_lease_that_ran_out_counts_until_another_one_is_given(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 2]).await;
    let first = lease(&outbox, 5, 10).await;
    let again = lease(&outbox, 70, 1).await;
    assert_eq!(seqs(&again), [1]);
    assert!(is_stale(&outbox.settle(&first.tasks[0], done(70)).await.unwrap_err()));
    outbox.let_go(&again.tasks[0]).await;
    assert!(is_stale(&outbox.settle(&first.tasks[0], done(70)).await.unwrap_err()), "another one had been given");
    outbox.settle(&first.tasks[1], done(70)).await.unwrap();
    assert_eq!(seqs(&lease(&outbox, 70, 10).await), [1]);
}

pub async fn what_is_parked_blocks_nobody_and_what_is_held_does(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 1, 2, 2]).await;
    let first = lease(&outbox, 5, 10).await;
    assert_eq!(seqs(&first), [1, 3]);
    outbox.settle(&first.tasks[0], Settled::Parked(failed(6))).await.unwrap();
    outbox.settle(&first.tasks[1], Settled::Held).await.unwrap();

    assert_eq!(seqs(&lease(&outbox, 6, 10).await), [2], "behind what is parked; not behind what is held");
    let (_, held) = outbox.task(3).await.unwrap().unwrap();
    assert_eq!((held.standing, held.attempts, held.told.len()), (Standing::Held, 0, 0), "it was not tried");
    let expected = [(1, Standing::Parked), (2, Standing::Waiting), (3, Standing::Held), (4, Standing::Waiting)];
    assert_eq!(known(&outbox).await, expected);

    decide(&outbox, 3, Standing::Waiting, 8).await;
    let released = lease(&outbox, 8, 10).await;
    assert_eq!(seqs(&released), [3]);
    outbox.settle(&released.tasks[0], Settled::Held).await.unwrap();
    decide(&outbox, 3, Standing::Cancelled, 9).await;
    assert_eq!(seqs(&lease(&outbox, 9, 10).await), [4], "a cancelled head makes room");
}

pub async fn a_decision_ends_the_lease_and_moves_the_task(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 1]).await;
    let first = lease(&outbox, 5, 10).await;
    let (_, old) = outbox.task(1).await.unwrap().unwrap();
    outbox.decide(1, 0, decided(&old, Standing::Cancelled, 6)).await.unwrap();
    assert!(is_stale(&outbox.settle(&first.tasks[0], done(6)).await.unwrap_err()), "somebody has decided over it");
    assert!(is_stale(&outbox.decide(1, 0, decided(&old, Standing::Skipped, 6)).await.unwrap_err()));
    assert!(is_stale(&outbox.decide(77, 0, decided(&old, Standing::Skipped, 6)).await.unwrap_err()), "there is none");
    let skipping = Progress { revision: 3, ..decided(&old, Standing::Skipped, 6) };
    assert!(outbox.decide(1, 1, skipping).await.is_err(), "a revision is left out");
    let expected = [("plugin".to_owned(), Standing::Waiting, 1), ("plugin".to_owned(), Standing::Cancelled, 1)];
    assert_eq!(counts(&outbox).await, expected);
    let second = lease(&outbox, 6, 10).await;
    assert_eq!(seqs(&second), [2]);

    decide(&outbox, 2, Standing::Waiting, 40).await;
    assert!(is_stale(&outbox.settle(&second.tasks[0], done(41)).await.unwrap_err()), "even if it still waits");
    assert_eq!(seqs(&lease(&outbox, 39, 10).await), [0; 0]);
    assert_eq!(seqs(&lease(&outbox, 40, 10).await), [2], "when it was told to");
    let (_, progress) = outbox.task(1).await.unwrap().unwrap();
    assert_eq!(progress.decisions.iter().map(|decision| &*decision.what).collect::<Vec<_>>(), ["cancelled"]);
}

pub async fn a_task_can_be_replayed_after_its_lane_has_gone_on(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 1, 1]).await;
    let first = lease(&outbox, 5, 10).await;
    outbox.settle(&first.tasks[0], Settled::Parked(failed(5))).await.unwrap();
    let second = lease(&outbox, 6, 10).await;
    assert_eq!(seqs(&second), [2]);

    decide(&outbox, 1, Standing::Waiting, 7).await;
    assert_eq!(seqs(&lease(&outbox, 7, 10).await), [0; 0], "the second is being carried out");
    outbox.settle(&second.tasks[0], Settled::Again { attempt: failed(6), due: at(6) }).await.unwrap();
    let replayed = lease(&outbox, 7, 10).await;
    assert_eq!(seqs(&replayed), [1], "it is the first of its lane again");
    outbox.settle(&replayed.tasks[0], done(7)).await.unwrap();
    for expected in [2, 3] {
        let next = lease(&outbox, 8, 10).await;
        assert_eq!(seqs(&next), [expected]);
        outbox.settle(&next.tasks[0], done(8)).await.unwrap();
    }
    decide(&outbox, 2, Standing::Waiting, 9).await;
    assert_eq!(seqs(&lease(&outbox, 9, 10).await), [2], "of a lane that had ended");
}

pub async fn tasks_are_told_in_pages_by_standing_by_change_and_by_resource(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan(&store, "acme", 5, &[(1, Queue::plugin()), (2, Queue::plugin()), (1, crm())]).await;
    plan(&store, "acme", 6, &[(1, Queue::plugin()), (3, Queue::plugin())]).await;
    let leases = lease(&outbox, 6, 2).await;
    outbox.settle(&leases.tasks[0], done(6)).await.unwrap();
    outbox.settle(&leases.tasks[1], Settled::Parked(failed(6))).await.unwrap();

    let page = async |standing, after, limit| told(&outbox.tasks(standing, after, limit).await.unwrap());
    assert_eq!(page(None, 1, 2).await, [(2, Standing::Parked), (3, Standing::Waiting)]);
    assert_eq!(page(Some(Standing::Waiting), 0, 2).await, [(3, Standing::Waiting), (4, Standing::Waiting)]);
    assert_eq!(page(Some(Standing::Waiting), 4, 2).await, [(5, Standing::Waiting)]);
    assert_eq!(page(Some(Standing::Done), 0, 9).await, [(1, Standing::Done)]);
    assert_eq!(page(Some(Standing::Held), 0, 9).await, []);
    assert_eq!(page(None, u64::MAX, 9).await, []);
    let of = async |change, after, limit| told(&outbox.tasks_of(change, after, limit).await.unwrap());
    assert_eq!(of(1, 0, 9).await, [(1, Standing::Done), (2, Standing::Parked), (3, Standing::Waiting)]);
    assert_eq!(of(1, 1, 1).await, [(2, Standing::Parked)]);
    assert_eq!((of(2, 0, 9).await.len(), of(3, 0, 9).await.len()), (2, 0));
    let lanes = outbox.lanes_of(id(1), 9).await.unwrap();
    assert_eq!(told(&lanes), [(4, Standing::Waiting), (3, Standing::Waiting)], "by queue, then by number");
    assert_eq!(outbox.lanes_of(id(2), 9).await.unwrap(), []);
    let plugin = |standing, count| ("plugin".to_owned(), standing, count);
    let expected = [plugin(Standing::Waiting, 2), plugin(Standing::Parked, 1), plugin(Standing::Done, 1)];
    assert_eq!(counts(&outbox).await, [&expected[..], &[("webhook:crm".to_owned(), Standing::Waiting, 1)]].concat());
    assert_eq!(outbox.task(77).await.unwrap(), None);
    assert_eq!(store.outbox(&tenant("other")).tasks(None, 0, 9).await.unwrap(), []);
}

pub async fn queues_that_hold_tasks_are_found(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let named = |tenant: &TenantId, queue: &Queue| format!("{tenant} {queue}");
    let queues = async || -> Vec<String> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.queues(after, 1).await.unwrap();
            let Some((tenant, queue)) = page.first() else { break };
            found.push(named(tenant, queue));
            after = page.into_iter().next();
        }
        found.sort();
        found
    };
    assert_eq!(queues().await, [""; 0]);
    let woken = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&woken);
    store.on_tasks(Arc::new(move |tenant, queue| listener.lock().unwrap().push(format!("{tenant} {queue}"))));
    plan(&store, "acme", 5, &[(1, Queue::plugin()), (1, Queue::plugin()), (2, crm())]).await;
    plan(&store, "b", 5, &[(1, Queue::plugin())]).await;
    assert_eq!(queues().await, ["acme plugin", "acme webhook:crm", "b plugin"]);
    let mut heard = std::mem::take(&mut *woken.lock().unwrap());
    heard.sort();
    heard.dedup();
    assert_eq!(heard, ["acme plugin", "acme webhook:crm", "b plugin"]);

    let acme = outbox(&store);
    let first = lease(&acme, 5, 1).await;
    acme.settle(&first.tasks[0], done(5)).await.unwrap();
    assert_eq!(*woken.lock().unwrap(), ["acme plugin"], "the next of its lane is due");
    assert_eq!(queues().await, ["acme plugin", "acme webhook:crm", "b plugin"], "one is left");
    let second = lease(&acme, 5, 1).await;
    woken.lock().unwrap().clear();
    acme.let_go(&second.tasks[0]).await;
    assert_eq!(*woken.lock().unwrap(), ["acme plugin"]);
    decide(&acme, 2, Standing::Held, 6).await;
    assert_eq!(queues().await, ["acme webhook:crm", "b plugin"], "nothing waits there");
    woken.lock().unwrap().clear();
    decide(&acme, 2, Standing::Waiting, 7).await;
    assert_eq!(*woken.lock().unwrap(), ["acme plugin"]);
    assert_eq!(queues().await, ["acme plugin", "acme webhook:crm", "b plugin"]);
}

pub async fn what_is_over_is_forgotten_and_nothing_else(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 2, 3, 4, 5, 6, 7]).await;
    let leases = lease(&outbox, 5, 10).await.tasks;
    outbox.settle(&leases[0], Settled::Parked(failed(6))).await.unwrap();
    for (lease, second) in [(&leases[1], 10), (&leases[2], 20), (&leases[3], 11)] {
        outbox.settle(lease, done(second)).await.unwrap();
    }
    decide(&outbox, 5, Standing::Cancelled, 12).await;
    decide(&outbox, 6, Standing::Held, 12).await;

    assert_eq!(outbox.prune(at(10), 100).await.unwrap(), 0, "they are younger");
    assert_eq!(outbox.prune(at(15), 1).await.unwrap(), 1);
    let left = known(&outbox).await;
    assert_eq!(left.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7], "the oldest numbers first");
    let more = outbox.prune(at(15), 100).await.unwrap();
    assert!((1..=2).contains(&more), "it may stop at one that is not to be forgotten yet");
    assert_eq!(outbox.prune(at(100), 100).await.unwrap(), 3 - more);
    let expected = [(1, Standing::Parked), (6, Standing::Held), (7, Standing::Waiting)];
    assert_eq!(known(&outbox).await, expected);
    assert_eq!(outbox.prune(at(100), 100).await.unwrap(), 0);
    assert_eq!(outbox.task(2).await.unwrap(), None);
    assert_eq!(outbox.tasks_of(1, 0, 100).await.unwrap().len(), 3);
    let plugin = |standing| ("plugin".to_owned(), standing, 1);
    let expected = [plugin(Standing::Waiting), plugin(Standing::Held), plugin(Standing::Parked)];
    assert_eq!(counts(&outbox).await, expected);
    plan_of_the_plugin(&store, 50, &[9]).await;
    assert!(outbox.task(8).await.unwrap().is_some(), "numbers go on");
}

pub async fn nothing_is_lost_by_a_restart_but_the_leases(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 2, 3]).await;
    let leases = lease(&outbox, 5, 10).await.tasks;
    outbox.settle(&leases[0], done(6)).await.unwrap();
    outbox.settle(&leases[1], Settled::Again { attempt: failed(6), due: at(9) }).await.unwrap();
    let (before, count) = (outbox.tasks(None, 0, 10).await.unwrap(), counts(&outbox).await);
    drop((store, outbox));

    fixture.reopen().await;

    let store = fixture.store();
    let outbox = self::outbox(&store);
    assert_eq!((outbox.tasks(None, 0, 10).await.unwrap(), counts(&outbox).await), (before, count));
    let first = lease(&outbox, 7, 10).await;
    assert_eq!((seqs(&first), first.next), (vec![3], Some(at(9))), "whoever had it is gone");
    assert!(is_stale(&outbox.settle(&leases[1], done(9)).await.unwrap_err()));
    assert_eq!(store.queues(None, 10).await.unwrap(), [(tenant("acme"), Queue::plugin())]);
}

pub async fn of_many_who_lease_at_once_none_gets_what_another_has(fixture: &mut impl Fixture) {
    const CARRIERS: usize = 8;
    const TASKS: u64 = 120;
    let store = fixture.store();
    let users: Vec<u64> = (0..TASKS).map(|n| n % 40).collect();
    for part in users.chunks(30) {
        plan_of_the_plugin(&store, 5, part).await;
    }
    let outbox = outbox(&store);
    let log: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());
    let carrier = |n: usize| {
        let (outbox, log) = (&outbox, &log);
        Box::pin(async move {
            loop {
                let leases: Vec<Lease> = lease(outbox, 6, 1 + n % 3).await.tasks;
                if leases.is_empty() {
                    if u64::try_from(log.lock().unwrap().len()).unwrap() == TASKS {
                        return;
                    }
                    others_go_on().await;
                }
                for lease in leases {
                    let who = super::help::number(lease.task.task.id);
                    log.lock().unwrap().push((who, lease.task.seq));
                    outbox.settle(&lease, done(6)).await.unwrap();
                }
            }
        }) as std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>>
    };
    together((0..CARRIERS).map(carrier).collect()).await;

    let done_by_all = log.into_inner().unwrap();
    let mut numbers: Vec<u64> = done_by_all.iter().map(|(_, seq)| *seq).collect();
    for who in 0..40 {
        let lane: Vec<u64> = done_by_all.iter().filter(|(one, _)| *one == who).map(|(_, seq)| *seq).collect();
        assert!(lane.is_sorted(), "{lane:?}");
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=TASKS).collect::<Vec<_>>(), "each once");
    assert!(acme(&store).log(0, 10).await.unwrap().len() > 1);
}
