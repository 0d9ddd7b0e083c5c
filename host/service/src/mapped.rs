//! From a document to what is stored of it: the plugin's account, and the names under which it is found.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use muster_model::{Account, Event, IndexEntry, Key, NewTask, PluginDigest, Queue, Record, ResourceId, ResourceType};
use muster_plugin::{Kind, PlanChange, Plugin, PluginError};
use muster_protocol::dialect::{MAX_REWRITES, Rewrite, Rule};
use muster_protocol::filter::canonical_path;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Resolved, ResourceTypeDef};
use muster_protocol::{Document, normalise, text};
use serde_json::Value;

use crate::authenticate::Caller;
use crate::binding::kind;
use crate::calling::{called, count_failure, passes_through};
use crate::standard::{self, STANDARD};
use crate::{HostSettings, ScimError, ServiceLimits};

/// What a write will store of a resource.
#[derive(Debug, PartialEq)]
pub(crate) struct Mapped {
    pub document: Document,
    pub account: Account,
    /// Who made the account.
    pub plugin: PluginDigest,
    pub keys: Vec<Key>,
    pub index: Vec<IndexEntry>,
    /// What was sent and is not kept.
    pub left_out: Vec<Rewrite>,
}

impl Mapped {
    /// Whether storing it would change nothing: a repeated sync.
    pub(crate) fn is_in(&self, record: &Record) -> bool {
        self.document == record.document && self.account == record.account
    }
}

/// Asks the tenant's plugin what a resource becomes, and narrows the resource to what is retained.
///
/// A resource of a declared type is kept as it is, with an account that stays as it was made: the contract knows users and groups.
pub(crate) fn map(
    caller: &Caller,
    resource_type: &ResourceType,
    id: ResourceId,
    full: &Document,
    current: Option<&Account>,
) -> Result<Mapped, ScimError> {
    let plugin = caller.bound.plugin.as_ref();
    let (account, by) = match kind(resource_type) {
        Some(kind) => {
            let full = with_switch(resource_type, full);
            let answer = called(caller, || plugin.to_account(&caller.call(), kind, id, &full, current));
            let account = answer.and_then(|answer| {
                caller.notes.mapped(&answer);
                Ok(answer?)
            });
            match account {
                Err(error) if passes_through(caller, &error) => (standard::account(kind, &full), STANDARD),
                account => (account?, plugin.digest()),
            }
        }
        None => (current.cloned().unwrap_or_else(Account::unmapped), plugin.digest()),
    };
    let served = caller.bound.served(resource_type)?;
    let document = normalise::retain(served, full);
    let keys = keys(served, resource_type, &document, &account, &caller.bound.settings)?;
    let index = muster_store::index_of(served, &document);
    let left_out = left_out(full, &document);
    Ok(Mapped { document, account, plugin: by, keys, index, left_out })
}

/// The paths of what a document loses when it is narrowed to what the plugin retains; a password is told by a rule of its own.
fn left_out(full: &Document, kept: &Document) -> Vec<Rewrite> {
    let mut lost = Vec::new();
    for (name, value) in full.0.iter().filter(|(name, _)| *name != "password") {
        note_lost(name, ':', value, kept.get(name), &mut lost);
    }
    lost
}

fn note_lost(path: &str, joint: char, full: &Value, kept: Option<&Value>, lost: &mut Vec<Rewrite>) {
    match (full, kept) {
        (Value::Object(full), Some(Value::Object(kept))) => {
            // Behind the URN of an extension stands a colon, behind an attribute a dot.
            let joint = if path.contains(':') { joint } else { '.' };
            for (name, value) in full {
                note_lost(&format!("{path}{joint}{name}"), '.', value, kept.get(name), lost);
            }
        }
        (Value::Array(full), Some(Value::Array(kept))) if full.len() == kept.len() => {
            for (full, kept) in full.iter().zip(kept) {
                note_lost(path, '.', full, Some(kept), lost);
            }
        }
        (_, Some(kept)) if kept == full => {}
        _ => {
            let rewrite = Rewrite::new(Rule::NotRetained, path);
            if lost.len() < MAX_REWRITES && !lost.contains(&rewrite) {
                lost.push(rewrite);
            }
        }
    }
}

/// The keys of values that were there before their attribute was declared unique and that another record holds: they are not claimed, so
/// that an old duplicate does not stand in the way of another change, a deactivation above all.
pub(crate) async fn give_up_old_duplicates(
    caller: &Caller,
    current: &Record,
    next: &mut Record,
) -> Result<(), ScimError> {
    let served = caller.bound.served(&current.resource_type)?;
    let before: Vec<Key> =
        served.unique_attributes().filter_map(|unique| unique_key(served, unique, &current.document)).collect();
    let mut kept = Vec::with_capacity(next.keys.len());
    for key in std::mem::take(&mut next.keys) {
        let is_old = before.contains(&key) && !current.keys.contains(&key);
        if is_old
            && caller.tenant.directory.find(&current.resource_type, &key).await?.is_some_and(|it| it.id != current.id)
        {
            continue;
        }
        kept.push(key);
    }
    next.keys = kept;
    Ok(())
}

/// The document as plugins see it: a user from whom `active` was taken away is told as one who is not active, so that a mapping for which
/// absent means active lets nobody in.
fn with_switch<'d>(resource_type: &ResourceType, full: &'d Document) -> Cow<'d, Document> {
    if resource_type != &ResourceType::USER || full.get("active").is_some() {
        return Cow::Borrowed(full);
    }
    let mut told = full.clone();
    told.0.insert("active".to_owned(), false.into());
    Cow::Owned(told)
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
    let Some(kind) = kind(resource_type).filter(|kind| wants(plugin, *kind, event)) else { return Ok(Vec::new()) };
    planned(caller, resource_type, &PlanChange { event, kind, id, before, after, member, signal: None })
}

/// Asks the tenant's plugin what is to happen after a signal of the vendor's product.
pub(crate) fn plan_signal(
    caller: &Caller,
    id: ResourceId,
    signal: &str,
    (before, after): (&Account, &Account),
) -> Result<Vec<NewTask>, ScimError> {
    let (event, kind) = (Event::Signalled, Kind::User);
    if !wants(caller.bound.plugin.as_ref(), kind, event) {
        return Ok(Vec::new());
    }
    let (before, after, signal) = (Some(before), Some(after), Some(signal));
    planned(caller, &ResourceType::USER, &PlanChange { event, kind, id, before, after, member: None, signal })
}

fn planned(caller: &Caller, resource_type: &ResourceType, change: &PlanChange<'_>) -> Result<Vec<NewTask>, ScimError> {
    let plugin = caller.bound.plugin.as_ref();
    let id = change.id;
    let planned = called(caller, || plugin.plan(&caller.call(), change));
    let planned = planned.and_then(|planned| Ok(planned.inspect_err(|error| caller.notes.planned(Err(error)))?));
    let planned = match planned {
        Err(error) if passes_through(caller, &error) => return Ok(Vec::new()),
        planned => planned?,
    };
    let task = |task: muster_plugin::PlannedTask| NewTask {
        resource_type: resource_type.clone(),
        id,
        idempotency_key: task.idempotency_key,
        action: task.action,
        arguments: task.arguments,
        destructive: task.destructive,
        plugin: plugin.digest(),
        queue: Queue::plugin(),
    };
    let tasks: Vec<NewTask> = planned.into_iter().map(task).collect();
    caller.notes.planned(Ok(&tasks));
    Ok(tasks)
}

/// Whether the manifest asks for such an event.
fn wants(plugin: &dyn Plugin, kind: Kind, event: Event) -> bool {
    plugin.manifest().resource(kind).is_some_and(|plan| plan.plans_on.has(event))
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
    let wants = |event| kind(resource_type).is_some_and(|kind| wants(caller.bound.plugin.as_ref(), kind, event));
    let (added, removed) = (wants(Event::MemberAdded), wants(Event::MemberRemoved));
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
            count_failure(caller, &error);
            caller.notes.planned(Err(&error));
            return Err(error.into());
        }
        if tasks.len() > limits.tasks_per_request {
            let problem = format!("more than {} tasks follow from one request", limits.tasks_per_request);
            let error = PluginError::Invalid { function: "lifecycle.plan", problem };
            count_failure(caller, &error);
            caller.notes.planned(Err(&error));
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

/// What must be unique of a user whose account is this.
pub(crate) fn keys_of_user(caller: &Caller, document: &Document, account: &Account) -> Result<Vec<Key>, ScimError> {
    let served = caller.bound.served(&ResourceType::USER)?;
    keys(served, &ResourceType::USER, document, account, &caller.bound.settings)
}

/// What must be unique: `userName` or `displayName`, whatever the plugin's account is known by, and what the schemas say.
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
    let is_own = |unique: &Resolved<'_>| {
        kind(resource_type) == Some(Kind::User)
            && unique.attribute.is_some_and(|attribute| attribute.name == "userName")
    };
    let unique = def.unique_attributes().filter(|unique| !is_own(unique));
    keys.extend(unique.filter_map(|unique| unique_key(def, unique, document)));
    Ok(keys)
}

fn key(attribute: &str, value: &str) -> Key {
    Key { attribute: attribute.to_owned(), folded: text::fold(value) }
}

/// What stands behind the path of a key that only keeps a value unique, and is not a name that a filter finds the record by. Which of the
/// two it is tells how it compares: when a declaration changes that, old keys and new ones are not taken for one another.
const FOLDED: &str = "#folded";
const EXACT: &str = "#exact";

/// The path of a key's attribute.
pub(crate) fn unmarked(attribute: &str) -> &str {
    attribute.strip_suffix(FOLDED).or_else(|| attribute.strip_suffix(EXACT)).unwrap_or(attribute)
}

/// The key of an attribute that its schema calls unique, if the document has it.
fn unique_key(def: &ResourceTypeDef, unique: Resolved<'_>, document: &Document) -> Option<Key> {
    let attribute = unique.attribute?;
    let holder = match unique.extension {
        Some(schema) => document.get(&schema.id)?.as_object()?,
        None => &document.0,
    };
    let whole = holder.get(&attribute.name)?;
    let value = match unique.sub {
        Some(sub) => whole.get(&sub.name)?,
        None => whole,
    };
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let path = canonical_path(
        def,
        &AttrPath {
            urn: unique.extension.map(|schema| schema.id.clone()),
            name: attribute.name.clone(),
            sub: unique.sub.map(|sub| sub.name.clone()),
        },
    );
    Some(if unique.sub.unwrap_or(attribute).case_exact {
        Key { attribute: format!("{path}{EXACT}"), folded: text }
    } else {
        key(&format!("{path}{FOLDED}"), &text)
    })
}

#[cfg(test)]
mod tests {
    use muster_protocol::schema::Registry;
    use serde_json::json;

    use super::*;

    fn registry() -> Registry {
        let attributes = json!([
            { "name": "badge", "caseExact": true, "uniqueness": "server" },
            { "name": "alias", "uniqueness": "global" },
            { "name": "desk", "type": "complex", "subAttributes": [{ "name": "number", "type": "integer", "uniqueness": "server" }] },
            { "name": "team" },
        ]);
        let schema = |urn: &str| json!({ "id": urn, "attributes": attributes });
        let declared = json!({
            "extensions": [{ "resourceType": "User", "schema": schema("urn:example:2.0:User") }],
            "resourceTypes": [{ "name": "Robot", "endpoint": "/Robots", "schema": schema("urn:example:2.0:Robot") }],
        });
        Registry::core().with(&serde_json::from_value(declared).unwrap()).unwrap()
    }

    fn of(kind: &str, document: Value) -> Vec<(String, String)> {
        let Value::Object(map) = document else { unreachable!() };
        let registry = registry();
        let settings = HostSettings::default();
        let (kind, document) = (ResourceType::new(kind), Document(map));
        let keys = keys(registry.get(kind.as_str()).unwrap(), &kind, &document, &Account::unmapped(), &settings);
        keys.unwrap().into_iter().map(|key| (key.attribute, key.folded)).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(attribute, value)| ((*attribute).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_schemas_call_unique_has_a_key_that_says_how_it_compares() {
        let own = json!({ "badge": "B-7", "alias": "Countess", "desk": { "number": 7 }, "team": "Engines" });
        let user = of("User", json!({ "userName": "Ada", "urn:example:2.0:User": own.clone() }));
        let expected = [
            ("username", "ada"),
            ("urn:example:2.0:user:badge#exact", "B-7"),
            ("urn:example:2.0:user:alias#folded", "countess"),
            ("urn:example:2.0:user:desk.number#folded", "7"),
        ];
        assert_eq!(user, pairs(&expected));
        let expected = [("badge#exact", "B-7"), ("alias#folded", "countess"), ("desk.number#folded", "7")];
        assert_eq!(of("Robot", own), pairs(&expected));
        assert_eq!(of("Robot", json!({ "team": "Engines" })), pairs(&[]));
    }

    #[test]
    fn a_mark_is_not_part_of_the_path() {
        for key in ["username", "username#exact", "username#folded"] {
            assert_eq!(unmarked(key), "username");
        }
    }
}
