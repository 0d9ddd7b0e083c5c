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

    let looked = on(&app, &["rollout", "start", "acme", "--plugin", "obeys", "--config", config]).await.text();
    let listed = on(&app, &["rollout", "list", "acme", "--json"]).await.json();
    let id = listed["rollouts"][0]["id"].as_str().unwrap().to_owned();
    let active = on(&app, &["rollout", "activate", "acme", &id]).await.text();
    let mapped = on(&app, &["rollout", "remap", "acme", "--json"]).await.json();
    let shown = on(&app, &["rollout", "show", "acme"]).await.text();
    let line = on(&app, &["rollout", "list", "acme"]).await.text();

    let expected = format!(
        "preview    done      looked at 2: 1 changed, 1 rejected\n\
         activate   pending\n\
         remap      pending\n\
         \n\
         account:   fields.title 1, state 1\n\
         events:    updated 1\n\
         reasons:   displayName is one that is not wanted 1\n\
         state:     active -> a 1\n\
         task:      greet 1, 1 of them destructive\n\
         changed    User ada ({ada}): account state \"active\" -> \"a\"; account fields.title \"Countess\"; task greet\n\
         rejected   User bob ({bob}): displayName is one that is not wanted\n\
         \n\
         waiting\n"
    );
    assert!(looked.ends_with(&expected), "{looked}");
    assert!(looked.starts_with(&format!("rollout    {id}   obeys 1.0.0 (")), "{looked}");
    assert!(looked.contains("\ntry        skipped   the plugin has no cases\n"), "{looked}");
    assert!(active.contains("\nactivate   done      revision 2\n") && active.ends_with("\nactive\n"), "{active}");
    assert_eq!(mapped["state"], "done");
    assert!(shown.contains("\nremap      done      looked at 2: 1 changed, 1 rejected\n"), "{shown}");
    assert!(
        line.starts_with(&format!("{id}  2026-11-03T14:03:00")) && line.contains("  done   obeys 1.0.0 ("),
        "{line}"
    );
    assert_eq!(app.account("acme", &ada).await["state"], "a");
}

#[tokio::test]
async fn a_rollout_that_does_not_come_as_far_as_it_should_fails_the_command() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let none = on(&app, &["rollout", "show", "acme"]).await.failed();
    person(&acme, "bob", json!({})).await;
    let start = ["rollout", "start", "acme", "--config"];
    let json = |ended: &crate::command::Ended| serde_json::from_str::<Value>(&ended.out).unwrap();

    let waits = on(&app, &[&start[..], &[r#"{"rejects":"bob"}"#, "--until", "remap", "--json"]].concat()).await;
    let bad = on(&app, &[&start[..], &["[]"]].concat()).await.failed();
    let cancelled = on(&app, &["rollout", "cancel", "acme", "--json"]).await.json();
    let again = on(&app, &["rollout", "cancel", "acme"]).await.failed();

    assert_eq!(none, "tenant acme has had no rollout yet");
    assert_eq!((waits.code, &json(&waits)["state"]), (1, &json!("waiting")));
    assert_eq!(waits.err, "muster: it waits to be activated, because 1 of 1 would be rejected\n");
    assert!(bad.starts_with("the configuration does not fit the plugin: "), "{bad}");
    assert_eq!(cancelled["state"], "cancelled");
    assert!(again.ends_with("is cancelled: there is nothing to cancel (409 Conflict)"), "{again}");
}
