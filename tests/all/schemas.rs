//! What a tenant has beside the schemas of RFC 7643: extensions and resource types that its operator or its plugin declares.

mod characteristics;
mod extensions;
mod plugin;
mod settings;
mod stored;
mod types;

use muster_test_harness::{Answer, TenantClient, TestApp, USER};
use serde_json::{Value, json};

/// What the operator of these tests adds to users.
const PEOPLE: &str = "urn:example:params:scim:schemas:extension:people:2.0:User";
/// The kind of resource that the operator adds.
const ROOM: &str = "urn:example:params:scim:schemas:core:2.0:Room";
/// What the operator adds to that.
const CATERING: &str = "urn:example:params:scim:schemas:extension:catering:2.0:Room";

/// A single-valued string that may be absent, with whatever the test says differently.
fn attribute(name: &str, different: Value) -> Value {
    let mut attribute = json!({
        "name": name, "type": "string", "multiValued": false, "description": format!("The {name}."), "required": false,
        "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none",
    });
    for (characteristic, value) in different.as_object().unwrap() {
        attribute[characteristic] = value.clone();
    }
    attribute
}

fn schema(id: &str, attributes: &[Value]) -> Value {
    json!({ "id": id, "name": "Example", "description": "As a test needs it", "attributes": attributes })
}

/// An extension of users with these attributes.
fn people(attributes: &[Value]) -> Value {
    json!({ "resourceType": "User", "required": false, "schema": schema(PEOPLE, attributes) })
}

/// Rooms, with an extension of their own.
fn rooms() -> Value {
    let core = [
        attribute("displayName", json!({ "required": true })),
        attribute("number", json!({ "caseExact": true, "uniqueness": "server" })),
        attribute("seats", json!({ "type": "integer" })),
        attribute("features", json!({ "multiValued": true })),
    ];
    let catering = [attribute("kitchen", json!({})), attribute("until", json!({ "type": "dateTime" }))];
    json!({
        "name": "Room", "endpoint": "/Rooms", "description": "Where people meet", "schema": schema(ROOM, &core),
        "extensions": [{ "required": false, "schema": schema(CATERING, &catering) }],
    })
}

/// Sets what the tenant `acme` has.
async fn set(app: &TestApp, settings: Value) -> Answer {
    app.admin_put("/tenants/acme/scim", settings).await
}

/// A server whose tenant `acme` has users with these attributes.
async fn start_with(attributes: &[Value]) -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    set(&app, json!({ "extensions": [people(attributes)] })).await.expect(200);
    (app, acme)
}

/// A server whose tenant `acme` has rooms.
async fn start_with_rooms() -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    set(&app, json!({ "resourceTypes": [rooms()] })).await.expect(200);
    (app, acme)
}

/// A user with an extension.
fn user(name: &str, extension: Value) -> Value {
    json!({ "schemas": [USER, PEOPLE], "userName": name, PEOPLE: extension })
}

/// The id in an answer.
fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}

/// The URNs or names in a list of discovery.
fn ids(list: &Value) -> Vec<&str> {
    list["Resources"].as_array().unwrap().iter().map(id).collect()
}

/// The sentence of an operator's problem.
#[track_caller]
fn problem(answer: Answer, status: u16) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    answer.expect(status)["detail"].as_str().unwrap().to_owned()
}
