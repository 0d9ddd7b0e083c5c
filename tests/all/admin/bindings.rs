use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use super::problem;

#[tokio::test]
async fn a_binding_is_replaced_and_rolled_back_as_revisions_that_count_on() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.push(wasm::plugin("secoda")).await.expect(201);
    let told = |view: &Value| {
        let of = |name: &str| view[name].clone();
        (view["plugin"]["name"].clone(), of("config"), of("revision"), of("base_path"))
    };

    let new = json!({ "plugin": "secoda", "config": { "put_upsert": true }, "grants": "all" });
    let bound = app.admin_put("/tenants/acme/binding", new).await.expect(200);
    let back = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    let mut forth = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);

    let secoda =
        |revision: u64| (json!("secoda"), json!({ "put_upsert": true }), json!(revision), json!("/api/v2/scim"));
    assert_eq!(told(&bound), secoda(2));
    assert_eq!(told(&back), (json!("standard"), json!({}), json!(3), json!("/scim/v2")));
    assert_eq!(told(&forth), secoda(4), "the binding before the present one is the other one");
    let left = forth.as_object_mut().unwrap().remove("left").unwrap();
    let warning = forth.as_object_mut().unwrap().remove("warning").unwrap();
    let moved = "SCIM is served under /api/v2/scim and no longer under /scim/v2, where each request is answered 404";
    assert_eq!(warning, moved, "it is told once");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200), forth);
    assert_eq!((&left["plugin"]["name"], &left["revision"]), (&json!("standard"), &json!(3)));
    assert_eq!(left["written"], json!({ "entries": 0, "resources": 0, "more": false }));
    acme.at(&format!("{}/api/v2/scim", app.scim)).get("/Users").await.expect(200);
}

#[tokio::test]
async fn what_a_new_binding_does_not_say_stays() {
    let app = TestApp::start().await;
    app.tenant_with("acme", "standard", json!({ "groups_served": false })).await;

    let path = "/tenants/acme/binding";
    let same = app.admin_put(path, json!({})).await.expect(200);
    let config = app.admin_put(path, json!({ "config": { "users_put_creates": true } })).await.expect(200);
    let plugin = app.admin_put(path, json!({ "plugin": "standard" })).await.expect(200);

    assert_eq!((&same["config"], &same["revision"]), (&json!({ "groups_served": false }), &json!(1)));
    let new = json!({ "users_put_creates": true });
    assert_eq!((&config["config"], &config["plugin"]["name"]), (&new, &json!("standard")));
    assert_eq!((&plugin["config"], &plugin["revision"]), (&new, &json!(2)));
    assert_eq!(
        (&same["unchanged"], &config["unchanged"], &plugin["unchanged"]),
        (&json!(true), &Value::Null, &json!(true))
    );
}

#[tokio::test]
async fn what_is_bound_already_stays_and_so_does_what_was_before_it() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    app.push(wasm::plugin("secoda")).await.expect(201);
    let new = json!({ "plugin": "secoda", "config": {}, "grants": "all" });
    app.admin_put("/tenants/acme/binding", new).await.expect(200);

    let again = app.bind("acme", "secoda", json!({})).await.expect(200);
    let stale = app.admin_put("/tenants/acme/binding", json!({ "plugin": "secoda", "expected_revision": 1 })).await;
    let back = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);

    assert_eq!((&again["revision"], &again["unchanged"]), (&json!(2), &json!(true)));
    assert_eq!(problem(stale, 409), "the binding is at revision 2, not at 1");
    assert_eq!((&back["plugin"]["name"], &back["revision"]), (&json!("standard"), &json!(3)));
}

#[tokio::test]
async fn who_has_not_seen_the_present_binding_is_told_409() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let path = "/tenants/acme/binding";

    let config = json!({ "users_put_creates": true });
    app.admin_put(path, json!({ "config": config, "expected_revision": 1 })).await.expect(200);
    let stale = app.admin_put(path, json!({ "config": { "groups_served": false }, "expected_revision": 1 })).await;
    let stale_back = app.admin_post(&format!("{path}/rollback"), json!({ "expected_revision": 1 })).await;

    assert_eq!(problem(stale, 409), "the binding is at revision 2, not at 1");
    assert_eq!(problem(stale_back, 409), "the binding is at revision 2, not at 1");
    let shown = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!((&shown["config"], &shown["revision"]), (&config, &json!(2)));
    app.admin_post(&format!("{path}/rollback"), json!({ "expected_revision": 2 })).await.expect(200);
}

#[tokio::test]
async fn of_two_who_saw_the_same_revision_one_replaces_it() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let bind = |served: bool| {
        let new = json!({ "config": { "groups_served": served }, "expected_revision": 1 });
        app.admin_put("/tenants/acme/binding", new)
    };

    let (one, other) = tokio::join!(bind(true), bind(false));

    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn what_cannot_be_bound_leaves_the_binding_as_it_is() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let before = app.admin_get("/tenants/acme").await.expect(200);

    let unknown = app.bind("acme", "nobody", json!({})).await;
    let nobody = app.bind("nobody", "standard", json!({})).await;
    let unfit = app.bind("acme", "standard", json!({ "groups_served": 1 })).await;
    let typo = app.admin_put("/tenants/acme/binding", json!({ "pluggin": "standard" })).await;
    let never = app.admin_post("/tenants/acme/binding/rollback", json!({})).await;

    assert_eq!(problem(unknown, 404), "there is no plugin nobody; push it first");
    assert_eq!(problem(nobody, 404), "there is no tenant nobody");
    assert!(problem(unfit, 400).contains("/groups_served: "));
    assert!(problem(typo, 400).contains("pluggin"));
    assert_eq!(problem(never, 404), "there is no binding before the present one of tenant acme");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200), before);
    acme.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_setting_takes_effect_with_the_next_request() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    acme.group("Engines", &[&ada]).await;

    app.bind("acme", "standard", json!({ "groups_served": false })).await.expect(200);
    acme.get("/Groups").await.expect(404);
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["groups"], Value::Null);
    app.bind("acme", "standard", json!({})).await.expect(200);

    assert_eq!(acme.get("/Groups").await.expect(200)["totalResults"], 1, "nothing was lost meanwhile");
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["groups"][0]["display"], "Engines");
}
