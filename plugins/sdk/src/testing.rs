//! What the native tests of a plugin need: inputs and contexts made of JSON, as the host would make them.

mod world;

use serde_json::Value as Json;

use crate::input::Crossed;
use crate::{Account, Change, Config, Context, Event, Input, Kind, Plugin, Signal, Value};

pub(crate) use world::{answer, secret_header, state_delete, state_get, state_put};
pub use world::{asked, respond, set_secret};

/// The id of whatever is made here.
pub const ID: &str = "01900000-0000-7000-8000-000000000001";

/// A user as the plugin's manifest lets it through; new, until [`Input::stored_as`] says otherwise.
pub fn user<P: Plugin>(resource: &Json) -> Input {
    input::<P>(Kind::User, resource)
}

/// A group as the plugin's manifest lets it through.
pub fn group<P: Plugin>(resource: &Json) -> Input {
    input::<P>(Kind::Group, resource)
}

/// A call of the tenant `acme` at the first of January 2026, with this configuration.
pub fn context(config: Json) -> Context {
    Context {
        tenant: "acme".to_owned(),
        request: "test".to_owned(),
        now_ms: 1_767_225_600_000,
        config: self::config(config),
    }
}

/// A configuration alone.
pub fn config(value: Json) -> Config {
    Config { value }
}

/// What happened to a user; of a group, set [`Change::kind`].
pub fn change(event: Event, before: Option<Account>, after: Option<Account>) -> Change {
    Change { event, kind: Kind::User, id: ID.to_owned(), before, after, member: None, signal: None }
}

/// The product reported this of a user, without a payload.
pub fn signal(name: &str) -> Signal {
    Signal { id: ID.to_owned(), name: name.to_owned(), payload: "{}".to_owned() }
}

impl Input {
    /// The same, with an account that is stored already.
    #[must_use]
    pub fn stored_as(mut self, account: Account) -> Self {
        self.current = Some(account);
        self
    }
}

fn input<P: Plugin>(kind: Kind, resource: &Json) -> Input {
    let names = P::MANIFEST.names(kind);
    let mut crossed = Vec::new();
    for (slot, name) in (0..).zip(names) {
        cross(slot, name, resource, &mut crossed);
    }
    Input { kind, id: ID.to_owned(), names, crossed, current: None }
}

fn cross(slot: u16, path: &str, resource: &Json, crossed: &mut Vec<Crossed>) {
    let (schema, path) =
        if path.starts_with("urn:") { path.rsplit_once(':').unwrap_or(("", path)) } else { ("", path) };
    let resource = if schema.is_empty() { Some(resource) } else { resource.get(schema) };
    let (name, sub) = path.split_once('.').map_or((path, None), |(name, sub)| (name, Some(sub)));
    let Some(attribute) = resource.and_then(|resource| resource.get(name)) else { return };
    let elements = attribute.as_array().map_or(std::slice::from_ref(attribute), Vec::as_slice);
    for (element, value) in (0..).zip(elements) {
        let value = if let Some(sub) = sub { value.get(sub) } else { Some(value) };
        if let Some(value) = value.and_then(leaf) {
            crossed.push(Crossed { slot, element, value });
        }
    }
}

fn leaf(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Null => return None,
        Json::Bool(boolean) => Value::Boolean(*boolean),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Decimal(number.as_f64()?),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(_) | Json::Object(_) => Value::Json(value.to_string()),
    })
}
