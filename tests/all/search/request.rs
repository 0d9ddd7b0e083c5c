//! `POST .../.search` (RFC 7644 §3.4.3).

use muster_test_harness::TenantClient;
use muster_test_harness::messages::{error, nothing_found};
use reqwest::Method;
use serde_json::{Value, json};

use super::{names, start, user};

const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

async fn three(acme: &TenantClient) {
    for (name, title) in [("cleo", "Queen"), ("ada", "Countess"), ("bea", "Countess")] {
        user(acme, name, json!({ "title": title, "emails": [{ "value": format!("{name}@x.org"), "type": "work" }] }))
            .await;
    }
}

#[tokio::test]
async fn a_search_answers_what_the_same_query_string_would() {
    let (_app, acme) = start().await;
    three(&acme).await;
    let body = json!({
        "schemas": [SEARCH_REQUEST],
        "attributes": ["userName", "emails.value"],
        "filter": "title eq \"countess\"",
        "sortBy": "userName",
        "sortOrder": "descending",
        "startIndex": 2,
        "count": 10,
    });
    let query = "filter=title eq \"countess\"&sortBy=userName&sortOrder=descending&startIndex=2&count=10";

    let searched = acme.post("/Users/.search", body).await;

    assert_eq!(searched.header("content-type"), "application/scim+json");
    let searched = searched.expect(200);
    assert_eq!(searched, acme.get(&format!("/Users?{query}&attributes=userName,emails.value")).await.expect(200));
    assert_eq!(
        (names(&searched), &searched["totalResults"], &searched["startIndex"]),
        (vec!["ada"], &json!(2), &json!(2))
    );
    let ada = &searched["Resources"][0];
    let members: Vec<&str> = ada.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        (members, &ada["emails"]),
        (vec!["schemas", "id", "userName", "emails"], &json!([{ "value": "ada@x.org" }]))
    );
    let fewer = json!({ "schemas": [SEARCH_REQUEST], "excludedAttributes": ["emails", "meta", "title"], "count": 1 });
    let fewer = acme.post("/Users/.search", fewer).await.expect(200);
    let members: Vec<_> = fewer["Resources"][0].as_object().unwrap().keys().collect();
    assert!(members.iter().all(|name| !["emails", "meta", "title"].contains(&name.as_str())), "{members:?}");
}

#[tokio::test]
async fn a_search_without_anything_lists_all() {
    let (_app, acme) = start().await;
    assert_eq!(acme.post("/Users/.search", json!({})).await.expect(200), nothing_found());
    three(&acme).await;
    for body in
        [json!({}), json!({ "schemas": [SEARCH_REQUEST] }), json!({ "filter": null, "count": null, "other": 7 })]
    {
        assert_eq!(acme.post("/Users/.search", body).await.expect(200), acme.get("/Users").await.expect(200));
    }
    assert_eq!(acme.post("/users/.search", json!({ "count": 0 })).await.expect(200)["totalResults"], 3);
}

#[tokio::test]
async fn clients_may_write_a_search_as_loosely_as_a_query_string() {
    let (_app, acme) = start().await;
    three(&acme).await;
    for body in [
        json!({ "Filter": "userName eq ada", "SORTBY": "userName", "Count": "1", "startindex": "1" }),
        json!({ "schemas": [], "filter": "userName eq \"ada\"", "attributes": "userName,title" }),
        json!({ "schemas": ["urn:example:other"], "filter": "userName eq \"ada\"", "attributes": ["userName", "nothing"] }),
        json!({ "filter": "emails[type eq \"work\"].value eq \"ada@x.org\"", "count": 7000, "startIndex": -3 }),
    ] {
        assert_eq!(names(&acme.post("/Users/.search", body.clone()).await.expect(200)), ["ada"], "{body}");
    }
    let query_string =
        acme.post("/Users/.search?filter=userName eq \"bea\"&count=0", json!({ "filter": "title eq \"Queen\"" }));
    assert_eq!(names(&query_string.await.expect(200)), ["cleo"], "the query string is not looked at");
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_told_by_its_name() {
    let (_app, acme) = start().await;
    for (body, scim_type, detail) in [
        (json!([]), "invalidSyntax", "a search request must be an object"),
        (json!("filter"), "invalidSyntax", "a search request must be an object"),
        (json!({ "filter": ["userName pr"] }), "invalidSyntax", "filter must be a string"),
        (json!({ "sortBy": { "path": "userName" } }), "invalidSyntax", "sortBy must be a string"),
        (json!({ "sortBy": "userName", "sortOrder": 1 }), "invalidSyntax", "sortOrder must be a string"),
        (json!({ "attributes": [["userName"]] }), "invalidSyntax", "attributes must be an array of strings"),
        (json!({ "excludedAttributes": 7 }), "invalidSyntax", "excludedAttributes must be an array of strings"),
        (json!({ "count": [] }), "invalidSyntax", "count must be a number"),
        (json!({ "count": 1.5 }), "invalidValue", "count is not a whole number"),
        (json!({ "startIndex": "first" }), "invalidValue", "startIndex is not a whole number"),
        (json!({ "cursor": 7 }), "invalidSyntax", "cursor must be a string"),
        (json!({ "cursor": "", "count": "many" }), "invalidCount", "count is not a whole number"),
        (json!({ "sortBy": "nothing" }), "invalidPath", "sortBy names no attribute of what is listed"),
    ] {
        for path in ["/.search", "/Users/.search"] {
            let refused = acme.post(path, body.clone()).await.expect(400);
            assert_eq!(refused, error(400, Some(scim_type), detail), "{path} {body}");
        }
    }
    let refused = acme.post("/Users/.search", json!({ "filter": "userName eq" })).await.expect(400);
    assert_eq!(refused["scimType"], "invalidFilter");
}

#[tokio::test]
async fn a_search_has_the_limits_of_a_query_string() {
    let (_app, acme) = start().await;
    let filter = |bytes: usize| json!({ "filter": format!("userName eq \"{}\"", "x".repeat(bytes - 14)) });
    acme.post("/.search", filter(8192)).await.expect(200);
    assert_eq!(acme.post("/.search", filter(8193)).await.expect(400)["scimType"], "invalidFilter");
    let deep = json!({ "filter": format!("{}userName pr{}", "(".repeat(100_000), ")".repeat(100_000)) });
    assert_eq!(acme.post("/.search", deep).await.expect(400)["scimType"], "invalidFilter");
    let attributes = |bytes: usize| json!({ "attributes": ["x".repeat(bytes - 3), "id"] });
    acme.post("/.search", attributes(16 << 10)).await.expect(200);
    let refused = acme.post("/.search", attributes((16 << 10) + 1)).await.expect(400);
    assert_eq!(refused, error(400, Some("invalidValue"), "attributes is longer than 16384 bytes"));
    let excluded = json!({ "excludedAttributes": vec!["userName"; 60_000] });
    let refused = acme.post("/.search", excluded).await.expect(400);
    assert_eq!(refused, error(400, Some("invalidValue"), "excludedAttributes is longer than 16384 bytes"));
    let body = json!({ "filter": "x".repeat(1 << 20) });
    acme.post("/.search", body).await.expect(413);
    let twice = acme.request(Method::POST, "/.search").bearer_auth(&acme.token).body(r#"{"count":1,"COUNT":2}"#);
    assert_eq!(acme.send(twice).await.expect(400)["scimType"], "invalidSyntax");
}

#[tokio::test]
async fn a_search_is_posted_as_json_to_what_can_be_searched() {
    let (_app, acme) = start().await;
    for path in ["/.search", "/Users/.search", "/Groups/.search"] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
            let refused = acme.send(acme.request(method.clone(), path).bearer_auth(&acme.token)).await;
            assert_eq!(refused.header("allow"), "POST", "{method} {path}");
            assert_eq!(
                refused.expect(405),
                error(405, None, &format!("{method} is not possible here; possible: POST"))
            );
        }
        let text = acme.request(Method::POST, path).bearer_auth(&acme.token).header("content-type", "text/plain");
        acme.send(text.body("{}")).await.expect(415);
        let empty = acme.request(Method::POST, path).bearer_auth(&acme.token);
        assert_eq!(acme.send(empty).await.expect(400)["scimType"], "invalidSyntax");
    }
    assert_eq!(acme.post("/Nothing/.search", json!({})).await.expect(404)["detail"], "there is nothing at /Nothing");
    for path in ["/Schemas/.search", "/ResourceTypes/.search"] {
        acme.post(path, json!({})).await.expect(405);
    }
}

/// Whatever is sent, the answer is a list or an error in the form of the RFC.
#[tokio::test]
async fn every_mixture_of_members_is_answered_in_form() {
    let (_app, acme) = start().await;
    three(&acme).await;
    let values = [
        json!(null),
        json!(""),
        json!("userName"),
        json!(-1),
        json!(2.5),
        json!([]),
        json!(["id"]),
        json!({}),
        json!(true),
    ];
    for name in [
        "filter",
        "sortBy",
        "sortOrder",
        "cursor",
        "count",
        "startIndex",
        "attributes",
        "excludedAttributes",
        "schemas",
    ] {
        for value in &values {
            let body = json!({ "sortBy": "userName", "cursor": null, name: value });
            let answer = acme.post("/.search", body.clone()).await;
            match answer.status {
                200 => assert!(answer.body["Resources"].is_array(), "{body}"),
                400 => assert_eq!(
                    (&answer.body["status"], answer.body["detail"].is_string()),
                    (&json!("400"), true),
                    "{body}"
                ),
                other => panic!("{body}: {other} {}", answer.text),
            }
            let is_form = |schema: &Value| {
                schema.as_str().is_some_and(|urn| urn.starts_with("urn:ietf:params:scim:api:messages:2.0:"))
            };
            assert!(is_form(&answer.body["schemas"][0]), "{body}");
        }
    }
}

#[tokio::test]
async fn what_a_search_needed_is_kept_with_it_and_a_strict_tenant_refuses_it() {
    let (app, acme) = start().await;
    three(&acme).await;
    let loose = json!({ "Count": "1", "filter": "userName eq ada", "attributes": "userName", "other": 7 });

    let answer = acme.post("/Users/.search", loose).await;
    assert_eq!(names(&answer.body), ["ada"]);
    let kept = app.admin_get("/tenants/acme/requests").await.expect(200);
    let is_ours = |request: &&Value| request["request"] == answer.header("x-request-id");
    let ours = kept["requests"].as_array().unwrap().iter().find(is_ours).expect("every request is kept");
    let rules: Vec<&str> =
        ours["rewrites"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect();
    let needed = [
        "message-without-schemas",
        "attribute-name-case",
        "number-as-text",
        "list-as-single",
        "extra-member",
        "bare-value",
    ];
    assert_eq!(rules, needed, "{ours}");

    app.admin_put("/tenants/acme/scim", json!({ "profile": "strict-rfc" })).await.expect(200);
    for (member, scim_type, detail) in [
        (json!({ "count": "1" }), "invalidValue", "count must be a number"),
        (json!({ "attributes": "userName" }), "invalidValue", "attributes must be an array"),
        (json!({ "other": 7 }), "invalidSyntax", "other is not a member of this message"),
        (json!({ "schemas": [] }), "invalidSyntax", "schemas must name the schema of the message"),
    ] {
        let mut body = json!({ "schemas": [SEARCH_REQUEST] });
        body.as_object_mut().unwrap().extend(member.as_object().unwrap().clone());
        let refused = acme.post("/.search", body).await.expect(400);
        assert_eq!(refused, error(400, Some(scim_type), detail));
    }
    let strict =
        json!({ "schemas": [SEARCH_REQUEST], "filter": "userName eq \"ada\"", "attributes": ["userName"], "count": 1 });
    assert_eq!(names(&acme.post("/Users/.search", strict).await.expect(200)), ["ada"]);
}
