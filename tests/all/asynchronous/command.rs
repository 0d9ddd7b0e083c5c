//! `muster task`, of what is in the queue `async` and in those of receivers.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use super::{Taken, builder, later, person, switch_on, told, until};
use crate::command::on;

/// Every file below a folder.
pub(super) fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(std::fs::read(path).unwrap()) }
    }
    all
}

#[tokio::test]
async fn requests_that_wait_and_what_came_of_them_are_listed_and_shown_for_people() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada@example.com").await;
    switch_on(&app, "acme").await;
    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Users", person("ADA@example.com")).await);
    let gone = Taken::of(&acme, &later(&acme, Method::DELETE, &format!("/Users/{ada}"), json!(null)).await);

    let listed = on(&app, &["task", "list", "acme", "--queue", "async"]).await.text();
    let expected = format!(
        "     1  waiting    request POST /Users (async)\n     2  waiting    response to {} (async)\n     3  waiting    request DELETE /Users/{ada} (async)\n     4  waiting    response to {} (async)\n",
        taken.txn, gone.txn
    );
    assert_eq!(listed, expected);
    assert_eq!(
        on(&app, &["task", "list", "acme", "--queue", "async", "--limit", "1"]).await.text().lines().last(),
        Some("more: --after 1")
    );
    assert_eq!(
        on(&app, &["task", "list", "acme", "--queue", "plugin"]).await.text(),
        "tenant acme has no task in queue plugin\n"
    );
    let refused = on(&app, &["task", "list", "acme", "--queue", "No Queue"]).await.failed();
    assert!(refused.contains("a queue is `plugin`, `async`, or a kind and a name"), "{refused}");
    let waits = on(&app, &["task", "show", "acme", "2"]).await.text();
    assert!(waits.contains("by a client that does not wait for what comes of it\n"), "{waits}");
    assert!(waits.contains("waits     for task 1, which came before it\n"), "{waits}");

    let app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    taken.came(&acme).await;
    gone.came(&acme).await;
    told(&app, "acme", 2).await;
    // What is told is told before its attempt is kept.
    for seq in [2, 4] {
        until(&app, seq, |task| task["standing"] == "done").await;
    }
    let story = on(&app, &["task", "show", "acme", "2"]).await.text();
    assert!(story.starts_with("task      2   done   response\n"), "{story}");
    assert!(
        story.contains("\n    409   POST    userName is already in use\n") && !story.contains("decisions"),
        "{story}"
    );
    let shown = on(&app, &["task", "show", "acme", "4", "--json"]).await.json();
    assert_eq!((&shown["answer"]["operations"][0][1]["status"], &shown["decisions"]), (&json!("204"), &json!([])));

    let announced = on(&app, &["task", "list", "acme", "--queue", "webhook:told"]).await.text();
    assert!(announced.lines().all(|line| line.contains("  async.response (webhook:told)")), "{announced}");
    let seq = announced.split_whitespace().next().unwrap().to_owned();
    let story = on(&app, &["task", "show", "acme", &seq]).await.text();
    assert!(story.contains("by no entry of the log: it tells of something that is no change\n"), "{story}");
    assert!(!story.contains("about     "), "{story}");
}
