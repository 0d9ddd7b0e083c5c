use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{obeying, person};
use crate::command::on;

#[tokio::test]
async fn an_operator_looks_lets_it_decide_and_maps_again_from_the_command_line() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let ada = person(&acme, "ada", json!({ "title": "Countess" })).await;
    let bob = person(&acme, "bob", json!({})).await;
    let config = r#"{ "state": "a", "titles": true, "task": "greet", "rejects": "bob" }"#;

    let start = ["rollout", "start", "acme", "--plugin", "obeys", "--config", config, "--watch", "0"];
    let looked = on(&app, &start).await.text();
    let listed = on(&app, &["rollout", "list", "acme", "--json"]).await.json();
    let id = listed["rollouts"][0]["id"].as_str().unwrap().to_owned();
    let active = on(&app, &["rollout", "activate", "acme", &id, "--anyway"]).await.text();
    let mapped = on(&app, &["rollout", "remap", "acme"]).await.text();
    let shown = on(&app, &["rollout", "show", "acme"]).await.text();
    let line = on(&app, &["rollout", "list", "acme"]).await.text();

    let digest = |text: &str| text.split(['(', ')']).nth(1).unwrap().to_owned();
    let by = digest(&looked);
    let configured: String = serde_json::from_str::<Value>(config).unwrap().to_string().chars().take(48).collect();
    let head = format!(
        "Rollout {id} for acme\n\
         candidate  obeys 1.0.0 ({by}), configured {configured}...\n\
         instead of obeys 1.0.0 ({by}), revision 1\n\
         begun      2026-11-03T14:03:00.000Z\n\
         \n"
    );
    let found = format!(
        "\n\
         PREVIEW\n\
         account    fields.title 1, state 1\n\
         events     updated 1\n\
         reasons    displayName is one that is not wanted 1\n\
         state      active -> a 1\n\
         task       greet 1, 1 of them destructive\n\
         changed    User ada ({ada}): account state \"active\" -> \"a\"; account fields.title \"Countess\"; task greet\n\
         rejected   User bob ({bob}): displayName is one that is not wanted\n\
         \n"
    );
    assert!(looked.starts_with(&format!("{head}STEP       STATE      FOUND\ncheck      done       ")), "{looked}");
    assert!(looked.contains("\ntry        skipped    the plugin has no cases\n"), "{looked}");
    let steps = "\npreview    done       looked at 2: 1 changed, 1 rejected\n\
        activate   pending\nwatch      pending\nremap      pending\n";
    let next = format!(
        "waiting\nagainst it: 1 of 2 would be rejected\n\
         to let it decide all the same: muster rollout activate acme {id} --anyway\n"
    );
    assert!(looked.ends_with(&format!("{steps}{found}{next}")), "{looked}");
    assert!(
        active.starts_with(&format!(
            "Rollout {id} for acme\nactivate   done       revision 2\nwatch      skipped    it was not to be watched\n"
        )),
        "what was looked at before is not told again: {active}"
    );
    assert!(
        active.ends_with(&format!("\nactive\nto map what is stored: muster rollout remap acme {id}\n")),
        "{active}"
    );
    let about_it = mapped.strip_prefix(&head).unwrap_or_else(|| panic!("{mapped}"));
    assert!(about_it.starts_with("remap      done       looked at 2: 1 changed, 1 rejected\n\nREMAP\n"), "{mapped}");
    let undo = format!("\n\ndone\nto take back what was mapped: muster undo acme --request rollout-{id}\n");
    assert!(!about_it.contains("PREVIEW") && about_it.ends_with(&undo), "{mapped}");
    assert!(shown.contains("\nPREVIEW\n") && shown.contains("\nREMAP\n"), "{shown}");
    assert!(
        line.starts_with(&format!("{id}  2026-11-03T14:03:00"))
            && line.contains("  done                 obeys 1.0.0 ("),
        "{line}"
    );
    assert_eq!(app.account("acme", &ada).await["state"], "a");
}

#[tokio::test]
async fn a_rollout_that_does_not_come_as_far_as_it_should_fails_the_command() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let none = on(&app, &["rollout", "show", "acme"]).await.failed();
    let nothing = on(&app, &["rollout", "remap", "acme"]).await.failed();
    person(&acme, "bob", json!({})).await;
    let start = ["rollout", "start", "acme", "--config"];
    let json = |ended: &crate::command::Ended| serde_json::from_str::<Value>(&ended.out).unwrap();

    let waits = on(&app, &[&start[..], &[r#"{"rejects":"bob"}"#, "--until", "remap", "--json"]].concat()).await;
    let bad = on(&app, &[&start[..], &["[]"]].concat()).await.failed();
    let cancelled = on(&app, &["rollout", "cancel", "acme", "--json"]).await.json();
    let again = on(&app, &["rollout", "cancel", "acme"]).await.failed();
    let waited = on(&app, &["rollout", "wait", "acme"]).await;

    assert_eq!((waited.code, waited.err.as_str()), (1, "muster: it was cancelled\n"));
    assert_eq!(none, "tenant acme has had no rollout yet");
    let start = "to map what is stored: muster rollout start acme --until remap";
    assert_eq!(nothing, format!("tenant acme has had no rollout yet; {start}"));
    assert_eq!((waits.code, &json(&waits)["state"]), (1, &json!("waiting")));
    assert_eq!(waits.err, "muster: it waits to be activated, because 1 of 1 would be rejected\n");
    assert!(bad.starts_with("the configuration does not fit the plugin: "), "{bad}");
    assert_eq!(cancelled["state"], "cancelled");
    assert!(again.ends_with("is cancelled: there is nothing to cancel (409 Conflict)"), "{again}");
}

#[tokio::test]
async fn a_rollback_says_what_decides_now_and_what_the_other_has_written() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    app.bind("acme", "obeys", json!({ "state": "a" })).await.expect(200);
    let ada = person(&acme, "ada", json!({})).await;
    person(&acme, "bob", json!({})).await;
    let title = json!([{ "op": "add", "path": "title", "value": "Countess" }]);
    acme.operations(&format!("/Users/{ada}"), title).await.expect(200);

    let back = on(&app, &["tenant", "rollback", "acme"]).await.text();
    let again = on(&app, &["tenant", "bind", "acme", "--plugin", "obeys"]).await.text();
    let refused = on(&app, &["rollout", "remap", "acme"]).await.failed();

    let by = back.split(['(', ')']).nth(1).unwrap();
    let expected = format!(
        "acme is decided by obeys 1.0.0 ({by}) again, revision 3\n\
         instead of obeys 1.0.0 ({by}), bound 2026-11-03T14:03:00.000Z\n  \
         configured otherwise: state \"a\" -> not set\n\
         written while it decided: 3 changes, to 2 users and groups; to map them again: muster rollout start acme --until remap\n"
    );
    assert_eq!(back, expected);
    assert!(again.starts_with("nothing has changed: this is bound already\nacme "), "{again}");
    assert_eq!(
        refused,
        "tenant acme has had no rollout yet; to map what is stored: muster rollout start acme --until remap"
    );
}

#[tokio::test]
async fn what_the_host_mapped_by_itself_is_told_in_words() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;
    app.admin_put("/tenants/acme/scim", json!({ "on_plugin_failure": "pass-through" })).await.expect(200);
    let ada = acme.user("ada").await;

    let account = on(&app, &["tenant", "account", "acme", &ada]).await.text();
    let history = on(&app, &["history", "acme", &ada]).await.text();

    assert!(
        account.starts_with(&format!("User {ada}, mapped by the host's standard mapping\nresource {{\n")),
        "{account}"
    );
    assert!(history.contains(") mapped by the host's standard mapping: "), "{history}");
}

#[tokio::test]
async fn a_watch_that_was_cancelled_is_no_failure_of_what_comes_after_it() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    person(&acme, "ada", json!({})).await;
    let start = ["rollout", "start", "acme", "--config", r#"{"state":"a"}"#, "--until", "activate"];
    on(&app, &start).await.text();

    let cancelled = on(&app, &["rollout", "cancel", "acme"]).await.text();
    let waited = on(&app, &["rollout", "wait", "acme"]).await;
    let mapped = on(&app, &["rollout", "remap", "acme"]).await.text();

    let listed = app.admin_get("/tenants/acme/rollouts").await.expect(200);
    let id = listed["rollouts"][0]["id"].as_str().unwrap();
    assert_eq!(
        cancelled,
        format!(
            "Rollout {id} for acme\nwatch      cancelled\n\nactive\n\
             it goes on deciding; to go back: muster tenant rollback acme\n\
             to map what is stored: muster rollout remap acme {id}\n"
        )
    );
    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(mapped.contains("\nremap      done       looked at 1: 1 changed\n"), "{mapped}");
    let back = on(&app, &["tenant", "rollback", "acme"]).await.text();
    let undo = format!("to take that back: muster undo acme --request rollout-{id}\n");
    assert!(back.ends_with(&undo), "{back}");
}

#[tokio::test]
async fn who_binds_by_hand_is_told_what_is_configured_otherwise_and_how_the_stored_is_mapped() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;

    let bound = on(&app, &["tenant", "bind", "acme", "--config", r#"{"state":"a"}"#]).await.text();
    let sampled = on(&app, &["rollout", "start", "acme", "--sample", "10%", "--watch", "90"]).await;

    let lines: Vec<&str> = bound.lines().skip(1).collect();
    let hint =
        "  what is stored stays as it was mapped before; to map it by this: muster rollout start acme --until remap";
    assert_eq!(lines, ["  configured otherwise: state not set -> \"a\"", hint], "{bound}");
    assert_eq!(sampled.code, 2);
    let unit = "invalid value '90' for '--watch <TIME>': a time with its unit, as in 90s, 5m or 2h";
    assert!(sampled.err.contains(unit), "{sampled:?}");
}
