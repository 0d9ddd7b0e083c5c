use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use muster_model::{
    Actor, Binding, DeliverySettings, FixedClock, OrderedIds, RequestId, ResourceId, ResourceType, Retention,
    ScimSettings, Task, TenantId, TenantRow, Timestamp, TokenKey,
};
use muster_plugin::{LoadError, Plugin, PluginHost};
use muster_protocol::json;
use muster_protocol::list::ListRequest;
use muster_protocol::project::Projection;
use muster_store::request_log::{Draft, RequestBounds, RequestLog, RequestPage, RequestQuery};
use muster_store::{Store, StoreError};
use serde::Serialize;
use serde_json::{Value, json};

use super::actual::{Actual, Answered, refusal};
use super::case::{Case, Method, Request};
use super::compare::{Difference, Differences};
use super::names::Names;
use crate::admin::blocking;
use crate::authenticate::Caller;
use crate::binding::Bound;
use crate::expected::Expected;
use crate::reply::Reply;
use crate::trail::Notes;
use crate::{AdminError, Parts, PluginLines, ScimError, SecretsKey, Service, ServiceLimits, SignaturePolicy};

/// What time it is in every case: 2026-01-01T00:00:00Z, in milliseconds.
pub const NOW: i64 = 1_767_225_600_000;

/// How many tasks may follow from one request of a case.
const TASKS_PER_REQUEST: usize = 1_000;
/// How many tasks are read at once.
const TASKS_A_READ: usize = 1_000;
/// How many members of a group are compared.
const MEMBERS_COMPARED: usize = 1_000;

/// An empty store for one case, and what removes it when it is dropped.
pub struct Scratch {
    /// The store.
    pub store: Arc<dyn Store>,
    /// A folder of its own.
    pub folder: PathBuf,
    /// Removes that folder.
    pub room: Box<dyn Send + Sync>,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Where empty stores come from: only whoever puts a server together can name an engine.
pub trait MakeScratch: Send + Sync + std::fmt::Debug {
    /// An empty store. May block: it is called off the request threads.
    fn make(&self) -> Result<Scratch, StoreError>;
}

/// What became of one case.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The file that it is from.
    pub file: String,
    /// What it says.
    pub name: String,
    /// What is not as it says; none: it passed.
    pub differences: Vec<Difference>,
}

impl Outcome {
    /// Whether all is as it says.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs cases, each for a tenant of its own in an empty store, one after the other, for at most this long.
///
/// An error is the store's: it says nothing of the plugin.
pub async fn run(
    plugin: &Arc<dyn Plugin>,
    cases: &[(String, Case)],
    scratch: &Arc<dyn MakeScratch>,
    within: Duration,
) -> Result<Vec<Outcome>, AdminError> {
    let until = Instant::now() + within;
    let mut outcomes = Vec::with_capacity(cases.len());
    for (n, (file, case)) in cases.iter().enumerate() {
        let outcome = |differences| Outcome { file: file.clone(), name: case.name.clone(), differences };
        if Instant::now() >= until {
            outcomes.push(outcome(vec![Difference {
                pointer: String::new(),
                expected: None,
                actual: Some(late(within)),
            }]));
            continue;
        }
        let make = scratch.clone();
        let Scratch { store, folder, room } = blocking(move || make.make()).await??;
        let service = Service::start(parts(store.clone(), folder)).await?;
        let differences = match Story::begin(plugin, case, request_of(n), service).await {
            Ok(story) => story.told(case, until, within).await?,
            Err(problem) => vec![problem],
        };
        store.close().await;
        drop(store);
        blocking(move || drop(room)).await?;
        outcomes.push(outcome(differences));
    }
    Ok(outcomes)
}

/// Under which request the plugin is called for the case at this place: what it logs meanwhile is logged for that one.
pub fn request_of(place: usize) -> RequestId {
    RequestId(format!("case-{}", place + 1).into())
}

fn late(within: Duration) -> Value {
    json!(format!("all cases have {} ms, and these were over", within.as_millis()))
}

/// One case while it runs.
struct Story {
    service: Service,
    caller: Caller,
    names: Names,
}

impl Story {
    /// Makes the tenant. What is wrong with the case's configuration or profile is a difference.
    async fn begin(
        plugin: &Arc<dyn Plugin>,
        case: &Case,
        request: RequestId,
        service: Service,
    ) -> Result<Self, Difference> {
        let told = |pointer: &str, error: &dyn std::fmt::Display| Difference {
            pointer: pointer.to_owned(),
            expected: None,
            actual: Some(json!(error.to_string())),
        };
        let now = Timestamp::from_millis(NOW);
        let id = TenantId::parse("case").map_err(|error| told("", &error))?;
        let config = Value::Object(case.config.clone());
        let profile = case.profile.clone().unwrap_or_else(|| ScimSettings::DEFAULT_PROFILE.to_owned());
        let row = TenantRow {
            id: id.clone(),
            created: now,
            binding: Binding { plugin: plugin.digest(), config, revision: 1, at: now },
            previous: None,
            scim: ScimSettings { profile, ..ScimSettings::default() },
            retention: Retention { requests_days: 0, ..Retention::default() },
            grants: Vec::new(),
            secrets: Vec::new(),
            delivery: DeliverySettings::default(),
        };
        let refused = |error: AdminError| {
            let pointer = if matches!(error, AdminError::Config(_) | AdminError::Plugin(_)) { "/config" } else { "" };
            told(pointer, &error)
        };
        let (bind, by, clock, schemas) =
            (row.clone(), plugin.clone(), service.parts.clock.clone(), service.schemas.clone());
        let bound = blocking(move || Bound::new(&bind, by, clock, &schemas)).await;
        let bound = bound.and_then(|bound| bound).map_err(refused)?;
        service.parts.store.add_tenant(&row).await.map_err(|error| told("", &error))?;
        let tenant = service.tenant(&id, Some(bound));
        let bound = tenant.bound.load_full().ok_or_else(|| told("", &ScimError::PluginNotLoaded))?;
        let caller = Caller {
            base: format!("https://muster.example{}", bound.plugin.manifest().base_path),
            tenant,
            bound,
            actor: Actor::Job("case".to_owned()),
            request,
            now,
            notes: Notes::default(),
        };
        Ok(Self { service, caller, names: Names::default() })
    }

    /// Makes the requests, and compares.
    async fn told(mut self, case: &Case, until: Instant, within: Duration) -> Result<Vec<Difference>, AdminError> {
        let mut differences = Differences::default();
        for (n, given) in case.given.iter().enumerate() {
            let name = given.named.as_deref();
            match self.ask(given, until).await {
                Some((Ok(asked), _)) => {
                    if let (Some(name), Some(id)) = (name, asked.about) {
                        self.names.put(name, id);
                    }
                }
                Some((Err(error), _)) => {
                    differences.tell(
                        &format!("/given/{n}"),
                        Some(json!("a success")),
                        Some(self.names.unresolve(&refusal(&error))),
                    );
                }
                None => differences.tell(&format!("/given/{n}"), None, Some(late(within))),
            }
            if !differences.is_empty() {
                return Ok(differences.into_found());
            }
        }
        let before = self.last_task(0).await?.0;
        let Some((asked, kind)) = self.ask(&case.request, until).await else {
            differences.tell("/request", None, Some(late(within)));
            return Ok(differences.into_found());
        };
        let in_path = || case.request.segments().1.map(|id| self.names.resolve(id));
        let (answered, about, found) = match asked {
            Ok(asked) => (Answered::Well(asked.status), asked.about, asked.found),
            Err(error) => (Answered::Refused(error), in_path(), Vec::new()),
        };
        let id = about.as_deref().and_then(ResourceId::parse);
        if let Some(about) = about {
            self.names.put("id", about);
        }
        let directory = &self.caller.tenant.directory;
        let (mut record, mut members) = (None, Vec::new());
        if let (Some(kind), Some(id)) = (&kind, id) {
            record = directory.get(kind, id).await?;
            members = directory.members(id, None, MEMBERS_COMPARED).await?;
        }
        let members = members.into_iter().map(|member| member.id.to_string()).collect();
        let (_, tasks) = self.last_task(before).await?;
        Actual { answered, record, members, found, tasks }.check(&case.expect, &self.names, &mut differences);
        Ok(differences.into_found())
    }

    /// The tasks after this one, and the number of the last of all.
    async fn last_task(&self, after: u64) -> Result<(u64, Vec<Task>), AdminError> {
        let outbox = self.service.parts.store.outbox(&self.caller.tenant.id);
        let (mut last, mut all) = (after, Vec::new());
        loop {
            let page = outbox.tasks(None, last, TASKS_A_READ).await?;
            let Some((task, _)) = page.last() else { return Ok((last, all)) };
            last = task.seq;
            all.extend(page.into_iter().map(|(task, _)| task));
        }
    }

    /// Makes one request: what it came to, and the kind of resource that it is about. `None`: the time is over.
    async fn ask(&self, request: &Request, until: Instant) -> Option<(Result<Asked, ScimError>, Option<ResourceType>)> {
        let (endpoint, id) = request.segments();
        let kind = match self.caller.bound.kind(endpoint) {
            Ok(kind) => kind,
            Err(error) => return Some((Err(error), None)),
        };
        let id = id.map(|id| self.names.resolve(id));
        let left = until.checked_duration_since(Instant::now())?;
        let asked = tokio::time::timeout(left, self.carry_out(request, &kind, id)).await.ok()?;
        Some((asked, Some(kind)))
    }

    async fn carry_out(&self, request: &Request, kind: &ResourceType, id: Option<String>) -> Result<Asked, ScimError> {
        let (service, caller) = (&self.service, &self.caller);
        let (expected, projection) = (Expected::default(), Projection::default());
        // As it comes over the wire: through the strict reader.
        let body = || {
            let body = self.names.resolve_all(request.body.as_ref().unwrap_or(&serde_json::Map::new()));
            json::parse(Value::Object(body).to_string().as_bytes())
        };
        let about = id.clone().unwrap_or_default();
        caller.bound.settings.serves()?;
        let reply = match request.method {
            Method::Get => match id {
                Some(id) => service.get(caller, kind, &id, &expected, &projection).await?,
                None => return self.look_for(request, kind).await,
            },
            Method::Post => service.create(caller, kind, body()?, &projection).await?,
            Method::Put => service.replace(caller, kind, &about, body()?, &expected, &projection).await?,
            Method::Patch => service.patch(caller, kind, &about, body()?, &expected, &projection).await?,
            Method::Delete => {
                service.delete(caller, kind, &about, &expected).await?;
                return Ok(Asked { status: 204, about: Some(about), found: Vec::new() });
            }
        };
        Ok(Asked::of(&reply))
    }

    async fn look_for(&self, request: &Request, kind: &ResourceType) -> Result<Asked, ScimError> {
        let filter = request.filter.as_ref().map(|filter| self.names.resolve(filter));
        let list = ListRequest { filter, ..ListRequest::default() };
        let answer = self.service.list(&self.caller, kind, &list).await?;
        let resources = answer["Resources"].as_array().into_iter().flatten();
        let found = resources.filter_map(|resource| Some(resource["id"].as_str()?.to_owned())).collect();
        Ok(Asked { status: 200, about: None, found })
    }
}

/// A request that was answered well.
struct Asked {
    status: u16,
    /// The id of the resource that it is about.
    about: Option<String>,
    found: Vec<String>,
}

impl Asked {
    fn of(reply: &Reply) -> Self {
        let status = match (reply.created, &reply.resource) {
            (true, _) => 201,
            (false, Some(_)) => 200,
            (false, None) => 204,
        };
        let about = reply.location.rsplit('/').next().map(str::to_owned);
        Self { status, about, found: Vec::new() }
    }
}

/// A service for one case: nothing of it outlives the store.
fn parts(store: Arc<dyn Store>, folder: PathBuf) -> Parts {
    let clock = Arc::new(FixedClock::new(Timestamp::from_millis(NOW)));
    Parts {
        store,
        backups: folder.clone(),
        requests: Arc::new(NoRequests),
        plugins: Arc::new(NoMore),
        plugin_lines: Arc::new(PluginLines::new(clock.clone())),
        scratch: None,
        ids: Arc::new(OrderedIds::new(clock.clone())),
        clock,
        token_key: TokenKey::new([0; 32]),
        secrets_key: SecretsKey::new([0; 32]),
        sender: None,
        data: folder,
        limits: ServiceLimits { tasks_per_request: TASKS_PER_REQUEST, ..ServiceLimits::default() },
        signatures: SignaturePolicy::Off,
    }
}

/// The plugin of a case is loaded already.
#[derive(Debug)]
struct NoMore;

impl PluginHost for NoMore {
    fn load(&self, _: &[u8]) -> Result<Arc<dyn Plugin>, LoadError> {
        Err(LoadError::Host("a case has one plugin".into()))
    }
}

/// Requests of a case are noted nowhere.
#[derive(Debug)]
struct NoRequests;

#[async_trait]
impl RequestLog for NoRequests {
    fn offer(&self, _: &TenantId, _: Draft) {}

    fn keep(&self, _: &TenantId, _: RequestBounds) {}

    fn believe(&self, _: Timestamp) {}

    async fn read(&self, _: &TenantId, _: &RequestQuery) -> Result<RequestPage, StoreError> {
        Ok(RequestPage::default())
    }

    async fn close(&self) {}
}
