use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use muster_model::{Clock, FixedClock, Standing, Task, TenantId, Timestamp};
use muster_plugin::Outcome;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::memory::Memory;
use crate::{Carrier, DeliveryLimits, Dice, Dispatcher, LOOK_AGAIN, MAX_FAILURE_CHARS, Parts};

const START: Timestamp = Timestamp::from_millis(1_793_714_580_000);
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What to do with a task: what is said of it, or nothing for ever.
type Script = Box<dyn Fn(&TenantId, &Task, u32) -> Option<Outcome> + Send + Sync>;

/// Does as it is told, and notes what it was asked.
struct Told {
    script: Script,
    journal: Mutex<Vec<(String, u64)>>,
    running: Mutex<BTreeMap<String, usize>>,
    most: Mutex<BTreeMap<String, usize>>,
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

#[async_trait]
impl Carrier for Told {
    async fn carry(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Outcome {
        self.journal.lock().unwrap().push((tenant.to_string(), task.seq));
        {
            let (mut running, mut most) = (self.running.lock().unwrap(), self.most.lock().unwrap());
            for of in [tenant.to_string(), String::new()] {
                let now = running.entry(of.clone()).or_default();
                *now += 1;
                let most = most.entry(of).or_default();
                *most = (*most).max(*now);
            }
        }
        tokio::task::yield_now().await;
        let outcome = match (self.script)(tenant, task, attempt) {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        };
        let mut running = self.running.lock().unwrap();
        for of in [tenant.as_str(), ""] {
            *running.get_mut(of).unwrap() -= 1;
        }
        outcome
    }
}

/// Always the middle.
#[derive(Debug)]
struct Half;

impl Dice for Half {
    fn below(&self, bound: u64) -> u64 {
        bound / 2
    }
}

/// A dispatcher with its surroundings.
struct Stage {
    memory: Arc<Memory>,
    carrier: Arc<Told>,
    clock: Arc<FixedClock>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<()>>,
    limits: DeliveryLimits,
}

impl Stage {
    fn new(script: impl Fn(&TenantId, &Task, u32) -> Option<Outcome> + Send + Sync + 'static) -> Self {
        let carrier = Told {
            script: Box::new(script),
            journal: Mutex::default(),
            running: Mutex::default(),
            most: Mutex::default(),
        };
        Self {
            memory: Arc::default(),
            carrier: Arc::new(carrier),
            clock: Arc::new(FixedClock::new(START)),
            stop: None,
            running: None,
            limits: DeliveryLimits {
                drain: Duration::from_millis(50),
                sweep: Duration::from_millis(500),
                ..DeliveryLimits::default()
            },
        }
    }

    fn start(&mut self) {
        let parts = Parts {
            outboxes: self.memory.clone(),
            carrier: self.carrier.clone(),
            clock: self.clock.clone(),
            dice: Arc::new(Half),
            limits: self.limits.clone(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let dispatcher = Dispatcher::new(parts);
        self.stop = Some(stop);
        self.running = Some(tokio::spawn(dispatcher.run(async move {
            let _ = stopped.await;
        })));
    }

    async fn stop(&mut self) {
        drop(self.stop.take());
        tokio::time::timeout(PATIENCE, self.running.take().unwrap()).await.expect("it stops").unwrap();
    }

    fn plan(&self, name: &str, resource: u128) -> u64 {
        self.memory.plan(name, resource, self.clock.now())
    }

    fn journal(&self) -> Vec<(String, u64)> {
        self.carrier.journal.lock().unwrap().clone()
    }

    fn attempts(&self, name: &str) -> usize {
        self.journal().iter().filter(|(tenant, _)| tenant == name).count()
    }
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.unwrap_or_else(|_| panic!("it never came to this: {what}"));
}

fn again(reason: &str) -> Outcome {
    Outcome::Again { reason: reason.to_owned(), after: None }
}

#[tokio::test]
async fn tasks_of_one_resource_keep_their_order_and_are_carried_out_once() {
    let mut stage = Stage::new(|_, _, _| Some(Outcome::Done));
    for number in 0..300 {
        stage.plan("acme", number % 7);
    }
    stage.start();
    until("all is done", || stage.memory.standing("acme", Standing::Done) == 300).await;
    stage.stop().await;

    let journal = stage.journal();
    assert_eq!(journal.len(), 300, "each once");
    for resource in 0..7 {
        let of_one: Vec<u64> = journal.iter().map(|(_, seq)| *seq).filter(|seq| (seq - 1) % 7 == resource).collect();
        assert!(of_one.is_sorted(), "{of_one:?}");
    }
}

#[tokio::test]
async fn a_tenant_whose_endpoint_hangs_delays_no_other() {
    let mut stage = Stage::new(|tenant, _, _| (tenant.as_str() != "dead").then_some(Outcome::Done));
    for number in 0..1_000 {
        stage.plan("dead", number);
    }
    let others: Vec<String> = (0..99).map(|number| format!("tenant-{number}")).collect();
    for other in &others {
        for number in 0..20 {
            stage.plan(other, number);
        }
    }
    stage.start();
    until("all but the dead one's are done", || {
        others.iter().all(|other| stage.memory.standing(other, Standing::Done) == 20)
    })
    .await;

    assert_eq!(stage.attempts("dead"), 1, "no more than that hangs");
    let journal = stage.journal();
    let first_of = |name: &str| journal.iter().position(|(tenant, _)| tenant == name).unwrap();
    let last_of_first_turns = others.iter().map(|other| first_of(other)).max().unwrap();
    assert!(last_of_first_turns < 100 * 8, "each had its turn before anybody had two: {last_of_first_turns}");
    stage.stop().await;
}

#[tokio::test]
async fn a_task_that_always_fails_delays_its_resource_alone_and_is_parked_with_its_story() {
    let mut stage = Stage::new(|_, task, _| Some(if task.seq == 1 { again("no") } else { Outcome::Done }));
    for resource in [1, 1, 2, 2] {
        stage.plan("acme", resource);
    }
    stage.start();
    until("the other resource's are done", || stage.memory.standing("acme", Standing::Done) == 2).await;
    assert_eq!(stage.memory.progress("acme", 2).attempts, 0, "it waits for the one before it");

    for attempt in 2..=20 {
        stage.clock.advance(Duration::from_mins(16));
        until("it was tried again", || stage.memory.progress("acme", 1).attempts >= attempt).await;
    }
    until("what had to wait is done", || stage.memory.standing("acme", Standing::Done) == 3).await;
    let parked = stage.memory.progress("acme", 1);
    assert_eq!((parked.standing, parked.attempts), (Standing::Parked, 20));
    assert_eq!(parked.told.len(), 20);
    assert_eq!(parked.told[19].failure.as_deref(), Some("no"));
    stage.stop().await;
}

#[tokio::test]
async fn what_failed_is_tried_again_after_a_pause_and_not_before() {
    let mut stage = Stage::new(|_, _, attempt| {
        Some(match attempt {
            1 => again("the first time"),
            2 => Outcome::Again { reason: "later".to_owned(), after: Some(Duration::from_mins(5)) },
            _ => Outcome::Done,
        })
    });
    stage.start();
    stage.plan("acme", 1);
    until("the first attempt", || stage.memory.progress("acme", 1).attempts == 1).await;
    assert_eq!(stage.memory.progress("acme", 1).due.as_millis() - START.as_millis(), 500, "half of a second");
    stage.clock.advance(Duration::from_millis(499));
    tokio::time::sleep(2 * LOOK_AGAIN).await;
    assert_eq!(stage.journal().len(), 1);

    stage.clock.advance(Duration::from_millis(1));
    until("the second attempt", || stage.memory.progress("acme", 1).attempts == 2).await;
    let now = stage.clock.now().as_millis();
    assert_eq!(stage.memory.progress("acme", 1).due.as_millis() - now, 300_000, "as it was asked to");
    stage.clock.advance(Duration::from_mins(5));
    until("the third", || stage.memory.standing("acme", Standing::Done) == 1).await;
    stage.stop().await;
}

#[tokio::test]
async fn an_outage_parks_nothing_until_it_has_lasted_for_days_and_burns_few_attempts() {
    let mut stage = Stage::new(|_, _, _| Some(again("nobody answers")));
    for number in 0..10 {
        stage.plan("acme", number);
    }
    stage.limits.patience = Duration::from_hours(10);
    stage.limits.attempts = 2;
    stage.start();
    until("it is an outage", || stage.journal().len() >= 10).await;
    for _ in 0..9 * 60 {
        stage.clock.advance(Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let attempts = stage.journal().len();
    assert!((12..10 + 10 + 8 * 9).contains(&attempts), "{attempts} attempts in nine hours, of 10 tasks");
    assert_eq!(stage.memory.standing("acme", Standing::Waiting), 10);

    stage.clock.advance(Duration::from_hours(2));
    until("patience has an end", || {
        stage.clock.advance(Duration::from_mins(10));
        stage.memory.standing("acme", Standing::Parked) > 0
    })
    .await;
    stage.stop().await;
}

#[tokio::test]
async fn an_attempt_that_takes_too_long_or_panics_is_a_failure_that_says_so() {
    let mut stage = Stage::new(|_, task, _| match task.seq {
        1 => None,
        2 => panic!("a carrier that is broken"),
        _ => Some(Outcome::Failed { reason: format!("line one\nline two {}", "x".repeat(1_000)) }),
    });
    for number in 0..3 {
        stage.plan("acme", number);
    }
    stage.limits.attempt_timeout = Duration::from_secs(1);
    stage.start();
    until("all three were tried", || (1..=3).all(|seq| stage.memory.progress("acme", seq).attempts == 1)).await;
    let told = |seq| stage.memory.progress("acme", seq).told[0].failure.clone().unwrap();
    assert_eq!(told(1), "the attempt took longer than 1 s and was given up");
    assert_eq!(told(2), "the attempt broke off: the host failed, see its log");
    assert!(told(3).starts_with("line one line two x"), "{}", told(3));
    assert_eq!(told(3).chars().count(), MAX_FAILURE_CHARS + 3);
    assert_eq!(stage.memory.standing("acme", Standing::Parked), 1, "what can never be done is parked at once");
    stage.stop().await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_waited_for_and_nothing_is_carried_out_twice() {
    let mut stage = Stage::new(|_, _, _| Some(Outcome::Done));
    stage.memory.is_down.store(true, Ordering::SeqCst);
    for number in 0..20 {
        stage.plan("acme", number);
    }
    stage.start();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(stage.journal().len(), 0);
    stage.memory.is_down.store(false, Ordering::SeqCst);
    until("all is done", || stage.memory.standing("acme", Standing::Done) == 20).await;
    stage.stop().await;
    assert_eq!(stage.journal().len(), 20);
}

#[tokio::test]
async fn what_came_of_an_attempt_is_kept_as_soon_as_the_store_answers_again() {
    let down = Arc::new(Mutex::new(None::<Arc<Memory>>));
    let in_script = down.clone();
    let mut stage = Stage::new(move |_, _, _| {
        in_script.lock().unwrap().as_ref().unwrap().is_down.store(true, Ordering::SeqCst);
        Some(Outcome::Done)
    });
    *down.lock().unwrap() = Some(stage.memory.clone());
    stage.plan("acme", 1);
    stage.start();
    until("it was tried", || stage.journal().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stage.memory.is_down.store(false, Ordering::SeqCst);
    until("it is settled", || stage.memory.standing("acme", Standing::Done) == 1).await;
    stage.stop().await;
    assert_eq!(stage.journal().len(), 1, "once");
}

#[tokio::test]
async fn an_outcome_whose_lease_has_run_out_changes_nothing() {
    let (attempts, clock) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None::<Arc<FixedClock>>)));
    let (counted, in_script) = (attempts.clone(), clock.clone());
    let mut stage = Stage::new(move |_, task, _| {
        // The first attempt at this one lasts until somebody else has the task.
        if task.seq == 3 && counted.fetch_add(1, Ordering::SeqCst) == 0 {
            in_script.lock().unwrap().as_ref().unwrap().advance(Duration::from_hours(1));
            return None;
        }
        Some(Outcome::Done)
    });
    *clock.lock().unwrap() = Some(stage.clock.clone());
    for number in 1..=3 {
        stage.plan("acme", number);
    }
    stage.limits.attempt_timeout = Duration::from_secs(1);
    stage.start();
    until("the first attempt", || attempts.load(Ordering::SeqCst) >= 1).await;
    stage.plan("acme", 4);
    until("all is done", || stage.memory.standing("acme", Standing::Done) == 4).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let progress = stage.memory.progress("acme", 3);
    assert_eq!((progress.standing, progress.attempts), (Standing::Done, 1), "the one that was given up is not told");
    stage.stop().await;
}

#[tokio::test]
async fn tasks_that_nobody_was_woken_for_are_found_by_a_sweep() {
    let mut stage = Stage::new(|_, _, _| Some(Outcome::Done));
    stage.memory.is_silent.store(true, Ordering::SeqCst);
    stage.start();
    tokio::time::sleep(Duration::from_millis(100)).await;
    for number in 0..2_500 {
        stage.plan(&format!("t{number:04}"), 1);
    }
    until("the sweep finds them, page by page", || stage.journal().len() >= 2_500).await;
    stage.stop().await;

    let journal = stage.journal();
    let tenants: BTreeSet<&str> = journal.iter().map(|(tenant, _)| tenant.as_str()).collect();
    assert_eq!((journal.len(), tenants.len()), (2_500, 2_500), "each is found once, whichever page it is on");
    assert!(tenants.iter().all(|tenant| stage.memory.standing(tenant, Standing::Done) == 1));
}

#[tokio::test]
async fn attempts_at_once_have_their_limits() {
    let mut stage = Stage::new(|_, _, _| Some(Outcome::Done));
    stage.limits.concurrency = 10;
    stage.limits.concurrency_per_queue = 2;
    for number in 0..20 {
        for tenant in 0..20 {
            stage.plan(&format!("t{tenant}"), number);
        }
    }
    stage.start();
    until("all is done", || stage.journal().len() == 400).await;
    stage.stop().await;
    let most = stage.carrier.most.lock().unwrap().clone();
    assert_eq!(most[""], 10, "all of them are used");
    assert!(most.iter().filter(|(of, _)| !of.is_empty()).all(|(_, most)| *most <= 2), "{most:?}");
}

#[tokio::test]
async fn a_dispatcher_that_stops_waits_for_what_is_in_flight_and_lets_go_of_what_does_not_end() {
    let mut stage = Stage::new(|tenant, _, _| (tenant.as_str() != "dead").then_some(Outcome::Done));
    stage.plan("dead", 1);
    stage.start();
    until("it hangs", || stage.memory.leased("dead") == 1).await;
    stage.stop().await;

    stage.plan("acme", 1);
    tokio::time::sleep(2 * LOOK_AGAIN).await;
    assert_eq!(stage.journal().len(), 1, "nothing is leased any more");
    assert_eq!(stage.memory.leased("dead"), 0, "the next process need not wait for the lease to run out");
    let progress = stage.memory.progress("dead", 1);
    assert_eq!((progress.standing, progress.attempts), (Standing::Waiting, 0));
    assert_eq!(stage.memory.standing("acme", Standing::Waiting), 1);
}
