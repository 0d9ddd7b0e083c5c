//! What becomes of stored values when what was declared changes: nothing is lost, and nothing fails.

use muster_test_harness::USER;
use serde_json::{Value, json};

use super::{PEOPLE, attribute, id, people, set, start_with, user};

#[tokio::test]
async fn values_of_what_is_not_declared_any_more_are_not_shown_and_are_back_with_it() {
    let team = attribute("team", json!({}));
    let (app, acme) = start_with(&[team.clone(), attribute("floor", json!({}))]).await;
    let made = acme.post("/Users", user("ada", json!({ "team": "Engines", "floor": "3" }))).await.expect(201);
    let path = format!("/Users/{}", id(&made));

    set(&app, json!({ "extensions": [people(&[team.clone()])] })).await.expect(200);
    assert_eq!(acme.get(&path).await.expect(200)[PEOPLE], json!({ "team": "Engines" }));
    set(&app, json!({ "extensions": [] })).await.expect(200);
    let without = acme.get(&path).await.expect(200);
    assert_eq!((&without["schemas"], &without[PEOPLE]), (&json!([USER]), &Value::Null));
    acme.get("/Users?sortBy=userName").await.expect(200);

    set(&app, json!({ "extensions": [people(&[team, attribute("floor", json!({}))])] })).await.expect(200);
    assert_eq!(acme.get(&path).await.expect(200), made, "nobody wrote it meanwhile");
}

#[tokio::test]
async fn values_of_what_is_not_declared_any_more_go_with_the_next_change() {
    let (app, acme) = start_with(&[attribute("team", json!({}))]).await;
    let made = acme.post("/Users", user("ada", json!({ "team": "Engines" }))).await.expect(201);
    let path = format!("/Users/{}", id(&made));
    set(&app, json!({ "extensions": [] })).await.expect(200);

    acme.operations(&path, json!([{ "op": "add", "path": "title", "value": "Countess" }])).await.expect(200);

    set(&app, json!({ "extensions": [people(&[attribute("team", json!({}))])] })).await.expect(200);
    let ada = acme.get(&path).await.expect(200);
    assert_eq!((&ada["title"], &ada[PEOPLE]), (&json!("Countess"), &Value::Null));
    let log = app.log("acme").await;
    assert_eq!(log[1]["before"]["document"][PEOPLE], json!({ "team": "Engines" }), "the log tells what went");
}

/// From every type to every other, single and multi-valued: reads, filters, sorting, PATCH and PUT all find an answer.
#[tokio::test]
async fn values_of_a_type_that_was_changed_fail_no_request() {
    let parts = json!([attribute("value", json!({})), attribute("type", json!({}))]);
    let values = [
        ("string", json!("seven")),
        ("boolean", json!(true)),
        ("integer", json!(7)),
        ("decimal", json!(7.5)),
        ("dateTime", json!("2026-10-01T08:00:00Z")),
        ("binary", json!("c2VjcmV0")),
        ("reference", json!("https://example.com/7")),
        ("complex", json!({ "value": "7", "type": "work" })),
    ];
    let declared = |kind: &str, many: bool| {
        let mut attribute = attribute("thing", json!({ "type": kind, "multiValued": many }));
        if kind == "complex" {
            attribute["subAttributes"] = parts.clone();
        }
        json!({ "extensions": [people(&[attribute])] })
    };
    let (app, acme) = start_with(&[attribute("thing", json!({}))]).await;
    let mut users = Vec::new();
    for (kind, value) in &values {
        for many in [false, true] {
            set(&app, declared(kind, many)).await.expect(200);
            let value = if many { json!([value]) } else { value.clone() };
            let name = format!("{kind}-{many}");
            users.push(id(&acme.post("/Users", user(&name, json!({ "thing": value }))).await.expect(201)).to_owned());
        }
    }

    for (kind, value) in &values {
        for many in [false, true] {
            set(&app, declared(kind, many)).await.expect(200);
            for (number, ada) in users.iter().enumerate() {
                let path = format!("/Users/{ada}");
                acme.get(&path).await.expect(200);
                let title = json!([{ "op": "replace", "path": "title", "value": format!("{kind} {many} {number}") }]);
                let answer = acme.operations(&path, title).await;
                assert!(answer.status < 500, "{kind} {many}: {}", answer.text);
                let thing = json!([{ "op": "replace", "path": format!("{PEOPLE}:thing"), "value": value }]);
                let answer = acme.operations(&path, thing).await;
                assert!(answer.status < 500, "{kind} {many}: {}", answer.text);
            }
            for filter in ["thing pr", "thing eq \"7\"", "thing eq 7", "thing eq true", "thing.value eq \"7\""] {
                let answer = acme.find("/Users", &format!("{PEOPLE}:{filter}")).await;
                assert!(answer.status < 500, "{kind} {many} {filter}: {}", answer.text);
            }
            let answer = acme.get(&format!("/Users?sortBy={PEOPLE}:thing")).await;
            assert!(answer.status < 500, "{kind} {many}: {}", answer.text);
        }
    }
    let listed = acme.get("/Users?count=100").await.expect(200);
    assert_eq!(listed["totalResults"], users.len());
}

/// An attribute that becomes required does not make a stored resource unreadable, and the next write has to bring it.
#[tokio::test]
async fn what_becomes_required_is_asked_for_with_the_next_write() {
    let (app, acme) = start_with(&[attribute("team", json!({}))]).await;
    let made = acme.post("/Users", user("ada", json!({}))).await.expect(201);
    let path = format!("/Users/{}", id(&made));
    let mut required = people(&[attribute("team", json!({ "required": true }))]);
    required["required"] = json!(true);

    set(&app, json!({ "extensions": [required] })).await.expect(200);

    acme.get(&path).await.expect(200);
    acme.put(&path, json!({ "schemas": [USER], "userName": "ada", "title": "Countess" })).await.expect(400);
    let both = json!([
        { "op": "add", "path": "title", "value": "Countess" },
        { "op": "add", "path": format!("{PEOPLE}:team"), "value": "Engines" },
    ]);
    let patched = acme.operations(&path, both).await.expect(200);
    assert_eq!((&patched["title"], &patched[PEOPLE]), (&json!("Countess"), &json!({ "team": "Engines" })));
}

#[tokio::test]
async fn duplicates_from_before_a_value_had_to_be_unique_stand_in_nobodys_way() {
    let (app, acme) = start_with(&[attribute("badge", json!({}))]).await;
    let mut paths = Vec::new();
    for name in ["ada", "bob", "eve"] {
        let made = acme.post("/Users", user(name, json!({ "badge": "SAME" }))).await.expect(201);
        paths.push(format!("/Users/{}", id(&made)));
    }
    set(&app, json!({ "extensions": [people(&[attribute("badge", json!({ "uniqueness": "server" }))])] }))
        .await
        .expect(200);

    for path in &paths {
        let off = json!([{ "op": "replace", "path": "active", "value": false }]);
        assert_eq!(acme.operations(path, off).await.expect(200)["active"], false);
    }
    let found = acme.ids("/Users", &format!("{PEOPLE}:badge eq \"same\"")).await;
    assert_eq!(found.len(), 3, "and each is found");
    let refused = acme.post("/Users", user("new", json!({ "badge": "same" }))).await.expect(409);
    assert_eq!(refused["scimType"], "uniqueness", "a new one is refused");
}
