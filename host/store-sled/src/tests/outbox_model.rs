//! Any order of commits, leases, settles, decisions and steps of the clock, against a model in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_model::{NewTask, Progress, Queue, ResourceId, Standing, Timestamp};
use muster_store::contract::feeds::{event, feed};
use muster_store::contract::help::{at, id, is_stale, number, tenant};
use muster_store::contract::outbox::{attempt, crm, decided, failed, outbox, plan, soon};
use muster_store::{Lease, Outbox, Settled, Store};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use super::size;
use crate::{Options, SledStore};

const USERS: u64 = 4;
const STEPS: usize = 60;

#[derive(Debug, Clone)]
enum Step {
    Plan(Vec<(u64, bool)>),
    /// For each task its user, and whether it tells of an entry.
    Feed {
        tasks: Vec<(u64, bool)>,
        steps: u64,
        is_late: bool,
    },
    Announce(Vec<(u64, bool)>),
    Unfed,
    Lease {
        of_the_plugin: bool,
        limit: usize,
    },
    Settle {
        which: usize,
        outcome: u8,
        delay: i64,
    },
    LetGo {
        which: usize,
    },
    Decide {
        which: u64,
        standing: usize,
        delay: i64,
    },
    Clock(i64),
    Prune {
        limit: usize,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec((0..USERS, prop::bool::weighted(0.8)), 1..5).prop_map(Step::Plan),
        4 => (prop::collection::vec((0..USERS, any::<bool>()), 0..4), 0..4_u64, prop::bool::weighted(0.2))
            .prop_map(|(tasks, steps, is_late)| Step::Feed { tasks, steps, is_late }),
        1 => prop::collection::vec((0..USERS, any::<bool>()), 0..3).prop_map(Step::Announce),
        1 => Just(Step::Unfed),
        6 => (any::<bool>(), 1..4_usize).prop_map(|(of_the_plugin, limit)| Step::Lease { of_the_plugin, limit }),
        6 => (0..8_usize, 0..4_u8, -5..20_i64)
            .prop_map(|(which, outcome, delay)| Step::Settle { which, outcome, delay }),
        1 => (0..8_usize).prop_map(|which| Step::LetGo { which }),
        3 => (1..30_u64, 0..6_usize, -5..20_i64)
            .prop_map(|(which, standing, delay)| Step::Decide { which, standing, delay }),
        3 => (-20..70_i64).prop_map(Step::Clock),
        1 => (0..6_usize).prop_map(|limit| Step::Prune { limit }),
        1 => Just(Step::Reopen),
    ]
}

struct Known {
    user: ResourceId,
    change: u64,
    queue: Queue,
    at: Timestamp,
    progress: Progress,
    /// The latest lease, and until when; `None` when it has ended.
    lease: Option<(u64, Timestamp)>,
    latest: u64,
}

#[derive(Default)]
struct Model {
    tasks: BTreeMap<u64, Known>,
    last: u64,
    /// The latest entry of the log.
    log: u64,
    fed: Option<u64>,
}

impl Model {
    fn add(&mut self, user: u64, change: u64, queue: Queue, at: Timestamp) {
        self.last += 1;
        let known = Known { user: id(user), change, queue, at, progress: Progress::new(at), lease: None, latest: 0 };
        self.tasks.insert(self.last, known);
    }

    fn heads(&self, queue: &Queue) -> Vec<u64> {
        let mut heads = BTreeMap::new();
        for (seq, known) in self.tasks.iter().filter(|(_, known)| known.queue == *queue) {
            if known.progress.standing.blocks() {
                heads.entry(known.user).or_insert(*seq);
            }
        }
        heads.into_values().collect()
    }

    /// Leases that have run out end when somebody asks for others, and stay so if the clock is set back.
    fn expire(&mut self, queue: &Queue, now: Timestamp) {
        for known in self.tasks.values_mut().filter(|known| known.queue == *queue) {
            known.lease = known.lease.filter(|(_, until)| *until > now);
        }
    }

    /// What a lease must give, and when the next is due: what is due earlier than all that is not.
    fn due(&self, queue: &Queue) -> Vec<(Timestamp, u64)> {
        let in_lane = |seq: u64| {
            let own = &self.tasks[&seq];
            let lane = self.tasks.iter().filter(|(_, known)| known.user == own.user && known.queue == own.queue);
            lane.map(|(seq, _)| *seq).collect::<Vec<_>>()
        };
        let is_free = |seq: &u64| {
            self.tasks[seq].progress.standing == Standing::Waiting
                && !in_lane(*seq).into_iter().any(|seq| self.tasks[&seq].lease.is_some())
        };
        let heads = self.heads(queue).into_iter().filter(is_free);
        let mut due: Vec<_> = heads.map(|seq| (self.tasks[&seq].progress.due, seq)).collect();
        due.sort_unstable();
        due
    }
}

struct Run {
    folder: TempDir,
    store: Option<Arc<dyn Store>>,
    model: Model,
    now: i64,
    leases: Vec<Lease>,
}

impl Run {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
        Self { folder, store: Some(store), model: Model::default(), now: 100, leases: Vec::new() }
    }

    fn outbox(&self) -> Arc<dyn Outbox> {
        outbox(self.store.as_ref().unwrap())
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Plan(tasks) => self.plan(tasks).await,
            Step::Feed { tasks, steps, is_late } => self.feed(tasks, *steps, *is_late).await,
            Step::Announce(tasks) => self.announce(tasks).await,
            Step::Unfed => self.unfed().await,
            Step::Lease { of_the_plugin, limit } => self.lease(*of_the_plugin, *limit).await,
            Step::Settle { which, outcome, delay } => self.settle(*which, *outcome, *delay).await,
            Step::LetGo { which } => self.let_go(*which).await,
            Step::Decide { which, standing, delay } => self.decide(*which, *standing, *delay).await,
            Step::Clock(step) => self.now += step,
            Step::Prune { limit } => self.prune(*limit).await,
            Step::Reopen => self.reopen().await,
        }
    }

    async fn plan(&mut self, tasks: &[(u64, bool)]) {
        let queue = |of_the_plugin| if of_the_plugin { Queue::plugin() } else { crm() };
        let tasks: Vec<(u64, Queue)> = tasks.iter().map(|(n, own)| (*n + 10, queue(*own))).collect();
        plan(self.store.as_ref().unwrap(), "acme", self.now, &tasks).await;
        self.model.log += 1;
        for (n, queue) in tasks {
            self.model.add(n, self.model.log, queue, at(self.now));
        }
    }

    /// Of one who is late, somebody else has fed the queue meanwhile: nothing may come of it.
    async fn feed(&mut self, tasks: &[(u64, bool)], steps: u64, is_late: bool) {
        let before = self.model.fed.unwrap_or(0);
        let through = (before + steps).min(self.model.log);
        let change = |tells: bool| if tells && through > before { through } else { 0 };
        let tasks: Vec<(u64, u64)> = tasks.iter().map(|(n, tells)| (n + 10, change(*tells))).collect();
        let told = tasks.iter().map(|(n, change)| (*change, event(*n, &crm()))).collect();
        let expected = if is_late { Some(before + 1) } else { self.model.fed };
        let fed = self.outbox().feed(&crm(), feed(self.now, expected, through.max(expected.unwrap_or(0)), told)).await;
        if is_late {
            assert!(fed.is_err());
            return;
        }
        fed.unwrap();
        self.model.fed = Some(through);
        for (n, change) in tasks {
            self.model.add(n, change, crm(), at(self.now));
        }
    }

    async fn announce(&mut self, tasks: &[(u64, bool)]) {
        let queue = |to_siem| if to_siem { Queue::parse("push:siem").unwrap() } else { crm() };
        let tasks: Vec<NewTask> = tasks.iter().map(|(n, to_siem)| event(n + 10, &queue(*to_siem))).collect();
        self.outbox().announce(at(self.now), tasks.clone()).await.unwrap();
        for task in tasks {
            self.model.add(number(task.id), 0, task.queue, at(self.now));
        }
    }

    async fn unfed(&mut self) {
        self.outbox().unfed(&crm()).await.unwrap();
        self.model.fed = None;
    }

    async fn lease(&mut self, of_the_plugin: bool, limit: usize) {
        let queue = if of_the_plugin { Queue::plugin() } else { crm() };
        let now = at(self.now);
        self.model.expire(&queue, now);
        let due = self.model.due(&queue);
        let leases = self.outbox().lease(&queue, now, soon(self.now), limit).await.unwrap();
        let expected: Vec<u64> = due.iter().filter(|(due, _)| *due <= now).map(|(_, seq)| *seq).take(limit).collect();
        let given: Vec<u64> = leases.tasks.iter().map(|lease| lease.task.seq).collect();
        assert_eq!(given, expected, "at {}", self.now);
        let rest = due.iter().find(|(_, seq)| !given.contains(seq)).map(|(due, _)| *due);
        if leases.next != rest {
            // Heads that are not due yet are told though a lease in their lane holds them back.
            assert!(leases.next.is_some_and(|next| rest.is_none_or(|rest| next < rest)), "{:?} {rest:?}", leases.next);
        }
        for lease in leases.tasks {
            let known = self.model.tasks.get_mut(&lease.task.seq).unwrap();
            assert_eq!(lease.progress, known.progress);
            (known.lease, known.latest) = (Some((lease.number, lease.until)), lease.number);
            self.leases.push(lease);
        }
    }

    async fn settle(&mut self, which: usize, outcome: u8, delay: i64) {
        if self.leases.is_empty() {
            return;
        }
        let lease = self.leases.remove(which % self.leases.len());
        let outcome = match outcome {
            0 => Settled::Done(attempt(self.now)),
            1 => Settled::Again { attempt: failed(self.now), due: at(self.now + delay) },
            2 => Settled::Parked(failed(self.now)),
            _ => Settled::Held,
        };
        let settled = self.outbox().settle(&lease, outcome.clone()).await;
        let known = self.model.tasks.get_mut(&lease.task.seq);
        let known =
            known.filter(|known| known.progress.revision == lease.progress.revision && known.latest == lease.number);
        let Some(known) = known else {
            assert!(is_stale(&settled.unwrap_err()));
            return;
        };
        settled.unwrap();
        known.progress.revision += 1;
        known.lease = None;
        match outcome {
            Settled::Done(attempt) => {
                known.progress.note(attempt);
                known.progress.standing = Standing::Done;
            }
            Settled::Again { attempt, due } => {
                known.progress.note(attempt);
                known.progress.due = due;
            }
            Settled::Parked(attempt) => {
                known.progress.note(attempt);
                known.progress.standing = Standing::Parked;
            }
            Settled::Held => known.progress.standing = Standing::Held,
        }
    }

    async fn let_go(&mut self, which: usize) {
        if self.leases.is_empty() {
            return;
        }
        let lease = self.leases.remove(which % self.leases.len());
        self.outbox().let_go(&lease).await;
        if let Some(known) = self.model.tasks.get_mut(&lease.task.seq)
            && known.lease.is_some_and(|(number, _)| number == lease.number)
        {
            // What is said of it later does not count.
            (known.lease, known.latest) = (None, 0);
        }
    }

    async fn decide(&mut self, which: u64, standing: usize, delay: i64) {
        let seq = which % (self.model.last + 1);
        let outbox = self.outbox();
        let told = outbox.task(seq).await.unwrap();
        let Some(known) = self.model.tasks.get_mut(&seq) else {
            assert_eq!(told, None);
            return;
        };
        let mut new = decided(&known.progress, Standing::ALL[standing], self.now);
        new.due = at(self.now + delay);
        outbox.decide(seq, known.progress.revision, new.clone()).await.unwrap();
        (known.progress, known.lease) = (new, None);
    }

    async fn prune(&mut self, limit: usize) {
        let before = at(self.now - 10);
        let pruned = self.outbox().prune(before, limit).await.unwrap();
        let left = self.outbox().tasks(None, 0, 1000).await.unwrap();
        let old = |known: &Known| known.progress.standing.is_over() && known.progress.changed(known.at) < before;
        let was = self.model.tasks.len();
        self.model.tasks.retain(|seq, known| {
            let is_left = left.iter().any(|(task, _)| task.seq == *seq);
            assert!(is_left || old(known), "task {seq}");
            is_left
        });
        assert_eq!(was - self.model.tasks.len(), pruned);
        assert!(pruned <= limit);
    }

    async fn reopen(&mut self) {
        self.store.take().unwrap().close().await;
        self.store = Some(Arc::new(SledStore::open(self.folder.path(), Options::default()).unwrap()));
        self.leases.clear();
        self.model.tasks.values_mut().for_each(|known| known.lease = None);
    }

    async fn compare(&self) {
        let outbox = self.outbox();
        let told = outbox.tasks(None, 0, 1000).await.unwrap();
        assert_eq!(told.len(), self.model.tasks.len());
        assert_eq!(outbox.fed(&crm()).await.unwrap(), self.model.fed);
        for change in 0..=self.model.log {
            let of: Vec<u64> =
                outbox.tasks_of(change, 0, 1000).await.unwrap().iter().map(|(task, _)| task.seq).collect();
            let known = self.model.tasks.iter().filter(|(_, known)| known.change == change).map(|(seq, _)| *seq);
            assert_eq!(of, known.collect::<Vec<_>>(), "of entry {change}");
        }
        for ((task, progress), (seq, known)) in told.iter().zip(&self.model.tasks) {
            assert_eq!(
                (task.seq, task.task.id, &task.task.queue, progress),
                (*seq, known.user, &known.queue, &known.progress)
            );
        }
        let mut counted: BTreeMap<(Queue, Standing), u64> = BTreeMap::new();
        for known in self.model.tasks.values() {
            *counted.entry((known.queue.clone(), known.progress.standing)).or_insert(0) += 1;
        }
        let counts = outbox.counts().await.unwrap().into_iter().filter(|(_, _, count)| *count > 0);
        assert_eq!(
            counts.map(|(queue, standing, count)| ((queue, standing), count)).collect::<BTreeMap<_, _>>(),
            counted
        );
        for standing in Standing::ALL {
            let of = outbox.tasks(Some(standing), 0, 1000).await.unwrap();
            assert!(of.iter().all(|(_, progress)| progress.standing == standing));
            let expected = counted.iter().filter(|((_, one), _)| *one == standing).map(|(_, count)| count);
            assert_eq!(of.len() as u64, expected.sum::<u64>());
        }
        let mut waiting: Vec<Queue> = counted
            .keys()
            .filter(|(_, standing)| *standing == Standing::Waiting)
            .map(|(queue, _)| queue.clone())
            .collect();
        waiting.dedup();
        let queues = self.store.as_ref().unwrap().queues(None, 10).await.unwrap();
        assert_eq!(queues, waiting.into_iter().map(|queue| (tenant("acme"), queue)).collect::<Vec<_>>());
        for n in 10..10 + USERS {
            let lanes = outbox.lanes_of(id(n), 1000).await.unwrap();
            let mut expected: Vec<_> = self.model.tasks.iter().filter(|(_, known)| number(known.user) == n).collect();
            expected.retain(|(_, known)| known.progress.standing.blocks());
            expected.sort_by_key(|(seq, known)| (known.queue.clone(), **seq));
            let expected: Vec<u64> = expected.into_iter().map(|(seq, _)| *seq).collect();
            assert_eq!(lanes.iter().map(|(task, _)| task.seq).collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn whatever_is_done_tasks_stand_as_a_model_has_them() {
    let cases = u32::try_from(size("OUTBOX_CASES", 24, 2000)).unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let steps = prop::collection::vec(step(), 1..STEPS);
    let run = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let mut run = Run::new();
            for step in &steps {
                run.step(step).await;
            }
            run.compare().await;
            run.store.take().unwrap().close().await;
            let report = crate::check(run.folder.path(), &Options::default(), &mut |_| {}).unwrap();
            assert_eq!(report.found, 0, "{:?}", report.findings);
        });
        Ok(())
    });
    run.unwrap();
}
