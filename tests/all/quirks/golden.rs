//! 0.1: the answers that all identity providers share: status, headers and body.

use std::time::Duration;

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{Answer, GROUP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ada, created, id, start};

async fn conditional(acme: &TenantClient, method: Method, path: &str, tag: &str, body: &Value) -> Answer {
    let request = acme.request(method, path).bearer_auth(&acme.token).header("if-match", tag);
    acme.send(request.header("content-type", "application/scim+json").body(body.to_string())).await
}

#[tokio::test]
async fn a_post_is_201_with_location_version_media_type_and_the_whole_resource() {
    let (_app, acme) = start().await;
    for (endpoint, resource_type, body) in [
        ("/Users", "User", ada()),
        ("/Groups", "Group", json!({ "schemas": [GROUP], "displayName": "Engineering", "externalId": "e" })),
    ] {
        let answer = acme.post(endpoint, body.clone()).await;
        let headers = ["content-type", "etag", "location"].map(|name| answer.header(name).to_owned());
        assert!(!answer.header("x-request-id").is_empty());
        let made = answer.expect(201);
        let location = format!("{}{endpoint}/{}", acme.base, id(&made));
        assert_eq!(headers, ["application/scim+json".to_owned(), "W/\"1\"".to_owned(), location.clone()]);
        let meta = json!({
            "resourceType": resource_type,
            "created": "2026-11-03T14:03:00.000Z",
            "lastModified": "2026-11-03T14:03:00.000Z",
            "location": location,
            "version": "W/\"1\"",
        });
        assert_eq!(made["meta"], meta);
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&made[name], value, "{name}");
        }
        let read = acme.get(&format!("{endpoint}/{}", id(&made))).await;
        assert_eq!((read.header("content-type"), read.header("etag")), ("application/scim+json", "W/\"1\""));
        assert_eq!(read.expect(200), made);
    }
}

#[tokio::test]
async fn a_list_without_a_match_has_its_resources_and_numbers() {
    let (_app, acme) = start().await;
    let answer = acme.find("/Users", "userName eq \"nobody\"").await;
    assert_eq!(answer.header("content-type"), "application/scim+json");
    let expected = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}"#;
    assert_eq!(answer.text, expected);
    assert_eq!(answer.expect(200), nothing_found());
}

#[tokio::test]
async fn put_and_patch_answer_the_resource_as_it_is_after_the_change() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    app.advance(Duration::from_mins(1));

    let mut body = ada();
    body["title"] = json!("Countess");
    let put = acme.put(&user, body).await;
    assert_eq!(put.header("etag"), "W/\"2\"");
    let put = put.expect(200);
    assert_eq!((&put["title"], &put["meta"]["lastModified"]), (&json!("Countess"), &json!("2026-11-03T14:04:00.000Z")));
    assert_eq!(acme.get(&user).await.expect(200), put);

    app.advance(Duration::from_mins(1));
    let patched = acme.operations(&user, json!([{ "op": "replace", "path": "title", "value": "Analyst" }])).await;
    assert_eq!(patched.header("etag"), "W/\"3\"");
    let patched = patched.expect(200);
    assert_eq!((&patched["title"], &patched["meta"]["version"]), (&json!("Analyst"), &json!("W/\"3\"")));
    assert_eq!(patched["meta"]["created"], "2026-11-03T14:03:00.000Z");
    assert_eq!(acme.get(&user).await.expect(200), patched);
}

/// Members may be left out of an answer, but 100 of them are not too many to show.
#[tokio::test]
async fn a_patch_of_a_group_answers_it_and_one_of_more_than_100_members_has_no_body_unless_asked_for() {
    let (_app, acme) = start().await;
    let mut users = Vec::new();
    for number in 0..101 {
        users.push(acme.user(&format!("user{number}")).await);
    }
    let hundred: Vec<&str> = users[..100].iter().map(String::as_str).collect();
    let group = acme.group("Everyone", &hundred).await;
    let path = format!("/Groups/{group}");
    let rename = |name: &str| json!([{ "op": "replace", "path": "displayName", "value": name }]);

    let shown = acme.operations(&path, rename("All")).await.expect(200);
    assert_eq!((&shown["displayName"], shown["members"].as_array().unwrap().len()), (&json!("All"), 100));

    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": users[100] }] }]);
    let large = acme.operations(&path, add).await;
    assert_eq!((large.status, large.text.as_str(), large.header("etag")), (204, "", "W/\"3\""));
    assert_eq!(acme.members(&group).await, users);

    let without = acme.operations(&format!("{path}?excludedAttributes=members"), rename("Us")).await.expect(200);
    assert_eq!((&without["displayName"], without.get("members")), (&json!("Us"), None));
    let named = acme.operations(&format!("{path}?attributes=displayName"), rename("We")).await.expect(200);
    assert_eq!(named, json!({ "schemas": [GROUP], "id": group, "displayName": "We" }));
}

#[tokio::test]
async fn a_delete_is_204_without_a_body_and_then_404() {
    let (_app, acme) = start().await;
    let group = format!("/Groups/{}", acme.group("Engineering", &[]).await);
    for path in [created(&acme).await, group] {
        let gone = acme.delete(&path).await;
        assert_eq!((gone.status, gone.text.as_str(), gone.header("content-type")), (204, "", ""));
        let told = error(404, None, &format!("Resource {} not found", &path[path.rfind('/').unwrap() + 1..]));
        for answer in [
            acme.get(&path).await,
            acme.delete(&path).await,
            acme.put(&path, ada()).await,
            acme.operations(&path, json!([{ "op": "remove", "path": "title" }])).await,
        ] {
            assert_eq!(answer.header("content-type"), "application/scim+json");
            assert_eq!(answer.expect(404), told);
        }
    }
}

#[tokio::test]
async fn no_credential_is_401_with_a_challenge_and_a_sentence() {
    let (_app, acme) = start().await;
    for (method, path) in [
        (Method::GET, "/Users"),
        (Method::POST, "/Users"),
        (Method::DELETE, "/Users/7b2e"),
        (Method::GET, "/Schemas"),
        (Method::GET, "/ServiceProviderConfig"),
        (Method::POST, "/Bulk"),
        (Method::PUT, "/Users"),
        (Method::GET, "/Nothing"),
        (Method::GET, "/Users/7b2e/groups"),
    ] {
        let answer = acme.send(acme.request(method, path)).await;
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{path}");
        assert_eq!(answer.header("content-type"), "application/scim+json");
        assert_eq!(answer.expect(401), error(401, None, "The bearer token is missing or not valid"));
    }
}

#[tokio::test]
async fn what_is_not_there_is_404_also_outside_of_every_tenant() {
    let (app, acme) = start().await;
    let outside = acme.at(&app.scim);
    for (client, path, detail) in [
        (&acme, "/Users/7b2e", "Resource 7b2e not found"),
        (
            &acme,
            "/Groups/019b0000-0000-7000-8000-000000000001",
            "Resource 019b0000-0000-7000-8000-000000000001 not found",
        ),
        (&acme, "/Nothing", "there is nothing at /Nothing"),
        (&acme, "/Nothing/7b2e", "there is nothing at /Nothing"),
        (&acme, "/Users/7b2e/groups", "there is nothing at /Users/7b2e/groups"),
        (&outside, "/nowhere/Users", "there is nothing at /nowhere/Users"),
        (&outside, "/scim/v1/Users", "there is nothing at /scim/v1/Users"),
    ] {
        let answer = client.get(path).await;
        assert_eq!(answer.header("content-type"), "application/scim+json", "{path}");
        assert_eq!(answer.expect(404), error(404, None, detail), "{path}");
    }
}

#[tokio::test]
async fn a_verb_that_is_not_possible_is_405_and_tells_which_are() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let user = user.as_str();
    for (method, path, allow) in [
        (Method::PUT, "/Users", "GET, POST"),
        (Method::DELETE, "/Groups", "GET, POST"),
        (Method::PATCH, "/Users", "GET, POST"),
        (Method::POST, user, "GET, PUT, PATCH, DELETE"),
        (Method::POST, "/Schemas", "GET"),
        (Method::DELETE, "/ResourceTypes/User", "GET"),
        (Method::PUT, "/ServiceProviderConfig", "GET"),
    ] {
        let answer = acme.send(acme.request(method.clone(), path).bearer_auth(&acme.token)).await;
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
        let detail = format!("{method} is not possible here; possible: {allow}");
        assert_eq!(answer.expect(405), error(405, None, &detail));
    }
}

#[tokio::test]
async fn a_taken_name_is_409_uniqueness() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let other = acme.user("other@example.com").await;
    let told = error(409, Some("uniqueness"), "userName is already in use");
    let rename = json!([{ "op": "replace", "path": "userName", "value": "other@example.com" }]);
    let mut put = ada();
    put["userName"] = json!("other@example.com");

    assert_eq!(acme.post("/Users", ada()).await.expect(409), told);
    assert_eq!(acme.operations(&user, rename).await.expect(409), told);
    assert_eq!(acme.put(&user, put).await.expect(409), told);

    assert_eq!(acme.ids("/Users", "userName eq \"other@example.com\"").await, [other]);
    assert_eq!(acme.get(&user).await.expect(200)["userName"], "ada@example.com");
}

#[tokio::test]
async fn if_match_with_another_version_is_412_and_changes_nothing_and_with_the_right_one_succeeds() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let stale = error(412, None, "the resource has changed since the version that If-Match names; read it again");
    let title = json!({ "Operations": [{ "op": "replace", "path": "title", "value": "Countess" }] });
    for tag in ["W/\"7\"", "\"other\""] {
        for (method, body) in [(Method::PATCH, &title), (Method::PUT, &ada()), (Method::DELETE, &json!({}))] {
            assert_eq!(conditional(&acme, method, &user, tag, body).await.expect(412), stale);
        }
    }
    assert_eq!(acme.get(&user).await.expect(200)["meta"]["version"], "W/\"1\"");

    conditional(&acme, Method::PATCH, &user, "W/\"1\"", &title).await.expect(200);
    conditional(&acme, Method::PUT, &user, "\"1\", W/\"2\"", &ada()).await.expect(200);
    conditional(&acme, Method::DELETE, &user, "*", &json!({})).await.expect(204);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_below_it_is_read() {
    let mut builder = TestApp::builder();
    builder.config.limits.body_bytes = 2048;
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    let of_size = |size: usize| {
        let body = json!({ "schemas": [USER], "userName": format!("user{size}"), "title": "" }).to_string();
        body.replace("\"title\":\"\"", &format!("\"title\":\"{}\"", "x".repeat(size - body.len())))
    };
    let post = async |body: String| {
        let request = acme.request(Method::POST, "/Users").bearer_auth(&acme.token);
        acme.send(request.header("content-type", "application/scim+json").body(body)).await
    };

    post(of_size(2048)).await.expect(201);
    let answer = post(of_size(2049)).await;

    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.expect(413), error(413, None, "the body is larger than 2048 bytes"));
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 1);
}

#[tokio::test]
async fn a_body_that_says_it_is_no_json_is_415_and_one_that_is_none_is_400() {
    let (_app, acme) = start().await;
    let post = async |content_type: &str, body: &str| {
        let request = acme.request(Method::POST, "/Users").bearer_auth(&acme.token);
        acme.send(request.header("content-type", content_type).body(body.to_owned())).await
    };
    for content_type in ["text/xml", "application/x-www-form-urlencoded", "application/jsonx", "x"] {
        let answer = post(content_type, &ada().to_string()).await;
        assert_eq!(answer.header("content-type"), "application/scim+json");
        let detail = "Content-Type must be application/scim+json or application/json";
        assert_eq!(answer.expect(415), error(415, None, detail), "{content_type}");
    }
    for body in ["", "{", "<user/>", "[]", "{\"userName\":\"a\",\"USERNAME\":\"b\"}"] {
        let told = post("application/scim+json", body).await.expect(400);
        let detail = told["detail"].as_str().unwrap();
        assert_eq!(told, error(400, Some("invalidSyntax"), detail), "{body}");
        assert!(!detail.is_empty());
    }
}

#[tokio::test]
async fn one_request_too_many_is_429_with_whole_seconds_to_wait() {
    let mut builder = TestApp::builder();
    builder.config.limits.requests_per_second_per_tenant = 1;
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;

    let mut throttled = None;
    for _ in 0..20 {
        let answer = acme.get("/Users").await;
        if answer.status != 200 {
            throttled = Some(answer);
            break;
        }
    }

    let answer = throttled.expect("twenty requests in a row are more than one a second");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("content-type"), "application/scim+json");
    let told = error(429, None, "more requests than 1 a second; try again in 1 s");
    assert_eq!(answer.expect(429), told);
    globex.get("/Users").await.expect(200);
}

#[tokio::test]
async fn what_is_not_built_is_501_in_json() {
    let (_app, acme) = start().await;
    let answer = acme.post("/Me", json!({})).await;
    assert_eq!(answer.header("content-type"), "application/scim+json");
    assert_eq!(answer.expect(501), error(501, None, "/Me is not supported"));
}
