//! Secrets: set, sealed, sent, and never shown.

use std::sync::Arc;

use muster_model::MAX_SECRETS_A_TENANT;
use muster_service::MAX_SECRET_BYTES;
use muster_test_harness::TestApp;
use serde_json::json;

use super::endpoint::{Answers, Endpoint, HOST, says};
use super::{SECRET, acme, calling, set_secret, told};

#[tokio::test]
async fn a_secret_is_listed_by_its_name_and_shown_nowhere() {
    let app = TestApp::start().await;
    acme(&app).await;
    let set =
        |name: &str, value: &str| app.admin_post("/tenants/acme/secrets", json!({ "name": name, "value": value }));

    let listed = set("api-key", SECRET).await;
    assert!(!listed.text.contains(SECRET));
    let listed = listed.expect(200);
    assert_eq!((&listed["secrets"][0]["name"], &listed["secrets"][0]["opens"]), (&json!("api-key"), &json!(true)));
    assert_eq!(app.admin_get("/tenants/acme/secrets").await.expect(200), listed);
    let again = set("api-key", "another-value").await.expect(200);
    assert_eq!(again["secrets"].as_array().unwrap().len(), 1, "it is replaced");

    for (name, value, detail) in [
        ("", "x", "the name of a secret is 1 to 64 visible ASCII characters"),
        ("a b", "x", "the name of a secret is 1 to 64 visible ASCII characters"),
        ("k", "", "a secret has 1 to 8192 bytes, this one has 0"),
        ("k", &"x".repeat(MAX_SECRET_BYTES + 1), "a secret has 1 to 8192 bytes, this one has 8193"),
        (
            "k",
            "a\r\nX-Evil: 1",
            "a secret is sent in a header, so it is visible ASCII characters, with spaces only between them",
        ),
    ] {
        assert_eq!(set(name, value).await.expect(400)["detail"], detail);
    }
    set("longest", &"x".repeat(MAX_SECRET_BYTES)).await.expect(200);
    for number in 2..MAX_SECRETS_A_TENANT {
        set(&format!("secret/{number}"), "value").await.expect(200);
    }
    let detail = "tenant acme has 64 secrets, and there can be no more";
    assert_eq!(set("one-more", "value").await.expect(400)["detail"], detail);
    set("api-key", "the-last-value").await.expect(200);

    let remove = |name: &str| app.admin_post("/tenants/acme/secrets/remove", json!({ "name": name }));
    let left = remove("secret/2").await.expect(200);
    assert_eq!(left["secrets"].as_array().unwrap().len(), MAX_SECRETS_A_TENANT - 1);
    let gone = remove("secret/2").await.expect(404);
    assert_eq!(gone["detail"], "there is no secret secret/2 of tenant acme");

    // Neither the store nor what is shown of the tenant has it.
    let shown = app.admin_get("/tenants/acme").await.text;
    assert!(!shown.contains("the-last-value"), "{shown}");
    let app = app.restart().await;
    let opens = app.admin_get("/tenants/acme/secrets").await.expect(200);
    assert!(opens["secrets"].as_array().unwrap().iter().all(|secret| secret["opens"] == true), "{opens}");
    for entry in std::fs::read_dir(app.data().join("store")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let secret = b"the-last-value";
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "it stands in the store");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_set_is_none_and_one_of_another_key_says_so() {
    let endpoint = Endpoint::start(HOST, says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
    let mut app = calling(&endpoint).start().await;
    acme(&app).await;
    assert_eq!(told(&app, "post", None).await, "the call failed: the secret api-key is not there");
    set_secret(&app, "other", SECRET).await;
    assert_eq!(told(&app, "post", None).await, "the call failed: the secret api-key is not there");
    set_secret(&app, "api-key", SECRET).await;
    assert_eq!(told(&app, "post", None).await, "done");

    app.stop().await;
    std::fs::remove_file(app.data().join("keys/secrets.key")).unwrap();
    let app = app.restart().await;
    let listed = app.admin_get("/tenants/acme/secrets").await.expect(200);
    assert!(listed["secrets"].as_array().unwrap().iter().all(|secret| secret["opens"] == false), "{listed}");
    let note = "the secret api-key was sealed with another key than keys/secrets.key, so it has to be set anew";
    assert_eq!(told(&app, "post", None).await, format!("the call failed: the secret api-key is not there ({note})"));
    set_secret(&app, "api-key", SECRET).await;
    assert_eq!(told(&app, "post", None).await, "done");
}

#[tokio::test]
async fn an_endpoint_that_repeats_what_it_was_sent_gives_nothing_away() {
    let echo: Answers = Arc::new(|request| {
        let secret = request.split("Bearer ").nth(1).unwrap().split("\r\n").next().unwrap();
        let body = format!("you sent {secret}");
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nX-Echo: it was {secret}\r\nContent-Length: {length}\r\n\r\n");
        (format!("{head}{body}").into_bytes(), false)
    });
    let endpoint = Endpoint::start(HOST, echo).await;
    let app = calling(&endpoint).start().await;
    acme(&app).await;
    set_secret(&app, "api-key", SECRET).await;

    let story = told(&app, "echo", None).await;

    assert!(endpoint.heard()[0].contains(SECRET));
    assert!(!story.contains(SECRET), "{story}");
    let placeholder = "muster-secret-";
    assert_eq!(story.matches(placeholder).count(), 2, "{story}");
}
