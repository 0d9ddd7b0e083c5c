use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{actions, counts, set, undo, user};
use crate::command::on;

#[tokio::test]
async fn a_deleted_user_comes_back_as_itself_with_its_groups_and_is_found_by_the_next_lookup() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.person("ada@example.com").await;
    let (engines, looms) = (acme.group("Engines", &[&ada]).await, acme.group("Looms", &[&ada]).await);
    set(&acme, &format!("/Users/{ada}"), "displayName", json!("Ada")).await;
    let before = user(&acme, &ada).await;
    let account = app.account("acme", &ada).await;
    app.advance(std::time::Duration::from_secs(60));
    let gone = acme.delete(&format!("/Users/{ada}")).await;
    let request = gone.header("x-request-id").to_owned();
    gone.expect(204);
    assert_eq!(acme.ids("/Users", "userName eq \"ada@example.com\"").await, Vec::<String>::new());

    let dry = undo(&app, json!({ "request": request, "dry_run": true })).await;
    acme.get(&format!("/Users/{ada}")).await.expect(404);
    let did = undo(&app, json!({ "request": request })).await;

    for answer in [&dry, &did] {
        assert_eq!(counts(answer), [3, 0, 0, 0, 0, 0], "the user, and a row in each of two groups: {answer}");
        assert_eq!(actions(answer), ["send-invitation"]);
    }
    let after = user(&acme, &ada).await;
    for attribute in ["id", "userName", "displayName", "active", "groups"] {
        assert_eq!(after[attribute], before[attribute], "{attribute}");
    }
    assert_eq!(after["meta"]["created"], before["meta"]["created"]);
    assert!(after["meta"]["version"].as_str().unwrap().starts_with("W/\"3"), "it goes on counting: {}", after["meta"]);
    assert_eq!(app.account("acme", &ada).await, account);
    assert_eq!(acme.ids("/Users", "userName eq \"ada@example.com\"").await, [ada.clone()]);
    assert_eq!((acme.members(&engines).await, acme.members(&looms).await), (vec![ada.clone()], vec![ada.clone()]));
    let again = undo(&app, json!({ "request": request })).await;
    assert_eq!(counts(&again), [0, 0, 3, 0, 0, 0]);
    assert_eq!(again["outcomes"][0]["says"], "it is as it was already");
}

#[tokio::test]
async fn the_number_of_a_deletion_is_enough_to_bring_back_the_groups_as_well() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.person("ada").await, acme.person("grace").await);
    let group = acme.group("Engines", &[&ada, &grace]).await;
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    acme.delete(&format!("/Users/{grace}")).await.expect(204);

    let said = on(&app, &["undo", "acme", "--change", "4"]).await.text();

    assert_eq!(acme.members(&group).await, [ada.clone()], "the other one stays deleted");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with(&format!("undone     User ada ({ada})   created")), "{said}");
    assert_eq!(lines[1], format!("undone     Group Engines ({group})   member-added: +1 members"));
    assert!(lines[2].starts_with("undone 2; to take this back: --request undo-"), "{said}");
}

#[tokio::test]
async fn a_deleted_group_comes_back_with_its_members() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut people = Vec::new();
    for number in 0..3 {
        people.push(acme.person(&format!("p{number}")).await);
    }
    let members: Vec<&str> = people.iter().map(String::as_str).collect();
    let group = acme.group("Engines", &members).await;
    let before = acme.get(&format!("/Groups/{group}")).await.expect(200);
    acme.delete(&format!("/Groups/{group}")).await.expect(204);
    acme.delete(&format!("/Users/{}", people[0])).await.expect(204);

    let dry = undo(&app, json!({ "change": 5, "dry_run": true })).await;
    let did = undo(&app, json!({ "change": 5 })).await;

    for answer in [&dry, &did] {
        assert_eq!(counts(answer), [1, 1, 0, 0, 0, 0], "one member is not there any more: {answer}");
    }
    let after = acme.get(&format!("/Groups/{group}")).await.expect(200);
    assert_eq!(
        (&after["displayName"], &after["meta"]["created"]),
        (&before["displayName"], &before["meta"]["created"])
    );
    assert_eq!(acme.members(&group).await, people[1..]);
}

#[tokio::test]
async fn the_members_of_a_large_group_come_back_in_parts() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut people = Vec::new();
    for number in 0..=muster_service::MAX_ROWS_A_COMMIT {
        people.push(acme.user(&format!("p{number}")).await);
    }
    let members: Vec<&str> = people.iter().map(String::as_str).collect();
    let group = acme.group("Engines", &members).await;
    let gone = acme.delete(&format!("/Groups/{group}")).await;
    let request = gone.header("x-request-id").to_owned();

    let did = undo(&app, json!({ "request": request })).await;

    assert_eq!(counts(&did), [2, 0, 0, 0, 0, 0]);
    assert_eq!(did["outcomes"][1]["members_added"], json!(people.len()));
    assert_eq!(acme.members(&group).await, people);
    let told = app.admin_get(&format!("/tenants/acme/resources/{group}/history?limit=4")).await.expect(200);
    let added: Vec<&Value> = (0..3).map(|entry| &told["entries"][entry]["members_added"]["count"]).collect();
    assert_eq!(added, [&json!(1), &json!(muster_service::MAX_ROWS_A_COMMIT), &Value::Null]);
    let shown = told["entries"][3]["members_removed"]["members"].as_array().unwrap().len();
    assert_eq!(
        (shown, told["entries"][3]["members_removed"]["count"].as_u64().unwrap()),
        (muster_service::MAX_MEMBERS_SHOWN, 501)
    );
}

#[tokio::test]
async fn a_deletion_whose_name_is_taken_since_is_a_conflict() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    let other = acme.person("ada").await;

    let dry = undo(&app, json!({ "change": 2, "dry_run": true, "force": true })).await;
    let did = undo(&app, json!({ "change": 2, "force": true })).await;

    for answer in [&dry, &did] {
        assert_eq!(counts(answer), [0, 0, 0, 1, 0, 0]);
        assert_eq!(answer["outcomes"][0]["says"], "userName is already in use");
    }
    assert_eq!(acme.ids("/Users", "userName eq \"ada\"").await, [other.clone()]);
    // Taken back together they do not stand in each other's way.
    let both =
        undo(&app, json!({ "from": "2026-11-03T14:03:00Z", "to": "2026-11-03T14:03:01Z", "dry_run": true })).await;
    assert_eq!(counts(&both), [1, 0, 1, 0, 0, 0], "{both}");
}

#[tokio::test]
async fn what_was_changed_and_then_deleted_comes_back_as_it_was_before_both() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada", "title": "Countess" })).await;
    let ada = ada.expect(201)["id"].as_str().unwrap().to_owned();
    app.advance(std::time::Duration::from_secs(60));
    set(&acme, &format!("/Users/{ada}"), "active", json!(false)).await;
    acme.delete(&format!("/Users/{ada}")).await.expect(204);

    let did = undo(&app, json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z" })).await;

    assert_eq!(counts(&did), [1, 0, 0, 0, 0, 0]);
    let now = user(&acme, &ada).await;
    assert_eq!((&now["active"], &now["title"]), (&json!(true), &json!("Countess")));
    let entry = app.log("acme").await.pop().unwrap();
    assert_eq!((&entry["undoes"], &entry["version"]), (&json!([2, 3]), &json!(3)));
    let history: Value = app.admin_get(&format!("/tenants/acme/resources/{ada}/history")).await.expect(200);
    assert_eq!(history["entries"][0]["undoes"], json!([2, 3]));
}

#[tokio::test]
async fn a_disabled_user_who_comes_back_is_disabled_and_not_invited() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.person("ada@example.com").await;
    set(&acme, &format!("/Users/{ada}"), "active", json!(false)).await;
    let gone = acme.delete(&format!("/Users/{ada}")).await;
    let request = gone.header("x-request-id").to_owned();
    gone.expect(204);

    let did = undo(&app, json!({ "request": request })).await;

    assert_eq!(actions(&did), ["disable"]);
    assert_eq!(user(&acme, &ada).await["active"], false);
}
