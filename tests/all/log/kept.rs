use std::time::Duration;

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{page, seqs};
use crate::command::on;

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn people(app: &TestApp, acme: &muster_test_harness::TenantClient, prefix: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(acme.user(&format!("{prefix}{number}")).await);
    }
    app.advance(A_DAY);
    ids
}

async fn head(app: &TestApp) -> Value {
    on(app, &["log", "head", "acme", "--json"]).await.json()
}

#[tokio::test]
async fn old_entries_go_with_the_clock_in_blocks_and_the_rest_is_still_proved() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let old = people(&app, &acme, "old", 5).await;
    head(&app).await;
    let young = people(&app, &acme, "young", 3).await;
    let exported = head(&app).await;

    let kept = on(&app, &["tenant", "retention", "acme", "--log-days", "2"]).await.text();
    app.advance(A_DAY);
    let one_more = app.admin_put("/tenants/acme/retention", json!({})).await.expect(200);

    assert_eq!(kept, "log        2 days   (entries 1 to 8)\nrequests   7 days, 16 MiB, values shown\n");
    assert_eq!(one_more["log"], json!({ "first": 6, "last": 8, "removed": 5 }));
    let gone = app.admin_get("/tenants/acme/log?after=0").await;
    assert_eq!(gone.header("content-type"), "application/problem+json");
    assert_eq!(gone.expect(410)["detail"], "entries up to 5 are not kept any more; the oldest is 6");
    assert_eq!(seqs(&page(&app, "?after=5").await), [6, 7, 8]);
    assert_eq!(seqs(&page(&app, "").await), [6, 7, 8], "without `after` it begins with the oldest");
    let history = app.admin_get(&format!("/tenants/acme/resources/{}/history", old[0])).await.expect(200);
    assert_eq!((&history["entries"], &history["first"]), (&json!([]), &json!(6)));
    let at = |id: &str, at: &str| format!("/tenants/acme/resources/{id}/history?at={at}");
    let too_early = app.admin_get(&at(&old[0], "2026-11-03T14:03:00Z")).await.expect(410);
    assert_eq!(
        too_early["detail"],
        "the log is kept since 2026-11-04T14:03:00.000Z (entry 6); what was before is gone"
    );
    let as_it_was = app.admin_get(&at(&old[0], "2026-11-05T00:00:00Z")).await.expect(200);
    assert_eq!((&as_it_was["state"], &as_it_was["resource"]["userName"]), (&json!("present"), &json!("old0")));
    let not_yet = app.admin_get(&at(&young[2], "2026-11-04T14:02:00Z")).await.expect(410);
    assert!(not_yet["detail"].as_str().unwrap().starts_with("the log is kept since "));
    let undone = app.admin_post("/tenants/acme/undo", json!({ "change": 5 })).await.expect(410);
    assert_eq!(undone["detail"], "entries up to 5 are not kept any more; the oldest is 6");
    let verified = on(&app, &["log", "verify", "acme", "--head", &in_words(&exported)]).await.text();
    assert_eq!(verified, "entries 6 to 8 are as they were sealed, and pass through the exported head at 8\n");
}

/// `SEQ:HASH`
fn in_words(head: &Value) -> String {
    format!("{}:{}", head["seq"], head["hash"].as_str().unwrap())
}

#[tokio::test]
async fn retention_is_set_and_shown_and_lasts() {
    let app = TestApp::start().await;
    app.tenant("acme").await;

    let before = app.admin_get("/tenants/acme/retention").await.expect(200);
    let set = on(
        &app,
        &["tenant", "retention", "acme", "--log-days", "30", "--requests-days", "1", "--requests-mib", "2", "--json"],
    );
    let set = set.await.json();
    let app = app.restart().await;
    let after = app.admin_get("/tenants/acme/retention").await.expect(200);
    let for_ever = on(&app, &["tenant", "retention", "acme", "--log-days", "forever"]).await.text();

    assert_eq!(
        (&before["log_days"], &before["requests_days"], &before["revision"]),
        (&Value::Null, &json!(7), &json!(1))
    );
    let told = ["log_days", "requests_days", "requests_mib", "revision"].map(|name| after[name].as_u64().unwrap());
    assert_eq!(told, [30, 1, 2, 2]);
    assert_eq!(set, after);
    assert_eq!(for_ever, "log        for ever   (no entries)\nrequests   1 days, 2 MiB, values shown\n");
    let refused = |body: Value, status: u16| {
        let app = &app;
        async move { app.admin_put("/tenants/acme/retention", body).await.expect(status)["detail"].clone() }
    };
    assert_eq!(refused(json!({ "log_days": 0 }), 400).await, "log_days is between 1 and 36525");
    assert_eq!(refused(json!({ "log_days": 36526 }), 400).await, "log_days is between 1 and 36525");
    assert_eq!(refused(json!({ "requests_mib": 65537 }), 400).await, "requests_mib is between 0 and 65536");
    assert_eq!(
        refused(json!({ "log_days": 1, "expected_revision": 1 }), 409).await,
        "the binding is at revision 3, not at 1"
    );
    assert_eq!(on(&app, &["tenant", "retention", "acme", "--log-days", "soon"]).await.code, 2);
}

#[tokio::test]
async fn a_head_is_exported_and_found_again_and_a_wrong_one_is_told() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    people(&app, &acme, "p", 3).await;

    let printed = on(&app, &["log", "head", "acme"]).await.text();
    let file = app.data().join("head.txt");
    std::fs::write(&file, &printed).unwrap();
    people(&app, &acme, "q", 2).await;
    let verify = |head: String| {
        let app = &app;
        async move { on(app, &["log", "verify", "acme", "--head", &head]).await }
    };

    let words: Vec<&str> = printed.split_whitespace().collect();
    assert_eq!(
        (words.len(), &words[..2], words[2].len(), words[3]),
        (4, &["acme", "3"][..], 64, "2026-11-04T14:03:00.000Z")
    );
    let held = verify(file.display().to_string()).await.text();
    assert_eq!(
        held,
        "entries 1 to 5 are as they were sealed, and pass through the exported head at 3; the last 2 are not sealed yet\n"
    );
    let plain = on(&app, &["log", "verify", "acme"]).await.text();
    assert_eq!(plain, "entries 1 to 5 are as they were sealed; the last 2 are not sealed yet\n");
    let as_json = on(&app, &["log", "verify", "acme", "--json"]).await.json();
    assert_eq!((&as_json["ok"], &as_json["end"], &as_json["problem"]), (&json!(true), &json!(true), &Value::Null));
    let other = verify(format!("3:{}", "ab".repeat(32))).await.failed();
    assert_eq!(other, "entries 1 to 3: the log up to there is not the one of the exported head: it was written anew");
    let later = verify(format!("9:{}", words[2])).await.failed();
    assert_eq!(later, "entries 6 to 9: the log ends at entry 5, before the exported head at 9: its end was cut off");
    std::fs::write(&file, "nothing").unwrap();
    let no_head = verify(file.display().to_string()).await.failed();
    assert_eq!(no_head, format!("--head {} is no head of a log", file.display()));
    assert!(verify("/nowhere".to_owned()).await.failed().starts_with("--head /nowhere: "));
}

#[tokio::test]
async fn the_upkeep_seals_what_has_waited_in_blocks_and_removes_what_is_old() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;
    globex.user("hank").await;
    for number in 0..muster_service::SEAL_BLOCK + 3 {
        acme.user(&format!("u{number}")).await;
    }
    let unsealed = async || on(&app, &["log", "verify", "acme", "--json"]).await.json()["unsealed"].clone();
    let mut upkeep = muster_service::Upkeep::default();
    let mut rounds = Vec::new();

    app.service.keep_logs_once(&mut upkeep).await;
    rounds.push(unsealed().await);
    app.advance(muster_service::SEAL_AFTER);
    app.service.keep_logs_once(&mut upkeep).await;
    rounds.push(unsealed().await);
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    app.advance(2 * A_DAY);
    acme.user("late").await;
    app.service.keep_logs_once(&mut upkeep).await;

    assert_eq!(rounds, [json!(3), json!(0)], "a full block at once, the rest when it has waited");
    let left = page(&app, "").await;
    assert_eq!((&left["first"], &left["last"]), (&json!(260), &json!(260)), "a block goes when all of it is old");
    assert_eq!(seqs(&left), [260]);
    let other = app.admin_get("/tenants/globex/log?after=0").await.expect(200);
    assert_eq!(seqs(&other), [1], "another tenant keeps its log for ever");
    let held = on(&app, &["log", "verify", "acme"]).await.text();
    assert_eq!(held, "entries 260 to 260 are as they were sealed; the last 1 are not sealed yet\n");
}

#[tokio::test]
async fn no_answer_and_no_step_of_the_upkeep_is_longer_than_its_limit() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let most = muster_service::MAX_ENTRIES_A_PAGE;
    assert_eq!(
        [muster_service::MAX_HISTORY_A_PAGE, muster_service::MAX_MEMBERS_THEN, muster_service::MAX_PRUNED_AT_ONCE],
        [most; 3]
    );
    let mut ids = Vec::new();
    for number in 0..=most {
        ids.push(acme.user(&format!("p{number}")).await);
    }
    let members: Vec<&str> = ids.iter().map(String::as_str).collect();
    let group = acme.group("Engines", &members).await;
    for number in 0..most {
        let titled = json!([{ "op": "replace", "path": "title", "value": format!("t{number}") }]);
        acme.operations(&format!("/Users/{}", ids[0]), titled).await.expect(200);
    }
    let history = async |id: &str, query: &str| {
        let path = format!("/tenants/acme/resources/{id}/history?limit=99999999{query}");
        app.admin_get(&path).await.expect(200)
    };

    let log = page(&app, "?limit=99999999").await;
    let told = history(&ids[0], "").await;
    let then = history(&group, "&at=2026-11-03T14:03:00Z").await;
    head(&app).await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    app.advance(2 * A_DAY);
    let pruned = app.admin_put("/tenants/acme/retention", json!({})).await.expect(200);

    let all = u64::try_from(2 * most + 2).unwrap();
    assert_eq!((seqs(&log).len(), &log["next"], &log["last"]), (most, &json!(most), &json!(all)));
    assert_eq!((told["entries"].as_array().unwrap().len(), &told["next"]), (most, &json!(most + 3)));
    assert_eq!((then["members"].as_array().unwrap().len(), &then["next_members_after"]), (most, &json!(ids[most - 1])));
    assert_eq!(pruned["log"], json!({ "first": all + 1, "last": all, "removed": all }), "in several steps");
}

#[tokio::test]
async fn the_chain_goes_on_after_a_restart() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    people(&app, &acme, "p", 3).await;
    let first = head(&app).await;
    let app = app.restart().await;
    let again = head(&app).await;

    assert_eq!(again["hash"], first["hash"]);
    assert_eq!(on(&app, &["log", "verify", "acme", "--head", &in_words(&first)]).await.text().lines().count(), 1);
    assert_eq!(on(&app, &["log", "head", "nobody"]).await.failed(), "there is no tenant nobody (404 Not Found)");
}
