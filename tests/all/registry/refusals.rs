//! What stands in the log of the whole server: what was refused and why, without what was sent; what was granted; what failed, and how often.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_test_harness::{Answer, ServeProcess, USER, wasm};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, swap_a, swap_b};
use crate::serve::config;

const KEY: &str = "an-admin-key-for-the-log";

async fn ask(server: &ServeProcess, method: Method, path: &str, body: Value) -> Answer {
    Answer::of(server.admin(method, path).body(body.to_string())).await
}

async fn push(server: &ServeProcess, guest: &str) {
    Answer::of(server.admin(Method::POST, "/plugins").body(wasm::guest(guest))).await.expect(201);
}

/// The lines that say this, in order.
fn saying<'l>(log: &'l [Value], message: &str) -> Vec<&'l Value> {
    log.iter().filter(|line| line["message"] == message).collect()
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test]
async fn a_refused_configuration_and_a_wrong_signature_are_a_line_each_without_what_was_sent() {
    let (folder, desk) = (tempfile::tempdir().unwrap(), Desk::new());
    let mut server = ServeProcess::start(&config(folder.path(), "[log]\nformat = \"json\""), KEY);
    desk.key("own").await;
    let of_b = desk.sign(&swap_b(), "own").await;

    push(&server, "wants").await;
    let new = json!({ "name": "acme", "plugin": "wants", "grants": "all" });
    ask(&server, Method::POST, "/tenants", new).await.expect(201);
    let wrong = json!({ "config": { "seats": "hunter2", "api": { "key": "weak-hunter2" } } });
    ask(&server, Method::PUT, "/tenants/acme/binding", wrong).await.expect(400);
    let about = STANDARD.encode(json!({ "by": "hunter2", "signature": of_b }).to_string());
    let unsigned = server.admin(Method::POST, "/plugins").header("muster-plugin", about).body(swap_a());
    Answer::of(unsigned).await.expect(400);
    let log = server.terminate();

    assert!(!log.contains("hunter2"), "{log}");
    let log = lines(&log);
    let refused = saying(&log, "admin request refused");
    let of_config = refused.iter().find(|line| line["http.route"].as_str().unwrap().ends_with("/binding")).unwrap();
    assert_eq!(of_config["error"], r#"the configuration does not fit the plugin at "/seats""#);
    assert_eq!((&of_config["http.status"], &of_config["http.method"]), (&json!(400), &json!("PUT")));
    let of_push = refused.iter().find(|line| line["http.route"].as_str().unwrap().ends_with("/plugins")).unwrap();
    let says = of_push["error"].as_str().unwrap();
    assert!(says.starts_with("the signature is of other bytes: it covers sha256:"), "{says}");
    assert_eq!(refused.len(), 2, "{refused:?}");
    let granted = saying(&log, "grants changed");
    let told: Vec<[&Value; 3]> =
        granted.iter().map(|line| [&line["tenant.id"], &line["grants.before"], &line["grants.after"]]).collect();
    assert_eq!(told, [[&json!("acme"), &json!(0), &json!(3)]], "what is granted with a binding is told like the rest");
}

#[tokio::test]
async fn a_plugin_that_fails_at_a_preview_does_not_flood_the_log_and_what_passes_through_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ServeProcess::start(&config(folder.path(), "[log]\nformat = \"json\""), KEY);
    push(&server, "traps").await;
    let acme = server.create_tenant("acme", "standard").await;
    for number in 0..30 {
        acme.user(&format!("user{number}")).await;
    }
    let globex = server.create_tenant("globex", "traps").await;
    let settings = json!({ "on_plugin_failure": "pass-through" });
    ask(&server, Method::PUT, "/tenants/globex/scim", settings).await.expect(200);

    let begun = ask(&server, Method::POST, "/tenants/acme/rollouts", json!({ "plugin": "traps" })).await.expect(202);
    let path = format!("/tenants/acme/rollouts/{}", begun["id"].as_str().unwrap());
    while ask(&server, Method::GET, &path, Value::Null).await.expect(200)["state"] == "running" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    globex.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(201);
    let log = lines(&server.terminate());

    let aside = saying(&log, "a plugin call that no request waits for failed; nothing was written");
    let counted: Vec<u64> = aside.iter().map(|line| line["failures"].as_u64().unwrap()).collect();
    assert_eq!(counted, [1, 2, 3, 4, 5, 8, 16]);
    let steps = saying(&log, "step of a rollout ended");
    let preview = steps.iter().find(|line| line["rollout.step"] == "preview").unwrap();
    assert_eq!(preview["failed"], 30, "how many there were is told at its end");
    let passed = saying(&log, "a plugin call failed; the write goes on without it");
    assert_eq!((passed.len(), &passed[0]["tenant.id"]), (1, &json!("globex")));
    assert_eq!(saying(&log, "a plugin call failed; nothing was written").len(), 0);
}
