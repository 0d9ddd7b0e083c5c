//! The fixtures EN-01 to EN-07, one after the other, at a tenant whose plugin keeps names and addresses of a user and nothing else, as Popl's
//! and Level Access's do: none may be refused, and what each says of the name and of `active` must be so.

use muster_test_harness::messages::nothing_found;
use muster_test_harness::{ENTERPRISE, TenantClient, TestApp, USER, field};
use serde_json::{Value, json};

use super::{ada, enterprise, id};

const GUID: &str = "a1d83c3f-6b0e-4a4f-9d57-2e4c2a0f7b11";

/// All of them at the tenant `acme`, whose plugin gives an account the fields `name` and `email`.
pub(crate) async fn every_form_is_taken(app: &TestApp, acme: &TenantClient) {
    connects(acme).await;
    let ada = creates(acme).await;
    let id = ada.trim_start_matches("/Users/");
    let told = async || {
        let account = app.account("acme", id).await;
        (field(&account, "name"), field(&account, "email"))
    };
    assert_eq!(told().await, (json!("Ada Byron"), json!("ada@example.com")));

    changes(acme, &ada).await;
    assert_eq!(told().await, (json!("Ada Lovelace"), json!("ada.l@example.com")));
    changes_by_the_flag(acme, &ada).await;
    assert_eq!(told().await, (json!("Ada King"), json!("ada.k@example.com")));
    has_managers(acme, &ada).await;
    comes_and_goes(acme, &ada).await;
}

/// EN-01: the tests of the connection, by each attribute that a mapping can match.
async fn connects(acme: &TenantClient) {
    for filter in ["userName eq", "externalId eq", "emails[type eq \"work\"].value eq"] {
        let path = format!("/Users?filter={filter} \"{GUID}\"");
        assert_eq!(acme.get(&path).await.expect(200), nothing_found(), "{path}");
    }
    acme.get("/Schemas").await.expect(200);
}

/// EN-02: every lookup; the user is found by the name, and never another one.
async fn is_found(acme: &TenantClient, user: &str, name: &str) {
    let by_name = acme.get(&format!("/Users?filter=userName eq \"{name}\"")).await.expect(200);
    assert_eq!((&by_name["totalResults"], &by_name["Resources"][0]["id"]), (&json!(1), &json!(user)));
    let by_address = acme.get(&format!("/Users?filter=emails[type eq \"work\"].value eq \"{name}\"")).await.expect(200);
    assert_eq!((&by_address["totalResults"], &by_address["Resources"][0]["id"]), (&json!(1), &json!(user)));
    for path in [
        "/Users?filter=externalId eq \"ada\"".to_owned(),
        "/Users?filter=externalId eq \"0f1c9d2e-2a3b-4c5d-8e9f-001122334455\"".to_owned(),
        "/Users?filter=externalId eq jyoung".to_owned(),
        format!("/Users?filter=id eq \"{user}\" and manager eq \"51aa\"&attributes=id"),
    ] {
        let found = acme.get(&path).await.expect(200);
        let found = found["Resources"].as_array().unwrap();
        assert!(found.iter().all(|found| found["id"] == user) && found.len() < 2, "{path}: {found:?}");
    }
    assert_eq!(acme.get(&format!("/Users/{user}")).await.expect(200)["userName"], name);
}

/// EN-03, b to d: every form of a new user, and the refusal of one that is there. Ada's path; the others are deleted again.
async fn creates(acme: &TenantClient) -> String {
    let made = acme.post("/Users", ada()).await.expect(201);
    assert_eq!(acme.post("/Users", ada()).await.expect(409)["scimType"], "uniqueness");
    is_found(acme, id(&made), "ada@example.com").await;
    let nulls = json!({
        "schemas": [USER, "urn:ietf:params:scim:schemas:extension:enterprise:2.0User"],
        "externalId": "c", "userName": "c@example.com", "active": "True", "addresses": null, "displayName": null,
        "emails": [{ "Primary": true, "type": "work", "value": "c@example.com" }],
        "meta": { "resourceType": "User" }, "name": { "familyName": "Babbage", "givenName": "Charles" },
        "phoneNumbers": null, "preferredLanguage": null, "title": null, "department": null, "manager": null,
    });
    let custom = json!({
        "schemas": [USER, ENTERPRISE], "userName": "m@example.com", "active": true,
        "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User": { "tag": "701984" },
        ENTERPRISE: { "department": "Analysis", "manager": "51aa" },
    });
    let role = json!([{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin" }]);
    let roles = json!({ "userName": "d@example.com", "schemas": [USER], "roles": role });
    for body in [nulls, custom, roles] {
        let made = acme.post("/Users", body.clone()).await.expect(201);
        assert_eq!((&made["userName"], &made["active"]), (&body["userName"], &json!(true)));
        acme.delete(&format!("/Users/{}", id(&made))).await.expect(204);
    }
    format!("/Users/{}", id(&made))
}

/// EN-04: the user gets another name and address.
async fn changes(acme: &TenantClient, user: &str) -> Value {
    let changed = patch(
        acme,
        user,
        json!([
            { "op": "Replace", "path": "userName", "value": "ada.l@example.com" },
            { "op": "Replace", "path": "name.familyName", "value": "Lovelace" },
            { "op": "Add", "path": "name.givenName", "value": "Ada" },
            { "op": "Replace", "path": "displayName", "value": "Ada Lovelace" },
            { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada.l@example.com" },
            { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 20 7946 0000" },
            { "op": "Add", "path": "addresses[type eq \"work\"].formatted", "value": "1 Analytical Way" },
            { "op": "Add", "path": enterprise("department"), "value": "Analysis" },
            { "op": "Remove", "path": enterprise("employeeNumber") },
            { "op": "Replace", "path": "externalId", "value": "ada.l" },
        ]),
    )
    .await;
    assert_eq!(changed["userName"], "ada.l@example.com");
    is_found(acme, id(&changed), "ada.l@example.com").await;
    let text = r#"{"id":"06b07648","value":"Admin","displayName":"Administrator"}"#;
    patch(acme, user, json!([{ "op": "Add", "path": "roles", "value": [{ "value": text }] }])).await;
    patch(
        acme,
        user,
        json!([
            { "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Editor" },
            { "op": "Add", "path": "roles[primary eq \"True\"].display", "value": "Editor" },
            { "op": "Add", "path": "roles[primary eq \"True\"].type", "value": "WindowsAzureActiveDirectoryRole" },
            { "op": "Replace", "path": "addresses[primary EQ \"True\"].locality", "value": "London" },
        ]),
    )
    .await
}

/// EN-05: the same by the dialect of the feature flag, which disables and restores as well.
async fn changes_by_the_flag(acme: &TenantClient, user: &str) {
    for active in [false, true] {
        let changed = patch(
            acme,
            user,
            json!([
                { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "ada.k@example.com" },
                { "op": "replace", "path": "emails[type eq \"work\"].primary", "value": true },
                { "op": "replace", "value": {
                    "active": active, "userName": "ada.k@example.com", "displayName": "Ada King",
                    "name.givenName": "Ada", "name.familyName": "King", enterprise("employeeNumber"): "1815",
                } },
            ]),
        )
        .await;
        assert_eq!((&changed["userName"], &changed["active"]), (&json!("ada.k@example.com"), &json!(active)));
        is_found(acme, id(&changed), "ada.k@example.com").await;
    }
}

/// EN-06: a manager, in each form, of whom Popl and Level Access keep nothing.
async fn has_managers(acme: &TenantClient, user: &str) {
    let path = enterprise("manager");
    for operation in [
        json!({ "op": "Add", "path": path, "value": "51aa" }),
        json!({ "op": "Replace", "path": path, "value": "52bb" }),
        json!({ "op": "Replace", "path": "manager", "value": [{ "$ref": null, "value": "51aa" }] }),
        json!({ "op": "Replace", "path": path, "value": "" }),
        json!({ "op": "Remove", "path": path }),
    ] {
        let told = patch(acme, user, json!([operation])).await;
        assert_eq!(told.get(ENTERPRISE), None, "neither of them keeps a manager");
    }
}

/// EN-07: disabled, restored, and at last deleted; whom it does not find any more counts as deleted.
async fn comes_and_goes(acme: &TenantClient, user: &str) {
    let name = acme.get(user).await.expect(200)["userName"].as_str().unwrap().to_owned();
    let own = user.trim_start_matches("/Users/");
    for (op, sent, active) in
        [("Replace", "False", false), ("Add", "True", true), ("Add", "False", false), ("Replace", "True", true)]
    {
        let operation = json!([{ "op": op, "path": "active", "value": sent }]);
        assert_eq!(patch(acme, user, operation).await["active"], active, "{op} {sent}");
        is_found(acme, own, &name).await;
    }
    acme.delete(user).await.expect(204);
    acme.delete(user).await.expect(404);
    let found = acme.get(&format!("/Users?filter=userName eq \"{name}\"")).await.expect(200);
    assert_eq!(found, nothing_found());
}

/// A PATCH that must be taken, whether it is answered with the user or without.
async fn patch(acme: &TenantClient, user: &str, operations: Value) -> Value {
    let answer = acme.operations(user, operations.clone()).await;
    assert!([200, 204].contains(&answer.status), "{operations}: {} {}", answer.status, answer.text);
    acme.get(user).await.expect(200)
}
