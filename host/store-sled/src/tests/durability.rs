//! Group commit, what readers may see, and what happens when the disk fails.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use muster_model::Version;
use muster_store::contract::help::{
    GROUP, USER, acme, commit, eq, group, id, insert, is_taken, join, key, make, query, refused, together, touch, user,
};
use muster_store::{Directory, Store, StoreError};
use tempfile::TempDir;

use crate::{MAX_WAITING_COMMITS, Options, SledStore, SyncHook};

/// Stands between a batch's becoming visible and its becoming durable.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct GateState {
    pub(super) shut: bool,
    waiting: bool,
    failing: bool,
}

impl Gate {
    pub(super) fn set(&self, change: impl FnOnce(&mut GateState)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }

    /// Returns when a batch is applied and stands before the gate.
    pub(super) fn wait_for_batch(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !state.waiting).unwrap());
    }

    fn pass(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.waiting = true;
        self.changed.notify_all();
        state = self.changed.wait_while(state, |state| state.shut).unwrap();
        state.waiting = false;
        if state.failing { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}

pub(super) struct Gated {
    pub(super) gate: Arc<Gate>,
    pub(super) store: Arc<SledStore>,
    directory: Arc<dyn Directory>,
    folder: TempDir,
}

pub(super) fn gated() -> Gated {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let passed = Arc::clone(&gate);
    let before_sync = Some(SyncHook(Arc::new(move || passed.pass())));
    let store = Arc::new(SledStore::open(folder.path(), Options { before_sync, ..Options::default() }).unwrap());
    let directory = acme(&(Arc::clone(&store) as Arc<dyn Store>));
    Gated { gate, store, directory, folder }
}

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable(_)))
}

pub(super) fn poll<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn what_gathers_during_a_sync_shares_the_next_one() {
    let Gated { gate, store, directory, .. } = gated();
    gate.set(|gate| gate.shut = true);
    let mut first = directory.commit(commit(vec![insert(&user(1000, "first"))]));
    assert!(poll(first.as_mut()).is_pending());
    gate.wait_for_batch();
    let mut others: Vec<_> =
        (1..=64).map(|n| directory.commit(commit(vec![insert(&user(n, &format!("user{n}")))]))).collect();
    for other in &mut others {
        assert!(poll(other.as_mut()).is_pending());
    }
    gate.set(|gate| gate.shut = false);

    first.await.unwrap();
    for made in together(others).await {
        made.unwrap();
    }
    assert_eq!(store.syncs(), 2);
}

#[tokio::test]
async fn a_commit_that_fails_in_a_batch_fails_alone() {
    let Gated { gate, store, directory, .. } = gated();
    gate.set(|gate| gate.shut = true);
    let mut first = directory.commit(commit(vec![insert(&user(1, "first"))]));
    assert!(poll(first.as_mut()).is_pending());
    gate.wait_for_batch();
    let rivals = [user(2, "ada"), user(3, "ada"), user(4, "bob")];
    let mut batch: Vec<_> = rivals.iter().map(|rival| directory.commit(commit(vec![insert(rival)]))).collect();
    for commit in &mut batch {
        assert!(poll(commit.as_mut()).is_pending());
    }
    gate.set(|gate| gate.shut = false);

    first.await.unwrap();
    let outcomes = together(batch).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert!(is_taken(outcomes[1].as_ref().unwrap_err(), "username"));
    assert_eq!(store.syncs(), 2);
}

#[tokio::test]
async fn a_reader_waits_until_what_it_saw_is_on_disk() {
    let Gated { gate, directory, .. } = gated();
    let (ada, staff) = (user(1, "ada"), group(8, "staff"));
    make(&directory, vec![insert(&ada), insert(&user(2, "bob")), insert(&staff)]).await;
    gate.set(|gate| gate.shut = true);
    let eve = user(3, "eve");
    let mut write = directory.commit(commit(vec![insert(&eve), join(8, 1), touch(&staff, None)]));
    assert!(poll(write.as_mut()).is_pending());
    gate.wait_for_batch();

    // What the batch does not touch is answered at once.
    assert!(poll(pin!(directory.get(&USER, id(1)))).is_ready());
    assert!(poll(pin!(directory.find(&USER, &key("username", "bob")))).is_ready());
    assert!(poll(pin!(directory.groups_of(id(2)))).is_ready());
    // What it does touch is not.
    let by_name = query(&USER, Some(eq("userName", "eve")));
    let (eve_key, counted) = (key("username", "eve"), muster_store::Query { limit: 0, ..query(&USER, None) });
    let mut get = pin!(directory.get(&USER, id(3)));
    let mut find = pin!(directory.find(&USER, &eve_key));
    let mut list = pin!(directory.list(&by_name));
    let mut count = pin!(directory.list(&counted));
    let mut version = pin!(directory.get(&GROUP, id(8)));
    let mut members = pin!(directory.members(id(8), None, 10));
    let mut groups = pin!(directory.groups_of(id(1)));
    assert!(poll(get.as_mut()).is_pending());
    assert!(poll(find.as_mut()).is_pending());
    assert!(poll(list.as_mut()).is_pending());
    assert!(poll(count.as_mut()).is_pending());
    assert!(poll(version.as_mut()).is_pending());
    assert!(poll(members.as_mut()).is_pending());
    assert!(poll(groups.as_mut()).is_pending());
    gate.set(|gate| gate.shut = false);

    assert_eq!(get.await.unwrap(), Some(eve.clone()));
    assert_eq!(find.await.unwrap(), Some(eve));
    assert_eq!(list.await.unwrap().total, 1);
    assert_eq!(count.await.unwrap().total, 3);
    assert_eq!(version.await.unwrap().unwrap().version, Version(2));
    assert_eq!(members.await.unwrap().len(), 1);
    assert_eq!(groups.await.unwrap(), [id(8)]);
    write.await.unwrap();
}

#[tokio::test]
async fn a_list_that_is_first_read_during_a_commit_misses_nothing() {
    let Gated { gate, directory, .. } = gated();
    make(&directory, vec![insert(&user(1, "ada")), insert(&user(2, "bob"))]).await;
    gate.set(|gate| gate.shut = true);
    let gone = muster_store::contract::help::remove(&user(1, "ada"));
    let mut write = directory.commit(commit(vec![insert(&user(3, "eve")), gone]));
    assert!(poll(write.as_mut()).is_pending());
    gate.wait_for_batch();
    let everybody = query(&USER, None);
    let mut list = directory.list(&everybody);
    assert!(poll(list.as_mut()).is_pending());
    gate.set(|gate| gate.shut = false);

    let listing = list.await.unwrap();
    assert_eq!((listing.total, muster_store::contract::help::numbers(&listing)), (2, vec![2, 3]));
    write.await.unwrap();
    make(&directory, vec![insert(&user(4, "dan"))]).await;
    assert_eq!(directory.list(&everybody).await.unwrap().total, 3);
}

#[tokio::test]
async fn after_an_error_of_the_disk_nothing_is_written_and_reads_go_on() {
    let Gated { gate, store, directory, folder } = gated();
    let ada = user(1, "ada");
    make(&directory, vec![insert(&ada)]).await;
    store.ready().unwrap();
    gate.set(|gate| gate.failing = true);
    let lost = user(2, "lost");
    assert!(is_unavailable(&directory.commit(commit(vec![insert(&lost)])).await));
    gate.set(|gate| gate.failing = false);

    assert!(is_unavailable(&directory.commit(commit(vec![insert(&user(3, "eve"))])).await));
    assert!(is_unavailable(&directory.commit(commit(vec![])).await));
    assert!(is_unavailable(&store.ready()));
    assert_eq!(directory.get(&USER, id(1)).await.unwrap(), Some(ada.clone()));
    assert!(is_unavailable(&directory.get(&USER, id(2)).await), "nobody knows whether a restart will find it");
    assert_eq!(directory.get(&USER, id(3)).await.unwrap(), None);

    drop(directory);
    store.close().await;
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    store.ready().unwrap();
    assert_eq!(acme(&store).get(&USER, id(1)).await.unwrap(), Some(ada));
    make(&acme(&store), vec![insert(&user(3, "eve"))]).await;
}

#[tokio::test]
async fn a_panic_on_the_write_path_is_an_error_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let before_sync = Some(SyncHook(Arc::new(|| panic!("an assertion of sled"))));
    let store = SledStore::open(folder.path(), Options { before_sync, ..Options::default() }).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let directory = acme(&store);

    for n in 1..=2 {
        let error = refused(&directory, vec![insert(&user(n, &format!("user{n}")))]).await;
        assert!(matches!(error, StoreError::Unavailable(_)));
    }
    assert!(is_unavailable(&store.ready()));
    assert!(is_unavailable(&directory.get(&USER, id(1)).await));
}

#[tokio::test]
async fn a_full_queue_refuses_and_what_waits_is_done() {
    let Gated { gate, directory, .. } = gated();
    gate.set(|gate| gate.shut = true);
    let mut first = directory.commit(commit(vec![insert(&user(1_000_000, "first"))]));
    assert!(poll(first.as_mut()).is_pending());
    gate.wait_for_batch();
    let mut waiting: Vec<_> = (0..MAX_WAITING_COMMITS as u64)
        .map(|n| directory.commit(commit(vec![insert(&user(n, &format!("user{n}")))])))
        .collect();
    for waits in &mut waiting {
        assert!(poll(waits.as_mut()).is_pending());
    }
    assert!(is_unavailable(&directory.commit(commit(vec![])).await));
    gate.set(|gate| gate.shut = false);

    first.await.unwrap();
    assert!(together(waiting).await.iter().all(Result::is_ok));
    directory.commit(commit(vec![])).await.unwrap();
}

#[tokio::test]
async fn closing_finishes_what_was_accepted() {
    let Gated { gate, store, directory, folder } = gated();
    gate.set(|gate| gate.shut = true);
    let mut accepted: Vec<_> =
        (1..=3).map(|n| directory.commit(commit(vec![insert(&user(n, &format!("user{n}")))]))).collect();
    for commit in &mut accepted {
        assert!(poll(commit.as_mut()).is_pending());
    }
    gate.wait_for_batch();
    let mut closing = store.close();
    assert!(poll(closing.as_mut()).is_pending());
    gate.set(|gate| gate.shut = false);

    closing.await;
    assert!(together(accepted).await.iter().all(Result::is_ok));
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    assert_eq!(acme(&store).list(&query(&USER, None)).await.unwrap().total, 3);
}
