use std::path::Path;
use std::time::Duration;

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{Answer, TenantClient, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

const SENTENCE: &str = "The bearer token is missing or not valid";

/// Asks with these `Authorization` headers.
async fn asked_with(tenant: &TenantClient, headers: &[&str]) -> Answer {
    let mut request = tenant.request(Method::GET, "/Users");
    for header in headers {
        request = request.header("authorization", *header);
    }
    tenant.send(request).await
}

fn refused(answer: Answer) {
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.expect(401), error(401, None, SENTENCE));
}

/// One more token of `acme`: its client and its id.
async fn issued(app: &TestApp, acme: &TenantClient, new: Value) -> (TenantClient, String) {
    let token = app.admin_post("/tenants/acme/tokens", new).await.expect(201);
    let client = acme.with_token(token["token"].as_str().unwrap());
    (client, token["id"].as_str().unwrap().to_owned())
}

/// What operators are told of a token of `acme`.
async fn told(app: &TestApp, id: &str) -> Value {
    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    tokens["tokens"].as_array().unwrap().iter().find(|token| token["id"] == id).cloned().unwrap()
}

#[tokio::test]
async fn q14_a_token_opens_in_every_form_that_administrators_make_of_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let token = &acme.token;

    for header in [
        token.clone(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER  {token} "),
        format!("Bearer Bearer {token}"),
        format!("bearer Bearer bearer {token}"),
        format!("Bearer\t{token}"),
    ] {
        assert_eq!(asked_with(&acme, &[&header]).await.expect(200), nothing_found(), "{header}");
    }
}

#[tokio::test]
async fn anything_else_is_401_and_says_no_more_than_that() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let token = &acme.token;

    refused(asked_with(&acme, &[]).await);
    for header in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer mst_0000",
        "non-token",
        "Basic YWNtZTpzZWNyZXQ=",
        &format!("Basic {token}"),
        &format!("Token {token}"),
        &format!("Bearer {}", token.to_uppercase()),
        &format!("Bearer {token}x"),
        &format!("Bearer {}", &token[..token.len() - 1]),
        &format!("Bearer {}", token.trim_start_matches("mst_")),
        &format!("Bearer {token} {token}"),
        &format!("Bearer {token},"),
        &format!("Bearer {}", "x".repeat(10_000)),
        &format!("Bearer {}", muster_test_harness::ADMIN_KEY),
    ] {
        refused(asked_with(&acme, &[header]).await);
    }
    let umlaut = acme.request(Method::GET, "/Users").header("authorization", &b"Bearer \xfc"[..]);
    refused(acme.send(umlaut).await);
    let in_the_query = acme.request(Method::GET, &format!("/Users?access_token={token}"));
    refused(acme.send(in_the_query).await);
}

#[tokio::test]
async fn of_two_credentials_none_counts() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let (ours, theirs) = (format!("Bearer {}", acme.token), format!("Bearer {}", globex.token));

    for headers in [[&*ours, "Bearer x"], ["Bearer x", &*ours], [&*ours, &*theirs], [&*ours, &*ours]] {
        refused(asked_with(&acme, &headers).await);
    }
}

#[tokio::test]
async fn whoever_has_no_token_learns_nothing_of_what_is_served() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;

    for path in [
        "/Users".to_owned(),
        format!("/Users/{ada}"),
        "/Users/unknown".to_owned(),
        "/Nothing".to_owned(),
        "/Nothing/at/all".to_owned(),
        "/ServiceProviderConfig".to_owned(),
        "/Schemas".to_owned(),
        "/Me".to_owned(),
        "/Bulk".to_owned(),
        "/.search".to_owned(),
        String::new(),
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            refused(acme.send(acme.request(method, &path)).await);
        }
    }
}

#[tokio::test]
async fn several_tokens_live_side_by_side_so_that_they_can_be_rotated() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let first = app.admin_get("/tenants/acme/tokens").await.expect(200)["tokens"][0]["id"].clone();
    let (next, next_id) = issued(&app, &acme, json!({ "label": "rotated" })).await;
    assert_ne!(next.token, acme.token);
    let ada = acme.user("ada").await;

    next.get(&format!("/Users/{ada}")).await.expect(200);
    app.admin_delete(&format!("/tenants/acme/tokens/{}", first.as_str().unwrap())).await.expect(204);

    refused(acme.get("/Users").await);
    next.get(&format!("/Users/{ada}")).await.expect(200);
    let grace = next.user("grace").await;
    let log = app.log("acme").await;
    assert_eq!((&log[0]["actor"], &log[0]["id"]), (&json!({ "token": first }), &json!(ada)), "who did it");
    assert_eq!((&log[1]["actor"], &log[1]["id"]), (&json!({ "token": next_id }), &json!(grace)));
}

#[tokio::test]
async fn a_token_expires_by_the_clock() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (short, id) = issued(&app, &acme, json!({ "expires_in_s": 3600 })).await;

    app.advance(Duration::from_millis(3_599_999));
    short.get("/Users").await.expect(200);
    app.advance(Duration::from_millis(1));

    refused(short.get("/Users").await);
    acme.get("/Users").await.expect(200);
    let told = told(&app, &id).await;
    assert_eq!((&told["live"], &told["expires"]), (&json!(false), &json!("2026-11-03T15:03:00.000Z")));
}

#[tokio::test]
async fn a_revoked_token_opens_nothing_from_the_next_request_on() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (second, id) = issued(&app, &acme, json!({})).await;
    second.get("/Users").await.expect(200);
    let path = format!("/tenants/acme/tokens/{id}");

    app.admin_delete(&path).await.expect(204);

    refused(second.get("/Users").await);
    app.advance(Duration::from_secs(60));
    app.admin_delete(&path).await.expect(204);
    assert_eq!(told(&app, &id).await["revoked"], "2026-11-03T14:03:00.000Z", "revoking again changes nothing");
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_token_stands_in_no_file_and_in_no_metric() {
    let mut app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (second, id) = issued(&app, &acme, json!({ "label": "second" })).await;
    second.user("ada").await;
    app.admin_delete(&format!("/tenants/acme/tokens/{id}")).await.expect(204);
    refused(second.get("/Users").await);
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
    let told = app.admin_get("/tenants/acme/tokens").await.text;

    app.stop().await;

    let mut files = 0;
    for token in [&acme.token, &second.token] {
        let digits = token.strip_prefix("mst_").unwrap();
        let secret: Vec<u8> =
            (0..64).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
        assert!(!metrics.contains(digits) && !told.contains(digits));
        files = each_file(&app.data(), &mut |path, bytes| {
            for hidden in [digits.as_bytes(), &secret] {
                let found = bytes.windows(hidden.len()).any(|window| window == hidden);
                assert!(!found, "{} has a token", path.display());
            }
        });
    }
    assert!(files > 2, "the store and the keys");
    let key = std::fs::read(app.data().join("keys/token.key")).unwrap();
    each_file(&app.data().join("store"), &mut |path, bytes| {
        let found = bytes.windows(key.len()).any(|window| window == key);
        assert!(!found, "{} has the key that tokens are hashed with", path.display());
    });
}

/// Reads every file below a folder; how many there are.
fn each_file(folder: &Path, see: &mut impl FnMut(&Path, &[u8])) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += each_file(&path, see);
        } else {
            see(&path, &std::fs::read(&path).unwrap());
            files += 1;
        }
    }
    files
}
