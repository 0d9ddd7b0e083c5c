//! How much at once, how often, and how long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::json;

use super::raw::{Raw, post, until_in_flight};

#[tokio::test]
async fn a_request_over_requests_in_flight_is_503_with_retry_after() {
    let mut app = TestApp::builder();
    app.config.limits.requests_in_flight = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let body = json!({ "schemas": [USER], "userName": "ada" }).to_string();
    let mut slow = Raw::open(&app).await;
    slow.send(&post("/scim/v2/Users", &acme.token, body.len())).await;
    slow.send(&body[..10]).await;
    until_in_flight(&acme).await;

    let refused = acme.get("/Users").await;
    slow.send(&body[10..]).await;
    let made = slow.answer().await.expect(201);
    let listed = acme.get("/Users").await.expect(200);

    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(refused.expect(503), error(503, None, "the server is busy; try again"));
    assert_eq!(listed["Resources"][0]["id"], made["id"]);
}

#[tokio::test]
async fn a_request_over_request_timeout_is_503_with_retry_after() {
    let mut app = TestApp::builder();
    app.config.limits.request_timeout_s = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let mut slow = Raw::open(&app).await;
    let began = Instant::now();

    slow.send(&post("/scim/v2/Users", &acme.token, 100)).await;
    slow.send("{").await;
    let answer = slow.answer().await;

    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(
        answer.expect(503),
        error(503, None, "the request took longer than 1 s; for a write it is not known whether it was made")
    );
    assert!(slow.end_within(Duration::from_secs(5)).await.is_some(), "and the rest is not waited for");
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
}

#[tokio::test]
async fn a_tenant_over_its_requests_a_second_is_429_with_retry_after_and_no_other_is() {
    let mut app = TestApp::builder();
    app.config.limits.requests_per_second_per_tenant = 2;
    let app = app.start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);

    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(acme.get("/Users?count=0").await);
    }

    let neighbour = globex.get("/Users").await;
    let refused = answers.iter().filter(|answer| answer.status == 429).count();
    assert!(refused >= 10, "2 a second, and 20 were asked at once: {refused} were refused");
    assert_eq!(answers[0].status, 200);
    let refused = answers.into_iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.expect(429), error(429, None, "more requests than 2 a second; try again in 1 s"));
    neighbour.expect(200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_wrong_token_takes_nothing_from_a_tenants_requests_a_second() {
    let mut app = TestApp::builder();
    app.config.limits.requests_per_second_per_tenant = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let stranger = app.client("/t/acme/scim/v2", "mst_0000");

    for _ in 0..20 {
        stranger.get("/Users").await.expect(401);
    }

    acme.get("/Users").await.expect(200);
}

/// How eight writers fare who change the same user at once, each to a value of its own; what they were answered.
async fn eight_at_once(write_attempts: u32) -> Vec<muster_test_harness::Answer> {
    let mut app = TestApp::builder();
    app.config.limits.write_attempts = write_attempts;
    let app = app.start().await;
    let acme = Arc::new(app.tenant("acme").await);
    let path = Arc::new(format!("/Users/{}", acme.user("ada").await));
    let mut writers = tokio::task::JoinSet::new();
    for lane in 0..8 {
        let (acme, path) = (acme.clone(), path.clone());
        writers.spawn(async move {
            let mut answers = Vec::new();
            for number in 0..10 {
                let title = format!("{lane}-{number}");
                let operations = json!([{ "op": "replace", "path": "title", "value": title }]);
                answers.push(acme.operations(&path, operations).await);
            }
            answers
        });
    }
    let answers: Vec<_> = writers.join_all().await.into_iter().flatten().collect();
    let written = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(app.log("acme").await.len(), 1 + written, "what was answered 200 was written, and nothing else");
    answers
}

#[tokio::test]
async fn writers_of_one_user_are_retried_until_each_has_had_its_turn() {
    let answers = eight_at_once(32).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_write_that_others_came_between_write_attempts_times_is_503_with_retry_after() {
    let answers = eight_at_once(1).await;

    let refused: Vec<_> = answers.into_iter().filter(|answer| answer.status != 200).collect();
    assert!(!refused.is_empty(), "of 80 writes to one user some meet");
    for refused in refused {
        assert_eq!(refused.header("retry-after"), "5");
        let sentence = "the resource is being changed by many requests at once; try again";
        assert_eq!(refused.expect(503), error(503, None, sentence));
    }
}
