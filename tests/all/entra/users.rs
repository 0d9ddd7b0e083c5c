//! EN-03, EN-04 and EN-07: users are created, changed operation by operation, disabled, restored and at last deleted.

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, USER};
use serde_json::{Value, json};

use super::{ada, created, enterprise, id, start};

#[tokio::test]
async fn en_03_a_new_user_is_answered_whole() {
    let (_app, acme) = start().await;

    let answer = acme.post("/Users", ada()).await;

    let location = answer.header("location").to_owned();
    let made = answer.expect(201);
    assert_eq!(
        made,
        json!({
            "schemas": [USER],
            "id": id(&made),
            "externalId": "ada",
            "userName": "ada@example.com",
            "name": { "formatted": "Ada Byron", "familyName": "Byron", "givenName": "Ada" },
            "displayName": "Ada Byron",
            "active": true,
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
            "groups": [],
            "meta": {
                "resourceType": "User",
                "created": "2026-11-03T14:03:00.000Z",
                "lastModified": "2026-11-03T14:03:00.000Z",
                "location": location,
                "version": "W/\"1\"",
            },
        })
    );
    let refused = acme.post("/Users", ada()).await.expect(409);
    assert_eq!(refused, error(409, Some("uniqueness"), "userName is already in use"));
}

/// The form of older samples: nulls, a string for `active`, a malformed URN, `Primary`, attributes of an extension at the top.
#[tokio::test]
async fn en_03b_a_body_full_of_nulls_is_a_user_without_them() {
    let (_app, acme) = start().await;
    let body = json!({
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "externalId": "ada",
        "userName": "ada@example.com",
        "active": "True",
        "addresses": null,
        "displayName": null,
        "emails": [{ "Primary": true, "type": "work", "value": "ada@example.com" }],
        "meta": { "resourceType": "User" },
        "name": { "familyName": "Byron", "givenName": "Ada" },
        "phoneNumbers": null,
        "preferredLanguage": null,
        "title": null,
        "department": null,
        "manager": null,
    });

    let made = acme.post("/Users", body).await.expect(201);

    assert_eq!(
        made,
        json!({
            "schemas": [USER],
            "id": id(&made),
            "externalId": "ada",
            "userName": "ada@example.com",
            "name": { "familyName": "Byron", "givenName": "Ada" },
            "active": true,
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
            "groups": [],
            "meta": made["meta"],
        })
    );
}

/// Entra does not list the URN of a custom extension; the standard plugin has no place for one.
#[tokio::test]
async fn en_03c_a_custom_extension_is_dropped_and_a_manager_that_is_a_string_becomes_an_object() {
    let (_app, acme) = start().await;
    let custom = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User";
    let body = json!({
        "schemas": [USER, ENTERPRISE],
        "userName": "ada@example.com",
        "active": true,
        custom: { "tag": "701984" },
        ENTERPRISE: { "department": "Analysis", "manager": "51aa" },
    });

    let made = acme.post("/Users", body).await.expect(201);

    assert_eq!(made["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(made[ENTERPRISE], json!({ "department": "Analysis", "manager": { "value": "51aa" } }));
    assert_eq!(made.get(custom), None);
}

#[tokio::test]
async fn en_03d_roles_are_kept_in_each_of_the_three_mapping_functions() {
    let (_app, acme) = start().await;
    let single = json!([{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin" }]);
    let body = json!({ "userName": "ada@example.com", "schemas": [USER], "roles": single });
    let made = acme.post("/Users", body).await.expect(201);
    assert_eq!(made["roles"], single, "SingleAppRoleAssignment");

    // `displayName` is no sub-attribute of a role: it is dropped, and the role is not.
    let role = |value: &str| json!({ "primary": false, "displayName": value, "value": value });
    let kept = |value: &str| json!({ "primary": false, "value": value });
    let body = json!({ "userName": "c@example.com", "schemas": [USER], "roles": [role("Admin"), role("User")] });
    let made = acme.post("/Users", body).await.expect(201);
    assert_eq!(made["roles"], json!([kept("Admin"), kept("User")]), "AppRoleAssignmentsComplex");
    let path = format!("/Users/{}", id(&made));
    let added = json!([{ "op": "Add", "path": "roles", "value": [role("User"), role("Auditor")] }]);
    let patched = acme.operations(&path, added).await.expect(200);
    assert_eq!(patched["roles"], json!([kept("Admin"), kept("User"), kept("Auditor")]));

    let replaced = json!([{ "op": "replace", "path": "roles", "value": [role("Editor")] }]);
    let patched = acme.operations(&path, replaced).await.expect(200);
    assert_eq!(patched["roles"], json!([kept("Editor")]), "AssertiveAppRoleAssignmentsComplex");
}

#[tokio::test]
async fn en_04_the_default_dialect_changes_nine_attributes_in_one_patch() {
    let (_app, acme) = start().await;
    let mut body = ada();
    body[ENTERPRISE] = json!({ "employeeNumber": "1815" });
    let made = acme.post("/Users", body).await.expect(201);
    let operations = json!([
        { "op": "Replace", "path": "userName", "value": "ada.l@example.com" },
        { "op": "Replace", "path": "name.familyName", "value": "Lovelace" },
        { "op": "Add", "path": "name.givenName", "value": "Ada" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada.l@example.com" },
        { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 20 7946 0000" },
        { "op": "Add", "path": "addresses[type eq \"work\"].formatted", "value": "1 Analytical Way" },
        { "op": "Add", "path": enterprise("department"), "value": "Analysis" },
        { "op": "Remove", "path": enterprise("employeeNumber") },
        { "op": "Replace", "path": "externalId", "value": "ada.l" },
    ]);

    let patched = acme.operations(&format!("/Users/{}", id(&made)), operations).await.expect(200);

    assert_eq!(
        patched,
        json!({
            "schemas": [USER, ENTERPRISE],
            "id": id(&made),
            "externalId": "ada.l",
            "userName": "ada.l@example.com",
            "name": { "formatted": "Ada Lovelace", "familyName": "Lovelace", "givenName": "Ada" },
            "displayName": "Ada Byron",
            "active": true,
            "emails": [{ "value": "ada.l@example.com", "type": "work", "primary": true }],
            "phoneNumbers": [{ "value": "+44 20 7946 0000", "type": "mobile" }],
            "addresses": [{ "formatted": "1 Analytical Way", "type": "work" }],
            "groups": [],
            ENTERPRISE: { "department": "Analysis" },
            "meta": patched["meta"],
        })
    );
    assert_eq!(acme.get(&format!("/Users/{}", id(&made))).await.expect(200), patched);
    assert_eq!(acme.ids("/Users", "userName eq \"ada.l@example.com\"").await, [id(&made)]);
    assert_eq!(acme.ids("/Users", "userName eq \"ada@example.com\"").await, [] as [&str; 0], "the old name is free");
}

#[tokio::test]
async fn en_04_active_is_a_string_and_add_is_replace() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    let account = user.trim_start_matches("/Users/").to_owned();
    for (op, sent, active, state) in [
        ("Replace", "False", false, "disabled"),
        ("Add", "True", true, "active"),
        ("Add", "False", false, "disabled"),
        ("Replace", "True", true, "active"),
    ] {
        let operation = json!([{ "op": op, "path": "active", "value": sent }]);
        assert_eq!(acme.operations(&user, operation).await.expect(200)["active"], json!(active), "{op} {sent}");
        assert_eq!(app.account("acme", &account).await["state"], state);
    }
}

#[tokio::test]
async fn en_04_a_role_that_is_json_text_stays_the_text() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let text = r#"{"id":"06b07648","value":"Admin","displayName":"Administrator"}"#;

    let operation = json!([{ "op": "Add", "path": "roles", "value": [{ "value": text }] }]);
    let patched = acme.operations(&user, operation).await.expect(200);

    assert_eq!(patched["roles"], json!([{ "value": text }]));
}

/// The literal `"True"` is a boolean here; the operations of one request fill the same new element.
#[tokio::test]
async fn en_04_paths_by_primary_create_one_element_and_fill_it() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let operations = json!([
        { "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Editor" },
        { "op": "Add", "path": "roles[primary eq \"True\"].display", "value": "Editor" },
        { "op": "Add", "path": "roles[primary eq \"True\"].type", "value": "WindowsAzureActiveDirectoryRole" },
        { "op": "Replace", "path": "addresses[primary EQ \"True\"].locality", "value": "London" },
    ]);
    let role = |value: &str| {
        json!([{
            "value": value,
            "display": "Editor",
            "type": "WindowsAzureActiveDirectoryRole",
            "primary": true,
        }])
    };

    let patched = acme.operations(&user, operations).await.expect(200);
    assert_eq!(patched["roles"], role("Editor"));
    assert_eq!(patched["addresses"], json!([{ "locality": "London", "primary": true }]));

    let again = json!([{ "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Admin" }]);
    assert_eq!(acme.operations(&user, again).await.expect(200)["roles"], role("Admin"), "now it is found");
}

/// Unassigned, out of scope or soft-deleted in Entra: one PATCH. Restored within 30 days: another, on the same id.
#[tokio::test]
async fn en_07_a_user_is_disabled_keeps_its_groups_and_is_restored_with_the_same_id() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    let account = user.trim_start_matches("/Users/").to_owned();
    let group = acme.group("Engineering", &[&account]).await;
    let flagged = |active: bool| json!([{ "op": "replace", "value": { "active": active } }]);
    let default = |active: &str| json!([{ "op": "Replace", "path": "active", "value": active }]);

    for (off, on) in [(default("False"), default("True")), (flagged(false), flagged(true))] {
        assert_eq!(acme.operations(&user, off).await.expect(200)["active"], false);
        assert_eq!(app.account("acme", &account).await["state"], "disabled");
        assert_eq!(acme.members(&group).await, [account.as_str()], "membership stays");
        assert_eq!(acme.ids("/Users", "userName eq \"ada@example.com\"").await, [account.as_str()]);

        let restored = acme.operations(&user, on).await.expect(200);
        assert_eq!((id(&restored), &restored["active"]), (account.as_str(), &json!(true)));
        assert_eq!(restored["groups"][0]["value"], json!(group));
    }
}

/// 30 days after a soft delete. A 404 is taken as done.
#[tokio::test]
async fn en_07_a_hard_delete_is_204_and_then_404_and_frees_the_name() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let account = user.trim_start_matches("/Users/").to_owned();
    let group = acme.group("Engineering", &[&account]).await;

    let gone = acme.delete(&user).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));

    let told = error(404, None, &format!("Resource {account} not found"));
    assert_eq!(acme.delete(&user).await.expect(404), told);
    assert_eq!(acme.get(&user).await.expect(404), told);
    let operation = json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    assert_eq!(acme.operations(&user, operation).await.expect(404), told);
    assert_eq!(acme.members(&group).await, [] as [&str; 0]);
    let again: Value = acme.post("/Users", ada()).await.expect(201);
    assert_ne!(id(&again), account);
}
