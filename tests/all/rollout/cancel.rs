use muster_test_harness::TestApp;
use serde_json::json;

use super::restarts::killed;
use super::{Busy, obeying, path, person, start};

#[tokio::test]
async fn who_cancels_beside_an_activation_is_told_that_nothing_was_cancelled() {
    for seconds in [0, 300] {
        let app = TestApp::start().await;
        obeying(&app, "acme").await;
        let new = json!({ "config": { "state": "a" }, "watch": { "seconds": seconds } });
        let waiting = start(&app, "acme", new).await;
        let id = waiting["id"].as_str().unwrap();

        let (activated, cancelled) =
            tokio::join!(app.service.activate_rollout("acme", id, false), app.service.cancel_rollout("acme", id));

        let now = app.admin_get(&path("acme", &waiting)).await.expect(200);
        match (activated, cancelled) {
            (Ok(_), Err(late)) => {
                let state = if seconds == 0 { "active" } else { "watching" };
                assert_eq!((now["state"].as_str(), late.status().as_u16()), (Some(state), 409));
                let says = late.to_string();
                assert!(says.starts_with(&format!("rollout {id} ")) && says.contains(" in the meantime"), "{says}");
            }
            // It was quicker, and the candidate does not decide.
            (Err(_), Ok(_)) => {
                assert_eq!((&now["state"], &now["activated_revision"]), (&json!("cancelled"), &json!(null)))
            }
            both => panic!("one of them is refused: {both:?}"),
        }
    }
}

#[tokio::test]
async fn a_continuation_that_was_refused_has_accepted_nothing() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    person(&acme, "bob", json!({})).await;
    let config = json!({ "rejects": "bob" });
    let new = json!({ "config": config, "canary": { "percent": 50, "for_s": 600 } });
    let waits = start(&app, "acme", new).await;
    let says = waits["says"].clone();
    assert_eq!(says, "it waits before the canary, because 1 of 1 would be rejected");

    let busy = Busy::all(&app).await;
    app.admin_post(&format!("{}/continue", path("acme", &waits)), json!({})).await.expect(409);
    drop(busy);

    let app = killed(app, &waits, |row| assert!(!row.accepted, "nobody has accepted it")).await;
    let now = app.admin_get(&path("acme", &waits)).await.expect(200);
    assert_eq!((&now["state"], &now["says"]), (&json!("waiting"), &says));
}
