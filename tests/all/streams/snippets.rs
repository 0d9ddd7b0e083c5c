//! What the record shows of verifying tokens and of coming for them is run here, with the published library that it names.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_model::{Clock as _, SystemClock};
use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use super::*;

const RECORD: &str = include_str!("../../../host/server/docs/24-events.md");

/// The fences in Python of the part on tokens: what verifies them, and what comes for them.
fn snippets() -> String {
    let (_, part) = RECORD.split_once("### Verify a security event token\n").expect("the record has it");
    let fences = part.split("```python\n").skip(1).map(|rest| rest.split_once("```").expect("a fence ends").0);
    let fences: Vec<&str> = fences.collect();
    assert_eq!(fences.len(), 2, "one that verifies, and one that polls");
    fences.join("\n\n")
}

const ASK: &str = r#"
import json, sys
import requests
exec(open(sys.argv[1]).read())
asked = json.load(sys.stdin)
receiver, told = Receiver(asked["issuer"], asked["audience"]), []
poll(requests.Session(), asked["audience"], asked["token"], receiver, told.append)
refused = []
for token in asked["forged"]:
    try:
        receiver.claims(token)
        refused.append("believed")
    except Exception as error:
        refused.append(type(error).__name__)
print(json.dumps({"told": told, "refused": refused}))
"#;

fn python(asked: &Value) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (script, shown) = (folder.path().join("ask.py"), folder.path().join("snippets.py"));
    std::fs::write(&script, ASK).unwrap();
    std::fs::write(&shown, snippets()).unwrap();
    let program = wasm::folder().parent().unwrap().join("suites/bin/python");
    assert!(program.exists(), "{} is not there; `cargo xtask test` installs it", program.display());
    let mut command = Command::new(program);
    command.env("NO_PROXY", "*").arg(&script).arg(&shown);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn what_is_shown_in_python_comes_for_tokens_and_believes_the_server_and_nobody_else() {
    let app = TestApp::start().await;
    // The library goes by the machine's clock.
    app.set_clock(SystemClock.now().as_millis() - START_S * 1_000);
    let acme = app.tenant("acme").await;
    let added = app.admin_post("/tenants/acme/streams", json!({ "name": "audit" })).await.expect(201);
    let other = Poller::add(&app, "other", json!({})).await;
    let id = acme.post("/Users", person("Ádá ✓")).await.expect(201)["id"].as_str().unwrap().to_owned();
    acme.delete(&format!("/Users/{id}")).await.expect(204);
    for stream in ["audit", "other"] {
        settled(&app, stream, "waiting", 2).await;
    }
    let (issuer, name) = (format!("{}/t/acme", app.scim), "audit");
    let audience = format!("{issuer}/events/{name}");
    let sets = other.sets(json!({ "returnImmediately": true })).await;
    let of_another = sets.values().next().unwrap().as_str().unwrap();
    let [head, claims, signature]: [&str; 3] = of_another.split('.').collect::<Vec<_>>().try_into().unwrap();
    let read = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let with = |part: &str, name: &str, value: Value| {
        let mut part = read(part);
        part[name] = value;
        URL_SAFE_NO_PAD.encode(part.to_string())
    };
    let forged = [
        of_another.to_owned(),
        format!("{head}.{}.{signature}", with(claims, "aud", json!([audience]))),
        format!("{}.{claims}.{signature}", with(head, "typ", json!("JWT"))),
        format!("{}.{claims}.{signature}", with(head, "kid", json!("another"))),
    ];
    let asked = json!({ "issuer": issuer, "audience": audience, "token": added["token"], "forged": forged });

    let said = tokio::task::spawn_blocking(move || python(&asked)).await.unwrap();

    let told = said["told"].as_array().unwrap();
    assert_eq!(told.iter().flat_map(events).collect::<Vec<_>>(), ["prov:create:notice", "prov:delete"], "{said}");
    assert!(told.iter().all(|claims| claims["sub_id"]["id"] == id), "{said}");
    let errors = ["InvalidAudienceError", "InvalidSignatureError", "ValueError", "PyJWKClientError"];
    assert_eq!(said["refused"], json!(errors));
    settled(&app, "audit", "done", 2).await;
}
