//! What Microsoft Entra ID sends, in both of its dialects, and what it must be told: fixtures EN-01 to EN-08, and the suites of 2.11.

pub(crate) mod everywhere;
mod flag;
mod gallery;
mod groups;
mod lookups;
mod manager;
mod postman;
mod users;
mod validator;

use muster_test_harness::{ENTERPRISE, TenantClient, TestApp, USER};
use serde_json::{Value, json};

async fn start() -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    (app, acme)
}

/// EN-03: a new user as Entra posts it.
fn ada() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "ada",
        "userName": "ada@example.com",
        "active": true,
        "displayName": "Ada Byron",
        "emails": [{ "primary": true, "type": "work", "value": "ada@example.com" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "Ada Byron", "familyName": "Byron", "givenName": "Ada" },
        "roles": [],
    })
}

/// Posts [`ada`]; the path of the new user.
async fn created(acme: &TenantClient) -> String {
    let made = acme.post("/Users", ada()).await.expect(201);
    format!("/Users/{}", id(&made))
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().expect("every resource has an id")
}

/// The path of an attribute of the enterprise extension.
fn enterprise(attribute: &str) -> String {
    format!("{ENTERPRISE}:{attribute}")
}
