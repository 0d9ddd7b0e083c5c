use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::problem;

#[tokio::test]
async fn a_token_is_shown_when_it_is_issued_and_never_again() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    let issued = app.admin_post("/tenants/acme/tokens", json!({ "label": "Okta", "expires_in_s": 86_400 })).await;

    let issued = issued.expect(201);
    let (id, token) = (issued["id"].as_str().unwrap(), issued["token"].as_str().unwrap());
    assert_eq!(issued, json!({ "id": id, "token": token, "expires": "2026-11-04T14:03:00.000Z" }));
    let listed = app.admin_get("/tenants/acme/tokens").await;
    assert!(!listed.text.contains(token));
    let listed = listed.expect(200);
    let created = "2026-11-03T14:03:00.000Z";
    let find = |label: &str| {
        let tokens = listed["tokens"].as_array().unwrap();
        tokens.iter().find(|token| token["label"] == label).cloned().unwrap()
    };
    let expires = &issued["expires"];
    let expected = json!({
        "id": id, "label": "Okta", "created": created, "expires": expires, "revoked": null, "live": true,
    });
    assert_eq!(find("Okta"), expected);
    let first = find("first");
    let expected = json!({
        "id": first["id"], "label": "first", "created": created, "expires": null, "revoked": null, "live": true,
    });
    assert_eq!(first, expected);
}

#[tokio::test]
async fn tokens_are_listed_oldest_first_with_what_became_of_them() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut ids = Vec::new();
    for (label, new) in [("b", json!({ "label": "b", "expires_in_s": 2 })), ("a", json!({ "label": "a" }))] {
        app.advance(std::time::Duration::from_secs(1));
        let issued = app.admin_post("/tenants/acme/tokens", new).await.expect(201);
        ids.push((label, issued["id"].as_str().unwrap().to_owned()));
    }
    app.admin_delete(&format!("/tenants/acme/tokens/{}", ids[1].1)).await.expect(204);
    app.advance(std::time::Duration::from_secs(1));

    let listed = app.admin_get("/tenants/acme/tokens").await.expect(200);

    let shown = |token: &Value| (token["label"].clone(), token["live"].clone(), token["revoked"].is_string());
    let shown: Vec<_> = listed["tokens"].as_array().unwrap().iter().map(shown).collect();
    let told = |label: &str, live: bool, revoked: bool| (json!(label), json!(live), revoked);
    assert_eq!(shown, [told("first", true, false), told("b", false, false), told("a", false, true)]);
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_label_has_200_bytes_at_most() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    app.admin_post("/tenants/acme/tokens", json!({ "label": "x".repeat(200) })).await.expect(201);
    let refused = app.admin_post("/tenants/acme/tokens", json!({ "label": "x".repeat(201) })).await;

    assert_eq!(problem(refused, 400), "label is longer than 200 bytes");
}

#[tokio::test]
async fn a_token_for_ever_is_one_that_expires_beyond_all_time() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let issued = app.admin_post("/tenants/acme/tokens", json!({ "expires_in_s": i64::MAX })).await.expect(201);

    assert_eq!(issued["expires"], "9999-12-31T23:59:59.999Z");
    app.client("/scim/v2", issued["token"].as_str().unwrap()).get("/Users").await.expect(200);
    for nonsense in [json!({ "expires_in_s": -1 }), json!({ "expires_in_s": "1" }), json!({ "expires": 1 })] {
        problem(app.admin_post("/tenants/acme/tokens", nonsense).await, 400);
    }
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_token_is_revoked_under_its_own_tenant_only() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.tenant("globex").await;
    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    let id = tokens["tokens"][0]["id"].as_str().unwrap();

    let elsewhere = app.admin_delete(&format!("/tenants/globex/tokens/{id}")).await;
    let unknown = app.admin_delete("/tenants/acme/tokens/tok_0").await;
    let nobody = app.admin_delete(&format!("/tenants/nobody/tokens/{id}")).await;

    assert_eq!(problem(elsewhere, 404), format!("there is no token {id} of tenant globex"));
    assert_eq!(problem(unknown, 404), "there is no token tok_0 of tenant acme");
    assert_eq!(problem(nobody, 404), "there is no tenant nobody");
    assert_eq!(problem(app.admin_get("/tenants/nobody/tokens").await, 404), "there is no tenant nobody");
    assert_eq!(problem(app.admin_post("/tenants/nobody/tokens", json!({})).await, 404), "there is no tenant nobody");
    acme.get("/Users").await.expect(200);
}
