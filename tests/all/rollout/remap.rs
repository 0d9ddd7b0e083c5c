use std::collections::BTreeSet;
use std::time::Duration;

use muster_test_harness::{TestApp, field};
use serde_json::{Value, json};

use super::{SLOWLY, begin, come_to, counts, last, obeying, path, people, person, settled, start, step};

/// What the log tells of the rollout.
async fn by(app: &TestApp, rollout: &Value) -> Vec<Value> {
    let request = format!("rollout-{}", rollout["id"].as_str().unwrap());
    let entries = app.log("acme").await;
    let by: Vec<Value> = entries.into_iter().filter(|entry| entry["request"] == request).collect();
    assert!(by.iter().all(|entry| entry["actor"] == json!({ "job": "remap" })), "{by:?}");
    by
}

fn ids(entries: &[Value]) -> BTreeSet<&str> {
    entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_directory_is_mapped_again_while_it_is_written_and_no_write_is_lost() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let people = people(&acme, 100).await;
    let config = json!({ "state": "a", "task": "greet", "works": SLOWLY / 4 });
    let new = json!({ "config": config, "until": "remap" });
    let begun = begin(&app, "acme", new).await;

    let writes = async {
        for (number, id) in people.iter().enumerate().rev() {
            let title = json!([{ "op": "add", "path": "title", "value": format!("t{number}") }]);
            acme.operations(&format!("/Users/{id}"), title).await.expect(200);
        }
        person(&acme, "late", json!({})).await
    };
    let (late, done) = tokio::join!(writes, settled(&app, "acme", &begun));

    assert_eq!(done["state"], "done", "{done}");
    for (number, id) in people.iter().enumerate() {
        let user = acme.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(user["title"], format!("t{number}"));
        assert_eq!(app.account("acme", id).await["state"], "a");
    }
    assert_eq!(app.account("acme", &late).await["state"], "a");
    let found = &step(&done, "remap")["findings"];
    let entries = by(&app, &done).await;
    assert_eq!(found["changed"], entries.len(), "each that was mapped again has one entry");
    assert_eq!(ids(&entries).len(), entries.len(), "and was mapped again once");
    let digest = done["plugin"]["digest"].as_str().unwrap();
    assert!(entries.iter().all(|entry| entry["plugin"] == digest && entry["event"] == "updated"), "{entries:?}");
    let tasks = app.tasks("acme").await;
    let mut planned = ids(&tasks);
    // Created while the rollout went on: before the new plugin decided, or after.
    planned.remove(late.as_str());
    assert_eq!(planned, people.iter().map(String::as_str).collect(), "the plan was asked for each");

    let before = app.log("acme").await.len();
    let at = path("acme", &done);
    app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    let again = settled(&app, "acme", &done).await;
    assert_eq!(counts(&step(&again, "remap")["findings"]), [101, 0, 101, 0, 0]);
    assert_eq!(
        (app.log("acme").await.len(), app.tasks("acme").await.len()),
        (before, tasks.len()),
        "what changes nothing writes nothing"
    );
}

#[tokio::test]
async fn a_remapping_goes_on_after_a_restart_where_it_was() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let people = people(&acme, 120).await;
    let config = json!({ "state": "a", "works": SLOWLY });
    let active = start(&app, "acme", json!({ "config": config, "until": "activate" })).await;
    assert_eq!((&active["state"], &active["activated_revision"]), (&json!("active"), &json!(2)));
    app.admin_post(&format!("{}/remap", path("acme", &active)), json!({})).await.expect(202);
    come_to(&app, "acme", &active, "remap", 20).await;

    let app = app.restart().await;
    let interrupted = by(&app, &active).await.len();
    let done = settled(&app, "acme", &active).await;

    assert!((1..120).contains(&interrupted), "{interrupted}");
    assert_eq!((&done["state"], last(&done)), (&json!("done"), ("remap", "done")));
    assert_eq!(counts(&step(&done, "remap")["findings"]), [120, 120, 0, 0, 0]);
    let entries = by(&app, &done).await;
    assert_eq!((entries.len(), ids(&entries).len()), (120, 120));
    for id in people {
        assert_eq!(app.account("acme", &id).await["state"], "a");
    }
}

#[tokio::test]
async fn a_preview_that_a_restart_interrupted_begins_again() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 100).await;
    let config = json!({ "state": "a", "works": SLOWLY });
    let begun = begin(&app, "acme", json!({ "config": config })).await;
    come_to(&app, "acme", &begun, "preview", 5).await;

    let app = app.restart().await;
    let waiting = settled(&app, "acme", &begun).await;

    assert_eq!(waiting["state"], "waiting");
    assert_eq!(counts(&step(&waiting, "preview")["findings"]), [100, 100, 0, 0, 0]);
}

#[tokio::test]
async fn a_cancelled_remapping_goes_on_when_it_is_asked_to() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 120).await;
    let new = json!({ "config": { "state": "a", "works": SLOWLY }, "until": "activate" });
    let active = start(&app, "acme", new).await;
    let at = path("acme", &active);
    app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    come_to(&app, "acme", &active, "remap", 20).await;

    let cancelled = app.admin_post(&format!("{at}/cancel"), json!({})).await.expect(200);
    let so_far = by(&app, &active).await.len();
    app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    let done = settled(&app, "acme", &active).await;

    assert_eq!((&cancelled["state"], last(&cancelled)), (&json!("active"), ("remap", "cancelled")));
    assert!((1..120).contains(&so_far), "{so_far}");
    assert_eq!((&done["state"], counts(&step(&done, "remap")["findings"])), (&json!("done"), [120, 120, 0, 0, 0]));
    assert_eq!(by(&app, &done).await.len(), 120);
}

#[tokio::test]
async fn who_is_rejected_stays_as_it_is_and_is_listed() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({})).await;
    let bob = person(&acme, "bob", json!({})).await;
    let before = (acme.get(&format!("/Users/{bob}")).await.expect(200), app.account("acme", &bob).await);
    let config = json!({ "state": "a", "rejects": "bob" });
    let waiting = start(&app, "acme", json!({ "config": config, "until": "remap" })).await;
    assert_eq!(waiting["says"], "it waits to be activated, because 1 of 2 would be rejected");

    let at = path("acme", &waiting);
    app.admin_post(&format!("{at}/activate"), json!({ "anyway": true })).await.expect(200);
    settled(&app, "acme", &waiting).await;
    app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    let done = settled(&app, "acme", &waiting).await;

    let found = &step(&done, "remap")["findings"];
    assert_eq!((&done["state"], counts(found)), (&json!("done"), [2, 1, 0, 1, 0]));
    let told = &found["rejections"][0];
    assert_eq!((&told["id"], &told["says"]), (&json!(bob), &json!("displayName is one that is not wanted")));
    assert_eq!((acme.get(&format!("/Users/{bob}")).await.expect(200), app.account("acme", &bob).await), before);
    assert_eq!(app.account("acme", &ada).await["state"], "a");
}

#[tokio::test]
async fn of_two_who_would_have_one_name_the_second_stays_and_is_listed() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    for name in ["ada", "bob"] {
        person(&acme, name, json!({ "nickName": "Countess" })).await;
    }
    let waiting = start(&app, "acme", json!({ "config": { "keys": true } })).await;
    let at = path("acme", &waiting);
    app.admin_post(&format!("{at}/activate"), json!({ "anyway": true })).await.expect(200);
    settled(&app, "acme", &waiting).await;
    app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    let done = settled(&app, "acme", &waiting).await;

    let found = &step(&done, "remap")["findings"];
    assert_eq!(counts(found), [2, 1, 0, 1, 0]);
    assert_eq!(found["rejections"][0]["says"], "nickName is already in use");
    assert_eq!(acme.ids("/Users", "nickName eq \"Countess\"").await.len(), 2, "both are there all the same");
}

#[tokio::test]
async fn who_goes_back_ends_the_remapping_and_maps_again_by_another_rollout() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let people = people(&acme, 120).await;
    let new = json!({ "config": { "state": "a", "works": SLOWLY }, "until": "remap" });
    let begun = begin(&app, "acme", new).await;
    loop {
        let now = app.admin_get(&path("acme", &begun)).await.expect(200);
        if step(&now, "remap")["done"].as_u64() >= Some(20) {
            break;
        }
    }

    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    let left = settled(&app, "acme", &begun).await;

    assert_eq!((&left["state"], last(&left)), (&json!("rolled-back"), ("remap", "cancelled")));
    let so_far = by(&app, &begun).await.len();
    let mut found = left;
    for _ in 0..500 {
        if step(&found, "remap")["findings"]["changed"] == so_far {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        found = app.admin_get(&path("acme", &begun)).await.expect(200);
    }
    let found = &step(&found, "remap")["findings"];
    assert!((1..120).contains(&so_far) && found["changed"] == so_far, "what it had found is told: {found}, {so_far}");
    let back = start(&app, "acme", json!({ "until": "remap" })).await;
    assert_eq!(
        (&back["state"], &back["activated_revision"]),
        (&json!("done"), &json!(3)),
        "it decided already: {back}"
    );
    let again = &step(&back, "remap")["findings"];
    assert_eq!(again["states"]["a"]["active"], again["changed"]);
    for id in people {
        assert_eq!(app.account("acme", &id).await["state"], "active");
    }
    let refused = app.admin_post(&format!("{}/remap", path("acme", &begun)), json!({})).await.expect(409);
    let id = begun["id"].as_str().unwrap();
    let says = format!(
        "rollout {id} is not what decides; to map what is stored by what does: muster rollout start acme --until remap"
    );
    assert_eq!(refused["detail"], says);
}

#[tokio::test]
async fn what_was_mapped_again_is_in_the_history_of_each_and_can_be_found() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({ "title": "Countess" })).await;
    let done = start(&app, "acme", json!({ "config": { "titles": true }, "until": "remap" })).await;

    let history = app.admin_get(&format!("/tenants/acme/resources/{ada}/history")).await.expect(200);
    let latest = &history["entries"][0];
    assert_eq!(
        (&latest["actor"], &latest["request"]),
        (&json!({ "job": "remap" }), &json!(format!("rollout-{}", done["id"].as_str().unwrap())))
    );
    assert_eq!(field(&app.account("acme", &ada).await, "title"), "Countess");
}

#[tokio::test]
async fn accounts_made_by_hand_are_mapped_again_by_nobody_but_the_product_and_a_rollout_says_how_many() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 2).await;
    for name in ["by-hand-1", "by-hand-2"] {
        let made =
            app.directory_send(reqwest::Method::POST, "/tenants/acme/accounts", json!({ "userName": name })).await;
        made.expect(201);
    }

    let begun = begin(&app, "acme", json!({ "config": { "state": "a" }, "until": "remap" })).await;
    let done = settled(&app, "acme", &begun).await;

    assert_eq!((&done["state"], &done["manual_accounts"]), (&json!("done"), &json!(2)), "{done}");
    assert_eq!(step(&done, "remap")["findings"]["changed"], 2, "{done}");
    let by_hand = app.directory_get("/tenants/acme/accounts?managed_by=manual").await.expect(200);
    let states: Vec<&Value> = by_hand["accounts"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert!(states.iter().all(|state| **state != json!("a")), "{by_hand}");
}
