use muster_test_harness::{Answer, TestApp};
use reqwest::Method;
use serde_json::json;

async fn asked(app: &TestApp, path: &str) -> Answer {
    Answer::of(app.admin_request(Method::GET, path)).await
}

#[tokio::test]
async fn health_is_told_to_whoever_asks_on_either_listener() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    for (path, told) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        for answer in [asked(&app, path).await, Answer::of(acme.at(&app.scim).request(Method::GET, path)).await] {
            assert_eq!((answer.status, answer.text.as_str()), (200, told));
        }
    }
}

#[tokio::test]
async fn requests_are_counted_by_method_and_status() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.user("ada").await;
    acme.user("grace").await;
    acme.get("/Users/unknown").await.expect(404);

    let metrics = asked(&app, "/metrics").await;

    assert_eq!(metrics.status, 200);
    let lines: Vec<&str> = metrics.text.lines().collect();
    for line in [
        "muster_requests_total{method=\"POST\",status=\"201\"} 2",
        "muster_requests_total{method=\"GET\",status=\"404\"} 1",
        "muster_request_duration_seconds_count 3",
    ] {
        assert!(lines.contains(&line), "{line} in {}", metrics.text);
    }
}

#[tokio::test]
async fn no_metric_carries_anything_that_a_client_wrote() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.user("ada@example.com").await;
    acme.group("Engines", &[&ada, "who-is-this"]).await;
    acme.find("/Users", "userName eq \"ada@example.com\"").await.expect(200);
    acme.get("/Strange/path").await.expect(404);
    acme.send(acme.request("ADABYRON".parse().unwrap(), "/Users").bearer_auth(&acme.token)).await.expect(405);

    let metrics = asked(&app, "/metrics").await.text;

    let folded = metrics.to_lowercase();
    for written in ["ada", "engines", "who-is-this", "strange", "acme", "localhost", "127.0.0.1", &ada] {
        assert!(!folded.contains(written), "{written} in {metrics}");
    }
    assert!(folded.contains("muster_unknown_members_total 1"), "{metrics}");
}
