//! Q1 to Q4, Q7 to Q9: what stands in a PATCH.

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, USER};
use serde_json::{Value, json};

use super::{created, id, start};

#[tokio::test]
async fn q01_active_as_a_string_disables_the_user_and_is_a_boolean_in_the_answer() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    let account = user.trim_start_matches("/Users/");
    for sent in ["False", "false", "FALSE"] {
        let off = acme.operations(&user, json!([{ "op": "Replace", "path": "active", "value": sent }])).await;
        assert_eq!(off.expect(200)["active"], false, "{sent} is not truthy");
        assert_eq!(app.account("acme", account).await["state"], "disabled");
        let on = acme.operations(&user, json!([{ "op": "Replace", "path": "active", "value": "True" }])).await;
        assert_eq!(on.expect(200)["active"], true);
        assert_eq!(app.account("acme", account).await["state"], "active");
    }
    let refused = acme.operations(&user, json!([{ "op": "Replace", "path": "active", "value": "maybe" }])).await;
    assert_eq!(refused.expect(400), error(400, Some("invalidValue"), "Operations[0]: active must be a boolean"));
}

#[tokio::test]
async fn q02_operations_are_read_in_any_case_and_add_on_one_value_replaces_it() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    for (op, path, sent, read) in [
        ("Add", "active", json!("True"), json!(true)),
        ("add", "active", json!(false), json!(false)),
        ("ADD", "title", json!("Countess"), json!("Countess")),
        ("Add", "title", json!("Analyst"), json!("Analyst")),
        ("REPLACE", "title", json!("Mathematician"), json!("Mathematician")),
        ("Remove", "title", json!(null), json!(null)),
        ("Replace", "title", json!("Countess"), json!("Countess")),
    ] {
        let patched = acme.operations(&user, json!([{ "op": op, "path": path, "value": sent }])).await.expect(200);
        assert_eq!(patched.get(path).unwrap_or(&Value::Null), &read, "{op} {path}");
    }
}

#[tokio::test]
async fn q03_without_a_path_each_key_of_the_value_is_one() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let urn = format!("{ENTERPRISE}:department");
    let value = json!({ "active": false, "name.givenName": "Augusta", urn: "Analysis" });

    let patched = acme.operations(&user, json!([{ "op": "replace", "value": value }])).await.expect(200);
    assert_eq!(patched["active"], false);
    assert_eq!(patched["name"], json!({ "givenName": "Augusta", "familyName": "Byron" }));
    assert_eq!(patched[ENTERPRISE], json!({ "department": "Analysis" }));

    let nested = json!({ "name": { "familyName": "King" }, ENTERPRISE: { "division": "Engines" } });
    let patched = acme.operations(&user, json!([{ "op": "Add", "value": nested }])).await.expect(200);
    assert_eq!(patched["name"], json!({ "givenName": "Augusta", "familyName": "King" }));
    assert_eq!(patched[ENTERPRISE], json!({ "department": "Analysis", "division": "Engines" }));
}

#[tokio::test]
async fn q04_id_and_schemas_in_the_value_are_ignored_and_nothing_is_keyed_anew() {
    let (_app, acme) = start().await;
    let group = acme.group("Analysts", &[]).await;
    let path = format!("/Groups/{group}");
    for own in [group.as_str(), "4d1c"] {
        let value = json!({ "id": own, "schemas": ["x"], "displayName": format!("Engineering {own}") });
        let patched = acme.operations(&path, json!([{ "op": "replace", "value": value }])).await.expect(200);
        assert_eq!((id(&patched), &patched["displayName"]), (group.as_str(), &json!(format!("Engineering {own}"))));
    }
    acme.get("/Groups/4d1c").await.expect(404);
}

#[tokio::test]
async fn q07_a_value_path_that_selects_nothing_makes_its_element() {
    let (_app, acme) = start().await;
    let user = format!("/Users/{}", acme.user("ada").await);
    let work = json!([{ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada@example.com" }]);

    let patched = acme.operations(&user, work.clone()).await.expect(200);
    assert_eq!(patched["emails"], json!([{ "value": "ada@example.com", "type": "work" }]));
    assert_eq!(acme.operations(&user, work).await.expect(200), patched, "the second time it is found");

    let home = json!([{ "op": "Add", "path": "emails[type eq \"home\"].value", "value": "ada@home.example" }]);
    let patched = acme.operations(&user, home).await.expect(200);
    assert_eq!(patched["emails"][1], json!({ "value": "ada@home.example", "type": "home" }));
}

#[tokio::test]
async fn q07_a_remove_that_selects_nothing_changes_nothing() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    let before = acme.get(&user).await.expect(200);
    for path in ["emails[type eq \"home\"]", "emails[type eq \"home\"].value", "title", "phoneNumbers"] {
        let patched = acme.operations(&user, json!([{ "op": "remove", "path": path }])).await.expect(200);
        assert_eq!(patched, before, "{path}");
    }
    assert_eq!(app.log("acme").await.len(), 1, "nothing was written");
}

#[tokio::test]
async fn q08_a_manager_that_is_a_string_is_an_object_and_an_empty_one_is_none() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let set = |op: &str, value: Value| json!([{ "op": op, "path": format!("{ENTERPRISE}:manager"), "value": value }]);

    let patched = acme.operations(&user, set("Add", json!("51aa"))).await.expect(200);
    assert_eq!(patched[ENTERPRISE], json!({ "manager": { "value": "51aa" } }));
    for nothing in [json!(""), json!(null)] {
        acme.operations(&user, set("Add", json!("51aa"))).await.expect(200);
        let cleared = acme.operations(&user, set("Replace", nothing)).await.expect(200);
        assert_eq!((cleared.get(ENTERPRISE), &cleared["schemas"]), (None, &json!([USER])));
    }
}

#[tokio::test]
async fn q09_paths_by_primary_fill_one_element() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let operations = json!([
        { "op": "Add", "path": "roles[primary eq \"True\"].display", "value": "Editor" },
        { "op": "Add", "path": "roles[primary eq \"True\"].value", "value": "editor" },
    ]);

    let patched = acme.operations(&user, operations).await.expect(200);

    assert_eq!(patched["roles"], json!([{ "primary": true, "display": "Editor", "value": "editor" }]));
}
