//! Plugins and endpoints that go too far: each is one sentence on the task's story, and nobody else notices.

use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_plugin::Outcome;
use muster_test_harness::USER;
use serde_json::json;

use super::endpoint::{Answers, Endpoint, HOST, says};
use super::{acme, calling, carried, told};
use crate::isolation::neighbour::Neighbour;
use crate::isolation::{NEIGHBOURS_WRITES, print};

#[tokio::test]
async fn a_plugin_that_goes_too_far_is_stopped_and_tried_again() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let app = calling(&endpoint).start().await;
    let tenant = acme(&app).await;
    let invalid = "the plugin's answer to delivery.perform is not valid: the reason";
    for (action, sentence) in [
        ("loop", "the plugin did not answer delivery.perform within 1000 ms".to_owned()),
        ("grow", "the plugin reached the limit memory bytes in delivery.perform".to_owned()),
        ("nothing", format!("{invalid} is empty")),
        ("much", format!("{invalid} is longer than 1024 bytes")),
        ("strange", format!("{invalid} contains NUL")),
    ] {
        assert_eq!(carried(&app, action, None).await, Outcome::Again { reason: sentence, after: None }, "{action}");
    }
    let trapped = told(&app, "trap", None).await;
    assert!(trapped.starts_with("the plugin trapped in delivery.perform: "), "{trapped}");
    let later = Outcome::Again { reason: "not now".to_owned(), after: Some(Duration::from_hours(1)) };
    assert_eq!(carried(&app, "late", None).await, later, "an hour, and no longer");
    // None of it is met by requests.
    tenant.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com" })).await.expect(201);
}

#[tokio::test]
async fn a_plugin_that_waits_is_not_waited_for_longer_than_its_time() {
    let endpoint = Endpoint::start(HOST, says("")).await;
    let app = calling(&endpoint).start().await;
    acme(&app).await;
    assert_eq!(told(&app, "wait", None).await, "the plugin did not answer delivery.perform within 30000 ms");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_headers_leaves_neither_from_here_nor_gets_in_and_hurts_nobody_else() {
    let flood = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Flood: yyyyyyyy\r\n".repeat(100_000));
    let endpoint = Endpoint::start(HOST, says(&flood)).await;
    let app = calling(&endpoint).start().await;
    acme(&app).await;
    let load = Neighbour::start(app.tenant("neighbour").await);
    let note = "the answer of api.granted.example has more than 32768 bytes of headers, or too many of them";
    let mut times = Vec::new();
    while load.writes() < NEIGHBOURS_WRITES && !load.is_over() {
        let (began, called) = (Instant::now(), endpoint.connections());
        let story = told(&app, "flood", None).await;
        assert!(
            story.starts_with("the plugin trapped in delivery.perform: ") || story.starts_with("the call failed: "),
            "{story}"
        );
        assert_eq!(endpoint.connections(), called);
        assert_eq!(told(&app, "get", None).await, format!("the call failed: the answer is too large ({note})"));
        times.push(began.elapsed());
    }
    let report = load.stop().await;
    print("header flood", &mut times, &report.to_string());
    assert_eq!(report.errors, Vec::<String>::new());
}

#[tokio::test]
async fn a_plugin_makes_so_many_requests_and_none_of_more_than_so_many_bytes() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let app = calling(&endpoint).start().await;
    acme(&app).await;
    let note = "the plugin made more than 64 requests";
    assert_eq!(told(&app, "many", None).await, format!("64 calls were answered ({note})"));
    assert_eq!(endpoint.heard().len(), 64);
    let note = "the request cannot be sent: its body has more than 1048576 bytes";
    let story = told(&app, "large", None).await;
    assert!(story.ends_with(&format!("({note})")), "{story}");
    assert_eq!(endpoint.heard().len(), 64, "it did not come whole");
}

#[tokio::test]
async fn an_endpoint_that_means_no_good_is_one_sentence() {
    let late: Answers = Arc::new(|_| (Vec::new(), true));
    let slow: Answers = Arc::new(|_| (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec(), true));
    let large: Answers = Arc::new(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.extend(vec![b'x'; (1 << 20) + 1]);
        (answer, false)
    });
    // A plugin is not told why a body does not come to its end: the story is.
    let stories = [
        (HOST, late, "it took too long (api.granted.example did not answer within 5000 ms)"),
        (HOST, slow, "the request failed (api.granted.example did not go on with its answer within 5000 ms)"),
        (HOST, large, "the request failed (the answer of api.granted.example has more than 1048576 bytes)"),
        (
            HOST,
            says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
            "the request failed (api.granted.example did not answer as HTTP demands, or not to the end)",
        ),
        (
            "other.example",
            says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            "the host's certificate is not valid (the certificate of api.granted.example is refused: it is for another name)",
        ),
    ];
    for (name, answers, sentence) in stories {
        let endpoint = Endpoint::start(name, answers).await;
        let app = calling(&endpoint).start().await;
        acme(&app).await;
        assert_eq!(told(&app, "get", None).await, format!("the call failed: {sentence}"));
    }
}
