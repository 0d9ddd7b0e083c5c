use std::time::Duration;

use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{SLOWLY, come_to, counts, obeying, people, person, push, settled, start, states, step};
use crate::command::on;

const HOUR: Duration = Duration::from_secs(3_600);

fn replayed(rollout: &Value) -> &Value {
    &step(rollout, "replay")["findings"]
}

#[tokio::test]
async fn the_requests_of_the_last_two_hours_are_put_to_a_candidate_and_nothing_is_written() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    person(&acme, "long-ago", json!({})).await;
    app.advance(3 * HOUR);
    let ada = person(&acme, "ada", json!({ "title": "Countess" })).await;
    let bob = person(&acme, "bob", json!({})).await;
    app.advance(HOUR);
    let title = json!([{ "op": "replace", "path": "title", "value": "Lady" }]);
    acme.operations(&format!("/Users/{ada}"), title).await.expect(200);
    acme.delete(&format!("/Users/{bob}")).await.expect(204);
    let grace = person(&acme, "grace", json!({})).await;
    let (log, tenant) = (app.log("acme").await, app.admin_get("/tenants/acme").await.expect(200));

    let config = json!({ "state": "a", "task": "greet", "rejects": "grace" });
    let rollout = start(&app, "acme", json!({ "config": config, "replay_s": 7_200 })).await;

    assert_eq!((app.log("acme").await, app.admin_get("/tenants/acme").await.expect(200)), (log, tenant));
    assert_eq!(states(&rollout)[3..6], [("preview", "done"), ("replay", "done"), ("activate", "pending")]);
    let found = replayed(&rollout);
    assert_eq!(counts(found), [5, 3, 1, 1, 0], "{found}");
    assert_eq!(
        (&found["account"], &found["states"], &found["tasks"]),
        (
            &json!({ "state": 3 }),
            &json!({ "active": { "a": 3 } }),
            &json!({ "greet": { "count": 1, "destructive": 1 } })
        )
    );
    let updated = &found["differences"][2];
    assert_eq!((&updated["id"], &updated["event"]), (&json!(ada), &json!("updated")));
    assert_eq!((&updated["tasks_count"], &updated["tasks_were"], &updated["seq"]), (&json!(1), &json!([]), &json!(4)));
    assert_eq!(updated["at"], "2026-11-03T18:03:00.000Z");
    let rejected = &found["rejections"][0];
    assert_eq!((&rejected["id"], &rejected["seq"]), (&json!(grace), &json!(6)));
    assert_eq!(found["against"], json!(["1 of 5 replayed writes would be rejected"]));
    assert_eq!((&found["since"], &found["not_replayed"]), (&json!("2026-11-03T16:03:00.000Z"), &json!({})));
    assert_eq!(found["approximated"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn what_the_plugin_has_refused_is_replayed_where_its_values_were_kept() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({})).await;
    app.bind("acme", "obeys", json!({ "rejects": "bob" })).await.expect(200);
    app.advance(HOUR);
    let bob = json!({ "schemas": [USER], "userName": "bob", "displayName": "bob" });
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "bob" }]);
    acme.post("/Users", bob.clone()).await.expect(400);
    acme.operations(&format!("/Users/{ada}"), rename).await.expect(400);
    let mut put = bob.clone();
    put["userName"] = json!("ada");
    acme.put(&format!("/Users/{ada}"), put).await.expect(400);
    // The plugin does not retain it, so the request log does not either.
    let mut more = bob.clone();
    more["nickName"] = json!("Bobby");
    more["phoneNumbers"] = json!([{ "value": "555", "type": "work" }]);
    acme.post("/Users", more).await.expect(400);
    app.admin_put("/tenants/acme/retention", json!({ "requests_values": "hidden" })).await.expect(200);
    acme.post("/Users", bob).await.expect(400);

    let rollout = start(&app, "acme", json!({ "config": { "state": "a" }, "replay_s": 1_800 })).await;
    let same = start(&app, "acme", json!({ "replay_s": 1_800 })).await;

    let found = replayed(&rollout);
    assert_eq!(counts(found), [3, 0, 0, 0, 0], "{found}");
    assert_eq!(found["accepted"], 3);
    assert_eq!(found["refused"], json!({ "count": 5, "replayed": 3 }));
    assert_eq!(found["not_replayed"], json!({ "their values were not kept": 2 }));
    let told = found["acceptances"].as_array().unwrap();
    assert!(told.iter().all(|one| one["says"] == "displayName is one that is not wanted" && one["state"] == "a"));
    assert_eq!(told.iter().filter(|one| one["id"] == ada).count(), 2, "{told:?}");
    assert_eq!(found["against"], json!([]));
    assert_eq!((counts(replayed(&same)), &replayed(&same)["accepted"]), ([3, 0, 3, 0, 0], &Value::Null));
}

#[tokio::test]
async fn a_refusal_with_a_thousand_changes_behind_it_is_told_as_not_replayed() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({})).await;
    app.bind("acme", "obeys", json!({ "rejects": "bob" })).await.expect(200);
    let (path, rename) =
        (format!("/Users/{ada}"), |name: &str| json!([{ "op": "replace", "path": "displayName", "value": name }]));
    app.advance(HOUR);
    acme.operations(&path, rename("bob")).await.expect(400);
    app.advance(HOUR);
    // Together with the creation, as many entries of the history as are gone through.
    for n in 1..1_000 {
        acme.operations(&path, rename(&format!("ada {n}"))).await.expect(200);
    }
    let new = json!({ "config": { "state": "a" }, "replay_s": 5_400 });
    let within = start(&app, "acme", new.clone()).await;
    acme.operations(&path, rename("ada")).await.expect(200);
    let behind = start(&app, "acme", new).await;

    assert_eq!(replayed(&within)["refused"], json!({ "count": 1, "replayed": 1 }), "{within}");
    assert_eq!(replayed(&behind)["refused"], json!({ "count": 1, "replayed": 0 }), "{behind}");
    assert_eq!(replayed(&behind)["not_replayed"], json!({ "how their resource was then is not known": 1 }));
}

#[tokio::test]
async fn what_happened_to_groups_is_replayed_with_their_members() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.person("ada").await;
    let group = acme.group("Engines", &[&ada]).await;
    let bob = acme.person("bob").await;
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] }]);
    acme.operations(&format!("/Groups/{group}"), add).await.expect(200);
    acme.delete(&format!("/Users/{ada}")).await.expect(204);

    let same = start(&app, "acme", json!({ "replay_s": 60 })).await;
    let without = start(&app, "acme", json!({ "config": { "groups_served": false }, "replay_s": 60 })).await;

    // Three creations, a member more, a deletion; that the group lost who was deleted is no write of its own.
    assert_eq!(counts(replayed(&same)), [5, 0, 5, 0, 0]);
    assert_eq!((counts(replayed(&without)), &replayed(&without)["not_served"]), ([5, 0, 3, 0, 0], &json!(2)));
    acme.delete(&format!("/Groups/{group}")).await.expect(204);
    let gone = start(&app, "acme", json!({ "replay_s": 60 })).await;
    let why = "the members of a group that is gone: its account is not known";
    assert_eq!((counts(replayed(&gone)), &replayed(&gone)["not_replayed"]), ([5, 0, 5, 0, 0], &json!({ why: 1 })));
}

#[tokio::test]
async fn a_candidate_that_gives_no_answer_is_not_asked_about_every_request() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 110).await;
    let traps = push(&app, "traps").await;

    let rollout = start(&app, "acme", json!({ "plugin": traps, "sample": 1, "replay_s": 60 })).await;

    let says = "the plugin gave no answer for 100 writes; it was not asked any more";
    assert_eq!((&rollout["state"], &rollout["says"]), (&json!("failed"), &json!(says)));
    assert_eq!(counts(replayed(&rollout)), [muster_service::MAX_FAILURES, 0, 0, 0, muster_service::MAX_FAILURES]);
}

#[tokio::test]
async fn a_replay_that_a_restart_interrupts_is_made_again_and_one_that_is_cancelled_says_how_far_it_came() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 60).await;
    // The preview looks at some of them only.
    let new = json!({ "config": { "state": "a", "works": SLOWLY }, "sample": 1, "replay_s": 60 });
    let begun = app.admin_post("/tenants/acme/rollouts", new.clone()).await.expect(202);
    come_to(&app, "acme", &begun, "replay", 3).await;

    let app = app.restart().await;

    let done = settled(&app, "acme", &begun).await;
    assert_eq!((counts(replayed(&done)), &done["state"]), ([60, 60, 0, 0, 0], &json!("waiting")));
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    come_to(&app, "acme", &begun, "replay", 3).await;
    let cancelled = app.admin_post(&format!("{}/cancel", super::path("acme", &begun)), json!({})).await.expect(200);
    assert_eq!((&cancelled["state"], &step(&cancelled, "replay")["state"]), (&json!("cancelled"), &json!("cancelled")));
    let looked_at = replayed(&cancelled)["looked_at"].as_u64().unwrap();
    assert!((1..60).contains(&looked_at), "{looked_at}");
}

#[tokio::test]
async fn an_operator_replays_from_the_command_line() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({})).await;

    let config = r#"{ "state": "a" }"#;
    let shown = on(&app, &["rollout", "start", "acme", "--config", config, "--replay", "2h"]).await.text();

    assert!(shown.contains("\nreplay     done       looked at 1: 1 changed\n"), "{shown}");
    let replay = shown.split("\nREPLAY\n").nth(1).unwrap();
    let changed = replay.lines().find(|line| line.starts_with("changed ")).unwrap();
    let whom = format!("changed    2026-11-03T14:03:00.000Z created User ada ({ada}) by request ");
    assert!(changed.starts_with(&whom) && changed.ends_with(": account state \"active\" -> \"a\""), "{shown}");
    assert!(replay.contains("note       of what was sent, the candidate sees what was stored of it"), "{shown}");
    let refused = on(&app, &["rollout", "start", "acme", "--canary", "60%:10m"]).await.failed();
    assert!(refused.starts_with("canary.percent is 1 to 50"), "{refused}");
}
