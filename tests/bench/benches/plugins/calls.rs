//! What one call costs: its instance, the mapping of a whole user, and the plan of what follows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use muster_bench::measure::{median, thread_time};
use muster_bench::okta_user;
use muster_model::{Account, Event, RequestId, ResourceId, TenantId, Timestamp};
use muster_plugin::{Call, Kind, PlanChange, Plugin, PluginHost as _};
use muster_plugin_poggio::Poggio;
use muster_plugin_sdk as sdk;
use muster_plugin_sdk::testing;
use muster_plugin_secoda::Secoda;
use muster_plugin_standard::Standard;
use muster_plugin_wasmtime::{Bare, HostOptions, WasmtimeHost};
use muster_protocol::Document;
use serde_json::Value;

use crate::args::Args;
use crate::subjects::{self, POGGIO, SECODA, STANDARD, Subject};

/// How long the calls of one measurement take together, about.
const BATCH: Duration = Duration::from_millis(5);

/// What is written to before a call that is to find the caches of the processor cold: more than they hold of one core.
const OTHERS_BYTES: usize = 4 << 20;

/// The most that a call may cost, in microseconds: in Rust on a fresh instance, in JavaScript and Python on one that is kept.
const AIM_FRESH_US: f64 = 12.0;
const AIM_KEPT_US: f64 = 25.0;

/// A plugin, loaded, and what it is called with.
struct Loaded {
    subject: Subject,
    plugin: Arc<dyn Plugin>,
    bare: Bare,
    config: Arc<Value>,
    tenant: TenantId,
    request: RequestId,
    /// What it makes of the user.
    account: Account,
}

/// One thing that is measured, again and again.
struct Row<'a> {
    name: String,
    aim: Option<f64>,
    call: Box<dyn FnMut() -> anyhow::Result<()> + 'a>,
    /// What is done before each call and does not count.
    before: Option<Box<dyn FnMut() + 'a>>,
    calls: u32,
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let host = WasmtimeHost::new(HostOptions::new(folder.path().join("compiled"), [7; 32]))?;
    let user = &Document(okta_user(0).as_object().context("a user is an object")?.clone());
    let loaded = subjects::built(args).into_iter().map(|subject| Loaded::new(args, &host, subject, user));
    let loaded = loaded.collect::<anyhow::Result<Vec<_>>>()?;

    let mut rows = Vec::new();
    for one in &loaded {
        rows.extend(native(one)?);
        rows.extend(one.rows(user));
    }
    let in_rust: Vec<&Loaded> = loaded.iter().filter(|one| !one.is_kept()).collect();
    if !in_rust.is_empty() {
        let mut turns = in_rust.into_iter().cycle();
        rows.push(Row::new("all in Rust in turns, to-account", Some(AIM_FRESH_US), move || {
            turns.next().context("there is one")?.map(user).map(drop)
        }));
    }

    // The first round warms, and finds how many calls fill a batch.
    rows.iter_mut().try_for_each(Row::find_batch)?;
    for _ in 0..args.rounds {
        rows.iter_mut().try_for_each(Row::measure)?;
    }
    println!(
        "\ncalls: processor time of one in µs, the middle and the least of {} rounds; on the wall, the middle",
        args.rounds
    );
    println!("    {:44} {:>9} {:>9} {:>9}", "", "middle", "least", "wall");
    rows.into_iter().for_each(Row::tell);
    Ok(())
}

impl Loaded {
    fn new(args: &Args, host: &WasmtimeHost, subject: Subject, user: &Document) -> anyhow::Result<Self> {
        let bytes = subject.bytes(args)?;
        let mut loaded = Self {
            subject,
            plugin: host.load(&bytes)?,
            bare: host.bare(&bytes)?,
            config: Arc::new(subject.config()),
            tenant: TenantId::parse("bench")?,
            request: RequestId("bench".into()),
            account: Account::unmapped(),
        };
        // As when it is bound: the first time is like no other.
        loaded.plugin.warm_up(&loaded.call())?;
        loaded.account = loaded.map(user)?;
        Ok(loaded)
    }

    fn call(&self) -> Call<'_> {
        let Self { tenant, request, config, .. } = self;
        Call { tenant, request, now: Timestamp::from_millis(1_767_225_600_000), config }
    }

    fn is_kept(&self) -> bool {
        self.plugin.manifest().calls_per_instance > 1
    }

    fn map(&self, user: &Document) -> anyhow::Result<Account> {
        Ok(self.plugin.to_account(&self.call(), Kind::User, id(), user, None)?)
    }

    /// An event of which it wants to know, a new user if it can be, and the account before and after.
    fn event(&self) -> Option<(Event, Option<&Account>, Option<&Account>)> {
        let wanted = self.plugin.manifest().resource(Kind::User)?.plans_on;
        let account = Some(&self.account);
        let events =
            [(Event::Created, None, account), (Event::Deactivated, account, account), (Event::Deleted, account, None)];
        events.into_iter().find(|(event, _, _)| wanted.has(*event))
    }

    fn rows<'a>(&'a self, user: &'a Document) -> Vec<Row<'a>> {
        let name = |what: &str| format!("{}, {what}", self.subject.name);
        let (how, aim) = if self.is_kept() { ("kept", AIM_KEPT_US) } else { ("fresh", AIM_FRESH_US) };
        let mut rows = vec![
            Row::new(&name("an instance, bare"), None, || Ok(self.bare.instantiate(&self.call())?)),
            Row::new(&name("an instance as in use"), None, || Ok(self.bare.start(&self.call())?)),
            Row::new(&name(&format!("to-account, {how}")), Some(aim), || self.map(user).map(drop)),
            Row::new(&name(&format!("to-account, {how}, caches cold")), None, || self.map(user).map(drop)).cold(),
        ];
        if let Some((event, before, after)) = self.event() {
            let change = PlanChange { event, kind: Kind::User, id: id(), before, after, member: None, signal: None };
            rows.push(Row::new(&name(&format!("plan, {how}")), Some(aim), move || {
                Ok(self.plugin.plan(&self.call(), &change).map(drop)?)
            }));
        }
        rows
    }
}

/// The vendor's own code compiled for this machine, and what a host would have to give it made of the same user.
fn native(loaded: &Loaded) -> anyhow::Result<Vec<Row<'static>>> {
    match loaded.subject.name {
        name if name == POGGIO.name => native_of::<Poggio>(loaded),
        name if name == SECODA.name => native_of::<Secoda>(loaded),
        name if name == STANDARD.name => native_of::<Standard>(loaded),
        _ => Ok(Vec::new()),
    }
}

fn native_of<P: sdk::Plugin>(loaded: &Loaded) -> anyhow::Result<Vec<Row<'static>>> {
    let name = |what: &str| format!("{}, natively: {what}", loaded.subject.name);
    let (user, ctx) = (okta_user(0), testing::context(loaded.subject.config()));
    let refused = |reject: sdk::Reject| anyhow::anyhow!("it is refused: {}", reject.detail);
    let account = P::map(&testing::user::<P>(&user), &ctx).map_err(refused)?;
    let is_same = account.state == loaded.account.state && account.fields.len() == loaded.account.fields.len();
    ensure!(is_same, "{} makes another account as a component", loaded.subject.name);
    let planned = loaded.event().map(|(event, before, after)| {
        let event = if event == Event::Created { sdk::Event::Created } else { sdk::Event::Deactivated };
        let ctx = ctx.clone();
        let [before, after] = [before, after].map(|side| side.map(|_| account.clone()));
        Row::new(&name("plan"), None, move || {
            let tasks = P::plan(&testing::change(event, before.clone(), after.clone()), &ctx);
            std::hint::black_box(tasks).map(drop).map_err(refused)
        })
    });
    let mapped = Row::new(&name("map"), None, move || {
        let account = P::map(&testing::user::<P>(std::hint::black_box(&user)), &ctx);
        std::hint::black_box(account).map(drop).map_err(refused)
    });
    Ok([Some(mapped), planned].into_iter().flatten().collect())
}

fn id() -> ResourceId {
    ResourceId::from_bytes([7; 16])
}

impl<'a> Row<'a> {
    fn new(name: &str, aim: Option<f64>, call: impl FnMut() -> anyhow::Result<()> + 'a) -> Self {
        let call = Box::new(call);
        Self { name: name.to_owned(), aim, call, before: None, calls: 1, cpu: Vec::new(), wall: Vec::new() }
    }

    /// The same where each call finds the caches of the processor full of other things, as a request does.
    fn cold(mut self) -> Self {
        let mut others = vec![1_u8; OTHERS_BYTES];
        self.before = Some(Box::new(move || {
            others.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
            std::hint::black_box(&others);
        }));
        self
    }

    fn find_batch(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < BATCH || self.calls < 10 {
            (self.call)()?;
            self.calls += 1;
        }
        Ok(())
    }

    fn measure(&mut self) -> anyhow::Result<()> {
        let (mut cpu, mut wall) = (Duration::ZERO, Duration::ZERO);
        // All at once, unless something is to be done between.
        let (times, calls) = if self.before.is_some() { (self.calls, 1) } else { (1, self.calls) };
        for _ in 0..times {
            if let Some(before) = &mut self.before {
                before();
            }
            let (began, cpu_before) = (Instant::now(), thread_time());
            for _ in 0..calls {
                (self.call)()?;
            }
            cpu += thread_time().saturating_sub(cpu_before);
            wall += began.elapsed();
        }
        let of_one = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(self.calls);
        self.cpu.push(of_one(cpu));
        self.wall.push(of_one(wall));
        Ok(())
    }

    fn tell(self) {
        let least = self.cpu.iter().copied().fold(f64::INFINITY, f64::min);
        let middle = median(self.cpu);
        let aim = self.aim.map_or_else(String::new, |aim| {
            let missed = if middle > aim { ", missed" } else { "" };
            format!("   (aim: at most {aim}{missed})")
        });
        println!("    {:44} {middle:9.2} {least:9.2} {:9.2}{aim}", self.name, median(self.wall));
    }
}
