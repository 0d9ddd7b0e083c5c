//! What Okta sends (`App Integration Wizard` apps: PUT for every change).

use muster_protocol::{GROUP, USER};
use reqwest::Method;
use serde_json::{Value, json};

use crate::sync::encode;
use crate::{Group, Person, Request};

/// "Test Connector Configuration".
pub fn test_connection() -> Request {
    Request::get("/Users?startIndex=1&count=2")
}

/// The lookup before a create.
pub fn find_user(user_name: &str) -> Request {
    let filter = encode(&format!("userName eq \"{user_name}\""));
    Request::get(format!("/Users?filter={filter}&startIndex=1&count=100"))
}

/// A new user.
pub fn create_user(person: &Person) -> Request {
    let mut body = user(person);
    body["password"] = json!("k3Vqz8Rt");
    Request::with_body(Method::POST, "/Users", body)
}

/// A changed user: the server's own answer with Okta's values laid over it.
pub fn update_user(stored: &Value, person: &Person) -> Request {
    let mut body = stored.clone();
    if let (Some(body), Value::Object(own)) = (body.as_object_mut(), user(person)) {
        body.extend(own);
    }
    Request::with_body(Method::PUT, format!("/Users/{}", stored["id"].as_str().unwrap_or_default()), body)
}

fn user(person: &Person) -> Value {
    json!({
        "schemas": [USER],
        "userName": person.email,
        "name": { "givenName": person.given, "familyName": person.family },
        "emails": [{ "primary": true, "value": person.email, "type": "work" }],
        "displayName": person.display_name(),
        "locale": "en-US",
        "externalId": person.key,
        "groups": [],
        "active": person.active,
    })
}

/// The lookup before a group push.
pub fn find_group(name: &str) -> Request {
    let filter = encode(&format!("displayName eq \"{name}\""));
    Request::get(format!("/Groups?filter={filter}&startIndex=1&count=100"))
}

/// A new group, empty.
pub fn create_group(group: &Group) -> Request {
    let body = json!({ "schemas": [GROUP], "displayName": group.name, "members": [] });
    Request::with_body(Method::POST, "/Groups", body)
}

/// A pushed group: all its members at once.
pub fn push_group(id: &str, group: &Group, members: &[(String, String)]) -> Request {
    let members: Vec<Value> = members.iter().map(|(id, login)| json!({ "value": id, "display": login })).collect();
    let body = json!({ "schemas": [GROUP], "id": id, "displayName": group.name, "members": members });
    Request::with_body(Method::PUT, format!("/Groups/{id}"), body)
}
