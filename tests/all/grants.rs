//! What plugins want beside mapping: nobody gets it unasked, and who has granted it can see it, and take it back.

mod command;
mod upgrades;

use muster_test_harness::{Answer, TestApp, USER, wasm};
use serde_json::{Value, json};

const ORIGIN: &str = "https://api.example.com";

fn origin() -> Value {
    json!({ "kind": "origin", "name": ORIGIN })
}

fn secret() -> Value {
    json!({ "kind": "secret", "name": "api-key" })
}

fn state() -> Value {
    json!({ "kind": "state" })
}

async fn push(app: &TestApp, guest: &str) -> String {
    app.push(wasm::guest(guest)).await.expect(201)["digest"].as_str().unwrap().to_owned()
}

async fn bind(app: &TestApp, plugin: &str, grants: Value) -> Answer {
    app.admin_put("/tenants/acme/binding", json!({ "plugin": plugin, "grants": grants })).await
}

async fn wants(app: &TestApp, plugin: &str) -> Value {
    app.admin_get(&format!("/tenants/acme/wants?plugin={plugin}")).await.expect(200)
}

/// What was granted, of the wants of a plugin, by their kinds.
fn granted(wants: &Value) -> Vec<&str> {
    let all = wants["wants"].as_array().unwrap().iter();
    all.filter(|want| !want["granted"].is_null()).map(|want| want["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_plugin_that_wants_what_was_not_granted_is_not_bound_and_each_want_is_told() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    push(&app, "wants").await;
    let before = app.admin_get("/tenants/acme").await.expect(200);

    let refused = bind(&app, "wants", json!([origin()])).await.expect(409);
    let created = app.admin_post("/tenants", json!({ "name": "globex", "plugin": "wants" })).await.expect(409);
    let started = app.admin_post("/tenants/acme/rollouts", json!({ "plugin": "wants" })).await.expect(409);

    let secret_means = "it wants to send the secret api-key with them; it says: the product asks for it";
    let state_means = "it wants to remember something of this tenant from one task to the next; it says: the ids that the product gives to users are kept";
    assert_eq!(
        refused["detail"],
        format!("plugin wants 1.0.0 wants what tenant acme has not granted: {secret_means}; {state_means}")
    );
    let errors = json!([
        { "kind": "secret", "name": "api-key", "detail": secret_means },
        { "kind": "state", "detail": state_means },
    ]);
    assert_eq!(refused["errors"], errors);
    assert_eq!(created["errors"].as_array().unwrap().len(), 3, "{created}");
    assert_eq!(started["errors"].as_array().unwrap().len(), 3, "{started}");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200), before, "nothing has changed");
    assert_eq!(granted(&wants(&app, "wants").await), Vec::<&str>::new(), "not even what was to be granted");
    app.admin_get("/tenants/globex").await.expect(404);
    assert_eq!(app.admin_get("/tenants/acme/rollouts").await.expect(200)["rollouts"], json!([]));
    acme.user("ada@example.com").await;
}

#[tokio::test]
async fn what_is_granted_with_a_binding_is_granted_by_the_same_change() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    push(&app, "wants").await;
    let all = json!([origin(), secret(), state()]);
    let stale = json!({ "plugin": "wants", "grants": all, "expected_revision": 7 });
    app.admin_put("/tenants/acme/binding", stale).await.expect(409);
    assert_eq!(granted(&wants(&app, "wants").await), Vec::<&str>::new());

    let bound = bind(&app, "wants", all).await.expect(200);

    assert_eq!((&bound["plugin"]["name"], &bound["revision"]), (&json!("wants"), &json!(2)));
    let told = wants(&app, "wants").await;
    let grant = json!({
        "plugin": "wants", "kind": "origin", "name": ORIGIN, "means": "send requests to https://api.example.com",
        "since": "2026-11-03T14:03:00.000Z", "by": "operator",
    });
    let want = json!({
        "kind": "origin", "name": ORIGIN, "means": "send requests to https://api.example.com",
        "why": "invitations are sent there", "wildcard": false, "granted": grant,
    });
    assert_eq!(told["wants"][0], want);
    assert_eq!(granted(&told), ["origin", "secret", "state"]);
    assert_eq!((&told["bound"], &told["version"], &told["revision"]), (&json!(true), &json!("1.0.0"), &json!(2)));
    let made = json!({ "name": "globex", "plugin": "wants", "grants": "all" });
    app.admin_post("/tenants", made).await.expect(201);
    assert_eq!(granted(&app.admin_get("/tenants/globex/wants").await.expect(200)).len(), 3);
}

#[tokio::test]
async fn only_what_a_plugin_wants_can_be_granted_to_it() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    push(&app, "wants").await;
    let refused = async |grants: Value| {
        let answer = bind(&app, "wants", grants).await.expect(400);
        answer["detail"].as_str().unwrap().to_owned()
    };

    assert_eq!(
        refused(json!([{ "kind": "origin", "name": "https://*.example.com" }])).await,
        "plugin wants 1.0.0 does not want origin https://*.example.com; it wants origin https://api.example.com, secret api-key, state"
    );
    assert_eq!(
        refused(json!([{ "kind": "origin", "name": "http://api.example.com" }])).await,
        "grants[0].name: an origin begins with https://"
    );
    assert!(refused(json!("some")).await.starts_with("grants: "));
    assert!(refused(json!([{ "kind": "disk" }])).await.contains("unknown variant `disk`"));
    let other = app.admin_post("/tenants/acme/grants", json!({ "grants": [state()] })).await.expect(400);
    let standard = other["detail"].as_str().unwrap();
    assert!(
        standard.starts_with("plugin standard ") && standard.ends_with(" does not want state; it wants nothing"),
        "{standard}"
    );
}

#[tokio::test]
async fn what_the_plugin_that_decides_wants_is_withdrawn_by_force_only_and_it_goes_on_mapping() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    push(&app, "wants").await;
    bind(&app, "wants", json!("all")).await.expect(200);
    let withdraw = async |body: Value| app.admin_post("/tenants/acme/grants/withdraw", body).await;

    let refused = withdraw(json!({ "grants": [secret()] })).await.expect(409);
    let missing = withdraw(json!({ "grants": [{ "kind": "secret", "name": "other" }] })).await.expect(404);
    let forced = withdraw(json!({ "grants": [secret()], "force": true })).await.expect(200);

    assert_eq!(
        refused["detail"],
        "plugin wants 1.0.0 decides for tenant acme and wants secret api-key; if it is forced (--force), the plugin goes on mapping, and can do this \
         no longer: send the secret api-key with them"
    );
    assert_eq!(missing["detail"], "there is no grant of secret other to plugin wants for tenant acme");
    assert_eq!(granted(&forced), ["origin", "state"]);
    let ada = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com" })).await.expect(201);
    assert_eq!(app.account("acme", ada["id"].as_str().unwrap()).await["state"], "active");
    let config = json!({ "config": { "seats": 3 } });
    app.admin_put("/tenants/acme/binding", config).await.expect(200);
    let again = app.admin_post("/tenants/acme/grants", json!({ "grants": "all" })).await.expect(200);
    assert_eq!(granted(&again), ["origin", "secret", "state"]);
}

#[tokio::test]
async fn who_was_bound_before_anybody_asked_goes_on_mapping_and_has_nothing() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    push(&app, "wants").await;
    bind(&app, "wants", json!("all")).await.expect(200);
    // As it was before there were grants: a plugin that is bound, and none of them.
    app.admin_post("/tenants/acme/grants/withdraw", json!({ "grants": "all", "force": true })).await.expect(200);

    let app = app.restart().await;

    let told = app.admin_get("/tenants/acme/wants").await.expect(200);
    assert_eq!((granted(&told), &told["bound"]), (Vec::new(), &json!(true)));
    let tenant = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!(tenant["loaded"], true, "mapping needs nothing that could be granted");
}

#[tokio::test]
async fn the_plugins_of_the_vendors_that_call_nobody_want_nothing_beside_mapping() {
    let app = TestApp::start().await;
    for (plugin, config) in [
        ("level-access", json!({ "activated": true, "sso": "saml" })),
        ("popl", json!({ "team": "T1" })),
        ("standard", json!({})),
    ] {
        app.tenant_with(&format!("t-{plugin}"), plugin, config).await;
        let told = app.admin_get(&format!("/tenants/t-{plugin}/wants")).await.expect(200);
        assert_eq!(told["wants"], json!([]), "{plugin}");
    }
}
