//! OK-07, the import from the app to Okta, and OK-09, what Identity Governance and "Import user schema" read.

use std::collections::BTreeSet;

use muster_test_harness::{ENTERPRISE, GROUP, USER};
use serde_json::json;

use super::{Okta, ada, counters, each, person, text};

/// Okta's QA refused a server that told `count=100` while it returned 2 of 102.
#[tokio::test]
async fn ok_07_an_import_of_102_users_takes_two_pages_and_sees_everyone_once() {
    let (_app, acme) = Okta::start().await;
    for number in 0..102 {
        acme.post("/Users", &person(&format!("user{number}@example.com"))).await.expect(201);
    }

    let first = acme.get("/Users?startIndex=1&count=100").await.expect(200);
    let second = acme.get("/Users?startIndex=101&count=100").await.expect(200);
    let beyond = acme.get("/Users?startIndex=201&count=100").await.expect(200);

    assert_eq!(counters(&first), [102, 1, 100]);
    assert_eq!(counters(&second), [102, 101, 2]);
    assert_eq!((counters(&beyond), &beyond["Resources"]), ([102, 201, 0], &json!([])));
    let (one, two) = (each(&first, "id"), each(&second, "id"));
    assert_eq!((one.len(), two.len()), (100, 2));
    assert_eq!(one.iter().chain(&two).collect::<BTreeSet<_>>().len(), 102);
    let again = acme.get("/Users?startIndex=1&count=100").await.expect(200);
    assert_eq!(again, first, "in the same order every time");
    let all = acme.get("/Users?startIndex=1&count=200").await.expect(200);
    assert_eq!(counters(&all), [102, 1, 102]);

    for user in first["Resources"].as_array().unwrap() {
        for needed in ["/id", "/userName", "/name/givenName", "/name/familyName", "/emails/0/value"] {
            assert!(!text(user, needed).is_empty(), "{needed}");
        }
        assert!(user["active"].is_boolean());
    }
}

/// Okta skips inactive users itself; one that is missing from the list counts as removed in the app.
#[tokio::test]
async fn ok_07_inactive_users_are_listed_and_deleted_ones_are_not() {
    let (_app, acme) = Okta::start().await;
    let mut ids = Vec::new();
    for login in ["ada@example.com", "babbage@example.com", "clairaut@example.com"] {
        ids.push(text(&acme.post("/Users", &person(login)).await.expect(201), "/id").to_owned());
    }
    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    acme.operations(&format!("/Users/{}", ids[0]), off).await.expect(200);
    acme.tenant.delete(&format!("/Users/{}", ids[1])).await.expect(204);

    let list = acme.get("/Users?startIndex=1&count=100").await.expect(200);

    assert_eq!(each(&list, "id"), [ids[0].as_str(), ids[2].as_str()]);
    assert_eq!(list["Resources"][0]["active"], false);
}

#[tokio::test]
async fn ok_07_groups_are_imported_with_their_members() {
    let (_app, acme) = Okta::start().await;
    let ada = acme.tenant.user("ada@example.com").await;
    acme.tenant.group("Analysts", &[&ada]).await;
    acme.tenant.group("Engineering", &[]).await;

    let list = acme.get("/Groups?startIndex=1&count=100").await.expect(200);

    assert_eq!(counters(&list), [2, 1, 2]);
    assert_eq!(each(&list, "displayName"), ["Analysts", "Engineering"]);
    assert_eq!(list["Resources"][0]["members"][0]["value"], json!(ada));
    assert_eq!(list["Resources"][1]["members"], json!([]));
}

#[tokio::test]
async fn ok_09_every_advertised_endpoint_lists_one_resource_and_its_schemas_are_described() {
    let (_app, acme) = Okta::start().await;
    let mut with_roles = ada();
    with_roles["entitlements"] = json!([{ "value": "ent-7", "display": "Reports", "type": "License" }]);
    with_roles["roles"] = json!([{ "value": "role-2", "display": "Editor" }]);
    let made = acme.post("/Users", &with_roles).await.expect(201);
    acme.post("/Users", &person("babbage@example.com")).await.expect(201);
    acme.tenant.group("Analysts", &[text(&made, "/id")]).await;
    acme.tenant.group("Engineering", &[]).await;

    let types = acme.get("/ResourceTypes").await.expect(200);
    let schemas = acme.get("/Schemas").await.expect(200);
    let described = each(&schemas, "id");
    assert_eq!(each(&types, "endpoint"), ["/Users", "/Groups"]);
    assert_eq!(described, [USER, ENTERPRISE, GROUP]);
    for resource_type in types["Resources"].as_array().unwrap() {
        let extensions = resource_type["schemaExtensions"].as_array().unwrap();
        let urns = extensions.iter().map(|extension| text(extension, "/schema"));
        for urn in urns.chain([text(resource_type, "/schema")]) {
            assert!(described.contains(&urn), "{urn}");
        }
        let page = acme.get(&format!("{}?count=1&startIndex=1", text(resource_type, "/endpoint"))).await.expect(200);
        assert_eq!(counters(&page), [2, 1, 1]);
    }
    for attribute in ["roles", "entitlements"] {
        assert_eq!(made[attribute], with_roles[attribute], "a plain attribute of the user");
        let attributes = schemas.pointer("/Resources/0/attributes").unwrap().as_array().unwrap();
        assert!(attributes.iter().any(|known| known["name"] == attribute), "{attribute}");
    }
}
