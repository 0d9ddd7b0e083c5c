use muster_service::{MAX_SIGNAL_NAME_BYTES, MAX_SIGNAL_PAYLOAD_BYTES};
use muster_test_harness::{Answer, TenantClient, TestApp, USER, wasm};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{problem, read};

async fn signal(app: &TestApp, id: &str, body: Value) -> Answer {
    app.directory_send(Method::POST, &format!("/tenants/acme/accounts/{id}/signals"), body).await
}

async fn obeying(app: &TestApp, config: Value) -> TenantClient {
    app.push(wasm::guest("obeys")).await.expect(201);
    app.create_tenant("acme", "obeys", config).await
}

#[tokio::test]
async fn a_signal_gives_the_account_as_it_stands_and_is_an_entry_of_the_log() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.user("ada@example.com").await;

    let told = signal(&app, &ada, json!({ "name": "signed-in", "payload": { "from": "the web" } })).await;

    assert_eq!(told.header("etag"), "W/\"2\"");
    let told = told.expect(200);
    assert_eq!((&told["id"], &told["state"], &told["listed"]), (&json!(ada), &json!("active"), &json!(true)));
    assert_eq!(told, read(&app, &format!("accounts/{ada}")).await);
    let log = app.log("acme").await;
    let last = log.last().unwrap();
    assert_eq!(
        (log.len(), &last["event"], &last["actor"]),
        (2, &json!("signalled"), &json!({ "signal": "signed-in" }))
    );
    let changes = read(&app, "changes?after=1").await;
    assert_eq!(changes["changes"][0]["state"], json!({ "before": "invited", "after": "active" }));
    // What SCIM has written is as it was.
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["userName"], "ada@example.com");
}

#[tokio::test]
async fn a_signal_that_changes_nothing_writes_nothing() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.user("ada@example.com").await;
    signal(&app, &ada, json!({ "name": "signed-in" })).await.expect(200);
    let before = app.log("acme").await;

    let again = signal(&app, &ada, json!({ "name": "signed-in" })).await;

    assert_eq!((again.status, again.header("etag")), (200, "W/\"2\""));
    assert_eq!(app.log("acme").await, before);
}

#[tokio::test]
async fn what_the_plugin_plans_on_a_signal_becomes_tasks_with_it() {
    let app = TestApp::start().await;
    let acme = obeying(&app, json!({ "task": "greet" })).await;
    let ada = acme.user("ada").await;
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());

    let told = signal(&app, &ada, json!({ "name": "a" })).await.expect(200);

    assert_eq!(told["state"], "a");
    let tasks = app.tasks("acme").await;
    assert_eq!(tasks.len(), 1);
    assert_eq!((&tasks[0]["action"], &tasks[0]["id"], &tasks[0]["change"]), (&json!("greet"), &json!(ada), &json!(2)));
}

#[tokio::test]
async fn a_signal_that_is_not_taken_is_told_why_and_writes_nothing() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let (ada, staff) = (acme.user("ada@example.com").await, acme.group("Staff", &[]).await);
    let signed_in = || json!({ "name": "signed-in" });

    assert_eq!(problem(signal(&app, &ada, json!({ "name": "left" })).await, 400), "the signal must be `signed-in`");
    assert_eq!(
        problem(signal(&app, &staff, signed_in()).await, 422),
        "signals and writes are for the accounts of users"
    );
    assert!(problem(signal(&app, "nobody", signed_in()).await, 404).starts_with("there is no account nobody"));
    let says = format!("the name of a signal has 1 to {MAX_SIGNAL_NAME_BYTES} visible ASCII characters");
    for name in [String::new(), "a b".to_owned(), "x".repeat(MAX_SIGNAL_NAME_BYTES + 1)] {
        assert_eq!(problem(signal(&app, &ada, json!({ "name": name })).await, 400), says);
    }
    let large = json!({ "name": "signed-in", "payload": { "x": "x".repeat(MAX_SIGNAL_PAYLOAD_BYTES) } });
    let says = format!("the payload of a signal has at most {MAX_SIGNAL_PAYLOAD_BYTES} bytes");
    assert_eq!(problem(signal(&app, &ada, large).await, 400), says);
    let stale = app.directory_request(Method::POST, &format!("/tenants/acme/accounts/{ada}/signals"));
    let stale = Answer::of(stale.header("if-match", "W/\"7\"").body(signed_in().to_string())).await;
    problem(stale, 412);
    assert_eq!(app.log("acme").await.len(), 2);

    // What breaks the contract is the plugin's failure, and nobody's signal.
    app.push(wasm::guest("obeys")).await.expect(201);
    app.bind("acme", "obeys", json!({})).await.expect(200);
    problem(signal(&app, &ada, json!({ "name": "no-state-of-the-manifest" })).await, 503);
    app.push(wasm::plugin("standard")).await.expect(201);
    app.bind("acme", "standard", json!({})).await.expect(200);
    let says = "the plugin of this tenant takes no signals: it does not export lifecycle";
    assert_eq!(problem(signal(&app, &ada, signed_in()).await, 422), says);
    assert_eq!(app.log("acme").await.len(), 2);
}

#[tokio::test]
async fn what_a_signal_says_is_held_to_the_characters_that_scim_may_send() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1" })).await;
    let ada = acme.person("ada@example.com").await;
    let renamed =
        async |name: &str| signal(&app, &ada, json!({ "name": "renamed", "payload": { "name": name } })).await;
    let pushed = async |name: &str| {
        let display = json!([{ "op": "replace", "path": "displayName", "value": name }]);
        acme.operations(&format!("/Users/{ada}"), display).await.status
    };

    for name in ["Ada\u{202E}nimda", "Ada\u{1B}[31m", "A\u{200B}da"] {
        let says = problem(renamed(name).await, 400);
        assert!(says.starts_with("payload.name contains the control or invisible character U+"), "{says}");
        assert_eq!(pushed(name).await, 400);
    }
    let in_a_name = json!({ "name": "renamed", "payload": { "name": "Ada", "a\u{202E}b": [1] } });
    problem(signal(&app, &ada, in_a_name).await, 400);
    assert_eq!(app.log("acme").await.len(), 1, "nothing was written");
    let name = "Ada 👩\u{200D}💻";
    assert_eq!(
        (renamed(name).await.expect(200)["fields"]["full_name"].as_str(), pushed(name).await),
        (Some(name), 200)
    );
}

#[tokio::test]
async fn a_signal_and_a_write_of_scim_at_once_are_both_made() {
    let app = TestApp::start().await;
    let acme = obeying(&app, json!({})).await;
    let ada = acme.user("ada").await;
    let mut senders = JoinSet::new();
    let path = format!("/tenants/acme/accounts/{ada}/signals");
    for round in 0..20 {
        let name = if round % 2 == 0 { "a" } else { "b" };
        let told = app.directory_request(Method::POST, &path).body(json!({ "name": name }).to_string());
        senders.spawn(Answer::of(told));
        let put = acme.request(Method::PUT, &format!("/Users/{ada}")).bearer_auth(&acme.token);
        let body = json!({ "schemas": [USER], "userName": "ada", "title": format!("title {round}") });
        senders.spawn(Answer::of(put.body(body.to_string())));
    }

    for answer in senders.join_all().await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    // Each version is one entry, and the last one is what there is.
    let log = app.log("acme").await;
    let record = acme.get(&format!("/Users/{ada}")).await.expect(200);
    assert_eq!(record["meta"]["version"], json!(format!("W/\"{}\"", log.len())));
    let account = read(&app, &format!("accounts/{ada}")).await;
    assert_eq!(log.last().unwrap()["after"]["account"]["state"], account["state"]);
}
