//! What a restart, or a kill, leaves of a rollout, and how it goes on.

use std::time::Duration;

use muster_model::{Rollout, RolloutId, RolloutState, StepName, StepState, TenantId, Timestamp};
use muster_store::Store;
use muster_store_sled::{Options, SledStore};
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::watch::{WATCH, create, failing, judged, on_probation, trapped};
use super::{Busy, obeying, path, people, settled, start, step};

/// The server starts again, and its rollout is as it was at another moment: what a server that is killed leaves behind.
pub(super) async fn killed(app: TestApp, rollout: &Value, leaves: impl Fn(&mut Rollout)) -> TestApp {
    killed_with(app, &[rollout], leaves).await
}

/// The same of several.
async fn killed_with(mut app: TestApp, rollouts: &[&Value], leaves: impl Fn(&mut Rollout)) -> TestApp {
    app.stop().await;
    let store = SledStore::open(&app.data().join("store"), Options::default()).unwrap();
    for rollout in rollouts {
        let tenant = TenantId::parse(rollout["tenant"].as_str().unwrap()).unwrap();
        let id = RolloutId::parse(rollout["id"].as_str().unwrap()).unwrap();
        let mut row = store.rollout(&tenant, id).await.unwrap().unwrap();
        let expected = row.version;
        leaves(&mut row);
        row.version += 1;
        store.put_rollout(&row, Some(expected)).await.unwrap();
    }
    store.close().await;
    drop(store);
    app.restart().await
}

fn still_watching(rollout: &mut Rollout) {
    rollout.state = RolloutState::Watching;
    if let Some(step) = rollout.step_mut(StepName::Watch) {
        (step.state, step.ended) = (StepState::Running, None);
    }
}

#[tokio::test]
async fn a_server_that_is_killed_when_something_else_was_bound_says_so_at_its_start() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let left = on_probation(&app, json!({ "config": { "state": "a" } })).await;
    app.bind("acme", "obeys", json!({ "state": "b" })).await.expect(200);
    let active = start(&app, "acme", json!({ "config": { "state": "c" }, "until": "activate" })).await;
    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);

    let app = killed(app, &left, still_watching).await;
    let app = killed(app, &active, |row| row.state = RolloutState::Active).await;

    let states = async |rollout: &Value| {
        let now = judged(&app, rollout).await;
        [now["state"].clone(), step(&now, "watch")["state"].clone()]
    };
    assert_eq!(states(&left).await, ["replaced", "cancelled"]);
    while app.admin_get(&path("acme", &active)).await.expect(200)["state"] != "rolled-back" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start(&app, "acme", json!({})).await;
}

#[tokio::test]
async fn a_watch_goes_on_after_a_restart_for_the_time_that_is_left() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "traps": "bad" } })).await;
    failing(&acme, 1).await;
    app.advance(Duration::from_mins(4));

    let app = app.restart().await;
    let acme = app.client("/t/acme/scim/v2", &acme.token);
    let meanwhile = loop {
        let now = app.admin_get(&path("acme", &watching)).await.expect(200);
        if step(&now, "watch")["done"].as_u64() > Some(0) {
            break now;
        }
    };
    people(&acme, 30).await;
    app.advance(Duration::from_mins(1));
    let kept = judged(&app, &watching).await;

    assert_eq!((&step(&meanwhile, "watch")["done"], &meanwhile["state"]), (&json!(240), &json!("watching")));
    let watch = step(&kept, "watch");
    assert_eq!((&kept["state"], &watch["state"]), (&json!("active"), &json!("done")));
    assert_eq!((&watch["findings"]["calls"], &watch["findings"]["failed"]), (&json!(31), &json!(1)), "and goes on");
}

#[tokio::test]
async fn a_restart_makes_no_failure_unseen_and_no_time_without_a_server_is_watched() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "traps": "bad" }, "until": "remap" })).await;
    failing(&acme, 2).await;
    // As if the server had been killed long ago: nothing tells it how long it was away.
    let app = killed(app, &watching, |row| {
        if let Some(step) = row.step_mut(StepName::Watch) {
            step.began = Some(Timestamp::from_millis(0));
        }
    })
    .await;
    let acme = app.client("/t/acme/scim/v2", &acme.token);
    let met = loop {
        let now = app.admin_get(&path("acme", &watching)).await.expect(200);
        if step(&now, "watch")["findings"]["failed"] == 2 {
            break now;
        }
    };
    assert_eq!((&met["state"], &step(&met, "watch")["done"]), (&json!("watching"), &json!(0)));

    create(&acme, "bad3", "bad").await.expect(503);
    app.advance(WATCH);
    let left = judged(&app, &watching).await;

    // What the first of this process was is told; of those before it only their kind is known.
    let says = trapped("3 of 3 calls failed (100 %), and 5 % may", 3);
    assert_eq!((&left["state"], &step(&left, "watch")["says"]), (&json!("rolled-back"), &json!(says)));
}

#[tokio::test]
async fn a_watch_that_was_interrupted_and_not_judged_maps_nothing_by_itself() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "state": "a" }, "until": "remap" })).await;

    while step(&app.admin_get(&path("acme", &watching)).await.expect(200), "watch")["total"] != 300 {}
    let app = app.restart().await;
    while step(&app.admin_get(&path("acme", &watching)).await.expect(200), "watch")["total"] != 300 {}
    app.advance(WATCH);
    let active = judged(&app, &watching).await;

    let says = "nothing was mapped again, because it was not judged: nobody called it";
    assert_eq!((&active["state"], &active["says"]), (&json!("active"), &json!(says)));
}

#[tokio::test]
async fn a_server_that_is_killed_on_the_way_back_goes_back_after_its_start() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "state": "a" } })).await;

    let app = killed(app, &watching, |row| {
        if let Some(step) = row.step_mut(StepName::Watch) {
            (step.state, step.says) = (StepState::Failed, Some("it was too slow".to_owned()));
            step.findings["over"] = json!("slow");
        }
    })
    .await;
    let left = judged(&app, &watching).await;

    let says = "it was too slow; obeys 1.0.0 decides again";
    assert_eq!((&left["state"], &left["says"]), (&json!("rolled-back"), &json!(says)));
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["config"], json!({}));
}

#[tokio::test]
async fn a_server_that_is_killed_when_the_configuration_was_taken_back_says_so_at_its_start() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let left = on_probation(&app, json!({ "config": { "state": "a" } })).await;
    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);

    let app = killed(app, &left, still_watching).await;
    let now = judged(&app, &left).await;

    assert_eq!((&now["state"], &step(&now, "watch")["state"]), (&json!("rolled-back"), &json!("cancelled")));
    assert_eq!(step(&now, "activate")["findings"], json!({ "revision": 2 }), "what is kept for this is not shown");
}

#[tokio::test]
async fn a_server_that_is_killed_as_a_candidate_comes_to_decide_goes_on_from_there() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "state": "a" } })).await;

    let app = killed(app, &watching, |row| {
        (row.state, row.activated) = (RolloutState::Running, None);
        for name in [StepName::Activate, StepName::Watch] {
            row.step_mut(name).unwrap().state = StepState::Pending;
        }
        row.step_mut(StepName::Activate).unwrap().state = StepState::Running;
    })
    .await;
    let now = settled(&app, "acme", &watching).await;

    assert_eq!((&now["state"], &now["activated_revision"]), (&json!("watching"), &json!(2)));
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 2, "it was not bound again");
}

#[tokio::test]
async fn a_candidate_that_decides_is_watched_before_anything_waits_for_its_turn() {
    let app = TestApp::start().await;
    let mut waiting = Vec::new();
    for tenant in ["a", "b", "c", "d"] {
        obeying(&app, tenant).await;
        waiting.push(start(&app, tenant, json!({})).await);
    }
    obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "state": "a" } })).await;

    let app = killed_with(app, &waiting.iter().collect::<Vec<_>>(), |row| row.state = RolloutState::Running).await;
    let busy = Busy::all(&app).await;
    while step(&app.admin_get(&path("acme", &watching)).await.expect(200), "watch")["total"] != 300 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for rollout in &waiting {
        let now = app.admin_get(&path(rollout["tenant"].as_str().unwrap(), rollout)).await.expect(200);
        assert_eq!(now["state"], "running", "it waits for its turn");
    }
    drop(busy);

    for rollout in &waiting {
        let now = settled(&app, rollout["tenant"].as_str().unwrap(), rollout).await;
        assert_eq!(now["state"], "waiting");
    }
}
