//! Names that went from one to the other: whatever the order, they go back where all of them can.

use muster_test_harness::{TenantClient, TestApp, USER};
use serde_json::{Value, json};

use super::order::take_back;
use super::{counts, set, user};

async fn rename(acme: &TenantClient, id: &str, name: &str) {
    set(acme, &format!("/Users/{id}"), "userName", json!(name)).await;
}

async fn names(acme: &TenantClient, ids: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for id in ids {
        names.push(user(acme, id).await["userName"].as_str().unwrap().to_owned());
    }
    names
}

async fn people(acme: &TenantClient, names: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(acme.person(name).await);
    }
    ids
}

/// Each gets the name of the next, and the last the name of the first.
async fn go_round(acme: &TenantClient, ids: &[String], names: &[&str]) {
    rename(acme, &ids[0], "on-its-way").await;
    for (number, id) in ids.iter().enumerate().skip(1).rev() {
        let free = if number + 1 == names.len() { names[0] } else { names[number + 1] };
        rename(acme, id, free).await;
    }
    rename(acme, &ids[0], names[1]).await;
}

#[tokio::test]
async fn two_who_exchanged_their_names_get_them_back_at_once_and_nobody_has_another_in_between() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ids = people(&acme, &["a", "b"]).await;
    app.advance(std::time::Duration::from_secs(60));
    go_round(&acme, &ids, &["a", "b"]).await;
    set(&acme, &format!("/Users/{}", ids[0]), "title", json!("Countess")).await;
    assert_eq!(names(&acme, &ids).await, ["b", "a"]);
    let before = app.log("acme").await.len();

    let [would, did] = take_back(&app).await;

    assert_eq!((counts(&would), counts(&did)), ([2, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0]), "{would} {did}");
    assert_eq!(names(&acme, &ids).await, ["a", "b"]);
    for (id, name) in ids.iter().zip(["a", "b"]) {
        assert_eq!(acme.ids("/Users", &format!("userName eq \"{name}\"")).await, [id.clone()]);
    }
    assert_eq!(user(&acme, &ids[0]).await["title"], Value::Null);
    // One entry for each, from the one name to the other; the versions go on without a gap.
    let log = app.log("acme").await;
    let told = |id: &str| {
        let own: Vec<&Value> = log[before..].iter().filter(|entry| entry["id"] == *id).collect();
        let name = |side: &str| own[0][side]["document"]["userName"].as_str().unwrap().to_owned();
        (own.len(), name("before"), name("after"), own[0]["version"].as_u64().unwrap(), own[0]["seq"].clone())
    };
    let outcome = |number: usize| did["outcomes"][number]["seq"].clone();
    assert_eq!(told(&ids[0]), (1, "b".to_owned(), "a".to_owned(), 5, outcome(0)));
    assert_eq!(told(&ids[1]), (1, "a".to_owned(), "b".to_owned(), 3, outcome(1)));
    let again = super::undo(&app, json!({ "request": did["request"] })).await;
    assert_eq!(counts(&again), [2, 0, 0, 0, 0, 0], "and there again");
    assert_eq!(names(&acme, &ids).await, ["b", "a"]);
}

#[tokio::test]
async fn names_that_went_round_among_three_go_back_and_so_do_those_of_groups() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let three = ["a", "b", "c"];
    let ids = people(&acme, &three).await;
    let groups = [acme.group("Engines", &[&ids[0]]).await, acme.group("Looms", &[]).await];
    app.advance(std::time::Duration::from_secs(60));
    go_round(&acme, &ids, &three).await;
    for (group, name) in [(0, "on its way"), (1, "Engines"), (0, "Looms")] {
        set(&acme, &format!("/Groups/{}", groups[group]), "displayName", json!(name)).await;
    }
    assert_eq!(names(&acme, &ids).await, ["b", "c", "a"]);

    let [would, did] = take_back(&app).await;

    assert_eq!((counts(&would), counts(&did)), ([5, 0, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0]), "{would} {did}");
    assert_eq!(names(&acme, &ids).await, three);
    for (group, name) in groups.iter().zip(["Engines", "Looms"]) {
        assert_eq!(acme.get(&format!("/Groups/{group}")).await.expect(200)["displayName"], name);
    }
    assert_eq!(acme.members(&groups[0]).await, [ids[0].clone()]);
}

#[tokio::test]
async fn the_names_that_a_plugin_knows_accounts_by_go_back_as_well() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let (mut ids, names) = (Vec::new(), ["ada", "grace", "hedy"]);
    let emails = |value: &str| json!([{ "value": format!("{value}@example.com"), "type": "work", "primary": true }]);
    for name in names {
        let body = json!({ "schemas": [USER], "userName": format!("{name}@corp.example"), "emails": emails(name) });
        ids.push(acme.post("/Users", body).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    app.advance(std::time::Duration::from_secs(60));
    for (who, whose) in [(0, "nobody"), (2, "ada"), (1, "hedy"), (0, "grace")] {
        set(&acme, &format!("/Users/{}", ids[who]), "emails", emails(whose)).await;
    }

    let [would, did] = take_back(&app).await;

    assert_eq!((counts(&would), counts(&did)), ([3, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0]), "{would} {did}");
    for (id, name) in ids.iter().zip(names) {
        let address = format!("{name}@example.com");
        assert_eq!(user(&acme, id).await["emails"][0]["value"], json!(address));
        assert_eq!(acme.ids("/Users", &format!("emails.value eq \"{address}\"")).await, [id.clone()]);
        let account = app.account("acme", id).await;
        assert_eq!(muster_test_harness::field(&account, "email"), json!(address));
    }
    let taken = json!({ "schemas": [USER], "userName": "eve@corp.example", "emails": emails("ada") });
    acme.post("/Users", taken).await.expect(409);
}

#[tokio::test]
async fn a_long_row_of_names_goes_back_whatever_the_order() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let names_then: Vec<String> = (0..30).map(|number| format!("n{number}")).collect();
    let ids = people(&acme, &names_then.iter().map(String::as_str).collect::<Vec<_>>()).await;
    app.advance(std::time::Duration::from_secs(60));
    for (number, id) in ids.iter().enumerate().rev() {
        rename(&acme, id, &format!("n{}", number + 1)).await;
    }
    // So that the one whose name is free last has its turn first.
    for id in &ids {
        set(&acme, &format!("/Users/{id}"), "title", json!("Countess")).await;
    }

    let [would, did] = take_back(&app).await;

    assert_eq!((counts(&would), counts(&did)), ([30, 0, 0, 0, 0, 0], [30, 0, 0, 0, 0, 0]), "{did}");
    assert_eq!(names(&acme, &ids).await, names_then);
}

#[tokio::test]
async fn a_circle_that_somebody_has_broken_into_is_a_conflict_and_nothing_of_it_is_lost() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ids = people(&acme, &["a", "b", "c"]).await;
    app.advance(std::time::Duration::from_secs(60));
    go_round(&acme, &ids, &["a", "b", "c"]).await;
    app.advance(std::time::Duration::from_secs(60));
    // The third was renamed by hand, and somebody else has its name.
    rename(&acme, &ids[2], "carol").await;
    let other = acme.person("a").await;
    let minute = json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z" });
    let mut dry = minute.clone();
    dry["dry_run"] = json!(true);

    let (would, did) = (super::undo(&app, dry).await, super::undo(&app, minute).await);

    assert_eq!((counts(&would), counts(&did)), ([0, 0, 0, 3, 0, 0], [0, 0, 0, 3, 0, 0]), "{would} {did}");
    let says: Vec<&Value> = did["outcomes"].as_array().unwrap().iter().map(|it| &it["says"]).collect();
    assert!(says.contains(&&json!("userName is already in use")), "{did}");
    assert_eq!(names(&acme, &ids).await, ["b", "c", "carol"]);
    assert_eq!(acme.ids("/Users", "userName eq \"a\"").await, [other]);
}

#[tokio::test]
async fn a_circle_of_more_than_one_commit_takes_is_told_as_that() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let count = muster_service::MAX_EXCHANGED + 1;
    let then: Vec<String> = (0..count).map(|number| format!("n{number}")).collect();
    let then: Vec<&str> = then.iter().map(String::as_str).collect();
    let ids = people(&acme, &then).await;
    app.advance(std::time::Duration::from_secs(60));
    go_round(&acme, &ids, &then).await;

    let [would, did] = take_back(&app).await;

    for answer in [&would, &did] {
        assert_eq!(counts(answer), [0, 0, 0, count as u64, 0, 0]);
        assert_eq!(answer["outcomes"][0]["says"], "101 have exchanged their names, and 100 can go back at once");
    }
    assert_eq!(names(&acme, &ids[..1]).await, [then[1]]);
}
