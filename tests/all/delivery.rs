//! What is done after the answer: tasks are carried out, again if need be, in their order, whatever happens to the server meanwhile.

pub(crate) mod carrier;
mod command;
mod decisions;
mod kept;
mod kill;
pub(crate) mod receiver;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use muster_plugin::Outcome;
use muster_test_harness::{Answer, TenantClient, TestApp, wasm};
use reqwest::Method;
use serde_json::{Value, json};

use carrier::Scripted;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server whose tasks are carried out by this one.
async fn delivering(carrier: &Arc<Scripted>) -> TestApp {
    TestApp::builder().delivering_by(carrier.clone()).start().await
}

/// A tenant for which each change of a user is followed by a task.
async fn tenant(app: &TestApp, name: &str) -> TenantClient {
    let pushed = app.push(wasm::guest("obeys")).await;
    assert!([200, 201].contains(&pushed.status), "{}", pushed.text);
    app.create_tenant(name, pushed.body["digest"].as_str().unwrap(), json!({ "task": "tell" })).await
}

/// Changes a user so many times: a task each.
async fn change(tenant: &TenantClient, id: &str, times: usize) {
    for _ in 0..times {
        let replace = json!([{ "op": "replace", "path": "title", "value": another_text() }]);
        tenant.operations(&format!("/Users/{id}"), replace).await.expect(200);
    }
}

/// What was written twice would be no change.
fn another_text() -> String {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    format!("title {}", CALLS.fetch_add(1, Ordering::Relaxed))
}

async fn task(app: &TestApp, tenant: &str, seq: u64) -> Value {
    app.admin_get(&format!("/tenants/{tenant}/tasks/{seq}")).await.expect(200)
}

/// Waits until the task is as it is asked for.
async fn until(app: &TestApp, tenant: &str, seq: u64, is_so: impl Fn(&Value) -> bool) -> Value {
    let seen = std::sync::Mutex::new(Value::Null);
    let so = async {
        loop {
            let answer = app.admin_get(&format!("/tenants/{tenant}/tasks/{seq}")).await;
            if answer.status == 200 && is_so(&answer.body) {
                return answer.body;
            }
            *seen.lock().unwrap() = answer.body;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, so).await {
        Ok(task) => task,
        Err(_) => panic!("it never came to this: {}", seen.lock().unwrap()),
    }
}

fn stands(standing: &str) -> impl Fn(&Value) -> bool {
    move |task| task["standing"] == standing
}

fn again(reason: &str) -> Option<Outcome> {
    Some(Outcome::Again { reason: reason.to_owned(), after: None })
}

#[tokio::test]
async fn a_change_is_followed_by_its_task_which_is_carried_out_once_and_tells_its_story() {
    let carrier =
        Scripted::new(|_, _, attempt| if attempt == 1 { again("nobody answers") } else { Some(Outcome::Done) });
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    change(&acme, &id, 1).await;

    let waiting = until(&app, "acme", 1, |task| task["attempts"] == 1).await;
    assert_eq!((&waiting["standing"], &waiting["failure"]), (&json!("waiting"), &json!("nobody answers")));
    app.advance(Duration::from_secs(2));
    let done = until(&app, "acme", 1, stands("done")).await;

    assert_eq!(done["told"].as_array().unwrap().len(), 2);
    assert_eq!((&done["told"][0]["failure"], &done["told"][1]["failure"]), (&json!("nobody answers"), &Value::Null));
    assert_eq!(
        (&done["action"], &done["destructive"], &done["id"], &done["queue"]),
        (&json!("tell"), &json!(true), &json!(id), &json!("plugin"))
    );
    let planned = &done["planned_by"];
    assert_eq!((&planned["change"], &planned["event"]), (&json!(2), &json!("updated")));
    assert!(planned["actor"]["token"].is_string() && planned["request"].is_string(), "{planned}");
    assert_eq!(carrier.journal().len(), 2);
    let listed = app.admin_get("/tenants/acme/tasks?standing=done").await.expect(200);
    assert_eq!((&listed["tasks"][0]["seq"], &listed["next"]), (&json!(1), &Value::Null));
    let counts = app.admin_get("/tenants/acme/tasks/counts").await.expect(200);
    assert_eq!(counts, json!({ "queues": { "plugin": { "done": 1 } }, "oldest_waiting": null }));
}

#[tokio::test]
async fn tasks_of_one_user_go_one_after_the_other_and_those_of_another_user_do_not_wait_for_them() {
    let carrier = Scripted::new(|_, task, _| if task.seq == 1 { again("not yet") } else { Some(Outcome::Done) });
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    let (ada, grace) = (acme.user("ada@example.com").await, acme.user("grace@example.com").await);
    change(&acme, &ada, 2).await;
    change(&acme, &grace, 2).await;

    until(&app, "acme", 4, stands("done")).await;
    let second = task(&app, "acme", 2).await;
    assert_eq!((&second["standing"], &second["attempts"]), (&json!("waiting"), &json!(0)));
    assert_eq!(second["waits_for"], 1, "and it says so");
}

#[tokio::test]
async fn a_tenant_whose_endpoint_hangs_delays_no_other() {
    let carrier = Scripted::new(|tenant, _, _| (tenant.as_str() != "dead").then_some(Outcome::Done));
    let app = delivering(&carrier).await;
    let dead = tenant(&app, "dead").await;
    for user in 0..3 {
        let id = dead.user(&format!("u{user}@example.com")).await;
        change(&dead, &id, 3).await;
    }
    for number in 0..10 {
        let other = tenant(&app, &format!("tenant-{number}")).await;
        let id = other.user("ada@example.com").await;
        change(&other, &id, 2).await;
    }

    for number in 0..10 {
        until(&app, &format!("tenant-{number}"), 2, stands("done")).await;
    }
    let of_the_dead = carrier.journal().iter().filter(|seen| seen.tenant == "dead").count();
    assert_eq!(of_the_dead, 1, "one attempt hangs, and the others wait in the store");
}

#[tokio::test]
async fn a_tenant_with_many_receivers_that_are_slow_delays_no_other() {
    let carrier = Scripted::new(|tenant, _, _| (tenant.as_str() != "slow").then_some(Outcome::Done));
    let mut builder = TestApp::builder().delivering_by(carrier.clone());
    // All of them could be held by as many queues.
    builder.config.delivery.concurrency = 16;
    let app = builder.start().await;
    let slow = app.tenant("slow").await;
    for number in 0..16 {
        let new = json!({ "name": format!("w{number}"), "url": format!("https://w{number}.example/events") });
        app.admin_post("/tenants/slow/webhooks", new).await.expect(201);
    }
    slow.user("ada@example.com").await;
    carrier.until(8).await;

    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    change(&acme, &id, 1).await;
    until(&app, "acme", 1, stands("done")).await;
    let of_the_slow = carrier.journal().iter().filter(|seen| seen.tenant == "slow").count();
    assert_eq!(of_the_slow, 8, "the others of its queues wait for these");
}

#[tokio::test]
async fn what_a_server_had_not_done_when_it_was_stopped_the_next_one_does() {
    let carrier = Scripted::new(|_, _, _| None);
    let mut builder = TestApp::builder().delivering_by(carrier.clone());
    builder.config.delivery.drain_s = 0;
    let app = builder.start().await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    change(&acme, &id, 3).await;
    carrier.until(1).await;

    carrier.now(|_, _, _| Some(Outcome::Done));
    let app = app.restart().await;
    until(&app, "acme", 3, stands("done")).await;
    let tried: Vec<u64> = carrier.journal().iter().map(|seen| seen.seq).collect();
    assert_eq!(tried, [1, 1, 2, 3], "the one that was in flight is made again");
    assert_eq!(task(&app, "acme", 1).await["attempts"], 1, "an attempt that was let go is none");
}

#[tokio::test]
async fn a_task_that_always_fails_is_parked_and_the_next_one_of_its_user_goes_on() {
    let carrier = Scripted::new(|_, task, _| if task.seq == 1 { again("it is broken") } else { Some(Outcome::Done) });
    let mut builder = TestApp::builder().delivering_by(carrier.clone());
    builder.config.delivery.attempts = 3;
    let app = builder.start().await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    change(&acme, &id, 2).await;

    for attempts in 1..3 {
        until(&app, "acme", 1, |task| task["attempts"] == attempts).await;
        app.advance(Duration::from_mins(16));
    }
    let parked = until(&app, "acme", 1, stands("parked")).await;
    assert_eq!((&parked["attempts"], &parked["failure"]), (&json!(3), &json!("it is broken")));
    until(&app, "acme", 2, stands("done")).await;
}

#[tokio::test]
async fn the_metrics_tell_attempts_and_tasks_without_a_word_of_users() {
    let carrier = Scripted::new(|_, task, _| match task.seq {
        1 => Some(Outcome::Failed { reason: "ada@example.com is unknown".to_owned() }),
        _ => Some(Outcome::Done),
    });
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "metrics-of-delivery").await;
    let id = acme.user("ada@example.com").await;
    change(&acme, &id, 2).await;
    until(&app, "metrics-of-delivery", 2, stands("done")).await;

    let wanted = [
        "muster_delivery_attempts_total{outcome=\"parked\",queue=\"plugin\"}",
        "muster_delivery_attempts_total{outcome=\"done\",queue=\"plugin\"}",
        "muster_delivery_queues ",
    ];
    let told = async {
        loop {
            // An attempt is counted when the store has what came of it.
            let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
            if wanted.iter().all(|named| metrics.lines().any(|line| line.starts_with(named))) {
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let metrics = tokio::time::timeout(PATIENCE, told).await.expect("the metrics tell it");
    assert!(!metrics.contains("ada@"), "{metrics}");
}
