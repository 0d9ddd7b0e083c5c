//! The characteristics of RFC 7643 §2.2, enforced on what an operator declares.

use muster_test_harness::messages::error;
use serde_json::{Value, json};

use super::{PEOPLE, attribute, id, people, set, start_with, user};

#[tokio::test]
async fn what_is_immutable_is_given_once() {
    let (_app, acme) =
        start_with(&[attribute("serial", json!({ "mutability": "immutable" })), attribute("team", json!({}))]).await;
    let made = acme.post("/Users", user("ada", json!({ "serial": "S1" }))).await.expect(201);
    let path = format!("/Users/{}", id(&made));
    let serial = format!("{PEOPLE}:serial");

    let patched = acme.operations(&path, json!([{ "op": "replace", "path": serial, "value": "S2" }])).await.expect(400);
    let removed = acme.operations(&path, json!([{ "op": "remove", "path": serial }])).await.expect(400);
    let put = acme.put(&path, user("ada", json!({ "serial": "S2" }))).await.expect(400);

    for refused in [patched, removed, put] {
        assert_eq!(refused["scimType"], "mutability", "{refused}");
    }
    let same = json!([{ "op": "replace", "path": serial, "value": "S1" }, { "op": "add", "path": format!("{PEOPLE}:team"), "value": "Engines" }]);
    let same = acme.operations(&path, same).await.expect(200);
    assert_eq!(same[PEOPLE], json!({ "serial": "S1", "team": "Engines" }));
    let grace = acme.user("grace").await;
    let first = json!([{ "op": "add", "path": serial, "value": "S3" }]);
    assert_eq!(acme.operations(&format!("/Users/{grace}"), first).await.expect(200)[PEOPLE], json!({ "serial": "S3" }));
}

#[tokio::test]
async fn what_is_read_only_is_the_servers_and_what_a_client_sends_is_ignored() {
    let (_app, acme) =
        start_with(&[attribute("rank", json!({ "mutability": "readOnly" })), attribute("team", json!({}))]).await;

    let made = acme.post("/Users", user("ada", json!({ "rank": "1", "team": "Engines" }))).await.expect(201);
    let put = acme
        .put(&format!("/Users/{}", id(&made)), user("ada", json!({ "rank": "2", "team": "Notes" })))
        .await
        .expect(200);

    assert_eq!((&made[PEOPLE], &put[PEOPLE]), (&json!({ "team": "Engines" }), &json!({ "team": "Notes" })));
}

#[tokio::test]
async fn an_attribute_is_returned_when_its_schema_says_so() {
    let attributes = [
        attribute("always", json!({ "returned": "always" })),
        attribute("normal", json!({})),
        attribute("request", json!({ "returned": "request" })),
        attribute("never", json!({ "returned": "never", "mutability": "writeOnly" })),
    ];
    let (_app, acme) = start_with(&attributes).await;
    let all = json!({ "always": "a", "normal": "d", "request": "r", "never": "n" });

    let made = acme.post("/Users", user("ada", all)).await;

    assert!(!made.text.contains("\"n\""));
    let made = made.expect(201);
    let sent = json!({ "always": "a", "normal": "d", "request": "r" });
    assert_eq!(made[PEOPLE], sent, "who sent what is returned on request is shown it");
    let path = format!("/Users/{}", id(&made));
    let asked = async |query: String| acme.get(&format!("{path}?{query}")).await.expect(200)[PEOPLE].clone();
    assert_eq!(asked(String::new()).await, json!({ "always": "a", "normal": "d" }));
    assert_eq!(asked(format!("attributes={PEOPLE}:request")).await, json!({ "always": "a", "request": "r" }));
    assert_eq!(asked(format!("attributes={PEOPLE}:never")).await, json!({ "always": "a" }));
    assert_eq!(asked(format!("excludedAttributes={PEOPLE}:always,{PEOPLE}:normal")).await, json!({ "always": "a" }));
    acme.find("/Users", &format!("{PEOPLE}:never eq \"n\"")).await.expect(400);
}

#[tokio::test]
async fn what_is_unique_is_unique_as_its_case_counts() {
    let attributes = [
        attribute("badge", json!({ "uniqueness": "server", "caseExact": true })),
        attribute("alias", json!({ "uniqueness": "global" })),
        attribute("locker", json!({ "uniqueness": "server", "type": "integer" })),
    ];
    let (app, acme) = start_with(&attributes).await;
    let globex = app.tenant("globex").await;
    app.admin_put("/tenants/globex/scim", json!({ "extensions": [people(&attributes)] })).await.expect(200);
    let ada =
        acme.post("/Users", user("ada", json!({ "badge": "B-7", "alias": "Countess", "locker": 7 }))).await.expect(201);
    let grace = acme.post("/Users", user("grace", json!({ "badge": "b-7" }))).await.expect(201);

    for (name, value) in [("badge", json!("B-7")), ("alias", json!("COUNTESS")), ("locker", json!(7))] {
        let taken = error(409, Some("uniqueness"), &format!("{PEOPLE}:{name} is already in use"));
        assert_eq!(acme.post("/Users", user("hedy", json!({ name: value }))).await.expect(409), taken);
        let operations = json!([{ "op": "replace", "path": format!("{PEOPLE}:{name}"), "value": value }]);
        assert_eq!(acme.operations(&format!("/Users/{}", id(&grace)), operations).await.expect(409), taken);
    }

    assert_eq!(acme.get(&format!("/Users/{}", id(&grace))).await.expect(200), grace);
    globex.post("/Users", user("ada", json!({ "badge": "B-7" }))).await.expect(201);
    let change = json!([{ "op": "replace", "path": format!("{PEOPLE}:badge"), "value": "B-8" }]);
    acme.operations(&format!("/Users/{}", id(&ada)), change).await.expect(200);
    acme.post("/Users", user("hedy", json!({ "badge": "B-7" }))).await.expect(201);
    acme.delete(&format!("/Users/{}", id(&ada))).await.expect(204);
    acme.post("/Users", user("ada", json!({ "badge": "B-8", "alias": "countess" }))).await.expect(201);
    let by_case = acme.ids("/Users", &format!("{PEOPLE}:badge eq \"b-7\"")).await;
    assert_eq!(by_case, [id(&grace)], "a filter compares as uniqueness does");
}

/// Uniqueness that is declared later holds for what is written later: nothing that is stored becomes wrong by it.
#[tokio::test]
async fn uniqueness_holds_from_the_next_change_on() {
    let (app, acme) = start_with(&[attribute("badge", json!({}))]).await;
    let ada = acme.post("/Users", user("ada", json!({ "badge": "B-7" }))).await.expect(201);
    let grace = acme.post("/Users", user("grace", json!({ "badge": "B-7" }))).await.expect(201);
    let change = |title: &str| json!([{ "op": "replace", "path": "title", "value": title }]);

    set(&app, json!({ "extensions": [people(&[attribute("badge", json!({ "uniqueness": "server" }))])] }))
        .await
        .expect(200);

    acme.put(&format!("/Users/{}", id(&ada)), user("ada", json!({ "badge": "B-7" }))).await.expect(200);
    acme.operations(&format!("/Users/{}", id(&ada)), change("Countess")).await.expect(200);
    // What was there before stands in nobody's way; a new value is refused, also to whom has had it.
    let path = format!("/Users/{}", id(&grace));
    acme.operations(&path, change("Admiral")).await.expect(200);
    let badge = |value: &str| json!([{ "op": "replace", "path": format!("{PEOPLE}:badge"), "value": value }]);
    acme.operations(&path, badge("B-8")).await.expect(200);
    let taken = acme.operations(&path, badge("B-7")).await.expect(409);
    assert_eq!(taken, error(409, Some("uniqueness"), &format!("{PEOPLE}:badge is already in use")));
}

#[tokio::test]
async fn canonical_values_are_written_as_they_are_declared() {
    let (app, acme) =
        start_with(&[attribute("contract", json!({ "canonicalValues": ["employee", "contractor"] }))]).await;

    let shouted = acme.post("/Users", user("ada", json!({ "contract": "EMPLOYEE" }))).await.expect(201);
    let other = acme.post("/Users", user("grace", json!({ "contract": "volunteer" }))).await.expect(201);
    set(&app, json!({ "profile": "strict-rfc" })).await.expect(200);
    let refused = acme.post("/Users", user("hedy", json!({ "contract": "volunteer" }))).await.expect(400);

    assert_eq!(shouted[PEOPLE], json!({ "contract": "employee" }));
    assert_eq!(other[PEOPLE], json!({ "contract": "volunteer" }), "RFC 7643 §2.3.1 lets others be");
    assert_eq!(refused["scimType"], json!("invalidValue"));
    assert_eq!(refused.get(PEOPLE), None::<&Value>);
}

#[tokio::test]
async fn a_reference_is_a_uri_of_what_its_schema_names() {
    let to_users = json!({ "type": "reference", "caseExact": true, "referenceTypes": ["User"] });
    let (app, acme) = start_with(&[attribute("buddy", to_users)]).await;
    let buddy = |name: &str, reference: &str| user(name, json!({ "buddy": reference }));

    acme.post("/Users", buddy("ada", "../Groups/7")).await.expect(201);
    set(&app, json!({ "profile": "strict-rfc" })).await.expect(200);
    let elsewhere = acme.post("/Users", buddy("grace", "../Groups/7")).await.expect(400);
    let no_uri = acme.post("/Users", buddy("grace", "somebody else")).await.expect(400);
    let kept = acme.post("/Users", buddy("grace", "../Users/7")).await.expect(201);

    for refused in [elsewhere, no_uri] {
        assert_eq!(refused["scimType"], "invalidValue");
        assert!(refused["detail"].as_str().unwrap().contains("buddy"), "{refused}");
    }
    assert_eq!(kept[PEOPLE], json!({ "buddy": "../Users/7" }));
}

#[tokio::test]
async fn a_part_that_is_required_is_required_where_the_whole_is() {
    let parts = [attribute("building", json!({ "required": true })), attribute("room", json!({}))];
    let (_app, acme) = start_with(&[attribute("desk", json!({ "type": "complex", "subAttributes": parts }))]).await;

    let half = acme.post("/Users", user("ada", json!({ "desk": { "room": "3" } }))).await.expect(400);
    acme.post("/Users", user("ada", json!({ "desk": { "building": "B1" } }))).await.expect(201);
    acme.user("grace").await;

    assert_eq!(half["scimType"], "invalidValue");
    assert!(half["detail"].as_str().unwrap().contains("building"), "{half}");
}
