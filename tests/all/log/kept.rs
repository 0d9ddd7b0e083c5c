use std::time::Duration;

use muster_model::{
    Actor, Binding, Change, DeliverySettings, Event, LogEntry, PluginDigest, RequestId, ResourceId, ResourceType,
    Retention, ScimSettings, TenantId, TenantRow, Timestamp, Version,
};
use muster_service::{MAX_PRUNED_A_ROUND, MAX_SEALS_A_ROUND, SEAL_AFTER, SEAL_BLOCK, Upkeep};
use muster_store::Store;
use muster_store_sled::{Options, SledStore};
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

    assert_eq!(
        kept,
        "log        2 days   (entries 1 to 8)\nrequests   7 days, 16 MiB, values shown\ntasks      30 days when they are over\n"
    );
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
    let whole = on(&app, &["log", "verify", "acme", "--head", &exported.to_string()]).await.failed();
    let says = "entries 1 to 5: they were removed, though the log was to be kept for ever \
                (it was kept for ever when the head was exported, and is kept for 2 days now; if that was decided, export a newer head)";
    assert_eq!(whole, says);
}

#[tokio::test]
async fn a_head_that_retention_has_passed_is_not_compared_and_one_that_it_cannot_have_passed_is_a_finding() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 30 })).await.expect(200);
    people(&app, &acme, "old", 2).await;
    let old = on(&app, &["log", "head", "acme"]).await.text();
    people(&app, &acme, "older", 2).await;
    on(&app, &["log", "head", "acme"]).await.text();
    app.advance(A_DAY * 20);
    people(&app, &acme, "young", 3).await;
    let young = on(&app, &["log", "head", "acme"]).await.text();
    app.advance(A_DAY * 12);
    let removed = app.admin_put("/tenants/acme/retention", json!({})).await.expect(200);
    assert_eq!(removed["log"], json!({ "first": 5, "last": 7, "removed": 4 }));

    let met = on(&app, &["log", "verify", "acme", "--head", &young]).await.text();
    let passed = on(&app, &["log", "verify", "acme", "--head", old.trim()]).await;
    let passed_json = on(&app, &["log", "verify", "acme", "--json", "--head", &old]).await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 1 })).await.expect(200);
    let emptied = on(&app, &["log", "verify", "acme", "--head", &young]).await.failed();
    let again = on(&app, &["log", "head", "acme"]).await.text();
    let empty = on(&app, &["log", "verify", "acme", "--head", &again]).await.text();

    assert_eq!(met, "entries 5 to 7 are as they were sealed, and pass through the exported head at 7\n");
    assert_eq!((passed.code, passed.out.as_str()), (1, "entries 5 to 7 are as they were sealed\n"));
    let says = "muster: nothing is wrong with what is kept, but the exported head is of entry 2, which is older than what is kept \
                (from entry 5 on): it was not compared; export a newer head\n";
    assert_eq!(passed.err, says);
    let passed_json: Value = serde_json::from_str(&passed_json.out).unwrap();
    assert_eq!((&passed_json["ok"], &passed_json["problem"]), (&json!(false), &Value::Null));
    assert!(passed_json["not_compared"].as_str().is_some_and(|says| says.contains("older than what is kept")));
    let says = "entries 1 to 7: they were removed, though they are kept for 30 days and those at the head were sealed at \
                2026-11-26T14:03:00.000Z (it was kept for 30 days when the head was exported, and is kept for 1 day now; \
                if that was decided, export a newer head)";
    assert_eq!(emptied, says);
    assert_eq!(empty, "no entries are kept, and pass through the exported head at 7\n");
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
    assert_eq!(
        for_ever,
        "log        for ever   (no entries)\nrequests   1 day, 2 MiB, values shown\ntasks      30 days when they are over\n"
    );
    let refused = |body: Value, status: u16| {
        let app = &app;
        async move { app.admin_put("/tenants/acme/retention", body).await.expect(status)["detail"].clone() }
    };
    assert_eq!(refused(json!({ "log_days": 0 }), 400).await, "log_days is between 1 and 36525");
    assert_eq!(refused(json!({ "log_days": 36526 }), 400).await, "log_days is between 1 and 36525");
    assert_eq!(refused(json!({ "tasks_days": 0 }), 400).await, "tasks_days is between 1 and 36525");
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
    let kept = ["2026-11-04T14:03:00.000Z", "first=1", "since=2026-11-04T14:03:00.000Z", "log_days=forever"];
    assert_eq!((&words[..2], words[2].len(), &words[3..]), (&["acme", "3"][..], 64, &kept[..]));
    let pasted = verify(printed.clone()).await.text();
    let plain = verify(format!("3:{}", words[2])).await.text();
    let held = verify(file.display().to_string()).await.text();
    assert_eq!(
        held,
        "entries 1 to 5 are as they were sealed, and pass through the exported head at 3; the last 2 are not sealed yet\n"
    );
    assert_eq!((&pasted, &plain), (&held, &held), "the line as well, and the least of it");
    let without = on(&app, &["log", "verify", "acme"]).await.text();
    let says = "entries 1 to 5 are as they were sealed; the last 2 are not sealed yet\n\
                no head was compared: keep what `muster log head acme` prints, and give it with --head\n";
    assert_eq!(without, says);
    let as_json = on(&app, &["log", "verify", "acme", "--json"]).await.json();
    assert_eq!((&as_json["ok"], &as_json["end"], &as_json["problem"]), (&json!(true), &json!(true), &Value::Null));
    let other = verify(format!("3:{}", "ab".repeat(32))).await.failed();
    assert_eq!(other, "entries 1 to 3: the log up to there is not the one of the exported head: it was written anew");
    let later = verify(format!("9:{}", words[2])).await.failed();
    assert_eq!(later, "entries 6 to 9: the log ends at entry 5, before the exported head at 9: its end was cut off");
    std::fs::write(&file, "nothing").unwrap();
    let no_head = verify(file.display().to_string()).await.failed();
    assert_eq!(no_head, format!("--head {} is no head of a log", file.display()));
    let neither = "--head is neither what `muster log head` prints, nor SEQ:HASH, nor a file that is there";
    assert_eq!(verify("/nowhere".to_owned()).await.failed(), neither);
    assert_eq!(verify(printed.replace("since=", "since")).await.failed(), neither);
    let of_another = verify(printed.replace("acme", "globex")).await.failed();
    assert_eq!(of_another, "the head is of the log of tenant globex, not of acme (400 Bad Request)");
}

#[tokio::test]
async fn the_upkeep_seals_what_has_waited_in_blocks_and_removes_what_is_old() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let globex = app.tenant("globex").await;
    globex.user("hank").await;
    for number in 0..SEAL_BLOCK + 3 {
        acme.user(&format!("u{number}")).await;
    }
    let unsealed = async || on(&app, &["log", "verify", "acme", "--json"]).await.json()["unsealed"].clone();
    let mut upkeep = Upkeep::default();
    let mut rounds = Vec::new();

    app.service.keep_logs_once(&mut upkeep).await;
    rounds.push(unsealed().await);
    app.advance(SEAL_AFTER);
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
    assert!(held.starts_with("entries 260 to 260 are as they were sealed; the last is not sealed yet\n"), "{held}");
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
async fn a_round_of_the_upkeep_seals_and_removes_no_more_than_its_limits() {
    const SEALED: u64 = (MAX_SEALS_A_ROUND * SEAL_BLOCK) as u64;
    const LAST: u64 = SEALED + 2 * SEAL_BLOCK as u64;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (acme, at) = (TenantId::parse("acme").unwrap(), Timestamp::from_millis(1_793_714_580_000));
    let open = || SledStore::open(&data.join("store"), Options::default()).unwrap();
    let store = open();
    store.add_tenant(&row(&acme, at)).await.unwrap();
    let raw = store.raw_log(&acme);
    for seq in 1..=LAST {
        raw.put_entry(&LogEntry { seq, version: Version::FIRST, change: change(at) }).unwrap();
    }
    raw.set_last(LAST).unwrap();
    drop(raw);
    store.close().await;
    drop(store);
    let round = async |later: Duration| {
        let now = Timestamp::from_millis(at.as_millis() + i64::try_from(later.as_millis()).unwrap());
        let service = TestApp::service_on(data.clone(), now).await;
        service.keep_logs_once(&mut Upkeep::default()).await;
        service.close().await;
        drop(service);
        let store = open();
        let status = store.log_keeper(&acme).status().await.unwrap();
        store.close().await;
        (status.sealed.seq, status.anchor.seq)
    };

    assert_eq!(round(SEAL_AFTER).await, (SEALED, 0));
    assert_eq!(round(A_DAY).await, (LAST, 0));
    let (sealed, removed) = round(2 * A_DAY).await;

    assert_eq!(sealed, LAST, "what was over");
    let as_far_as_it_looks = MAX_PRUNED_A_ROUND.next_multiple_of(100 * SEAL_BLOCK as u64);
    assert_eq!(removed, as_far_as_it_looks, "a round is over with {MAX_PRUNED_A_ROUND}");
    assert!(removed < SEALED, "there was more to remove");
}

fn row(tenant: &TenantId, at: Timestamp) -> TenantRow {
    let plugin = PluginDigest::of(b"none that is needed here");
    let binding = Binding { plugin, config: json!({}), revision: 1, at };
    let retention = Retention { log_days: Some(1), ..Retention::default() };
    let scim = ScimSettings::default();
    TenantRow {
        id: tenant.clone(),
        created: at,
        binding,
        previous: None,
        scim,
        retention,
        grants: Vec::new(),
        secrets: Vec::new(),
        delivery: DeliverySettings::default(),
    }
}

fn change(at: Timestamp) -> Change {
    Change {
        at,
        actor: Actor::Operator,
        request: RequestId("request".into()),
        plugin: PluginDigest::of(b"none that is needed here"),
        event: Event::Updated,
        resource_type: ResourceType::USER,
        id: ResourceId::from_bytes([7; 16]),
        before: None,
        after: None,
        members_added: Vec::new(),
        members_removed: Vec::new(),
        rewrites: Vec::new(),
        undoes: Vec::new(),
    }
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
