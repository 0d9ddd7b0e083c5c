//! Leases beside decisions: nobody gets what somebody else has, whatever is decided meanwhile.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Mutex;

use muster_model::{Progress, Standing};

use super::Fixture;
use super::help::{at, is_stale, number, together};
use super::outbox::{decided, done, failed, lease, outbox, plan_of_the_plugin, seqs, soon};
use crate::{Outbox, Seized, Settled, StoreError};

/// Lets the others have their turn once.
pub(super) async fn others_go_on() {
    let mut had_theirs = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut had_theirs, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

async fn stand(outbox: &dyn Outbox, seq: u64, standing: Standing) {
    let (_, old) = outbox.task(seq).await.unwrap().unwrap();
    let new = Progress { due: at(6), ..decided(&old, standing, 6) };
    outbox.decide(seq, old.revision, new).await.unwrap();
}

pub async fn what_is_released_while_others_lease_is_leased_once(fixture: &mut impl Fixture) {
    const USERS: u64 = 60;
    const TASKS: u64 = 3 * USERS;
    const CARRIERS: u64 = 8;
    let store = fixture.store();
    let outbox = outbox(&store);
    for part in (0..TASKS).map(|n| n % USERS).collect::<Vec<_>>().chunks(30) {
        plan_of_the_plugin(&store, 5, part).await;
    }
    for seq in 1..=TASKS {
        stand(outbox.as_ref(), seq, Standing::Held).await;
    }
    // Who has which task of whom; and what was carried out.
    let (live, log) = (Mutex::new(HashMap::new()), Mutex::new(Vec::new()));
    let release = |own: u64| -> Boxed<'_> {
        let outbox = &outbox;
        Box::pin(async move {
            for seq in (1..=TASKS).filter(|seq| seq % CARRIERS == own) {
                stand(outbox.as_ref(), seq, Standing::Waiting).await;
            }
        })
    };
    let carry = |own: u64| -> Boxed<'_> {
        let (outbox, live, log) = (&outbox, &live, &log);
        Box::pin(async move {
            while log.lock().unwrap().len() < usize::try_from(TASKS).unwrap() {
                let leases = lease(outbox, 7, 1 + usize::try_from(own % 3).unwrap()).await.tasks;
                if leases.is_empty() {
                    others_go_on().await;
                }
                for lease in &leases {
                    let (who, seq) = (number(lease.task.task.id), lease.task.seq);
                    let other = live.lock().unwrap().insert(who, seq);
                    assert_eq!(other, None, "task {seq} was leased while somebody had another one of its lane");
                }
                for lease in leases {
                    // The others ask meanwhile.
                    others_go_on().await;
                    let (who, seq) = (number(lease.task.task.id), lease.task.seq);
                    live.lock().unwrap().remove(&who);
                    log.lock().unwrap().push((who, seq));
                    outbox.settle(&lease, done(7)).await.unwrap();
                }
            }
        })
    };
    together((0..CARRIERS).flat_map(|own| [release(own), carry(own)]).collect()).await;

    let log = log.into_inner().unwrap();
    for who in 0..USERS {
        let lane: Vec<u64> = log.iter().filter(|(one, _)| *one == who).map(|(_, seq)| *seq).collect();
        assert!(lane.is_sorted(), "{lane:?}");
    }
    let mut each: Vec<u64> = log.iter().map(|(_, seq)| *seq).collect();
    each.sort_unstable();
    assert_eq!(each, (1..=TASKS).collect::<Vec<_>>(), "each once");
    assert_eq!(lease(&outbox, 7, 10).await.tasks.len(), 0);
}

pub async fn a_task_that_is_seized_keeps_the_later_ones_of_its_lane_back(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let outbox = outbox(&store);
    plan_of_the_plugin(&store, 5, &[1, 1, 1, 2]).await;
    let seize = async |seq, now| {
        let seized = outbox.seize(seq, at(now), soon(now)).await?;
        Ok::<_, StoreError>(match seized {
            Seized::Lease(lease) => Ok(*lease),
            Seized::By(by) => Err(by),
        })
    };
    let seized = async |seq, now| seize(seq, now).await.unwrap().unwrap();
    let by = async |seq, now| seize(seq, now).await.unwrap().unwrap_err();
    assert!(is_stale(&seize(77, 5).await.unwrap_err()), "there is none");
    let first = lease(&outbox, 5, 10).await;
    assert_eq!(seqs(&first), [1, 4]);
    assert_eq!(by(1, 5).await, 1, "somebody has it");
    outbox.settle(&first.tasks[0], Settled::Parked(failed(5))).await.unwrap();

    let parked = seized(1, 6).await;
    assert_eq!((parked.task.seq, parked.progress.standing, parked.progress.revision), (1, Standing::Parked, 1));
    assert_eq!(by(1, 6).await, 1, "it is seized once");
    assert_eq!(seqs(&lease(&outbox, 6, 10).await), [0; 0], "the second of the lane waits");
    outbox.let_go(&parked).await;
    let second = lease(&outbox, 6, 10).await;
    assert_eq!(seqs(&second), [2], "it was given back");
    assert_eq!(by(1, 7).await, 2, "a later one is being carried out");

    let third = seized(3, 7).await;
    outbox.settle(&second.tasks[0], Settled::Parked(failed(7))).await.unwrap();
    assert_eq!(seqs(&lease(&outbox, 8, 10).await), [0; 0], "an earlier one that was leased changes nothing");
    assert_eq!(by(2, 8).await, 3);
    outbox.let_go(&third).await;
    let replayed = seized(1, 8).await;
    stand(outbox.as_ref(), 1, Standing::Waiting).await;
    assert!(is_stale(&outbox.settle(&replayed, done(8)).await.unwrap_err()), "what is decided over is seized no more");
    assert_eq!(seqs(&lease(&outbox, 8, 10).await), [1], "and it is the first of its lane");

    seized(3, 9).await;
    assert_eq!(by(2, 68).await, 3);
    seized(2, 69).await;
}
