//! An extension of users that an operator adds to one tenant.

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, GROUP, TestApp, USER};
use serde_json::{Value, json};

use super::{PEOPLE, attribute, id, ids, people, set, start_with, user};

/// An attribute of each type, single and multi-valued.
fn of_every_type() -> Vec<Value> {
    let parts = [attribute("building", json!({})), attribute("floor", json!({ "type": "integer" }))];
    let elements = [
        attribute("value", json!({})),
        attribute("type", json!({})),
        attribute("primary", json!({ "type": "boolean" })),
    ];
    vec![
        attribute("team", json!({})),
        attribute("remote", json!({ "type": "boolean" })),
        attribute("grade", json!({ "type": "integer" })),
        attribute("quota", json!({ "type": "decimal" })),
        attribute("hired", json!({ "type": "dateTime" })),
        attribute("key", json!({ "type": "binary", "caseExact": true })),
        attribute("home", json!({ "type": "reference", "caseExact": true, "referenceTypes": ["external"] })),
        attribute("desk", json!({ "type": "complex", "subAttributes": parts })),
        attribute("skills", json!({ "multiValued": true })),
        attribute("keys", json!({ "type": "complex", "multiValued": true, "subAttributes": elements })),
    ]
}

/// A value for each of them.
fn values() -> Value {
    json!({
        "team": "Engines",
        "remote": true,
        "grade": 7,
        "quota": 12.5,
        "hired": "2026-10-01T08:00:00.000Z",
        "key": "c2VjcmV0",
        "home": "https://people.example.com/ada",
        "desk": { "building": "B1", "floor": 3 },
        "skills": ["notes", "programs"],
        "keys": [{ "value": "K1", "type": "door", "primary": true }, { "value": "K2", "type": "gate" }],
    })
}

#[tokio::test]
async fn every_type_of_attribute_is_kept_and_shown_as_it_was_sent() {
    let (_app, acme) = start_with(&of_every_type()).await;

    let made = acme.post("/Users", user("ada", values())).await.expect(201);

    assert_eq!(made[PEOPLE], values());
    assert_eq!(made["schemas"], json!([USER, PEOPLE]));
    let read = acme.get(&format!("/Users/{}", id(&made))).await.expect(200);
    assert_eq!(read, made);
    let grace = acme.user("grace").await;
    let grace = acme.get(&format!("/Users/{grace}")).await.expect(200);
    assert_eq!(
        (&grace["schemas"], &grace[PEOPLE]),
        (&json!([USER]), &Value::Null),
        "who has none of it shows none of it"
    );
}

#[tokio::test]
async fn it_is_announced_with_every_characteristic_as_it_was_declared() {
    let (_app, acme) = start_with(&of_every_type()).await;

    let schemas = acme.get("/Schemas").await.expect(200);
    let types = acme.get("/ResourceTypes").await.expect(200);

    assert_eq!(ids(&schemas), [USER, ENTERPRISE, PEOPLE, GROUP]);
    let alone = acme.get(&format!("/Schemas/{PEOPLE}")).await.expect(200);
    assert_eq!(alone, schemas["Resources"][2]);
    for (announced, declared) in alone["attributes"].as_array().unwrap().iter().zip(of_every_type()) {
        let characteristics = declared.as_object().unwrap().keys();
        for characteristic in characteristics.filter(|name| *name != "subAttributes") {
            assert_eq!(announced[characteristic], declared[characteristic], "{} {characteristic}", declared["name"]);
        }
    }
    let extension = |urn: &str| json!({ "schema": urn, "required": false });
    assert_eq!(types["Resources"][0]["schemaExtensions"], json!([extension(ENTERPRISE), extension(PEOPLE)]));
}

#[tokio::test]
async fn another_tenant_does_not_have_it() {
    let (app, _acme) = start_with(&of_every_type()).await;
    let globex = app.tenant("globex").await;

    let made = globex.post("/Users", user("ada", values())).await.expect(201);

    assert_eq!((&made["schemas"], &made[PEOPLE]), (&json!([USER]), &Value::Null));
    assert_eq!(ids(&globex.get("/Schemas").await.expect(200)), [USER, ENTERPRISE, GROUP]);
    globex.get(&format!("/Schemas/{PEOPLE}")).await.expect(404);
    assert_eq!(globex.ids("/Users", &format!("{PEOPLE}:team eq \"Engines\"")).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_value_of_another_type_is_refused_by_the_name_of_the_attribute() {
    let (app, acme) = start_with(&of_every_type()).await;
    let ada = acme.user("ada").await;
    let log = app.log("acme").await.len();

    for (name, value) in [
        ("team", json!({ "name": "Engines" })),
        ("remote", json!("perhaps")),
        ("grade", json!("seven")),
        ("grade", json!(7.5)),
        ("quota", json!("much")),
        ("hired", json!("yesterday")),
        ("hired", json!("2026-13-01T08:00:00Z")),
        ("key", json!("not base64!")),
        ("desk", json!(7)),
        ("skills", json!([{ "value": 7 }, ["x"]])),
    ] {
        let posted = acme.post("/Users", user("grace", json!({ name: value }))).await.expect(400);
        let operations = json!([{ "op": "replace", "path": format!("{PEOPLE}:{name}"), "value": value }]);
        let patched = acme.operations(&format!("/Users/{ada}"), operations).await.expect(400);
        for refused in [posted, patched] {
            assert_eq!(refused["scimType"], "invalidValue", "{name}: {refused}");
            assert!(refused["detail"].as_str().unwrap().contains(name), "{name}: {refused}");
        }
    }

    assert_eq!(app.log("acme").await.len(), log, "nothing was written");
    assert_eq!(acme.ids("/Users", "userName eq \"grace\"").await, Vec::<String>::new());
}

#[tokio::test]
async fn its_attributes_are_patched_by_their_paths() {
    let (_app, acme) = start_with(&of_every_type()).await;
    let made = acme.post("/Users", user("ada", values())).await.expect(201);
    let path = format!("/Users/{}", id(&made));
    let urn = |rest: &str| format!("{PEOPLE}:{rest}");

    let operations = json!([
        { "op": "replace", "path": urn("team"), "value": "Notes" },
        { "op": "replace", "path": urn("desk.floor"), "value": 4 },
        { "op": "add", "path": urn("skills"), "value": ["bernoulli"] },
        { "op": "replace", "path": urn("keys[type eq \"gate\"].value"), "value": "K3" },
        { "op": "remove", "path": urn("remote") },
        { "op": "replace", "value": { PEOPLE: { "grade": 8 } } },
        { "op": "replace", "value": { urn("quota"): 1.5 } },
    ]);
    let patched = acme.operations(&path, operations).await.expect(200);

    let mut expected = values();
    expected["team"] = json!("Notes");
    expected["desk"]["floor"] = json!(4);
    expected["skills"] = json!(["notes", "programs", "bernoulli"]);
    expected["keys"][1]["value"] = json!("K3");
    expected.as_object_mut().unwrap().remove("remote");
    expected["grade"] = json!(8);
    expected["quota"] = json!(1.5);
    assert_eq!(patched[PEOPLE], expected);
    let whole = acme.operations(&path, json!([{ "op": "remove", "path": PEOPLE }])).await.expect(200);
    assert_eq!((&whole["schemas"], &whole[PEOPLE]), (&json!([USER]), &Value::Null), "`schemas` is kept in step");
    let again = json!([{ "op": "add", "path": PEOPLE, "value": { "team": "Engines" } }]);
    let again = acme.operations(&path, again).await.expect(200);
    assert_eq!((&again["schemas"], &again[PEOPLE]), (&json!([USER, PEOPLE]), &json!({ "team": "Engines" })));
}

#[tokio::test]
async fn its_attributes_can_be_found_sorted_and_chosen() {
    let (_app, acme) = start_with(&of_every_type()).await;
    for (name, team, grade, hired) in [
        ("ada", "Engines", 7, "2026-10-01T08:00:00Z"),
        ("grace", "engines", 9, "2025-01-01T00:00:00Z"),
        ("hedy", "Radio", 8, "2024-01-01T00:00:00Z"),
    ] {
        let extension =
            json!({ "team": team, "grade": grade, "hired": hired, "desk": { "floor": grade }, "skills": [name] });
        acme.post("/Users", user(name, extension)).await.expect(201);
    }
    acme.user("nobody").await;

    let found = async |filter: String| {
        let list = acme.find("/Users", &filter).await.expect(200);
        list["Resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["userName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(format!("{PEOPLE}:team eq \"ENGINES\"")).await, ["ada", "grace"]);
    assert_eq!(found(format!("{PEOPLE}:grade gt 7")).await, ["grace", "hedy"]);
    assert_eq!(found(format!("{PEOPLE}:hired lt \"2025-06-01T00:00:00+02:00\"")).await, ["grace", "hedy"]);
    assert_eq!(found(format!("{PEOPLE}:desk.floor eq 8")).await, ["hedy"]);
    assert_eq!(found(format!("{PEOPLE}:skills eq \"ada\"")).await, ["ada"]);
    assert_eq!(found(format!("not ({PEOPLE}:team pr)")).await, ["nobody"]);
    let sorted =
        acme.get(&format!("/Users?sortBy={PEOPLE}:grade&sortOrder=descending&attributes=userName")).await.expect(200);
    let names: Vec<&Value> = sorted["Resources"].as_array().unwrap().iter().map(|one| &one["userName"]).collect();
    assert_eq!(names, ["nobody", "grace", "hedy", "ada"], "what has no value comes first when the order descends");
    let only =
        acme.get(&format!("/Users?attributes={PEOPLE}:desk.floor&filter=userName%20eq%20%22ada%22")).await.expect(200);
    assert_eq!(only["Resources"][0][PEOPLE], json!({ "desk": { "floor": 7 } }));
    let without =
        acme.get(&format!("/Users?excludedAttributes={PEOPLE}&filter=userName%20eq%20%22ada%22")).await.expect(200);
    assert_eq!(without["Resources"][0][PEOPLE], Value::Null);
}

#[tokio::test]
async fn a_plugin_that_retains_little_does_not_take_it_away() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "swap-a").await;
    set(&app, json!({ "extensions": [people(&of_every_type())] })).await.expect(200);

    let mut body = user("ada", values());
    body["displayName"] = json!("Ada");
    body["title"] = json!("Countess");
    let made = acme.post("/Users", body).await.expect(201);

    assert_eq!(
        (&made["displayName"], &made["title"]),
        (&json!("Ada"), &Value::Null),
        "what the plugin retains is its choice"
    );
    assert_eq!(made[PEOPLE], values());
}

#[tokio::test]
async fn groups_have_extensions_as_well() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let budget = attribute("budget", json!({ "type": "integer" }));
    let extension = json!({ "resourceType": "Group", "schema": super::schema(PEOPLE, &[budget]) });
    set(&app, json!({ "extensions": [extension] })).await.expect(200);

    let body = json!({ "schemas": [GROUP, PEOPLE], "displayName": "Engines", PEOPLE: { "budget": 1000 } });
    let made = acme.post("/Groups", body).await.expect(201);

    assert_eq!(made[PEOPLE], json!({ "budget": 1000 }));
    assert_eq!(acme.ids("/Groups", &format!("{PEOPLE}:budget ge 1000")).await, [id(&made)]);
    let ada = acme.user("ada").await;
    let operations = json!([{ "op": "replace", "path": format!("{PEOPLE}:budget"), "value": 1 }]);
    let refused = acme.operations(&format!("/Users/{ada}"), operations).await;
    assert_ne!(refused.body.get(PEOPLE), Some(&json!({ "budget": 1 })), "{}", refused.text);
}

#[tokio::test]
async fn an_extension_that_is_required_is_required() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut required = people(&[attribute("team", json!({ "required": true })), attribute("floor", json!({}))]);
    required["required"] = json!(true);
    set(&app, json!({ "extensions": [required] })).await.expect(200);

    let without = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(400);
    let half = acme.post("/Users", user("ada", json!({ "floor": "3" }))).await.expect(400);
    let whole = acme.post("/Users", user("ada", json!({ "team": "Engines" }))).await.expect(201);

    assert_eq!((&without["scimType"], &half["scimType"]), (&json!("invalidValue"), &json!("invalidValue")));
    assert!(half["detail"].as_str().unwrap().contains("team"), "{half}");
    let path = format!("/Users/{}", id(&whole));
    let removed = json!([{ "op": "remove", "path": format!("{PEOPLE}:team") }]);
    acme.operations(&path, removed).await.expect(400);
    assert_eq!(acme.get(&path).await.expect(200), whole);
    let types = acme.get("/ResourceTypes/User").await.expect(200);
    assert_eq!(types["schemaExtensions"][1], json!({ "schema": PEOPLE, "required": true }));
}

#[tokio::test]
async fn discovery_is_not_filtered_and_ignores_what_else_is_asked() {
    let (_app, acme) = start_with(&of_every_type()).await;
    let paths = [
        "/Schemas".to_owned(),
        format!("/Schemas/{PEOPLE}"),
        "/ResourceTypes".to_owned(),
        "/ServiceProviderConfig".to_owned(),
    ];

    for path in paths {
        let plain = acme.get(&path).await.expect(200);
        let refused = acme.find(&path, "name eq \"User\"").await.expect(403);
        assert_eq!(refused, error(403, None, "the answers of discovery cannot be filtered"));
        let ignored = acme.get(&format!("{path}?count=1&startIndex=2&sortBy=name&attributes=id")).await.expect(200);
        assert_eq!(ignored, plain);
    }
    let nobody = acme.with_token("wrong").find("/Schemas", "name eq \"User\"").await;
    assert_eq!(nobody.status, 401, "who may not ask is told that first");
}

#[tokio::test]
async fn values_of_a_list_of_simple_values_are_found_by_a_value_path_as_well() {
    let list = json!({ "multiValued": true });
    let (_app, acme) = start_with(&[
        attribute("tags", list.clone()),
        attribute("floors", json!({ "multiValued": true, "type": "integer" })),
    ])
    .await;
    let made = acme.post("/Users", user("ada", json!({ "tags": ["x", "y"], "floors": [1, 2] }))).await.expect(201);

    for filter in ["tags[value eq \"X\"]", "tags[value eq \"x\" and value pr]", "floors[value eq 2]", "tags eq \"y\""] {
        assert_eq!(acme.ids("/Users", filter).await, [id(&made)], "{filter}");
    }
    assert_eq!(acme.ids("/Users", "tags[value eq \"z\"]").await, [""; 0]);
}

#[tokio::test]
async fn an_immutable_part_is_not_changed_by_taking_its_attribute_away_and_adding_another() {
    let badge = attribute(
        "badge",
        json!({ "type": "complex", "subAttributes": [attribute("number", json!({ "mutability": "immutable" }))] }),
    );
    let (_app, acme) = start_with(&[badge]).await;
    let made = acme.post("/Users", user("ada", json!({ "badge": { "number": "7" } }))).await.expect(201);
    let path = format!("/Users/{}", id(&made));

    let refused = acme
        .operations(
            &path,
            json!([
                { "op": "remove", "path": format!("{PEOPLE}:badge") },
                { "op": "add", "path": format!("{PEOPLE}:badge"), "value": { "number": "9" } },
            ]),
        )
        .await
        .expect(400);

    assert_eq!(refused["scimType"], "mutability");
    assert_eq!(acme.get(&path).await.expect(200), made);
}
