//! The quirks that most often break SCIM servers (Q1 to Q20), one test or more each: the exact request, and the right answer.
//! Beside them the answers that all identity providers share, what every tenant tolerates, and clients with habits of their own.

mod answers;
mod clients;
mod discovery;
mod filters;
mod golden;
mod members;
mod operations;
mod runners_up;
mod tolerance;
mod wire;
mod writes;

use muster_test_harness::{TenantClient, TestApp, USER};
use serde_json::{Value, json};

async fn start() -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    (app, acme)
}

fn ada() -> Value {
    json!({
        "schemas": [USER],
        "userName": "ada@example.com",
        "externalId": "0f1c9d2e-2a3b",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
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

fn ids(list: &Value) -> Vec<&str> {
    list["Resources"].as_array().expect("Resources is always there").iter().map(id).collect()
}
