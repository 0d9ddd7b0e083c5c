//! The discovery endpoints themselves: lists and single items agree, schemas describe what is answered, nothing can be filtered.

use muster_test_harness::TenantClient;
use serde_json::{Value, json};

use super::announced::{elements, kinds, text};
use super::start;

const DISCOVERY: [&str; 3] = ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"];

#[tokio::test]
async fn every_item_is_answered_alone_as_it_stands_in_its_list() {
    let (_app, tenants) = start().await;
    for tenant in &tenants {
        for (endpoint, kind) in [("/ResourceTypes", "ResourceType"), ("/Schemas", "Schema")] {
            let list = tenant.get(endpoint).await.expect(200);
            let items = elements(&list["Resources"]);
            assert_eq!(list["totalResults"], json!(items.len()));
            assert_eq!(list["itemsPerPage"], json!(items.len()));
            for item in items {
                let path = format!("{endpoint}/{}", super::id(item));
                assert_eq!(tenant.get(&path).await.expect(200), *item);
                assert_eq!(item["meta"], json!({ "resourceType": kind, "location": format!("{}{path}", tenant.base) }));
            }
            tenant.get(&format!("{endpoint}/nothing-of-this-name")).await.expect(404);
        }
    }
}

/// RFC 7644 §4: "if a "filter" is provided, the service provider SHOULD respond with HTTP status code 403"; query parameters beside it are
/// ignored.
#[tokio::test]
async fn discovery_cannot_be_filtered_and_ignores_other_parameters() {
    let (_app, tenants) = start().await;
    for tenant in &tenants {
        for endpoint in DISCOVERY {
            let plain = tenant.get(endpoint).await.expect(200);
            let ignored =
                "startIndex=2&count=1&sortBy=name&sortOrder=descending&attributes=name&excludedAttributes=id&cursor=x";
            assert_eq!(tenant.get(&format!("{endpoint}?{ignored}")).await.expect(200), plain);
            let refused = tenant.find(endpoint, "name pr").await;
            assert_eq!(refused.status, 403, "{}", refused.text);
            assert_eq!((&refused.body["status"], &refused.body["scimType"]), (&json!("403"), &Value::Null));
        }
    }
}

#[tokio::test]
async fn discovery_is_only_read() {
    let (_app, tenants) = start().await;
    for endpoint in DISCOVERY {
        for answer in [
            tenants[0].post(endpoint, json!({})).await,
            tenants[0].put(endpoint, json!({})).await,
            tenants[0].operations(endpoint, json!([{ "op": "remove", "path": "name" }])).await,
            tenants[0].delete(endpoint).await,
        ] {
            assert_eq!((answer.status, answer.header("allow")), (405, "GET"), "{endpoint}: {}", answer.text);
        }
    }
}

/// What a schema does not describe is not answered, and what it describes has the announced type.
#[tokio::test]
async fn every_discovery_answer_is_as_its_own_schema_says() {
    let (_app, tenants) = start().await;
    for tenant in &tenants {
        let mut answers = vec![tenant.get("/ServiceProviderConfig").await.expect(200)];
        for endpoint in ["/ResourceTypes", "/Schemas"] {
            answers.extend(elements(&tenant.get(endpoint).await.expect(200)["Resources"]).iter().cloned());
        }
        for answer in answers {
            let urn = text(&answer["schemas"][0]);
            let schema = tenant.get(&format!("/Schemas/{urn}")).await.expect(200);
            fits(&schema["attributes"], &answer, &urn);
        }
    }
}

/// A resource has what its schemas announce, with the announced types, and lists the schemas of what it has.
#[tokio::test]
async fn every_resource_is_as_its_schemas_say() {
    let (_app, tenants) = start().await;
    for tenant in &tenants {
        for kind in kinds(tenant).await {
            let full = full(tenant, &kind).await;
            fits(&kind.core["attributes"], &full, &kind.name);
            let mut urns = vec![text(&kind.core["id"])];
            for (schema, _) in &kind.extensions {
                let urn = text(&schema["id"]);
                fits(&schema["attributes"], &full[&urn], &urn);
                urns.push(urn);
            }
            assert_eq!(full["schemas"], json!(urns));
            assert_eq!(full["meta"]["resourceType"], json!(kind.name));
            assert_eq!(
                full["meta"]["location"],
                json!(format!("{}{}/{}", tenant.base, kind.endpoint, super::id(&full)))
            );
        }
    }
}

/// A resource with everything that can be written.
async fn full(tenant: &TenantClient, kind: &super::Kind) -> Value {
    let path = kind.create(tenant, 1).await;
    let writable = kind.writable();
    let operations: Vec<Value> =
        writable.iter().map(|leaf| leaf.operation("add", &leaf.sample(2))[0].clone()).collect();
    let answer = tenant.operations(&path, json!(operations)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

fn fits(attributes: &Value, value: &Value, place: &str) {
    const COMMON: [&str; 4] = ["schemas", "id", "externalId", "meta"];
    for (name, value) in value.as_object().unwrap_or_else(|| panic!("{place} is an object")) {
        if COMMON.contains(&name.as_str()) || name.starts_with("urn:") {
            continue;
        }
        let place = format!("{place}.{name}");
        let attribute = elements(attributes).iter().find(|attribute| attribute["name"] == json!(name));
        let attribute = attribute.unwrap_or_else(|| panic!("{place} is not announced"));
        assert_eq!(value.is_array(), attribute["multiValued"] == true, "{place}");
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            let fits_type = match attribute["type"].as_str().unwrap() {
                "complex" => {
                    fits(&attribute["subAttributes"], value, &place);
                    true
                }
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64(),
                "decimal" => value.is_number(),
                _ => value.is_string(),
            };
            assert!(fits_type, "{place}: {value}");
        }
    }
}
