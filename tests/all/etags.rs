//! What a version covers (decision record 3), and conditional requests: `If-Match`, `If-None-Match`, 304 and 412 (RFC 7644 §3.14).

use muster_test_harness::messages::error;
use muster_test_harness::{Answer, GROUP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

const STALE: &str = "the resource has changed since the version that If-Match names; read it again";

async fn start() -> (TestApp, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    (app, acme)
}

/// Asks with these headers.
async fn asked(acme: &TenantClient, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = acme.request(method, path).bearer_auth(&acme.token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_null() {
        request = request.header("content-type", "application/scim+json").body(body.to_string());
    }
    acme.send(request).await
}

async fn read_unless(acme: &TenantClient, path: &str, tag: &str) -> Answer {
    asked(acme, Method::GET, path, &[("if-none-match", tag)], &Value::Null).await
}

/// The `ETag` of a resource, which is its `meta.version`.
#[track_caller]
fn tag(answer: Answer) -> String {
    let etag = answer.header("etag").to_owned();
    assert_eq!(answer.body["meta"]["version"], *etag, "{}", answer.text);
    etag
}

fn title(text: &str) -> Value {
    json!({ "Operations": [{ "op": "replace", "path": "title", "value": text }] })
}

#[tokio::test]
async fn the_tag_and_the_version_agree_in_every_answer_that_shows_a_user() {
    let (_app, acme) = start().await;
    let ada = acme.user("ada").await;
    let path = format!("/Users/{ada}");
    assert_eq!(tag(acme.get(&path).await), "W/\"1\"");
    acme.group("Engineering", &[&ada]).await;

    let full = tag(acme.get(&path).await);
    assert!(full.starts_with("W/\"1.") && full.len() == "W/\"1.0123456789abcdef\"".len(), "{full}");
    let group_hash = full.trim_start_matches("W/\"1").to_owned();
    let listed = acme.find("/Users", "userName eq \"ada\"").await.expect(200);
    assert_eq!(listed["Resources"][0]["meta"]["version"], *full);
    let patched = tag(acme.patch(&path, title("Countess")).await);
    assert_eq!(patched, format!("W/\"2{group_hash}"));
    let put = tag(acme.put(&path, json!({ "schemas": [USER], "userName": "ada" })).await);
    assert_eq!(put, format!("W/\"3{group_hash}"));
    let unchanged = tag(acme.put(&path, json!({ "schemas": [USER], "userName": "ada" })).await);
    assert_eq!(unchanged, put);

    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
    for endpoint in ["/.search", "/Users/.search"] {
        let found = acme.post(endpoint, search.clone()).await.expect(200);
        let users = found["Resources"].as_array().unwrap().iter().filter(|found| found["id"] == *ada);
        assert_eq!(users.map(|user| &user["meta"]["version"]).collect::<Vec<_>>(), [&json!(put)], "{endpoint}");
    }
    let operation = json!({ "method": "PATCH", "path": path, "version": put, "data": title("Analyst") });
    let bulk = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [operation] });
    let done = acme.post("/Bulk", bulk.clone()).await.expect(200);
    let in_bulk = tag(acme.get(&path).await);
    assert_eq!(in_bulk, format!("W/\"4{group_hash}"));
    assert_eq!(done["Operations"][0]["version"], *in_bulk, "{done}");
    let stale = acme.post("/Bulk", bulk).await.expect(200);
    assert_eq!(stale["Operations"][0]["status"], "412", "{stale}");

    let without = tag(acme.get(&format!("{path}?excludedAttributes=groups")).await);
    assert_eq!(without, "W/\"4\"", "the tag is of the representation");
    let narrow = acme.get(&format!("{path}?attributes=userName")).await;
    assert_eq!(narrow.header("etag"), "W/\"4\"");
    let displayed = acme.get(&format!("{path}?attributes=groups.display,meta.version")).await;
    assert_eq!((displayed.header("etag"), &displayed.body["meta"]["version"]), (&*in_bulk, &json!(in_bulk)));
}

#[tokio::test]
async fn a_users_tag_tells_which_groups_the_user_is_in_and_a_groups_tag_its_members() {
    let (_app, acme) = start().await;
    let ada = acme.user("ada").await;
    let path = format!("/Users/{ada}");
    let engineering = acme.group("Engineering", &[]).await;
    let alone = tag(acme.get(&path).await);
    let member = |op: &str| json!([{ "op": op, "path": "members", "value": [{ "value": ada }] }]);

    let first = acme.operations(&format!("/Groups/{engineering}"), member("add")).await;
    let in_one = tag(acme.get(&path).await);
    let sales = acme.group("Sales", &[&ada]).await;
    let in_two = tag(acme.get(&path).await);
    assert!(alone != in_one && in_one != in_two && alone != in_two);
    assert_eq!(tag(first), "W/\"2\"");

    acme.operations(&format!("/Groups/{engineering}"), member("remove")).await.expect(200);
    let in_other = tag(acme.get(&path).await);
    assert!(![&alone, &in_one, &in_two].contains(&&in_other));
    acme.delete(&format!("/Groups/{sales}")).await.expect(204);
    assert_eq!(tag(acme.get(&path).await), alone, "in no group again, and not written meanwhile");
    assert_eq!(tag(acme.get(&format!("/Groups/{engineering}")).await), "W/\"3\"");
}

#[tokio::test]
async fn a_read_of_what_the_client_has_is_304_without_a_body_and_tells_the_tag() {
    let (_app, acme) = start().await;
    let ada = acme.user("ada").await;
    let group = acme.group("Engineering", &[&ada]).await;
    for path in [format!("/Users/{ada}"), format!("/Groups/{group}"), format!("/Users/{ada}?excludedAttributes=groups")]
    {
        let etag = tag(acme.get(&path).await);
        let strong = etag.trim_start_matches("W/").to_owned();
        for known in [etag.clone(), strong, "*".to_owned(), format!("\"x\", {etag}"), format!("\"a,b\",{etag} ")] {
            let answer = read_unless(&acme, &path, &known).await;
            assert_eq!((answer.status, answer.text.as_str(), answer.header("etag")), (304, "", &*etag), "{known}");
            assert_eq!(answer.header("content-type"), "");
            let location = path.split('?').next().unwrap();
            assert_eq!(answer.header("content-location"), format!("{}{location}", acme.base));
            let head = asked(&acme, Method::HEAD, &path, &[("if-none-match", &known)], &Value::Null).await;
            assert_eq!((head.status, head.header("etag")), (304, &*etag));
        }
        for other in
            ["W/\"9\"", "\"\"", "", "garbage", "\"*\"", "W/", "w/\"1\"", "\"1", "W/\"1.0000000000000000\"", ",,,"]
        {
            let answer = read_unless(&acme, &path, other).await;
            assert_eq!((answer.status, answer.header("etag")), (200, &*etag), "{other:?}");
        }
    }
    read_unless(&acme, "/Users/unknown", "*").await.expect(404);
}

#[tokio::test]
async fn a_304_hides_no_change() {
    let (_app, acme) = start().await;
    let ada = acme.user("ada").await;
    let group = acme.group("Engineering", &[]).await;
    let (user_path, group_path) = (format!("/Users/{ada}"), format!("/Groups/{group}"));
    let (user, grouped) = (tag(acme.get(&user_path).await), tag(acme.get(&group_path).await));

    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
    acme.operations(&group_path, add).await.expect(200);

    let read = read_unless(&acme, &user_path, &user).await.expect(200);
    assert_eq!(read["groups"][0]["value"], *group);
    let read = read_unless(&acme, &group_path, &grouped).await.expect(200);
    assert_eq!(read["members"][0]["value"], *ada);
    let user = tag(acme.get(&user_path).await);
    acme.patch(&user_path, title("Countess")).await.expect(200);
    assert_eq!(read_unless(&acme, &user_path, &user).await.expect(200)["title"], "Countess");
}

#[tokio::test]
async fn if_match_compares_the_version_and_not_the_groups() {
    let (_app, acme) = start().await;
    let ada = acme.user("ada").await;
    let path = format!("/Users/{ada}");
    let before = tag(acme.get(&path).await);
    acme.group("Engineering", &[&ada]).await;
    let after = tag(acme.get(&path).await);

    let strong = after.trim_start_matches("W/").to_owned();
    for (version, known) in (1..).zip([before, after, strong]) {
        let known = known.replacen(['1'], &version.to_string(), 1);
        let text = format!("Countess {version}");
        let answer = asked(&acme, Method::PATCH, &path, &[("if-match", &known)], &title(&text)).await;
        assert_eq!(answer.expect(200)["title"], text);
    }
}

#[tokio::test]
async fn if_match_that_does_not_match_is_412_whatever_stands_in_it() {
    let (app, acme) = start().await;
    let (ada, group) = (acme.user("ada").await, acme.group("Engineering", &[]).await);
    let before = app.log("acme").await.len();
    let bodies = [
        (format!("/Users/{ada}"), title("x"), json!({ "schemas": [USER], "userName": "eve" })),
        (
            format!("/Groups/{group}"),
            json!({ "Operations": [{ "op": "add", "path": "members", "value": [{ "value": ada }] }] }),
            json!({ "schemas": [GROUP], "displayName": "Sales", "members": [{ "value": ada }] }),
        ),
    ];

    for known in [
        "W/\"2\"",
        "\"2\"",
        "2",
        "",
        "garbage",
        "W/\"01\"",
        "\"+1\"",
        "\"1",
        "W/",
        "\"*\"",
        "*, *",
        "w/\"1\"",
        "\"a,1\"",
        "W/\"1.x\"",
    ] {
        for (path, patch, put) in &bodies {
            let methods = [
                (Method::PATCH, patch),
                (Method::PUT, put),
                (Method::DELETE, &Value::Null),
                (Method::GET, &Value::Null),
            ];
            for (method, body) in methods {
                let answer = asked(&acme, method.clone(), path, &[("if-match", known)], body).await;
                assert_eq!(answer.header("content-type"), "application/scim+json");
                assert_eq!(answer.expect(412), error(412, None, STALE), "{method} {known:?}");
            }
        }
    }
    let no_text = acme.request(Method::DELETE, &bodies[0].0).bearer_auth(&acme.token);
    acme.send(no_text.header("if-match", &b"\"\xff\""[..])).await.expect(412);

    assert_eq!(app.log("acme").await.len(), before, "nothing was written");
}

#[tokio::test]
async fn if_match_that_matches_lets_the_write_through() {
    let (_app, acme) = start().await;
    for known in ["*", " * ", "W/\"1\"", "\"1\"", "1", "\"7\", W/\"1\"", "\"a,b\",\"1\"", "W/\"1.0123456789abcdef\""] {
        let name = format!("user-{}", known.len());
        let path = format!("/Users/{}", acme.user(&name).await);
        asked(&acme, Method::GET, &path, &[("if-match", known)], &Value::Null).await.expect(200);
        asked(&acme, Method::DELETE, &path, &[("if-match", known)], &Value::Null).await.expect(204);
    }
    let path = format!("/Users/{}", acme.user("ada").await);
    let two_lines =
        asked(&acme, Method::DELETE, &path, &[("if-match", "\"7\""), ("if-match", "\"1\"")], &Value::Null).await;
    two_lines.expect(204);
    // There is nothing that it could match.
    asked(&acme, Method::DELETE, &path, &[("if-match", "*")], &Value::Null).await.expect(404);
}

/// RFC 9110 §13.1.2: what is there already is not written over.
#[tokio::test]
async fn if_none_match_on_a_write_is_412_where_the_tag_is_there() {
    let (app, acme) = start().await;
    let ada = acme.user("ada").await;
    let path = format!("/Users/{ada}");
    acme.group("Engineering", &[&ada]).await;
    let etag = tag(acme.get(&path).await);
    let before = app.log("acme").await.len();
    let put = json!({ "schemas": [USER], "userName": "eve" });

    for known in ["*", "W/\"1\"", &etag, "\"x\", \"1\""] {
        for (method, body) in [(Method::PATCH, &title("x")), (Method::PUT, &put), (Method::DELETE, &Value::Null)] {
            let answer = asked(&acme, method, &path, &[("if-none-match", known)], body).await;
            assert_eq!(answer.expect(412), error(412, None, STALE), "{known:?}");
        }
    }
    assert_eq!(app.log("acme").await.len(), before);

    let both = [("if-match", "W/\"1\""), ("if-none-match", "W/\"7\"")];
    asked(&acme, Method::PATCH, &path, &both, &title("Countess")).await.expect(200);
    for lenient in ["W/\"1\"", "garbage", ""] {
        asked(&acme, Method::PATCH, &path, &[("if-none-match", lenient)], &title("Countess")).await.expect(200);
    }
}

#[tokio::test]
async fn a_put_that_would_create_does_not_where_the_client_says_that_there_is_one() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({ "put_upsert": true })).await;
    let unknown = "/Users/019a4a5e-0000-7000-8000-000000000000";
    let body =
        json!({ "schemas": [USER], "userName": "ada", "emails": [{ "value": "ada@example.com", "primary": true }] });

    for known in ["*", "W/\"1\""] {
        asked(&acme, Method::PUT, unknown, &[("if-match", known)], &body).await.expect(404);
    }
    asked(&acme, Method::PUT, unknown, &[("if-none-match", "*")], &body).await.expect(201);
}

/// RFC 9110 §9.3.2: HEAD answers as GET does, without the body.
#[tokio::test]
async fn head_answers_as_get_does_and_never_with_a_body() {
    let (_app, acme) = start().await;
    let ada = acme.user("ada").await;
    let user = format!("/Users/{ada}");
    for path in [
        &*user,
        "/Users",
        "/Users?count=1",
        "/Users/unknown",
        "/Nothing",
        "/ServiceProviderConfig",
        "/Schemas",
        "/Me",
        "/Groups",
        "/Bulk",
        "/.search",
        "/Users/.search",
        "",
        "/Users?filter=%28",
    ] {
        let get = acme.get(path).await;
        let head = asked(&acme, Method::HEAD, path, &[], &Value::Null).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        assert!(head.status < 500 || head.status == 501, "{path}");
        for name in ["etag", "content-type", "content-location", "allow"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
        // A 405 names the verb, so it is one letter longer.
        assert!(head.status == 405 || head.header("content-length") == get.header("content-length"), "{path}");
    }
    assert_eq!(acme.send(acme.request(Method::HEAD, "/Users")).await.status, 401);
}
