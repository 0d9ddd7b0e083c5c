//! A store that is put back to an older copy gives its numbers again: what happened instead is told under other names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::json;

use super::*;

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The keys of the tasks that tell of an entry, once there are so many: one of the stream, and one of the webhook.
async fn keys_of(app: &TestApp, change: u64, count: usize) -> BTreeSet<(String, String)> {
    for _ in 0..600 {
        let tasks = app.admin_get(&format!("/tenants/acme/tasks?change={change}")).await.expect(200);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = tasks["tasks"].as_array().unwrap().iter();
        let keys: BTreeSet<_> = keys.map(|task| (text(&task["queue"]), text(&task["idempotency_key"]))).collect();
        if keys.len() == count {
            return keys;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", app.admin_get("/tenants/acme/tasks").await.text);
}

#[tokio::test]
async fn what_happens_after_an_older_copy_is_restored_has_names_that_no_receiver_has_seen() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let added = app.admin_post("/tenants/acme/streams", json!({ "name": "audit" })).await.expect(201);
    let (token, password) = (added["token"].as_str().unwrap().to_owned(), acme.token.clone());
    app.admin_post("/tenants/acme/webhooks", json!({ "name": "crm", "url": "https://crm.example/" })).await.expect(201);
    let first = acme.user("before").await;
    let before = Poller::of(&app, "audit", &token).take(&app, 1).await;
    let first_keys = keys_of(&app, 1, 2).await;
    let mut app = app;
    app.stop().await;
    let older = tempfile::tempdir().unwrap();
    copy(&app.data(), older.path());

    // Twice the same: an entry 2 of the same user, at the same time of a clock that stands still.
    let mut seen = Vec::new();
    for _ in 0..2 {
        app = app.restart().await;
        let acme: TenantClient = app.client("/t/acme/scim/v2", &password);
        let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
        acme.operations(&format!("/Users/{first}"), title).await.expect(200);
        let told = Poller::of(&app, "audit", &token).take(&app, 1).await;
        assert_eq!(events(&told[0]), ["prov:patch:notice"]);
        let keys = keys_of(&app, 2, 2).await;
        assert!(keys.iter().all(|(_, key)| key.starts_with("event-2-")), "{keys:?}");
        seen.push((told[0]["jti"].clone(), keys));
        app.stop().await;
        fs::remove_dir_all(app.data()).unwrap();
        copy(older.path(), &app.data());
    }
    assert_ne!(seen[0].0, seen[1].0, "the tokens");
    assert!(seen[0].1.is_disjoint(&seen[1].1), "the webhooks, whose ids have the key: {seen:?}");

    // What was told before the copy was made keeps its name.
    let app = app.restart().await;
    assert_eq!(keys_of(&app, 1, 2).await, first_keys);
    assert!(before[0]["jti"].as_str().is_some_and(|jti| seen.iter().all(|(other, _)| other != jti)));
}

#[tokio::test]
async fn an_accident_after_an_older_copy_is_restored_has_a_name_of_its_own() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let hook = json!({ "name": "ops", "url": "https://ops.example/", "events": ["brake.engaged"] });
    app.admin_post("/tenants/acme/webhooks", hook).await.expect(201);
    app.admin_put("/tenants/acme/brake", json!({ "is_on": true, "half_from": 5 })).await.expect(200);
    let mut users = Vec::new();
    for number in 0..6 {
        users.push(acme.user(&format!("u{number}")).await);
    }
    let password = acme.token.clone();
    let mut app = app;
    app.stop().await;
    let older = tempfile::tempdir().unwrap();
    copy(&app.data(), older.path());

    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        app = app.restart().await;
        app.advance(Duration::from_millis(1));
        let acme: TenantClient = app.client("/t/acme/scim/v2", &password);
        for user in &users {
            acme.delete(&format!("/Users/{user}")).await.expect(204);
        }
        let told = async {
            loop {
                let mut tasks = app.tasks("acme").await.into_iter();
                if let Some(task) = tasks.find(|task| task["action"] == "brake.engaged") {
                    return task["idempotency_key"].as_str().unwrap().to_owned();
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        seen.insert(tokio::time::timeout(Duration::from_mins(1), told).await.expect("it engages"));
        app.stop().await;
        fs::remove_dir_all(app.data()).unwrap();
        copy(older.path(), &app.data());
    }
    assert!(seen.len() == 2 && seen.iter().all(|key| key.starts_with("brake-engaged-")), "{seen:?}");
}
