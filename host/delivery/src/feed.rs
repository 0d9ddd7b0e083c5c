//! Tenants' logs are followed, and what receivers are told of them is put into their queues.
//!
//! A commit knows nothing of receivers: it rings, and the feeder comes after it. How far a queue was fed is moved with the tasks that follow, in
//! one step of the store, so that whatever is killed an entry becomes its tasks once, and none is left out. Tenants stand in line, each once,
//! and have one page of their log a turn: who has written much waits no shorter than who has written little. What is remembered here is
//! who stands in line; everything else is read anew each turn.

mod step;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use muster_model::{Clock, Following, LogEntry, NewTask, Receiver, TenantId};
use muster_store::{Store, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::step::Stepped;

/// How many entries of a log are looked at in one turn of a tenant.
pub const MAX_ENTRIES_A_FEED: usize = 200;

/// How many tasks of one receiver wait at most: what it is told beyond stays in the log until some of them are carried out.
pub const MAX_FED_WAITING: u64 = 1_000;

/// How many tenants have their turn at the same time: their writes share what it takes to make them durable.
const TURNS_AT_ONCE: usize = 8;

/// How often all logs are looked at, whether somebody has rung or not.
const LOOK_AT_ALL: Duration = Duration::from_secs(10);

/// When a tenant is looked at again of whom some queue was full, or for whom the store did not answer. Twice that the next time, and so on.
const FIRST_REST: Duration = Duration::from_millis(100);

/// How long that becomes at most.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// Is called with a tenant whose log has grown, or whose receivers have changed.
pub type Ring = Arc<dyn Fn(&TenantId) + Send + Sync>;

/// Who is told of what.
#[async_trait]
pub trait Feeds: Send + Sync + std::fmt::Debug {
    /// The tenants that have receivers.
    fn tenants(&self) -> Vec<TenantId>;

    /// The receivers of a tenant that are on.
    fn following(&self, tenant: &TenantId) -> Vec<Following>;

    /// What a receiver is told of these entries, each task with its entry, in their order.
    fn events(&self, tenant: &TenantId, receiver: &Receiver, entries: &[LogEntry]) -> Vec<(u64, NewTask)>;

    /// What a receiver is told where these entries are gone and it was not told of them; `None`: nothing.
    fn gap(&self, tenant: &TenantId, receiver: &Receiver, first: u64, last: u64) -> Option<NewTask>;

    /// There is something new in a receiver's queue.
    fn fed(&self, tenant: &TenantId, receiver: &Receiver);

    /// Takes back what a receiver was fed, if it is gone meanwhile.
    async fn forget_if_gone(&self, tenant: &TenantId, receiver: &Receiver) -> Result<(), StoreError>;

    /// The same for whatever waits for receivers that are gone.
    async fn forget_gone(&self) -> Result<(), StoreError>;

    /// Calls `ring` when there is news of a tenant that has receivers: it must not block.
    fn on_news(&self, ring: Ring);
}

/// Feeds receivers' queues from the logs.
#[derive(Debug)]
pub struct Feeder {
    means: Means,
    inbox: Arc<Inbox>,
}

/// What a turn needs.
#[derive(Debug, Clone)]
struct Means {
    feeds: Arc<dyn Feeds>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

/// Of whom there was news since somebody looked, each once.
#[derive(Debug, Default)]
struct Inbox {
    tenants: Mutex<HashSet<TenantId>>,
    bell: Notify,
}

impl Inbox {
    fn add(&self, tenant: &TenantId) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if tenants.insert(tenant.clone()) {
            self.bell.notify_one();
        }
    }

    fn take(&self) -> HashSet<TenantId> {
        std::mem::take(&mut self.tenants.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What has come to an end.
enum Event {
    Turned(TenantId, Result<Stepped, StoreError>),
    Rested(TenantId),
    Tidied,
}

impl Feeder {
    /// Is told of news from now on; nothing is fed before [`Feeder::run`].
    pub fn new(store: Arc<dyn Store>, feeds: Arc<dyn Feeds>, clock: Arc<dyn Clock>) -> Self {
        let inbox = Arc::new(Inbox::default());
        let rung = inbox.clone();
        feeds.on_news(Arc::new(move |tenant: &TenantId| rung.add(tenant)));
        Self { means: Means { feeds, store, clock }, inbox }
    }

    /// Feeds until `stop` is done; then begins no further turn, and finishes those that are under way.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut work = Work::new(self.means);
        work.tidy();
        let mut stop = std::pin::pin!(stop);
        let mut all = tokio::time::interval(LOOK_AT_ALL);
        all.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            for tenant in self.inbox.take() {
                work.put_in_line(tenant);
            }
            work.take_turns();
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = all.tick() => work.look_at_all(),
                Some(event) = work.jobs.join_next() => work.learn(event),
                () = self.inbox.bell.notified() => {}
            }
        }
        work.finish().await;
    }
}

/// Where a tenant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    InLine,
    /// It has its turn; whether there was news meanwhile.
    Turning(bool),
}

/// What the feeder has in its hands.
struct Work {
    means: Means,
    line: VecDeque<TenantId>,
    stands: HashMap<TenantId, Stands>,
    turning: usize,
    /// Who is looked at again after a while, and how long that was the last time.
    resting: HashMap<TenantId, (Duration, bool)>,
    /// By how many entries the slowest receiver of each tenant is behind, where one is.
    behind: HashMap<TenantId, u64>,
    jobs: JoinSet<Event>,
}

impl Work {
    fn new(means: Means) -> Self {
        Self {
            means,
            line: VecDeque::new(),
            stands: HashMap::new(),
            turning: 0,
            resting: HashMap::new(),
            behind: HashMap::new(),
            jobs: JoinSet::new(),
        }
    }

    /// What the last process left behind.
    fn tidy(&mut self) {
        let feeds = self.means.feeds.clone();
        self.jobs.spawn(async move {
            if let Err(error) = feeds.forget_gone().await {
                failed(None, &error);
            }
            Event::Tidied
        });
    }

    fn put_in_line(&mut self, tenant: TenantId) {
        match self.stands.get_mut(&tenant) {
            Some(Stands::InLine) => {}
            Some(Stands::Turning(has_news)) => *has_news = true,
            None => {
                self.stands.insert(tenant.clone(), Stands::InLine);
                self.line.push_back(tenant);
            }
        }
    }

    fn look_at_all(&mut self) {
        let tenants = self.means.feeds.tenants();
        // Of whom nothing is told any more nobody is behind.
        let known: HashSet<&TenantId> = tenants.iter().collect();
        self.behind.retain(|tenant, _| known.contains(tenant));
        for tenant in tenants {
            self.put_in_line(tenant);
        }
        self.tell();
    }

    fn take_turns(&mut self) {
        while self.turning < TURNS_AT_ONCE
            && let Some(tenant) = self.line.pop_front()
        {
            self.stands.insert(tenant.clone(), Stands::Turning(false));
            self.turning += 1;
            let means = self.means.clone();
            self.jobs.spawn(async move {
                let stepped = means.step(&tenant).await;
                Event::Turned(tenant, stepped)
            });
        }
    }

    fn learn(&mut self, event: Result<Event, tokio::task::JoinError>) {
        match event {
            Ok(Event::Turned(tenant, stepped)) => self.turned(tenant, stepped),
            Ok(Event::Rested(tenant)) => {
                if let Some((_, is_resting)) = self.resting.get_mut(&tenant) {
                    *is_resting = false;
                }
                self.put_in_line(tenant);
            }
            Ok(Event::Tidied) => {}
            Err(error) => {
                // Nobody knows whose turn it was: whoever seems to have one stands in line again.
                tracing::error!(%error, "a part of the feeding broke off");
                metrics::counter!("muster_feed_failures_total").increment(1);
                self.turning = 0;
                self.stands.retain(|_, stands| *stands == Stands::InLine);
            }
        }
    }

    fn turned(&mut self, tenant: TenantId, stepped: Result<Stepped, StoreError>) {
        self.turning = self.turning.saturating_sub(1);
        let has_news = self.stands.remove(&tenant) == Some(Stands::Turning(true));
        let (has_more, is_stuck) = match stepped {
            Ok(Stepped { has_more, is_full, has_fed, behind }) => {
                if has_fed && let Some((rest, _)) = self.resting.get_mut(&tenant) {
                    *rest = FIRST_REST;
                }
                match behind {
                    0 => self.behind.remove(&tenant),
                    behind => self.behind.insert(tenant.clone(), behind),
                };
                (has_more, is_full)
            }
            Err(error) => {
                failed(Some(&tenant), &error);
                (false, true)
            }
        };
        // That nobody is behind any more is told at once.
        if self.behind.len() <= 1 {
            self.tell();
        }
        match (is_stuck, has_more) {
            (true, false) => self.rest(&tenant),
            (false, _) => drop(self.resting.remove(&tenant)),
            (true, true) => {}
        }
        if has_more || has_news {
            self.put_in_line(tenant);
        }
    }

    /// Looks at a tenant again after a while, and later each time.
    fn rest(&mut self, tenant: &TenantId) {
        let (rest, is_resting) = self.resting.entry(tenant.clone()).or_insert((FIRST_REST, false));
        if *is_resting {
            return;
        }
        let pause = *rest;
        (*rest, *is_resting) = ((pause * 2).min(LONGEST_REST), true);
        let tenant = tenant.clone();
        self.jobs.spawn(async move {
            tokio::time::sleep(pause).await;
            Event::Rested(tenant)
        });
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    fn tell(&self) {
        let behind = self.behind.values().copied().max().unwrap_or(0);
        metrics::gauge!("muster_feed_behind").set(behind as f64);
    }

    /// Those that are under way take a moment; whoever rests is not waited for.
    async fn finish(mut self) {
        while self.turning > 0 {
            match self.jobs.join_next().await {
                Some(Ok(Event::Turned(..))) => self.turning -= 1,
                Some(Ok(Event::Rested(_) | Event::Tidied)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}

fn failed(tenant: Option<&TenantId>, error: &StoreError) {
    metrics::counter!("muster_feed_failures_total").increment(1);
    let tenant = tenant.map(tracing::field::display);
    tracing::warn!(tenant.id = tenant, %error, "receivers cannot be fed from the log; it is tried again");
}
