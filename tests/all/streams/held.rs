//! What the brake holds is not handed out to who polls.

use muster_service::POLL_LEASE;
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use super::*;

/// The paths of so many users.
async fn users(acme: &TenantClient, many: usize) -> Vec<String> {
    let mut users = Vec::new();
    for number in 0..many {
        let made = acme.post("/Users", person(&format!("user-{number}"))).await.expect(201);
        users.push(format!("/Users/{}", made["id"].as_str().unwrap()));
    }
    users
}

#[tokio::test]
async fn what_the_brake_holds_is_not_handed_out_before_somebody_has_looked() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let users = users(&acme, 4).await;
    app.admin_put("/tenants/acme/brake", json!({ "count": 2, "share_percent": 1, "half_from": 0 })).await.expect(200);
    let audit = Poller::add(&app, "audit", json!({ "events": ["prov:deactivate", CAEP] })).await;
    let free = Poller::add(&app, "free", json!({ "events": ["prov:deactivate"], "is_braked": false })).await;
    for user in &users {
        acme.operations(user, set_active(false)).await.expect(200);
    }
    assert_eq!(free.take(&app, 4).await.len(), 4, "who only notes what happened is told");
    settled(&app, "audit", "waiting", 8).await;
    assert!(audit.has_nothing().await);
    settled(&app, "audit", "held", 4).await;
    app.admin_post("/tenants/acme/brake/release", json!({ "all": true })).await.expect(200);
    assert_eq!(audit.take(&app, 8).await.len(), 8);
}

/// Waits until the brake is engaged; by how many.
async fn engaged(app: &TestApp) -> Value {
    loop {
        let shown = app.admin_get("/tenants/acme/brake").await.expect(200);
        if !shown["engaged"].is_null() {
            return shown["engaged"]["count"].clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn what_a_stream_is_given_late_was_too_much_in_the_window_of_then() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let users = users(&acme, 4).await;
    let audit = Poller::add(&app, "audit", json!({ "events": ["prov:deactivate"] })).await;
    app.admin_post("/tenants/acme/streams/audit/off", json!({})).await.expect(200);
    for user in &users {
        acme.operations(user, set_active(false)).await.expect(200);
    }
    app.advance(Duration::from_hours(2));
    // The tally is made anew, as after an outage: it has nothing of then.
    app.admin_put("/tenants/acme/brake", json!({ "count": 2, "share_percent": 1, "half_from": 0 })).await.expect(200);
    let shown = app.admin_get("/tenants/acme/brake").await.expect(200);
    assert_eq!((&shown["engaged"], &shown["counted"]["users"]), (&Value::Null, &json!(0)), "{shown}");

    app.admin_post("/tenants/acme/streams/audit/on", json!({})).await.expect(200);
    settled(&app, "audit", "waiting", 4).await;
    assert!(audit.has_nothing().await);
    assert_eq!(engaged(&app).await, 3);
    settled(&app, "audit", "held", 4).await;
}

#[tokio::test]
async fn what_was_cancelled_is_not_told_a_stream_that_is_on_later_whatever_was_decided_since() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let users = users(&acme, 6).await;
    app.admin_put("/tenants/acme/brake", json!({ "count": 2, "share_percent": 1, "half_from": 0 })).await.expect(200);
    let audit = Poller::add(&app, "audit", json!({ "events": ["prov:deactivate"] })).await;
    app.admin_post("/tenants/acme/streams/audit/off", json!({})).await.expect(200);
    let everything = json!({ "all": true });
    for accident in users.chunks(3) {
        acme.user(&format!("new-{}", accident[0])).await;
        app.advance(Duration::from_hours(2));
        for user in accident {
            acme.operations(user, set_active(false)).await.expect(200);
        }
        engaged(&app).await;
        app.admin_post("/tenants/acme/brake/cancel", everything.clone()).await.expect(200);
    }
    app.admin_post("/tenants/acme/streams/audit/on", json!({})).await.expect(200);
    settled(&app, "audit", "waiting", 6).await;
    assert!(audit.has_nothing().await);
    settled(&app, "audit", "held", 6).await;
    let released = app.admin_post("/tenants/acme/brake/release", everything).await.expect(200);
    assert_eq!(released["decided"], 0);
    assert!(audit.has_nothing().await);
    settled(&app, "audit", "held", 6).await;
}

#[tokio::test]
async fn releases_while_a_stream_is_polled_leave_nothing_held() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let users = users(&acme, 30).await;
    app.admin_put("/tenants/acme/brake", json!({ "count": 2, "share_percent": 1, "half_from": 0 })).await.expect(200);
    let audit = Poller::add(&app, "audit", json!({ "events": ["prov:deactivate"] })).await;
    for user in &users {
        acme.operations(user, set_active(false)).await.expect(200);
    }
    engaged(&app).await;
    settled(&app, "audit", "waiting", 30).await;
    let polled = async { audit.sets(json!({ "maxEvents": 30, "returnImmediately": true })).await.len() };
    let released = async { app.admin_post("/tenants/acme/brake/release", json!({ "all": true })).await.expect(200) };
    let (polled, _) = tokio::join!(polled, released);
    // Those that were handed out already, and all others.
    app.advance(POLL_LEASE);
    let rest = audit.take(&app, 30).await.len();
    assert_eq!(rest, 30, "{polled} were handed out while it was released");
}
