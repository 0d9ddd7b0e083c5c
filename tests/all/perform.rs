//! Plugins that go out into the world: to what was granted, with secrets that they never have, and no further.

mod asked;
mod bounds;
pub(crate) mod endpoint;
mod rebinding;
mod secrets;
mod story;

use std::time::Duration;

use endpoint::{Endpoint, HOST, says};
use muster_model::{Field, FieldValue};
use muster_model::{NewTask, PluginDigest, Queue, ResourceId, ResourceType, Task, TenantId, Timestamp};
use muster_plugin::Outcome;
use muster_service::STATE_QUOTA_BYTES;
use muster_test_harness::{TenantClient, TestApp, TestAppBuilder, USER, wasm};
use serde_json::json;

/// The secret of the tenant `acme`.
const SECRET: &str = "hunter22-and-more";

/// A server that takes the granted host for this endpoint, and carries nothing out by itself.
fn calling(endpoint: &Endpoint) -> TestAppBuilder {
    let mut builder = TestApp::builder();
    let delivery = &mut builder.config.delivery;
    delivery.concurrency = 0;
    delivery.ca_file = endpoint.ca_file.clone();
    delivery.hosts.insert(HOST.to_owned(), endpoint.address.to_string());
    builder
}

/// The tenant `acme` with the guest `calls-out`, granted all that it wants.
async fn acme(app: &TestApp) -> TenantClient {
    app.push(wasm::guest("calls-out")).await.expect(201);
    let new = json!({ "name": "acme", "plugin": "calls-out", "config": {}, "grants": "all" });
    let made = app.admin_post("/tenants", new).await.expect(201);
    app.client("/scim/v2", made["token"].as_str().unwrap())
}

async fn set_secret(app: &TestApp, name: &str, value: &str) {
    app.admin_post("/tenants/acme/secrets", json!({ "name": name, "value": value })).await.expect(200);
}

/// A task of a plugin, as if it had planned it.
fn task(plugin: PluginDigest, action: &str, url: Option<&str>) -> Task {
    let field = |url: &str| Field { name: "url".to_owned(), value: FieldValue::Text(url.to_owned()) };
    let task = NewTask {
        resource_type: ResourceType::USER,
        id: ResourceId::from_bytes([7; 16]),
        idempotency_key: "key".to_owned(),
        action: action.to_owned(),
        arguments: url.map(field).into_iter().collect(),
        destructive: false,
        plugin,
        queue: Queue::plugin(),
    };
    Task { seq: 7, change: 3, at: Timestamp::from_millis(0), task }
}

/// What comes of an action of the guest `calls-out`.
async fn carried(app: &TestApp, action: &str, url: Option<&str>) -> Outcome {
    let plugin = PluginDigest::of(&wasm::guest("calls-out"));
    app.service.perform(&TenantId::parse("acme").unwrap(), &task(plugin, action, url), 1).await
}

/// The sentence of what did not come of it.
async fn told(app: &TestApp, action: &str, url: Option<&str>) -> String {
    match carried(app, action, url).await {
        Outcome::Done => "done".to_owned(),
        Outcome::Again { reason, .. } | Outcome::Failed { reason } => reason,
    }
}

#[tokio::test]
async fn a_user_that_is_created_is_told_to_the_product_with_a_secret_that_the_plugin_never_has() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")).await;
    let mut builder = calling(&endpoint);
    builder.config.delivery.concurrency = 8;
    let app = builder.start().await;
    let tenant = acme(&app).await;
    set_secret(&app, "api-key", SECRET).await;

    let made = tenant.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com" })).await.expect(201);

    let request = endpoint.first().await;
    let id = made["id"].as_str().unwrap();
    assert!(request.starts_with(&format!("POST /people/{id} HTTP/1.1\r\n")), "{request}");
    for line in [
        "\r\nhost: api.granted.example\r\n",
        &format!("\r\nauthorization: Bearer {SECRET}\r\n"),
        "\r\nidempotency-key: task-1-",
        "\r\nconnection: close\r\n",
    ] {
        assert!(request.contains(line), "{line:?} in {request}");
    }
    assert!(request.ends_with(r#"{"tenant":"acme","attempt":1}"#), "{request}");
    for _ in 0..1_200 {
        let task = app.admin_get("/tenants/acme/tasks/1").await.expect(200);
        if task["standing"] == "done" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", app.admin_get("/tenants/acme/tasks/1").await.text);
}

#[tokio::test]
async fn what_the_product_answers_decides_what_comes_of_it() {
    for (answer, outcome) in [
        ("200 OK", Outcome::Done),
        ("404 Not Found", Outcome::Failed { reason: "the call was answered 404".to_owned() }),
        (
            "302 Found\r\nLocation: https://127.0.0.1/",
            Outcome::Failed { reason: "the call was answered 302".to_owned() },
        ),
        ("503 No", Outcome::Again { reason: "the call was answered 503".to_owned(), after: None }),
        (
            "429 No\r\nRetry-After: 90",
            Outcome::Again { reason: "the call was answered 429".to_owned(), after: Some(Duration::from_secs(90)) },
        ),
    ] {
        let endpoint = Endpoint::start(HOST, says(&format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"))).await;
        let app = calling(&endpoint).start().await;
        acme(&app).await;
        assert_eq!(carried(&app, "get", None).await, outcome);
        assert_eq!(endpoint.connections(), 1, "nothing is followed");
    }
}

#[tokio::test]
async fn the_memory_compares_versions_and_has_its_bounds() {
    let endpoint = Endpoint::start(HOST, says("")).await;
    let app = calling(&endpoint).start().await;
    acme(&app).await;
    for _ in 0..2 {
        let story = told(&app, "remember", None).await;
        assert_eq!(story, "new: true, Err(Conflict), true, Err(Conflict), None");
    }
    // Seventeen entries of 60 KiB have room in 1 MiB.
    assert_eq!(STATE_QUOTA_BYTES, 1 << 20);
    assert_eq!(told(&app, "fill", None).await, "Err(Quota), Err(Quota), Quota after 17");
}

#[tokio::test]
async fn what_is_withdrawn_is_withdrawn_from_the_next_attempt_on() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let app = calling(&endpoint).start().await;
    acme(&app).await;
    set_secret(&app, "api-key", SECRET).await;
    assert_eq!(told(&app, "post", None).await, "done");
    let withdrawal = json!({ "grants": "all", "force": true });
    app.admin_post("/tenants/acme/grants/withdraw", withdrawal).await.expect(200);
    assert_eq!(told(&app, "post", None).await, "the call failed: the secret api-key is not there");
    let story = told(&app, "get", None).await;
    let note = "the plugin asked for https://api.granted.example, which is not granted";
    assert_eq!(story, format!("the call failed: the request was not let out ({note})"));
    assert_eq!(told(&app, "remember", None).await, "Unavailable");
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test]
async fn a_task_is_carried_out_by_the_plugin_that_planned_it_or_by_one_of_its_name() {
    let endpoint = Endpoint::start(HOST, says("")).await;
    let app = calling(&endpoint).start().await;
    acme(&app).await;
    let tenant = TenantId::parse("acme").unwrap();
    let by = async |app: &TestApp, plugin: PluginDigest| match app
        .service
        .perform(&tenant, &task(plugin, "x", None), 1)
        .await
    {
        Outcome::Failed { reason } => reason,
        other => panic!("{other:?}"),
    };
    let own = PluginDigest::of(&wasm::guest("calls-out"));
    assert_eq!(by(&app, own).await, "x is nothing that it does");
    let unknown = PluginDigest::of(b"unknown");
    assert_eq!(by(&app, unknown).await, format!("{unknown} has planned it, and calls-out decides for the tenant now"));

    app.push(wasm::plugin("standard")).await.expect(201);
    app.admin_put("/tenants/acme/binding", json!({ "plugin": "standard", "config": {} })).await.expect(200);
    assert_eq!(by(&app, own).await, "x is nothing that it does", "by the one before");
    let standard = PluginDigest::of(&wasm::plugin("standard"));
    let refused = by(&app, standard).await;
    assert!(refused.ends_with(" does not export delivery, so nobody carries out what it plans"), "{refused}");
    let gone = TenantId::parse("globex").unwrap();
    let outcome = app.service.perform(&gone, &task(own, "x", None), 1).await;
    assert_eq!(outcome, Outcome::Failed { reason: "there is no such tenant any more".to_owned() });
}

#[tokio::test]
async fn to_call_without_wanting_an_origin_is_refused_when_it_is_pushed() {
    let app = TestApp::start().await;
    let refused = app.push(wasm::guest("calls-nobody")).await.expect(400);
    let told = "the plugin's manifest is not valid: wants has no origin, and the plugin imports wasi:http";
    assert_eq!(refused["detail"], told);
}

#[tokio::test]
async fn a_mapping_that_calls_is_stopped_and_reaches_nobody() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let app = calling(&endpoint).start().await;
    let tenant = acme(&app).await;
    let out = json!({ "schemas": [USER], "userName": "ada@example.com", "title": "out" });
    tenant.post("/Users", out).await.expect(503);
    let other = json!({ "schemas": [USER], "userName": "ada@example.com" });
    tenant.post("/Users", other).await.expect(201);
    assert_eq!(endpoint.connections(), 0);
}
