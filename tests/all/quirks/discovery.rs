//! 3.5, 3.7 and 3.9: what `CyberArk`, SailPoint and authentik discover. One endpoint missing, and aggregation fails with 404.

use muster_test_harness::{ENTERPRISE, GROUP, TestApp, USER};
use serde_json::{Value, json};

use super::{id, ids, start};

#[tokio::test]
async fn the_service_provider_config_says_what_the_server_does() {
    let (_app, acme) = start().await;

    let config = acme.get("/ServiceProviderConfig").await.expect(200);

    assert_eq!(
        config,
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
            "patch": { "supported": true },
            "bulk": { "supported": true, "maxOperations": 1000, "maxPayloadSize": 1 << 20 },
            "filter": { "supported": true, "maxResults": 1000 },
            "changePassword": { "supported": false },
            "sort": { "supported": true },
            "etag": { "supported": true },
            "pagination": {
                "cursor": true,
                "index": true,
                "defaultPaginationMethod": "index",
                "defaultPageSize": 100,
                "maxPageSize": 1000,
                "cursorTimeout": 3600,
            },
            "authenticationSchemes": config["authenticationSchemes"],
            "meta": {
                "resourceType": "ServiceProviderConfig",
                "location": format!("{}/ServiceProviderConfig", acme.base),
            },
        })
    );
    let scheme = &config["authenticationSchemes"][0];
    assert_eq!((&scheme["type"], &scheme["primary"]), (&json!("oauthbearertoken"), &json!(true)));
}

#[tokio::test]
async fn every_resource_type_can_be_read_alone_and_as_it_stands_in_the_list() {
    let (_app, acme) = start().await;
    let list = acme.get("/ResourceTypes").await.expect(200);
    assert_eq!(list["totalResults"], 2);
    assert_eq!(ids(&list), ["User", "Group"]);
    for resource_type in list["Resources"].as_array().unwrap() {
        assert_eq!(acme.get(&format!("/ResourceTypes/{}", id(resource_type))).await.expect(200), *resource_type);
    }
    assert_eq!(
        list["Resources"][0],
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": "User",
            "name": "User",
            "endpoint": "/Users",
            "description": "User Account",
            "schema": USER,
            "schemaExtensions": [{ "schema": ENTERPRISE, "required": false }],
            "meta": { "resourceType": "ResourceType", "location": format!("{}/ResourceTypes/User", acme.base) },
        })
    );
    acme.get("/ResourceTypes/Device").await.expect(404);
}

#[tokio::test]
async fn every_schema_can_be_read_alone_and_as_it_stands_in_the_list() {
    let (_app, acme) = start().await;
    let list = acme.get("/Schemas").await.expect(200);
    assert_eq!(ids(&list), [USER, ENTERPRISE, GROUP]);
    for schema in list["Resources"].as_array().unwrap() {
        let one = acme.get(&format!("/Schemas/{}", id(schema))).await;
        assert_eq!(one.header("content-type"), "application/scim+json");
        assert_eq!(one.expect(200), *schema);
        assert_eq!(schema["meta"]["location"], json!(format!("{}/Schemas/{}", acme.base, id(schema))));
    }
    acme.get("/Schemas/urn:ietf:params:scim:schemas:core:2.0:Device").await.expect(404);
}

/// Who reads the schemas of the discovery answers themselves finds them, although they are not among those that can be written.
#[tokio::test]
async fn the_schemas_of_discovery_can_be_read_by_name() {
    let (_app, acme) = start().await;
    for name in ["ServiceProviderConfig", "ResourceType", "Schema"] {
        let urn = format!("urn:ietf:params:scim:schemas:core:2.0:{name}");
        let schema = acme.get(&format!("/Schemas/{urn}")).await.expect(200);
        assert_eq!(id(&schema), urn);
    }
}

/// Groups that are not served are nowhere: neither announced nor answered.
#[tokio::test]
async fn a_tenant_without_groups_does_not_announce_them() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "standard", json!({ "groups_served": false })).await;
    assert_eq!(ids(&acme.get("/ResourceTypes").await.expect(200)), ["User"]);
    let schemas: Value = acme.get("/Schemas").await.expect(200);
    assert_eq!(ids(&schemas), [USER, ENTERPRISE]);
    acme.get("/Groups").await.expect(404);
    acme.post("/Groups", json!({ "schemas": [GROUP], "displayName": "x" })).await.expect(404);
    let user = acme.user("ada").await;
    assert_eq!(acme.get(&format!("/Users/{user}")).await.expect(200).get("groups"), None);
}
