//! `/Me` (RFC 7644 §3.11) and the tokens of one user that open it.

use std::time::Duration;

use muster_test_harness::messages::error;
use muster_test_harness::{Answer, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

/// An id as the server makes them, which it did not make.
const UNKNOWN: &str = "019a4a5e-0000-7000-8000-000000000000";
const ONE_USER_ONLY: &str = "this token speaks for one user: it opens /Me and discovery only";

/// A token of this user of `acme`.
async fn token_of(app: &TestApp, acme: &TenantClient, user: &str, write: bool) -> TenantClient {
    let issued = app.admin_post("/tenants/acme/tokens", json!({ "user": user, "write": write })).await.expect(201);
    acme.with_token(issued["token"].as_str().unwrap())
}

/// A tenant with the user `ada`, her id, and a token of hers.
async fn ada(write: bool) -> (TestApp, TenantClient, String, TenantClient) {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let me = token_of(&app, &acme, &ada, write).await;
    (app, acme, ada, me)
}

/// Asks with an extra header.
async fn with_header(client: &TenantClient, method: Method, path: &str, header: (&str, &str), body: Value) -> Answer {
    let request = client.request(method, path).bearer_auth(&client.token).header(header.0, header.1);
    client.send(request.header("content-type", "application/scim+json").body(body.to_string())).await
}

fn title(text: &str) -> Value {
    json!([{ "op": "replace", "path": "title", "value": text }])
}

#[tokio::test]
async fn me_is_the_user_that_the_token_speaks_for_and_every_answer_tells_the_users_own_url() {
    let (_app, acme, ada, me) = ada(true).await;
    let url = format!("{}/Users/{ada}", acme.base);
    let by_id = acme.get(&format!("/Users/{ada}")).await;
    let (etag, by_id) = (by_id.header("etag").to_owned(), by_id.expect(200));

    let read = me.get("/Me").await;
    assert_eq!(["location", "content-location", "etag"].map(|name| read.header(name)), [&url, &url, &etag]);
    assert_eq!(read.expect(200), by_id);

    let narrow = me.get("/Me?attributes=userName").await.expect(200);
    assert_eq!(narrow, json!({ "schemas": [USER], "id": ada, "userName": "ada" }));
    for (answer, status) in [
        (me.operations("/Me", title("Countess")).await, 200),
        (me.operations("/Me", json!([{ "op": "replace", "path": "active", "value": "perhaps" }])).await, 400),
        (me.put("/Me", json!({ "schemas": [USER], "userName": "ada", "title": "Analyst" })).await, 200),
        (me.put("/Me", json!([])).await, 400),
        (me.post("/Me", json!({ "schemas": [USER], "userName": "eve" })).await, 409),
        (with_header(&me, Method::GET, "/Me", ("if-none-match", "*"), json!({})).await, 304),
        (with_header(&me, Method::PATCH, "/Me", ("if-match", "W/\"9\""), json!({})).await, 400),
        (me.send(me.request(Method::OPTIONS, "/Me").bearer_auth(&me.token)).await, 405),
        (me.delete("/Me").await, 204),
        (me.get("/Me").await, 404),
    ] {
        assert_eq!((answer.status, answer.header("location")), (status, &*url), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_token_of_one_user_opens_discovery_and_nothing_else() {
    let (app, acme, ada, me) = ada(true).await;
    let group = acme.group("Engineering", &[&ada]).await;
    for path in
        ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas", &format!("/Schemas/{USER}")]
    {
        assert_eq!(me.get(path).await.expect(200), acme.get(path).await.expect(200), "{path}");
        assert_eq!(me.delete(path).await.status, 405, "{path}");
    }
    let before = app.log("acme").await.len();

    let (own, of_group) = (format!("/Users/{ada}"), format!("/Groups/{group}"));
    let elsewhere =
        ["", "/", "/Users", &own, "/Groups", &of_group, "/.search", "/Users/.search", "/Bulk", "/Nothing", "/Me/x"];
    for path in elsewhere {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let body = json!({ "schemas": [USER], "userName": "eve" });
            let answer = with_header(&me, method.clone(), path, ("accept", "*/*"), body).await;
            assert_eq!(answer.expect(403), error(403, None, ONE_USER_ONLY), "{method} {path}");
        }
    }
    assert_eq!(app.log("acme").await.len(), before, "nothing was written");
}

#[tokio::test]
async fn a_token_reads_unless_it_was_issued_to_write() {
    let (app, acme, ada, me) = ada(false).await;
    let before = acme.get(&format!("/Users/{ada}")).await.expect(200);

    let body = json!({ "schemas": [USER], "userName": "ada", "active": true });
    for refused in [
        me.operations("/Me", title("Countess")).await,
        me.put("/Me", body.clone()).await,
        me.post("/Me", body).await,
        me.delete("/Me").await,
    ] {
        assert_eq!(refused.expect(403), error(403, None, "this token may read its user, and not change it"));
    }

    assert_eq!(me.get("/Me").await.expect(200), before);
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn writes_through_me_follow_the_rules_of_the_users_own_url() {
    let (app, acme, ada, me) = ada(true).await;
    acme.user("babbage").await;
    let stale = "the resource has changed since the version that If-Match names; read it again";

    let taken = me.put("/Me", json!({ "schemas": [USER], "userName": "BABBAGE" })).await;
    assert_eq!(taken.expect(409), error(409, Some("uniqueness"), "userName is already in use"));
    me.put("/Me", json!({ "schemas": [USER] })).await.expect(400);
    let patch = json!({ "Operations": title("Countess") });
    for tag in ["W/\"2\"", "garbage"] {
        let refused = with_header(&me, Method::PATCH, "/Me", ("if-match", tag), patch.clone()).await;
        assert_eq!(refused.expect(412), error(412, None, stale));
    }
    let patched = with_header(&me, Method::PATCH, "/Me", ("if-match", "W/\"1\""), patch).await.expect(200);

    assert_eq!((&patched["title"], &patched["meta"]["version"]), (&json!("Countess"), &json!("W/\"2\"")));
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200), patched);
    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    let of_ada = tokens["tokens"].as_array().unwrap().iter().find(|token| token["user"] == *ada).unwrap();
    let last = app.log("acme").await.pop().unwrap();
    assert_eq!(last["actor"], json!({ "token": of_ada["id"] }), "the log says through which token: {last}");
}

#[tokio::test]
async fn when_the_user_is_gone_the_token_finds_nobody_and_makes_nobody() {
    let app = TestApp::start().await;
    // A tenant whose PUT to nobody creates.
    let acme = app.tenant_with("acme", "secoda", json!({ "put_upsert": true })).await;
    let body =
        json!({ "schemas": [USER], "userName": "ada", "emails": [{ "value": "ada@example.com", "primary": true }] });
    let ada = acme.post("/Users", body.clone()).await.expect(201)["id"].as_str().unwrap().to_owned();
    let me = token_of(&app, &acme, &ada, true).await;
    let scim = me.get("/ServiceProviderConfig").await.expect(200);

    me.delete("/Me").await.expect(204);

    for gone in [
        me.get("/Me").await,
        me.put("/Me", body.clone()).await,
        me.operations("/Me", title("Countess")).await,
        me.post("/Me", body).await,
        me.delete("/Me").await,
    ] {
        assert_eq!(gone.expect(404), error(404, None, "User not found"));
    }
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
    assert_eq!(me.get("/ServiceProviderConfig").await.expect(200), scim);
}

#[tokio::test]
async fn while_the_user_is_deactivated_the_token_reads_nothing_and_gives_nothing_back() {
    let (_app, acme, ada, me) = ada(true).await;
    let path = format!("/Users/{ada}");
    let switch = |active: bool| json!([{ "op": "replace", "path": "active", "value": active }]);
    acme.operations(&path, switch(false)).await.expect(200);
    let stored = acme.get(&path).await.expect(200);

    for refused in [
        me.get("/Me").await,
        me.operations("/Me", switch(true)).await,
        me.put("/Me", json!({ "schemas": [USER], "userName": "ada" })).await,
        me.delete("/Me").await,
    ] {
        let told = error(403, None, "the user that this token speaks for is deactivated");
        assert_eq!(refused.expect(403), told);
    }

    assert_eq!(acme.get(&path).await.expect(200), stored);
    acme.operations(&path, switch(true)).await.expect(200);
    assert_eq!(me.get("/Me").await.expect(200)["active"], true);
}

#[tokio::test]
async fn a_tenants_own_token_is_nobody_and_gets_501() {
    let (_app, acme, ..) = ada(false).await;
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer = with_header(&acme, method, "/Me", ("accept", "*/*"), json!({ "userName": "eve" })).await;
        assert_eq!(answer.expect(501), error(501, None, "/Me is not supported"));
    }
}

#[tokio::test]
async fn the_forms_paths_and_ends_of_such_a_token_are_those_of_any_token() {
    let (app, acme, ada, me) = ada(false).await;
    let globex = app.tenant("globex").await;
    let short = json!({ "user": ada, "expires_in_s": 60 });
    let short = app.admin_post("/tenants/acme/tokens", short).await.expect(201);
    let short = acme.with_token(short["token"].as_str().unwrap());

    assert_eq!(me.at(&format!("{}/t/acme/scim/v2", app.scim)).get("/Me").await.expect(200)["id"], *ada);
    me.at(&format!("{}/t/globex/scim/v2", app.scim)).get("/Me").await.expect(401);
    globex.with_token(&me.token).get("/Me").await.expect(200);
    acme.send(acme.request(Method::GET, "/Me")).await.expect(401);
    short.get("/Me").await.expect(200);
    app.advance(Duration::from_secs(60));
    short.get("/Me").await.expect(401);

    let app = app.restart().await;
    let me = app.client("/scim/v2", &me.token);
    assert_eq!(me.get("/Me").await.expect(200)["id"], *ada);
    me.get("/Users").await.expect(403);
    me.delete("/Me").await.expect(403);
}

#[tokio::test]
async fn a_token_is_issued_for_a_user_of_the_same_tenant_who_exists() {
    let (app, acme, ada, _) = ada(false).await;
    let globex = app.tenant("globex").await;
    let (theirs, group) = (globex.user("grace").await, acme.group("Engineering", &[]).await);

    for user in [UNKNOWN, &theirs, &group, "ada", "", &ada.to_uppercase()] {
        let refused = app.admin_post("/tenants/acme/tokens", json!({ "user": user })).await.expect(404);
        assert_eq!(refused["detail"], format!("there is no user {user} of tenant acme"));
    }
    let refused = app.admin_post("/tenants/acme/tokens", json!({ "write": true })).await.expect(400);
    assert_eq!(refused["detail"], "write is for a token of one user");
    app.admin_post("/tenants/acme/tokens", json!({ "user": 7 })).await.expect(400);

    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    let shown = |token: &Value| (token.get("user").cloned(), token.get("write").cloned());
    let shown: Vec<_> = tokens["tokens"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(shown.len(), 2, "{tokens}");
    assert!(shown.contains(&(None, None)) && shown.contains(&(Some(json!(ada)), Some(json!(false)))), "{tokens}");
}
