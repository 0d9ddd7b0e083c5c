//! Bulk requests (RFC 7644 §3.7): every operation under the rules of the single request, references in any order, circles, errors, limits.

mod circles;
mod errors;
mod limits;
mod operations;
mod references;
mod tenants;

use muster_test_harness::{Answer, GROUP, TenantClient, USER};
use serde_json::{Value, json};

const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

async fn send(tenant: &TenantClient, operations: Value) -> Answer {
    tenant.post("/Bulk", json!({ "schemas": [BULK_REQUEST], "Operations": operations })).await
}

/// What became of each operation.
async fn outcomes(tenant: &TenantClient, operations: Value) -> Vec<Value> {
    let answer = send(tenant, operations).await.expect(200);
    assert_eq!(answer["schemas"], json!([BULK_RESPONSE]));
    answer["Operations"].as_array().unwrap().clone()
}

fn statuses(outcomes: &[Value]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome["status"].as_str().expect("a status is a text")).collect()
}

/// Why an operation failed.
fn detail(outcome: &Value) -> &str {
    outcome["response"]["detail"].as_str().unwrap_or_else(|| panic!("it did not fail: {outcome}"))
}

/// The id at the end of an outcome's location.
fn id(outcome: &Value) -> &str {
    let location = outcome["location"].as_str().unwrap_or_else(|| panic!("it has no location: {outcome}"));
    location.rsplit('/').next().unwrap()
}

fn new_user(bulk_id: &str, user_name: &str) -> Value {
    let data = json!({ "schemas": [USER], "userName": user_name });
    json!({ "method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data })
}

fn new_group(bulk_id: &str, name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|member| json!({ "type": "User", "value": member })).collect();
    let data = json!({ "schemas": [GROUP], "displayName": name, "members": members });
    json!({ "method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": data })
}

fn patch(path: &str, operation: Value) -> Value {
    json!({ "method": "PATCH", "path": path, "data": { "schemas": [muster_test_harness::PATCH_OP], "Operations": [operation] } })
}

/// In any order.
async fn members(tenant: &TenantClient, group: &str) -> Vec<String> {
    let mut members = tenant.members(group).await;
    members.sort();
    members
}

fn sorted(ids: &[&str]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    ids.sort();
    ids
}
