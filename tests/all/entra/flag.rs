//! EN-05: the dialect of the flag `aadOptscim062020`. Provision-on-demand ignores the flag, so one tenant sends both.

use muster_test_harness::ENTERPRISE;
use serde_json::json;

use super::{ada, created, enterprise, id, start};

#[tokio::test]
async fn en_05_plain_attributes_come_in_one_map_and_filtered_ones_beside_it() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let operations = json!([
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "ada.l@example.com" },
        { "op": "replace", "path": "emails[type eq \"work\"].primary", "value": true },
        { "op": "replace", "value": {
            "active": false,
            "displayName": "Ada Lovelace",
            "name.givenName": "Ada",
            "name.familyName": "Lovelace",
            enterprise("employeeNumber"): "1815",
        } },
    ]);

    let patched = acme.operations(&user, operations).await.expect(200);

    assert_eq!(patched["active"], false);
    assert_eq!(patched["displayName"], "Ada Lovelace");
    assert_eq!(patched["name"], json!({ "formatted": "Ada Lovelace", "familyName": "Lovelace", "givenName": "Ada" }));
    assert_eq!(patched["emails"], json!([{ "value": "ada.l@example.com", "type": "work", "primary": true }]));
    assert_eq!(patched[ENTERPRISE], json!({ "employeeNumber": "1815" }));
}

#[tokio::test]
async fn en_05_nested_objects_and_dotted_keys_of_one_map_are_merged() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let operations = json!([{ "op": "replace", "value": {
        "name": { "familyName": "Lovelace" },
        "name.honorificPrefix": "Lady",
        ENTERPRISE: { "department": "Analysis", "manager": { "value": "51aa" } },
        enterprise("division"): "Engines",
    } }]);

    let patched = acme.operations(&user, operations).await.expect(200);

    let name = json!({
        "formatted": "Ada Lovelace", "familyName": "Lovelace", "givenName": "Ada", "honorificPrefix": "Lady",
    });
    assert_eq!(patched["name"], name);
    let extension = json!({ "department": "Analysis", "division": "Engines", "manager": { "value": "51aa" } });
    assert_eq!(patched[ENTERPRISE], extension);
}

/// Gallery jobs from before December 2018.
#[tokio::test]
async fn en_05_a_dot_may_stand_where_the_colon_before_an_extension_attribute_belongs() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let by_path = json!([{ "op": "Add", "path": format!("{ENTERPRISE}.department"), "value": "Analysis" }]);
    let by_key = json!([{ "op": "replace", "value": { format!("{ENTERPRISE}.division"): "Engines" } }]);

    acme.operations(&user, by_path).await.expect(200);
    let patched = acme.operations(&user, by_key).await.expect(200);

    assert_eq!(patched[ENTERPRISE], json!({ "department": "Analysis", "division": "Engines" }));
}

#[tokio::test]
async fn en_05_both_dialects_come_to_the_same_user() {
    let (_app, acme) = start().await;
    let mut second = ada();
    second["userName"] = json!("second@example.com");
    let paths = [created(&acme).await, format!("/Users/{}", id(&acme.post("/Users", second).await.expect(201)))];
    let default = json!([
        { "op": "Replace", "path": "active", "value": "False" },
        { "op": "Add", "path": "title", "value": "Countess" },
        { "op": "Replace", "path": "name.familyName", "value": "Lovelace" },
        { "op": "Add", "path": enterprise("department"), "value": "Analysis" },
        { "op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+44 20" },
    ]);
    let flagged = json!([
        { "op": "add", "path": "phoneNumbers[type eq \"work\"].value", "value": "+44 20" },
        { "op": "replace", "value": {
            "active": false, "title": "Countess", "name.familyName": "Lovelace", enterprise("department"): "Analysis",
        } },
    ]);

    let one = acme.operations(&paths[0], default).await.expect(200);
    let other = acme.operations(&paths[1], flagged).await.expect(200);

    for attribute in ["active", "title", "name", ENTERPRISE, "phoneNumbers", "schemas"] {
        assert_eq!(one[attribute], other[attribute], "{attribute}");
        assert!(!one[attribute].is_null(), "{attribute}");
    }
}
