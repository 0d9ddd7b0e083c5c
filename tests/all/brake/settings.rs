//! How the brake is set, and what is told of it.

use muster_test_harness::{Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Braked as _, deactivate, delivering, only_count, tenant};

#[tokio::test]
async fn a_brake_is_on_from_the_beginning_and_what_is_set_stays() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let shown = app.brake("acme").await;
    assert_eq!(
        shown["settings"],
        json!({
            "is_on": true, "window_s": 3600, "count": 25, "share_percent": 10, "half_from": 5,
            "group_share_percent": 50, "groups_from": 5, "user_names_percent": 10,
        })
    );
    app.set_brake("acme", json!({ "window_s": 600, "count": 100 })).await;
    let app = app.restart().await;
    let settings = app.brake("acme").await["settings"].clone();
    assert_eq!(
        (&settings["window_s"], &settings["count"], &settings["share_percent"]),
        (&json!(600), &json!(100), &json!(10))
    );
}

#[tokio::test]
async fn nonsense_is_refused_by_its_name() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    for (body, status, says) in [
        (json!({ "window_s": 0 }), 400, "window_s is between 60 and 604800"),
        (json!({ "count": 100_001 }), 400, "count is between 0 and 100000"),
        (json!({ "share_percent": 101 }), 400, "share_percent is between 1 and 100"),
        (json!({ "group_share_percent": 0 }), 400, "group_share_percent is between 1 and 100"),
        (json!({ "groups_from": 100_001 }), 400, "groups_from is between 0 and 100000"),
        (json!({ "user_names_percent": 0 }), 400, "user_names_percent is between 1 and 100"),
        (json!({ "count": 5, "expected_revision": 7 }), 409, "the binding is at revision 1, not at 7"),
    ] {
        let answer = app.admin_put("/tenants/acme/brake", body).await;
        assert_eq!((answer.status, answer.body["detail"].as_str().unwrap()), (status, says));
    }
    assert_eq!(app.admin_put("/tenants/acme/brake", json!({ "counts": 5 })).await.status, 400);
    assert_eq!(app.admin_get("/tenants/nobody/brake").await.status, 404);
    assert_eq!(app.brake("acme").await["revision"], 1);
}

#[tokio::test]
async fn while_it_is_off_nothing_is_held_and_when_it_is_on_again_that_is_not_counted() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 12).await;
    app.set_brake("acme", only_count(2)).await;
    app.set_brake("acme", json!({ "is_on": false })).await;
    for id in &users[..6] {
        deactivate(&acme, id).await;
    }
    app.at_rest("acme").await;
    assert_eq!(carrier.ended("acme").len(), 6);
    app.set_brake("acme", json!({ "is_on": true })).await;
    for id in &users[6..8] {
        deactivate(&acme, id).await;
    }
    assert_eq!(app.at_rest("acme").await["held"], Value::Null);
    deactivate(&acme, &users[8]).await;
    app.engaged("acme").await;
    let refused = app.admin_put("/tenants/acme/brake", json!({ "is_on": false })).await;
    let says = "the brake is engaged: release or cancel what it holds first, then turn it off";
    assert_eq!((refused.status, refused.body["detail"].as_str().unwrap()), (409, says));
}

#[tokio::test]
async fn receivers_and_metrics_tell_that_it_is_engaged_without_a_word_of_users() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "brake-metrics", 6).await;
    let hook = json!({ "name": "ops", "url": "https://ops.example.com/hook", "events": ["brake.engaged", "brake.released", "user.deactivated"] });
    app.admin_post("/tenants/brake-metrics/webhooks", hook).await;
    app.set_brake("brake-metrics", only_count(2)).await;
    for id in &users[..4] {
        deactivate(&acme, id).await;
    }
    app.engaged("brake-metrics").await;
    // The gauge follows what is kept.
    let told = async |value: &str| loop {
        let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
        let line = format!("muster_brake_engaged{{tenant=\"brake-metrics\"}} {value}");
        if metrics.lines().any(|one| one == line) {
            return metrics;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    tokio::time::timeout(super::PATIENCE, told("1")).await.expect("it is told");
    app.relieve("brake-metrics", "release", json!({ "all": true })).await;
    let metrics = tokio::time::timeout(super::PATIENCE, told("0")).await.expect("it is told");
    assert!(!metrics.contains("example.com"));

    let told = async {
        loop {
            let tasks = app.tasks("brake-metrics").await;
            let told: Vec<Value> = tasks.into_iter().filter(|task| task["queue"] == "webhook:ops").collect();
            if told.iter().any(|task| task["action"] == "brake.released") && told.len() == 6 {
                return told;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let told = tokio::time::timeout(super::PATIENCE, told).await.expect("receivers are told");
    let engaged = told.iter().find(|task| task["action"] == "brake.engaged").unwrap();
    assert_eq!(engaged["destructive"], false);
    let value = |name: &str| {
        let fields = engaged["arguments"].as_array().unwrap();
        fields.iter().find(|field| field["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(value("why"), json!({ "text": "3 of 6 users were deactivated or deleted within 60 minutes" }));
    assert_eq!(
        (value("count"), value("of"), value("window_s")),
        (json!({ "integer": 3 }), json!({ "integer": 6 }), json!({ "integer": 3600 }))
    );
    let of_users = told.iter().filter(|task| task["action"] == "user.deactivated");
    assert!(of_users.clone().count() == 4 && of_users.clone().all(|task| task["destructive"] == true), "{told:?}");
}
