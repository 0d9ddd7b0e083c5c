//! A receiver that has too much to take already is told no more of what came of requests until it has less.

use muster_model::{Receiver, ReceiverKind, ReceiverName, TenantId};
use muster_service::{Announcement, MAX_ANNOUNCED_WAITING, STREAM_VERIFICATION};
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::*;

/// How many are announced at a time: they share a flush of the disk.
const AT_ONCE: u64 = 200;

async fn fill(app: &TestApp, stream: &str) {
    let (tenant, name) = (TenantId::parse("acme").unwrap(), ReceiverName::parse(stream).unwrap());
    for first in (0..MAX_ANNOUNCED_WAITING).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let mut all = JoinSet::new();
        for number in first..(first + AT_ONCE).min(MAX_ANNOUNCED_WAITING) {
            let (service, tenant) = (app.service.clone(), tenant.clone());
            let to = Some(Receiver { kind: ReceiverKind::Poll, name: name.clone() });
            let key = format!("verification-{number}");
            let announcement = Announcement { name: STREAM_VERIFICATION, key, data: Vec::new(), to };
            all.spawn(async move { service.announce(&tenant, announcement).await.unwrap() });
        }
        all.join_all().await;
    }
    settled(app, stream, "waiting", MAX_ANNOUNCED_WAITING).await;
}

async fn later(acme: &TenantClient, name: &str) -> Answer {
    let request = acme.request(Method::POST, "/Users").bearer_auth(&acme.token).header("prefer", "respond-async");
    let request = request.header("content-type", "application/scim+json").body(person(name).to_string());
    Answer::of(request).await
}

async fn until(app: &TestApp, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1_200 {
        let tasks = app.admin_get("/tenants/acme/tasks?limit=10").await.expect(200);
        let found = tasks["tasks"].as_array().unwrap().iter().find(|task| task["action"] == "response");
        if let Some(task) = found.filter(|task| is_so(task)) {
            return task.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: {}", app.admin_get("/tenants/acme/tasks?limit=10").await.text);
}

#[tokio::test]
async fn who_has_too_much_to_take_is_told_later_and_nobody_is_promised_an_event_meanwhile() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let wanted = json!({ "events": ["misc:asyncresp"] });
    let added = app.admin_post("/tenants/acme/streams", json!({ "name": "slow", "events": wanted["events"] })).await;
    let slow = added.expect(201)["token"].as_str().unwrap().to_owned();
    let added = app.admin_post("/tenants/acme/streams", json!({ "name": "quick", "events": wanted["events"] })).await;
    let quick = added.expect(201)["token"].as_str().unwrap().to_owned();
    // Nothing is carried out yet.
    let accepted = later(&acme, "ada").await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let txn = accepted.header("set-txn").to_owned();
    fill(&app, "slow").await;
    let ignored = later(&acme, "bob").await;
    assert_eq!(ignored.status, 201, "it is carried out at once: {}", ignored.text);
    assert_eq!(ignored.header("preference-applied"), "");

    let app = app
        .restart_with(|config| {
            config.delivery.concurrency = 8;
            (config.delivery.first_pause_ms, config.delivery.max_pause_s) = (10, 1);
        })
        .await;
    let says = format!("{MAX_ANNOUNCED_WAITING} tasks wait for poll:slow, which is told of it when there are fewer");
    until(&app, "it waits", |task| task["failure"] == says.as_str()).await;
    let (slow, quick) = (Poller::of(&app, "slow", &slow), Poller::of(&app, "quick", &quick));
    let told = quick.take(&app, 1).await;
    assert_eq!((events(&told[0]), &told[0]["txn"]), (vec!["misc:asyncresp".to_owned()], &json!(txn)));

    let one = slow.sets(json!({ "maxEvents": 1, "returnImmediately": true })).await;
    let names: Vec<&String> = one.keys().collect();
    slow.ask(json!({ "ack": names, "maxEvents": 0 })).await.expect(200);
    for _ in 0..600 {
        app.advance(Duration::from_secs(2));
        let response = until(&app, "it is there", |_| true).await;
        if response["standing"] == "done" {
            settled(&app, "slow", "waiting", MAX_ANNOUNCED_WAITING).await;
            assert!(quick.has_nothing().await, "who was told is not told again");
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the response was not told");
}
