//! How many operations, how large, how often and how long.

use std::time::Instant;

use muster_test_harness::TestApp;
use muster_test_harness::messages::error;
use serde_json::{Value, json};

use super::{BULK_REQUEST, id, new_group, new_user, outcomes, send, statuses};

#[tokio::test]
async fn a_thousand_operations_are_performed_and_one_more_is_413() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let users = |count: usize| (0..count).map(|at| new_user(&at.to_string(), &format!("user-{at}"))).collect::<Value>();

    let refused = send(&acme, users(1001)).await.expect(413);
    let began = Instant::now();
    let told = outcomes(&acme, users(1000)).await;
    println!("1,000 users in one request: {:?}", began.elapsed());

    assert_eq!(refused, error(413, None, "the request has more than 1000 operations (maxOperations)"));
    assert!(statuses(&told).iter().all(|status| *status == "201"));
    assert_eq!(acme.get("/Users?count=0").await.expect(200)["totalResults"], 1000);
}

#[tokio::test]
async fn a_payload_over_the_announced_size_is_413() {
    let mut app = TestApp::builder();
    app.config.limits.body_bytes = 1000;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let mut user = new_user("a", "ada");
    user["data"]["title"] = json!("x".repeat(1000));

    let refused = send(&acme, json!([user])).await.expect(413);

    assert_eq!(refused, error(413, None, "the body is larger than 1000 bytes"));
    assert_eq!(acme.get("/ServiceProviderConfig").await.expect(200)["bulk"]["maxPayloadSize"], 1000);
}

#[tokio::test]
async fn each_operation_counts_as_a_request_of_the_tenant_and_those_over_the_limit_are_429() {
    let mut app = TestApp::builder();
    app.config.limits.requests_per_second_per_tenant = 5;
    let app = app.start().await;
    let acme = app.tenant("acme").await;

    let users: Value = (0..50).map(|at| new_user(&at.to_string(), &format!("user-{at}"))).collect();
    let told = outcomes(&acme, users).await;

    let refused: Vec<&Value> = told.iter().filter(|outcome| outcome["status"] == "429").collect();
    let made = told.iter().filter(|outcome| outcome["status"] == "201").count();
    assert_eq!(refused.len() + made, 50);
    assert!(made >= 5 && refused.len() >= 20, "5 a second: {made} were made");
    assert_eq!(refused[0]["response"], error(429, None, "more requests than 5 a second; try again in 1 s"));
}

#[tokio::test]
async fn before_the_time_of_the_request_is_over_the_rest_is_told_503_and_what_was_done_is_told() {
    let mut app = TestApp::builder();
    app.config.limits.request_timeout_s = 2;
    let app = app.start().await;
    let acme = app.tenant_with_guest("acme", "plans-slowly").await;
    // A call of the plugin for each of the members that a group gains: some milliseconds each.
    let operations: Value = (0..1000)
        .map(|at| match at {
            0..10 => new_user(&at.to_string(), &format!("user-{at}")),
            _ => {
                let members: Vec<String> = (0..10).map(|user| format!("bulkId:{user}")).collect();
                let members: Vec<&str> = members.iter().map(String::as_str).collect();
                new_group(&at.to_string(), &format!("Group {at}"), &members)
            }
        })
        .collect();

    let began = Instant::now();
    let told = outcomes(&acme, operations).await;
    let elapsed = began.elapsed();

    assert!(elapsed.as_millis() >= 1500, "there was time for some: {elapsed:?}");
    assert_eq!(told.len(), 1000);
    let made = told.iter().take_while(|outcome| outcome["status"] == "201").count();
    assert!((10..1000).contains(&made), "{made}");
    for late in &told[made..] {
        let sentence = "the time of the bulk request was over before this operation; it changed nothing, send it again";
        assert_eq!(late["response"], error(503, None, sentence));
    }
    assert_eq!(acme.get("/Groups?count=0").await.expect(200)["totalResults"], made - 10);
    acme.get(&format!("/Groups/{}", id(&told[made - 1]))).await.expect(200);
}

#[tokio::test]
async fn thousands_of_references_in_one_great_circle_are_answered_in_time() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    // Everybody is a member of everybody; that a hundred thousand are ordered at once is told beside the code.
    let everybody: Vec<String> = (0..100).map(|at| format!("bulkId:{at}")).collect();
    let group = |at: usize| {
        let data = json!({ "displayName": format!("Group {at}"), "members": everybody });
        json!({ "method": "POST", "path": "/Groups", "bulkId": at.to_string(), "data": data })
    };
    let body = json!({ "schemas": [BULK_REQUEST], "Operations": (0..everybody.len()).map(group).collect::<Value>() });
    let (references, bytes) = (everybody.len() * everybody.len(), body.to_string().len());

    let began = Instant::now();
    let answer = acme.post("/Bulk", body).await.expect(200);
    println!("{references} references in {bytes} bytes, one circle: {:?}", began.elapsed());

    let told = answer["Operations"].as_array().unwrap();
    assert!(statuses(told).iter().all(|status| *status == "201"), "{:?}", statuses(told));
    assert_eq!(acme.members(id(&told[0])).await.len(), everybody.len() - 1);
}
