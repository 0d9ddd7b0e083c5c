//! What an operator reads of an attempt that came to nothing, and what becomes of its task without anybody.

use std::sync::Arc;
use std::time::Duration;

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::endpoint::{Answers, Endpoint, HOST, Manner, says};
use super::{SECRET, acme, calling, set_secret};
use crate::command::on;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The task of a user who was just created, when it was tried once.
async fn tried(app: &TestApp) -> Value {
    let tenant = acme(app).await;
    set_secret(app, "api-key", SECRET).await;
    tenant.user("ada@example.com").await;
    for _ in 0..4_800 {
        let task = app.admin_get("/tenants/acme/tasks/1").await.expect(200);
        if task["attempts"] == 1 {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{}", app.admin_get("/tenants/acme/tasks/1").await.text);
}

#[tokio::test]
async fn what_an_endpoint_did_wrong_is_one_sentence_and_the_task_is_tried_again_or_parked_by_rule() {
    let stranger = Endpoint::start(HOST, says(OK)).await;
    let large: Answers = Arc::new(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.extend(vec![b'x'; (1 << 20) + 1]);
        (answer, false)
    });
    let unsigned = "the certificate of api.granted.example is refused: its signature is not that of whom it names";
    let other = "the certificate of api.granted.example is refused: it is for another name";
    let endless = "the answer of api.granted.example has more than 1048576 bytes";
    let stories = [
        (HOST, says(OK), Some(stranger.ca_file.clone()), unsigned, "waiting"),
        ("other.example", says(OK), None, other, "waiting"),
        (HOST, large, None, endless, "waiting"),
        (HOST, says("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), None, "the call was answered 404", "parked"),
    ];
    for (name, answers, ca_file, sentence, standing) in stories {
        let endpoint = Endpoint::start(name, answers).await;
        let mut builder = calling(&endpoint);
        builder.config.delivery.concurrency = 8;
        builder.config.delivery.ca_file = ca_file.unwrap_or(endpoint.ca_file.clone());
        let app = builder.start().await;
        let task = tried(&app).await;

        assert_eq!(task["standing"], json!(standing), "{task}");
        let failure = task["failure"].as_str().unwrap();
        assert!(failure.contains(sentence) && !failure.contains(SECRET) && failure.lines().count() == 1, "{failure}");
        assert!(!failure.contains("/people/"), "the path may say something of a user: {failure}");
        let story = on(&app, &["task", "show", "acme", "1"]).await.text();
        assert!(story.contains(&format!(" ms   {failure}\n")), "{story}");
    }
}

#[tokio::test]
async fn an_answer_that_trickles_without_end_and_a_certificate_that_has_expired_are_one_sentence_and_tried_again() {
    let endless = "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n";
    for (manner, sentence) in [
        (Manner::Trickling, "the plugin did not answer delivery.perform within 30000 ms"),
        (
            Manner::Expired,
            "the host's certificate is not valid (the certificate of api.granted.example is refused: it has expired)",
        ),
    ] {
        let endpoint = Endpoint::start_as(HOST, says(endless), manner).await;
        let mut builder = calling(&endpoint);
        builder.config.delivery.concurrency = 8;
        let app = builder.start().await;
        let task = tried(&app).await;

        let failure = task["failure"].as_str().unwrap();
        assert!(failure.contains(sentence) && failure.lines().count() == 1, "{failure}");
        assert_eq!(task["standing"], "waiting", "{task}");
        assert!(task["due"].as_str() > task["at"].as_str(), "it has a next attempt: {task}");
    }
}
