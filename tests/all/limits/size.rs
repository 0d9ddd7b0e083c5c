//! How large a request may be.

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::raw::{Raw, get, post};

/// A user whose JSON has exactly so many bytes.
fn user_of(bytes: usize) -> String {
    let frame = json!({ "schemas": [USER], "userName": "ada", "title": "" }).to_string();
    json!({ "schemas": [USER], "userName": "ada", "title": "x".repeat(bytes - frame.len()) }).to_string()
}

#[tokio::test]
async fn a_body_at_body_bytes_is_read_and_one_more_byte_is_413() {
    let mut app = TestApp::builder();
    app.config.limits.body_bytes = 1000;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let push = |body: String| acme.request(reqwest::Method::POST, "/Users").bearer_auth(&acme.token).body(body);

    let refused = acme.send(push(user_of(1001))).await;
    let made = acme.send(push(user_of(1000))).await.expect(201);

    assert_eq!(refused.header("content-type"), "application/scim+json");
    assert_eq!(refused.expect(413), error(413, None, "the body is larger than 1000 bytes"));
    for (method, path) in [("PUT", "put"), ("PATCH", "patch")] {
        let path = format!("/Users/{}?{path}", made["id"].as_str().unwrap());
        let request = acme.request(method.parse().unwrap(), &path).bearer_auth(&acme.token);
        acme.send(request.body(user_of(1001))).await.expect(413);
    }
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn by_default_a_body_may_have_a_mebibyte() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let push = |body: String| acme.request(reqwest::Method::POST, "/Users").bearer_auth(&acme.token).body(body);

    let refused = acme.send(push(user_of((1 << 20) + 1))).await;

    assert_eq!(refused.expect(413), error(413, None, "the body is larger than 1048576 bytes"));
}

#[tokio::test]
async fn a_body_that_does_not_say_how_long_it_is_is_counted_as_it_comes() {
    let mut app = TestApp::builder();
    app.config.limits.body_bytes = 1000;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nhost: scim.example\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        acme.token
    );
    let mut client = Raw::open(&app).await;

    client.send(&head).await;
    client.send(&format!("258\r\n{}\r\n", " ".repeat(600))).await;
    client.send(&format!("258\r\n{}\r\n", " ".repeat(600))).await;

    assert_eq!(client.answer().await.expect(413), error(413, None, "the body is larger than 1000 bytes"));
}

#[tokio::test]
async fn who_has_no_token_is_told_so_before_a_body_is_read() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let mut client = Raw::open(&app).await;

    client.send(&post("/scim/v2/Users", "mst_0000", 1 << 40)).await;

    client.answer().await.expect(401);
}

#[tokio::test]
async fn a_uri_at_uri_bytes_is_read_and_one_more_byte_is_414() {
    let mut app = TestApp::builder();
    app.config.limits.uri_bytes = 100;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let path = |bytes: usize| format!("/Users?x={}", "y".repeat(bytes - "/scim/v2/Users?x=".len()));

    let fits = acme.get(&path(100)).await;
    let refused = acme.get(&path(101)).await;

    fits.expect(200);
    assert_eq!(refused.expect(414), error(414, None, "the URI is longer than 100 bytes"));
}

#[tokio::test]
async fn by_default_a_uri_may_have_16_kibibytes() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let refused = acme.get(&format!("/Users?x={}", "y".repeat(16 << 10))).await;

    assert_eq!(refused.expect(414), error(414, None, "the URI is longer than 16384 bytes"));
}

#[tokio::test]
async fn a_head_of_more_than_64_kibibytes_or_more_than_100_headers_is_refused_and_the_server_goes_on() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let with = |headers: &str| get("/scim/v2/Users", &acme.token).replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
    let many: String = (0..100).map(|number| format!("x-{number}: y\r\n")).collect();

    for head in [with(&format!("x: {}\r\n", "y".repeat(64 << 10))), with(&many)] {
        let mut client = Raw::open(&app).await;
        // The server may close before it has read everything.
        let _ = client.try_send(head.as_bytes()).await;
        assert_eq!(client.answer().await.status, 431);
        assert!(client.end_within(std::time::Duration::from_secs(5)).await.is_some(), "the connection is closed");
    }

    let few: String = (0..50).map(|number| format!("x-{number}: y\r\n")).collect();
    let mut client = Raw::open(&app).await;
    client.send(&with(&few)).await;
    client.answer().await.expect(200);
}

#[tokio::test]
async fn a_name_as_long_as_can_be_is_kept_whole_and_found() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let name = "ada".repeat(341);

    let ada = acme.user(&name).await;

    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["userName"], Value::String(name.clone()));
    assert_eq!(acme.ids("/Users", &format!("userName eq \"{}\"", name.to_uppercase())).await, [ada.as_str()]);
    let other = acme.user(&format!("{name}x")).await;
    assert_ne!(other, ada);
    let again = acme.post("/Users", json!({ "schemas": [USER], "userName": name })).await.expect(409);
    assert_eq!(again["detail"], "userName is already in use");
}
