//! What a user or a group looked like at a time, and which request and plugin made it so.

use std::time::Duration;

use muster_test_harness::{GROUP, TestApp, USER};
use serde_json::{Value, json};

use crate::command::on;

async fn history(app: &TestApp, id: &str, query: &str) -> Value {
    app.admin_get(&format!("/tenants/acme/resources/{id}/history{query}")).await.expect(200)
}

async fn then(app: &TestApp, id: &str, at: &str) -> Value {
    history(app, id, &format!("?at={at}")).await
}

fn ids(rows: &Value) -> Vec<&str> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect()
}

fn events(answer: &Value) -> Vec<&str> {
    answer["entries"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_did_this_user_look_like_on_3_november_at_14_03_and_which_request_and_plugin_changed_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let ada = json!({ "schemas": [USER], "userName": "ada@example.com", "displayName": "Ada Byron", "active": true });
    let made = acme.post("/Users", ada).await;
    let created_by = made.header("x-request-id").to_owned();
    let ada = made.expect(201)["id"].as_str().unwrap().to_owned();
    app.advance(Duration::from_secs(11));
    let off = json!([{ "op": "replace", "path": "active", "value": false }]);
    let switched = acme.operations(&format!("/Users/{ada}"), off).await;
    let switched_by = switched.header("x-request-id").to_owned();
    switched.expect(200);
    app.advance(Duration::from_secs(60));
    let named = json!([{ "op": "replace", "path": "displayName", "value": "Ada King" }]);
    acme.operations(&format!("/Users/{ada}"), named).await.expect(200);

    let at_first = then(&app, &ada, "2026-11-03T14:03:10Z").await;
    let asked = then(&app, &ada, "2026-11-03T15:03:30%2B01:00").await;

    assert_eq!((&at_first["state"], &at_first["resource"]["active"]), (&json!("present"), &json!(true)));
    assert_eq!(at_first["account"]["state"], "invited");
    assert_eq!(at_first["entry"]["request"], *created_by);
    assert_eq!(
        asked["resource"],
        json!({ "userName": "ada@example.com", "displayName": "Ada Byron", "active": false })
    );
    assert_eq!((&asked["account"]["state"], &asked["version"]), (&json!("disabled"), &json!(2)));
    assert_eq!(
        (&asked["at"], &asked["modified"]),
        (&json!("2026-11-03T14:03:30.000Z"), &json!("2026-11-03T14:03:11.000Z"))
    );
    let token = app.admin_get("/tenants/acme/tokens").await.expect(200)["tokens"][0]["id"].clone();
    let entry = &asked["entry"];
    assert_eq!((&entry["seq"], &entry["event"]), (&json!(2), &json!("deactivated")));
    assert_eq!((&entry["actor"], &entry["request"]), (&json!({ "token": token }), &json!(switched_by)));
    assert_eq!((&entry["plugin"]["name"], &entry["plugin"]["version"]), (&json!("secoda"), &json!("0.1.0")));
    assert_eq!(entry["changed"], json!([{ "path": "active", "was": true, "became": false }]));
    assert_eq!(entry["account_changed"], json!([{ "path": "state", "was": "invited", "became": "disabled" }]));
    let printed = on(&app, &["history", "acme", &ada]).await.text();
    let by = format!("by token {} (request {switched_by}) plugin secoda 0.1.0", token.as_str().unwrap());
    let line = format!(
        "2026-11-03 14:03:11.000Z     2  deactivated {by}: active true -> false; account: state \"invited\" -> \"disabled\""
    );
    assert_eq!(printed.lines().nth(1), Some(line.as_str()), "{printed}");
    let at = ["history", "acme", &ada, "--at", "2026-11-03T14:03:30Z"];
    let printed = on(&app, &at).await.text();
    assert!(printed.contains("\"active\": false") && printed.ends_with(&format!("by      {line}\n")), "{printed}");
    assert_eq!(on(&app, &[&at[..], &["--json"]].concat()).await.json(), asked);
}

#[tokio::test]
async fn a_deleted_user_is_told_as_it_was_with_its_groups() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let (engines, looms) = (acme.group("Engines", &[&ada]).await, acme.group("Looms", &[&ada]).await);
    app.advance(Duration::from_secs(60));
    acme.operations(
        &format!("/Groups/{looms}"),
        json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]),
    )
    .await;
    app.advance(Duration::from_secs(60));
    acme.delete(&format!("/Users/{ada}")).await.expect(204);
    app.advance(Duration::from_secs(60));

    let first = then(&app, &ada, "2026-11-03T14:03:30Z").await;
    let second = then(&app, &ada, "2026-11-03T14:04:30Z").await;
    let last = then(&app, &ada, "2026-11-03T14:05:30Z").await;
    let before = then(&app, &ada, "2026-11-03T14:00:00Z").await;

    assert_eq!((&first["state"], ids(&first["groups"])), (&json!("present"), vec![engines.as_str(), looms.as_str()]));
    assert_eq!(first["groups"][0]["name"], "Engines");
    assert_eq!((&second["state"], ids(&second["groups"])), (&json!("present"), vec![engines.as_str()]));
    assert_eq!((&second["entry"]["event"], &second["entry"]["id"]), (&json!("member-removed"), &json!(looms)));
    assert_eq!((&last["state"], &last["entry"]["event"]), (&json!("deleted"), &json!("deleted")));
    assert_eq!(last["entry"]["at"], "2026-11-03T14:05:00.000Z");
    assert!(last["resource"].is_null());
    assert_eq!((&before["state"], &before["entry"]["event"]), (&json!("not-yet"), &json!("created")));
    let told = history(&app, &ada, "").await;
    assert_eq!(events(&told), ["member-removed", "deleted", "member-removed", "created", "created", "created"]);
    let printed = on(&app, &["history", "acme", &ada, "--at", "2026-11-03T14:05:30Z"]).await.text();
    assert!(printed.starts_with(&format!("{ada} was deleted then\nby      2026-11-03 14:05:00.000Z")), "{printed}");
}

#[tokio::test]
async fn a_group_is_told_with_the_members_that_it_had_page_by_page() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut people = Vec::new();
    for number in 0..7 {
        people.push(acme.person(&format!("p{number}")).await);
    }
    let first: Vec<&str> = people[..5].iter().map(String::as_str).collect();
    let group = acme.group("Engines", &first).await;
    app.advance(Duration::from_secs(60));
    let replaced = json!([{ "op": "replace", "path": "members", "value": [{ "value": people[5] }, { "value": people[6] }, { "value": people[1] }] }]);
    acme.operations(&format!("/Groups/{group}"), replaced).await;
    app.advance(Duration::from_secs(60));
    acme.delete(&format!("/Users/{}", people[0])).await.expect(204);
    acme.delete(&format!("/Groups/{group}")).await.expect(204);

    let (mut met, mut after) = (Vec::new(), String::new());
    loop {
        let page = history(&app, &group, &format!("?at=2026-11-03T14:03:30Z&limit=2{after}")).await;
        met.extend(ids(&page["members"]).into_iter().map(str::to_owned));
        match page["next_members_after"].as_str() {
            Some(next) => after = format!("&members_after={next}"),
            None => break,
        }
    }
    let second = then(&app, &group, "2026-11-03T14:04:30Z").await;

    assert_eq!(met, people[..5], "those who have gone since as well");
    assert_eq!(ids(&second["members"]), [&people[1], &people[5], &people[6]]);
    assert_eq!(second["members"][0]["name"], "p1");
    let told = history(&app, &group, "").await;
    assert_eq!(events(&told), ["deleted", "member-added", "created"]);
    let entry = &told["entries"][1];
    assert_eq!((&entry["members_added"]["count"], &entry["members_removed"]["count"]), (&json!(2), &json!(4)));
    assert_eq!(ids(&told["entries"][0]["members_removed"]["members"]), [&people[1], &people[5], &people[6]]);
}

#[tokio::test]
async fn a_history_is_read_in_pages_newest_first() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    acme.person("grace").await;
    for number in 0..5 {
        let titled = json!([{ "op": "replace", "path": "title", "value": format!("t{number}") }]);
        acme.operations(&format!("/Users/{ada}"), titled).await.expect(200);
    }

    let first = history(&app, &ada, "?limit=4").await;
    let second = history(&app, &ada, &format!("?limit=4&before={}", first["next"])).await;

    let seqs = |page: &Value| {
        page["entries"].as_array().unwrap().iter().map(|it| it["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((seqs(&first), seqs(&second)), (vec![7, 6, 5, 4], vec![3, 1]));
    assert_eq!((&first["next"], &second["next"]), (&json!(4), &Value::Null));
    let titles = json!([{ "path": "title", "was": "t3", "became": "t4" }]);
    assert_eq!(first["entries"][0]["changed"], titles);
    let printed = on(&app, &["history", "acme", &ada, "--limit", "4"]).await.text();
    assert!(printed.ends_with("earlier changes: --before 4\n"), "{printed}");
}

#[tokio::test]
async fn what_nobody_knows_and_what_is_no_time_are_told_in_a_sentence() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let unknown = "018f0000-0000-7000-8000-000000000000";

    let refused = on(&app, &["history", "acme", unknown]).await.failed();
    let then = on(&app, &["history", "acme", unknown, "--at", "2026-11-03T14:03:00Z"]).await.failed();
    let no_id = on(&app, &["history", "acme", "7b2e"]).await.failed();

    assert_eq!(refused, format!("there is no resource {unknown} in the log of tenant acme (404 Not Found)"));
    assert_eq!(then, refused);
    assert_eq!(no_id, "there is no resource 7b2e in the log of tenant acme (404 Not Found)");
    let no_time = on(&app, &["history", "acme", unknown, "--at", "yesterday"]).await.failed();
    assert_eq!(no_time, "at is a time as in 2026-11-03T14:03:00Z (400 Bad Request)");
}

#[tokio::test]
async fn a_value_that_is_too_long_is_told_by_its_length() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let long = "x".repeat(muster_service::MAX_VALUE_SHOWN_BYTES);
    let ada = json!({ "schemas": [USER], "userName": "ada", "title": long, "nickName": "y" });
    let ada = acme.post("/Users", ada).await.expect(201)["id"].as_str().unwrap().to_owned();
    let members: Vec<Value> = vec![json!({ "value": ada })];
    acme.post("/Groups", json!({ "schemas": [GROUP], "displayName": "g", "members": members })).await.expect(201);

    let told = history(&app, &ada, "").await;

    let created = &told["entries"][1]["changed"];
    let title = created.as_array().unwrap().iter().find(|one| one["path"] == "title").unwrap();
    assert_eq!(title["became"], json!({ "bytes": long.len() + 2 }));
    let named = then(&app, &ada, "2026-11-03T14:03:00Z").await;
    assert_eq!(named["resource"]["title"], long, "the resource itself is told whole");
}

#[tokio::test]
async fn what_was_created_is_told_in_a_short_line_and_in_full_when_asked() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let long = "x".repeat(100);
    let ada = json!({ "schemas": [USER], "userName": "ada", "title": "Countess", "nickName": long });
    let ada = acme.post("/Users", ada).await.expect(201)["id"].as_str().unwrap().to_owned();
    let named = json!([{ "op": "replace", "path": "nickName", "value": "Ada" }]);
    acme.operations(&format!("/Users/{ada}"), named).await.expect(200);

    let short = on(&app, &["history", "acme", &ada]).await.text();
    let full = on(&app, &["history", "acme", &ada, "--full"]).await.text();

    let lines: Vec<&str> = short.lines().collect();
    assert!(lines[0].contains(&format!(": nickName \"{}... -> \"Ada\"", &long[..59])), "{short}");
    let count = history(&app, &ada, "").await["entries"][1]["changed"].as_array().unwrap().len();
    assert!(lines[1].contains("created by token ") && lines[1].ends_with(&format!(": {count} attributes")), "{short}");
    assert!(full.contains("title \"Countess\"") && full.contains(&long), "{full}");
}

#[tokio::test]
async fn a_history_of_nothing_says_so_and_none_at_all_cannot_be_asked_for() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    app.admin_post("/tenants/acme/log/head", json!({})).await.expect(200);
    app.advance(Duration::from_hours(3 * 24));
    let grace = acme.person("grace").await;
    app.admin_put("/tenants/acme/retention", json!({ "log_days": 2 })).await.expect(200);

    let nothing = on(&app, &["history", "acme", &ada]).await.text();
    let no_more = on(&app, &["history", "acme", &grace, "--before", "2"]).await.text();
    let none = on(&app, &["history", "acme", &grace, "--limit", "0"]).await;

    assert_eq!(nothing, "the log, which is kept from change 2 on, has no change of it\n");
    assert_eq!(no_more, "the log has no change of it before 2\n");
    assert_eq!(none.code, 2);
    assert!(none.err.contains("invalid value '0' for '--limit <LIMIT>'"), "{}", none.err);
    let refused = app.admin_get(&format!("/tenants/acme/resources/{grace}/history?limit=0")).await.expect(400);
    assert_eq!(refused["detail"], "limit is at least 1");
}
