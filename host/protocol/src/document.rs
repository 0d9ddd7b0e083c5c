use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A resource as it is stored: canonical attribute names, canonical types, no `null`, no empty arrays or objects.
///
/// Extensions stand under their full URN. What the server itself makes is not in it: `id`, `meta`, `schemas`, `groups` of a
/// user and `members` of a group (memberships are rows of the store).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(pub Map<String, Value>);

impl Document {
    /// A core attribute by its canonical name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A core attribute that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// `active`. Whoever is created has it ([`crate::normalise::active_by_default`]); from whom it was taken away is not let in.
    pub fn is_active(&self) -> bool {
        self.0.get("active").and_then(Value::as_bool).unwrap_or(false)
    }
}

/// One entry of `members` as a client sent it. Only `value` counts: `display`, `type` and `$ref` are the server's to fill in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemberRef {
    /// The id of the member, not yet known to exist.
    pub value: String,
}
