use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_model::{Clock, Queue, TenantId, Timestamp};
use muster_store::{Leases, StoreError};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::attempt::{Attempt, Means};
use crate::gauges::Gauges;
use crate::limits::later;
use crate::turns::{End, Name, Turn, Turns};
use crate::{Brake, Carrier, DeliveryLimits, Dice, Outboxes};

/// How long to leave the store alone that did not answer.
pub const STORE_PAUSE: Duration = Duration::from_secs(1);

/// How often to look at the clock while something is due later: it may be set meanwhile.
pub const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How many queues one call of a sweep returns.
const QUEUES_A_CALL: usize = 1_000;

/// How often the gauges are set.
const GAUGES_EVERY: Duration = Duration::from_secs(15);

/// How long what was told to let go may take.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// What the dispatcher is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where tasks are.
    pub outboxes: Arc<dyn Outboxes>,
    /// Who carries them out.
    pub carrier: Arc<dyn Carrier>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the jitter comes from.
    pub dice: Arc<dyn Dice>,
    /// How much of everything.
    pub limits: DeliveryLimits,
}

/// Brings tasks to those who carry them out.
#[derive(Debug)]
pub struct Dispatcher {
    outboxes: Arc<dyn Outboxes>,
    means: Means,
    inbox: Arc<Inbox>,
    over: watch::Sender<bool>,
}

/// Who was woken since somebody looked: queues, each once, and never tasks; and whether it is not to be left alone any longer.
#[derive(Debug, Default)]
struct Inbox {
    woken: Mutex<HashMap<(TenantId, Queue), bool>>,
    bell: Notify,
}

/// What has come to an end.
#[derive(Debug)]
enum Event {
    Leased(Turn, Result<Leases, StoreError>),
    Rested(Name),
    Ended(Name, End),
    Swept(Result<Vec<(TenantId, Queue)>, StoreError>),
    Gauged(Gauges),
}

impl Dispatcher {
    /// Is woken from now on; nothing is leased before [`Dispatcher::run`].
    pub fn new(parts: Parts) -> Self {
        let Parts { outboxes, carrier, clock, dice, limits } = parts;
        let inbox = Arc::new(Inbox::default());
        let (wake, lift) = (inbox.clone(), inbox.clone());
        outboxes.on_tasks(Arc::new(move |tenant: &TenantId, queue: &Queue| wake.add(tenant, queue, false)));
        outboxes.on_lifted(Arc::new(move |tenant: &TenantId, queue: &Queue| lift.add(tenant, queue, true)));
        let (over, is_over) = watch::channel(false);
        Self {
            outboxes,
            means: Means {
                carrier,
                brake: None,
                clock,
                dice,
                limits: Arc::new(limits),
                is_over,
                parked: Arc::default(),
            },
            inbox,
            over,
        }
    }

    /// Asks this one before whatever destroys.
    #[must_use]
    pub fn braked_by(mut self, brake: Arc<dyn Brake>) -> Self {
        self.means.brake = Some(brake);
        self
    }

    /// Carries tasks out until `stop` is done; then leases nothing more, and waits for the attempts in flight for as long as its limits say.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut work = Work {
            turns: Turns::new(self.means.limits.as_ref().clone()),
            jobs: JoinSet::new(),
            is_sweeping: false,
            is_stopping: false,
            gauges: Some(Gauges::default()),
            dispatcher: &self,
        };
        let mut stop = std::pin::pin!(stop);
        let mut sweep = tokio::time::interval(self.means.limits.sweep);
        let mut gauges = tokio::time::interval(GAUGES_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        gauges.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let nap = work.take_turns();
            tokio::select! {
                biased;
                () = &mut stop => break,
                // Before what ends all the time.
                _ = sweep.tick() => work.sweep(None),
                _ = gauges.tick() => work.tell_gauges(),
                Some(event) = work.jobs.join_next() => work.learn(event),
                () = self.inbox.bell.notified() => {}
                () = sleep(nap) => {}
            }
        }
        work.drain().await;
    }

    fn now(&self) -> Timestamp {
        self.means.clock.now()
    }
}

async fn sleep(nap: Option<Duration>) {
    match nap {
        Some(nap) => tokio::time::sleep(nap).await,
        None => std::future::pending().await,
    }
}

impl Inbox {
    fn add(&self, tenant: &TenantId, queue: &Queue, is_lifted: bool) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        *woken.entry((tenant.clone(), queue.clone())).or_default() |= is_lifted;
        drop(woken);
        self.bell.notify_one();
    }

    fn take(&self) -> HashMap<(TenantId, Queue), bool> {
        std::mem::take(&mut self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the dispatcher has in its hands.
struct Work<'a> {
    turns: Turns,
    jobs: JoinSet<Event>,
    is_sweeping: bool,
    is_stopping: bool,
    /// `None` while they are set.
    gauges: Option<Gauges>,
    dispatcher: &'a Dispatcher,
}

impl Work<'_> {
    /// Lets everybody lease whose turn it is; how long until it is somebody's again.
    fn take_turns(&mut self) -> Option<Duration> {
        for (woken, is_lifted) in self.dispatcher.inbox.take() {
            if self.is_carried(&woken) {
                let name = Arc::new(woken);
                if is_lifted { self.turns.lift(&name) } else { self.turns.wake(&name) }
            }
        }
        let now = self.dispatcher.now();
        self.turns.due(now);
        while let Some(turn) = self.turns.next(now) {
            self.lease(turn);
        }
        let due = self.turns.next_due()?;
        let wait_ms = u64::try_from(due.as_millis().saturating_sub(now.as_millis())).unwrap_or(0);
        Some(Duration::from_millis(wait_ms.max(1)).min(LOOK_AGAIN))
    }

    fn is_carried(&self, (tenant, queue): &(TenantId, Queue)) -> bool {
        self.dispatcher.outboxes.is_carried(tenant, queue)
    }

    fn lease(&mut self, turn: Turn) {
        if !self.is_carried(&turn.name) {
            // It is found again when it is.
            self.turns.asked(&turn.name, 0, None, turn.at);
            return;
        }
        let outbox = self.dispatcher.outboxes.outbox(&turn.name.0);
        let until = later(turn.at, self.dispatcher.means.limits.lease());
        self.jobs.spawn(async move {
            let (name, at, want) = (turn.name.clone(), turn.at, turn.want);
            let leases = alone(async move { outbox.lease(&name.1, at, until, want).await }).await;
            Event::Leased(turn, leases.unwrap_or_else(|| Err(StoreError::Unavailable("it broke off".into()))))
        });
    }

    fn sweep(&mut self, after: Option<(TenantId, Queue)>) {
        if after.is_none() && std::mem::replace(&mut self.is_sweeping, true) {
            return;
        }
        let outboxes = self.dispatcher.outboxes.clone();
        self.jobs.spawn(async move {
            let swept = alone(async move { outboxes.queues(after, QUEUES_A_CALL).await }).await;
            Event::Swept(swept.unwrap_or_else(|| Err(StoreError::Unavailable("it broke off".into()))))
        });
    }

    fn tell_gauges(&mut self) {
        let (known, failing) = self.turns.known();
        metrics::gauge!("muster_delivery_queues").set(as_gauge(known));
        metrics::gauge!("muster_delivery_queues_failing").set(as_gauge(failing));
        let Some(mut gauges) = self.gauges.take() else { return };
        let (outboxes, clock) = (self.dispatcher.outboxes.clone(), self.dispatcher.means.clock.clone());
        self.jobs.spawn(async move {
            if let Err(error) = gauges.tell(outboxes.as_ref(), clock.as_ref()).await {
                store_failed(&error);
            }
            Event::Gauged(gauges)
        });
    }

    /// Takes in what has ended, and whatever else has meanwhile.
    fn learn(&mut self, event: Result<Event, tokio::task::JoinError>) {
        let mut next = Some(event);
        while let Some(event) = next {
            match event {
                Ok(event) => self.on(event),
                // It held nothing: what leases, sweeps and attempts do stands alone.
                Err(error) => tracing::error!(%error, "a part of the delivery broke off"),
            }
            next = self.jobs.try_join_next();
        }
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Leased(turn, Ok(leases)) => self.leased(&turn, leases),
            Event::Leased(turn, Err(error)) => {
                store_failed(&error);
                self.turns.rest(&turn.name);
                self.jobs.spawn(async move {
                    tokio::time::sleep(STORE_PAUSE).await;
                    Event::Rested(turn.name)
                });
            }
            Event::Rested(name) => self.turns.rested(&name),
            Event::Ended(name, end) => {
                let means = &self.dispatcher.means;
                self.turns.ended(&name, end, |failures| means.limits.pause(failures, means.dice.as_ref()));
            }
            Event::Swept(Ok(queues)) => {
                let last = queues.last().filter(|_| queues.len() >= QUEUES_A_CALL).cloned();
                for queue in queues {
                    if self.is_carried(&queue) {
                        self.turns.find(&Arc::new(queue));
                    }
                }
                match last.filter(|_| !self.is_stopping) {
                    Some(last) => self.sweep(Some(last)),
                    None => self.is_sweeping = false,
                }
            }
            Event::Swept(Err(error)) => {
                store_failed(&error);
                self.is_sweeping = false;
            }
            Event::Gauged(gauges) => self.gauges = Some(gauges),
        }
    }

    fn leased(&mut self, turn: &Turn, leases: Leases) {
        self.turns.asked(&turn.name, leases.tasks.len(), leases.next, turn.at);
        for lease in leases.tasks {
            let outbox = self.dispatcher.outboxes.outbox(&turn.name.0);
            if self.is_stopping {
                let name = turn.name.clone();
                self.jobs.spawn(async move {
                    outbox.let_go(&lease).await;
                    Event::Ended(name, End::Unknown)
                });
                continue;
            }
            let attempt = Attempt { name: turn.name.clone(), lease, is_outage: turn.is_outage };
            let means = self.dispatcher.means.clone();
            self.jobs.spawn(async move {
                let name = attempt.name.clone();
                // Of one that breaks off the lease runs out, and it is made again.
                let end = alone(attempt.make(outbox, means)).await.unwrap_or(End::Unknown);
                Event::Ended(name, end)
            });
        }
    }

    /// Nothing more is leased; what is in flight may end, and what does not is let go.
    async fn drain(mut self) {
        self.is_stopping = true;
        let drain = self.dispatcher.means.limits.drain;
        if tokio::time::timeout(drain, self.until_idle()).await.is_ok() {
            return;
        }
        tracing::warn!("some attempts did not end in time and are let go; they will be made again");
        let _ = self.dispatcher.over.send(true);
        if tokio::time::timeout(LAST_MOMENT, self.until_idle()).await.is_err() {
            self.jobs.shutdown().await;
        }
    }

    async fn until_idle(&mut self) {
        // A sweep, a rest and the gauges are not waited for; they end soon, or with the process.
        while self.turns.is_busy() {
            match self.jobs.join_next().await {
                Some(event) => self.learn(event),
                None => return,
            }
        }
    }
}

/// Does something in a task of its own, which ends with whoever waits for it. `None`: it broke off, and whoever waits gives back what it held.
async fn alone<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let mut one = JoinSet::new();
    one.spawn(work);
    let done = one.join_next().await?.ok();
    if done.is_none() {
        tracing::error!("a part of the delivery broke off");
    }
    done
}

fn store_failed(error: &StoreError) {
    metrics::counter!("muster_delivery_store_failures_total").increment(1);
    tracing::warn!(%error, "the store does not answer the delivery");
}

#[expect(clippy::cast_precision_loss, reason = "a gauge")]
fn as_gauge(count: usize) -> f64 {
    count as f64
}
