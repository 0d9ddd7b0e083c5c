//! What is announced works: every story here reads `/ResourceTypes`, `/Schemas` and `/ServiceProviderConfig` first, and then does what they
//! say can be done: for the tenants of several plugins, and for one that has everything a schema can declare.

mod announced;
mod capabilities;
mod characteristics;
mod endpoints;
mod lists;
mod patches;
mod values;

use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use announced::Kind;

/// What the operator of these tests adds to users.
const BADGE: &str = "urn:example:params:scim:schemas:extension:badge:2.0:User";
/// The kind of resource that the operator adds.
const DEVICE: &str = "urn:ietf:params:scim:schemas:core:2.0:Device";
/// What the operator adds to that, and wants of each.
const RADIO: &str = "urn:example:params:scim:schemas:extension:radio:2.0:Device";

/// The tenants that are walked. The first has what the standard plugin has, the second everything that can be declared, the others what
/// their vendors' plugins retain, and no groups.
const TENANTS: [&str; 5] = ["acme", "globex", "initech", "hooli", "umbrella"];

/// A server with the [`TENANTS`].
async fn start() -> (TestApp, Vec<TenantClient>) {
    let app = TestApp::start().await;
    let mut tenants = Vec::new();
    for (name, (plugin, config)) in TENANTS.into_iter().zip([
        ("standard", json!({})),
        ("standard", json!({})),
        ("poggio", json!({ "default_workspace": "W1" })),
        ("secoda", json!({})),
        ("standard", json!({ "groups_served": false })),
    ]) {
        tenants.push(app.tenant_with(name, plugin, config).await);
    }
    app.admin_put("/tenants/globex/scim", declared()).await.expect(200);
    (app, tenants)
}

/// Those whose every attribute is walked: what the others announce, `globex` announces as well.
fn walked(tenants: &[TenantClient]) -> &[TenantClient] {
    &tenants[1..4]
}

/// An extension of users and a kind of resource with an extension, each with attributes of every type and characteristic.
fn declared() -> Value {
    let schema = |id: &str, attributes: Vec<Value>| json!({ "id": id, "name": "Walked", "description": "All there is", "attributes": attributes });
    json!({
        "extensions": [{ "resourceType": "User", "required": false, "schema": schema(BADGE, everything()) }],
        "resourceTypes": [{
            "name": "Device", "endpoint": "/Devices", "description": "A thing", "schema": schema(DEVICE, everything()),
            "extensions": [{ "required": true, "schema": schema(RADIO, vec![json!({ "name": "band", "required": true }), json!({ "name": "power", "type": "integer" })]) }],
        }],
    })
}

/// Attributes of every type, single, in lists, in complex values and in lists of those; and of every characteristic.
fn everything() -> Vec<Value> {
    const TYPES: [&str; 7] = ["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference"];
    let one = |kind: &str, name: String| {
        let mut attribute = json!({ "name": name, "type": kind });
        if kind == "reference" {
            attribute["referenceTypes"] = json!(["external"]);
        }
        attribute
    };
    let each = |prefix: &str| TYPES.iter().map(|kind| one(kind, format!("{prefix}{kind}"))).collect::<Vec<_>>();
    let many = each("many").into_iter().map(|mut attribute| {
        attribute["multiValued"] = json!(true);
        attribute
    });
    let mut whole = each("part");
    whole.extend([
        json!({ "name": "plate", "mutability": "immutable" }),
        json!({ "name": "sensor", "mutability": "readOnly" }),
        json!({ "name": "secret", "mutability": "writeOnly", "returned": "never" }),
        json!({ "name": "asked", "returned": "request" }),
        json!({ "name": "number", "type": "integer", "uniqueness": "server" }),
    ]);
    let mut typed = each("of");
    typed.extend([
        json!({ "name": "type", "canonicalValues": ["door", "car"] }),
        json!({ "name": "primary", "type": "boolean" }),
    ]);
    let plain = [json!({ "name": "value" }), json!({ "name": "primary", "type": "boolean" })];

    let mut all = each("one");
    all.extend(many);
    all.extend([
        json!({ "name": "whole", "type": "complex", "subAttributes": whole }),
        json!({ "name": "cards", "type": "complex", "multiValued": true, "subAttributes": typed }),
        json!({ "name": "marks", "type": "complex", "multiValued": true, "subAttributes": plain }),
        json!({ "name": "label", "required": true }),
        json!({ "name": "exact", "caseExact": true }),
        json!({ "name": "color", "canonicalValues": ["Red", "Green"] }),
        json!({ "name": "grade", "caseExact": true, "canonicalValues": ["a", "A"] }),
        json!({ "name": "origin", "mutability": "immutable" }),
        json!({ "name": "seen", "type": "dateTime", "mutability": "readOnly" }),
        json!({ "name": "pin", "mutability": "writeOnly", "returned": "never" }),
        json!({ "name": "hidden", "returned": "never" }),
        json!({ "name": "onRequest", "returned": "request" }),
        json!({ "name": "shown", "returned": "always" }),
        json!({ "name": "serial", "uniqueness": "server" }),
        json!({ "name": "tag", "uniqueness": "global", "caseExact": true }),
        json!({ "name": "locker", "type": "integer", "uniqueness": "server" }),
        json!({ "name": "owner", "type": "reference", "referenceTypes": ["User"] }),
        json!({ "name": "site", "type": "reference", "referenceTypes": ["uri"], "uniqueness": "server" }),
    ]);
    all
}

fn id(resource: &Value) -> &str {
    resource["id"].as_str().unwrap()
}
