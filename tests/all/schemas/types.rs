//! A kind of resource that an operator adds to one tenant.

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, GROUP, TestApp, USER};
use serde_json::{Value, json};

use super::{CATERING, ROOM, attribute, id, ids, problem, rooms, set, start_with_rooms};

fn room(name: &str) -> Value {
    json!({ "schemas": [ROOM], "displayName": name })
}

#[tokio::test]
async fn a_declared_type_has_every_verb_of_the_others() {
    let (_app, acme) = start_with_rooms().await;
    let body = json!({
        "schemas": [ROOM, CATERING], "externalId": "r1", "displayName": "Attic", "number": "4.01", "seats": 12,
        "features": ["screen", "window"], CATERING: { "kitchen": "B1", "until": "2026-12-31T00:00:00Z" },
    });

    let made = acme.post("/Rooms", body).await;

    let path = format!("/Rooms/{}", id(&made.body));
    let location = format!("{}{path}", acme.base);
    assert_eq!((made.header("location"), made.header("etag")), (location.as_str(), "W/\"1\""));
    let made = made.expect(201);
    let expected = json!({
        "schemas": [ROOM, CATERING],
        "id": made["id"],
        "externalId": "r1",
        "displayName": "Attic",
        "number": "4.01",
        "seats": 12,
        "features": ["screen", "window"],
        CATERING: { "kitchen": "B1", "until": "2026-12-31T00:00:00Z" },
        "meta": {
            "resourceType": "Room",
            "created": "2026-11-03T14:03:00.000Z",
            "lastModified": "2026-11-03T14:03:00.000Z",
            "location": location,
            "version": "W/\"1\"",
        },
    });
    assert_eq!(made, expected);
    assert_eq!(acme.get(&path).await.expect(200), made);

    let put = acme.put(&path, json!({ "schemas": [ROOM], "displayName": "Loft", "seats": 10 })).await.expect(200);
    assert_eq!((&put["displayName"], &put["seats"], &put["number"]), (&json!("Loft"), &json!(10), &Value::Null));
    let operations = json!([
        { "op": "add", "path": "features", "value": ["piano"] },
        { "op": "replace", "path": format!("{CATERING}:kitchen"), "value": "B2" },
        { "op": "replace", "value": { "seats": 11 } },
    ]);
    let patched = acme.operations(&path, operations).await.expect(200);
    assert_eq!((&patched["features"], &patched["seats"]), (&json!(["piano"]), &json!(11)));
    assert_eq!(patched[CATERING], json!({ "kitchen": "B2" }));
    let stale = acme.request(reqwest::Method::DELETE, &path).bearer_auth(&acme.token).header("if-match", "W/\"1\"");
    acme.send(stale).await.expect(412);
    acme.delete(&path).await.expect(204);
    let gone = acme.get(&path).await.expect(404);
    assert_eq!(gone, error(404, None, &format!("Resource {} not found", made["id"].as_str().unwrap())));
}

#[tokio::test]
async fn its_resources_are_listed_found_sorted_and_paged() {
    let (_app, acme) = start_with_rooms().await;
    for (name, number, seats) in [("Attic", "4.01", 12), ("cellar", "0.01", 4), ("Ballroom", "1.01", 200)] {
        acme.post("/Rooms", json!({ "schemas": [ROOM], "displayName": name, "number": number, "seats": seats }))
            .await
            .expect(201);
    }
    acme.user("ada").await;

    let names = async |query: &str| {
        let list = acme.get(&format!("/Rooms?{query}")).await.expect(200);
        let names: Vec<Value> =
            list["Resources"].as_array().unwrap().iter().map(|room| room["displayName"].clone()).collect();
        (list["totalResults"].as_u64().unwrap(), names)
    };
    assert_eq!(names("").await, (3, vec![json!("Attic"), json!("cellar"), json!("Ballroom")]));
    assert_eq!(names("filter=displayName%20eq%20%22ATTIC%22").await, (1, vec![json!("Attic")]));
    assert_eq!(names("filter=number%20sw%20%220%22").await, (1, vec![json!("cellar")]));
    assert_eq!(names("filter=seats%20ge%2012%20and%20number%20ne%20%221.01%22").await, (1, vec![json!("Attic")]));
    assert_eq!(names("sortBy=displayName").await.1, [json!("Attic"), json!("Ballroom"), json!("cellar")]);
    assert_eq!(names("startIndex=2&count=1").await, (3, vec![json!("cellar")]));
    assert_eq!(names("filter=userName%20eq%20%22ada%22").await, (0, vec![]), "it is another kind");
}

#[tokio::test]
async fn the_log_has_its_changes_and_no_plugin_is_asked_about_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1" })).await;
    set(&app, json!({ "resourceTypes": [rooms()] })).await.expect(200);

    let made = acme.post("/Rooms", room("Attic")).await.expect(201);
    let path = format!("/Rooms/{}", id(&made));
    acme.put(&path, room("Attic")).await.expect(200);
    acme.operations(&path, json!([{ "op": "replace", "path": "displayName", "value": "Loft" }])).await.expect(200);
    let account = app.account("acme", id(&made)).await;
    acme.delete(&path).await.expect(204);

    assert_eq!(account, json!({ "state": "active", "listed": true }));
    let log = app.log("acme").await;
    let told: Vec<_> = log.iter().map(|entry| (entry["resource_type"].clone(), entry["event"].clone())).collect();
    let told_of = |event: &str| (json!("Room"), json!(event));
    assert_eq!(
        told,
        [told_of("created"), told_of("updated"), told_of("deleted")],
        "and what changes nothing is not told"
    );
    assert_eq!(log[1]["after"]["document"], json!({ "displayName": "Loft" }));
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
}

#[tokio::test]
async fn it_is_announced_to_its_tenant_and_to_no_other() {
    let (app, acme) = start_with_rooms().await;
    let globex = app.tenant("globex").await;

    let types = acme.get("/ResourceTypes").await.expect(200);
    let schemas = acme.get("/Schemas").await.expect(200);

    assert_eq!(ids(&types), ["User", "Group", "Room"]);
    assert_eq!(ids(&schemas), [USER, ENTERPRISE, GROUP, ROOM, CATERING]);
    let alone = acme.get("/ResourceTypes/Room").await.expect(200);
    let expected = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "Room",
        "name": "Room",
        "endpoint": "/Rooms",
        "description": "Where people meet",
        "schema": ROOM,
        "schemaExtensions": [{ "schema": CATERING, "required": false }],
        "meta": { "resourceType": "ResourceType", "location": format!("{}/ResourceTypes/Room", acme.base) },
    });
    assert_eq!((&alone, &types["Resources"][2]), (&expected, &expected));
    acme.get(&format!("/Schemas/{CATERING}")).await.expect(200);
    assert_eq!(ids(&globex.get("/ResourceTypes").await.expect(200)), ["User", "Group"]);
    for refused in [globex.get("/Rooms").await, globex.post("/Rooms", room("Attic")).await] {
        assert_eq!(refused.expect(404), error(404, None, "there is nothing at /Rooms"));
    }
}

#[tokio::test]
async fn what_it_calls_unique_is_unique_among_its_own() {
    let (_app, acme) = start_with_rooms().await;
    let numbered = |name: &str, number: &str| json!({ "schemas": [ROOM], "displayName": name, "number": number });
    let attic = acme.post("/Rooms", numbered("Attic", "4.01a")).await.expect(201);

    let taken = acme.post("/Rooms", numbered("Loft", "4.01a")).await.expect(409);
    acme.post("/Rooms", numbered("Attic", "4.01A")).await.expect(201);

    assert_eq!(taken, error(409, Some("uniqueness"), "number is already in use"));
    acme.delete(&format!("/Rooms/{}", id(&attic))).await.expect(204);
    acme.post("/Rooms", numbered("Loft", "4.01a")).await.expect(201);
    let required = acme.post("/Rooms", json!({ "schemas": [ROOM], "number": "5" })).await.expect(400);
    assert!(required["detail"].as_str().unwrap().contains("displayName"), "{required}");
}

#[tokio::test]
async fn a_user_can_refer_to_it_and_a_group_cannot_have_it_as_a_member() {
    let (app, acme) = start_with_rooms().await;
    let office = attribute("office", json!({ "type": "reference", "caseExact": true, "referenceTypes": ["Room"] }));
    set(&app, json!({ "extensions": [super::people(&[office])] })).await.expect(200);
    let attic = acme.post("/Rooms", room("Attic")).await.expect(201);
    let reference = attic["meta"]["location"].clone();

    let ada = acme.post("/Users", super::user("ada", json!({ "office": reference }))).await.expect(201);
    let group = acme.group("Engines", &[id(&attic), id(&ada)]).await;

    assert_eq!(ada[super::PEOPLE]["office"], reference);
    assert_eq!(acme.members(&group).await, [id(&ada)]);
}

#[tokio::test]
async fn it_is_not_taken_away_while_there_are_resources_of_it() {
    let (app, acme) = start_with_rooms().await;
    let attic = acme.post("/Rooms", room("Attic")).await.expect(201);
    let before = app.admin_get("/tenants/acme/scim").await.expect(200);

    let refused = set(&app, json!({ "resourceTypes": [] })).await;

    assert_eq!(problem(refused, 409), "there are 1 resources of Room: the type cannot be taken away");
    assert_eq!(app.admin_get("/tenants/acme/scim").await.expect(200), before);
    let mut exact = rooms();
    exact["schema"]["attributes"][0]["caseExact"] = json!(true);
    let refused = set(&app, json!({ "resourceTypes": [exact] })).await;
    assert_eq!(problem(refused, 409), "there are 1 resources of Room: `caseExact` of `displayName` cannot be changed");
    acme.get(&format!("/Rooms/{}", id(&attic))).await.expect(200);

    acme.delete(&format!("/Rooms/{}", id(&attic))).await.expect(204);
    set(&app, json!({ "resourceTypes": [exact] })).await.expect(200);
    set(&app, json!({ "resourceTypes": [] })).await.expect(200);
    acme.get("/Rooms").await.expect(404);
    assert_eq!(ids(&acme.get("/ResourceTypes").await.expect(200)), ["User", "Group"]);
}

#[tokio::test]
async fn its_endpoint_can_move_and_its_resources_move_along() {
    let (app, acme) = start_with_rooms().await;
    let attic = acme.post("/Rooms", room("Attic")).await.expect(201);
    let mut moved = rooms();
    moved["endpoint"] = json!("/Chambers");

    set(&app, json!({ "resourceTypes": [moved] })).await.expect(200);

    acme.get("/Rooms").await.expect(404);
    let found = acme.get(&format!("/Chambers/{}", id(&attic))).await.expect(200);
    assert_eq!(found["meta"]["location"], format!("{}/Chambers/{}", acme.base, id(&attic)));
}
