//! What Entra sends (the default dialect, without the feature flag).

use muster_protocol::{ENTERPRISE_USER, GROUP, PATCH_OP, USER};
use reqwest::Method;
use serde_json::{Value, json};

use crate::sync::encode;
use crate::{Group, Person, Request};

/// "Test Connection": a user that cannot exist.
pub fn test_connection() -> Request {
    find_user("a1d83c3f-6b0e-4a4f-9d57-2e4c2a0f7b11")
}

/// The lookup before a create.
pub fn find_user(user_name: &str) -> Request {
    Request::get(format!("/Users?filter={}", encode(&format!("userName eq \"{user_name}\""))))
}

/// A new user.
pub fn create_user(person: &Person) -> Request {
    let body = json!({
        "schemas": [USER, ENTERPRISE_USER],
        "externalId": person.key,
        "userName": person.email,
        "active": person.active,
        "displayName": person.display_name(),
        "emails": [{ "primary": true, "type": "work", "value": person.email }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": person.display_name(), "familyName": person.family, "givenName": person.given },
        "roles": [],
        ENTERPRISE_USER: { "department": person.department },
    });
    Request::with_body(Method::POST, "/Users", body)
}

/// A changed user.
pub fn update_user(id: &str, person: &Person) -> Request {
    let active = if person.active { "True" } else { "False" };
    let operations = json!([
        { "op": "Replace", "path": "displayName", "value": person.display_name() },
        { "op": "Replace", "path": "name.familyName", "value": person.family },
        { "op": "Replace", "path": "active", "value": active },
        { "op": "Add", "path": format!("{ENTERPRISE_USER}:department"), "value": person.department },
    ]);
    patch(format!("/Users/{id}"), &operations)
}

/// The lookup before a group is created.
pub fn find_group(name: &str) -> Request {
    let filter = encode(&format!("displayName eq \"{name}\""));
    Request::get(format!("/Groups?excludedAttributes=members&filter={filter}"))
}

/// A new group.
pub fn create_group(group: &Group) -> Request {
    let body = json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": group.key,
        "displayName": group.name,
        "meta": { "resourceType": "Group" },
    });
    Request::with_body(Method::POST, "/Groups", body)
}

/// Members of a group, one batch.
pub fn add_members(id: &str, members: &[String]) -> Request {
    let members: Vec<Value> = members.iter().map(|id| json!({ "$ref": null, "value": id })).collect();
    patch(format!("/Groups/{id}"), &json!([{ "op": "Add", "path": "members", "value": members }]))
}

fn patch(path: String, operations: &Value) -> Request {
    Request::with_body(Method::PATCH, path, json!({ "schemas": [PATCH_OP], "Operations": operations }))
}
