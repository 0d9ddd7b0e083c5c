//! `muster task`

use std::process::{Command, Stdio};

use muster_plugin::Outcome;
use muster_test_harness::{ADMIN_KEY, wasm};
use serde_json::json;

use super::carrier::Scripted;
use super::{again, change, delivering, stands, tenant, until};
use crate::command::on;

#[tokio::test]
async fn tasks_are_listed_shown_and_decided_over_on_the_command_line() {
    let carrier = Scripted::new(|_, _, _| Some(Outcome::Failed { reason: "the seat\u{1b} is gone".to_owned() }));
    let app = delivering(&carrier).await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    change(&acme, &id, 2).await;
    until(&app, "acme", 2, stands("parked")).await;

    let listed = on(&app, &["task", "list", "acme"]).await.text();
    let line = |seq: u64| format!("     {seq}  parked     tell User {id}  1 attempt: the seat  is gone\n");
    assert_eq!(listed, line(1) + &line(2));
    assert_eq!(on(&app, &["task", "list", "acme", "--limit", "1"]).await.text(), line(1) + "more: --after 1\n");
    assert_eq!(on(&app, &["task", "count", "acme"]).await.text(), "        2  parked     plugin\n");
    let story = on(&app, &["task", "show", "acme", "1"]).await.text();
    assert!(story.starts_with("task      1   parked   tell   destructive\nabout     User "), "{story}");
    assert!(story.contains("by entry 2 of the log: updated by token "), "{story}");
    assert!(story.contains("ms   the seat  is gone\n"), "{story}");

    carrier.now(|_, _, _| Some(Outcome::Done));
    let skipped = on(&app, &["task", "skip", "acme", "1", "--json"]).await.json();
    assert_eq!((&skipped["standing"], &skipped["decisions"][0]["by"]), (&"skipped".into(), &"operator".into()));
    let replayed = on(&app, &["task", "replay", "acme", "--standing", "parked"]).await.text();
    assert_eq!(replayed, "1 task will be tried again\n");
    until(&app, "acme", 2, stands("done")).await;
    let refused = on(&app, &["task", "replay", "acme", "1"]).await.failed();
    assert_eq!(refused, "task 1 was skipped, and nothing becomes of it any more (409 Conflict)");
    let counted = on(&app, &["task", "count", "acme", "--json"]).await.json();
    assert_eq!(counted["queues"]["plugin"]["done"], 1);
}

#[tokio::test]
async fn a_limit_counts_those_of_the_queue_and_says_how_many_are_left() {
    let app = delivering(&Scripted::new(|_, _, _| again("not today"))).await;
    let acme = tenant(&app, "acme").await;
    let id = acme.user("ada@example.com").await;
    change(&acme, &id, 2).await;
    app.admin_post("/tenants/acme/streams", json!({ "name": "audit" })).await.expect(201);
    change(&acme, &id, 3).await;
    let counts = async || app.admin_get("/tenants/acme/tasks/counts").await.expect(200)["queues"].clone();
    while counts().await["poll:audit"]["waiting"] != 3 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }

    let cancel = ["task", "cancel", "acme", "--standing", "waiting", "--queue", "poll:audit"];
    let one = on(&app, &[&cancel[..], &["--limit", "1"]].concat()).await.text();
    assert_eq!(one, "1 task will never be tried\n--limit 1 ended it: 2 tasks more\n");
    let one = on(&app, &[&cancel[..], &["--limit", "1", "--json"]].concat()).await.json();
    assert_eq!(one, json!({ "decided": 1, "refused": 0, "refusals": [], "left": 1 }));
    assert_eq!(on(&app, &cancel).await.text(), "1 task will never be tried\n");
    assert_eq!(on(&app, &cancel).await.text(), "tenant acme has no waiting task in queue poll:audit\n");
    assert_eq!(counts().await["plugin"], json!({ "waiting": 5 }), "those of another queue are left alone");
}

#[tokio::test]
async fn what_can_be_no_queue_or_standing_is_refused_and_an_empty_list_says_so() {
    let app = delivering(&Scripted::new(|_, _, _| Some(Outcome::Done))).await;
    tenant(&app, "acme").await;
    let kinds = "a queue is `plugin`, `async`, or a kind and a name of lower-case letters, digits and '-': `webhook:NAME`, `push:NAME` or `poll:NAME`";
    for queue in ["nonsense", "stream:psh", "webhook:"] {
        let list = on(&app, &["task", "list", "acme", "--queue", queue]).await.failed();
        assert_eq!(list, format!("{kinds} (400 Bad Request)"));
        let replay = on(&app, &["task", "replay", "acme", "--standing", "parked", "--queue", queue]).await.failed();
        assert_eq!(replay, format!("{kinds} (400 Bad Request)"));
    }
    let standings = "standing: a task is waiting, held, parked, done, skipped or cancelled (400 Bad Request)";
    assert_eq!(on(&app, &["task", "list", "acme", "--standing", "hold"]).await.failed(), standings);
    assert_eq!(on(&app, &["task", "replay", "acme", "--standing", "hold"]).await.failed(), standings);
    let none = ["task", "list", "acme", "--standing", "parked", "--queue", "push:siem", "--after", "7"];
    assert_eq!(on(&app, &none).await.text(), "tenant acme has no parked task in queue push:siem behind task 7\n");
    assert_eq!(on(&app, &["task", "list", "acme"]).await.text(), "tenant acme has no task\n");
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_told_nothing() {
    let app = delivering(&Scripted::new(|_, _, _| Some(Outcome::Done))).await;
    tenant(&app, "acme").await;
    let mut muster = Command::new(wasm::folder().join("muster"));
    muster.args(["task", "count", "acme", "--server", &app.admin, "--admin-key", ADMIN_KEY]);
    let ended = tokio::task::spawn_blocking(move || {
        let mut muster = muster.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(muster.stdout.take());
        muster.wait_with_output().unwrap()
    });
    let ended = ended.await.unwrap();
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(141), ""));
}
