use std::time::Duration;

use muster_service::{IDEMPOTENCY_KEPT, MAX_IDEMPOTENCY_KEY_BYTES};
use muster_test_harness::{Answer, ServerProcess, TestApp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{problem, read};

async fn keyed(app: &TestApp, method: Method, id: &str, key: &str, body: Value) -> Answer {
    let request = app.directory_request(method, &format!("/tenants/acme/accounts/{id}/local"));
    Answer::of(request.header("idempotency-key", key).body(body.to_string())).await
}

#[tokio::test]
async fn a_write_that_is_sent_again_is_done_once_and_answered_the_same() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;

    let first = keyed(&app, Method::PATCH, &ada, "k1", json!({ "a": 1 })).await;
    keyed(&app, Method::PATCH, &ada, "k2", json!({ "a": 2 })).await.expect(200);
    let again = keyed(&app, Method::PATCH, &ada, "k1", json!({ "a": 1 })).await;
    let quoted = keyed(&app, Method::PATCH, &ada, "\"k1\"", json!({ "a": 1 })).await;

    assert_eq!(first.header("idempotent-replayed"), "");
    for replayed in [&again, &quoted] {
        assert_eq!(replayed.header("idempotent-replayed"), "true");
        assert_eq!((replayed.status, replayed.header("etag")), (200, first.header("etag")));
        assert_eq!((&replayed.body, replayed.header("content-type")), (&first.body, "application/json"));
    }
    assert_eq!(read(&app, &format!("accounts/{ada}/local")).await, json!({ "a": 2 }), "it was not done again");
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_tenant() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ada, eve) = (acme.user("ada").await, globex.user("eve").await);
    keyed(&app, Method::PATCH, &ada, "k1", json!({ "a": 1 })).await.expect(200);

    let says = "this Idempotency-Key came with another request before; a new request needs a new key";
    assert_eq!(problem(keyed(&app, Method::PATCH, &ada, "k1", json!({ "a": 2 })).await, 422), says);
    assert_eq!(problem(keyed(&app, Method::PUT, &ada, "k1", json!({ "a": 1 })).await, 422), says);
    let elsewhere = app.directory_request(Method::PATCH, &format!("/tenants/globex/accounts/{eve}/local"));
    let elsewhere = Answer::of(elsewhere.header("idempotency-key", "k1").body("{\"a\":1}")).await;
    assert_eq!((elsewhere.status, elsewhere.header("idempotent-replayed")), (200, ""));
    assert_eq!(read(&app, &format!("accounts/{ada}/local")).await, json!({ "a": 1 }));
}

#[tokio::test]
async fn a_refusal_is_an_answer_as_well_and_after_a_day_a_key_is_new() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;

    let refused = keyed(&app, Method::PUT, &ada, "k1", json!({ "a": {} })).await;
    let again = keyed(&app, Method::PUT, &ada, "k1", json!({ "a": {} })).await;
    assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &refused.body));
    assert_eq!(problem(again, 400), "a is not: a local attribute is a text, a number, a boolean, or a list of these");

    app.advance(IDEMPOTENCY_KEPT.checked_sub(Duration::from_millis(1)).unwrap());
    problem(keyed(&app, Method::PUT, &ada, "k1", json!({ "a": 1 })).await, 422);
    app.advance(Duration::from_millis(1));
    let new = keyed(&app, Method::PUT, &ada, "k1", json!({ "a": 1 })).await;
    assert_eq!((new.status, new.header("idempotent-replayed")), (200, ""));
}

#[tokio::test]
async fn a_body_that_cannot_be_read_uses_its_key_up_as_any_other() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    for (method, path) in
        [(Method::PUT, "/local"), (Method::PATCH, ""), (Method::POST, "/signals"), (Method::DELETE, "")]
    {
        let key = format!("{method}");
        let path = format!("/tenants/acme/accounts/{ada}{path}");
        let send = async |body: &'static str| {
            let request = app.directory_request(method.clone(), &path).header("idempotency-key", &key);
            Answer::of(request.body(body)).await
        };

        let (first, again, other) = (send("{\"a\":").await, send("{\"a\":").await, send("{}").await);

        assert_eq!((first.status, first.header("idempotent-replayed")), (400, ""), "{method}: {}", first.text);
        assert_eq!((again.header("idempotent-replayed"), &again.body), ("true", &first.body), "{method}");
        let says = "this Idempotency-Key came with another request before; a new request needs a new key";
        assert_eq!(problem(other, 422), says, "{method}");
    }
}

#[tokio::test]
async fn a_key_is_kept_over_a_restart_and_what_is_no_key_is_refused() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    keyed(&app, Method::PATCH, &ada, "k1", json!({ "a": 1 })).await.expect(200);
    let app = app.restart().await;

    let again = keyed(&app, Method::PATCH, &ada, "k1", json!({ "a": 1 })).await;

    assert_eq!(again.header("idempotent-replayed"), "true");
    keyed(&app, Method::PATCH, &ada, &"k".repeat(MAX_IDEMPOTENCY_KEY_BYTES), json!({ "b": 1 })).await.expect(200);
    for key in ["", "a b", &"k".repeat(MAX_IDEMPOTENCY_KEY_BYTES + 1)] {
        let refused = keyed(&app, Method::PATCH, &ada, key, json!({ "c": 1 })).await;
        assert_eq!(problem(refused, 400), "an Idempotency-Key has 1 to 128 visible ASCII characters", "{key:?}");
    }
    let request = app.directory_request(Method::PATCH, &format!("/tenants/acme/accounts/{ada}/local"));
    let twice = request.header("idempotency-key", "k8").header("idempotency-key", "k9").body("{\"c\":1}");
    problem(Answer::of(twice).await, 400);
    assert_eq!(read(&app, &format!("accounts/{ada}/local")).await, json!({ "a": 1, "b": 1 }));
}

/// Where the demo's directory is, and its key.
fn directory(server: &ServerProcess) -> (String, String) {
    let told = server.told.iter().find(|line| line["directory_base"].is_string()).expect("the demo tells it");
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (text("directory_base"), text("directory_key"))
}

/// A write to it; `None`: nobody answered.
async fn asked(
    (base, opens): (String, String),
    (method, path, key): (Method, String, String),
    body: Value,
) -> Option<(u16, bool, Value)> {
    let request = reqwest::Client::new().request(method, format!("{base}/tenants/standard-demo/{path}"));
    let request = request.bearer_auth(opens).header("idempotency-key", key).header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.ok()?;
    let (status, is_replayed) = (answer.status().as_u16(), answer.headers().contains_key("idempotent-replayed"));
    let text = answer.text().await.ok()?;
    Some((status, is_replayed, serde_json::from_str(&text).unwrap_or_default()))
}

/// Writes that are cut short by SIGKILL are sent again: each is done once, and is answered as the first would have been.
#[tokio::test]
async fn a_write_that_a_kill_has_cut_short_is_done_once_however_it_is_repeated() {
    let data = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::demo(data.path());
    let mut made = Vec::new();
    for round in 0..3 {
        let post = |n: usize| {
            let what = (Method::POST, "accounts".to_owned(), format!("made-{round}-{n}"));
            (what, json!({ "userName": format!("by-hand-{round}-{n}") }))
        };
        let mut asks = JoinSet::new();
        for n in 0..20 {
            let (what, body) = post(n);
            asks.spawn(asked(directory(&server), what, body));
        }
        // Wherever this cuts, what follows must hold.
        tokio::time::sleep(Duration::from_millis(20 + 40 * round)).await;
        server.kill();
        let _answered = asks.join_all().await;
        server = ServerProcess::demo(data.path());

        for n in 0..20 {
            let (what, body) = post(n);
            let (status, _, first) = asked(directory(&server), what.clone(), body.clone()).await.expect("it serves");
            let again = asked(directory(&server), what, body).await.expect("it serves");
            assert_eq!(status, 201, "{first}");
            assert_eq!(again, (201, true, first.clone()));
            made.push(first["id"].as_str().unwrap().to_owned());
        }
    }

    let remove = |id: &String| (Method::DELETE, format!("accounts/{id}"), format!("gone-{id}"));
    let mut asks = JoinSet::new();
    for id in &made {
        asks.spawn(asked(directory(&server), remove(id), json!({})));
    }
    tokio::time::sleep(Duration::from_millis(60)).await;
    server.kill();
    let _answered = asks.join_all().await;
    let server = ServerProcess::demo(data.path());
    for id in &made {
        let (status, _, says) = asked(directory(&server), remove(id), json!({})).await.expect("it serves");
        assert_eq!(status, 204, "{says}");
    }

    let mut events = std::collections::BTreeMap::<String, Vec<String>>::new();
    let mut after = 0;
    loop {
        let log = server.admin_get(&format!("/tenants/standard-demo/log?limit=1000&after={after}")).await.expect(200);
        let entries = log["entries"].as_array().unwrap();
        let Some(last) = entries.last() else { break };
        after = last["seq"].as_u64().unwrap();
        for entry in entries.iter().filter(|entry| entry["resource_type"] == "ManualUser") {
            let event = entry["event"].as_str().unwrap().to_owned();
            events.entry(entry["id"].as_str().unwrap().to_owned()).or_default().push(event);
        }
    }
    assert_eq!(events.len(), 60, "each was made once");
    assert!(events.values().all(|events| *events == ["created", "deleted"]), "{events:?}");
}
