use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp, USER};
use serde_json::{Value, json};

use super::{counts, kept, obeying, path, person, push, settled, states, step, tried};

const TIME: Duration = Duration::from_secs(600);

fn seen(rollout: &Value) -> &Value {
    &step(rollout, "shadow")["findings"]
}

/// A shadow that is under way.
async fn shadow(app: &TestApp, new: Value) -> Value {
    let mut new = new;
    new["shadow"] = json!({ "for_s": TIME.as_secs() });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    tried(app, "acme", &begun, "shadow").await
}

/// What it has found when its time is over.
async fn over(app: &TestApp, rollout: &Value) -> Value {
    app.advance(TIME);
    settled(app, "acme", rollout).await
}

/// Writes of every kind that all succeed; how many.
async fn write(acme: &TenantClient) -> u64 {
    let ada = person(acme, "ada", json!({})).await;
    let bob = person(acme, "bob", json!({})).await;
    let title = json!([{ "op": "add", "path": "title", "value": "Countess" }]);
    acme.operations(&format!("/Users/{ada}"), title.clone()).await.expect(200);
    let put = json!({ "schemas": [USER], "userName": "ada", "displayName": "ada", "title": "Lady", "active": false });
    acme.put(&format!("/Users/{ada}"), put).await.expect(200);
    acme.delete(&format!("/Users/{bob}")).await.expect(204);
    5
}

#[tokio::test]
async fn a_shadow_sees_every_write_and_changes_no_answer() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let config = json!({ "state": "a", "task": "greet", "rejects": "bob" });
    let begun = shadow(&app, json!({ "config": config })).await;

    write(&acme).await;
    let unchanged = acme.find("/Users", "userName eq \"ada\"").await.expect(200)["Resources"][0].clone();
    let ada = unchanged["id"].as_str().unwrap();
    let again = json!([{ "op": "replace", "path": "title", "value": "Lady" }]);
    let answer = acme.operations(&format!("/Users/{ada}"), again).await.expect(200);
    assert_eq!(answer["meta"], unchanged["meta"], "it was so already");
    let done = over(&app, &begun).await;
    person(&acme, "after", json!({})).await;

    assert_eq!(states(&done)[3..6], [("preview", "done"), ("shadow", "done"), ("activate", "pending")]);
    let found = seen(&done);
    // ada and bob, ada twice more, bob's end, and what changed nothing.
    assert_eq!(counts(found), [6, 4, 1, 1, 0], "{found}");
    assert_eq!(found["states"], json!({ "active": { "a": 4 } }));
    assert_eq!(
        (&found["tasks"], &found["dropped"]),
        (&json!({ "greet": { "count": 2, "destructive": 2 } }), &json!(0))
    );
    assert_eq!(found["rejections"][0]["name"], "bob");
    assert_eq!(found["against"], json!(["1 of 6 compared writes would be rejected"]));
    assert!(
        found["present"]["calls"].as_u64() >= Some(6) && found["candidate"]["calls"].as_u64() >= Some(6),
        "{found}"
    );
    assert!(found["candidate"]["mean_us"].as_u64() > Some(0), "{found}");
    assert_eq!(found["candidate"]["without_an_account"], json!({ "rejected": 1 }));
    assert!(app.tasks("acme").await.is_empty(), "what it wants to be done is not done");
    for entry in app.log("acme").await {
        assert!(entry["after"].is_null() || entry["after"]["account"]["state"] == "active", "{entry}");
    }
}

#[tokio::test]
async fn what_the_plugin_refuses_and_the_candidate_accepts_is_told() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    app.bind("acme", "obeys", json!({ "rejects": "bob" })).await.expect(200);
    let begun = shadow(&app, json!({ "config": {} })).await;

    let bob = json!({ "schemas": [USER], "userName": "bob", "displayName": "bob" });
    acme.post("/Users", bob).await.expect(400);
    let done = over(&app, &begun).await;

    let found = seen(&done);
    assert_eq!((counts(found), &found["accepted"]), ([1, 0, 0, 0, 0], &json!(1)));
    assert_eq!(found["acceptances"][0]["says"], "displayName is one that is not wanted");
}

#[tokio::test]
async fn a_candidate_that_traps_or_loops_or_floods_is_told_so_and_nobody_else_notices() {
    for (guest, class) in [("traps", "trapped"), ("loops", "deadline"), ("floods-handles", "limit")] {
        let app = TestApp::start().await;
        let plugin = push(&app, guest).await;
        let acme = obeying(&app, "acme").await;
        let begun = shadow(&app, json!({ "plugin": plugin })).await;

        let writes = write(&acme).await;
        let done = over(&app, &begun).await;

        let found = seen(&done);
        // Of the end of a user no mapping is asked.
        assert_eq!(counts(found), [writes, 0, 1, 0, writes - 1], "{guest}: {found}");
        assert!(found["candidate"]["without_an_account"][class].as_u64() >= Some(writes - 1), "{guest}: {found}");
        assert_eq!((&done["state"], &done["says"]), (&json!("waiting"), &Value::Null), "{guest}");
    }
}

#[tokio::test]
async fn a_shadow_ends_after_so_many_writes_or_when_it_is_cancelled() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let new = json!({ "config": { "state": "a" }, "shadow": { "for_s": 600, "writes": 3 } });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    tried(&app, "acme", &begun, "shadow").await;
    write(&acme).await;
    let done = settled(&app, "acme", &begun).await;
    assert_eq!((counts(seen(&done)), &done["state"]), ([3, 3, 0, 0, 0], &json!("waiting")));

    let begun = shadow(&app, json!({ "config": { "state": "a" } })).await;
    person(&acme, "one", json!({})).await;
    kept(&app, "acme", &begun, "shadow", |found| found["looked_at"] == 1).await;
    let cancelled = app.admin_post(&format!("{}/cancel", path("acme", &begun)), json!({})).await.expect(200);
    assert_eq!((&cancelled["state"], counts(seen(&cancelled))), (&json!("cancelled"), [1, 1, 0, 0, 0]));
    person(&acme, "two", json!({})).await;
    let later = app.admin_get(&path("acme", &begun)).await.expect(200);
    assert_eq!(later, cancelled, "nobody looks any more");
}

#[tokio::test]
async fn a_shadow_goes_on_after_a_restart_with_what_it_had_found() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let begun = shadow(&app, json!({ "config": { "state": "a" } })).await;
    person(&acme, "one", json!({})).await;
    person(&acme, "two", json!({})).await;
    kept(&app, "acme", &begun, "shadow", |found| found["looked_at"] == 2).await;
    app.advance(TIME / 2);

    let app = app.restart().await;
    let acme = app.client("/t/acme/scim/v2", &acme.token);
    tried(&app, "acme", &begun, "shadow").await;
    person(&acme, "three", json!({})).await;
    app.advance(TIME / 2);
    let done = settled(&app, "acme", &begun).await;

    assert_eq!((counts(seen(&done)), &done["state"]), ([3, 3, 0, 0, 0], &json!("waiting")));
    assert_eq!(seen(&done)["candidate"]["calls"], 3);
}

#[tokio::test]
async fn another_binding_ends_a_shadow() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let begun = shadow(&app, json!({ "config": { "state": "a" } })).await;

    app.bind("acme", "obeys", json!({ "state": "b" })).await.expect(200);
    let ended = settled(&app, "acme", &begun).await;

    let id = begun["id"].as_str().unwrap();
    let says = format!(
        "the binding has changed since rollout {id} began (it is at revision 2, not at 1); start another rollout"
    );
    assert_eq!((&ended["state"], &ended["says"]), (&json!("replaced"), &json!(says)));
    assert_eq!(step(&ended, "shadow")["state"], "cancelled");
}
