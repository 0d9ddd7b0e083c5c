//! What people decide over tasks, and what they are refused.

use muster_plugin::Outcome;
use muster_test_harness::{TenantClient, TestApp};
use serde_json::{Value, json};

use super::carrier::Scripted;
use super::{again, change, delivering, stands, task, tenant, until};

fn failed(reason: &str) -> Option<Outcome> {
    Some(Outcome::Failed { reason: reason.to_owned() })
}

async fn user(tenant: &TenantClient) -> String {
    tenant.user("ada@example.com").await
}

async fn decide(app: &TestApp, seq: u64, word: &str, body: Value) -> muster_test_harness::Answer {
    app.admin_post(&format!("/tenants/acme/tasks/{seq}/{word}"), body).await
}

/// Why it was refused.
async fn refused(app: &TestApp, seq: u64, word: &str) -> String {
    decide(app, seq, word, json!({})).await.expect(409)["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_parked_task_is_replayed_with_all_its_attempts_anew() {
    let carrier = Scripted::new(|_, _, _| failed("no such seat"));
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    change(&acme, &user(&acme).await, 1).await;
    until(&app, "acme", 1, stands("parked")).await;

    carrier.now(|_, _, _| Some(Outcome::Done));
    let replayed = decide(&app, 1, "replay", json!({})).await.expect(200);
    assert_eq!(replayed["decisions"][0]["what"], "replay");
    let done = until(&app, "acme", 1, stands("done")).await;
    assert_eq!((&done["attempts"], done["told"].as_array().unwrap().len()), (&json!(1), 2), "the story stays");
    assert_eq!(done["told"][0]["failure"], "no such seat");
    assert_eq!(refused(&app, 1, "replay").await, "task 1 is done");
}

#[tokio::test]
async fn a_replay_that_would_undo_what_was_done_since_must_be_forced() {
    let carrier = Scripted::new(|_, task, _| if task.seq == 1 { failed("no") } else { Some(Outcome::Done) });
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    change(&acme, &user(&acme).await, 2).await;
    until(&app, "acme", 2, stands("done")).await;
    carrier.now(|_, _, _| Some(Outcome::Done));

    assert_eq!(
        refused(&app, 1, "replay").await,
        "task 1 was parked, and task 2 of the same resource (tell) was carried out since; to carry it out all the same, force it (--force)"
    );
    assert_eq!(task(&app, "acme", 1).await["standing"], "parked");
    decide(&app, 1, "replay", json!({ "force": true })).await.expect(200);
    until(&app, "acme", 1, stands("done")).await;
}

#[tokio::test]
async fn a_replay_after_what_is_being_carried_out_or_was_tried_since_must_be_forced() {
    // Of grace the second is tried, of eve it never is, of ada it is being carried out.
    let carrier = Scripted::new(|_, task, attempt| match (task.seq, attempt) {
        (1 | 5, _) => failed("no"),
        (6, _) => None,
        (2 | 3, 1) => again("the answer was lost"),
        _ => Some(Outcome::Done),
    });
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    let force = "to carry it out all the same, force it (--force)";

    change(&acme, &acme.user("grace@example.com").await, 2).await;
    until(&app, "acme", 2, |task| task["attempts"] == 1).await;
    let tried = format!(
        "task 1 was parked, and task 2 of the same resource (tell) was tried since, and may have had its effect; {force}"
    );
    assert_eq!(refused(&app, 1, "replay").await, tried);
    decide(&app, 2, "skip", json!({})).await.expect(200);
    assert_eq!(refused(&app, 1, "replay").await, tried, "it may have had its effect all the same");

    change(&acme, &acme.user("eve@example.com").await, 2).await;
    until(&app, "acme", 3, |task| task["attempts"] == 1).await;
    decide(&app, 4, "cancel", json!({})).await.expect(200);

    change(&acme, &acme.user("ada@example.com").await, 2).await;
    until(&app, "acme", 5, stands("parked")).await;
    carrier.until_asked(6).await;
    assert_eq!(
        refused(&app, 5, "replay").await,
        format!("task 5 was parked, and task 6 of the same resource (tell) is being carried out; {force}")
    );
    let answer = app.admin_post("/tenants/acme/tasks/replay", json!({ "standing": "parked" })).await.expect(200);
    assert_eq!((&answer["decided"], &answer["refused"]), (&json!(0), &json!(2)), "{answer}");

    carrier.now(|_, _, _| failed("no"));
    decide(&app, 3, "replay", json!({})).await.expect(200);
    until(&app, "acme", 3, stands("parked")).await;
    carrier.now(|_, _, _| Some(Outcome::Done));
    decide(&app, 3, "replay", json!({})).await.expect(200);
    until(&app, "acme", 3, stands("done")).await;
    decide(&app, 1, "replay", json!({ "force": true })).await.expect(200);
    until(&app, "acme", 1, stands("done")).await;
}

#[tokio::test]
async fn what_is_parked_of_one_user_is_replayed_together_in_its_order() {
    let carrier = Scripted::new(|_, _, _| failed("no"));
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    change(&acme, &user(&acme).await, 3).await;
    until(&app, "acme", 3, stands("parked")).await;
    let alone = refused(&app, 1, "replay").await;
    assert!(alone.contains("task 3 of the same resource (tell) was tried since"), "{alone}");
    carrier.now(|_, _, _| Some(Outcome::Done));

    let answer = app.admin_post("/tenants/acme/tasks/replay", json!({ "standing": "parked" })).await.expect(200);
    assert_eq!((&answer["decided"], &answer["refused"]), (&json!(3), &json!(0)), "{answer}");
    until(&app, "acme", 3, stands("done")).await;
    let order: Vec<u64> = carrier.journal().iter().map(|seen| seen.seq).collect();
    assert_eq!(order, [1, 2, 3, 1, 2, 3]);
}

#[tokio::test]
async fn what_was_tried_is_skipped_and_what_was_not_is_cancelled() {
    let carrier = Scripted::new(|_, _, _| again("not today"));
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    change(&acme, &user(&acme).await, 3).await;
    until(&app, "acme", 1, |task| task["attempts"] == 1).await;

    assert_eq!(refused(&app, 1, "cancel").await, "task 1 was tried, and may have had its effect: skip it");
    assert_eq!(refused(&app, 2, "skip").await, "task 2 was never tried: cancel it");
    assert_eq!(refused(&app, 1, "release").await, "task 1 is not held: it waits for its turn");
    assert_eq!(decide(&app, 2, "cancel", json!({})).await.expect(200)["standing"], "cancelled");
    carrier.now(|_, _, _| Some(Outcome::Done));
    assert_eq!(decide(&app, 1, "skip", json!({})).await.expect(200)["standing"], "skipped");

    until(&app, "acme", 3, stands("done")).await;
    assert_eq!(refused(&app, 1, "replay").await, "task 1 was skipped, and nothing becomes of it any more");
    assert_eq!(refused(&app, 2, "replay").await, "task 2 was cancelled, and nothing becomes of it any more");
    assert_eq!(carrier.journal().iter().filter(|seen| seen.seq == 2).count(), 0);
}

#[tokio::test]
async fn a_task_that_waits_for_its_pause_can_be_tried_now() {
    let carrier = Scripted::new(|_, _, attempt| match attempt {
        1 => Some(Outcome::Again { reason: "later".to_owned(), after: Some(std::time::Duration::from_mins(50)) }),
        _ => Some(Outcome::Done),
    });
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    change(&acme, &user(&acme).await, 1).await;
    until(&app, "acme", 1, |task| task["attempts"] == 1).await;

    carrier.now(|_, _, _| Some(Outcome::Done));
    decide(&app, 1, "replay", json!({})).await.expect(200);
    until(&app, "acme", 1, stands("done")).await;
}

#[tokio::test]
async fn many_are_decided_over_at_once_and_the_refused_are_told() {
    let carrier = Scripted::new(|_, task, _| if task.seq % 4 == 0 { Some(Outcome::Done) } else { failed("no") });
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    for number in 0..3 {
        let id = acme.user(&format!("u{number}@example.com")).await;
        change(&acme, &id, if number == 0 { 4 } else { 3 }).await;
    }
    for seq in 1..=10 {
        until(&app, "acme", seq, |task| task["standing"] != "waiting").await;
    }
    carrier.now(|_, _, _| Some(Outcome::Done));

    let answer =
        app.admin_post("/tenants/acme/tasks/replay", json!({ "standing": "parked", "limit": 100 })).await.expect(200);
    // Of the first user the fourth was carried out, of the third one the eighth, which was the first of them.
    assert_eq!(
        (&answer["decided"], &answer["refused"], &answer["next"]),
        (&json!(5), &json!(3), &Value::Null),
        "{answer}"
    );
    assert_eq!(answer["refusals"][0]["seq"], 1);
    let forced = json!({ "standing": "parked", "queue": "plugin", "limit": 2, "force": true });
    let answer = app.admin_post("/tenants/acme/tasks/replay", forced).await.expect(200);
    assert_eq!((&answer["decided"], &answer["next"]), (&json!(2), &json!(2)), "more of them begin after the second");
}

#[tokio::test]
async fn what_is_asked_of_no_task_is_refused_in_a_sentence() {
    let carrier = Scripted::new(|_, _, _| Some(Outcome::Done));
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    change(&acme, &user(&acme).await, 1).await;
    until(&app, "acme", 1, stands("done")).await;

    for path in ["/tenants/acme/tasks/7", "/tenants/acme/tasks/x", "/tenants/acme/tasks/-1"] {
        let detail = app.admin_get(path).await.expect(404)["detail"].clone();
        let name = path.rsplit('/').next().unwrap();
        assert_eq!(detail, format!("there is no task {name} of tenant acme"));
    }
    app.admin_get("/tenants/nobody/tasks").await.expect(404);
    app.admin_get("/tenants/acme/tasks?limit=0").await.expect(400);
    app.admin_get("/tenants/acme/tasks?standing=lost").await.expect(400);
    app.admin_post("/tenants/acme/tasks/1/burn", json!({})).await.expect(404);
    app.admin_post("/tenants/acme/tasks/burn", json!({ "standing": "parked" })).await.expect(404);
    app.admin_post("/tenants/acme/tasks/replay", json!({})).await.expect(400);
}
