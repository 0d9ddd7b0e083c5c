//! Q13 to Q15: content types, credentials, and the case of names.

use muster_test_harness::USER;
use muster_test_harness::messages::error;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ada, created, id, start};

#[tokio::test]
async fn q13_plain_json_is_read_and_answered_as_such_only_to_who_accepts_nothing_else() {
    let (_app, acme) = start().await;
    for (number, (content_type, accept, answered)) in [
        ("application/json", "application/json", "application/json"),
        ("application/scim+json", "application/scim+json", "application/scim+json"),
        ("application/json; charset=utf-8", "application/json; charset=utf-8", "application/json"),
        ("application/json", "application/scim+json, application/json", "application/scim+json"),
        ("application/json", "application/json, */*", "application/scim+json"),
        ("application/scim+json", "*/*", "application/scim+json"),
        ("application/scim+json", "text/html", "application/scim+json"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "schemas": [USER], "userName": format!("user{number}") });
        let request = acme.request(Method::POST, "/Users").bearer_auth(&acme.token);
        let request = request.header("content-type", content_type).header("accept", accept).body(body.to_string());
        let answer = acme.send(request).await;
        assert_eq!(answer.header("content-type"), answered, "{content_type}, {accept}");
        answer.expect(201);
    }
}

#[tokio::test]
async fn q14_the_token_opens_raw_with_one_bearer_with_two_and_with_blanks_around() {
    let (_app, acme) = start().await;
    let token = &acme.token;
    for header in [
        token.clone(),
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("Bearer Bearer {token}"),
        format!("  Bearer   {token}  "),
        format!("Bearer\t{token}"),
    ] {
        let request = acme.request(Method::GET, "/Users?startIndex=1&count=2").header("authorization", &header);
        acme.send(request).await.expect(200);
    }
}

#[tokio::test]
async fn q14_anything_else_is_401_in_json_and_never_a_redirect() {
    let (_app, acme) = start().await;
    let token = &acme.token;
    for header in [
        "9f8a7b6c5d4e3f2a".to_owned(),
        String::new(),
        "Bearer".to_owned(),
        "Bearer Bearer".to_owned(),
        format!("Basic {token}"),
        format!("Bearer {token}x"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {token}, Bearer {token}"),
    ] {
        let request = acme.request(Method::GET, "/Users").header("authorization", &header);
        let answer = acme.send(request).await;
        assert_eq!((answer.header("www-authenticate"), answer.header("location")), ("Bearer", ""));
        assert_eq!(answer.expect(401), error(401, None, "The bearer token is missing or not valid"));
    }
    let twice = acme.request(Method::GET, "/Users").header("authorization", "x").bearer_auth(token);
    assert_eq!(acme.send(twice).await.status, 401, "of two credentials none counts");
}

#[tokio::test]
async fn q15_a_user_name_that_differs_in_case_only_is_taken_and_found_and_told_as_it_was_stored() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let own = user.trim_start_matches("/Users/");

    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "ADA@Example.com" })).await;
    assert_eq!(refused.expect(409), error(409, Some("uniqueness"), "userName is already in use"));

    for name in ["ADA@Example.com", "ada@example.com"] {
        let found = acme.find("/Users", &format!("userName eq \"{name}\"")).await.expect(200);
        assert_eq!((id(&found["Resources"][0]), &found["Resources"][0]["userName"]), (own, &json!("ada@example.com")));
    }

    let rename = json!([{ "op": "replace", "path": "userName", "value": "Ada@Example.com" }]);
    assert_eq!(acme.operations(&user, rename).await.expect(200)["userName"], "Ada@Example.com");
    assert_eq!(acme.get(&user).await.expect(200)["userName"], "Ada@Example.com");
}

#[tokio::test]
async fn q15_ids_and_external_ids_are_case_exact() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let mut other = ada();
    other["userName"] = json!("other@example.com");
    other["externalId"] = json!("0F1C9D2E-2A3B");
    let other: Value = acme.post("/Users", other).await.expect(201);

    assert_eq!(acme.ids("/Users", "externalId eq \"0F1C9D2E-2A3B\"").await, [id(&other)]);
    acme.get(&user.to_uppercase().replace("/USERS", "/Users")).await.expect(404);
    let shouted = format!("id eq \"{}\"", id(&other).to_uppercase());
    assert_eq!(acme.ids("/Users", &shouted).await, [] as [&str; 0]);
}
