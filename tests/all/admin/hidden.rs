//! A configuration that was read is written back: what was hidden in it is kept, and the word that stood in its place never becomes a value.

use muster_model::{PluginDigest, PluginRow};
use muster_store::Store;
use muster_store_sled::{Options, SledStore};
use muster_test_harness::{Answer, TestApp, wasm};
use serde_json::{Value, json};

/// A tenant whose configuration has a secret in it.
async fn configured(app: &TestApp) {
    app.push(wasm::guest("wants")).await.expect(201);
    let new = json!({ "name": "acme", "plugin": "wants", "grants": "all", "config": secret(12) });
    app.admin_post("/tenants", new).await.expect(201);
}

fn secret(seats: u32) -> Value {
    json!({ "seats": seats, "api": { "key": "strong-hunter2" } })
}

async fn save(app: &TestApp, config: Value) -> Answer {
    app.admin_put("/tenants/acme/binding", json!({ "config": config })).await
}

/// Whether this is the very configuration that is kept.
async fn is_kept(app: &TestApp, config: Value) -> bool {
    save(app, config).await.expect(200)["unchanged"] == true
}

/// The places that are told.
fn places(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_was_read_can_be_changed_and_written_back_and_the_secret_in_it_stays() {
    let app = TestApp::start().await;
    configured(&app).await;

    let mut config = app.admin_get("/tenants/acme").await.expect(200)["config"].clone();
    assert_eq!(config, json!({ "seats": 12, "api": "(hidden)" }));
    assert!(is_kept(&app, config.clone()).await, "nothing was changed");
    config["seats"] = json!(3);
    save(&app, config).await.expect(200);

    assert!(is_kept(&app, secret(3)).await);
}

#[tokio::test]
async fn the_word_in_any_other_place_is_refused_by_its_place() {
    let app = TestApp::start().await;
    configured(&app).await;
    for (config, place) in [
        (json!({ "api": { "key": "(hidden)" } }), "/api/key"),
        (json!({ "seats": 12, "region": "(hidden)", "api": "(hidden)" }), "/region"),
        (json!({ "teams": [{ "name": "(hidden)" }] }), "/teams/0/name"),
    ] {
        let problem = save(&app, config).await.expect(400);
        assert_eq!(places(&problem), [place]);
        let says = "must be the value itself; (hidden) stands for one that is kept already, and none is kept here";
        assert_eq!(problem["errors"][0]["detail"], says);
    }
    save(&app, json!({ "seats": 12 })).await.expect(200);
    assert_eq!(places(&save(&app, json!({ "api": "(hidden)" })).await.expect(400)), ["/api"], "there is none any more");
    let new = json!({ "name": "globex", "plugin": "wants", "grants": "all", "config": { "api": "(hidden)" } });
    assert_eq!(places(&app.admin_post("/tenants", new).await.expect(400)), ["/api"]);
}

#[tokio::test]
async fn a_secret_is_not_carried_to_where_it_would_be_shown() {
    let app = TestApp::start().await;
    configured(&app).await;
    app.push(wasm::guest("obeys")).await.expect(201);

    let config = app.admin_get("/tenants/acme").await.expect(200)["config"].clone();
    let refused = app.admin_put("/tenants/acme/binding", json!({ "plugin": "obeys", "config": config })).await;

    assert_eq!(places(&refused.expect(400)), ["/api"]);
    assert!(is_kept(&app, secret(12)).await);
}

#[tokio::test]
async fn a_secret_is_not_carried_to_where_it_would_be_shown_by_leaving_the_configuration_out() {
    let app = TestApp::start().await;
    configured(&app).await;
    app.push(wasm::guest("obeys")).await.expect(201);
    // The next version of the same name, which hides nothing.
    let next = app.push(wasm::guest("wants-more")).await.expect(201)["digest"].clone();

    for plugin in [json!("obeys"), next] {
        let new = json!({ "plugin": plugin, "grants": "all" });
        let bound = app.admin_put("/tenants/acme/binding", new.clone()).await.expect(400);
        let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(400);
        let says = "is hidden by the present plugin and would be shown by this one; give the configuration that this one is to have";
        for refused in [bound, begun] {
            assert_eq!((places(&refused), &refused["errors"][0]["detail"]), (vec!["/api"], &json!(says)));
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
        }
    }
    for at in ["/tenants", "/tenants/acme", "/tenants/acme/rollouts"] {
        let shown = app.admin_get(at).await.expect(200);
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
    }
    assert!(is_kept(&app, secret(12)).await);
    let written = json!({ "plugin": "obeys", "config": { "state": "a" } });
    assert_eq!(app.admin_put("/tenants/acme/binding", written).await.expect(200)["config"], json!({ "state": "a" }));
}

#[tokio::test]
async fn without_a_secret_in_it_the_configuration_goes_to_the_next_plugin() {
    let app = TestApp::start().await;
    configured(&app).await;
    app.push(wasm::guest("obeys")).await.expect(201);
    save(&app, json!({ "seats": 12 })).await.expect(200);

    let bound = app.admin_put("/tenants/acme/binding", json!({ "plugin": "obeys" })).await.expect(200);

    assert_eq!(bound["config"], json!({ "seats": 12 }));
}

#[tokio::test]
async fn a_rollout_takes_what_was_read_for_what_it_stands_for() {
    let app = TestApp::start().await;
    configured(&app).await;
    let new = |config: Value| json!({ "config": config, "until": "activate", "watch": { "seconds": 0 } });

    let refused = app.admin_post("/tenants/acme/rollouts", new(json!({ "region": "(hidden)" }))).await.expect(400);
    let begun =
        app.admin_post("/tenants/acme/rollouts", new(json!({ "seats": 3, "api": "(hidden)" }))).await.expect(202);
    let path = format!("/tenants/acme/rollouts/{}", begun["id"].as_str().unwrap());
    let active = loop {
        let now = app.admin_get(&path).await.expect(200);
        if now["state"] != "running" {
            break now;
        }
    };

    assert_eq!(places(&refused), ["/region"]);
    assert_eq!((&active["state"], &active["config"]), (&json!("active"), &json!({ "seats": 3, "api": "(hidden)" })));
    assert!(is_kept(&app, secret(3)).await);
}

#[tokio::test]
async fn of_a_plugin_that_is_not_loaded_nothing_is_shown_but_the_names() {
    let mut app = TestApp::start().await;
    configured(&app).await;
    let digest = app.admin_get("/tenants/acme").await.expect(200)["plugin"]["digest"].as_str().unwrap().to_owned();
    app.stop().await;
    let store = SledStore::open(&app.data().join("store"), Options::default()).unwrap();
    let digest = PluginDigest::parse(&digest).unwrap();
    let row: PluginRow = store.plugins().await.unwrap().into_iter().find(|row| row.digest == digest).unwrap();
    store.remove_plugin(&digest).await.unwrap();
    store.put_plugin(&row, b"no component").await.unwrap();
    store.close().await;
    drop(store);

    let app = app.restart().await;

    let tenant = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!(
        (&tenant["loaded"], &tenant["config"]),
        (&json!(false), &json!({ "seats": "(hidden)", "api": "(hidden)" }))
    );
    let tenants = app.admin_get("/tenants").await.expect(200);
    assert!(!tenants.to_string().contains("hunter2"), "{tenants}");
}
