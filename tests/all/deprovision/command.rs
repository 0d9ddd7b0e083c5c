//! `muster deprovision`

use serde_json::json;

use super::{TOO_LONG, but_for, delivering, failed, set_active, tenant, until};
use crate::command::on;

#[tokio::test]
async fn deprovisions_are_listed_and_shown_on_the_command_line() {
    let app = delivering(&but_for("disable", |_| failed())).await;
    let acme = tenant(&app, "acme").await;
    assert_eq!(on(&app, &["deprovision", "list", "acme"]).await.text(), "tenant acme has no such deprovision\n");
    let id = acme.user("ada@example.com").await;
    set_active(&acme, &id, false).await;
    let shown = until(&app, &id, "failed").await;
    app.advance(TOO_LONG);

    let task = &shown["steps"][1]["task"];
    let line = format!(
        "2026-11-03 14:03:00.000Z       2  failed      deactivated ada@example.com ({id})  1.0 s late: task {task} (disable, plugin) is parked\n"
    );
    for option in ["--open", "--overdue", "--failed"] {
        assert_eq!(on(&app, &["deprovision", "list", "acme", option]).await.text(), line, "{option}");
    }
    assert_eq!(on(&app, &["deprovision", "list", "acme", "--since", "2026-11-03T14:03:00Z"]).await.text(), line);
    let later = on(&app, &["deprovision", "list", "acme", "--since", "2026-11-03T14:03:01Z"]).await.text();
    assert_eq!(later, "tenant acme has no such deprovision\n");
    let held = on(&app, &["deprovision", "list", "acme", "--held", "--json"]).await.json();
    assert_eq!(held, json!({ "deprovisions": [], "next": null }));

    let story = on(&app, &["deprovision", "show", "acme", "ada@example.com"]).await.text();
    let lines: Vec<&str> = story.lines().collect();
    assert_eq!(lines[0], format!("user      ada@example.com ({id})"));
    assert_eq!(lines[1], "state     failed  1.0 s late");
    assert!(lines[2].starts_with("written   2026-11-03 14:03:00.000Z   deactivated by token "), "{story}");
    assert_eq!(lines[3], "due       2026-11-03 14:08:00.000Z   300 s after it");
    assert_eq!(lines[4..6], ["steps", format!("    task {task}   disable (plugin)   parked").as_str()]);
    assert_eq!(lines[6], "        2026-11-03 14:03:00.000Z   0 ms   there is no such seat");
    let nobody = on(&app, &["deprovision", "show", "acme", "nobody"]).await.failed();
    assert!(
        nobody.starts_with("there is no user nobody in tenant acme, nor one of this name that was deleted "),
        "{nobody}"
    );

    let told = |seconds| format!("tenant acme: everything must be done {seconds} s after the change\n");
    assert_eq!(on(&app, &["deprovision", "target", "acme"]).await.text(), told(300));
    assert_eq!(on(&app, &["deprovision", "target", "acme", "900"]).await.text(), told(900));
    assert_eq!(
        on(&app, &["deprovision", "target", "acme", "0"]).await.failed(),
        "target_s is between 1 and 2592000 (400 Bad Request)"
    );
}
