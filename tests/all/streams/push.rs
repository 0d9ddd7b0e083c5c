use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use muster_test_harness::{TestApp, TestAppBuilder};
use serde_json::json;

use super::*;
use crate::perform::endpoint::{Answers, Endpoint, HOST, says};

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
const SECRET: &str = "Bearer hunter22-and-more";

/// A server that takes the host for this endpoint.
fn pushing(endpoint: &Endpoint) -> TestAppBuilder {
    let mut builder = TestApp::builder().delivering();
    let delivery = &mut builder.config.delivery;
    delivery.ca_file = endpoint.ca_file.clone();
    delivery.hosts.insert(HOST.to_owned(), endpoint.address.to_string());
    (delivery.first_pause_ms, delivery.max_pause_s) = (10, 1);
    builder
}

async fn add(app: &TestApp, more: Value) {
    let mut new =
        json!({ "name": "siem", "push": format!("https://{HOST}/sets?tenant=acme"), "authorization": "siem-key" });
    new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.admin_post("/tenants/acme/secrets", json!({ "name": "siem-key", "value": SECRET })).await.expect(200);
    app.admin_post("/tenants/acme/streams", new).await.expect(201);
}

/// A task of the stream, once it stands so. The clock of a test stands still, and pauses end by it.
async fn standing(app: &TestApp, standing: &str) -> Value {
    for _ in 0..600 {
        let deliveries = app.admin_get(&format!("/tenants/acme/streams/siem/deliveries?standing={standing}")).await;
        if let Some(task) = deliveries.expect(200)["tasks"].as_array().unwrap().first() {
            return task.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", app.admin_get("/tenants/acme/streams/siem/deliveries").await.text);
}

/// The whole story of it, once somebody has answered.
async fn failed(app: &TestApp) -> Value {
    for _ in 0..600 {
        let tasks = app.admin_get("/tenants/acme/streams/siem/deliveries").await.expect(200);
        if let Some(task) = tasks["tasks"].as_array().unwrap().iter().find(|task| task["failure"].is_string()) {
            return task.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{}", app.admin_get("/tenants/acme/streams/siem/deliveries").await.text);
}

fn parts(request: &str) -> (&str, &str) {
    request.split_once("\r\n\r\n").unwrap()
}

#[tokio::test]
async fn a_token_is_sent_with_the_tenants_secret_and_believed_by_who_verifies_it() {
    let endpoint = Endpoint::start(HOST, says(ACCEPTED)).await;
    let app = pushing(&endpoint).start().await;
    let acme = app.tenant("acme").await;
    add(&app, json!({})).await;
    let id = acme.user("ada").await;

    let request = endpoint.first().await;
    let (head, token) = parts(&request);
    assert!(head.starts_with("POST /sets?tenant=acme HTTP/1.1\r\n"), "{head}");
    for line in [
        "\r\ncontent-type: application/secevent+jwt",
        "\r\naccept: application/json",
        &format!("\r\nauthorization: {SECRET}"),
    ] {
        assert!(head.contains(line), "{line:?} in {head}");
    }
    let claims = verified(token, &jwks(&app).await).unwrap();
    assert_eq!((events(&claims), &claims["sub_id"]["id"]), (vec!["prov:create:notice".to_owned()], &json!(id)));
    let done = standing(&app, "done").await;
    assert_eq!((&done["attempts"], &done["failure"]), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn each_error_that_a_receiver_can_name_is_told_and_decides_what_becomes_of_the_token() {
    for (err, is_parked) in [
        ("invalid_request", true),
        ("invalid_key", false),
        ("invalid_issuer", false),
        ("invalid_audience", false),
        ("authentication_failed", false),
        ("access_denied", false),
    ] {
        let body = json!({ "err": err, "description": format!("{SECRET} is not\nit") }).to_string();
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Language: en";
        let endpoint =
            Endpoint::start(HOST, says(&format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))).await;
        let app = pushing(&endpoint).start().await;
        let acme = app.tenant("acme").await;
        add(&app, json!({})).await;
        acme.user("ada").await;

        let task = failed(&app).await;
        assert_eq!(task["failure"], format!("it was answered 400 {err}: (hidden) is not it"));
        assert_eq!(task["standing"], if is_parked { "parked" } else { "waiting" }, "{err}");
    }
}

#[tokio::test]
async fn who_enters_and_leaves_what_a_stream_tells_of_is_told_by_push() {
    let endpoint = Endpoint::start(HOST, says(ACCEPTED)).await;
    let app = pushing(&endpoint).start().await;
    let acme = app.tenant("acme").await;
    add(&app, json!({ "scope": { "User": "title eq \"Countess\"" } })).await;
    let user = format!("/Users/{}", acme.user("ada").await);
    for title in ["Countess", "Duchess", "Queen"] {
        let operations = json!([{ "op": "replace", "path": "title", "value": title }]);
        acme.operations(&user, operations).await.expect(200);
    }
    settled(&app, "siem", "done", 2).await;

    let keys = jwks(&app).await;
    let told: Vec<Value> = endpoint.heard().iter().map(|it| verified(parts(it).1, &keys).unwrap()).collect();
    let names: Vec<Vec<String>> = told.iter().map(events).collect();
    assert_eq!(names, [["feed:add"], ["feed:remove"]]);
    assert!(told.iter().all(|claims| claims["sub_id"]["uri"] == user.as_str()), "{told:?}");
}

/// Answers 503 to the first ones.
fn fails_first(count: usize) -> Answers {
    let asked = AtomicUsize::new(0);
    Arc::new(move |_| {
        let text = if asked.fetch_add(1, Ordering::SeqCst) < count {
            "HTTP/1.1 503 No\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"
        } else {
            ACCEPTED
        };
        (text.as_bytes().to_vec(), false)
    })
}

#[tokio::test]
async fn a_token_that_is_sent_again_is_the_same_also_with_another_key() {
    let endpoint = Endpoint::start(HOST, fails_first(1)).await;
    let app = pushing(&endpoint).start().await;
    let acme = app.tenant("acme").await;
    add(&app, json!({})).await;
    acme.user("ada").await;
    failed(&app).await;
    let before = jwks(&app).await;
    app.admin_post("/tenants/acme/stream-keys/rotate", json!({})).await.expect(200);
    app.advance(Duration::from_mins(5));
    standing(&app, "done").await;

    let heard = endpoint.heard();
    assert_eq!(heard.len(), 2);
    let (first, second) = (parts(&heard[0]).1, parts(&heard[1]).1);
    let both = jwks(&app).await;
    assert_eq!(verified(first, &both).unwrap(), verified(second, &both).unwrap(), "they say the same");
    assert!(verified(second, &before).is_err(), "with another key");
    assert_eq!(both["keys"].as_array().unwrap().len(), 2, "what was on its way is verified still");
    app.advance(Duration::from_hours(24));
    let after = jwks(&app).await;
    assert!(verified(first, &after).is_err() && verified(second, &after).is_ok());
}

#[tokio::test]
async fn a_secret_that_is_not_there_sends_nothing_and_a_stream_that_is_off_waits() {
    let endpoint = Endpoint::start(HOST, says(ACCEPTED)).await;
    let app = pushing(&endpoint).start().await;
    let acme = app.tenant("acme").await;
    add(&app, json!({})).await;
    app.admin_post("/tenants/acme/secrets/remove", json!({ "name": "siem-key" })).await.expect(200);
    acme.user("ada").await;
    let task = failed(&app).await;
    assert_eq!(task["failure"], "the secret siem-key, which the stream sends, is not there");
    assert_eq!(endpoint.connections(), 0);

    app.admin_post("/tenants/acme/streams/siem/off", json!({})).await.expect(200);
    app.admin_put("/tenants/acme/streams/siem", json!({ "authorization": "" })).await.expect(200);
    app.advance(Duration::from_mins(5));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(endpoint.connections(), 0);
    app.admin_post("/tenants/acme/streams/siem/on", json!({})).await.expect(200);
    standing(&app, "done").await;
    assert!(!endpoint.first().await.contains("authorization"));
}

#[tokio::test]
async fn an_answer_that_is_no_answer_is_one_sentence_on_the_story() {
    let endless = format!("HTTP/1.1 400 No\r\nContent-Length: 9999999\r\n\r\n{}", "x".repeat(64 << 10));
    for (answer, says_so) in [
        (
            "HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            "it was answered 302, and a redirect is not followed",
        ),
        (endless.as_str(), "it was answered 400"),
        ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "it was answered 404"),
        ("nonsense\r\n\r\n", "api.granted.example did not answer as HTTP demands, or not to the end"),
    ] {
        let endpoint = Endpoint::start(HOST, says(answer)).await;
        let app = pushing(&endpoint).start().await;
        let acme = app.tenant("acme").await;
        add(&app, json!({})).await;
        acme.user("ada").await;
        let task = failed(&app).await;
        assert_eq!((&task["failure"], &task["standing"]), (&json!(says_so), &json!("waiting")));
    }
}
