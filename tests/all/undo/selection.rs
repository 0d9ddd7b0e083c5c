use std::time::Duration;

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{counts, set, undo, user};
use crate::command::on;

#[tokio::test]
async fn of_what_a_time_did_only_what_is_about_one_resource_can_be_taken_back() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.person("ada").await, acme.person("grace").await);
    let group = acme.group("Engines", &[]).await;
    app.advance(Duration::from_secs(60));
    for id in [&ada, &grace] {
        set(&acme, &format!("/Users/{id}"), "active", json!(false)).await;
    }
    let both = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }, { "value": grace }] }]);
    acme.operations(&format!("/Groups/{group}"), both).await;

    let did =
        undo(&app, json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z", "resource": ada })).await;

    assert_eq!((counts(&did), &did["entries"]), ([2, 0, 0, 0, 0, 0], &json!(2)), "itself, and its row in the group");
    assert_eq!(
        (&user(&acme, &ada).await["active"], &user(&acme, &grace).await["active"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(acme.members(&group).await, [grace]);
}

#[tokio::test]
async fn a_long_undo_is_a_job_that_tells_how_far_it_is() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    app.advance(Duration::from_secs(60));
    for number in 0..=muster_service::MAX_UNDO_AT_ONCE {
        set(&acme, &format!("/Users/{ada}"), "title", json!(format!("t{number}"))).await;
    }
    let what = json!({ "from": "2026-11-03T14:04:00Z", "to": "2026-11-03T14:05:00Z", "dry_run": true });

    let begun = app.admin_post("/tenants/acme/undo", what).await.expect(202);
    let time = ["--from", "2026-11-03T14:04:00Z", "--to", "2026-11-03T14:05:00Z"];
    let ended = on(&app, &[&["undo", "acme", "--json"], &time[..]].concat()).await;
    let did: Value = serde_json::from_str(&ended.out).unwrap();

    let job = app.admin_get(&format!("/jobs/{}", begun["job"].as_str().unwrap())).await.expect(200);
    assert_eq!((&job["kind"], &job["unit"], &job["request"]), (&json!("undo"), &json!("resources"), &begun["request"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(counts(&did), [1, 0, 0, 0, 0, 0]);
    let outcome = &did["outcomes"][0];
    assert_eq!(outcome["undoes_count"], json!(muster_service::MAX_UNDO_AT_ONCE + 1));
    assert_eq!(outcome["undoes"].as_array().unwrap().len(), muster_service::MAX_TOLD);
    assert_eq!(user(&acme, &ada).await["title"], Value::Null);
}

#[tokio::test]
async fn what_selects_nothing_or_too_little_or_two_things_is_refused_in_a_sentence() {
    let app = TestApp::start().await;
    app.tenant("acme").await.person("ada").await;
    let refused = async |what: Value, status: u16| {
        let answer = app.admin_post("/tenants/acme/undo", what).await;
        assert_eq!(answer.header("content-type"), "application/problem+json");
        answer.expect(status)["detail"].as_str().unwrap().to_owned()
    };
    let one_of = "exactly one of `change`, `request`, and `from` with `to` says what to undo";

    for what in [json!({}), json!({ "change": 1, "request": "r" }), json!({ "from": "2026-11-03T14:04:00Z" })] {
        assert_eq!(refused(what, 400).await, one_of);
    }
    let times = |from: &str, to: &str| json!({ "from": from, "to": to });
    let (t, u) = ("2026-11-03T14:04:00Z", "2026-11-03T14:05:00Z");
    assert_eq!(refused(times(t, "now"), 400).await, "to is a time as in 2026-11-03T14:03:00Z");
    assert_eq!(refused(times(u, t), 400).await, "`to` is after `from`");
    assert_eq!(refused(times(t, u), 404).await, "there is no change in the log that this selects");
    assert_eq!(refused(json!({ "change": 9 }), 404).await, "there is no change 9 in the log");
    assert_eq!(refused(json!({ "change": 0 }), 404).await, "there is no change 0 in the log");
    assert_eq!(refused(json!({ "request": "nobody" }), 404).await, "there is no change in the log that this selects");
    assert_eq!(refused(json!({ "change": 1, "resource": "7b2e" }), 400).await, "resource is the id of a resource");
    assert_eq!(on(&app, &["undo", "acme"]).await.code, 2, "the command line says so before it asks");
    assert_eq!(on(&app, &["undo", "acme", "--change", "1", "--request", "r"]).await.code, 2);
    assert_eq!(on(&app, &["undo", "acme", "--from", t]).await.code, 2);
}
