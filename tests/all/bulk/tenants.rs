//! Bulk as a tenant has it: with resource types of its own, with a stricter profile, with a token of one user.

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{BULK_REQUEST, detail, id, new_user, outcomes, patch, send, statuses};

const ROOM: &str = "urn:example:params:scim:schemas:core:2.0:Room";

fn rooms() -> Value {
    let attribute = |name: &str, kind: &str, uniqueness: &str| {
        json!({
            "name": name, "type": kind, "multiValued": false, "description": "As a test needs it", "required": false,
            "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": uniqueness,
        })
    };
    let mut owner = attribute("owner", "complex", "none");
    owner["subAttributes"] = json!([attribute("value", "string", "none")]);
    let attributes = json!([attribute("number", "string", "server"), owner]);
    let schema = json!({ "id": ROOM, "name": "Room", "description": "Where people meet", "attributes": attributes });
    json!({ "name": "Room", "endpoint": "/Rooms", "description": "Where people meet", "schema": schema, "extensions": [] })
}

#[tokio::test]
async fn resource_types_of_a_tenants_own_are_created_changed_and_deleted_in_bulk() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    app.admin_put("/tenants/acme/scim", json!({ "resourceTypes": [rooms()] })).await.expect(200);
    let room = |bulk_id: &str, number: &str, owner: &str| {
        let data = json!({ "schemas": [ROOM], "number": number, "owner": { "value": owner } });
        json!({ "method": "POST", "path": "/Rooms", "bulkId": bulk_id, "data": data })
    };
    let operations = json!([
        room("one", "101", "bulkId:ada"),
        room("again", "101", "x"),
        new_user("ada", "ada"),
        patch("/Rooms/bulkId:one", json!({ "op": "replace", "path": "number", "value": "102" })),
        room("free", "101", "x"),
        { "method": "DELETE", "path": "/rooms/bulkId:free" },
    ]);

    let told = outcomes(&acme, operations.clone()).await;

    // The first waits for its owner: by then its number is taken, and free again when the next asks for it.
    assert_eq!(statuses(&told), ["409", "201", "201", "409", "409", "409"]);
    assert_eq!(told[0]["response"], error(409, Some("uniqueness"), "number is already in use"));
    let made = acme.get(&format!("/Rooms/{}", id(&told[1]))).await.expect(200);
    assert_eq!((&made["number"], &made["meta"]["version"]), (&json!("101"), &told[1]["version"]));
    let elsewhere = outcomes(&globex, operations).await;
    assert_eq!(elsewhere[1]["response"], error(404, None, "there is nothing at /Rooms"));
}

#[tokio::test]
async fn a_strict_tenant_refuses_what_the_rfc_does_not_have_each_with_its_operation() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.admin_put("/tenants/acme/scim", json!({ "profile": "strict-rfc" })).await.expect(200);
    let user = |name: &str| json!({ "schemas": [USER], "userName": name });

    let told = outcomes(
        &acme,
        json!([
            { "method": "POST", "path": "/Users", "data": user("a") },
            { "method": "post", "bulkId": "b", "path": "/Users", "data": user("b") },
            { "method": "POST", "bulkId": "c", "path": "Users", "data": user("c") },
            { "method": "POST", "bulkId": "d", "path": "/Users", "data": user("d"), "note": "x" },
            new_user("e", "e"),
        ]),
    )
    .await;

    assert_eq!(statuses(&told), ["400", "400", "400", "400", "201"]);
    let details: Vec<&str> = told[..4].iter().map(detail).collect();
    assert_eq!(
        details,
        [
            "Operations.bulkId is required for a POST",
            "Operations.method must be written in upper case",
            "Operations.path must be relative to the base URL",
            "Operations.note is not a member of this message",
        ]
    );
    let bare = acme.post("/Bulk", json!({ "Operations": [new_user("f", "f")] })).await;
    assert_eq!(bare.expect(400)["detail"], "schemas must name the schema of the message");
}

#[tokio::test]
async fn a_token_of_one_user_opens_no_bulk() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let token = app.admin_post("/tenants/acme/tokens", json!({ "label": "ada", "user": ada, "write": true })).await;
    let token = token.expect(201)["token"].as_str().unwrap().to_owned();

    let refused = send(&acme.with_token(&token), json!([new_user("a", "bob")])).await;

    assert_eq!(refused.expect(403)["schemas"], json!([muster_test_harness::messages::ERROR]));
    assert_eq!(app.log("acme").await.len(), 1);
    let body = json!({ "schemas": [BULK_REQUEST], "Operations": [new_user("a", "bob")] });
    assert_eq!(acme.post("/Bulk", body).await.expect(200)["Operations"][0]["status"], "201");
}
