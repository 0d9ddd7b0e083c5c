//! Who is told what came of a request, and how often.

use muster_model::{Field, NewTask, PluginDigest, Queue, ResourceId, ResourceType, Task, TenantId, Timestamp};
use muster_plugin::Outcome;
use muster_test_harness::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

use super::{BULK, Taken, builder, later, person};

const RECEIVERS: [&str; 3] = ["one", "two", "three"];
/// As many as a bulk request can have.
const OPERATIONS: usize = 1_000;

/// A task of the queue `async`, as the dispatcher would bring it.
async fn task(app: &TestApp, seq: u64) -> Task {
    let kept: Value = app.admin_get(&format!("/tenants/acme/tasks/{seq}")).await.expect(200);
    let arguments: Vec<Field> = serde_json::from_value(kept["arguments"].clone()).unwrap();
    let task = NewTask {
        resource_type: ResourceType::new("Bulk"),
        id: ResourceId::from_bytes([0; 16]),
        idempotency_key: String::new(),
        action: kept["action"].as_str().unwrap().to_owned(),
        arguments,
        destructive: false,
        plugin: PluginDigest::of(b""),
        queue: Queue::requests(),
    };
    Task { seq, change: 0, at: Timestamp::from_millis(0), task }
}

async fn each_is_told(app: &TestApp, count: usize) {
    let counts = app.admin_get("/tenants/acme/tasks/counts").await.expect(200);
    for name in RECEIVERS {
        assert_eq!(counts["queues"][format!("webhook:{name}")]["waiting"], count, "{counts}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_large_bulk_is_told_once_to_each_however_often_its_telling_is_begun_anew() {
    let app = builder().start().await;
    let (acme, id) = (app.tenant("acme").await, TenantId::parse("acme").unwrap());
    for name in RECEIVERS {
        let new = json!({ "name": name, "url": "https://told.example/hooks", "events": ["async.response"] });
        app.admin_post("/tenants/acme/webhooks", new).await.expect(201);
    }
    let operation = |number: usize| {
        let data = person(&format!("user{number}@example.com"));
        json!({ "method": "POST", "path": "/Users", "bulkId": format!("u{number}"), "data": data })
    };
    let operations: Vec<Value> = (0..OPERATIONS).map(operation).collect();
    let bulk = json!({ "schemas": [BULK], "Operations": operations });
    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Bulk", bulk).await);
    let (request, response) = (task(&app, 1).await, task(&app, 2).await);

    assert_eq!(app.service.carry_request(&id, &request, 1).await, Outcome::Done);
    assert_eq!(taken.came(&acme).await.len(), OPERATIONS);
    each_is_told_nothing(&app).await;
    assert_eq!(app.service.carry_request(&id, &response, 1).await, Outcome::Done);
    each_is_told(&app, OPERATIONS).await;

    // Its attempt was cut short behind the announcement: in this process, then in the one before.
    assert_eq!(app.service.carry_request(&id, &response, 1).await, Outcome::Done);
    each_is_told(&app, OPERATIONS).await;
    let app = app.restart().await;
    assert_eq!(app.service.carry_request(&id, &response, 1).await, Outcome::Done);
    each_is_told(&app, OPERATIONS).await;
}

async fn each_is_told_nothing(app: &TestApp) {
    let counts = app.admin_get("/tenants/acme/tasks/counts").await.expect(200);
    assert_eq!(counts["queues"].as_object().unwrap().keys().collect::<Vec<_>>(), ["async"], "{counts}");
}
