//! There is no concept of groups.

use muster_idp::okta;
use muster_test_harness::messages::error;
use muster_test_harness::{GROUP, TestApp};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, id_of, okta_of};

#[tokio::test]
async fn poggio_22_groups_are_neither_announced_nor_served() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = ada_is_pushed(&acme).await;

    let types = acme.get("/ResourceTypes").await.expect(200);
    let schemas = acme.get("/Schemas").await.expect(200);

    let ids = |list: &Value| -> Vec<Value> {
        list["Resources"].as_array().unwrap().iter().map(|resource| resource["id"].clone()).collect()
    };
    assert_eq!(ids(&types), ["User"]);
    assert!(!ids(&schemas).contains(&json!(GROUP)), "{schemas}");
    assert!(!schemas.to_string().contains("\"groups\""), "a user has none either");
    acme.get("/ResourceTypes/Group").await.expect(404);
    acme.get(&format!("/Schemas/{GROUP}")).await.expect(404);
    let nothing = error(404, None, "there is nothing at /Groups");
    let group = json!({ "schemas": [GROUP], "displayName": "Engines", "members": [{ "value": ada["id"] }] });
    let path = format!("/Groups/{}", id_of(&ada));
    let rename = json!([{ "op": "replace", "value": { "displayName": "Engines" } }]);
    let group_push = okta_of(&acme).send(&okta::find_group("Engines")).await.unwrap();
    assert_eq!((group_push.status, group_push.body), (404, nothing.clone()));
    for refused in [
        acme.get("/Groups").await,
        acme.post("/Groups", group.clone()).await,
        acme.get(&path).await,
        acme.put(&path, group).await,
        acme.operations(&path, rename).await,
        acme.delete(&path).await,
    ] {
        assert_eq!(refused.header("content-type"), "application/scim+json");
        assert_eq!(refused.expect(404), nothing);
    }
    assert_eq!(app.log("acme").await.len(), 1, "only ada");
}

#[tokio::test]
async fn poggio_22_where_the_setting_says_so_groups_are_not_implemented() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1", "groups_status": 501 })).await;
    let ada = ada_is_pushed(&acme).await;
    let group = json!({ "schemas": [GROUP], "displayName": "Engines", "members": [{ "value": ada["id"] }] });
    let path = format!("/Groups/{}", id_of(&ada));
    let rename = json!([{ "op": "replace", "value": { "displayName": "Engines" } }]);

    let refused = [
        acme.get("/Groups").await,
        acme.get("/groups").await,
        acme.post("/Groups", group.clone()).await,
        acme.post("/Groups/.search", json!({})).await,
        acme.get(&path).await,
        acme.put(&path, group).await,
        acme.operations(&path, rename).await,
        acme.delete(&path).await,
    ];

    for refused in refused {
        assert_eq!(refused.header("content-type"), "application/scim+json");
        assert_eq!(refused.expect(501), error(501, None, "/Groups is not supported"));
    }
    acme.get("/ResourceTypes/Group").await.expect(404);
    acme.get("/Devices").await.expect(404);
    assert_eq!(acme.get("/Users").await.expect(200)["Resources"], json!([ada]));
}

#[tokio::test]
async fn poggio_23_groups_in_a_user_neither_fail_nor_come_back() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let mut user = okta::create_user(&ada()).body.unwrap();
    user["groups"] = json!([{ "value": "4d1c", "display": "Engines" }]);

    let made = acme.post("/Users", user.clone()).await.expect(201);
    let put = acme.put(&format!("/Users/{}", id_of(&made)), user).await.expect(200);
    let read = acme.get(&format!("/Users/{}?attributes=groups", id_of(&made))).await.expect(200);

    assert_eq!([&made["groups"], &put["groups"], &read["groups"]], [&Value::Null; 3]);
}
