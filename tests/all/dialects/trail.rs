//! The request trail: what an administrator reads when what arrived is not what was stored.

use std::time::Duration;

use muster_test_harness::{ADMIN_KEY, TestApp, USER, wasm};
use serde_json::{Map, Value, json};

use super::{tenant, trailed};

#[tokio::test]
async fn a_refused_request_is_kept_with_its_reason_and_without_its_values() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.advance(Duration::from_secs(60));

    let body = json!({ "schemas": [USER], "userName": "ada@example.com", "name": "Ada Byron" });
    let answer = acme.post("/Users", body).await;

    let mut kept = trailed(&app, "acme", &answer).await;
    assert!(kept["duration_us"].take().as_u64() > Some(0));
    assert_eq!(
        kept,
        json!({
            "seq": 1, "duration_us": null, "request": answer.header("x-request-id"), "at": "2026-11-03T14:04:00.000Z", "method": "POST", "path": "/Users",
            "status": 400, "scimType": "invalidValue", "detail": "name must be an object", "rewrites": [],
        })
    );
}

#[tokio::test]
async fn a_look_up_is_kept_without_its_question() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let answer = acme.find("/Users", "userName eq ada@example.com").await;
    let kept = trailed(&app, "acme", &answer).await;
    assert_eq!((&kept["path"], &kept["status"], kept["detail"].is_null()), (&json!("/Users"), &json!(200), true));
    assert_eq!(kept["rewrites"][0]["rule"], "bare-value");
    assert!(!kept.to_string().contains("ada"), "{kept}");

    let answer = acme.get("/Users/ada@example.com").await;
    let kept = trailed(&app, "acme", &answer).await;
    assert_eq!((&kept["path"], &kept["status"]), (&json!("/Users/..."), &json!(404)));
}

#[tokio::test]
async fn a_request_that_changes_nothing_still_tells_what_was_forgiven() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = acme.user("ada@example.com").await;
    let same = json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    acme.operations(&format!("/Users/{user}"), same.clone()).await.expect(200);
    let entries = app.log("acme").await.len();
    let answer = acme.operations(&format!("/Users/{user}"), same).await;
    let kept = trailed(&app, "acme", &answer).await;
    assert_eq!(app.log("acme").await.len(), entries, "nothing to log");
    assert_eq!(kept["path"], json!(format!("/Users/{user}")));
    assert_eq!(kept["rewrites"][1]["says"], "Entra by default: active \"True\", text read as boolean");
}

#[tokio::test]
async fn the_last_hundred_requests_are_told_and_older_ones_where_they_are_asked_for() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant("acme").await, app.tenant("other").await);
    let first = acme.get("/Users").await;
    let theirs = other.get("/Users?count=0").await;
    for _ in 0..200 {
        acme.get("/Users?count=0").await.expect(200);
    }
    let requests = app.admin_get("/tenants/acme/requests").await.expect(200);
    let kept = requests["requests"].as_array().unwrap();
    assert_eq!(kept.len(), 100);
    let all = app.admin_get("/tenants/acme/requests?limit=1000").await.expect(200);
    let all = all["requests"].as_array().unwrap();
    assert_eq!((all.len(), &all[200]["request"]), (201, &json!(first.header("x-request-id"))));
    assert!(all.iter().all(|request| request["request"] != theirs.header("x-request-id")));
    assert_eq!(trailed(&app, "other", &theirs).await["status"], 200);
    app.admin_get("/tenants/nobody/requests").await.expect(404);
}

#[tokio::test]
async fn one_request_takes_little_room_whatever_is_in_it() {
    let app = TestApp::start().await;
    let (lenient, strict) = (tenant(&app, "default").await, tenant(&app, "strict-rfc").await);
    let mut body: Map<String, Value> = (0..50).map(|number| (format!("unknown{number}"), json!(1))).collect();
    body.extend([("schemas".to_owned(), json!([USER])), ("userName".to_owned(), json!("ada@example.com"))]);
    let answer = lenient.post("/Users", Value::Object(body)).await;
    assert_eq!(answer.status, 201);
    assert_eq!(trailed(&app, "default", &answer).await["rewrites"].as_array().unwrap().len(), 20);

    let long = "\u{e9}".repeat(100_000);
    let answer = strict.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com", long: 1 })).await;
    assert_eq!((answer.status, &answer.body["scimType"]), (400, &json!("invalidSyntax")));
    assert!(answer.text.len() < 1024, "{}", answer.text.len());

    let names = ["\u{1F600}".repeat(200), "title".to_owned()].join(" ");
    let answer = strict.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com", names: 1 })).await;
    let kept = trailed(&app, "strict-rfc", &answer).await;
    let detail = kept["detail"].as_str().unwrap();
    assert!(detail.len() <= 512, "{}", detail.len());
    assert!(answer.body["detail"].as_str().unwrap().contains('\u{1F600}') && !detail.contains('\u{1F600}'), "{detail}");
}

#[tokio::test]
async fn the_command_line_shows_what_was_forgiven_under_each_request() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let found = acme.find("/Users", "userName eq ada").await;
    let refused = acme.post("/Users", json!({ "schemas": [USER] })).await;
    let [found, refused] = [&found, &refused].map(|answer| answer.header("x-request-id").to_owned());

    let mut command = std::process::Command::new(wasm::folder().join("muster"));
    command.args(["tenant", "requests", "acme", "--server", &app.admin, "--admin-key", ADMIN_KEY]);
    // On a thread of its own: this one runs the server that the command asks.
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();

    assert_eq!(
        String::from_utf8(ended.stdout).unwrap(),
        format!(
            "2026-11-03T14:03:00.000Z  {found}  GET    /Users  200\n    \
             Entra's documentation, authentik before 2025.10: userName, a value without quotes read as text\n\
             2026-11-03T14:03:00.000Z  {refused}  POST   /Users  400 invalidValue: userName is required\n"
        )
    );
}

#[tokio::test]
async fn whoever_has_no_token_of_a_tenant_leaves_no_trail_with_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.with_token("wrong").get("/Users").await.expect(401);
    let requests = app.admin_get("/tenants/acme/requests").await.expect(200);
    assert_eq!(requests, json!({ "requests": [] }));
}
