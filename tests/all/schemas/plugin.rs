//! What a plugin declares, through the contract's interface `schemas`.

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER, field, wasm};
use serde_json::{Value, json};

use super::{attribute, id, ids, people, problem, schema, set};

const ACME: &str = "urn:example:params:scim:schemas:extension:acme:2.0:User";
const DEVICE: &str = "urn:ietf:params:scim:schemas:core:2.0:Device";
const MAB: &str = "urn:ietf:params:scim:schemas:extension:ethernet-mab:2.0:Device";

fn ada(badge: &str) -> Value {
    json!({ "schemas": [USER, ACME], "userName": "ada", ACME: { "badge": badge, "desk": { "floor": 3, "room": "3.14" } } })
}

fn device(mac: &str) -> Value {
    json!({ "schemas": [DEVICE, MAB], "displayName": "Printer", "active": false, MAB: { "deviceMacAddress": mac } })
}

#[tokio::test]
async fn declares_reads_its_own_extension_into_the_account() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "declares").await;

    let made = acme.post("/Users", ada("B-7")).await.expect(201);
    let path = format!("/Users/{}", id(&made));
    let operations = json!([{ "op": "replace", "path": format!("{ACME}:desk.floor"), "value": 4 }]);
    acme.operations(&path, operations).await.expect(200);

    assert_eq!(made[ACME], ada("B-7")[ACME]);
    let account = app.account("acme", id(&made)).await;
    assert_eq!((field(&account, "badge"), field(&account, "floor")), (json!("B-7"), json!(4)));
    let refused =
        acme.operations(&path, json!([{ "op": "replace", "path": format!("{ACME}:badge"), "value": "B-0" }])).await;
    assert_eq!(refused.expect(400), error(400, Some("invalidValue"), "badge is one of those that are never given out"));
    let mut other = ada("B-7");
    other["userName"] = json!("grace");
    let taken = acme.post("/Users", other).await.expect(409);
    assert_eq!(taken, error(409, Some("uniqueness"), &format!("{ACME}:badge is already in use")));
}

#[tokio::test]
async fn declares_has_devices_that_nobody_maps() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "declares").await;

    let made = acme.post("/Devices", device("00-11-22-aa-bb-cc")).await.expect(201);

    let path = format!("/Devices/{}", id(&made));
    assert_eq!((&made["active"], &made["schemas"]), (&json!(false), &json!([DEVICE, MAB])));
    assert_eq!(app.account("acme", id(&made)).await, json!({ "state": "active", "listed": true }));
    let taken = acme.post("/Devices", device("00-11-22-AA-BB-CC")).await.expect(409);
    assert_eq!(taken, error(409, Some("uniqueness"), &format!("{MAB}:deviceMacAddress is already in use")));
    let change = json!([{ "op": "replace", "path": format!("{MAB}:deviceMacAddress"), "value": "00-11-22-aa-bb-dd" }]);
    assert_eq!(acme.operations(&path, change).await.expect(400)["scimType"], "mutability");
    acme.operations(&path, json!([{ "op": "replace", "path": "active", "value": true }])).await.expect(200);
    let required = acme.post("/Devices", json!({ "schemas": [DEVICE], "displayName": "Scanner" })).await.expect(400);
    assert!(required["detail"].as_str().unwrap().contains("active"), "{required}");
    assert_eq!(acme.ids("/Devices", &format!("{MAB}:deviceMacAddress eq \"00-11-22-AA-BB-CC\"")).await, [id(&made)]);
}

#[tokio::test]
async fn declares_is_announced_where_it_is_bound() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "declares").await;
    let globex = app.tenant("globex").await;

    assert_eq!(ids(&acme.get("/ResourceTypes").await.expect(200)), ["User", "Device"]);
    assert_eq!(ids(&acme.get("/Schemas").await.expect(200)), [USER, ACME, DEVICE, MAB]);
    globex.get("/Devices").await.expect(404);
    globex.get(&format!("/Schemas/{ACME}")).await.expect(404);
    let settings = app.admin_get("/tenants/acme/scim").await.expect(200);
    assert_eq!(settings["resourceTypes"], json!([]), "these are the operator's own");
}

#[tokio::test]
async fn an_operator_adds_to_what_declares_has_and_cannot_say_it_again() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "declares").await;
    let location = "urn:example:params:scim:schemas:extension:location:2.0:Device";
    let extension = json!({ "resourceType": "Device", "schema": schema(location, &[attribute("room", json!({}))]) });

    set(&app, json!({ "extensions": [extension, people(&[attribute("team", json!({}))])] })).await.expect(200);
    let mut body = device("00-11-22-aa-bb-cc");
    body[location] = json!({ "room": "4.01" });
    body["schemas"] = json!([DEVICE, MAB, location]);
    let made = acme.post("/Devices", body).await.expect(201);

    assert_eq!(made[location], json!({ "room": "4.01" }));
    let again = json!({ "resourceType": "User", "schema": schema(ACME, &[attribute("badge", json!({}))]) });
    let refused = problem(set(&app, json!({ "extensions": [again] })).await, 400);
    assert!(refused.starts_with(&format!("the declarations of the tenant: {ACME}: ")), "{refused}");
}

#[tokio::test]
async fn a_plugin_without_devices_is_not_bound_while_there_are_some_and_a_rollback_is_never_held_up() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let declares = app.push(wasm::guest("declares")).await.expect(201)["digest"].as_str().unwrap().to_owned();
    app.bind("acme", &declares, json!({})).await.expect(200);
    let made = acme.post("/Devices", device("00-11-22-aa-bb-cc")).await.expect(201);
    let path = format!("/Devices/{}", id(&made));

    let refused = app.bind("acme", "standard", json!({})).await;
    assert_eq!(problem(refused, 409), "there are 1 resources of Device: the type cannot be taken away");
    acme.get(&path).await.expect(200);

    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    acme.get(&path).await.expect(404);
    acme.get("/Users").await.expect(200);
    app.bind("acme", &declares, json!({})).await.expect(200);
    assert_eq!(acme.get(&path).await.expect(200), made, "they were kept");
    acme.delete(&path).await.expect(204);
    app.bind("acme", "standard", json!({})).await.expect(200);
}

/// The guest `declares` with one text of its declarations replaced by another of the same length.
fn misdeclaring(text: &str, by: &str) -> Vec<u8> {
    assert_eq!(text.len(), by.len());
    let mut bytes = wasm::guest("declares");
    let places: Vec<usize> =
        (0..bytes.len() - text.len()).filter(|at| bytes[*at..].starts_with(text.as_bytes())).collect();
    assert_eq!(places.len(), 1, "{text}");
    bytes[places[0]..][..by.len()].copy_from_slice(by.as_bytes());
    bytes
}

#[tokio::test]
async fn what_is_declared_badly_is_refused_at_push_with_its_place() {
    let app = TestApp::start().await;

    for (text, by, told) in [
        ("\"resourceTypes\": [", "\"resourceTypez\": [", "what it declares: resourceTypez: unknown field"),
        (
            "\"extensions\": [\n    {\n      \"resourceType\"",
            "\"extensions\": (\n    {\n      \"resourceType\"",
            "what it declares: ",
        ),
        ("\"resourceType\": \"User\"", "\"resourceType\": \"Usex\"", "`Usex` is not a resource type"),
        (
            "\"name\": \"floor\", \"type\": \"integer\"",
            "\"name\": \"floor\", \"type\": \"numbers\"",
            "extensions[0].schema.attributes[1].subAttributes[0].type: unknown variant `numbers`",
        ),
        ("\"name\": \"badge\"", "\"name\": \"9adge\"", "the attribute `9adge`"),
        (
            "\"name\": \"badge\"",
            "\"name\": \"cadge\"",
            &format!("attributes of User has `{ACME}:badge`, which is no attribute of User"),
        ),
        ("\"/Devices\"", "\"/Schemas\"", "`Device`: its endpoint"),
    ] {
        let detail = problem(app.push(misdeclaring(text, by)).await, 400);
        assert!(detail.starts_with("the plugin's manifest is not valid: ") && detail.contains(told), "{by}: {detail}");
    }

    assert_eq!(app.admin_get("/plugins").await.expect(200)["plugins"], json!([]));
}
