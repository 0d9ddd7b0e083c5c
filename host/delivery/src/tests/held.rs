//! What the brake holds, and what it lets go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use muster_model::{
    FixedClock, NewTask, PluginDigest, Progress, Queue, ResourceId, ResourceType, Standing, Task, TenantId, Timestamp,
};
use muster_plugin::Outcome;
use muster_store::{Outbox as _, StoreError};
use tokio::sync::oneshot;

use super::memory::{Memory, tenant};
use crate::{Brake, Carrier, DeliveryLimits, Dice, Dispatcher, Parts};

const START: Timestamp = Timestamp::from_millis(1_793_714_580_000);
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Answers one after the other, the last one for ever; `None`: it cannot be asked.
#[derive(Debug)]
struct Answers(Vec<Option<bool>>, AtomicUsize);

impl Answers {
    fn new(answers: &[Option<bool>]) -> Arc<Self> {
        Arc::new(Self(answers.to_vec(), AtomicUsize::new(0)))
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Brake for Answers {
    async fn holds(&self, _: &TenantId, task: &Task, progress: &Progress) -> Result<bool, StoreError> {
        assert!(task.task.destructive && !progress.is_released, "nobody else is asked for");
        let answer = self.0[self.1.fetch_add(1, Ordering::SeqCst).min(self.0.len() - 1)];
        answer.ok_or_else(|| StoreError::Unavailable("it is down".into()))
    }
}

#[derive(Debug, Default)]
struct Counting(AtomicUsize);

#[async_trait]
impl Carrier for Counting {
    async fn carry(&self, _: &TenantId, _: &Task, _: u32) -> Outcome {
        self.0.fetch_add(1, Ordering::SeqCst);
        Outcome::Done
    }
}

#[derive(Debug)]
struct Half;

impl Dice for Half {
    fn below(&self, bound: u64) -> u64 {
        bound / 2
    }
}

fn task(resource: u128, destructive: bool) -> NewTask {
    NewTask {
        resource_type: ResourceType::USER,
        id: ResourceId::parse(&format!("00000000-0000-7000-8000-{resource:012x}")).unwrap(),
        idempotency_key: format!("key-{resource}"),
        action: "disable".to_owned(),
        arguments: Vec::new(),
        destructive,
        plugin: PluginDigest::of(b""),
        queue: Queue::plugin(),
    }
}

/// Lets a dispatcher work on these tasks until it is so, and a little longer.
async fn run(
    brake: &Arc<impl Brake + 'static>,
    tasks: Vec<NewTask>,
    is_so: impl Fn(&Memory) -> bool,
) -> (Arc<Memory>, usize) {
    let (memory, carrier) = (Arc::new(Memory::default()), Arc::new(Counting::default()));
    memory.of(&tenant("acme")).announce(START, tasks).await.unwrap();
    let limits = DeliveryLimits { sweep: Duration::from_millis(50), ..DeliveryLimits::default() };
    let parts = Parts {
        outboxes: memory.clone(),
        carrier: carrier.clone(),
        clock: Arc::new(FixedClock::new(START)),
        dice: Arc::new(Half),
        limits,
    };
    let (stop, over) = oneshot::channel::<()>();
    let running = tokio::spawn(Dispatcher::new(parts).braked_by(brake.clone()).run(async move {
        let _ = over.await;
    }));
    let so = async {
        while !is_so(&memory) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.expect("it comes to this");
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stop);
    running.await.unwrap();
    let count = carrier.0.load(Ordering::SeqCst);
    (memory, count)
}

#[tokio::test]
async fn what_is_held_is_not_carried_out_and_what_does_not_destroy_is_not_asked_for() {
    let brake = Answers::new(&[Some(true)]);
    let tasks = (0..40).map(|number| task(number, number % 2 == 0)).collect();
    let (memory, carried) = run(&brake, tasks, |memory| {
        memory.standing("acme", Standing::Held) == 20 && memory.standing("acme", Standing::Done) == 20
    })
    .await;
    assert_eq!(carried, 20);
    assert_eq!(memory.leased("acme"), 0);
    assert_eq!(brake.asked(), 40, "once before, and once after it was held");
    assert_eq!(memory.progress("acme", 1).attempts, 0, "it was not tried");
}

#[tokio::test]
async fn what_was_let_go_while_it_was_being_held_is_carried_out_and_not_left_behind() {
    let brake = Answers::new(&[Some(true), Some(false)]);
    let (memory, carried) =
        run(&brake, vec![task(1, true)], |memory| memory.standing("acme", Standing::Done) == 1).await;
    assert_eq!(carried, 1);
    assert_eq!(memory.progress("acme", 1).revision, 3, "held, let go, done");
}

/// Breaks off.
#[derive(Debug)]
struct Broken;

#[async_trait]
impl Brake for Broken {
    async fn holds(&self, _: &TenantId, _: &Task, _: &Progress) -> Result<bool, StoreError> {
        panic!("for the test")
    }
}

#[tokio::test]
async fn what_breaks_off_before_it_is_carried_out_holds_up_nothing_else() {
    let tasks = (0..40).map(|number| task(number, number % 2 == 0)).collect();
    let (memory, carried) = run(&Arc::new(Broken), tasks, |memory| memory.standing("acme", Standing::Done) == 20).await;
    assert_eq!((carried, memory.standing("acme", Standing::Waiting)), (20, 20));
}

#[tokio::test]
async fn a_brake_that_cannot_be_asked_lets_nothing_pass() {
    let brake = Answers::new(&[None, Some(false)]);
    let (memory, carried) =
        run(&brake, vec![task(1, true)], |memory| memory.standing("acme", Standing::Done) == 1).await;
    assert_eq!((carried, brake.asked()), (1, 2), "it is asked again");
    assert_eq!(memory.progress("acme", 1).attempts, 1);
}
