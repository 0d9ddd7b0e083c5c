//! Who may poll, and with what.

use muster_service::MAX_POLL_BYTES;
use muster_test_harness::TestApp;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn a_stream_opens_to_its_own_token_and_that_opens_nothing_else() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;
    let (audit, other) = (Poller::add(&app, "audit", json!({})).await, Poller::add(&app, "other", json!({})).await);
    let push = json!({ "name": "pushed", "push": "https://siem.example/sets" });
    app.admin_post("/tenants/acme/streams", push).await.expect(201);
    acme.user("ada").await;

    let mut told = Vec::new();
    for (stream, token) in [
        ("audit", ""),
        ("audit", "mst_0000"),
        ("audit", acme.token.as_str()),
        ("audit", globex.token.as_str()),
        ("audit", other.client.token.as_str()),
        ("pushed", audit.client.token.as_str()),
        ("nothing", audit.client.token.as_str()),
        ("no%2Fname", audit.client.token.as_str()),
    ] {
        let refused = Poller::of(&app, stream, token).ask(json!({})).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"), "{stream} {token}");
        assert_eq!((refused.header("content-type"), refused.header("content-language")), ("application/json", "en"));
        told.push(refused.body);
    }
    told.dedup();
    let says = "the bearer token is missing or not valid for this stream";
    assert_eq!(told, [json!({ "err": "authentication_failed", "description": says })], "all the same");
    let wrong = |method: Method| audit.client.request(method, "/events/audit").bearer_auth("mst_0000");
    for unread in [wrong(Method::POST).header("content-type", "text/plain").body("no poll"), wrong(Method::GET)] {
        assert_eq!(Answer::of(unread).await.expect(401), told[0], "whatever else is wrong");
    }
    for elsewhere in ["/t/globex", "/t/nobody"] {
        let elsewhere = Poller { client: app.client(elsewhere, &audit.client.token), stream: "audit".to_owned() };
        elsewhere.ask(json!({})).await.expect(401);
    }
    acme.with_token(&audit.client.token).get("/Users").await.expect(401);
    acme.at(&format!("{}/t/acme/scim/v2", app.scim)).with_token(&audit.client.token).get("/Users").await.expect(401);
    assert_eq!(audit.sets(json!({})).await.len(), 1);
}

#[tokio::test]
async fn who_presents_a_wrong_token_is_refused_before_the_body_is_read() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    Poller::add(&app, "audit", json!({})).await;
    let mut stream = TcpStream::connect(app.scim.strip_prefix("http://").unwrap()).await.unwrap();
    let (bytes, authorization) = (MAX_POLL_BYTES + 1, "authorization: Bearer mst_0000");
    let head =
        format!("POST /t/acme/events/audit HTTP/1.1\r\nhost: x\r\n{authorization}\r\ncontent-length: {bytes}\r\n\r\n");
    // Nothing of the body is sent: whoever waited for it would answer 408 in the end.
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 401");
}

#[tokio::test]
async fn what_is_no_poll_is_told_in_one_sentence_and_takes_nothing_away() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    acme.user("ada").await;
    let request = |method: Method| audit.client.request(method, "/events/audit").bearer_auth(&audit.client.token);
    for (refused, status, says) in [
        (request(Method::GET), 405, "the method is not possible here"),
        (
            request(Method::POST).header("content-type", "text/plain").body("{}"),
            415,
            "Content-Type must be application/json",
        ),
        (request(Method::POST).body("[]"), 400, "the body is no JSON object"),
        (request(Method::POST).body(r#"{"maxEvents":-1}"#), 400, "maxEvents is a whole number, and not below 0"),
        (
            request(Method::POST).body(format!(r#"{{"x":"{}"}}"#, "x".repeat(MAX_POLL_BYTES))),
            413,
            "the body is larger than 262144 bytes",
        ),
    ] {
        let answer = Answer::of(refused).await;
        assert_eq!(answer.expect(status), json!({ "err": "invalid_request", "description": says }));
    }
    let twice = Answer::of(request(Method::POST).body(r#"{"ack":[],"ack":["x"]}"#)).await.expect(400);
    assert_eq!(twice["err"], "invalid_request");
    assert_eq!(audit.sets(json!({})).await.len(), 1);
}

#[tokio::test]
async fn another_token_opens_a_stream_and_the_one_before_for_a_while() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let audit = Poller::add(&app, "audit", json!({})).await;
    let renew = async |body: Value| {
        let renewed = app.admin_post("/tenants/acme/streams/audit/token", body).await.expect(200);
        Poller::of(&app, "audit", renewed["token"].as_str().unwrap())
    };
    let second = renew(json!({})).await;
    let at_once = json!({ "returnImmediately": true });
    audit.ask(at_once.clone()).await.expect(200);
    app.advance(Duration::from_hours(24));
    audit.ask(at_once.clone()).await.expect(401);
    second.ask(at_once.clone()).await.expect(200);
    let third = renew(json!({ "overlap_h": 0 })).await;
    second.ask(at_once.clone()).await.expect(401);
    third.ask(at_once.clone()).await.expect(200);
    for _ in 0..3 {
        renew(json!({})).await;
    }
    let refused = app.admin_post("/tenants/acme/streams/audit/token", json!({})).await.expect(409);
    let says = "4 tokens open a stream at most; with overlap_h 0 the earlier ones end now";
    assert_eq!(refused["detail"], says);
    third.ask(at_once).await.expect(200);
}
