//! Taking back what was done: one change, what a request did, what a time did. As new changes, with the plugin's plan.

mod deleted;
mod exchanged;
mod order;
mod selection;
mod since;

use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp, USER, wasm};
use serde_json::{Value, json};

use crate::command::on;

async fn undo(app: &TestApp, what: Value) -> Value {
    app.admin_post("/tenants/acme/undo", what).await.expect(200)
}

/// How many resources ended how: undone, partly, unchanged, conflicts, rejected, failed.
fn counts(answer: &Value) -> [u64; 6] {
    ["undone", "partly", "unchanged", "conflicts", "rejected", "failed"].map(|name| answer[name].as_u64().unwrap())
}

async fn set(acme: &TenantClient, path: &str, attribute: &str, value: Value) -> String {
    let operations = json!([{ "op": "replace", "path": attribute, "value": value }]);
    let answer = acme.operations(path, operations).await;
    let request = answer.header("x-request-id").to_owned();
    assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
    request
}

async fn user(acme: &TenantClient, name: &str) -> Value {
    acme.get(&format!("/Users/{name}")).await.expect(200)
}

fn actions(answer: &Value) -> Vec<&str> {
    let outcomes = answer["outcomes"].as_array().unwrap().iter();
    let tasks = outcomes.flat_map(|outcome| outcome["tasks"].as_array().into_iter().flatten());
    tasks.map(|task| task["action"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_bad_sync_that_deactivated_fifty_users_is_taken_back_by_time_with_the_plugins_plan() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1" })).await;
    let mut people = Vec::new();
    for number in 0..50 {
        people.push(acme.person(&format!("p{number}@example.com")).await);
    }
    app.advance(Duration::from_secs(600));
    for id in &people {
        set(&acme, &format!("/Users/{id}"), "active", json!(false)).await;
    }
    app.advance(Duration::from_secs(600));
    // One of them was let in again by hand, one got another name since.
    set(&acme, &format!("/Users/{}", people[0]), "active", json!(true)).await;
    set(&acme, &format!("/Users/{}", people[1]), "displayName", json!("Grace")).await;
    let before = app.log("acme").await.len();
    let sync = json!({ "from": "2026-11-03T14:13:00Z", "to": "2026-11-03T14:14:00Z" });

    let mut dry = sync.clone();
    dry["dry_run"] = json!(true);
    let would = undo(&app, dry).await;
    assert_eq!(app.log("acme").await.len(), before, "a dry run commits nothing");
    assert_eq!(user(&acme, &people[2]).await["active"], false);
    let did = undo(&app, sync.clone()).await;
    let again = undo(&app, sync).await;

    assert_eq!((counts(&would), &would["tasks"]), ([49, 0, 1, 0, 0, 0], &json!(49)));
    assert_eq!((counts(&did), &did["tasks"]), ([49, 0, 1, 0, 0, 0], &json!(49)));
    assert_eq!(actions(&did), vec!["restore"; 49]);
    assert_eq!((counts(&again), &again["tasks"]), ([0, 0, 50, 0, 0, 0], &json!(0)), "there is nothing left to do");
    for id in &people {
        assert_eq!(user(&acme, id).await["active"], true);
        assert_eq!(app.account("acme", id).await["state"], "active");
    }
    assert_eq!(user(&acme, &people[1]).await["displayName"], "Grace", "what came later stays");
    let log = app.log("acme").await;
    assert_eq!(log.len(), before + 49);
    let entry = log.last().unwrap();
    assert_eq!((&entry["actor"], &entry["event"]), (&json!("operator"), &json!("reactivated")));
    assert_eq!(entry["request"], did["request"]);
    assert_eq!(entry["undoes"].as_array().unwrap().len(), 1);
    let restored = app.tasks("acme").await.iter().filter(|task| task["action"] == "restore").count();
    assert_eq!(restored, 50, "one for each that was let in again, by hand or by the undo");
}

#[tokio::test]
async fn only_what_the_change_did_is_taken_back_and_an_undo_is_taken_back_like_anything_else() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let path = format!("/Users/{ada}");
    set(&acme, &path, "title", json!("Countess")).await;
    set(&acme, &path, "nickName", json!("A")).await;

    let did = undo(&app, json!({ "change": 2 })).await;

    assert_eq!(counts(&did), [1, 0, 0, 0, 0, 0]);
    assert_eq!(did["outcomes"][0]["changed"], json!([{ "path": "title", "was": "Countess" }]));
    let now = user(&acme, &ada).await;
    assert_eq!(
        (&now["title"], &now["nickName"], &now["meta"]["version"]),
        (&Value::Null, &json!("A"), &json!("W/\"4\""))
    );
    let redone = undo(&app, json!({ "request": did["request"] })).await;
    assert_eq!(counts(&redone), [1, 0, 0, 0, 0, 0]);
    assert_eq!(user(&acme, &ada).await["title"], "Countess");
    assert_eq!(app.log("acme").await[4]["undoes"], json!([4]));
}

#[tokio::test]
async fn what_has_changed_since_is_a_conflict_that_names_the_change_and_force_takes_it_back_too() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let path = format!("/Users/{ada}");
    let both = json!([
        { "op": "add", "path": "title", "value": "Countess" }, { "op": "add", "path": "nickName", "value": "A" },
    ]);
    acme.operations(&path, both).await.expect(200);
    set(&acme, &path, "title", json!("Dr")).await;
    set(&acme, &path, "userType", json!("guest")).await;

    let dry = undo(&app, json!({ "change": 2, "dry_run": true })).await;
    let ended = on(&app, &["undo", "acme", "--change", "2"]).await;
    let only_conflict = undo(&app, json!({ "change": 2 })).await;
    let forced = undo(&app, json!({ "change": 2, "force": true })).await;

    assert_eq!((counts(&dry), counts(&only_conflict)), ([0, 1, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0]));
    let conflict = json!([{ "path": "title", "by": 3, "became": "Countess", "is": "Dr" }]);
    assert_eq!(dry["outcomes"][0]["conflicts"], conflict);
    assert_eq!(only_conflict["outcomes"][0]["conflicts"], conflict);
    assert_eq!((ended.code, ended.err.as_str()), (1, "muster: 1 of them could not be taken back, or only in part\n"));
    let conflict = "    title is \"Dr\", by change 3; it was nothing and became \"Countess\"\n";
    assert!(
        ended.out.starts_with(&format!("partly     User ada ({ada})   updated: nickName \"A\" gone\n{conflict}")),
        "{}",
        ended.out
    );
    assert_eq!(counts(&forced), [1, 0, 0, 0, 0, 0]);
    let now = user(&acme, &ada).await;
    assert_eq!((&now["title"], &now["nickName"], &now["userType"]), (&Value::Null, &Value::Null, &json!("guest")));
}

#[tokio::test]
async fn a_creation_is_taken_back_by_a_deletion_unless_it_has_changed_since() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let made = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com" })).await;
    let request = made.header("x-request-id").to_owned();
    let ada = made.expect(201)["id"].as_str().unwrap().to_owned();
    let grace = acme.person("grace@example.com").await;
    set(&acme, &format!("/Users/{grace}"), "displayName", json!("Grace")).await;

    let did = undo(&app, json!({ "request": request })).await;
    let kept = undo(&app, json!({ "change": 2 })).await;

    assert_eq!((counts(&did), actions(&did)), ([1, 0, 0, 0, 0, 0], vec!["remove"]));
    acme.get(&format!("/Users/{ada}")).await.expect(404);
    assert_eq!(counts(&kept), [0, 0, 0, 1, 0, 0]);
    let outcome = &kept["outcomes"][0];
    assert_eq!((&outcome["says"], &outcome["by"]), (&json!("it has changed since it was created"), &json!(3)));
    acme.get(&format!("/Users/{grace}")).await.expect(200);
    assert_eq!(counts(&undo(&app, json!({ "change": 2, "force": true })).await), [1, 0, 0, 0, 0, 0]);
    acme.get(&format!("/Users/{grace}")).await.expect(404);
    let again = undo(&app, json!({ "change": 2 })).await;
    assert_eq!((counts(&again), &again["outcomes"][0]["says"]), ([0, 0, 1, 0, 0, 0], &json!("it is gone already")));
}

#[tokio::test]
async fn replaced_members_of_a_group_come_back_and_those_who_joined_since_stay() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut people = Vec::new();
    for number in 0..5 {
        people.push(acme.person(&format!("p{number}")).await);
    }
    let group = acme.group("Engines", &[&people[0], &people[1], &people[2]]).await;
    let path = format!("/Groups/{group}");
    let emptied = set(&acme, &path, "members", json!([{ "value": people[3] }])).await;
    acme.operations(&path, json!([{ "op": "add", "path": "members", "value": [{ "value": people[4] }] }])).await;
    acme.delete(&format!("/Users/{}", people[2])).await.expect(204);

    let dry = undo(&app, json!({ "request": emptied, "dry_run": true })).await;
    assert_eq!(acme.members(&group).await, [people[3].clone(), people[4].clone()]);
    let did = undo(&app, json!({ "request": emptied })).await;

    assert_eq!(acme.members(&group).await, [people[0].clone(), people[1].clone(), people[4].clone()]);
    for answer in [&dry, &did] {
        let outcome = &answer["outcomes"][0];
        let told = ["members_added", "members_removed", "members_left_out"].map(|name| outcome[name].as_u64().unwrap());
        assert_eq!((counts(answer), told), ([0, 1, 0, 0, 0, 0], [2, 1, 1]));
        assert_eq!(outcome["says"], "some who were its members are not there any more");
    }
    let entry = app.log("acme").await.pop().unwrap();
    assert_eq!((&entry["event"], &entry["id"]), (&json!("member-added"), &json!(group)));
    assert_eq!(counts(&undo(&app, json!({ "request": did["request"] })).await), [1, 0, 0, 0, 0, 0]);
    assert_eq!(acme.members(&group).await, [people[3].clone(), people[4].clone()], "as it was before the undo");
}

#[tokio::test]
async fn what_the_present_plugin_does_not_want_is_told_and_the_others_come_back() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let grace = acme.person("grace@example.com").await;
    app.advance(Duration::from_secs(60));
    for id in [&ada, &grace] {
        set(&acme, &format!("/Users/{id}"), "active", json!(false)).await;
    }
    app.push(wasm::plugin("poggio")).await.expect(201);
    let poggio = json!({ "plugin": "poggio", "config": { "default_workspace": "W1" }, "grants": "all" });
    app.admin_put("/tenants/acme/binding", poggio).await.expect(200);

    let did = undo(&app, json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z" })).await;

    assert_eq!((counts(&did), actions(&did)), ([1, 0, 0, 0, 1, 0], vec!["restore"]), "{did}");
    let refused = &did["outcomes"][1];
    assert_eq!((&refused["id"], &refused["says"]), (&json!(ada), &json!("userName must be an e-mail address")));
    let account = app.account("acme", &grace).await;
    assert_eq!(
        (&account["state"], account["fields"].as_array().unwrap().len()),
        (&json!("active"), 3),
        "as Poggio has it"
    );
    assert_eq!(app.account("acme", &ada).await["state"], "disabled");
}
