//! Receivers that are off, gone, or too late.

use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_service::Upkeep;
use serde_json::json;

use super::{count, eventually, hook, listening, retitle, turn};

const A_DAY: Duration = Duration::from_hours(24);
#[tokio::test]
async fn who_is_off_is_left_alone_and_goes_on_where_it_was_also_after_a_restart() {
    let (app, ears) = listening().await;
    let acme = app.tenant("acme").await;
    hook(&app, "acme", "crm", &[]).await;
    ears.is_deaf.store(true, Ordering::SeqCst);
    let ada = acme.user("ada@example.com").await;
    // An attempt that is under way when it is turned off is made to its end.
    eventually("it was tried", async || app.tasks("acme").await.iter().any(|task| task["attempts"] == 1)).await;
    turn(&app, "acme", "crm", "off").await;
    ears.is_deaf.store(false, Ordering::SeqCst);
    retitle(&acme, &ada).await;
    app.advance(Duration::from_mins(10));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(ears.all(), [], "nothing goes to who is off");
    assert_eq!(app.tasks("acme").await.len(), 1, "and nothing is put aside for it but in the log");

    let app = app.restart().await;
    app.advance(Duration::from_mins(10));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ears.all(), []);
    turn(&app, "acme", "crm", "on").await;
    ears.until("webhook:crm", 2).await;
    assert_eq!(ears.names("webhook:crm"), ["user.created", "user.updated"]);
}

#[tokio::test]
async fn what_was_removed_from_the_log_before_it_was_told_is_told_as_a_gap_once() {
    let (app, ears) = listening().await;
    let acme = app.tenant("acme").await;
    hook(&app, "acme", "crm", &[]).await;
    hook(&app, "acme", "leavers", &["user.deactivated"]).await;
    let ada = acme.user("ada@example.com").await;
    ears.until("webhook:crm", 1).await;
    for name in ["crm", "leavers"] {
        turn(&app, "acme", name, "off").await;
    }
    for _ in 0..3 {
        retitle(&acme, &ada).await;
    }
    let mut upkeep = Upkeep::default();
    for _ in 0..4 {
        app.advance(A_DAY);
        app.service.keep_logs_once(&mut upkeep).await;
    }
    retitle(&acme, &ada).await;
    let kept = app.admin_put("/tenants/acme/retention", json!({ "log_days": 2 })).await.expect(200);
    assert_eq!(kept["log"], json!({ "first": 5, "last": 5, "removed": 4 }));

    for name in ["crm", "leavers"] {
        turn(&app, "acme", name, "on").await;
    }
    let heard = ears.until("webhook:crm", 3).await;
    retitle(&acme, &ada).await;
    ears.until("webhook:crm", 4).await;

    assert_eq!(ears.names("webhook:crm"), ["user.created", "log.gap", "user.updated", "user.updated"]);
    assert_eq!(heard[1].change, 0);
    assert!(heard[1].key.starts_with("log-gap-2-4-"), "{}", heard[1].key);
    let gap = app.tasks("acme").await.into_iter().find(|task| task["action"] == "log.gap").unwrap();
    let number = |name: &str, number: u64| json!({ "name": name, "value": { "integer": number } });
    assert_eq!(gap["arguments"], json!([number("first", 2), number("last", 4)]), "{gap}");
    assert_eq!(ears.of("webhook:leavers"), [], "who asked for other things is not told");
}

#[tokio::test]
async fn a_receiver_that_is_removed_leaves_nothing_that_waits_and_one_of_its_name_begins_anew() {
    let (app, ears) = listening().await;
    let acme = app.tenant("acme").await;
    hook(&app, "acme", "crm", &[]).await;
    ears.is_deaf.store(true, Ordering::SeqCst);
    let ada = acme.user("ada@example.com").await;
    for _ in 0..150 {
        retitle(&acme, &ada).await;
    }
    eventually("they wait", async || count(&app, "acme", "webhook:crm", "waiting").await == 151).await;

    app.admin_delete("/tenants/acme/webhooks/crm").await.expect(200);

    assert_eq!(count(&app, "acme", "webhook:crm", "waiting").await, 0);
    let given_up = app.admin_get("/tenants/acme/tasks/151").await.expect(200);
    assert_eq!(given_up["standing"], "cancelled");
    assert_eq!(given_up["decisions"][0]["what"], "cancel");
    assert_eq!(given_up["decisions"][0]["by"], json!({ "job": "receiver-removed" }), "{given_up}");
    ears.is_deaf.store(false, Ordering::SeqCst);
    // The pause that it has asked for holds for its name.
    app.advance(Duration::from_secs(2));
    retitle(&acme, &ada).await;
    hook(&app, "acme", "crm", &[]).await;
    retitle(&acme, &ada).await;
    ears.until("webhook:crm", 1).await;
    assert_eq!(ears.changes("webhook:crm"), [153]);
}
