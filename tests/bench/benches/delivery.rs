//! What the delivery of tasks costs: tasks a second through the dispatcher with a carrier that answers at once, and how long after its commit
//! a task is carried out, with 1, 100 and 1,000 tenants, of which one's endpoint hangs. Nothing here fails on a time.
//!
//! `cargo xtask bench delivery` runs it on the store on sled; `-- --backlog 1000000` also fills a backlog and says what it takes in memory.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark, which prints what it measured"
)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::Parser;
use muster_bench::measure;
use muster_delivery::{Carrier, DeliveryLimits, Dice, Dispatcher, Outboxes, Parts, Wake};
use muster_model::{NewTask, Queue, SystemClock, Task, TenantId};
use muster_plugin::Outcome;
use muster_store::contract::help;
use muster_store::{Commit, Outbox, Store, StoreError};
use muster_store_sled::{Options, SledStore};
use tokio::sync::oneshot;

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Clone, Parser)]
struct Args {
    /// Tasks of all tenants together that wait when the dispatcher starts
    #[arg(long, default_value_t = 50_000)]
    tasks: u64,
    /// How many tenants
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1_000])]
    tenants: Vec<u64>,
    /// Tasks that come one by one, whose way is measured
    #[arg(long, default_value_t = 2_000)]
    singles: u64,
    /// Tasks of a backlog that nobody carries out; 0: none
    #[arg(long, default_value_t = 0)]
    backlog: u64,
    /// Where stores are made
    #[arg(long, default_value = "target/bench")]
    data: PathBuf,
    /// What cargo says to a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// Tasks in one commit while a backlog is made.
const AT_ONCE: u64 = 500;

#[derive(Debug)]
struct OfStore(Arc<SledStore>);

#[async_trait]
impl Outboxes for OfStore {
    fn outbox(&self, tenant: &TenantId) -> Arc<dyn Outbox> {
        self.0.outbox(tenant)
    }

    async fn queues(
        &self,
        after: Option<(TenantId, Queue)>,
        limit: usize,
    ) -> Result<Vec<(TenantId, Queue)>, StoreError> {
        self.0.queues(after, limit).await
    }

    fn on_tasks(&self, wake: Wake) {
        self.0.on_tasks(wake);
    }

    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.0.tenants().await?.into_iter().map(|row| row.id).collect())
    }
}

#[derive(Debug, Default)]
struct Dies(AtomicU64);

impl Dice for Dies {
    fn below(&self, bound: u64) -> u64 {
        self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed) % bound
    }
}

/// Answers at once, but for one tenant, which never does; notes when it was asked.
#[derive(Debug, Default)]
struct Instantly {
    done: AtomicU64,
    sent: Mutex<HashMap<String, Instant>>,
    lags_us: Mutex<Vec<f64>>,
}

#[async_trait]
impl Carrier for Instantly {
    async fn carry(&self, tenant: &TenantId, task: &Task, _: u32) -> Outcome {
        if tenant.as_str() == "dead" {
            return std::future::pending().await;
        }
        self.done.fetch_add(1, Ordering::Relaxed);
        if task.task.action == "single" {
            let sent = self.sent.lock().unwrap().remove(&task.task.idempotency_key);
            self.lags_us.lock().unwrap().extend(sent.map(|sent| sent.elapsed().as_secs_f64() * 1e6));
        }
        Outcome::Done
    }
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.data)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("\ndelivery, with a carrier that answers at once; one tenant more hangs where there is more than one");
    for &tenants in &args.tenants {
        runtime.block_on(throughput(&args, tenants))?;
    }
    if args.backlog > 0 {
        runtime.block_on(backlog(&args))?;
    }
    Ok(())
}

struct Place {
    store: Arc<SledStore>,
    carrier: Arc<Instantly>,
    stop: Option<oneshot::Sender<()>>,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("delivery-").tempdir_in(&args.data)?;
        let options = Options { cache_bytes: 128 << 20, ..Options::default() };
        let store = Arc::new(SledStore::open(&folder.path().join("store"), options)?);
        Ok(Self { store, carrier: Arc::default(), stop: None, _folder: folder })
    }

    /// So many tasks of a tenant, each of another user.
    async fn plan(&self, tenant: &TenantId, from: u64, tasks: u64, action: &str) -> anyhow::Result<()> {
        let directory = self.store.directory(tenant);
        let record = help::user(from, &format!("u{from}"));
        let planned = (from..from + tasks).map(|number| (0, task(tenant, number, action)));
        let commit = Commit {
            changes: vec![help::change(&record)],
            tasks: planned.collect(),
            ..help::commit(vec![help::insert(&record)])
        };
        directory.commit(commit).await?;
        Ok(())
    }

    fn deliver(&mut self) -> tokio::task::JoinHandle<()> {
        let limits = DeliveryLimits { drain: Duration::ZERO, ..DeliveryLimits::default() };
        let dispatcher = Dispatcher::new(Parts {
            outboxes: Arc::new(OfStore(self.store.clone())),
            carrier: self.carrier.clone(),
            clock: Arc::new(SystemClock),
            dice: Arc::new(Dies::default()),
            limits,
        });
        let (stop, stopped) = oneshot::channel::<()>();
        self.stop = Some(stop);
        tokio::spawn(dispatcher.run(async move {
            let _ = stopped.await;
        }))
    }

    async fn until(&self, done: u64) {
        while self.carrier.done.load(Ordering::Relaxed) < done {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn task(tenant: &TenantId, number: u64, action: &str) -> NewTask {
    let record = help::user(number, "");
    let idempotency_key = format!("{tenant}-{number}");
    NewTask { id: record.id, idempotency_key, ..help::task(&record, action) }
}

async fn throughput(args: &Args, tenants: u64) -> anyhow::Result<()> {
    let mut place = Place::new(args)?;
    let names: Vec<TenantId> = (0..tenants).map(|number| help::tenant(&format!("tenant-{number}"))).collect();
    let each = (args.tasks / tenants).max(1);
    for name in &names {
        for from in (0..each).step_by(usize::try_from(AT_ONCE)?) {
            place.plan(name, from, AT_ONCE.min(each - from), "bulk").await?;
        }
    }
    if tenants > 1 {
        place.plan(&help::tenant("dead"), 0, AT_ONCE, "bulk").await?;
    }
    let began = Instant::now();
    let running = place.deliver();
    place.until(each * tenants).await;
    let took = began.elapsed().as_secs_f64();

    // One by one, at the pace of a busy directory.
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    for number in 0..args.singles {
        tick.tick().await;
        let name = &names[usize::try_from(number % tenants)?];
        let key = format!("{name}-{}", each + number);
        place.plan_single(name, each + number, key).await?;
    }
    place.until(each * tenants + args.singles).await;
    let mut lags = place.carrier.lags_us.lock().unwrap().clone();
    lags.sort_by(f64::total_cmp);
    let at = |percent: usize| lags[(lags.len() - 1) * percent / 100] / 1_000.0;
    println!(
        "  {tenants:5} tenants: {:8.0} tasks/s ({} tasks); {} one by one are carried out {:.2} ms (p50), {:.2} ms (p99), {:.2} ms (max) after their commit",
        (each * tenants) as f64 / took,
        each * tenants,
        args.singles,
        at(50),
        at(99),
        at(100)
    );
    drop(place.stop.take());
    running.await?;
    Ok(())
}

impl Place {
    async fn plan_single(&self, tenant: &TenantId, number: u64, key: String) -> anyhow::Result<()> {
        let carrier = self.carrier.clone();
        let planning = self.plan(tenant, number, 1, "single");
        carrier.sent.lock().unwrap().insert(key.clone(), Instant::now());
        planning.await?;
        // From the acknowledgement on, unless it was carried out before that.
        if let Some(sent) = carrier.sent.lock().unwrap().get_mut(&key) {
            *sent = Instant::now();
        }
        Ok(())
    }
}

/// One tenant whose endpoint hangs.
async fn backlog(args: &Args) -> anyhow::Result<()> {
    let mut place = Place::new(args)?;
    let dead = help::tenant("dead");
    for from in (0..args.backlog).step_by(usize::try_from(AT_ONCE)?) {
        place.plan(&dead, from, AT_ONCE.min(args.backlog - from), "bulk").await?;
    }
    let before = measure::resident_bytes()?;
    let running = place.deliver();
    tokio::time::sleep(Duration::from_secs(20)).await;
    let after = measure::resident_bytes()?;
    println!(
        "  a backlog of {} tasks: {} MiB resident with it in the store, {} MiB after 20 s of delivery",
        args.backlog,
        before >> 20,
        after >> 20
    );
    drop(place.stop.take());
    running.await?;
    Ok(())
}
