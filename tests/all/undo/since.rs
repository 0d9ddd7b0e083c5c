//! What came after the change that is taken back: deletions, memberships.

use std::time::Duration;

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{counts, set, undo, user};
use crate::command::on;

#[tokio::test]
async fn who_was_deleted_since_is_a_conflict_and_comes_back_with_its_groups_when_forced() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let group = acme.group("Engines", &[&ada]).await;
    let path = format!("/Users/{ada}");
    set(&acme, &path, "title", json!("Countess")).await;
    set(&acme, &path, "title", json!("Dr")).await;
    set(&acme, &path, "nickName", json!("A")).await;
    acme.delete(&path).await.expect(204);

    let dry = undo(&app, json!({ "change": 4, "dry_run": true })).await;
    let did = undo(&app, json!({ "change": 4 })).await;
    let printed = on(&app, &["undo", "acme", "--change", "4", "--dry-run"]).await;
    let forced_dry = undo(&app, json!({ "change": 4, "dry_run": true, "force": true })).await;
    acme.get(&path).await.expect(404);
    let forced = undo(&app, json!({ "change": 4, "force": true })).await;

    for answer in [&dry, &did] {
        assert_eq!(counts(answer), [0, 0, 0, 1, 0, 0]);
        let outcome = &answer["outcomes"][0];
        let says = json!("it has been deleted since; with force it comes back");
        assert_eq!((&outcome["says"], &outcome["by"]), (&says, &json!(6)));
    }
    assert_eq!(
        (printed.code, printed.err.as_str()),
        (1, "muster: 1 of them would not be taken back, or only in part\n")
    );
    assert!(
        printed
            .out
            .ends_with("with --force, what was before the change wins over what came after it, a deletion included\n")
    );
    for answer in [&forced_dry, &forced] {
        assert_eq!(counts(answer), [2, 0, 0, 0, 0, 0], "itself, and its row in the group: {answer}");
        let says = "it had been deleted since, by change 6, which is taken back too";
        assert_eq!(answer["outcomes"][0]["says"], says);
    }
    let now = user(&acme, &ada).await;
    assert_eq!((&now["title"], &now["nickName"]), (&json!("Countess"), &json!("A")), "as before that change");
    assert_eq!(acme.members(&group).await, [ada.clone()]);
    let log = app.log("acme").await;
    let entry = log.iter().rev().find(|entry| entry["event"] == "created").unwrap();
    assert_eq!((&entry["undoes"], &entry["version"]), (&json!([4, 6]), &json!(5)));
    assert_eq!(counts(&undo(&app, json!({ "change": 4, "force": true })).await), [0, 0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn memberships_of_a_group_that_was_deleted_since_are_a_conflict_that_says_what_to_do() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let group = acme.group("Engines", &[&ada]).await;
    let path = format!("/Groups/{group}");
    let emptied = set(&acme, &path, "members", json!([])).await;
    acme.delete(&path).await.expect(204);

    let did = undo(&app, json!({ "request": emptied, "force": true })).await;

    let outcome = &did["outcomes"][0];
    assert_eq!(counts(&did), [0, 0, 0, 1, 0, 0], "{did}");
    assert_eq!((&outcome["says"], &outcome["by"]), (&json!("the group is deleted; take that back first"), &json!(4)));
    undo(&app, json!({ "change": 4 })).await;
    assert_eq!(counts(&undo(&app, json!({ "request": emptied })).await), [1, 0, 0, 0, 0, 0]);
    assert_eq!(acme.members(&group).await, [ada]);
}

#[tokio::test]
async fn the_memberships_that_go_with_a_creation_are_told() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let groups = [acme.group("Engines", &[&ada]).await, acme.group("Looms", &[&ada]).await];

    let dry = undo(&app, json!({ "change": 1, "dry_run": true })).await;
    let printed = on(&app, &["undo", "acme", "--change", "1", "--dry-run"]).await.text();
    let did = undo(&app, json!({ "change": 1 })).await;

    for answer in [&dry, &did] {
        assert_eq!((counts(answer), &answer["outcomes"][0]["memberships_lost"]), ([1, 0, 0, 0, 0, 0], &json!(2)));
    }
    assert!(
        printed.starts_with(&format!(
            "undone     User ada ({ada})   deleted: it goes out of 2 groups that it has joined since\n"
        )),
        "{printed}"
    );
    assert_eq!(acme.members(&groups[0]).await, [""; 0]);
    undo(&app, json!({ "request": did["request"] })).await;
    for group in &groups {
        assert_eq!(acme.members(group).await, [ada.clone()], "what was told can be taken back");
    }
}

#[tokio::test]
async fn the_id_of_a_long_undo_is_known_before_it_begins_and_finds_what_it_did() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    app.advance(Duration::from_secs(60));
    for number in 0..=muster_service::MAX_UNDO_AT_ONCE {
        set(&acme, &format!("/Users/{ada}"), "title", json!(format!("t{number}"))).await;
    }

    let time = ["undo", "acme", "--from", "2026-11-03T14:04:00Z", "--to", "2026-11-03T14:05:00Z"];
    let ended = on(&app, &time).await;

    let jobs = app.admin_get("/jobs").await.expect(200);
    let job = &jobs["jobs"][0];
    let (id, request) = (job["id"].as_str().unwrap(), job["request"].as_str().unwrap());
    let began = format!("job {id} takes it back as {request}: muster log show acme --request {request}\n");
    assert_eq!((ended.code, ended.err), (0, began));
    assert_eq!(job["result"]["request"], *request);
    let shown = on(&app, &["log", "show", "acme", "--request", request, "--json"]).await.json();
    assert_eq!((&shown["request"], &shown["id"]), (&json!(request), &json!(ada)));
    let none = on(&app, &["log", "show", "acme", "--request", "nobody"]).await.text();
    assert_eq!(none, "request nobody changed nothing that is in the log of tenant acme\n");
    let other_log = on(&app, &["tenant", "request", "acme", request]).await.failed();
    let says = "because it is an undo, which no client sent; `muster log show --request` tells what it did";
    assert!(other_log.contains(says), "{other_log}");
    assert_eq!(user(&acme, &ada).await["title"], Value::Null);
}

#[tokio::test]
async fn many_memberships_are_a_job_however_few_the_entries_are() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut people = Vec::new();
    for number in 0..=100 {
        people.push(acme.user(&format!("p{number}")).await);
    }
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    app.advance(Duration::from_secs(60));
    let what = json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z", "dry_run": true });
    let groups = muster_service::MAX_MEMBERSHIPS_AT_ONCE / people.len();
    for number in 0..groups {
        acme.group(&format!("g{number}"), &people).await;
    }

    let at_once = app.admin_post("/tenants/acme/undo", what.clone()).await.expect(200);
    acme.group("one more", &people).await;
    let begun = app.admin_post("/tenants/acme/undo", what).await.expect(202);

    assert_eq!((counts(&at_once)[0], groups), (99, 99), "{}", at_once["entries"]);
    assert!(begun["request"].as_str().unwrap().starts_with("undo-"), "{begun}");
    let job = app.admin_get(&format!("/jobs/{}", begun["job"].as_str().unwrap())).await.expect(200);
    assert_eq!((&job["kind"], &job["request"]), (&json!("undo"), &begun["request"]));
}

#[tokio::test]
async fn what_the_product_told_by_a_signal_is_a_conflict_and_is_told_beside_what_is_taken_back() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.person("ada@example.com").await;
    app.advance(Duration::from_secs(60));
    let path = format!("/tenants/acme/accounts/{ada}/signals");
    app.directory_send(reqwest::Method::POST, &path, json!({ "name": "signed-in" })).await.expect(200);

    for force in [false, true] {
        let did = undo(&app, json!({ "change": 2, "force": force })).await;
        assert_eq!(counts(&did), [0, 0, 0, 1, 0, 0], "{did}");
        let says = "the product told it, by a signal: an undo takes back what was written; what holds now is for the product to tell";
        assert_eq!((&did["outcomes"][0]["says"], &did["outcomes"][0]["by"]), (&json!(says), &json!(2)));
    }
    let printed = on(&app, &["undo", "acme", "--change", "2", "--dry-run", "--force"]).await;
    let stays = "what is a conflict above stays one: --force was given, and does not take that back either\n";
    assert!(printed.out.ends_with(stays), "{printed:?}");
    set(&acme, &format!("/Users/{ada}"), "displayName", json!("Countess")).await;
    let both = undo(&app, json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z" })).await;
    assert_eq!(counts(&both), [0, 1, 0, 0, 0, 0], "{both}");
    assert_eq!(both["outcomes"][0]["says"], "what the product told of it, by a signal, is not taken back");
    assert_eq!(user(&acme, &ada).await["displayName"], "ada@example.com");
    assert_eq!(app.account("acme", &ada).await["state"], "active", "who has signed in has");
    assert_eq!(app.log("acme").await.last().unwrap()["undoes"], json!([3]));
    // With the account itself it goes.
    let all = undo(&app, json!({ "from": "2026-11-03T14:03:00Z", "to": "2026-11-03T14:05:00Z", "force": true })).await;
    assert_eq!(counts(&all), [1, 0, 0, 0, 0, 0], "{all}");
    acme.get(&format!("/Users/{ada}")).await.expect(404);
}
