//! Q16 and Q19: bodies that carry back what they were told, or what nobody knows.

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, GROUP, TestApp, USER};
use serde_json::json;

use super::{ada, created, id, start};

#[tokio::test]
async fn q16_a_put_ignores_what_only_the_server_may_write() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let before = acme.get(&user).await.expect(200);
    let mut body = ada();
    body["id"] = json!("7b2e");
    body["meta"] = json!({ "resourceType": "Group", "version": "W/\"3\"", "created": "1815-12-10T00:00:00Z" });
    body["groups"] = json!([{ "value": "4d1c" }]);

    assert_eq!(acme.put(&user, body).await.expect(200), before);
}

/// A server that chose `true` let disabled users in again.
#[tokio::test]
async fn q16_a_put_without_active_leaves_a_disabled_user_disabled() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    acme.operations(&user, json!([{ "op": "replace", "path": "active", "value": false }])).await.expect(200);

    let put = acme.put(&user, ada()).await.expect(200);

    assert_eq!(put["active"], false);
    assert_eq!(app.account("acme", user.trim_start_matches("/Users/")).await["state"], "disabled");
}

#[tokio::test]
async fn q16_a_put_replaces_what_it_names_and_clears_what_it_does_not() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let body = json!({ "schemas": [USER], "userName": "ada@example.com", "title": "Countess" });

    let put = acme.put(&user, body).await.expect(200);

    assert_eq!(put["title"], "Countess");
    for cleared in ["name", "emails", "externalId"] {
        assert_eq!(put.get(cleared), None, "{cleared}");
    }
}

#[tokio::test]
async fn q16_a_put_of_a_group_replaces_its_members_and_without_them_keeps_them_unless_the_vendor_wants_otherwise() {
    let (app, acme) = start().await;
    let globex = app.tenant_with("globex", "standard", json!({ "groups_put_without_members": "empty" })).await;
    for (tenant, kept) in [(&acme, 1), (&globex, 0)] {
        let (one, two) = (tenant.user("one").await, tenant.user("two").await);
        let group = tenant.group("Engineering", &[&one]).await;
        let path = format!("/Groups/{group}");
        let with =
            |members: serde_json::Value| json!({ "schemas": [GROUP], "displayName": "Engines", "members": members });

        tenant.put(&path, with(json!([{ "value": two }]))).await.expect(200);
        assert_eq!(tenant.members(&group).await, [two.as_str()]);

        let without = json!({ "schemas": [GROUP], "displayName": "Engineering" });
        let put = tenant.put(&path, without).await.expect(200);
        assert_eq!(put["displayName"], "Engineering");
        assert_eq!(tenant.members(&group).await.len(), kept);

        tenant.put(&path, with(json!([{ "value": one }]))).await.expect(200);
        let emptied = tenant.put(&path, with(json!([]))).await.expect(200);
        assert_eq!(emptied["members"], json!([]));
    }
}

#[tokio::test]
async fn q19_unknown_attributes_schemas_and_extensions_are_dropped_without_a_word() {
    let (_app, acme) = start().await;
    let custom = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";
    let body = json!({
        "schemas": [USER, "urn:scim:schemas:extension:enterprise:2.0", custom],
        "userName": "ada@example.com",
        "nickName": null,
        "favouriteColour": "blue",
        "name": { "givenName": "Ada", "patronymic": "Georgovna" },
        custom: { "badge": "B-12" },
    });

    let made = acme.post("/Users", body).await.expect(201);

    let expected = json!({
        "schemas": [USER],
        "id": id(&made),
        "userName": "ada@example.com",
        "name": { "givenName": "Ada" },
        "active": true,
        "groups": [],
        "meta": made["meta"],
    });
    assert_eq!(made, expected);
}

#[tokio::test]
async fn q19_a_patch_of_an_unknown_path_succeeds_and_changes_nothing() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    let before = acme.get(&user).await.expect(200);
    for path in [
        "favouriteColour",
        "name.patronymic",
        "urn:ietf:params:scim:schemas:extension:acme:2.0:User:badge",
        "urn:ietf:params:scim:schemas:extension:acme:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:shoeSize",
        "badges[type eq \"work\"].value",
    ] {
        for op in ["Add", "Replace", "Remove"] {
            let patched = acme.operations(&user, json!([{ "op": op, "path": path, "value": "x" }])).await.expect(200);
            assert_eq!(patched, before, "{op} {path}");
        }
    }
    let by_key = json!([{ "op": "replace", "value": { "favouriteColour": "blue", "urn:x:y:z": { "a": 1 } } }]);
    assert_eq!(acme.operations(&user, by_key).await.expect(200), before);
    assert_eq!(app.log("acme").await.len(), 1, "nothing was written");
}

#[tokio::test]
async fn q19_a_patch_without_schemas_and_with_extra_keys_is_read() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let operation = json!({ "name": "x", "op": "replace", "path": "title", "value": "Countess", "comment": null });

    let patched = acme.patch(&user, json!({ "Operations": [operation], "id": "7b2e" })).await.expect(200);

    assert_eq!(patched["title"], "Countess");
}

#[tokio::test]
async fn q19_core_attributes_under_the_urn_of_the_core_schema_are_unwrapped() {
    let (_app, acme) = start().await;
    let body = json!({ "schemas": [USER], USER: { "userName": "ada@example.com", "title": "Countess" } });
    let made = acme.post("/Users", body).await.expect(201);
    assert_eq!((&made["userName"], &made["title"]), (&json!("ada@example.com"), &json!("Countess")));

    let path = format!("/Users/{}", id(&made));
    let operations = json!([
        { "op": "replace", "path": format!("{USER}:title"), "value": "Analyst" },
        { "op": "add", "path": format!("{USER}:name.givenName"), "value": "Ada" },
        { "op": "add", "path": format!("{ENTERPRISE}:manager.value"), "value": "51aa" },
    ]);
    let patched = acme.operations(&path, operations).await.expect(200);
    assert_eq!((&patched["title"], &patched["name"]), (&json!("Analyst"), &json!({ "givenName": "Ada" })));
    assert_eq!(patched[ENTERPRISE], json!({ "manager": { "value": "51aa" } }));
}

/// The admin log tells what was forgiven, and never a value.
#[tokio::test]
async fn q19_what_was_dropped_is_told_in_the_log() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let body = json!({ "schemas": [USER], "userName": "ada", "active": "True", "favouriteColour": "blue" });
    acme.post("/Users", body).await.expect(201);

    let rewrites = app.log("acme").await[0]["rewrites"].clone();

    let expected = json!([
        {
            "rule": "boolean-as-text", "path": "active",
            "says": "Entra by default: active \"True\", text read as boolean",
        },
        {
            "rule": "unknown-attribute-dropped", "path": "favouriteColour",
            "says": "Any client: favouriteColour, an attribute that no schema has ignored",
        },
    ]);
    assert_eq!(rewrites, expected);
    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "", "title": "x" })).await.expect(400);
    assert_eq!(refused, error(400, Some("invalidValue"), "userName is required"));
}
