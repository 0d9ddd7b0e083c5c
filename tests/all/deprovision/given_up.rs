//! What came to something is listed by that, and what is left to do of many receivers is readable.

use muster_plugin::Outcome;
use muster_test_harness::{Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{TOO_LONG, again, but_for, decide, delivering, listed, set_active, show, tenant, until, webhook};
use crate::command::on;

#[tokio::test]
async fn what_somebody_has_cancelled_is_given_up_and_each_state_is_a_list() {
    let carrier = but_for("disable", |_| Some(Outcome::Done));
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    let mut ids = Vec::new();
    for name in ["done", "cancelled", "skipped", "again", "late"] {
        ids.push(acme.user(&format!("{name}@example.com")).await);
    }
    set_active(&acme, &ids[0], false).await;
    until(&app, &ids[0], "done").await;
    // From now on everybody is too many.
    app.admin_put("/tenants/acme/brake", json!({ "count": 0, "share_percent": 1 })).await.expect(200);
    set_active(&acme, &ids[1], false).await;
    until(&app, &ids[1], "held").await;
    app.admin_post("/tenants/acme/brake/cancel", json!({ "users": [ids[1]] })).await.expect(200);
    app.admin_post("/tenants/acme/brake/release", json!({ "all": true })).await.expect(200);
    app.admin_put("/tenants/acme/brake", json!({ "is_on": false })).await.expect(200);
    carrier.now(|_, _, _| again());
    for id in &ids[2..] {
        set_active(&acme, id, false).await;
    }
    let tried = async |id: &str| loop {
        let shown = show(&app, "acme", id).await;
        if shown["steps"][1]["attempts"] == 1 {
            return shown["steps"][1]["task"].clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    decide(&app, &tried(&ids[2]).await, "skip").await;
    tried(&ids[3]).await;
    set_active(&acme, &ids[3], true).await;
    app.advance(TOO_LONG);

    let cancelled = show(&app, "acme", &ids[1]).await;
    assert_eq!((&cancelled["state"], &cancelled["unfinished"]), (&json!("given-up"), &json!([])));
    let step = &cancelled["steps"][1];
    assert_eq!((&step["standing"], &step["decisions"][0]["what"]), (&json!("cancelled"), &json!("cancel")));
    assert!(cancelled["ended"].is_string(), "{cancelled}");
    for (which, entries) in [
        ("done", vec![6]),
        ("given-up", vec![8, 7]),
        ("superseded", vec![9]),
        ("forgotten", vec![]),
        ("overdue", vec![10]),
        ("held", vec![]),
    ] {
        assert_eq!(listed(&app, "acme", &format!("which={which}")).await, entries, "{which}");
    }
    let first = app.admin_get("/tenants/acme/deprovisions?which=given-up&limit=1").await.expect(200);
    assert_eq!((&first["deprovisions"][0]["entry"], &first["next"]), (&json!(8), &json!(8)));
    assert_eq!(listed(&app, "acme", "which=given-up&from=8").await, [7]);

    let told = on(&app, &["deprovision", "list", "acme", "--given-up"]).await.text();
    assert!(told.contains("  given-up    deactivated skipped@") && told.lines().count() == 2, "{told}");
    let none = on(&app, &["deprovision", "list", "acme", "--forgotten"]).await.text();
    assert_eq!(none, "tenant acme has no such deprovision\n");
    let story = on(&app, &["deprovision", "show", "acme", "cancelled@example.com"]).await.text();
    assert!(story.contains("   cancel by operator\n"), "{story}");
}

#[tokio::test]
async fn what_is_left_to_do_of_many_receivers_is_a_line_each_and_no_more_than_twenty() {
    // Nothing is carried out.
    let app = TestApp::start().await;
    let acme = tenant(&app, "acme").await;
    for number in 0..16 {
        webhook(&app, "acme", &format!("h{number}"), &["user.deactivated"]).await;
    }
    for number in 0..16 {
        let new = json!({ "name": format!("s{number}"), "audience": ["https://s.example"] });
        app.admin_post("/tenants/acme/streams", new).await.expect(201);
    }
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    let shown = show(&app, "acme", &id).await;
    let unfinished: Vec<&str> = shown["unfinished"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(unfinished.len(), 20);
    let last = unfinished[19].strip_prefix("and ").and_then(|last| last.strip_suffix(" more steps")).unwrap();
    let steps: &Vec<Value> = shown["steps"].as_array().unwrap();
    assert_eq!(last.parse::<usize>().unwrap() + 19, steps.len() - 1, "all but the write: {shown}");

    let told = on(&app, &["deprovision", "list", "acme", "--open"]).await.text();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 21);
    assert!(lines[0].ends_with(&format!("ada@example.com ({id}):")), "{told}");
    assert!(lines[1..].iter().all(|line| line.starts_with("    ") && line.len() < 100), "{told}");
}

#[tokio::test]
async fn what_a_stream_does_not_take_any_more_is_given_up_and_not_confirmed() {
    // Nothing is carried out; the stream is asked by who polls.
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let new = json!({ "name": "siem", "events": ["prov:deactivate"], "is_braked": false });
    let added = app.admin_post("/tenants/acme/streams", new).await.expect(201);
    let poller = app.client("/t/acme", added["token"].as_str().unwrap());
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    // It is given the event.
    loop {
        let open = show(&app, "acme", &id).await;
        assert_eq!(open["state"], "open", "{open}");
        if open["steps"][1]["step"] == "task" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let scope = json!({ "scope": { "User": "userType eq \"Employee\"" } });
    app.admin_put("/tenants/acme/streams/siem", scope).await.expect(200);
    let request = poller.request(Method::POST, "/events/siem").bearer_auth(&poller.token);
    let body = json!({ "returnImmediately": true }).to_string();
    let polled = Answer::of(request.header("content-type", "application/json").body(body)).await.expect(200);
    assert_eq!(polled["sets"], json!({}));

    let shown = until(&app, &id, "given-up").await;
    let step = &shown["steps"][1];
    assert_eq!((&step["queue"], &step["standing"]), (&json!("poll:siem"), &json!("skipped")), "{shown}");
    let says = "the stream siem does not take it any more, and had not confirmed it";
    assert_eq!(step["told"][0]["failure"], says);
    let file = app.admin_post(&format!("/tenants/acme/deprovisions/{id}/evidence"), json!({})).await.expect(200);
    assert!(file.to_string().contains(says), "{file}");
}
