use muster_service::MAX_ROLLOUTS_KEPT;
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{obeying, path, settled, start};

/// Why no more can be begun.
async fn refused(app: &TestApp) -> String {
    let answer = app.admin_post("/tenants/acme/rollouts", json!({})).await.expect(409);
    answer["detail"].as_str().unwrap().to_owned()
}

async fn as_many_as_are_kept(app: &TestApp, new: Value) -> Vec<Value> {
    let mut all = Vec::new();
    for _ in 0..MAX_ROLLOUTS_KEPT {
        all.push(start(app, "acme", new.clone()).await);
    }
    all
}

#[tokio::test]
async fn where_all_that_are_kept_wait_it_is_said_which_one_to_end_and_then_there_is_room() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let all = as_many_as_are_kept(&app, json!({ "config": { "state": "a" } })).await;
    assert!(all.iter().all(|one| one["state"] == "waiting"));

    let id = all[0]["id"].as_str().unwrap();
    let says = format!(
        "tenant acme has 20 rollouts, and none of them is over; end the oldest that waits: muster rollout cancel acme {id}"
    );
    assert_eq!(refused(&app).await, says);
    app.admin_post(&format!("{}/cancel", path("acme", &all[0])), json!({})).await.expect(200);
    assert_eq!(start(&app, "acme", json!({})).await["state"], "waiting");
    let listed = app.admin_get("/tenants/acme/rollouts").await.expect(200);
    assert_eq!(listed["rollouts"].as_array().unwrap().len(), MAX_ROLLOUTS_KEPT);
}

#[tokio::test]
async fn where_all_that_are_kept_decide_it_is_said_how_one_comes_to_its_end() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let all = as_many_as_are_kept(&app, json!({ "until": "activate" })).await;
    assert!(all.iter().all(|one| one["state"] == "active"));

    let id = all[0]["id"].as_str().unwrap();
    let says = format!(
        "tenant acme has 20 rollouts, and none of them is over; bring the oldest that decides to its end: muster rollout remap acme {id}"
    );
    assert_eq!(refused(&app).await, says);
    app.admin_post(&format!("{}/remap", path("acme", &all[0])), json!({})).await.expect(202);
    assert_eq!(settled(&app, "acme", &all[0]).await["state"], "done");
    assert_eq!(start(&app, "acme", json!({})).await["state"], "waiting");
}
