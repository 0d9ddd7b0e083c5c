//! Guests that give no usable answer for users: 503, nothing written, and groups, reads, neighbours and the next plugin unharmed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use muster_test_harness::messages::error;
use muster_test_harness::{Answer, TestApp, USER, wasm};
use reqwest::Method;
use serde_json::{Value, json};

const SENTENCE: &str = "the mapping of this tenant is failing; nothing was changed, try again later";

#[tokio::test]
async fn allocates_is_stopped_at_the_memory_limit() {
    fails_at_users("allocates", &["limit", "deadline"]).await;
}

#[tokio::test]
async fn answers_huge_is_not_read() {
    fails_at_users("answers-huge", &["limit", "deadline"]).await;
}

#[tokio::test]
async fn calls_secrets_is_stopped_because_only_delivery_may() {
    fails_at_users("calls-secrets", &["trapped"]).await;
}

#[tokio::test]
async fn loops_is_stopped_at_the_deadline() {
    fails_at_users("loops", &["deadline"]).await;
}

#[tokio::test]
async fn recurses_is_stopped_at_the_end_of_its_stack() {
    fails_at_users("recurses", &["trapped"]).await;
}

#[tokio::test]
async fn traps_is_told_as_a_failure_without_its_panic() {
    fails_at_users("traps", &["trapped"]).await;
}

#[tokio::test]
async fn waits_is_stopped_at_once() {
    fails_at_users("waits", &["trapped"]).await;
}

/// The story of a guest that fails at every user, for one of these reasons, and is well with groups.
///
/// Whoever wants much needs time for it as well: on a slow machine the deadline may come before the limit.
async fn fails_at_users(guest: &str, reasons: &[&str]) {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ada, grace) = (acme.user("ada@example.com").await, globex.user("grace@example.com").await);
    let path = format!("/Users/{ada}");
    let before = acme.get("/Users").await.expect(200);
    app.push(wasm::guest(guest)).await.expect(201);
    app.bind("acme", guest, json!({})).await.expect(200);
    let log = app.log("acme").await;

    let began = Instant::now();
    let user = |name: &str| json!({ "schemas": [USER], "userName": name, "displayName": "Another" });
    fails(acme.post("/Users", user("hedy@example.com")).await);
    fails(acme.put(&path, user("ada@example.com")).await);
    fails(acme.operations(&path, json!([{ "op": "replace", "path": "active", "value": false }])).await);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?} for three calls that are stopped", began.elapsed());

    assert_eq!(acme.get("/Users").await.expect(200), before, "reads do not ask the plugin");
    assert_eq!(app.log("acme").await, log);
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
    let counted = counted(&app, guest).await;
    assert!(counted.keys().all(|reason| reasons.contains(&reason.as_str())), "{counted:?}");
    assert_eq!(counted.values().sum::<u64>(), 3);
    let engines = acme.group("Engines", &[&ada]).await;
    assert_eq!(acme.members(&engines).await, [ada.as_str()], "the next request finds the plugin well");
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    globex.operations(&format!("/Users/{grace}"), off.clone()).await.expect(200);
    app.bind("acme", "standard", json!({})).await.expect(200);
    assert_eq!(acme.operations(&path, off).await.expect(200)["active"], false);
    acme.user("hedy@example.com").await;
}

/// What the identity provider is told, which is the same whatever went wrong.
fn fails(answer: Answer) {
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.expect(503), error(503, None, SENTENCE));
}

/// How often a plugin has failed for which reason, as the metrics have it.
pub(crate) async fn counted(app: &TestApp, plugin: &str) -> BTreeMap<String, u64> {
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await;
    let of_plugin = format!("plugin=\"{plugin}\"");
    let lines = metrics.text.lines();
    let lines = lines.filter(|line| line.starts_with("muster_plugin_failures_total") && line.contains(&of_plugin));
    let read = |line: &str| {
        let (_, reason) = line.split_once("reason=\"")?;
        let (_, count) = line.rsplit_once(' ')?;
        Some((reason.split('"').next()?.to_owned(), count.parse().ok()?))
    };
    lines.map(|line| read(line).expect("a reason and a count")).collect()
}

#[tokio::test]
async fn answers_nonsense_is_not_believed_whatever_it_says() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "answers-nonsense").await;
    let nonsense = ["status", "detail", "decimal", "json", "nul", "string", "answer", "keys", "key", "fields", "state"];

    for user_name in nonsense {
        let answer = acme.post("/Users", json!({ "schemas": [USER], "userName": user_name })).await;
        assert_eq!(answer.status, 503, "{user_name}: {}", answer.text);
        fails(answer);
    }

    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
    assert_eq!(app.log("acme").await, Vec::<Value>::new());
    assert_eq!(
        counted(&app, "answers-nonsense").await,
        BTreeMap::from([("invalid".to_owned(), nonsense.len() as u64)])
    );
    acme.group("Engines", &[]).await;
    app.push(wasm::plugin("standard")).await.expect(201);
    app.bind("acme", "standard", json!({})).await.expect(200);
    acme.user("status").await;
}

#[tokio::test]
async fn a_guest_that_fails_is_loaded_again_after_a_restart_and_fails_no_other_tenant() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;
    let globex = app.tenant("globex").await;
    let app = app.restart().await;
    let acme = app.client("/scim/v2", &acme.token);

    fails(acme.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com" })).await);

    acme.group("Engines", &[]).await;
    app.client("/scim/v2", &globex.token).user("grace@example.com").await;
}
