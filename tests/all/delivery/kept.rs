//! Which tasks are forgotten: those that are over, after a while, and no others, however old they are.

use std::time::Duration;

use muster_plugin::Outcome;
use muster_service::Upkeep;
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::carrier::Scripted;
use super::{again, change, stands, task, tenant, until};

/// Lets time pass, and looks after what is kept.
async fn pass(app: &TestApp, time: Duration, upkeep: &mut Upkeep) {
    app.advance(time);
    app.service.keep_logs_once(upkeep).await;
}

const A_DAY: Duration = Duration::from_hours(24);

/// The numbers of the tasks that are there, and how each stands.
async fn kept(app: &TestApp) -> Vec<(u64, String)> {
    let tasks = app.tasks("acme").await;
    let one = |task: &Value| (task["seq"].as_u64().unwrap(), task["standing"].as_str().unwrap().to_owned());
    tasks.iter().map(one).collect()
}

#[tokio::test]
async fn what_is_over_is_forgotten_after_its_days_and_what_is_parked_or_held_or_waits_never() {
    let carrier = Scripted::new(|_, task, _| match task.seq {
        1 | 2 => Some(Outcome::Done),
        3 | 4 => Some(Outcome::Failed { reason: "no such seat".to_owned() }),
        _ => again("nobody answers"),
    });
    let mut builder = TestApp::builder().delivering_by(carrier.clone());
    // However often it fails, it is not given up.
    builder.config.delivery.attempts = 1_000;
    let app = builder.start().await;
    let acme = tenant(&app, "acme").await;
    let (ada, grace) = (acme.user("ada@example.com").await, acme.user("grace@example.com").await);
    change(&acme, &ada, 4).await;
    // The second one waits behind the first, and is never tried.
    change(&acme, &grace, 2).await;
    until(&app, "acme", 4, stands("parked")).await;
    until(&app, "acme", 5, |task| task["attempts"].as_u64() >= Some(1)).await;
    app.admin_put("/tenants/acme/retention", json!({ "tasks_days": 2 })).await.expect(200);
    let mut upkeep = Upkeep::default();
    app.service.keep_logs_once(&mut upkeep).await;

    pass(&app, A_DAY, &mut upkeep).await;
    app.admin_post("/tenants/acme/tasks/3/skip", json!({})).await.expect(200);
    assert_eq!(kept(&app).await.len(), 6, "nothing is old enough");

    pass(&app, A_DAY + Duration::from_secs(1), &mut upkeep).await;
    let left: Vec<u64> = kept(&app).await.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(left, [3, 4, 5, 6], "what was done goes; what was skipped a day ago is a day old");

    // Whoever has lost access is more than this brake lets pass.
    let brake = json!({ "count": 0, "share_percent": 1, "half_from": 0 });
    app.admin_put("/tenants/acme/brake", brake).await.expect(200);
    let deactivate = json!([{ "op": "replace", "path": "active", "value": false }]);
    acme.operations(&format!("/Users/{ada}"), deactivate).await.expect(200);
    // An attempt that was under way when the brake engaged is made again.
    let held = async {
        while task(&app, "acme", 5).await["standing"] != "held" {
            app.advance(Duration::from_mins(16));
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    tokio::time::timeout(super::PATIENCE, held).await.expect("it is held");
    pass(&app, 365 * A_DAY, &mut upkeep).await;
    let standing = |seq: u64, standing: &str| (seq, standing.to_owned());
    assert_eq!(kept(&app).await, [standing(4, "parked"), standing(5, "held"), standing(6, "waiting")]);
    app.admin_get("/tenants/acme/tasks/1").await.expect(404);
}
