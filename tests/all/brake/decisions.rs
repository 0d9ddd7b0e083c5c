//! What somebody decides over what is held.

use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_model::{Progress, Standing, TenantId};
use muster_store::Store as _;
use muster_store_sled::{Options, SledStore};
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use super::{Braked as _, Noting, activate, deactivate, delivering, held_in_time, only_count, tenant};

/// Two were carried out, and the other four are held.
pub(super) async fn braked(app: &TestApp) -> (TenantClient, Vec<String>) {
    let (acme, users) = tenant(app, "acme", 8).await;
    app.set_brake("acme", only_count(2)).await;
    app.at_rest("acme").await;
    for id in &users[..2] {
        deactivate(&acme, id).await;
    }
    app.at_rest("acme").await;
    for id in &users[2..6] {
        deactivate(&acme, id).await;
    }
    app.engaged("acme").await;
    assert_eq!(app.at_rest("acme").await["held"], 4);
    (acme, users)
}

async fn held(app: &TestApp) -> Vec<Value> {
    let answer = app.admin_get("/tenants/acme/brake/held").await.expect(200);
    answer["held"].as_array().unwrap().clone()
}

/// Whose access was ended, of these.
fn ended<'a>(carrier: &Noting, of: &'a [String]) -> Vec<&'a str> {
    let ended = carrier.ended("acme");
    of.iter().filter(|id| ended.contains(id)).map(String::as_str).collect()
}

#[tokio::test]
async fn who_is_affected_is_told_by_name_with_the_change_and_in_pages() {
    let (app, _) = delivering().await;
    let (acme, users) = braked(&app).await;
    acme.delete(&format!("/Users/{}", users[6])).await.expect(204);
    app.at_rest("acme").await;

    let all = held(&app).await;
    let ids: Vec<&str> = all.iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(ids, users[2..7].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        (&all[0]["name"], &all[0]["event"], &all[0]["action"]),
        (&json!("u2@example.com"), &json!("deactivated"), &json!("disable"))
    );
    assert_eq!(
        (&all[4]["name"], &all[4]["event"]),
        (&json!("u6@example.com"), &json!("deleted")),
        "who is gone has the name of then"
    );
    assert!(
        all[0]["request"].is_string() && all[0]["actor"]["token"].is_string() && all[0]["at"].is_string(),
        "{}",
        all[0]
    );

    let first = app.admin_get("/tenants/acme/brake/held?limit=2").await.expect(200);
    let rest = app.admin_get(&format!("/tenants/acme/brake/held?after={}", first["next"])).await.expect(200);
    assert_eq!((first["held"].as_array().unwrap().len(), rest["held"].as_array().unwrap().len()), (2, 3));
    assert_eq!(rest["next"], Value::Null);
}

#[tokio::test]
async fn what_is_released_is_carried_out_and_the_count_begins_anew() {
    let (app, carrier) = delivering().await;
    let (acme, users) = braked(&app).await;

    let released = app.relieve("acme", "release", json!({ "all": true })).await;
    assert_eq!((&released["decided"], &released["refused"], &released["next"]), (&json!(4), &json!(0), &Value::Null));
    let counts = app.at_rest("acme").await;
    assert_eq!((&counts["held"], ended(&carrier, &users).len()), (&Value::Null, 6));
    let shown = app.brake("acme").await;
    assert_eq!((&shown["engaged"], &shown["counted"]["users"]), (&Value::Null, &json!(0)));

    let more = super::users_of_more(&acme, 3).await;
    for id in &more[..2] {
        deactivate(&acme, id).await;
    }
    assert_eq!(app.at_rest("acme").await["held"], Value::Null);
    deactivate(&acme, &more[2]).await;
    app.engaged("acme").await;
    assert_eq!(app.at_rest("acme").await["held"], 1, "what comes after it is counted as before");
}

#[tokio::test]
async fn some_are_released_or_cancelled_and_the_others_stay_held() {
    let (app, carrier) = delivering().await;
    let (acme, users) = braked(&app).await;
    // What waits behind a held task of the same user is decided over with it.
    activate(&acme, &users[2]).await;
    deactivate(&acme, &users[2]).await;

    let by_user = app.relieve("acme", "release", json!({ "users": [users[2]] })).await;
    assert_eq!(by_user["decided"], 2, "{by_user}");
    let seq_of = |held: &[Value], id: &str| held.iter().find(|task| task["id"] == id).unwrap()["seq"].clone();
    let (third, fourth) = (seq_of(&held(&app).await, &users[3]), seq_of(&held(&app).await, &users[4]));
    app.relieve("acme", "release", json!({ "tasks": [third] })).await;
    app.relieve("acme", "cancel", json!({ "tasks": [fourth] })).await;

    assert_eq!(app.at_rest("acme").await["held"], 1);
    assert_eq!(ended(&carrier, &users), [&users[0], &users[1], &users[2], &users[3]]);
    let of_one: Vec<String> =
        carrier.of("acme").into_iter().filter(|done| done.id == users[2]).map(|done| done.action).collect();
    assert_eq!(of_one, ["send-invitation", "disable", "enable", "disable"]);
    assert_ne!(app.brake("acme").await["engaged"], Value::Null, "it stays engaged");
    let told = app.admin_get(&format!("/tenants/acme/tasks/{fourth}")).await.expect(200);
    assert_eq!((&told["standing"], &told["decisions"][0]["what"]), (&json!("cancelled"), &json!("cancel")));
    let again = app.relieve("acme", "release", json!({ "tasks": [fourth] })).await;
    assert_eq!(
        again["refusals"][0]["detail"],
        format!("task {fourth} was cancelled, and nothing becomes of it any more")
    );
}

#[tokio::test]
async fn what_is_cancelled_is_never_carried_out_and_an_undo_takes_the_change_back() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 8).await;
    app.at_rest("acme").await;
    // Somebody left two hours ago, and the product did not answer then.
    carrier.is_down.store(true, Ordering::SeqCst);
    deactivate(&acme, &users[0]).await;
    app.advance(Duration::from_hours(2));
    app.set_brake("acme", only_count(2)).await;
    for id in &users[1..6] {
        deactivate(&acme, id).await;
    }
    // And one of them is removed as well, which waits behind the other task.
    acme.delete(&format!("/Users/{}", users[5])).await.expect(204);
    app.engaged("acme").await;
    app.advance(Duration::from_hours(1));
    held_in_time(&app, "acme", 6).await;
    carrier.is_down.store(false, Ordering::SeqCst);
    assert_eq!(app.at_rest("acme").await["held"], 6);

    let mut body = json!({ "all": true });
    let (mut decided, mut released) = (0, 0);
    loop {
        let answer = app.relieve("acme", "cancel", body.clone()).await;
        assert_eq!(answer["refused"], 0, "{answer}");
        decided += answer["decided"].as_u64().unwrap();
        released += answer["released"].as_u64().unwrap();
        if answer["next"].is_null() {
            break;
        }
        body["from"] = answer["next"].clone();
    }
    assert_eq!((decided, released), (6, 1), "six of the accident, and the one from before");
    app.at_rest("acme").await;
    assert_eq!(ended(&carrier, &users), [&users[0]], "who had left before it all is not let in again");
    let shown = app.brake("acme").await;
    assert_eq!((&shown["engaged"], &shown["held"]), (&Value::Null, &json!(0)), "{shown}");
    let user = acme.get(&format!("/Users/{}", users[1])).await.expect(200);
    assert_eq!(user["active"], false, "what the identity provider has written stays");

    let request = app
        .log("acme")
        .await
        .into_iter()
        .find(|entry| entry["id"] == users[1].as_str() && entry["event"] == "deactivated");
    let undo = json!({ "request": request.unwrap()["request"] });
    assert_eq!(app.admin_post("/tenants/acme/undo", undo).await.expect(200)["undone"], 1);
    app.at_rest("acme").await;
    assert_eq!(acme.get(&format!("/Users/{}", users[1])).await.expect(200)["active"], true);
    assert_eq!(carrier.of("acme").last().unwrap().action, "enable");
}

#[tokio::test]
async fn what_was_interrupted_is_taken_up_again() {
    let (app, carrier) = delivering().await;
    let (_, users) = braked(&app).await;
    for (word, standing) in [("release", "waiting"), ("release", "held"), ("cancel", "held")] {
        let from = json!({ "standing": standing, "after": 0 });
        let nothing = app.relieve("acme", word, json!({ "all": true, "from": from })).await;
        assert_eq!((&nothing["decided"], &nothing["released"]), (&json!(0), &json!(0)), "who goes on does not begin");
    }
    let made_up = json!({ "standing": "held", "after": 0, "through": 1_u64 << 60 });
    let refused = app.admin_post("/tenants/acme/brake/release", json!({ "all": true, "from": made_up })).await;
    assert!((400..500).contains(&refused.status), "what goes on is the row's to say: {}", refused.text);
    assert_eq!(app.at_rest("acme").await["held"], 4);
    assert_ne!(app.brake("acme").await["engaged"], Value::Null);
    // It is broken off after its first step, and then begun again.
    let first = app.relieve("acme", "cancel", json!({ "all": true })).await;
    assert_eq!(app.brake("acme").await["engaged"], Value::Null);
    assert_eq!(first["next"]["standing"], "held");
    let again = app.relieve("acme", "cancel", json!({ "all": true })).await;
    let last = app.relieve("acme", "cancel", json!({ "all": true, "from": again["next"] })).await;
    assert_eq!((&last["decided"], &last["refused"], &last["next"]), (&json!(4), &json!(0), &Value::Null), "{last}");
    assert_eq!(app.at_rest("acme").await["cancelled"], 4);
    assert_eq!(ended(&carrier, &users).len(), 2);
}

#[tokio::test]
async fn what_was_cancelled_once_is_carried_out_by_no_later_decision_over_everything() {
    let (app, carrier) = delivering().await;
    let (acme, users) = braked(&app).await;
    // It is broken off after its first step: what is held is not gone through yet.
    app.relieve("acme", "cancel", json!({ "all": true })).await;
    let released = app.relieve("acme", "release", json!({ "all": true })).await;
    assert_eq!((&released["decided"], &released["next"]), (&json!(0), &Value::Null), "{released}");
    assert_eq!(app.at_rest("acme").await["held"], 4);

    let more = super::users_of_more(&acme, 6).await;
    app.at_rest("acme").await;
    app.advance(Duration::from_hours(2));
    for id in &more[..5] {
        deactivate(&acme, id).await;
    }
    app.engaged("acme").await;
    let later = app.at_rest("acme").await["held"].as_u64().unwrap() - 4;
    let one = app.relieve("acme", "release", json!({ "users": [users[2]] })).await;
    assert_eq!(one["decided"], 1, "who is named goes on all the same: {one}");
    let mut body = json!({ "all": true });
    let (mut decided, mut released) = (0, 0);
    loop {
        let answer = app.relieve("acme", "cancel", body.clone()).await;
        decided += answer["decided"].as_u64().unwrap();
        released += answer["released"].as_u64().unwrap();
        if answer["next"].is_null() {
            break;
        }
        body["from"] = answer["next"].clone();
    }
    assert_eq!((decided, released), (3 + later, 0), "those of the first time too");
    let counts = app.at_rest("acme").await;
    assert_eq!((&counts["held"], &counts["cancelled"]), (&Value::Null, &json!(decided)));
    assert_eq!(ended(&carrier, &users), [&users[0], &users[1], &users[2]]);
    assert_eq!(app.brake("acme").await["cancelled"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_was_held_when_nothing_holds_it_any_more_goes_on_with_a_release_of_everything() {
    let (mut app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 4).await;
    app.set_brake("acme", only_count(10)).await;
    app.at_rest("acme").await;
    carrier.is_down.store(true, Ordering::SeqCst);
    for id in &users[..3] {
        deactivate(&acme, id).await;
    }
    app.stop().await;
    // As a server leaves them that is killed after it has held them, and before it asks again.
    let data = app.data();
    {
        let store = SledStore::open(&data.join("store"), Options::default()).unwrap();
        let outbox = store.outbox(&TenantId::parse("acme").unwrap());
        for (task, progress) in outbox.tasks(Some(Standing::Waiting), 0, 10).await.unwrap() {
            let expected = progress.revision;
            let held = Progress { revision: expected + 1, standing: Standing::Held, ..progress };
            outbox.decide(task.seq, expected, held).await.unwrap();
        }
    }
    let app = app.restart().await;
    carrier.is_down.store(false, Ordering::SeqCst);
    assert_eq!(app.at_rest("acme").await["held"], 3);
    app.advance(Duration::from_hours(1));

    let released = app.relieve("acme", "release", json!({ "all": true })).await;
    assert_eq!((&released["decided"], &released["refused"]), (&json!(3), &json!(0)), "{released}");
    assert_eq!(app.at_rest("acme").await["held"], Value::Null);
    assert_eq!(ended(&carrier, &users).len(), 3);
}

#[tokio::test]
async fn a_decision_that_says_nothing_clear_is_refused() {
    let (app, _) = delivering().await;
    tenant(&app, "acme", 1).await;
    let refused = async |word: &str, body: Value| {
        let answer = app.admin_post(&format!("/tenants/acme/brake/{word}"), body).await;
        (answer.status, answer.body["detail"].as_str().unwrap_or_default().to_owned())
    };
    let one_of = (400, "exactly one of `users`, `tasks` and `all` says whose".to_owned());
    assert_eq!(refused("release", json!({})).await, one_of);
    assert_eq!(refused("release", json!({ "all": true, "tasks": [1] })).await, one_of);
    let (status, says) = refused("cancel", json!({ "users": ["x"] })).await;
    assert_eq!((status, says.starts_with("there is no user x in tenant acme, ")), (404, true), "{says}");
    let not_engaged = "the brake is not engaged: name the users or tasks that are to be cancelled";
    assert_eq!(refused("cancel", json!({ "all": true })).await, (409, not_engaged.to_owned()));
    let many: Vec<u64> = (1..=1001).collect();
    assert_eq!(refused("release", json!({ "tasks": many })).await, (400, "one request names at most 1000".to_owned()));
    assert_eq!(refused("forget", json!({ "all": true })).await, (404, "there is no such admin endpoint".to_owned()));
}
