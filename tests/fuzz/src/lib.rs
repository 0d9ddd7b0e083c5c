//! What the fuzz targets share: the core schemas, and a user and a group to work on.
//!
//! Each target in `fuzz_targets/` states what must hold of any input; `seeds/` has what identity providers send, to begin with.

use std::sync::{Arc, LazyLock};

use muster_protocol::Document;
use muster_protocol::filter::{Asked, Subject};
use muster_protocol::schema::{Registry, ResourceTypeDef};
use serde_json::{Value, json};

/// Users and groups.
pub static KINDS: LazyLock<[Arc<ResourceTypeDef>; 2]> = LazyLock::new(|| {
    let core = Registry::core();
    ["User", "Group"].map(|name| core.get(name).expect("the core schemas have it").clone())
});

/// Whether this is the URN of a schema of users.
pub fn is_schema(urn: &str) -> bool {
    KINDS[0].is_schema(urn)
}

/// A user with some of everything.
pub fn user() -> Document {
    document(json!({
        "userName": "ada@example.com",
        "externalId": "7b2e",
        "name": {"givenName": "Ada", "familyName": "Byron", "formatted": "Ada Byron"},
        "title": "Countess",
        "active": true,
        "emails": [{"value": "ada@example.com", "type": "work", "primary": true}, {"value": "a@b", "type": "home"}],
        "roles": [{"value": "editor"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Analysis", "manager": {"value": "51aa"}},
    }))
}

/// A group; its members are rows.
pub fn group() -> Document {
    document(json!({"displayName": "Engineering", "externalId": "ak-9"}))
}

fn document(value: Value) -> Document {
    serde_json::from_value(value).expect("a document is an object")
}

/// [`user`], as filters see it.
#[derive(Debug)]
pub struct Ada(Document);

impl Default for Ada {
    fn default() -> Self {
        Self(user())
    }
}

impl Subject for Ada {
    fn document(&self) -> &Document {
        &self.0
    }

    fn common(&self, path: &str) -> Option<Value> {
        match path {
            "id" => Some(json!("7b2e")),
            "meta.resourceType" => Some(json!("User")),
            "meta.created" | "meta.lastModified" => Some(json!("2026-10-01T08:00:00.000Z")),
            _ => None,
        }
    }

    fn holds_key(&self, attribute: &str, folded: &str) -> bool {
        attribute == "username" && folded == "ada"
    }

    fn has_row(&self, attribute: &str, id: &str) -> bool {
        attribute == "groups" && id == "4d1c"
    }

    fn has_any_row(&self, attribute: &str) -> bool {
        attribute == "groups"
    }

    fn any_shown(&self, attribute: &str, _: &Asked<'_>, holds: &mut dyn FnMut(&Value) -> bool) -> bool {
        match attribute {
            "groups" => holds(&json!({"value": "4d1c", "display": "Engineering", "type": "direct"})),
            "manager" => holds(&json!({"value": "51aa", "displayName": "C. Babbage"})),
            _ => false,
        }
    }
}
