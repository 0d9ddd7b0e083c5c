//! How long a connection may dawdle, and how many there may be. These wait in real time: the limits are those of sockets.

use std::time::{Duration, Instant};

use muster_test_harness::{TestApp, USER};
use serde_json::json;

use super::raw::{Raw, get, post, until_in_flight};

const A_WHILE: Duration = Duration::from_millis(300);
/// One second of limit, the listener's tick, and a busy machine.
const NOT_MUCH_MORE_THAN_A_SECOND: Duration = Duration::from_secs(4);

#[tokio::test]
async fn half_a_head_is_waited_for_no_longer_than_header_timeout() {
    let mut app = TestApp::builder();
    app.config.limits.header_timeout_s = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let began = Instant::now();
    let mut silent = Raw::open(&app).await;
    let mut half = Raw::open(&app).await;

    half.send("GET /scim/v2/Users HTTP/1.1\r\nhost: scim.ex").await;

    for client in [&mut half, &mut silent] {
        let came = client.end_within(NOT_MUCH_MORE_THAN_A_SECOND).await.expect("the server hangs up");
        assert_eq!(came, b"", "without a word");
    }
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_head_that_comes_in_drops_gets_no_more_time_for_each() {
    let mut app = TestApp::builder();
    app.config.limits.header_timeout_s = 1;
    let app = app.start().await;
    app.tenant("acme").await;
    let began = Instant::now();
    let mut client = Raw::open(&app).await;

    client.send("GET /scim/v2/Users HTTP/1.1\r\n").await;
    let drops = async {
        // Until the server hangs up.
        while client.try_send(b"x: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };

    tokio::time::timeout(NOT_MUCH_MORE_THAN_A_SECOND, drops).await.expect("the server hangs up");
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_slow_body_is_no_slow_head() {
    let mut app = TestApp::builder();
    app.config.limits.header_timeout_s = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let body = json!({ "schemas": [USER], "userName": "ada" }).to_string();
    let mut client = Raw::open(&app).await;

    client.send(&post("/scim/v2/Users", &acme.token, body.len())).await;
    client.send(&body[..10]).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    client.send(&body[10..]).await;

    assert_eq!(client.answer().await.expect(201)["userName"], "ada");
}

#[tokio::test]
async fn a_connection_stands_idle_no_longer_than_idle_timeout() {
    let mut app = TestApp::builder();
    app.config.limits.idle_timeout_s = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let mut client = Raw::open(&app).await;

    client.send(&get("/scim/v2/Users", &acme.token)).await;
    client.answer().await.expect(200);
    tokio::time::sleep(A_WHILE).await;
    client.send(&get("/scim/v2/Users", &acme.token)).await;
    client.answer().await.expect(200);

    let came = client.end_within(NOT_MUCH_MORE_THAN_A_SECOND).await;
    assert_eq!(came.as_deref(), Some(&b""[..]), "the server hangs up without a word");
}

#[tokio::test]
async fn half_a_preface_of_http2_is_waited_for_no_longer_than_a_head() {
    let mut app = TestApp::builder();
    app.config.limits.header_timeout_s = 1;
    let app = app.start().await;
    let mut client = Raw::open(&app).await;

    client.send("PRI").await;

    assert!(client.end_within(NOT_MUCH_MORE_THAN_A_SECOND).await.is_some(), "the server hangs up");
}

#[tokio::test]
async fn an_http2_connection_without_requests_is_idle_though_it_pings() {
    let mut app = TestApp::builder();
    app.config.limits.idle_timeout_s = 1;
    let app = app.start().await;
    let mut client = Raw::open(&app).await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    client.try_send(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();

    let pings = async {
        // A PING frame (RFC 9113 §6.7), until the server hangs up.
        while client.try_send(&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };

    tokio::time::timeout(NOT_MUCH_MORE_THAN_A_SECOND, pings).await.expect("the server hangs up");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_left() {
    let mut app = TestApp::builder();
    app.config.limits.idle_timeout_s = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let title = "x".repeat(32 << 10);
    for number in 0..50 {
        let body = json!({ "schemas": [USER], "userName": format!("user{number}"), "title": title });
        acme.post("/Users", body).await.expect(201);
    }
    let mut client = Raw::open(&app).await;
    // Twenty answers of 1.6 MB each: more than the system keeps between the two.
    for _ in 0..20 {
        client.send(&get("/scim/v2/Users", &acme.token)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;

    let came = client.end_within(Duration::from_secs(5)).await.expect("the server has hung up");

    assert!(came.len() < 20 << 20, "{} bytes came", came.len());
}

#[tokio::test]
async fn a_connection_over_the_cap_waits_until_another_ends() {
    let mut app = TestApp::builder();
    app.config.limits.connections = 1;
    let app = app.start().await;
    let acme = app.tenant("acme").await;
    let mut first = Raw::open(&app).await;
    first.send(&get("/scim/v2/Users", &acme.token)).await;
    first.answer().await.expect(200);
    let mut second = Raw::open(&app).await;
    second.send(&get("/scim/v2/Users", &acme.token)).await;

    assert!(second.answer_within(A_WHILE).await.is_none(), "there is no place yet");
    first.send(&get("/scim/v2/Users", &acme.token)).await;
    first.answer().await.expect(200);
    drop(first);

    second.answer().await.expect(200);
}

#[tokio::test]
async fn http2_is_offered_128_streams_and_heads_of_64_kibibytes() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let mut client = Raw::open(&app).await;

    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    // An empty SETTINGS frame (RFC 9113 §6.5).
    client.try_send(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();

    let head = client.bytes(9).await;
    assert_eq!(head[3], 4, "the server's SETTINGS come first");
    let settings = client.bytes(usize::from(head[2])).await;
    let setting = |name: u8| {
        let found = settings.chunks(6).find(|setting| setting[1] == name).expect("the setting is there");
        u32::from_be_bytes(found[2..].try_into().unwrap())
    };
    assert_eq!(setting(3), 128, "SETTINGS_MAX_CONCURRENT_STREAMS");
    assert_eq!(setting(6), 64 << 10, "SETTINGS_MAX_HEADER_LIST_SIZE");
}

#[tokio::test]
async fn a_request_in_flight_is_finished_when_the_server_stops() {
    let mut app = TestApp::builder();
    app.config.limits.requests_in_flight = 1;
    let mut app = app.start().await;
    let acme = app.tenant("acme").await;
    let body = json!({ "schemas": [USER], "userName": "ada" }).to_string();
    let mut client = Raw::open(&app).await;
    client.send(&post("/scim/v2/Users", &acme.token, body.len())).await;
    client.send(&body[..10]).await;
    until_in_flight(&acme).await;

    let finishes = async {
        tokio::time::sleep(A_WHILE).await;
        client.send(&body[10..]).await;
        client.answer().await.expect(201)
    };
    let (made, ()) = tokio::join!(finishes, app.stop());

    assert_eq!(made["userName"], "ada");
}

#[tokio::test]
async fn a_request_that_does_not_end_is_waited_for_no_longer_than_drain_timeout() {
    let mut app = TestApp::builder();
    app.config.limits.drain_timeout_s = 1;
    app.config.limits.requests_in_flight = 1;
    let mut app = app.start().await;
    let acme = app.tenant("acme").await;
    let mut client = Raw::open(&app).await;
    client.send(&post("/scim/v2/Users", &acme.token, 100)).await;
    client.send("{").await;
    until_in_flight(&acme).await;
    let began = Instant::now();

    app.stop().await;

    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < NOT_MUCH_MORE_THAN_A_SECOND, "{took:?}");
}
