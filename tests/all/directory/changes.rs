use std::time::Duration;

use muster_service::{MAX_CHANGES_WAIT_S, MAX_CHANGES_WAITING};
use muster_test_harness::TestApp;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{problem, read};
use crate::streams::restored::copy;

const A_DAY: Duration = Duration::from_hours(24);

fn next_of(page: &Value) -> String {
    page["next"].as_str().unwrap().to_owned()
}

fn seqs(page: &Value) -> Vec<u64> {
    page["changes"].as_array().unwrap().iter().map(|change| change["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_product_follows_what_became_of_its_accounts_each_change_once() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = acme.user("ada@example.com").await;
    let staff = acme.group("Staff", &[&ada]).await;
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    acme.operations(&format!("/Users/{ada}"), off).await.expect(200);
    acme.delete(&format!("/Users/{ada}")).await;

    let page = read(&app, "changes?after=0").await;

    let told: Vec<Value> = page["changes"].as_array().unwrap().clone();
    let names: Vec<_> = told.iter().map(|it| (it["type"].as_str().unwrap(), it["event"].as_str().unwrap())).collect();
    let expected = [
        ("User", "created"),
        ("Group", "created"),
        ("User", "deactivated"),
        ("User", "deleted"),
        ("Group", "member-removed"),
    ];
    assert_eq!(names, expected);
    assert_eq!(told[0]["state"], json!({ "before": null, "after": "invited" }));
    assert_eq!(told[0]["account"]["fields"]["email"], "ada@example.com");
    assert_eq!((&told[0]["id"], &told[0]["managed_by"]), (&json!(ada), &json!("scim")));
    assert_eq!((&told[1]["id"], &told[1]["members_added"]), (&json!(staff), &json!([ada])));
    assert_eq!(told[2]["state"], json!({ "before": "invited", "after": "disabled" }));
    assert_eq!(told[2]["account"]["state"], "disabled");
    assert_eq!(told[3]["state"], json!({ "before": "disabled", "after": null }));
    assert_eq!((&told[3]["account"], &told[4]["members_removed"]), (&Value::Null, &json!([ada])));
    let next = next_of(&page);
    assert_eq!(next.split('-').next(), Some("5"), "{next}");
    assert_eq!(read(&app, &format!("changes?after={next}")).await, json!({ "changes": [], "next": next }));
    assert_eq!(read(&app, "accounts").await["change"], next, "where who reads the accounts goes on");
    let first = read(&app, "changes?limit=2").await;
    assert_eq!(seqs(&first), [1, 2]);
    assert_eq!(seqs(&read(&app, &format!("changes?after={}", next_of(&first))).await), [3, 4, 5]);
    assert_eq!(seqs(&read(&app, "changes?after=2&limit=99999999").await), [3, 4, 5]);
}

#[tokio::test]
async fn who_waits_for_a_change_is_told_when_it_comes() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    acme.user("ada").await;

    let (page, ()) = tokio::join!(read(&app, "changes?after=1&wait=30"), async {
        globex.user("eve").await;
        acme.user("bob").await;
    });

    assert_eq!(seqs(&page), [2]);
    let long = app.directory_get(&format!("/tenants/acme/changes?wait={}", MAX_CHANGES_WAIT_S + 1)).await;
    assert_eq!(problem(long, 400), "wait is at most 30 seconds");
    let short = read(&app, "changes?after=2&wait=1").await;
    assert_eq!(short, json!({ "changes": [], "next": "2" }));
}

#[tokio::test]
async fn a_cursor_that_retention_has_cut_away_is_410_and_tells_where_to_begin() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.user("old").await;
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.advance(3 * A_DAY);
    let young = acme.user("young").await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 2 })).await.expect(200);
    app.advance(A_DAY);
    app.admin_put("/tenants/acme/retention", json!({})).await.expect(200);

    let cut = app.directory_get("/tenants/acme/changes?after=0").await.expect(410);

    assert_eq!(
        cut["detail"],
        "changes up to 1 are not kept any more; read the accounts anew, then go on after their change"
    );
    assert_eq!((&cut["first"], &cut["last"]), (&json!(2), &json!(2)));
    let change = read(&app, "accounts").await["change"].clone();
    assert_eq!(read(&app, &format!("changes?after={}", change.as_str().unwrap())).await["changes"], json!([]));
    let kept = read(&app, "changes?after=1").await;
    assert_eq!((seqs(&kept), &kept["changes"][0]["id"]), (vec![2], &json!(young)));
    let beyond = app.directory_get("/tenants/acme/changes?after=3").await;
    assert_eq!(problem(beyond, 400), "the changes end at 2, before 3");
    let unreadable = app.directory_get("/tenants/acme/changes?after=-1").await;
    assert_eq!(problem(unreadable, 400), "after must be what an earlier page had as next");
    problem(app.directory_get("/tenants/acme/changes?limit=0").await, 400);
}

#[tokio::test]
async fn a_cursor_of_another_log_is_410_however_far_that_one_has_come() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.user("before").await;
    let (kept, password) = (next_of(&read(&app, "changes").await), acme.token.clone());
    let mut app = app;
    app.stop().await;
    let older = tempfile::tempdir().unwrap();
    copy(&app.data(), older.path());
    app = app.restart().await;
    let acme = app.client("/t/acme/scim/v2", &password);
    acme.user("lost").await;
    let lost = next_of(&read(&app, "changes").await);
    app.stop().await;
    std::fs::remove_dir_all(app.data()).unwrap();
    copy(older.path(), &app.data());
    let app = app.restart().await;
    let acme = app.client("/t/acme/scim/v2", &password);

    for users in 0..3 {
        let refused = app.directory_get(&format!("/tenants/acme/changes?after={lost}")).await;

        assert_eq!((&refused.body["first"], &refused.body["last"]), (&json!(1), &json!(1 + users)));
        let says = "these are not the changes that were followed before; read the accounts anew, then go on after their change";
        assert_eq!(problem(refused, 410), says);
        acme.user(&format!("after{users}")).await;
    }
    let page = read(&app, &format!("changes?after={kept}")).await;
    assert_eq!(seqs(&page), [2, 3, 4], "what was told before the copy was made is as it was");
    assert_eq!(seqs(&read(&app, "changes?after=2").await), [3, 4], "a bare number says nothing of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_wait_at_a_time_and_one_more_is_told_to_come_later() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let wait = || app.directory_request(reqwest::Method::GET, "/tenants/acme/changes?wait=30").send();
    let mut asked: JoinSet<_> = (0..=MAX_CHANGES_WAITING).map(|_| wait()).collect();

    let refused = asked.join_next().await.unwrap().unwrap().unwrap();

    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "5");
    assert_eq!(read(&app, "changes").await["changes"], json!([]), "who does not wait is answered");
    acme.user("ada").await;
    let mut told = 0;
    while let Some(waited) = asked.join_next().await {
        assert_eq!(waited.unwrap().unwrap().status(), 200);
        told += 1;
    }
    assert_eq!(told, MAX_CHANGES_WAITING);
}
