//! EN-06: the manager, in every form in which Entra writes it. It must be read as an object: at a string Entra gives up.

use muster_test_harness::{ENTERPRISE, USER};
use serde_json::{Value, json};

use super::{ada, created, enterprise, id, start};

fn manager_of(user: &Value) -> Value {
    user[ENTERPRISE]["manager"].clone()
}

#[tokio::test]
async fn en_06_a_manager_that_is_a_string_in_a_post_or_put_is_an_object_when_read() {
    let (_app, acme) = start().await;
    let mut body = ada();
    body[ENTERPRISE] = json!({ "manager": "51aa" });
    let made = acme.post("/Users", body.clone()).await.expect(201);
    assert_eq!(manager_of(&made), json!({ "value": "51aa" }));

    body[ENTERPRISE] = json!({ "manager": "52bb" });
    let path = format!("/Users/{}", id(&made));
    let put = acme.put(&path, body).await.expect(200);
    assert_eq!(manager_of(&put), json!({ "value": "52bb" }));
    assert_eq!(manager_of(&acme.get(&path).await.expect(200)), json!({ "value": "52bb" }));
}

#[tokio::test]
async fn en_06_a_patch_adds_and_replaces_the_manager_by_string_by_object_and_as_the_documentation_has_it() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let path = enterprise("manager");
    for (operation, expected) in [
        (json!({ "op": "Add", "path": path, "value": "51aa" }), "51aa"),
        (json!({ "op": "Replace", "path": path, "value": "52bb" }), "52bb"),
        (json!({ "op": "Replace", "path": "manager", "value": [{ "$ref": null, "value": "53cc" }] }), "53cc"),
        (json!({ "op": "Replace", "path": path, "value": { "value": "54dd" } }), "54dd"),
        (json!({ "op": "replace", "value": { path: "55ee" } }), "55ee"),
    ] {
        let patched = acme.operations(&user, json!([operation])).await.expect(200);
        assert_eq!(manager_of(&patched), json!({ "value": expected }), "{operation}");
        assert_eq!(manager_of(&acme.get(&user).await.expect(200)), json!({ "value": expected }));
    }
}

#[tokio::test]
async fn en_06_an_empty_value_null_or_remove_clears_the_manager() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let path = enterprise("manager");
    for clearing in [
        json!({ "op": "Replace", "path": path, "value": "" }),
        json!({ "op": "Replace", "path": path, "value": null }),
        json!({ "op": "Remove", "path": path }),
        json!({ "op": "replace", "value": { path.as_str(): "" } }),
    ] {
        let set = json!([{ "op": "Add", "path": path, "value": "51aa" }]);
        assert_eq!(manager_of(&acme.operations(&user, set).await.expect(200)), json!({ "value": "51aa" }));

        let cleared = acme.operations(&user, json!([clearing])).await.expect(200);

        assert_eq!(cleared.get(ENTERPRISE), None, "{clearing}: nothing else was in the extension");
        assert_eq!(cleared["schemas"], json!([USER]));
        assert_eq!(acme.get(&user).await.expect(200), cleared);
    }
}

/// A `$ref` belongs to the value it came with.
#[tokio::test]
async fn en_06_a_new_manager_does_not_keep_the_reference_to_the_old_one() {
    let (_app, acme) = start().await;
    let mut body = ada();
    let reference = format!("{}/Users/51aa", acme.base);
    body[ENTERPRISE] = json!({ "manager": { "value": "51aa", "$ref": reference, "displayName": "C. Babbage" } });
    let made = acme.post("/Users", body).await.expect(201);
    assert_eq!(manager_of(&made), json!({ "value": "51aa", "$ref": reference }));

    let operation = json!([{ "op": "Replace", "path": enterprise("manager"), "value": "52bb" }]);
    let patched = acme.operations(&format!("/Users/{}", id(&made)), operation).await.expect(200);

    assert_eq!(manager_of(&patched), json!({ "value": "52bb" }));
}
