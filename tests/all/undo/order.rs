use std::time::Duration;

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{counts, set, undo, user};

/// Everything that was done in the minute after 14:03, first to look at, then in earnest.
pub(super) async fn take_back(app: &TestApp) -> [Value; 2] {
    app.advance(Duration::from_secs(60));
    let minute = json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z" });
    let mut dry = minute.clone();
    dry["dry_run"] = json!(true);
    [undo(app, dry).await, undo(app, minute).await]
}

#[tokio::test]
async fn a_group_its_member_and_the_membership_go_together_and_come_back_together() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.advance(Duration::from_secs(60));
    let group = acme.group("Engines", &[]).await;
    let ada = acme.person("ada").await;
    let join = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
    assert!(matches!(acme.operations(&format!("/Groups/{group}"), join).await.status, 200 | 204));

    let [would, did] = take_back(&app).await;

    assert_eq!((counts(&would), counts(&did)), ([2, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0]), "{did}");
    acme.get(&format!("/Groups/{group}")).await.expect(404);
    acme.get(&format!("/Users/{ada}")).await.expect(404);
    let back = undo(&app, json!({ "request": did["request"] })).await;
    assert_eq!(back["conflicts"], 0, "{back}");
    assert_eq!(acme.members(&group).await, [ada]);
}

#[tokio::test]
async fn names_that_went_from_one_to_the_other_go_back() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.person("a").await, acme.person("b").await);
    app.advance(Duration::from_secs(60));
    set(&acme, &format!("/Users/{ada}"), "userName", json!("c")).await;
    set(&acme, &format!("/Users/{grace}"), "userName", json!("a")).await;
    // So that the first one's turn comes first.
    set(&acme, &format!("/Users/{ada}"), "title", json!("Countess")).await;

    let [would, did] = take_back(&app).await;

    assert_eq!((counts(&would), counts(&did)), ([2, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0]), "{did}");
    assert_eq!(
        (&user(&acme, &ada).await["userName"], &user(&acme, &grace).await["userName"]),
        (&json!("a"), &json!("b"))
    );
}

#[tokio::test]
async fn a_time_of_which_retention_took_a_part_is_not_taken_back_in_part() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.advance(Duration::from_hours(3 * 24));
    set(&acme, &format!("/Users/{ada}"), "title", json!("Countess")).await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 2 })).await.expect(200);

    let whole = json!({ "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z" });
    let refused = app.admin_post("/tenants/acme/undo", whole).await.expect(410);
    let left = undo(&app, json!({ "from": "2026-11-06T14:03:00Z", "to": "2026-12-01T00:00:00Z" })).await;

    assert!(refused["detail"].as_str().unwrap().contains("the log begins at change 2"), "{refused}");
    assert_eq!(counts(&left), [1, 0, 0, 0, 0, 0]);
    assert_eq!(user(&acme, &ada).await["title"], Value::Null);
}
