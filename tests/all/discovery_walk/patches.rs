//! Every announced path can be written by PATCH and read back, and be emptied: the gallery validation of 2.11, for every kind of
//! resource.

use serde_json::{Value, json};

use super::announced::kinds;
use super::{start, walked};

#[tokio::test]
async fn every_announced_path_is_added_replaced_and_read_back() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 0).await;
            let leaves = kind.writable();
            assert!(!leaves.is_empty());
            for leaf in leaves {
                for (number, op) in [(1, "Add"), (2, "replace"), (3, "Replace")] {
                    let value = leaf.sample(number);
                    let patched = tenant.operations(&path, leaf.operation(op, &value)).await;
                    assert_eq!(patched.status, 200, "{op} {} {value}: {}", leaf.path, patched.text);
                    let patched = patched.body;
                    let read = tenant.get(&path).await.expect(200);
                    assert_eq!(read["meta"]["version"], patched["meta"]["version"]);
                    match leaf.returned() {
                        "never" => assert_eq!(leaf.read(&read), Value::Null, "{}", leaf.path),
                        "request" => {
                            assert_eq!(leaf.read(&read), Value::Null, "{}", leaf.path);
                            let asked = tenant.get(&format!("{path}?attributes={}", leaf.asked())).await.expect(200);
                            assert_eq!(leaf.read(&asked), value, "{op} {}", leaf.path);
                        }
                        _ => {
                            assert_eq!(leaf.read(&patched), value, "{op} {}", leaf.path);
                            assert_eq!(leaf.read(&read), value, "{op} {}", leaf.path);
                        }
                    }
                }
            }
        }
    }
}

/// `SCIM_Null_Update`.
#[tokio::test]
async fn an_empty_text_null_and_remove_empty_every_optional_path() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 0).await;
            for leaf in kind.writable().into_iter().filter(|leaf| leaf.is_optional() && leaf.returned() != "never") {
                let nothing = [
                    leaf.operation("replace", &json!("")),
                    leaf.operation("replace", &Value::Null),
                    json!([{ "op": "remove", "path": leaf.path }]),
                ];
                for nothing in nothing {
                    tenant.operations(&path, leaf.operation("add", &leaf.sample(2))).await.expect(200);
                    let emptied = tenant.operations(&path, nothing.clone()).await;
                    assert_eq!(emptied.status, 200, "{nothing}: {}", emptied.text);
                    let read = tenant.get(&format!("{path}?attributes={}", leaf.asked())).await.expect(200);
                    assert_eq!(leaf.read(&read), Value::Null, "{nothing}");
                }
            }
        }
    }
}

/// What a PUT writes is what a PATCH writes.
#[tokio::test]
async fn every_announced_attribute_can_be_created_and_put() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        for kind in kinds(tenant).await {
            let path = kind.create(tenant, 0).await;
            for (number, leaf) in (10..).zip(kind.writable().into_iter().filter(|leaf| leaf.returned() != "never")) {
                let mut body = kind.smallest(number);
                leaf.put_into(&mut body, leaf.sample(number));
                let made = tenant.post(&kind.endpoint, body.clone()).await;
                assert_eq!(made.status, 201, "{}: {}", leaf.path, made.text);
                let asked = format!("{}/{}?attributes={}", kind.endpoint, super::id(&made.body), leaf.asked());
                assert_eq!(leaf.read(&tenant.get(&asked).await.expect(200)), leaf.sample(number), "{}", leaf.path);
                tenant.delete(&format!("{}/{}", kind.endpoint, super::id(&made.body))).await.expect(204);

                tenant.put(&path, body).await.expect(200);
                let read = tenant.get(&format!("{path}?attributes={}", leaf.asked())).await.expect(200);
                assert_eq!(leaf.read(&read), leaf.sample(number), "{}", leaf.path);
            }
        }
    }
}

#[tokio::test]
async fn announced_members_can_be_added_and_removed() {
    let (_app, tenants) = start().await;
    for tenant in walked(&tenants) {
        let user = tenant.user("ada@example.test").await;
        for kind in kinds(tenant).await {
            let attributes = super::announced::elements(&kind.core["attributes"]).to_vec();
            if !attributes.iter().any(|attribute| attribute["name"] == "members") {
                continue;
            }
            let path = kind.create(tenant, 0).await;
            let add = json!([{ "op": "Add", "path": "members", "value": [{ "value": user }] }]);
            let added = tenant.operations(&path, add).await.expect(200);
            assert_eq!(added["members"][0]["value"], json!(user));
            let remove = json!([{ "op": "Remove", "path": format!("members[value eq \"{user}\"]") }]);
            let removed = tenant.operations(&path, remove).await.expect(200);
            assert!(removed.get("members").is_none_or(|members| *members == json!([])), "{removed}");
        }
    }
}
