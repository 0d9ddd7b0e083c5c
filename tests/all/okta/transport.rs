//! 1.1 and 1.13: credentials, headers, and that every answer is JSON.

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use reqwest::Method;
use serde_json::json;

use super::{Okta, ada, counters};

#[tokio::test]
async fn the_token_opens_in_every_form_in_which_an_okta_app_sends_it() {
    let (_app, acme) = Okta::start().await;
    let token = &acme.tenant.token;
    for header in [
        format!("Bearer {token}"),        // "HTTP Header": Okta adds the word
        token.clone(),                    // "Header Auth": verbatim
        format!("Bearer Bearer {token}"), // the admin typed the word where Okta adds it
        format!("bearer {token}"),
    ] {
        let request = acme.request(Method::GET, "/Users?startIndex=1&count=2").header("authorization", &header);
        let list = acme.tenant.send(request).await.expect(200);
        assert_eq!(counters(&list), [0, 1, 0], "{header}");
    }
}

#[tokio::test]
async fn a_wrong_credential_is_told_as_401_with_a_scim_error() {
    let (_app, acme) = Okta::start().await;
    let told = error(401, None, "The bearer token is missing or not valid");
    for header in [Some("non-token"), Some("Bearer non-token"), Some("Basic YWRhOnNlY3JldA=="), Some("Bearer "), None] {
        let request = acme.request(Method::GET, "/Users?startIndex=1&count=2");
        let request = header.into_iter().fold(request, |request, header| request.header("authorization", header));
        let answer = acme.tenant.send(request).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{header:?}");
        assert_eq!(answer.header("content-type"), "application/scim+json");
        assert_eq!(answer.expect(401), told);
    }
}

#[tokio::test]
async fn every_content_type_that_okta_uses_is_read_and_answered_with_scim_json() {
    let (_app, acme) = Okta::start().await;
    for (number, (content_type, accept)) in [
        ("application/scim+json; charset=utf-8", "application/scim+json"),
        ("application/json", "application/scim+json; charset=utf-8"), // the SPEC test suite
        ("text/json", "application/scim+json"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "schemas": [USER], "userName": format!("user{number}@example.com") });
        let request = acme.tenant.request(Method::POST, "/Users").bearer_auth(&acme.tenant.token);
        let request = request.header("content-type", content_type).header("accept", accept).body(body.to_string());
        let answer = acme.tenant.send(request).await;
        assert_eq!(answer.header("content-type"), "application/scim+json", "{content_type}");
        assert_eq!(answer.expect(201)["userName"], body["userName"]);
    }
}

/// `Bad Gateway. Errors reported by remote server: Invalid JSON: Unrecognized token` is what Okta makes of anything else.
#[tokio::test]
async fn whatever_goes_wrong_is_told_in_json_with_a_sentence_to_show() {
    let (app, acme) = Okta::start().await;
    let id = acme.post("/Users", &ada()).await.expect(201)["id"].as_str().unwrap().to_owned();
    let user = format!("/Users/{id}");
    let nowhere = acme.tenant.at(&format!("{}/nowhere", app.scim));
    let answers = [
        (404, acme.get("/Users/7b2e").await),
        (404, acme.get("/Nothing").await),
        (404, nowhere.get("/Users").await),
        (405, acme.put("/Users", &ada()).await),
        (405, acme.post(&user, &ada()).await),
        (409, acme.post("/Users", &ada()).await),
        (400, acme.get("/Users?filter=userName is \"ada\"").await),
        (400, acme.get("/Users?startIndex=first").await),
        (400, acme.post("/Users", &json!({ "schemas": [USER] })).await),
        (400, acme.put(&user, &json!({ "schemas": [USER] })).await),
        (400, acme.operations(&user, json!([{ "op": "move", "path": "title" }])).await),
        (400, acme.post("/Users", &json!("ada")).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.header("content-type"), "application/scim+json", "{}", answer.text);
        let told = answer.expect(status);
        let detail = told["detail"].as_str().unwrap();
        assert!((1..=120).contains(&detail.len()), "short enough for a task's row: {detail}");
        assert_eq!(told, error(status, told["scimType"].as_str(), detail));
    }
}

/// Okta refuses such a base URL when it is typed in.
#[tokio::test]
async fn no_base_url_has_an_underscore() {
    let (app, acme) = Okta::start().await;
    assert_eq!(acme.tenant.base, format!("{}/scim/v2", app.scim));
    let named = acme.tenant.at(&format!("{}/t/acme/scim/v2", app.scim));
    named.get("/Users?startIndex=1&count=2").await.expect(200);

    let refused = app.admin_post("/tenants", json!({ "name": "acme_corp", "plugin": "standard", "config": {} })).await;

    assert_eq!(refused.status, 400, "{}", refused.text);
}

/// An Okta org sends several requests at once; the default limit must not be met by one of them.
#[tokio::test]
async fn a_burst_of_an_import_is_not_throttled() {
    let app = TestApp::start().await;
    let acme = Okta { tenant: app.tenant("acme").await };
    for _ in 0..60 {
        acme.get("/Users?startIndex=1&count=100").await.expect(200);
    }
}
