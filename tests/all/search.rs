//! Lists as the RFCs have them: sorted (RFC 7644 §3.4.2.3), by index (§3.4.2.4), by cursor (RFC 9865), through all kinds of resource
//! (§3.4.2.1), and asked for in a body (§3.4.3).

mod cursors;
mod everything;
mod request;
mod sorting;
mod walks;

use muster_test_harness::{TenantClient, TestApp, USER};
use serde_json::{Value, json};

async fn start() -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    (app, acme)
}

/// A new user with this name and these attributes beside it; the id.
async fn user(acme: &TenantClient, user_name: &str, attributes: Value) -> String {
    let mut body = json!({ "schemas": [USER], "userName": user_name });
    body.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    acme.post("/Users", body).await.expect(201)["id"].as_str().unwrap().to_owned()
}

fn texts<'a>(list: &'a Value, pointer: &str) -> Vec<&'a str> {
    let resources = list["Resources"].as_array().expect("Resources is always there");
    resources.iter().map(|resource| resource.pointer(pointer).and_then(Value::as_str).unwrap_or("-")).collect()
}

fn ids(list: &Value) -> Vec<&str> {
    texts(list, "/id")
}

fn names(list: &Value) -> Vec<&str> {
    texts(list, "/userName")
}

/// The cursor for the next page.
fn next(list: &Value) -> &str {
    list["nextCursor"].as_str().expect("more pages follow")
}
