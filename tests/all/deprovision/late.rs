//! What is not done in time: a number, a list, and one alarm.

use std::time::Duration;

use muster_plugin::Outcome;
use muster_test_harness::{Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PATIENCE, TOO_LONG, again, but_for, delivering, listed, set_active, show, tenant, until, webhook};

/// What was announced: the keys and the data of the tasks that tell it.
async fn alarms(app: &TestApp, tenant: &str) -> Vec<(String, Value)> {
    let tasks = app.tasks(tenant).await.into_iter().filter(|task| task["action"] == "deprovision.overdue");
    tasks.map(|task| (task["idempotency_key"].as_str().unwrap().to_owned(), task["arguments"].clone())).collect()
}

async fn number(app: &TestApp, named: &str) -> Option<f64> {
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
    assert!(!metrics.contains("ada@"), "{metrics}");
    metrics.lines().find_map(|line| line.strip_prefix(named)).map(|number| number.trim().parse().unwrap())
}

/// Waits until the task that disables the user was tried so often: an attempt that is still to come would have the time of later.
async fn tried(app: &TestApp, attempts: u64) {
    let so = async {
        while app.admin_get("/tenants/acme-overdue/tasks/2").await.expect(200)["attempts"] != attempts {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, so).await.expect("it is tried");
}

#[tokio::test]
async fn what_is_overdue_is_told_once_and_when_it_is_done_by_how_much_it_was_late() {
    let carrier = but_for("disable", |_| again());
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme-overdue").await;
    webhook(&app, "acme-overdue", "alerts", &["deprovision.overdue"]).await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    app.service.watch_deprovisions_once().await;
    assert_eq!(alarms(&app, "acme-overdue").await, [], "there is time");
    assert_eq!(listed(&app, "acme-overdue", "which=open").await, [2]);

    tried(&app, 1).await;
    app.advance(TOO_LONG);
    for _ in 0..3 {
        app.service.watch_deprovisions_once().await;
    }
    let told = alarms(&app, "acme-overdue").await;
    assert!(told.len() == 1 && told[0].0.starts_with("deprovision-overdue-2-"), "{told:?}");
    let shown = show(&app, "acme-overdue", &id).await;
    assert_eq!((&shown["state"], &shown["late_ms"]), (&json!("overdue"), &json!(1_000)));
    let text = |place: usize| told[0].1[place]["value"]["text"].clone();
    assert_eq!(
        (told[0].1[1]["value"]["integer"].as_u64(), text(0), text(2)),
        (Some(2), json!(id), shown["at"].clone())
    );
    assert_eq!(text(3), shown["unfinished"][0]);
    assert!(!told[0].1.to_string().contains("ada@"), "{told:?}");
    let name = r#"muster_deprovision_overdue{tenant="acme-overdue",waits="waiting"}"#;
    assert_eq!(number(&app, name).await, Some(1.0));
    assert!(number(&app, "muster_deprovision_oldest_open_seconds ").await.is_some());

    // It is told again after a restart, under the same key, and the list is as it was.
    let app = app.restart().await;
    assert_eq!(listed(&app, "acme-overdue", "which=overdue").await, [2]);
    app.service.watch_deprovisions_once().await;
    assert!(alarms(&app, "acme-overdue").await.iter().all(|(key, _)| *key == told[0].0));

    tried(&app, 2).await;
    carrier.now(|_, _, _| Some(Outcome::Done));
    app.advance(Duration::from_mins(20));
    let done = loop {
        let shown = show(&app, "acme-overdue", &id).await;
        if shown["state"] == "done" {
            break shown;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(done["late_ms"], 1_000 + 20 * 60 * 1_000);
    assert_eq!(listed(&app, "acme-overdue", "which=open").await, [0_u64; 0]);
    app.service.watch_deprovisions_once().await;
    assert_eq!(number(&app, name).await, Some(0.0));
}

#[tokio::test]
async fn the_target_is_the_tenants_own() {
    let app = delivering(&but_for("disable", |_| again())).await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    app.advance(Duration::from_mins(10));
    assert_eq!(show(&app, "acme", &id).await["state"], "overdue");

    let set = app.admin_put("/tenants/acme/deprovision", json!({ "target_s": 3_600 })).await.expect(200);
    assert_eq!(set["target_s"], 3_600);
    assert_eq!(show(&app, "acme", &id).await["state"], "open");
    app.service.watch_deprovisions_once().await;
    assert_eq!(listed(&app, "acme", "which=overdue").await, [0_u64; 0]);
    let app = app.restart().await;
    assert_eq!(app.admin_get("/tenants/acme/deprovision").await.expect(200), set);
    app.advance(Duration::from_mins(51));
    until(&app, &id, "overdue").await;
}
