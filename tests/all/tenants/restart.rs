use std::time::Duration;

use muster_test_harness::messages::error;
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

/// Everything that an operator and two identity providers see of a deployment.
async fn everything(app: &TestApp, acme: &TenantClient, globex: &TenantClient, id: &str) -> Vec<Value> {
    vec![
        app.admin_get("/tenants").await.expect(200),
        app.admin_get("/plugins").await.expect(200),
        app.admin_get("/tenants/acme/tokens").await.expect(200),
        app.account("acme", id).await,
        json!([app.log("acme").await, app.tasks("acme").await, app.log("globex").await]),
        // Without `meta.location`: the port is another.
        acme.get("/Users?excludedAttributes=meta,groups").await.expect(200),
        acme.get("/Groups?excludedAttributes=meta,members").await.expect(200),
        globex.get("/Users?excludedAttributes=meta,groups").await.expect(200),
    ]
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({ "put_upsert": true })).await;
    let globex = app.tenant("globex").await;
    let revoked = app.admin_post("/tenants/acme/tokens", json!({ "label": "revoked" })).await.expect(201);
    let short = app.admin_post("/tenants/acme/tokens", json!({ "expires_in_s": 60 })).await.expect(201);
    app.admin_delete(&format!("/tenants/acme/tokens/{}", revoked["id"].as_str().unwrap())).await.expect(204);
    app.bind("acme", "secoda", json!({})).await.expect(200);
    let ada = acme.user("ada@example.com").await;
    let gone = acme.user("gone@example.com").await;
    let engines = acme.group("Engines", &[&ada, &gone]).await;
    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    acme.operations(&format!("/Users/{ada}"), off).await.expect(200);
    acme.delete(&format!("/Users/{gone}")).await.expect(204);
    globex.user("ada@example.com").await;
    app.advance(Duration::from_secs(61));
    let before = everything(&app, &acme, &globex, &ada).await;

    let app = app.restart().await;

    let acme = app.client("/api/v2/scim", &acme.token);
    let globex = app.client("/scim/v2", &globex.token);
    assert_eq!(everything(&app, &acme, &globex, &ada).await, before);
    assert_eq!(acme.members(&engines).await, [ada.as_str()]);
    let user = acme.get(&format!("/Users/{ada}")).await;
    assert!(user.header("etag").starts_with("W/\"2."), "the second version, in a group: {}", user.header("etag"));
    assert_eq!(user.expect(200)["groups"][0]["value"], json!(engines));
    for token in [&revoked, &short] {
        let client = app.client("/api/v2/scim", token["token"].as_str().unwrap());
        client.get("/Users").await.expect(401);
    }
    let taken = acme.post("/Users", json!({ "userName": "ADA@example.com" })).await.expect(409);
    assert_eq!(taken, error(409, Some("uniqueness"), "userName is already in use"));
    acme.user("gone@example.com").await;
    let log = app.log("acme").await;
    let numbers: Vec<u64> = log.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>(), "the log goes on without a gap");
    let rolled_back = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    assert_eq!((&rolled_back["config"], &rolled_back["revision"]), (&json!({ "put_upsert": true }), &json!(3)));
}
