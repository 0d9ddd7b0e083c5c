//! The directory API: what the vendor's backend reads, keeps, follows and tells, and that nobody else does.

mod accounts;
mod adoption;
mod changes;
mod groups;
mod idempotency;
mod key;
mod local;
mod manual;
mod signals;
mod vendors;

use muster_test_harness::{Answer, TenantClient, TestApp, wasm};
use serde_json::{Value, json};

/// The sentence of a problem (RFC 9457) with this status.
#[track_caller]
fn problem(answer: Answer, status: u16) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text);
    let problem = answer.expect(status);
    assert_eq!(problem["status"], status);
    assert!(problem["title"].is_string(), "{problem}");
    problem["detail"].as_str().unwrap().to_owned()
}

/// Reads from the directory of the tenant `acme`.
async fn read(app: &TestApp, path: &str) -> Value {
    app.directory_get(&format!("/tenants/acme/{path}")).await.expect(200)
}

/// What a list says of each.
fn all(list: &Value, name: &str) -> Vec<String> {
    let text = |item: &Value| item[name].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(text).collect()
}

/// A tenant whose product lists nobody before the first sign-in; but `listed` were there before that was so.
async fn acme_with(app: &TestApp, listed: &[&str]) -> (TenantClient, Vec<String>) {
    let acme = app.tenant_with("acme", "secoda", json!({})).await.at(&format!("{}/t/acme/scim/v2", app.scim));
    app.push(wasm::plugin("standard")).await.expect(201);
    app.bind("acme", "standard", json!({})).await.expect(200);
    let mut ids = Vec::new();
    for name in listed {
        ids.push(acme.user(name).await);
    }
    app.bind("acme", "secoda", json!({})).await.expect(200);
    (acme, ids)
}
