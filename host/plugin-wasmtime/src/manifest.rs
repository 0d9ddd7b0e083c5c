//! What a plugin says of itself, checked once when it is loaded.

mod schema_cost;
mod wants;

use std::collections::BTreeSet;

use jsonschema::Validator;
use muster_model::{Event, Want};
use muster_plugin::{AdoptionPolicy, EventSet, Kind, Manifest, ResourcePlan, Role, Roles};
use muster_protocol::json;
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Declarations, Registry, ResourceTypeDef};
use serde_json::Value;

use crate::bindings::v1::exports::muster::plugin::about;
use crate::bindings::v1::muster::plugin::types;
use crate::check::Interfaces;
use crate::exports::Described;
use crate::limits;
use crate::slots::Slot;

/// What the server itself makes of a resource: it neither crosses nor is it retained by choice.
const MADE_BY_THE_SERVER: [&str; 5] = ["id", "meta", "schemas", "members", "groups"];

/// The host's own paths, which no base path may stand before.
const RESERVED: [&str; 10] =
    ["t", "admin", "directory", "console", "portal", "events", "health", "healthz", "readyz", "metrics"];

/// A manifest that holds, with what its calls need.
pub(crate) struct Checked {
    pub(crate) manifest: Manifest,
    /// What its customers may send.
    pub(crate) registry: Registry,
    /// Of the kinds that it serves, what crosses.
    pub(crate) slots: Vec<(Kind, Vec<Slot>)>,
    /// The schema of its configuration, compiled.
    pub(crate) schema: Option<Validator>,
}

/// What the role `schemas` answers, read; the error is the end of a sentence for whoever pushes the plugin.
pub(crate) fn declarations(text: &str) -> Result<Declarations, String> {
    let limit = limits::MAX_DECLARATIONS_BYTES;
    if text.len() > limit {
        return Err(format!("what it declares is longer than {limit} bytes"));
    }
    let value = json::parse(text.as_bytes()).map_err(|error| format!("what it declares: {error}"))?;
    serde_path_to_error::deserialize(value).map_err(|error| format!("what it declares: {error}"))
}

/// The error is the end of a sentence for whoever pushes the plugin.
pub(crate) fn check(
    described: Described,
    declarations: Declarations,
    Interfaces { contract, roles, imports_state, imports_http }: Interfaces,
) -> Result<Checked, String> {
    let (described, wants) = wants::of(described, imports_state)?;
    if imports_http && !wants.iter().any(|wanted| matches!(wanted.want, Want::Origin(_))) {
        return Err("wants has no origin, and the plugin imports wasi:http".to_owned());
    }
    name(&described.name)?;
    version(&described.version)?;
    base_path(&described.base_path)?;
    words(&described.states, limits::MAX_STATES, "states")?;
    if described.states.is_empty() {
        return Err("states is empty".to_owned());
    }
    let adoption = adoption(described.adoption);
    if adoption == AdoptionPolicy::Ask && !roles.has(Role::Adoption) {
        return Err("adoption is `ask`, and the plugin does not export adoption".to_owned());
    }
    if described.calls_per_instance == 0 {
        return Err("calls-per-instance is 0".to_owned());
    }
    let (config_schema, schema) = config_schema(&described.config_schema)?;

    let registry = Registry::core().with(&declarations).map_err(|why| format!("what it declares: {why}"))?;
    let mut resources = Vec::new();
    let mut slots = Vec::new();
    for plan in &described.resources {
        let (plan, crossing) = resource(plan, &registry, roles)?;
        if resources.iter().any(|other: &ResourcePlan| other.kind == plan.kind) {
            return Err(format!("resources has {} twice", plan.kind.resource_type()));
        }
        slots.push((plan.kind, crossing));
        resources.push(plan);
    }
    if resources.is_empty() {
        return Err("resources is empty".to_owned());
    }
    let manifest = Manifest {
        contract: contract.version(),
        name: described.name,
        version: described.version,
        base_path: described.base_path,
        resources,
        declarations,
        states: described.states,
        adoption,
        config_schema,
        wants,
        calls_per_instance: described.calls_per_instance,
    };
    Ok(Checked { manifest, registry, slots, schema })
}

fn name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=limits::MAX_WORD_BYTES).contains(&name.len()) && name.bytes().all(plain);
    if fits { Ok(()) } else { Err("name is not 1 to 64 lower-case letters, digits and '-'".to_owned()) }
}

/// `1.2.3`, `1.2.3-rc.1`, `1.2.3+build`: semver 2.0.0 §2, §9, §10.
fn version(version: &str) -> Result<(), String> {
    let (version_and_pre, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = version_and_pre.split_once('-').map_or((version_and_pre, None), |(core, pre)| (core, Some(pre)));
    let number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let identifier =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let fits = version.len() <= limits::MAX_WORD_BYTES
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(identifier))
        && build.is_none_or(|build| build.split('.').all(identifier));
    if fits { Ok(()) } else { Err("version is not a semantic version such as 1.2.3".to_owned()) }
}

fn base_path(path: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let segment = |segment: &str| !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(plain);
    let Some(segments) = path.strip_prefix('/').filter(|_| path.len() <= limits::MAX_BASE_PATH_BYTES) else {
        return Err("base-path does not begin with '/', or is longer than 128 bytes".to_owned());
    };
    if !segments.split('/').all(segment) {
        return Err(
            "base-path has a segment that is empty, a dot segment, or not of letters, digits and '-._~'".to_owned()
        );
    }
    match segments.split('/').next() {
        Some(first) if RESERVED.contains(&first) => Err(format!("base-path begins with /{first}, which is the host's")),
        Some(_) | None => Ok(()),
    }
}

/// Short texts, each there once.
fn words(list: &[String], limit: usize, what: &str) -> Result<(), String> {
    if list.len() > limit {
        return Err(format!("{what} has more than {limit} entries"));
    }
    let word = |word: &String| {
        (1..=limits::MAX_WORD_BYTES).contains(&word.len()) && !word.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    if !list.iter().all(word) {
        return Err(format!("{what} has an entry that is not 1 to 64 bytes without blanks"));
    }
    if list.iter().collect::<BTreeSet<_>>().len() < list.len() {
        return Err(format!("{what} has an entry twice"));
    }
    Ok(())
}

fn adoption(policy: about::AdoptionPolicy) -> AdoptionPolicy {
    match policy {
        about::AdoptionPolicy::Link => AdoptionPolicy::Link,
        about::AdoptionPolicy::Refuse => AdoptionPolicy::Refuse,
        about::AdoptionPolicy::Hide => AdoptionPolicy::Hide,
        about::AdoptionPolicy::Ask => AdoptionPolicy::Ask,
    }
}

fn config_schema(text: &str) -> Result<(Option<Value>, Option<Validator>), String> {
    if text.is_empty() {
        return Ok((None, None));
    }
    if text.len() > limits::MAX_STRING_BYTES {
        return Err(format!("config-schema is longer than {} bytes", limits::MAX_STRING_BYTES));
    }
    let value: Value = serde_json::from_str(text).map_err(|error| format!("config-schema is not JSON: {error}"))?;
    schema_cost::check(&value)?;
    // Where something is wrong is told, in terms of the schema that this one is held against.
    let wrong = |error: &jsonschema::ValidationError<'_>| {
        let place = match error.instance_path().as_str() {
            "" => String::new(),
            place => format!(" at {place}"),
        };
        format!("config-schema is not a JSON Schema 2020-12{place}: {}", error.masked_with("what stands there"))
    };
    jsonschema::draft202012::meta::validate(&value).map_err(|error| wrong(&error))?;
    // References to elsewhere are an error: nothing is fetched.
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).should_validate_formats(true);
    let validator = options.build(&value).map_err(|error| wrong(&error))?;
    Ok((Some(value), Some(validator)))
}

fn resource(
    plan: &about::ResourcePlan,
    registry: &Registry,
    roles: Roles,
) -> Result<(ResourcePlan, Vec<Slot>), String> {
    let kind = match plan.kind {
        types::Kind::User => Kind::User,
        types::Kind::Group => Kind::Group,
    };
    let name = kind.resource_type();
    let def = registry.get(name).ok_or_else(|| format!("this host does not know {name}"))?;
    let plans_on = events(plan.plans_on);
    if plans_on != EventSet::default() && !roles.has(Role::Lifecycle) {
        return Err(format!("{name} plans on events, and the plugin does not export lifecycle"));
    }
    let (attributes, slots) = paths(&plan.attributes, def, "attributes")?;
    let (retained, _) = paths(&plan.retained, def, "retained")?;
    Ok((ResourcePlan { kind, attributes, retained, plans_on }, slots))
}

fn paths(texts: &[String], def: &ResourceTypeDef, what: &str) -> Result<(Vec<AttrPath>, Vec<Slot>), String> {
    let name = &def.name;
    if texts.len() > limits::MAX_ATTRIBUTES {
        return Err(format!("{what} of {name} has more than {} entries", limits::MAX_ATTRIBUTES));
    }
    let mut paths = Vec::new();
    let mut slots = Vec::new();
    for text in texts {
        let path = AttrPath::parse(text, &|urn| def.is_schema(urn))
            .map_err(|_| format!("{what} of {name} has `{text}`, which is no SCIM path"))?;
        let slot = Slot::resolve(def, &path)
            .ok_or_else(|| format!("{what} of {name} has `{text}`, which is no attribute of {name}"))?;
        if let Some(own) = slot.core_attribute().filter(|own| MADE_BY_THE_SERVER.contains(own)) {
            return Err(format!("{what} of {name} has `{own}`, which the server itself makes"));
        }
        if slots.contains(&slot) {
            return Err(format!("{what} of {name} has `{text}` twice"));
        }
        paths.push(path);
        slots.push(slot);
    }
    Ok((paths, slots))
}

fn events(events: types::Events) -> EventSet {
    let each = [
        (types::Events::CREATED, Event::Created),
        (types::Events::UPDATED, Event::Updated),
        (types::Events::DEACTIVATED, Event::Deactivated),
        (types::Events::REACTIVATED, Event::Reactivated),
        (types::Events::DELETED, Event::Deleted),
        (types::Events::MEMBER_ADDED, Event::MemberAdded),
        (types::Events::MEMBER_REMOVED, Event::MemberRemoved),
        (types::Events::SIGNALLED, Event::Signalled),
    ];
    let set = each.into_iter().filter(|(flag, _)| events.contains(*flag));
    set.fold(EventSet::default(), |set, (_, event)| set.with(event))
}

#[cfg(test)]
mod tests;
