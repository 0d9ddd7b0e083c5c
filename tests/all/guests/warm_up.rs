//! A plugin is run once before it serves: the first request does not pay for what is slow only the first time.

use std::time::{Duration, Instant};

use muster_test_harness::{Answer, TestApp, wasm};
use reqwest::Method;
use serde_json::json;

use super::failures::counted;

const FAILED: &str = "muster_plugin_warm_up_failures_total";

async fn cold(app: &TestApp) -> Vec<String> {
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await;
    metrics.text.lines().filter(|line| line.starts_with(FAILED)).map(str::to_owned).collect()
}

#[tokio::test]
async fn loops_is_run_when_it_is_bound_for_a_bounded_time_and_is_bound_all_the_same() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    app.push(wasm::guest("loops")).await.expect(201);
    assert_eq!(cold(&app).await, [""; 0], "the plugin that was bound before was well");

    // What it is asked when it is loaded it answers at once; only its mapping never ends.
    let began = Instant::now();
    app.bind("acme", "loops", json!({})).await.expect(200);
    let took = began.elapsed();
    app.bind("acme", "loops", json!({})).await.expect(200);

    let deadline = format!("{FAILED}{{plugin=\"loops\",reason=\"deadline\"}} 1");
    assert_eq!(cold(&app).await, [deadline], "once, however often it is bound");
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(counted(&app, "loops").await.len(), 0, "that is nobody's request, and no failure");
}
