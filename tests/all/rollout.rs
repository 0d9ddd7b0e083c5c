//! Rollouts: what a candidate would do is told before it decides, and what is stored is mapped again while it is written.

mod against;
mod canary;
mod cancel;
mod command;
mod frame;
mod preview;
mod remap;
mod replay;
mod restarts;
mod room;
mod shadow;
mod watch;

use muster_service::MAX_RUNNING_JOBS;
use muster_test_harness::{TenantClient, TestApp, USER, wasm};
use serde_json::{Value, json};

/// Holds all places for jobs until it goes.
struct Busy(#[expect(dead_code, reason = "its end is what they wait for")] tokio::sync::watch::Sender<()>);

impl Busy {
    async fn all(app: &TestApp) -> Self {
        let (until_dropped, held) = tokio::sync::watch::channel(());
        for _ in 0..MAX_RUNNING_JOBS {
            // A job that has done its work may still have its place for a moment.
            loop {
                let mut held = held.clone();
                let wait = |_| async move {
                    let _ = held.changed().await;
                    Ok(Value::Null)
                };
                if app.service.jobs().start("hold", "places", wait).is_ok() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        }
        Self(until_dropped)
    }
}

/// How much `obeys` works for a call that takes about a millisecond.
const SLOWLY: u64 = 400_000;

/// A tenant whose plugin does what its configuration says.
async fn obeying(app: &TestApp, name: &str) -> TenantClient {
    app.tenant_with_guest(name, "obeys").await
}

/// A user with these attributes besides; the id.
async fn person(tenant: &TenantClient, name: &str, more: Value) -> String {
    let mut user = json!({ "schemas": [USER], "userName": name, "displayName": name });
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tenant.post("/Users", user).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn people(tenant: &TenantClient, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(person(tenant, &format!("p{number}"), json!({})).await);
    }
    ids
}

fn path(tenant: &str, rollout: &Value) -> String {
    format!("/tenants/{tenant}/rollouts/{}", rollout["id"].as_str().unwrap())
}

/// As soon as nothing is under way any more.
pub(crate) async fn settled(app: &TestApp, tenant: &str, rollout: &Value) -> Value {
    loop {
        let now = app.admin_get(&path(tenant, rollout)).await.expect(200);
        if now["state"] != "running" {
            return now;
        }
    }
}

/// As soon as the step under way has come so far.
async fn come_to(app: &TestApp, tenant: &str, rollout: &Value, name: &str, done: u64) -> Value {
    loop {
        let now = app.admin_get(&path(tenant, rollout)).await.expect(200);
        assert_eq!(now["state"], "running", "it was to be met while it works: {now}");
        if step(&now, name)["done"].as_u64() >= Some(done) {
            return now;
        }
    }
}

/// As soon as the candidate is tried on live requests.
async fn tried(app: &TestApp, tenant: &str, rollout: &Value, name: &str) -> Value {
    loop {
        let now = app.admin_get(&path(tenant, rollout)).await.expect(200);
        assert_eq!(now["state"], "running", "it was to be met while it is tried: {now}");
        if step(&now, name)["total"].as_u64() > Some(0) {
            return now;
        }
    }
}

/// As soon as what a trial has kept so far says so.
async fn kept(app: &TestApp, tenant: &str, rollout: &Value, name: &str, says: impl Fn(&Value) -> bool) {
    loop {
        let now = app.admin_get(&path(tenant, rollout)).await.expect(200);
        assert_eq!(now["state"], "running", "it was to be met while it is tried: {now}");
        if says(&step(&now, name)["findings"]) {
            return;
        }
    }
}

async fn start(app: &TestApp, tenant: &str, new: Value) -> Value {
    let begun = begin(app, tenant, new).await;
    settled(app, tenant, &begun).await
}

/// The candidate is watched only where that is what the story is about.
pub(crate) async fn begin(app: &TestApp, tenant: &str, mut new: Value) -> Value {
    if new["watch"].is_null() {
        new["watch"] = json!({ "seconds": 0 });
    }
    app.admin_post(&format!("/tenants/{tenant}/rollouts"), new).await.expect(202)
}

fn step<'r>(rollout: &'r Value, name: &str) -> &'r Value {
    rollout["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap()
}

fn states(rollout: &Value) -> Vec<(&str, &str)> {
    let steps = rollout["steps"].as_array().unwrap().iter();
    steps.map(|step| (step["name"].as_str().unwrap(), step["state"].as_str().unwrap())).collect()
}

/// The last step, and where it stands.
fn last(rollout: &Value) -> (&str, &str) {
    states(rollout).pop().unwrap()
}

/// Looked at, changed, unchanged, rejected, failed.
fn counts(findings: &Value) -> [u64; 5] {
    ["looked_at", "changed", "unchanged", "rejected", "failed"].map(|name| findings[name].as_u64().unwrap())
}

async fn push(app: &TestApp, guest: &str) -> Value {
    app.push(wasm::guest(guest)).await.expect(201)["digest"].clone()
}
