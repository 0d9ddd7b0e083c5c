//! What carrying tasks out costs, whatever waits; and tasks of a store from before there were the rows that follow from them.

use std::sync::Arc;

use muster_model::{NewTask, Progress, Queue, Standing};
use muster_store::contract::help::{at, change, commit, id, insert, task, tenant, user};
use muster_store::contract::outbox::{attempt, decided, done, lease, outbox, plan_of_the_plugin, seqs};
use muster_store::{Commit, Settled, Store};

use crate::flight::Writes;
use crate::keys::Space;
use crate::leases::{MAX_BACK, lock};
use crate::prepared::Work;
use crate::reader::rows_read;
use crate::staging::Staging;
use crate::tasks::TaskWork;
use crate::{Options, SledStore};

fn acme() -> Space {
    Space::of(&tenant("acme"))
}

/// Tasks of so many users, one each.
async fn backlog(store: &Arc<SledStore>, tasks: u64) {
    let directory = store.directory(&tenant("acme"));
    let ada = user(1, "ada");
    directory.commit(commit(vec![insert(&ada)])).await.unwrap();
    for part in 0..tasks.div_ceil(500) {
        let own = part * 500..tasks.min(part * 500 + 500);
        let new = |n| (0, NewTask { id: id(n), ..task(&ada, "invite") });
        let tasks = own.map(new).collect();
        directory.commit(Commit { changes: vec![change(&ada)], tasks, ..commit(vec![]) }).await.unwrap();
    }
}

/// How many rows a settle reads and writes.
fn settle(store: &SledStore, seq: u64) -> (u64, u64) {
    let outcome = Settled::Done(attempt(9));
    let work = Work::Task { space: acme(), work: TaskWork::Settle { seq, revision: 0, outcome } };
    let opened = store.core.opened().unwrap();
    let nothing = Writes::new();
    let mut staging = Staging::new(&opened.db, &nothing);
    let before = rows_read();
    work.apply(&mut staging).unwrap();
    (rows_read() - before, staging.into_parts().0.len() as u64)
}

#[tokio::test]
async fn what_carrying_out_costs_does_not_depend_on_what_waits_is_leased_or_is_held() {
    let mut costs = Vec::new();
    for tasks in [50, 20_000] {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
        backlog(&store, tasks).await;
        let outbox = outbox(&(Arc::clone(&store) as Arc<dyn Store>));
        // Half of them are leased, and some more are held.
        let half = usize::try_from(tasks / 2).unwrap();
        assert_eq!(lease(&outbox, 9, half).await.tasks.len(), half);
        for lease in lease(&outbox, 9, half / 5).await.tasks {
            outbox.settle(&lease, Settled::Held).await.unwrap();
        }
        let before = rows_read();
        let leased = lease(&outbox, 9, 10).await;
        let read = rows_read() - before;
        assert_eq!(leased.tasks.len(), 10);
        costs.push((read, settle(&store, leased.tasks[5].task.seq)));
        store.close().await;
    }
    assert_eq!(costs[0], costs[1]);
    assert!(costs[0].0 <= 10 * 5 + 2, "{costs:?}: row of the queue, task and progress of each");
}

#[tokio::test]
async fn what_comes_in_front_of_all_that_is_leased_is_bounded_in_memory_and_found() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 50, &[1]).await;
    assert_eq!(seqs(&lease(&outbox, 60, 1).await), [1]);
    let sled = SledStore::open(tempfile::tempdir().unwrap().path(), Options::default()).unwrap();
    let held = sled.core.leased.queue(&acme(), &Queue::plugin());
    lock(&held).advance((at(50), 1));
    for seq in 0..2 * MAX_BACK as u64 {
        lock(&held).arrived((at(5), seq));
    }
    assert!(lock(&held).backs() <= MAX_BACK);
    assert_eq!(lock(&held).frontier(), None, "the queue is looked through once more");

    // The clock was set back: all of these come in front of what was leased.
    for part in 0..4 {
        plan_of_the_plugin(&store, 5, &(part * 50..part * 50 + 50).map(|n| 100 + n).collect::<Vec<_>>()).await;
    }
    let found = lease(&outbox, 60, 1000).await;
    assert_eq!((found.tasks.len(), found.next), (200, None));
}

/// As an earlier version left them: the tasks, and nothing that follows from them.
fn made_old(store: &SledStore) {
    let opened = store.core.opened().unwrap();
    for range in b"qwyen".map(|kind| acme().rows(kind)).into_iter().chain([Space::deployment().rows(b'Q')]) {
        for row in opened.db.range(range.start..range.end) {
            opened.db.remove(row.unwrap().0).unwrap();
        }
    }
    opened.db.flush().unwrap();
}

#[tokio::test]
async fn tasks_of_an_earlier_version_wait_to_be_carried_out() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<SledStore> { Arc::new(SledStore::open(folder.path(), Options::default()).unwrap()) };
    let store = open();
    backlog(&store, 2_500).await;
    made_old(&store);
    store.close().await;
    drop(store);

    let store = open();
    let outbox = outbox(&(Arc::clone(&store) as Arc<dyn Store>));
    // The committer does it before anything else.
    store.put_clock_seen(muster_store::ClockSeen { at: at(1), doubted: None }).await.unwrap();
    assert_eq!(outbox.counts().await.unwrap(), [(Queue::plugin(), Standing::Waiting, 2_500)]);
    assert_eq!(store.queues(None, 10).await.unwrap(), [(tenant("acme"), Queue::plugin())]);
    let leases = lease(&outbox, 9, 3).await;
    assert_eq!(seqs(&leases), [1, 2, 3]);
    outbox.settle(&leases.tasks[0], done(9)).await.unwrap();
    let (_, progress) = outbox.task(2).await.unwrap().unwrap();
    outbox.decide(2, 0, Progress { due: at(90), ..decided(&progress, Standing::Held, 9) }).await.unwrap();
    store.close().await;
    drop((store, outbox));

    let store = open();
    let outbox = self::outbox(&(Arc::clone(&store) as Arc<dyn Store>));
    assert_eq!(outbox.tasks(Some(Standing::Done), 0, 9).await.unwrap().len(), 1, "it is done once");
    assert_eq!(outbox.counts().await.unwrap().iter().map(|(_, _, count)| count).sum::<u64>(), 2_500);
    store.close().await;
    // The sum over all rows knows what this test has removed.
    let report = crate::check(folder.path(), &Options::default(), &mut |_| {}).unwrap();
    assert_eq!(report.mendable, 0, "{:?}", report.findings);
}
