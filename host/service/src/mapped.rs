//! From a document to what is stored of it: the plugin's account, and the names under which it is found.

use std::time::{Duration, Instant};

use muster_model::{Account, Event, IndexEntry, Key, NewTask, Record, ResourceId, ResourceType};
use muster_plugin::{PlanChange, PluginError};
use muster_protocol::filter::canonical_path;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::ResourceTypeDef;
use muster_protocol::{Document, normalise, text};

use crate::authenticate::Caller;
use crate::binding::{count_failure, kind};
use crate::{HostSettings, ScimError, ServiceLimits};

/// What a write will store of a resource.
#[derive(Debug, PartialEq)]
pub(crate) struct Mapped {
    pub document: Document,
    pub account: Account,
    pub keys: Vec<Key>,
    pub index: Vec<IndexEntry>,
}

impl Mapped {
    /// Whether storing it would change nothing: a repeated sync.
    pub(crate) fn is_in(&self, record: &Record) -> bool {
        self.document == record.document && self.account == record.account
    }
}

/// Asks the tenant's plugin what a resource becomes, and narrows the resource to what is retained.
pub(crate) fn map(
    caller: &Caller,
    resource_type: &ResourceType,
    id: ResourceId,
    full: &Document,
    current: Option<&Account>,
) -> Result<Mapped, ScimError> {
    let plugin = caller.bound.plugin.as_ref();
    let kind = kind(resource_type)?;
    let account = called(caller, || plugin.to_account(&caller.call(), kind, id, full, current))?;
    let served = caller.bound.served(resource_type)?;
    let document = normalise::retain(served, full);
    let keys = keys(served, resource_type, &document, &account, &caller.bound.settings)?;
    let index = muster_store::index_of(served, &document);
    Ok(Mapped { document, account, keys, index })
}

/// A call of the tenant's plugin, measured, and counted if it fails.
fn called<T>(caller: &Caller, call: impl FnOnce() -> Result<T, PluginError>) -> Result<T, PluginError> {
    let plugin = caller.bound.plugin.as_ref();
    let began = Instant::now();
    let answer = call();
    metrics::histogram!("muster_plugin_call_duration_seconds", "plugin" => plugin.manifest().name.clone())
        .record(began.elapsed().as_secs_f64());
    answer.inspect_err(|error| count_failure(&caller.tenant.id, plugin, error))
}

/// Asks the tenant's plugin what is to happen after a change.
pub(crate) fn plan(
    caller: &Caller,
    resource_type: &ResourceType,
    id: ResourceId,
    event: Event,
    (before, after): (Option<&Account>, Option<&Account>),
    member: Option<ResourceId>,
) -> Result<Vec<NewTask>, ScimError> {
    let plugin = caller.bound.plugin.as_ref();
    let kind = kind(resource_type)?;
    if !plugin.manifest().resource(kind).is_some_and(|plan| plan.plans_on.has(event)) {
        return Ok(Vec::new());
    }
    let change = PlanChange { event, kind, id, before, after, member, signal: None };
    let planned = called(caller, || plugin.plan(&caller.call(), &change))?;
    let task = |task: muster_plugin::PlannedTask| NewTask {
        resource_type: resource_type.clone(),
        id,
        idempotency_key: task.idempotency_key,
        action: task.action,
        arguments: task.arguments,
        destructive: task.destructive,
        plugin: plugin.digest(),
    };
    Ok(planned.into_iter().map(task).collect())
}

/// Asks what is to happen for each member that a group gains or loses. Between two calls other requests have their turn: a group can gain
/// thousands of members at once, and each call may take its whole deadline.
pub(crate) async fn plan_members(
    limits: &ServiceLimits,
    caller: &Caller,
    (resource_type, group): (&ResourceType, ResourceId),
    sides: (Option<&Account>, Option<&Account>),
    members: impl Iterator<Item = (Event, ResourceId)>,
) -> Result<Vec<NewTask>, ScimError> {
    let wants = |event| {
        let plan = caller.bound.plugin.manifest().resource(kind(resource_type)?);
        Ok::<_, ScimError>(plan.is_some_and(|plan| plan.plans_on.has(event)))
    };
    let (added, removed) = (wants(Event::MemberAdded)?, wants(Event::MemberRemoved)?);
    let mut tasks = Vec::new();
    let mut worked = Duration::ZERO;
    for (event, member) in members {
        if !(event == Event::MemberAdded && added || event == Event::MemberRemoved && removed) {
            continue;
        }
        let began = Instant::now();
        tasks.extend(plan(caller, resource_type, group, event, sides, Some(member))?);
        worked += began.elapsed();
        let limit_ms = limits.plugin_ms_per_request;
        if worked > Duration::from_millis(limit_ms) {
            let error = PluginError::Deadline { function: "lifecycle.plan (all of one request)", limit_ms };
            count_failure(&caller.tenant.id, caller.bound.plugin.as_ref(), &error);
            return Err(error.into());
        }
        if tasks.len() > limits.tasks_per_request {
            let problem = format!("more than {} tasks follow from one request", limits.tasks_per_request);
            let error = PluginError::Invalid { function: "lifecycle.plan", problem };
            count_failure(&caller.tenant.id, caller.bound.plugin.as_ref(), &error);
            return Err(error.into());
        }
        tokio::task::yield_now().await;
    }
    Ok(tasks)
}

/// Which event an update is.
pub(crate) fn update_event(before: &Document, after: &Document) -> Event {
    match (before.is_active(), after.is_active()) {
        (true, false) => Event::Deactivated,
        (false, true) => Event::Reactivated,
        (true, true) | (false, false) => Event::Updated,
    }
}

/// What must be unique: `userName` or `displayName`, and whatever the plugin's account is known by.
fn keys(
    def: &ResourceTypeDef,
    resource_type: &ResourceType,
    document: &Document,
    account: &Account,
    settings: &HostSettings,
) -> Result<Vec<Key>, ScimError> {
    let own = match resource_type.as_str() {
        "User" => document.text("userName").map(|name| ("username", name)),
        "Group" if !settings.duplicate_group_names => document.text("displayName").map(|name| ("displayname", name)),
        _ => None,
    };
    let mut keys: Vec<Key> = own.into_iter().map(|(attribute, value)| key(attribute, value)).collect();
    for given in &account.keys {
        let path = AttrPath::parse(&given.attribute, &|urn| def.is_schema(urn))?;
        let found = key(&canonical_path(def, &path), &given.value);
        if !keys.contains(&found) {
            keys.push(found);
        }
    }
    Ok(keys)
}

fn key(attribute: &str, value: &str) -> Key {
    Key { attribute: attribute.to_owned(), folded: text::fold(value) }
}
