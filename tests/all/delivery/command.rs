//! `muster task`

use muster_plugin::Outcome;

use super::carrier::Scripted;
use super::{change, delivering, stands, tenant, until};
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
    assert_eq!(replayed, "replay: 1 task\n");
    until(&app, "acme", 2, stands("done")).await;
    let refused = on(&app, &["task", "replay", "acme", "1"]).await.failed();
    assert_eq!(refused, "task 1 was skipped, and nothing becomes of it any more (409 Conflict)");
    let counted = on(&app, &["task", "count", "acme", "--json"]).await.json();
    assert_eq!(counted["queues"]["plugin"]["done"], 1);
}
