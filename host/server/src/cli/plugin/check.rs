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
use serde_json::{Map, Value, json};

use super::shape::Shape;
use super::tried::Tried;
use super::{bytes, component};
use crate::app::{self, Workbench};
use crate::cli::say;

/// What is measured.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The component (.wasm)
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
        let shown = || self.file.display().to_string();
        let component = component(&self.file)?;
        let size = u64::try_from(component.len()).unwrap_or(u64::MAX);
        let stories = cases::embedded(&component).with_context(shown)?;
        let bench = Workbench::open()?;
        let (host, loaded) = (bench.host.clone(), component.clone());
        let began = Instant::now();
        let load = tokio::task::spawn_blocking(move || host.load(&loaded)).await?;
        load.with_context(shown)?;
        let compiled = began.elapsed();
        let shape = Shape::of(&component).with_context(shown)?;
        let tried = Tried::try_out(&bench, component, &stories, MAX_RUN).await.with_context(shown)?;
        let (plugin, calls) = (tried.plugin.clone(), self.calls);
        let measured = tokio::task::spawn_blocking(move || measure(plugin.as_ref(), &stories, calls)).await??;
        let memory = u64::try_from(tried.plugin.memory_high_water()).unwrap_or(u64::MAX);

        let found = Found { size, compiled, shape, tried, measured, memory };
        if self.json {
            say(found.json())?;
        } else {
            found.tell()?;
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
    measured: Vec<(&'static str, Times)>,
    memory: u64,
}

impl Found {
    fn json(&self) -> Value {
        let Self { size, compiled, shape, tried, measured, memory } = self;
        let manifest = tried.plugin.manifest();
        let function = |(name, times): &(&str, Times)| ((*name).to_owned(), times.json());
        json!({
            "plugin": manifest.name, "version": manifest.version, "digest": tried.plugin.digest(),
            "size": size, "max_size": app::MAX_PLUGIN_BYTES,
            "contract": shape.contract, "imports": shape.imports, "exports": shape.exports,
            "cases": tried.outcomes.len(), "cases_failed": tried.failed(),
            "load_us": micros(*compiled),
            "calls": measured.iter().map(function).collect::<Map<_, _>>(), "max_call_us": micros(app::CALL_DEADLINE),
            "memory_bytes": memory, "max_memory_bytes": app::MAX_PLUGIN_MEMORY_BYTES,
        })
    }

    fn tell(&self) -> anyhow::Result<()> {
        let Self { size, compiled, shape, tried, measured, memory } = self;
        let manifest = tried.plugin.manifest();
        say(format_args!("{} {}   sha256:{}", manifest.name, manifest.version, tried.plugin.digest()))?;
        let line = |what: &str, text: String| say(format_args!("  {what:<20} {text}"));
        let or_none = |names: Vec<&str>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let (own, wasi) = shape.granted();
        let contract = shape.contract.iter().map(String::as_str).collect::<Vec<_>>();
        line("size", format!("{} of {}", bytes(*size), bytes(app::MAX_PLUGIN_BYTES)))?;
        line("contract", format!("muster:plugin {}", contract.join(", ")))?;
        line("exports", or_none(shape.roles()))?;
        line("imports", or_none(own))?;
        line("WASI, to nowhere", or_none(wasi))?;
        line("cases", if tried.outcomes.is_empty() { "none".to_owned() } else { tried.summary() })?;
        line("loaded in", format!("{} ms, compiling included", compiled.as_millis()))?;
        for (name, times) in measured {
            line(name, format!("{times} of {} ms", app::CALL_DEADLINE.as_millis()))?;
        }
        let most = u64::try_from(app::MAX_PLUGIN_MEMORY_BYTES).unwrap_or(u64::MAX);
        line("memory", format!("{} of {}", bytes(*memory), bytes(most)))
    }
}

/// Calls what is on the request path, with what the plugin's cases send.
fn measure(plugin: &dyn Plugin, stories: &[(String, Case)], calls: u32) -> anyhow::Result<Vec<(&'static str, Times)>> {
    let mut measured = Vec::new();
    let Some((config, kind, document)) = sample(plugin, stories) else { return Ok(measured) };
    let (tenant, request, config) = (TenantId::parse("check")?, RequestId("check".into()), Arc::new(config));
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
    let event = [Event::Created, Event::Updated, Event::Deactivated, Event::Deleted];
    let wanted =
        event.into_iter().find(|event| plugin.manifest().resource(kind).is_some_and(|it| it.plans_on.has(*event)));
    if let Some(event) = wanted.filter(|_| plugin.roles().has(Role::Lifecycle)) {
        let before = (event != Event::Created).then_some(&account);
        let after = (event != Event::Deleted).then_some(&account);
        let change = PlanChange { event, kind, id, before, after, member: None, signal: None };
        let plan = times(calls, || match plugin.plan(&call, &change) {
            Ok(_) | Err(PluginError::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        });
        measured.push(("lifecycle.plan", plan?));
    }
    Ok(measured)
}

/// What a call is made with: the first resource that a case adds, or somebody whom most plugins accept.
fn sample(plugin: &dyn Plugin, stories: &[(String, Case)]) -> Option<(Value, Kind, Document)> {
    let kinds = [("/Users", Kind::User), ("/Groups", Kind::Group)];
    for (_, case) in stories {
        let accepted = case.expect.error.is_none().then_some(&case.request);
        for request in case.given.iter().chain(accepted) {
            let kind = kinds.iter().find(|(path, _)| request.path == *path).map(|(_, kind)| *kind);
            let (Some(kind), Some(body), Method::Post) = (kind, &request.body, request.method) else { continue };
            return Some((Value::Object(case.config.clone()), kind, Document(body.clone())));
        }
    }
    let somebody = json!({
        "userName": "ada@example.com", "displayName": "Ada Byron", "active": true,
        "name": { "givenName": "Ada", "familyName": "Byron", "formatted": "Ada Byron" },
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
    });
    let kind = plugin.manifest().resources.first()?.kind;
    let Value::Object(document) = somebody else { return None };
    Some((json!({}), kind, Document(document)))
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
        write!(f, "{median} µs ({min} to {max} in {calls} calls)")
    }
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
