use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use super::problem;

#[tokio::test]
async fn a_tenant_is_created_with_its_plugin_and_its_first_token() {
    let app = TestApp::start().await;
    let plugin = app.push(wasm::plugin("secoda")).await.expect(201);

    let made =
        app.admin_post("/tenants", json!({ "name": "acme", "plugin": "secoda", "grants": "all" })).await.expect(201);

    let (token, token_id) = (made["token"].as_str().unwrap(), made["token_id"].as_str().unwrap());
    let base = format!("{}/api/v2/scim", app.scim);
    let expected = json!({
        "tenant": "acme", "scim_base": base, "own_base": format!("{}/t/acme/scim/v2", app.scim), "token": token,
        "token_id": token_id, "plugin": plugin, "revision": 1,
    });
    assert_eq!(made, expected);
    assert!(token.len() == 68 && token.starts_with("mst_"), "256 bits behind a name that scanners know");
    assert!(token_id.starts_with("tok_"));
    app.client("/api/v2/scim", token).get("/Users").await.expect(200);
    let shown = app.admin_get("/tenants/acme").await.expect(200);
    let expected = json!({
        "tenant": "acme",
        "created": "2026-11-03T14:03:00.000Z",
        "plugin": plugin,
        "config": {},
        "revision": 1,
        "base_path": "/api/v2/scim",
        "loaded": true,
    });
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_plugin_that_plans_what_nobody_carries_out_is_told_with_a_warning() {
    let app = TestApp::start().await;
    app.push(wasm::guest("plans-slowly")).await.expect(201);

    let made = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "plans-slowly" })).await.expect(201);

    let parked =
        "plans-slowly 1.0.0 exports lifecycle and not delivery: what it plans is parked, for nobody carries it out";
    assert_eq!(made["warning"], parked);
}

#[tokio::test]
async fn a_tenant_that_is_refused_everything_is_created_with_a_warning() {
    let app = TestApp::start().await;
    app.push(wasm::plugin("level-access")).await.expect(201);

    let made = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "level-access" })).await.expect(201);

    let warning = made["warning"].as_str().unwrap();
    assert!(warning.starts_with("SCIM is switched off, every call is answered 403: "), "{warning}");
    app.client("/t/acme/scim/v2", made["token"].as_str().unwrap()).get("/Users").await.expect(403);
}

#[tokio::test]
async fn tenants_are_listed_by_name_without_their_secrets() {
    let app = TestApp::start().await;
    let globex = app.tenant("globex").await;
    let acme = app.tenant("acme").await;

    let listed = app.admin_get("/tenants").await;

    assert!(!listed.text.contains(&acme.token) && !listed.text.contains(&globex.token));
    let listed = listed.expect(200);
    let names: Vec<&Value> = listed["tenants"].as_array().unwrap().iter().map(|tenant| &tenant["tenant"]).collect();
    assert_eq!(names, ["acme", "globex"]);
}

#[tokio::test]
async fn a_name_is_given_once() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let again = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "standard" })).await;

    assert_eq!(problem(again, 409), "there is a tenant acme already");
    acme.get("/Users").await.expect(200);
    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 1, "and nobody got another token");
}

#[tokio::test]
async fn a_name_that_cannot_stand_in_a_url_is_400() {
    let app = TestApp::start().await;
    app.push(wasm::plugin("standard")).await.expect(201);
    let rule =
        "a tenant's name is 1 to 63 lower-case letters, digits and '-', and begins and ends with a letter or digit";

    for name in ["", "Acme", "-acme", "acme-", "ac me", "ac/me", "acmé", "a_b", "..", &"a".repeat(64)] {
        let refused = app.admin_post("/tenants", json!({ "name": name, "plugin": "standard" })).await;
        assert_eq!(problem(refused, 400), rule, "{name:?}");
    }

    app.admin_post("/tenants", json!({ "name": "a".repeat(63), "plugin": "standard" })).await.expect(201);
    app.admin_post("/tenants", json!({ "name": "4-u", "plugin": "standard" })).await.expect(201);
}

#[tokio::test]
async fn what_is_missing_or_not_known_is_named() {
    let app = TestApp::start().await;
    app.push(wasm::plugin("standard")).await.expect(201);

    let nothing = app.admin_post("/tenants", json!({})).await;
    let unknown_member = json!({ "name": "acme", "plugin": "standard", "colour": "blue" });
    let unknown_member = app.admin_post("/tenants", unknown_member).await;
    let unknown_plugin = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "nobody" })).await;
    let unknown_version = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "standard@9.9.9" })).await;

    assert!(problem(nothing, 400).contains("name"));
    assert!(problem(unknown_member, 400).contains("colour"));
    assert_eq!(problem(unknown_plugin, 404), "there is no plugin nobody; push it first");
    assert_eq!(problem(unknown_version, 404), "there is no plugin standard@9.9.9; push it first");
    assert_eq!(problem(app.admin_get("/tenants/acme").await, 404), "there is no tenant acme");
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_400_and_names_the_place() {
    let app = TestApp::start().await;
    app.push(wasm::plugin("standard")).await.expect(201);

    let config = json!({ "groups_served": "no", "users_put_creates": true });
    let refused = app.admin_post("/tenants", json!({ "name": "acme", "plugin": "standard", "config": config })).await;

    let detail = problem(refused, 400);
    assert!(detail.starts_with("the configuration does not fit the plugin: /groups_served: "), "{detail}");
    app.admin_get("/tenants/acme").await.expect(404);
}

#[tokio::test]
async fn of_two_who_create_the_same_tenant_at_once_one_does() {
    let app = TestApp::start().await;
    app.push(wasm::plugin("standard")).await.expect(201);
    let create = || app.admin_post("/tenants", json!({ "name": "acme", "plugin": "standard" }));

    let (one, other) = tokio::join!(create(), create());

    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}
