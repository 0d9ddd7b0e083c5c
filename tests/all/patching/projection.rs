//! What an answer shows (RFC 7644 §3.9), on every verb that answers a resource.

use muster_test_harness::GROUP;
use serde_json::{Value, json};

use super::{ENTERPRISE, USER, babs, start};

fn keys(resource: &Value) -> Vec<&str> {
    resource.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn attributes_and_excluded_attributes_hold_for_every_verb() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    let body =
        |name: &str| json!({ "schemas": [USER], "userName": name, "title": "Guide", "name": { "givenName": "B" } });
    let only = "attributes=userName,name.givenName";
    let without = "excludedAttributes=title,meta,groups,active,name.givenName";

    let read = acme.get(&format!("{user}?{only}")).await.expect(200);
    assert_eq!(keys(&read), ["schemas", "id", "userName", "name"]);
    assert_eq!(read["name"], json!({ "givenName": "Barbara" }));
    let made = acme.post(&format!("/Users?{only}"), body("one")).await.expect(201);
    assert_eq!(keys(&made), ["schemas", "id", "userName", "name"]);
    let put = acme.put(&format!("{user}?{only}"), body("bjensen")).await.expect(200);
    assert_eq!(keys(&put), ["schemas", "id", "userName", "name"]);
    let operations = json!({ "Operations": [{ "op": "add", "path": "nickName", "value": "Babs" }] });
    let patched = acme.patch(&format!("{user}?{only}"), operations.clone()).await.expect(200);
    assert_eq!(keys(&patched), ["schemas", "id", "userName", "name"]);
    let listed = acme.find(&format!("/Users?{only}"), "userName eq \"one\"").await.expect(200);
    assert_eq!(keys(&listed["Resources"][0]), ["schemas", "id", "userName", "name"]);

    assert_eq!(
        keys(&acme.get(&format!("{user}?{without}")).await.expect(200)),
        ["schemas", "id", "userName", "nickName"]
    );
    let made = acme.post(&format!("/Users?{without}"), body("two")).await.expect(201);
    assert_eq!(keys(&made), ["schemas", "id", "userName"]);
    let put = acme.put(&format!("{user}?{without}"), body("bjensen")).await.expect(200);
    assert_eq!(keys(&put), ["schemas", "id", "userName"]);
    let patched = acme.patch(&format!("{user}?{without}"), operations).await.expect(200);
    assert_eq!(keys(&patched), ["schemas", "id", "userName", "nickName"]);
}

#[tokio::test]
async fn names_may_carry_their_urn_and_unknown_ones_leave_the_least_there_is() {
    let (_app, acme) = start().await;
    let user = babs(&acme).await;
    for (attributes, expected) in [
        (format!("{USER}:userName"), vec!["schemas", "id", "userName"]),
        (format!("{ENTERPRISE}:department"), vec!["schemas", "id", ENTERPRISE]),
        (format!("{ENTERPRISE}:manager.value,EMAILS.Value"), vec!["schemas", "id", "emails", ENTERPRISE]),
        (ENTERPRISE.to_owned(), vec!["schemas", "id", ENTERPRISE]),
        ("favouriteColour,name.nick".to_owned(), vec!["schemas", "id"]),
        ("password".to_owned(), vec!["schemas", "id"]),
        ("id".to_owned(), vec!["schemas", "id"]),
        ("meta.version".to_owned(), vec!["schemas", "id", "meta"]),
    ] {
        let read = acme.get(&format!("{user}?attributes={attributes}")).await.expect(200);
        assert_eq!(keys(&read), expected, "{attributes}");
    }
    let read = acme.get(&format!("{user}?attributes={ENTERPRISE}:department")).await.expect(200);
    assert_eq!(read[ENTERPRISE], json!({ "department": "Tour Operations" }));
    let read = acme.get(&format!("{user}?excludedAttributes=id,schemas,{ENTERPRISE}")).await.expect(200);
    assert_eq!(
        (read.get(ENTERPRISE), keys(&read)[..2].to_vec()),
        (None, vec!["schemas", "id"]),
        "these two are always there"
    );
    assert_eq!(read["schemas"], json!([USER, ENTERPRISE]), "the schemas of the resource, whatever is shown of it");
    let both = acme.get(&format!("{user}?attributes=title&excludedAttributes=title")).await.expect(200);
    assert_eq!(keys(&both), ["schemas", "id", "title"]);
}

#[tokio::test]
async fn a_patch_that_names_attributes_is_answered_with_them_however_large_the_group_is() {
    let (_app, acme) = start().await;
    let mut members = Vec::new();
    for index in 0..101 {
        members.push(json!({ "value": acme.user(&format!("user-{index}")).await }));
    }
    let made =
        acme.post("/Groups", json!({ "schemas": [GROUP], "displayName": "All", "members": members })).await.expect(201);
    let path = format!("/Groups/{}", made["id"].as_str().unwrap());
    let rename = |name: &str| json!([{ "op": "replace", "path": "displayName", "value": name }]);

    assert_eq!(acme.operations(&path, rename("Everybody")).await.status, 204);
    let shown = acme.operations(&format!("{path}?attributes=displayName"), rename("All of us")).await.expect(200);

    assert_eq!(
        keys(&shown),
        ["schemas", "id", "displayName"],
        "\"MUST return a 200 OK if the attributes parameter is specified\""
    );
}
