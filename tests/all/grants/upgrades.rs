//! Grants are given to a plugin's name: what another version of it makes of them.

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{bind, granted, origin, push, secret, state, wants};

fn wide() -> Value {
    json!({ "kind": "origin", "name": "https://*.files.example.com:8443" })
}

/// A rollout, as soon as nothing is under way any more.
async fn settled(app: &TestApp, rollout: &Value) -> Value {
    let path = format!("/tenants/acme/rollouts/{}", rollout["id"].as_str().unwrap());
    loop {
        let now = app.admin_get(&path).await.expect(200);
        if now["state"] != "running" {
            return now;
        }
    }
}

#[tokio::test]
async fn an_upgrade_needs_a_grant_for_what_is_new_and_leaves_what_it_does_not_want_to_be_withdrawn() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let first = push(&app, "wants").await;
    let second = push(&app, "wants-more").await;
    bind(&app, &first, json!("all")).await.expect(200);

    let refused = bind(&app, &second, json!([])).await.expect(409);
    assert_eq!(refused["errors"].as_array().unwrap().len(), 1, "what it had it has: {refused}");
    assert_eq!(
        refused["errors"][0]["detail"],
        "it wants to send requests to every host below files.example.com (https://*.files.example.com:8443); it says: pictures are fetched from there"
    );
    let before = wants(&app, &second).await;
    assert_eq!((&before["bound"], &before["wants"][1]["wildcard"]), (&json!(false), &json!(true)));
    bind(&app, &second, json!([wide()])).await.expect(200);

    let told = app.admin_get("/tenants/acme/wants").await.expect(200);
    assert_eq!((granted(&told), &told["version"]), (vec!["origin", "origin"], &json!("2.0.0")));
    let unwanted: Vec<&str> =
        told["unwanted"].as_array().unwrap().iter().map(|grant| grant["kind"].as_str().unwrap()).collect();
    assert_eq!(unwanted, ["secret", "state"]);
    let left = json!({ "grants": [secret(), state()] });
    let withdrawn = app.admin_post("/tenants/acme/grants/withdraw", left).await.expect(200);
    assert_eq!((granted(&withdrawn).len(), &withdrawn["unwanted"]), (2, &json!([])));
    // Whoever goes back is in trouble already: it maps, and what was withdrawn stays so.
    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    let back = app.admin_get("/tenants/acme/wants").await.expect(200);
    assert_eq!((granted(&back), &back["version"]), (vec!["origin"], &json!("1.0.0")));
}

#[tokio::test]
async fn a_grant_is_of_one_tenant_and_of_one_name() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    app.tenant("globex").await;
    push(&app, "wants").await;
    app.admin_post("/tenants/globex/grants", json!({ "plugin": "wants", "grants": "all" })).await.expect(200);

    bind(&app, "wants", json!([])).await.expect(409);
    let other = app.admin_get("/tenants/globex/wants").await.expect(200);

    assert_eq!((&other["plugin"], &other["others"][0]["plugin"]), (&json!("standard"), &json!("wants")));
    let bound = app.bind("globex", "wants", json!({})).await.expect(200);
    assert_eq!(bound["plugin"]["name"], "wants", "it was granted beforehand");
}

#[tokio::test]
async fn a_rollout_grants_at_the_moment_at_which_its_candidate_decides() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    push(&app, "wants").await;
    let new = json!({ "plugin": "wants", "grants": [origin(), secret(), state()] });

    let waiting = settled(&app, &app.admin_post("/tenants/acme/rollouts", new).await.expect(202)).await;
    assert_eq!((&waiting["state"], &waiting["grants"]), (&json!("waiting"), &json!([origin(), secret(), state()])));
    assert_eq!(granted(&wants(&app, "wants").await), Vec::<&str>::new(), "nothing decides yet");
    let path = format!("/tenants/acme/rollouts/{}/activate", waiting["id"].as_str().unwrap());
    app.admin_post(&path, json!({})).await.expect(200);

    let told = app.admin_get("/tenants/acme/wants").await.expect(200);
    assert_eq!((granted(&told).len(), &told["plugin"], &told["revision"]), (3, &json!("wants"), &json!(2)));
}

#[tokio::test]
async fn what_is_withdrawn_while_a_rollout_waits_is_missing_when_it_is_activated() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    push(&app, "wants").await;
    let all = json!({ "plugin": "wants", "grants": "all" });
    app.admin_post("/tenants/acme/grants", all.clone()).await.expect(200);
    let waiting = app.admin_post("/tenants/acme/rollouts", json!({ "plugin": "wants" })).await.expect(202);
    let waiting = settled(&app, &waiting).await;
    assert_eq!(waiting["state"], "waiting", "{waiting}");

    app.admin_post("/tenants/acme/grants/withdraw", all).await.expect(200);
    let path = format!("/tenants/acme/rollouts/{}/activate", waiting["id"].as_str().unwrap());
    let refused = app.admin_post(&path, json!({})).await.expect(409);

    assert!(!refused["detail"].as_str().unwrap().is_empty(), "{refused}");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["plugin"]["name"], "standard");
}
