use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use muster_model::{Account, Event, RequestId, ResourceId, TenantId, Timestamp};
use muster_plugin::{Call, Kind, PlanChange, Plugin, PluginError, Role};
use muster_protocol::Document;
use muster_service::cases::{self, Case, MAX_RUN, Method, NOW};
use muster_service::nobody_carries_out;
use serde_json::{Value, json};

use super::heard::Heard;
use super::shape::Shape;
use super::tried::Tried;
use super::worst::{Worst, account_bytes, tasks_bytes};
use super::{bytes, component, component_file};
use crate::app::{self, Workbench};
use crate::cli::say;

/// What is measured.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The component (.wasm), or the folder of a plugin that was built
    file: PathBuf,
    /// How often each function is called
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=MAX_CALLS))]
    calls: u32,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
}

/// How often a function can be called to be measured.
const MAX_CALLS: i64 = 1_000_000;
/// Calls before those that count: the first one of a plugin fetches its code.
const CALLS_BEFORE: u32 = 5;

/// The request for which it is measured.
const MEASURED: &str = "check";

/// How long the calls of one function took.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Times {
    calls: usize,
    min: Duration,
    median: Duration,
    max: Duration,
}

impl Check {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let file = component_file(&self.file)?;
        let shown = || file.display().to_string();
        let component = component(&file)?;
        let size = u64::try_from(component.len()).unwrap_or(u64::MAX);
        let stories = cases::embedded(&component).with_context(shown)?;
        let heard = Arc::new(Heard::default());
        let bench = Workbench::heard_by(heard.clone())?;
        let (host, loaded) = (bench.host.clone(), component.clone());
        let began = Instant::now();
        let load = tokio::task::spawn_blocking(move || host.load(&loaded)).await?;
        load.with_context(shown)?;
        let compiled = began.elapsed();
        let shape = Shape::of(&component).with_context(shown)?;
        let tried = Tried::try_out(&bench, &heard, component, &stories, MAX_RUN).await.with_context(shown)?;
        let (plugin, calls) = (tried.plugin.clone(), self.calls);
        let measuring =
            move || anyhow::Ok((measure(plugin.as_ref(), &stories, calls)?, worst(plugin.as_ref(), &stories)?));
        let took = tokio::task::spawn_blocking(measuring).await?;
        // What it is can be told of a plugin that fails as well.
        let (took, failure) = match took {
            // Also what the cases took, where a resource is what it has become in several requests.
            Ok((calls, worst)) => (Some(Took { calls, worst: worst.with_memory(tried.plugin.as_ref()) }), None),
            Err(error) => (None, Some(error)),
        };

        let found = Found { size, compiled, shape, tried, took };
        let logged = heard.of(MEASURED);
        if self.json {
            let mut told = found.json();
            if let Some(error) = &failure {
                told["failure"] = json!({ "says": format!("{error:#}"), "logged": logged.json() });
            }
            say(told)?;
        } else {
            found.tell()?;
        }
        if let Some(error) = failure {
            if !self.json {
                logged.told().into_iter().try_for_each(|line| say(format_args!("  {:<20} {line}", "a call failed")))?;
            }
            return Err(error.context(shown()));
        }
        if found.tried.failed() > 0 {
            bail!("{}: {}; `muster plugin test` shows them", shown(), found.tried.summary());
        }
        Ok(())
    }
}

/// What was found out about a component.
struct Found {
    size: u64,
    compiled: Duration,
    shape: Shape,
    tried: Tried,
    /// `None`: a call failed.
    took: Option<Took>,
}

/// What its calls took.
struct Took {
    calls: Vec<(&'static str, Times)>,
    worst: Worst,
}

impl Found {
    fn json(&self) -> Value {
        let Self { size, compiled, shape, tried, took } = self;
        let manifest = tried.plugin.manifest();
        let function = |(name, times): &(&str, Times)| ((*name).to_owned(), times.json());
        let mut told = json!({
            "plugin": manifest.name, "version": manifest.version, "digest": tried.plugin.digest(),
            "size": size, "max_size": app::MAX_PLUGIN_BYTES,
            "contract": shape.contract, "imports": shape.imports, "exports": shape.exports,
            "cases": tried.outcomes.len(), "cases_failed": tried.failed(),
            "load_us": micros(*compiled),
            "max_call_us": micros(app::CALL_DEADLINE), "max_memory_bytes": app::MAX_PLUGIN_MEMORY_BYTES,
        });
        if let Some(warning) = nobody_carries_out(tried.plugin.as_ref()) {
            told["warning"] = json!(warning);
        }
        if let Some(Took { calls, worst }) = took {
            told["calls"] = Value::Object(calls.iter().map(function).collect());
            told["memory_bytes"] = json!(worst.memory);
            told["worst"] = worst.json();
        }
        told
    }

    fn tell(&self) -> anyhow::Result<()> {
        let Self { size, compiled, shape, tried, took } = self;
        let manifest = tried.plugin.manifest();
        say(format_args!("{} {}   sha256:{}", manifest.name, manifest.version, tried.plugin.digest()))?;
        let line = |what: &str, text: String| say(format_args!("  {what:<20} {text}"));
        let or_none = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let (own, wasi) = shape.granted();
        let contract = shape.contract.iter().map(String::as_str).collect::<Vec<_>>();
        line("size", format!("{} of {}", bytes(*size), bytes(app::MAX_PLUGIN_BYTES)))?;
        let served = if contract.len() > 1 { format!(", served by {}", manifest.contract) } else { String::new() };
        line("contract", format!("muster:plugin {}{served}", contract.join(", ")))?;
        line("exports", or_none(shape.roles()))?;
        line("imports", or_none(own))?;
        line("WASI, to nowhere", or_none(wasi))?;
        line("cases", if tried.outcomes.is_empty() { "none".to_owned() } else { tried.summary() })?;
        line("loaded in", format!("{} ms, compiling included", compiled.as_millis()))?;
        if let Some(warning) = nobody_carries_out(tried.plugin.as_ref()) {
            line("warning", warning)?;
        }
        let Some(Took { calls, worst }) = took else { return Ok(()) };
        for (name, times) in calls {
            line(name, times.to_string())?;
        }
        worst.lines().into_iter().try_for_each(|(what, used)| line(what, used))
    }
}

/// Calls what is on the request path, with what the plugin's cases send.
fn measure(plugin: &dyn Plugin, stories: &[(String, Case)], calls: u32) -> anyhow::Result<Vec<(&'static str, Times)>> {
    let mut measured = Vec::new();
    let Some((config, kind, document)) = samples(plugin, stories).into_iter().next() else { return Ok(measured) };
    let (tenant, request, config) = (TenantId::parse("check")?, RequestId(MEASURED.into()), Arc::new(config));
    let call = Call { tenant: &tenant, request: &request, now: Timestamp::from_millis(NOW), config: &config };
    let id = ResourceId::from_bytes([0; 16]);
    let mut account: Option<Account> = None;
    let map = times(calls, || {
        match plugin.to_account(&call, kind, id, &document, None) {
            Ok(made) => account = Some(made),
            // To say no takes its time as well.
            Err(PluginError::Rejected(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    });
    if plugin.roles().has(Role::Mapping) {
        measured.push(("mapping.to-account", map?));
    }
    let account = account.unwrap_or_else(Account::unmapped);
    if let Some(event) = events(plugin, kind).next() {
        let change = change(event, kind, id, &account);
        let plan = times(calls, || match plugin.plan(&call, &change) {
            Ok(_) | Err(PluginError::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        });
        measured.push(("lifecycle.plan", plan?));
    }
    Ok(measured)
}

/// The most that is used of each limit by what the plugin's cases send, each as a new resource and as one that changes.
fn worst(plugin: &dyn Plugin, stories: &[(String, Case)]) -> anyhow::Result<Worst> {
    let mut worst = Worst::default();
    let (tenant, request, id) =
        (TenantId::parse("check")?, RequestId(MEASURED.into()), ResourceId::from_bytes([0; 16]));
    for (config, kind, document) in samples(plugin, stories) {
        let config = Arc::new(config);
        let call = Call { tenant: &tenant, request: &request, now: Timestamp::from_millis(NOW), config: &config };
        let made = worst.call(|| plugin.to_account(&call, kind, id, &document, None), account_bytes)?;
        let Some(account) = made else { continue };
        worst.call(|| plugin.to_account(&call, kind, id, &document, Some(&account)), account_bytes)?;
        for event in events(plugin, kind) {
            let change = change(event, kind, id, &account);
            worst.call(|| plugin.plan(&call, &change), |tasks| tasks_bytes(tasks))?;
        }
    }
    Ok(worst)
}

/// What can happen to a resource of which the plugin wants to know.
fn events(plugin: &dyn Plugin, kind: Kind) -> impl Iterator<Item = Event> {
    let events = [Event::Created, Event::Updated, Event::Deactivated, Event::Deleted];
    let has = plugin.roles().has(Role::Lifecycle);
    let wanted = plugin.manifest().resource(kind).filter(|_| has).map(|it| it.plans_on);
    events.into_iter().filter(move |event| wanted.is_some_and(|wanted| wanted.has(*event)))
}

fn change(event: Event, kind: Kind, id: ResourceId, account: &Account) -> PlanChange<'_> {
    let before = (event != Event::Created).then_some(account);
    let after = (event != Event::Deleted).then_some(account);
    PlanChange { event, kind, id, before, after, member: None, signal: None }
}

/// What calls are made with: the resources that the cases add, or somebody whom most plugins accept. The first is one that is accepted.
fn samples(plugin: &dyn Plugin, stories: &[(String, Case)]) -> Vec<(Value, Kind, Document)> {
    let kinds = [("/Users", Kind::User), ("/Groups", Kind::Group)];
    let mut found = Vec::new();
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    for (_, case) in stories {
        let asked = if case.expect.error.is_none() { &mut accepted } else { &mut refused };
        asked.push((case, &case.request));
        accepted.extend(case.given.iter().map(|given| (case, given)));
    }
    for (case, request) in accepted.into_iter().chain(refused) {
        let kind = kinds.iter().find(|(path, _)| request.path == *path).map(|(_, kind)| *kind);
        let kind = kind.filter(|kind| plugin.manifest().resource(*kind).is_some());
        if let (Some(kind), Some(body), Method::Post) = (kind, &request.body, request.method) {
            found.push((Value::Object(case.config.clone()), kind, Document(body.clone())));
        }
    }
    let somebody = json!({
        "userName": "ada@example.com", "displayName": "Ada Byron", "active": true,
        "name": { "givenName": "Ada", "familyName": "Byron", "formatted": "Ada Byron" },
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
    });
    if let (true, Some(plan), Value::Object(document)) =
        (found.is_empty(), plugin.manifest().resources.first(), somebody)
    {
        found.push((json!({}), plan.kind, Document(document)));
    }
    found
}

fn times(calls: u32, mut call: impl FnMut() -> Result<(), PluginError>) -> Result<Times, PluginError> {
    for _ in 0..CALLS_BEFORE {
        call()?;
    }
    let mut took = Vec::with_capacity(calls as usize);
    for _ in 0..calls {
        let began = Instant::now();
        call()?;
        took.push(began.elapsed());
    }
    took.sort();
    let at = |n: usize| took.get(n).copied().unwrap_or_default();
    Ok(Times { calls: took.len(), min: at(0), median: at(took.len() / 2), max: at(took.len().saturating_sub(1)) })
}

impl Times {
    fn json(&self) -> Value {
        json!({
            "calls": self.calls, "min_us": micros(self.min), "median_us": micros(self.median), "max_us": micros(self.max),
        })
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, min, median, max } = self;
        let [min, median, max] = [min, median, max].map(|took| micros(*took));
        write!(
            f,
            "{median} µs in the middle, {min} to {max} µs, in {calls} calls of one request that the cases make, on this machine"
        )
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
