//! `muster brake`

use serde_json::json;

use super::{Braked as _, deactivate, delivering, only_count, tenant};
use crate::command::on;

#[tokio::test]
async fn the_brake_is_shown_set_and_decided_over_on_the_command_line() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 8).await;
    let shown = on(&app, &["brake", "show", "acme"]).await.text();
    assert!(shown.starts_with("ready     the brake is not engaged\ncounted   0 deactivated or deleted, "), "{shown}");
    assert!(
        shown.contains(
            "engages   with more than 25 users deactivated or deleted within 3600 s, if that is more than 10 %\n"
        ),
        "{shown}"
    );
    assert_eq!(on(&app, &["brake", "list", "acme"]).await.text(), "nothing of tenant acme is held\n");
    let set = ["brake", "set", "acme", "--count", "2", "--share-percent", "1", "--half-from", "0"];
    assert!(on(&app, &set).await.text().contains("with more than 2 users"));
    let refused = on(&app, &["brake", "set", "acme", "--window-s", "1"]).await.failed();
    assert_eq!(refused, "window_s is between 60 and 604800 (400 Bad Request)");
    assert_eq!(on(&app, &["brake", "set", "acme"]).await.failed(), "nothing is to be set; --help tells what can be");

    for id in &users[..2] {
        deactivate(&acme, id).await;
    }
    app.at_rest("acme").await;
    for id in &users[2..6] {
        deactivate(&acme, id).await;
    }
    app.engaged("acme").await;
    app.at_rest("acme").await;
    let shown = on(&app, &["brake", "show", "acme"]).await.text();
    assert!(shown.starts_with("ENGAGED   since "), "{shown}");
    assert!(
        shown.contains(": 3 of 8 users were deactivated or deleted within 60 minutes\n")
            && shown.contains("held      4 tasks\n"),
        "{shown}"
    );
    let listed = on(&app, &["brake", "list", "acme"]).await.text();
    assert_eq!(listed.lines().count(), 4);
    let first = listed.lines().next().unwrap();
    assert!(first.contains(&format!("disable  User {} u2@example.com   deactivated ", users[2])), "{first}");
    assert!(first.contains(" by token ") && first.contains("(request "), "{first}");

    let released = on(&app, &["brake", "release", "acme", "--user", &users[2]]).await.text();
    assert_eq!(released, "1 task released\n");
    let cancelled = on(&app, &["brake", "cancel", "acme", "--all"]).await.text();
    assert_eq!(cancelled, "3 tasks cancelled; the brake is disengaged, and counts from now on\n");
    app.at_rest("acme").await;
    assert_eq!(carrier.ended("acme").len(), 3);
    let refused = on(&app, &["brake", "release", "acme", "--task", "1"]).await;
    assert_eq!((refused.code, refused.err.as_str()), (1, "muster: 1 task refused\n"));
    assert!(refused.out.ends_with("  task 1 does not destroy, so the brake never holds it\n"), "{refused:?}");
    let off = on(&app, &["brake", "off", "acme"]).await.text();
    assert!(off.starts_with("OFF       nothing is held, whatever happens\n"), "{off}");
    let on_again = on(&app, &["brake", "on", "acme", "--json"]).await.json();
    assert_eq!(
        (&on_again["settings"]["is_on"], &on_again["settings"]["count"]),
        (&json!(true), &only_count(2)["count"])
    );
}
