//! Whether access has really ended: each deactivation and deletion has its steps, its target and its proof.

mod command;
mod evidence;
mod given_up;
mod late;
pub(crate) mod many;

use std::sync::Arc;
use std::time::Duration;

use muster_delivery::MAX_FED_WAITING;
use muster_plugin::Outcome;
use muster_service::Upkeep;
use muster_test_harness::{TenantClient, TestApp, wasm};
use serde_json::{Value, json};

use crate::delivery::carrier::Scripted;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// Just more than there is time for all steps.
const TOO_LONG: Duration = Duration::from_secs(301);

/// Carries everything out, but for the actions that come to this.
fn but_for(action: &'static str, outcome: impl Fn(u32) -> Option<Outcome> + Send + Sync + 'static) -> Arc<Scripted> {
    Scripted::new(
        move |_, task, attempt| {
            if task.task.action == action { outcome(attempt) } else { Some(Outcome::Done) }
        },
    )
}

fn again() -> Option<Outcome> {
    Some(Outcome::Again { reason: "nobody answers".to_owned(), after: None })
}

fn failed() -> Option<Outcome> {
    Some(Outcome::Failed { reason: "there is no such seat".to_owned() })
}

async fn delivering(carrier: &Arc<Scripted>) -> TestApp {
    TestApp::builder().delivering_by(carrier.clone()).start().await
}

/// A tenant of a product that disables and removes users by tasks.
async fn tenant(app: &TestApp, name: &str) -> TenantClient {
    let pushed = app.push(wasm::plugin("secoda")).await;
    assert!([200, 201].contains(&pushed.status), "{}", pushed.text);
    app.create_tenant(name, "secoda", json!({})).await
}

/// A webhook, which in these tests is whoever carries everything out.
async fn webhook(app: &TestApp, tenant: &str, name: &str, events: &[&str]) {
    let new = json!({ "name": name, "url": format!("https://{name}.example/hooks"), "events": events });
    app.admin_post(&format!("/tenants/{tenant}/webhooks"), new).await.expect(201);
}

async fn set_active(tenant: &TenantClient, id: &str, active: bool) {
    let operations = json!([{ "op": "replace", "path": "active", "value": active }]);
    tenant.operations(&format!("/Users/{id}"), operations).await.expect(200);
}

async fn show(app: &TestApp, tenant: &str, user: &str) -> Value {
    app.admin_get(&format!("/tenants/{tenant}/deprovisions/{user}")).await.expect(200)
}

/// Waits until the latest one of a user stands so.
async fn until(app: &TestApp, user: &str, state: &str) -> Value {
    let seen = std::sync::Mutex::new(Value::Null);
    let so = async {
        loop {
            let shown = show(app, "acme", user).await;
            if shown["state"] == state {
                return shown;
            }
            *seen.lock().unwrap() = shown;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, so).await {
        Ok(shown) => shown,
        Err(_) => panic!("it never was {state}: {}", seen.lock().unwrap()),
    }
}

/// The entries of those that a list has.
async fn listed(app: &TestApp, tenant: &str, query: &str) -> Vec<u64> {
    let list = app.admin_get(&format!("/tenants/{tenant}/deprovisions?{query}")).await.expect(200);
    list["deprovisions"].as_array().unwrap().iter().map(|one| one["entry"].as_u64().unwrap()).collect()
}

async fn decide(app: &TestApp, task: &Value, word: &str) {
    app.admin_post(&format!("/tenants/acme/tasks/{task}/{word}"), json!({})).await.expect(200);
}

#[tokio::test]
async fn an_access_that_ends_in_time_is_shown_with_each_step() {
    let app = delivering(&but_for("nothing", |_| None)).await;
    let acme = tenant(&app, "acme").await;
    webhook(&app, "acme", "crm", &["user.deactivated"]).await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;

    let done = until(&app, &id, "done").await;
    assert_eq!(
        (&done["entry"], &done["event"], &done["name"]),
        (&json!(2), &json!("deactivated"), &json!("ada@example.com"))
    );
    assert_eq!((&done["late_ms"], &done["took_ms"], &done["target_s"]), (&Value::Null, &json!(0), &json!(300)));
    assert_eq!((&done["unfinished"], &done["notes"]), (&json!([]), &json!([])));
    let steps = done["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 3, "{done}");
    assert_eq!((&steps[0]["step"], &steps[0]["request"]), (&json!("write"), &done["request"]));
    assert!(steps[0]["by"]["token"].is_string(), "{done}");
    let mut tasks: Vec<(&str, &str)> =
        steps[1..].iter().map(|step| (step["queue"].as_str().unwrap(), step["action"].as_str().unwrap())).collect();
    tasks.sort_unstable();
    assert_eq!(tasks, [("plugin", "disable"), ("webhook:crm", "user.deactivated")]);
    for step in &steps[1..] {
        assert_eq!((&step["standing"], &step["attempts"], &step["ended"]), (&json!("done"), &json!(1), &done["at"]));
        assert_eq!(step["told"][0]["failure"], Value::Null);
    }
    assert_eq!(listed(&app, "acme", "").await, [2]);
    assert_eq!(listed(&app, "acme", "which=open").await, [0_u64; 0]);
}

#[tokio::test]
async fn what_has_no_tasks_is_done_by_the_write() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;

    let done = show(&app, "acme", &id).await;
    assert_eq!((&done["state"], &done["ended"], &done["at"]), (&json!("done"), &done["at"], &done["ended"]));
    assert_eq!(done["steps"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_behind_is_a_step_that_is_open() {
    // Nothing is carried out, so nobody is given more than may wait.
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    webhook(&app, "acme", "crm", &[]).await;
    webhook(&app, "acme", "births", &["user.created"]).await;
    let more = MAX_FED_WAITING + 300;
    let users = many::users(&acme, usize::try_from(more).unwrap()).await;
    let id = &users[0];
    set_active(&acme, id, false).await;
    webhook(&app, "acme", "late", &["user.deactivated"]).await;

    let entry = more + 1;
    let open = show(&app, "acme", id).await;
    assert_eq!(open["state"], "open");
    assert!(open["unfinished"].as_array().unwrap().contains(&json!("webhook:crm has not been given it yet")), "{open}");
    assert_eq!(listed(&app, "acme", "which=open").await, [entry]);
    assert_eq!(listed(&app, "acme", "which=overdue").await, [0_u64; 0]);
    app.advance(TOO_LONG);
    assert_eq!(listed(&app, "acme", "which=overdue").await, [entry]);
    for name in ["crm", "births"] {
        app.admin_post(&format!("/tenants/acme/webhooks/{name}/off"), json!({})).await.expect(200);
    }
    let done = show(&app, "acme", id).await;
    assert_eq!(done["state"], "done", "nobody who is on waits for it");
    let note = "webhook:crm was not told: somebody has turned it off, and nobody waits for it";
    assert!(done["notes"].as_array().unwrap().contains(&json!(note)), "{done}");
    assert_eq!(listed(&app, "acme", "which=open").await, [0_u64; 0]);
}

#[tokio::test]
async fn of_several_actions_one_that_failed_is_told() {
    let app = delivering(&but_for("user.deactivated", |_| failed())).await;
    let acme = tenant(&app, "acme").await;
    webhook(&app, "acme", "crm", &["user.deactivated"]).await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;

    let shown = until(&app, &id, "failed").await;
    let task = shown["steps"].as_array().unwrap().iter().find(|step| step["queue"] == "webhook:crm").unwrap();
    let sentence = format!("task {} (user.deactivated, webhook:crm) is parked", task["task"]);
    assert!(shown["unfinished"].as_array().unwrap().contains(&json!(sentence)), "{shown}");
    assert_eq!(task["told"][0]["failure"], "there is no such seat");
    assert_eq!(listed(&app, "acme", "which=failed").await, [2]);
    assert_eq!(listed(&app, "acme", "which=held").await, [0_u64; 0]);
    // It is open, and not late before its time is over.
    assert_eq!(listed(&app, "acme", "which=overdue").await, [0_u64; 0]);
    app.advance(TOO_LONG);
    assert_eq!(listed(&app, "acme", "which=overdue").await, [2]);
}

#[tokio::test]
async fn what_failed_is_done_after_a_replay_and_given_up_after_a_skip() {
    let carrier = but_for("disable", |_| failed());
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    let (ada, bob) = (acme.user("ada@example.com").await, acme.user("bob@example.com").await);
    for id in [&ada, &bob] {
        set_active(&acme, id, false).await;
    }
    let (of_ada, of_bob) = (until(&app, &ada, "failed").await, until(&app, &bob, "failed").await);
    assert_eq!(listed(&app, "acme", "which=failed").await, [3, 4], "the oldest first");
    assert_eq!(listed(&app, "acme", "").await, [4, 3], "the latest first");

    carrier.now(|_, _, _| Some(Outcome::Done));
    decide(&app, &of_ada["steps"][1]["task"], "replay").await;
    let done = until(&app, &ada, "done").await;
    assert_eq!(done["steps"][1]["decisions"][0]["what"], "replay");
    assert_eq!(done["steps"][1]["told"].as_array().unwrap().len(), 2, "the story stays");
    decide(&app, &of_bob["steps"][1]["task"], "skip").await;
    let given_up = show(&app, "acme", &bob).await;
    assert_eq!((&given_up["state"], &given_up["late_ms"]), (&json!("given-up"), &Value::Null));
    assert!(given_up["ended"].is_string());
    assert_eq!(listed(&app, "acme", "which=open").await, [0_u64; 0]);
}

#[tokio::test]
async fn who_is_given_access_again_is_not_late() {
    let app = delivering(&but_for("disable", |_| again())).await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    assert_eq!(listed(&app, "acme", "which=open").await, [2]);
    set_active(&acme, &id, true).await;
    app.advance(TOO_LONG);

    let superseded = show(&app, "acme", &id).await;
    assert_eq!((&superseded["state"], &superseded["resumed_by"]), (&json!("superseded"), &json!(3)));
    assert_eq!(superseded["notes"][0], "not all was done when the user was given access again, by entry 3");
    assert_eq!(listed(&app, "acme", "which=open").await, [0_u64; 0]);
    // The next one is another one.
    set_active(&acme, &id, false).await;
    assert_eq!(listed(&app, "acme", "which=open").await, [4]);
    let first = app.admin_get(&format!("/tenants/acme/deprovisions/{id}?entry=2")).await.expect(200);
    assert_eq!(first["state"], "superseded");
    assert_eq!(listed(&app, "acme", "").await, [4, 2]);
}

#[tokio::test]
async fn what_the_brake_holds_is_late_but_no_second_alarm() {
    let app = delivering(&but_for("nothing", |_| None)).await;
    let acme = tenant(&app, "acme").await;
    webhook(&app, "acme", "alerts", &["deprovision.overdue"]).await;
    app.admin_put("/tenants/acme/brake", json!({ "count": 1, "share_percent": 1, "half_from": 0 })).await.expect(200);
    let mut ids = Vec::new();
    for user in 0..3 {
        ids.push(acme.user(&format!("u{user}@example.com")).await);
    }
    for id in &ids {
        set_active(&acme, id, false).await;
    }
    until(&app, &ids[2], "held").await;
    // The first one's may still be under way, and is no alarm either.
    while show(&app, "acme", &ids[0]).await["state"] == "open" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.advance(TOO_LONG);
    app.service.watch_deprovisions_once().await;

    assert!(listed(&app, "acme", "which=overdue").await.contains(&6));
    assert!(listed(&app, "acme", "which=held").await.contains(&6));
    assert!(show(&app, "acme", &ids[2]).await["late_ms"].as_i64() >= Some(1_000));
    let told = app.tasks("acme").await.into_iter().filter(|task| task["action"] == "deprovision.overdue").count();
    assert_eq!(told, 0);
    app.admin_post("/tenants/acme/brake/release", json!({ "all": true })).await.expect(200);
    let done = until(&app, &ids[2], "done").await;
    assert!(done["late_ms"].as_i64() >= Some(1_000), "{done}");
}

#[tokio::test]
async fn what_is_forgotten_after_a_month_is_not_called_done() {
    let app = delivering(&but_for("nothing", |_| None)).await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    until(&app, &id, "done").await;
    app.advance(Duration::from_hours(31 * 24));
    let says = "nothing of it waits; what was done, or given up, is forgotten after 30 days: there may have been more";
    for is_kept in [true, false] {
        let old = show(&app, "acme", &id).await;
        assert_eq!((&old["state"], &old["ended"]), (&json!("forgotten"), &Value::Null), "{is_kept}");
        assert_eq!(old["notes"][0], says);
        app.service.keep_logs_once(&mut Upkeep::default()).await;
    }
}

#[tokio::test]
async fn what_is_asked_of_nobody_is_refused_in_a_sentence() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant_named("globex").await;
    let (ada, bob) = (acme.user("ada@example.com").await, acme.user("bob@example.com").await);
    set_active(&acme, &ada, false).await;
    globex.user("carl@example.com").await;

    let detail = async |path: &str, status| {
        let answer = app.admin_get(&format!("/tenants/{path}")).await.expect(status);
        answer["detail"].as_str().unwrap().to_owned()
    };
    let none = format!("there is no deactivation or deletion of user {bob} in the log");
    assert_eq!(detail(&format!("acme/deprovisions/{bob}"), 404).await, none);
    let none = format!("there is no deactivation or deletion of user {ada} at entry 1");
    assert_eq!(detail(&format!("acme/deprovisions/{ada}?entry=1"), 404).await, none);
    let foreign = format!("there is no deactivation or deletion of user {ada} in the log");
    assert_eq!(detail(&format!("globex/deprovisions/{ada}"), 404).await, foreign, "another tenant's");
    assert!(
        detail("globex/deprovisions/ada@example.com", 404).await.starts_with("there is no user ada@example.com in ")
    );
    assert_eq!(listed(&app, "globex", "").await, [0_u64; 0]);
    detail("nobody/deprovisions", 404).await;
    assert_eq!(detail("acme/deprovisions?limit=0", 400).await, "limit is at least 1");
    assert_eq!(detail("acme/deprovisions?since=soon", 400).await, "since is a time as in 2026-11-03T14:03:00Z");
    detail("acme/deprovisions?which=lost", 400).await;
    for wrong in [json!({ "target_s": 0 }), json!({ "target_s": 2_592_001 })] {
        let refused = app.admin_put("/tenants/acme/deprovision", wrong).await.expect(400);
        assert_eq!(refused["detail"], "target_s is between 1 and 2592000");
    }
    app.admin_put("/tenants/acme/deprovision", json!({})).await.expect(400);
}

/// A second tenant with a plugin that is there already.
trait Named {
    async fn tenant_named(&self, name: &str) -> TenantClient;
}

impl Named for TestApp {
    async fn tenant_named(&self, name: &str) -> TenantClient {
        self.create_tenant(name, "standard", json!({})).await
    }
}
