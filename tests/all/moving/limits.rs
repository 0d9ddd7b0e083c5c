//! Everything has a limit, and says so.

use muster_service::{MAX_EXPORTS, MAX_IMPORTS, MAX_ITEMS_A_LOAD};
use muster_store::moving::file::{MAX_LINE_BYTES, MAX_TENANTS};
use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{export, filled};
use crate::command::on;

async fn done(app: &TestApp, job: &Value) -> Value {
    loop {
        let view = app.admin_get(&format!("/jobs/{}", job.as_str().unwrap())).await.expect(200);
        if view["state"] != "running" {
            return view;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_only_so_many_exports_until_one_is_deleted() {
    let app = TestApp::start().await;
    app.tenant("acme").await.user("ada").await;
    for _ in 0..MAX_EXPORTS {
        let job = app.admin_post("/exports", json!({ "tenants": ["acme"] })).await.expect(202)["job"].clone();
        assert_eq!(done(&app, &job).await["state"], "done");
    }
    let refused = app.admin_post("/exports", json!({})).await.expect(409);
    assert_eq!(refused["detail"], "8 exports are kept already; fetch or delete one first");
    let listed = on(&app, &["export", "--list"]).await.text();
    assert_eq!(listed.lines().count(), MAX_EXPORTS, "{listed}");
    let first = listed.split_whitespace().next().unwrap();
    assert!(listed.lines().all(|line| line.contains("   2026-11-03T14:03:00")), "{listed}");
    assert_eq!(on(&app, &["export", "--delete", first]).await.text(), format!("deleted {first}\n"));
    app.admin_post("/exports", json!({})).await.expect(202);
    app.admin_delete(&format!("/exports/{first}")).await.expect(404);
    app.admin_delete("/exports/..%2F..%2Fkeys%2Ftoken.key").await.expect(404);
    app.admin_post("/exports", json!({ "tenants": [] })).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_that_are_asked_for_at_once_are_not_more_than_can_be_kept() {
    let app = TestApp::start().await;
    app.tenant("acme").await.user("ada").await;
    assert_eq!(on(&app, &["export", "--list"]).await.text(), "none\n");
    assert_eq!(on(&app, &["import", "--list"]).await.text(), "none\n");
    let asked = (0..2 * MAX_EXPORTS).map(|_| {
        let request = app.admin_request(reqwest::Method::POST, "/admin/v1/exports");
        tokio::spawn(muster_test_harness::Answer::of(request.bearer_auth(muster_test_harness::ADMIN_KEY).body("{}")))
    });
    let (mut begun, mut refused) = (Vec::new(), 0);
    for answer in asked.collect::<Vec<_>>() {
        let answer = answer.await.unwrap();
        match answer.status {
            202 => begun.push(answer.expect(202)["job"].clone()),
            _ => refused += usize::from(answer.expect(409)["detail"].is_string()),
        }
    }
    for job in &begun {
        assert_eq!(done(&app, job).await["state"], "done");
    }
    assert!((1..=MAX_EXPORTS).contains(&begun.len()), "{} begun", begun.len());
    assert_eq!(begun.len() + refused, 2 * MAX_EXPORTS);
    assert_eq!(app.admin_get("/exports").await.expect(200)["exports"].as_array().unwrap().len(), begun.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_takes_only_so_much_at_once_and_nothing_that_was_not_announced() {
    let app = TestApp::start().await;
    filled(&app).await;
    let folder = tempfile::tempdir().unwrap();
    let exported = export(&app, &folder.path().join("one.ndjson"), &["acme"]).await;
    let begin = |name: String, items: usize| {
        let new = json!({ "manifest": exported[0], "tenants": [name], "whole": false, "items": items, "digest": "00".repeat(32) });
        app.admin_post("/imports", new)
    };
    let id = begin("new".to_owned(), 1).await.expect(200)["id"].as_str().unwrap().to_owned();
    let put = async |from: u64, body: String| {
        let path = format!("/admin/v1/imports/{id}/lines?from={from}");
        let request =
            app.admin_request(reqwest::Method::PUT, &path).bearer_auth(muster_test_harness::ADMIN_KEY).body(body);
        muster_test_harness::Answer::of(request).await
    };
    let item = exported[1].replace("\"acme\"", "\"new\"").replace("\"last_entry\":", "\"last_entry\":0,\"x\":");
    assert_eq!(put(0, item).await.expect(400)["detail"], "item 0 is not an item as an export has it");
    let foreign = put(0, exported[1].clone()).await.expect(400);
    assert_eq!(foreign["detail"], "item 0 is a tenant that was not announced");
    assert_eq!(
        put(3, exported[1].clone()).await.expect(409)["detail"],
        format!("the import {id} is at item 0, not at 3")
    );
    let row = exported[1].replace("\"acme\"", "\"new\"");
    let more = put(0, format!("{row}\n{}", exported[2])).await.expect(400);
    assert_eq!(more["detail"], "item 1 is one more than was announced");
    let long = "x".repeat(MAX_LINE_BYTES + 2);
    let too_long = put(0, long).await.expect(413);
    assert_eq!(too_long["detail"], format!("the body is larger than {} bytes", MAX_LINE_BYTES + 1));
    put(0, row).await.expect(200);

    let id = begin("many".to_owned(), 10 * MAX_ITEMS_A_LOAD).await.expect(200)["id"].as_str().unwrap().to_owned();
    let path = format!("/admin/v1/imports/{id}/lines?from=0");
    let mut lines = vec![exported[1].replace("\"acme\"", "\"many\"").replace("\"last_task\":", "\"last_task\":9")];
    let task = exported.iter().find(|line| line.starts_with("{\"record\"")).unwrap().replace("\"acme\"", "\"many\"");
    let own = serde_json::from_str::<Value>(&task).unwrap()["record"]["record"]["id"].as_str().unwrap().to_owned();
    lines.extend((0..MAX_ITEMS_A_LOAD).map(|n| task.replace(&own, &format!("00000000-0000-7000-8000-{n:012x}"))));
    let request = app.admin_request(reqwest::Method::PUT, &path).bearer_auth(muster_test_harness::ADMIN_KEY);
    let many = muster_test_harness::Answer::of(request.body(lines.join("\n"))).await.expect(400);
    assert_eq!(many["detail"], "there are more than 5000 items in one request");

    for n in 2..MAX_IMPORTS {
        begin(format!("tenant{n}"), 1).await.expect(200);
    }
    let refused = begin("one-more".to_owned(), 1).await.expect(409);
    assert_eq!(refused["detail"], "8 imports are not finished; finish one, or abandon it");
    let names: Vec<String> = (0..=MAX_TENANTS).map(|n| format!("t{n}")).collect();
    let new =
        json!({ "manifest": exported[0], "tenants": names, "whole": false, "items": 1, "digest": "00".repeat(32) });
    app.admin_post("/imports", new).await.expect(400);
    let unfinished = on(&app, &["import", "--abandon", "nothing"]).await.failed();
    assert_eq!(unfinished, "there is no unfinished import nothing (404 Not Found)");
    app.admin_get("/jobs/nothing").await.expect(404);
    let jobs = app.admin_get("/jobs").await.expect(200)["jobs"].clone();
    assert_eq!(
        (&jobs[0]["kind"], &jobs[0]["state"], &jobs[0]["unit"]),
        (&json!("export"), &json!("done"), &json!("items"))
    );
}
