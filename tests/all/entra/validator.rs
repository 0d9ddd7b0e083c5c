//! 2.11: the SCIM Validator that Microsoft offers to vendors: lower-case operations, booleans as `"True"`, other types of address.

use muster_test_harness::messages::error;
use muster_test_harness::{GROUP, TenantClient, USER};
use serde_json::{Value, json};

use super::{id, start};

fn random_user(number: u32) -> Value {
    let name = format!("validator{number}@example.com");
    json!({
        "schemas": [USER],
        "userName": name,
        "active": true,
        "displayName": format!("Validator {number}"),
        "emails": [{ "type": "work", "value": name, "primary": true }],
        "timezone": "America/Los_Angeles",
    })
}

async fn set(acme: &TenantClient, path: &str, op: &str, attribute: &str, value: Value) -> Value {
    acme.operations(path, json!([{ "op": op, "path": attribute, "value": value }])).await.expect(200)
}

#[tokio::test]
async fn the_validator_creates_finds_changes_disables_and_deletes_a_user() {
    let (_app, acme) = start().await;
    let made = acme.post("/Users", random_user(1)).await.expect(201);
    let path = format!("/Users/{}", id(&made));
    assert_eq!(acme.ids("/Users", "userName eq \"validator1@example.com\"").await, [id(&made)]);
    let refused = acme.post("/Users", random_user(1)).await.expect(409);
    assert_eq!(refused, error(409, Some("uniqueness"), "userName is already in use"));

    for (op, attribute, value) in [
        ("add", "title", "Countess"),
        ("replace", "title", "Analyst"),
        ("replace", "timezone", "Pacific/Chatham"),
        ("replace", "preferredLanguage", "fa-IR"),
    ] {
        set(&acme, &path, op, attribute, json!(value)).await;
        assert_eq!(acme.get(&path).await.expect(200)[attribute], json!(value), "{op} {attribute}");
    }

    set(&acme, &path, "replace", "userName", json!("validator2@example.com")).await;
    assert_eq!(acme.ids("/Users", "userName eq \"validator2@example.com\"").await, [id(&made)]);
    assert_eq!(acme.ids("/Users", "userName eq \"validator1@example.com\"").await, [] as [&str; 0]);

    for (sent, active) in [(json!(false), false), (json!("True"), true), (json!("False"), false)] {
        set(&acme, &path, "replace", "active", sent).await;
        let found = acme.find("/Users", "userName eq \"validator2@example.com\"").await.expect(200);
        assert_eq!(found["Resources"][0]["active"], json!(active));
    }

    acme.delete(&path).await.expect(204);
    acme.get(&path).await.expect(404);
    acme.delete(&path).await.expect(404);
}

#[tokio::test]
async fn the_validator_makes_addresses_of_types_that_no_schema_lists() {
    let (_app, acme) = start().await;
    let made = acme.post("/Users", random_user(1)).await.expect(201);
    let path = format!("/Users/{}", id(&made));
    for kind in ["home", "other", "untyped"] {
        let of = |sub: &str| format!("emails[type eq \"{kind}\"].{sub}");
        let operations = json!([
            { "op": "add", "path": of("value"), "value": format!("{kind}@example.com") },
            { "op": "add", "path": of("display"), "value": kind },
            { "op": "replace", "path": of("primary"), "value": "True" },
        ]);
        let patched = acme.operations(&path, operations).await.expect(200);
        let emails = patched["emails"].as_array().unwrap();
        let expected = json!({
            "value": format!("{kind}@example.com"), "display": kind, "type": kind, "primary": true,
        });
        assert_eq!(emails.last(), Some(&expected));
        let primaries = emails.iter().filter(|email| email["primary"] == true).count();
        assert_eq!(primaries, 1, "there is one primary address");
    }
    assert_eq!(acme.get(&path).await.expect(200)["emails"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_validator_is_refused_when_it_removes_what_a_user_or_group_must_have() {
    let (_app, acme) = start().await;
    let made = acme.post("/Users", random_user(1)).await.expect(201);
    let group = acme.group("Engineering", &[]).await;
    let user = format!("/Users/{}", id(&made));
    let group = format!("/Groups/{group}");
    for (path, required) in [(&user, "userName"), (&group, "displayName")] {
        let before = acme.get(path).await.expect(200);
        let removed = acme.operations(path, json!([{ "op": "remove", "path": required }])).await.expect(400);
        let detail = format!("Operations[0]: {required} is required and cannot be removed");
        assert_eq!(removed, error(400, Some("mutability"), &detail));
        let emptied = json!([{ "op": "replace", "path": required, "value": "" }]);
        let emptied = acme.operations(path, emptied).await.expect(400);
        assert_eq!(emptied, error(400, Some("invalidValue"), &format!("{required} is required")));
        assert_eq!(acme.get(path).await.expect(200), before);
    }
}

#[tokio::test]
async fn the_validator_does_the_same_with_groups() {
    let (_app, acme) = start().await;
    let user = acme.user("ada@example.com").await;
    let body = json!({ "schemas": [GROUP], "displayName": "Validators", "externalId": "v-1" });
    let made = acme.post("/Groups", body.clone()).await.expect(201);
    let path = format!("/Groups/{}", id(&made));
    assert_eq!(acme.ids("/Groups", "displayName eq \"Validators\"").await, [id(&made)]);
    let refused = acme.post("/Groups", body).await.expect(409);
    assert_eq!(refused, error(409, Some("uniqueness"), "displayName is already in use"));

    set(&acme, &path, "replace", "displayName", json!("Checkers")).await;
    assert_eq!(acme.ids("/Groups", "displayName eq \"Checkers\"").await, [id(&made)]);
    set(&acme, &path, "add", "members", json!([{ "value": user }])).await;
    assert_eq!(acme.members(id(&made)).await, [user.as_str()]);
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{user}\"]") }]);
    acme.operations(&path, remove).await.expect(200);
    assert_eq!(acme.members(id(&made)).await, [] as [&str; 0]);

    acme.delete(&path).await.expect(204);
    acme.get(&path).await.expect(404);
}
