//! Leases that are given between a batch's becoming visible and its becoming durable.

use std::pin::pin;
use std::sync::Arc;

use muster_model::{Progress, Standing};
use muster_store::contract::help::at;
use muster_store::contract::outbox::{decided, done, lease, outbox, plan_of_the_plugin, seqs};
use muster_store::{Outbox, Store};

use super::durability::{Gated, gated, poll};

/// A task that is held, and as it is when it is released.
async fn held(outbox: &Arc<dyn Outbox>) -> Progress {
    let (_, new) = outbox.task(1).await.unwrap().unwrap();
    let held = decided(&new, Standing::Held, 6);
    outbox.decide(1, 0, held.clone()).await.unwrap();
    Progress { due: at(7), ..decided(&held, Standing::Waiting, 7) }
}

#[tokio::test]
async fn a_task_that_is_leased_before_its_release_is_on_disk_is_leased_once() {
    let Gated { gate, store, .. } = gated();
    let store: Arc<dyn Store> = store;
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1]).await;
    let released = held(&outbox).await;
    gate.set(|gate| gate.shut = true);
    let mut deciding = outbox.decide(1, 1, released);
    assert!(poll(deciding.as_mut()).is_pending());
    gate.wait_for_batch();
    let mut leasing = pin!(lease(&outbox, 8, 10));
    assert!(poll(leasing.as_mut()).is_pending(), "it waits for the disk");
    gate.set(|gate| gate.shut = false);

    deciding.await.unwrap();
    let leases = leasing.await;
    assert_eq!(seqs(&leases), [1]);
    assert_eq!(seqs(&lease(&outbox, 8, 10).await), [0; 0], "somebody has it");
    outbox.settle(&leases.tasks[0], done(8)).await.unwrap();
    let (_, progress) = outbox.task(1).await.unwrap().unwrap();
    assert_eq!((progress.standing, progress.told.len()), (Standing::Done, 1));
}

#[tokio::test]
async fn who_gives_up_while_a_lease_is_given_keeps_nothing_from_others() {
    let Gated { gate, store, .. } = gated();
    let store: Arc<dyn Store> = store;
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1]).await;
    let released = held(&outbox).await;
    gate.set(|gate| gate.shut = true);
    let mut deciding = outbox.decide(1, 1, released);
    assert!(poll(deciding.as_mut()).is_pending());
    gate.wait_for_batch();
    {
        let mut leasing = pin!(lease(&outbox, 8, 10));
        assert!(poll(leasing.as_mut()).is_pending());
    }
    gate.set(|gate| gate.shut = false);

    deciding.await.unwrap();
    assert_eq!(seqs(&lease(&outbox, 8, 10).await), [1]);
}
