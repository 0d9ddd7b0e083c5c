//! What `/metrics` says of the memory of plugins.

use muster_test_harness::{Answer, TestApp, USER};
use reqwest::Method;
use serde_json::json;

/// The value of a gauge, by its name and labels as the metrics have them.
async fn gauge(app: &TestApp, named: &str) -> f64 {
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
    let value = metrics.lines().find_map(|line| line.strip_prefix(named)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{named} is not in {metrics}")).parse().unwrap()
}

#[tokio::test]
async fn the_metrics_say_how_many_instances_wait_and_what_they_have_in_memory() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "keeps").await;
    let globex = app.tenant_with_guest("globex", "keeps").await;
    assert_eq!(gauge(&app, "muster_plugin_kept_instances").await, 0.0, "nobody has asked yet");
    assert_eq!(gauge(&app, "muster_plugin_kept_bytes").await, 0.0);

    acme.user("ada@example.com").await;
    let of_one = gauge(&app, "muster_plugin_kept_bytes").await;
    globex.user("ada@example.com").await;

    assert_eq!(gauge(&app, "muster_plugin_kept_instances").await, 2.0, "no tenant is served by another's");
    assert!(of_one >= 65_536.0, "an instance has pages of memory");
    assert_eq!(gauge(&app, "muster_plugin_kept_bytes").await, 2.0 * of_one);
}

#[tokio::test]
async fn the_metrics_say_the_most_memory_that_a_plugin_has_had() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "keeps").await;
    let most = "muster_plugin_memory_high_water_bytes{plugin=\"keeps\"}";
    acme.user("ada@example.com").await;
    let before = gauge(&app, most).await;

    let hoards = json!({ "schemas": [USER], "userName": "grace@example.com", "displayName": "hoards" });
    let answer = acme.post("/Users", hoards).await;
    assert!([201, 503].contains(&answer.status), "to fill 40 MiB may take longer than a call has: {}", answer.text);

    let after = gauge(&app, most).await;
    assert!(before >= 65_536.0 && after - before >= f64::from(40 << 20), "{before} and then {after}");
    assert_eq!(
        gauge(&app, "muster_plugin_kept_instances").await,
        0.0,
        "what has grown so large, or failed, is not kept"
    );
}

#[tokio::test]
async fn the_metrics_name_each_part_that_could_break_off_before_one_does() {
    let app = TestApp::start().await;
    for part in ["feeding", "brake", "deprovisions", "retention", "rollouts"] {
        assert_eq!(gauge(&app, &format!("muster_parts_broken_total{{part=\"{part}\"}}")).await, 0.0, "{part}");
    }
}
