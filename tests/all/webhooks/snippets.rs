//! What the record shows of verifying a webhook is run here, beside a published library that knows nothing of this server.

use std::io::Write;
use std::process::{Command, Stdio};

use muster_model::{Clock as _, SystemClock};
use muster_test_harness::wasm;
use serde_json::json;

use super::{Bench, Heard, OK, START_S, heard_so_many};
use crate::perform::endpoint::{Endpoint, says};

const RECORD: &str = include_str!("../../../host/server/docs/24-events.md");
const RECEIVER: &str = include_str!("../../../examples/webhook-receiver/src/verify.rs");

/// The first fence of this language in the record.
fn snippet(language: &str) -> &'static str {
    let (_, rest) = RECORD.split_once(&format!("```{language}\n")).expect("the record has one");
    rest.split_once("```").expect("a fence ends").0
}

/// What the snippet says, and what the published library does, each `True` or `False`.
const ASK: &str = r#"
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
exec(open(sys.argv[1]).read())
for line in sys.stdin:
    asked = json.loads(line)
    key, headers, body = asked["key"], asked["headers"], asked["body"].encode()
    try:
        Webhook(key).verify(body, headers)
        published = True
    except WebhookVerificationError:
        published = False
    print(is_believed(key, headers, body), published)
"#;

/// What Python says of each of these.
fn python(asked: &[(&str, &Heard)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (script, shown) = (folder.path().join("ask.py"), folder.path().join("snippet.py"));
    std::fs::write(&script, ASK).unwrap();
    std::fs::write(&shown, snippet("python")).unwrap();
    let program = wasm::folder().parent().unwrap().join("suites/bin/python");
    assert!(program.exists(), "{} is not there; `cargo xtask test` installs it", program.display());
    let mut command = Command::new(program);
    let mut child = command.arg(&script).arg(&shown).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for (key, one) in asked {
        let headers = json!({
            "webhook-id": one.id, "webhook-timestamp": one.timestamp, "webhook-signature": one.signatures,
        });
        writeln!(stdin, "{}", json!({ "key": key, "headers": headers, "body": one.body })).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn what_is_shown_in_rust_is_what_the_example_runs() {
    let shown = snippet("rust");
    assert!(shown.contains("pub fn is_believed("), "{shown}");
    assert!(RECEIVER.contains(shown), "{shown}");
}

#[tokio::test]
async fn what_is_shown_in_python_and_a_published_library_believe_the_server_and_nobody_else() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let key = bench.add("crm", json!({ "payload": "full" })).await;
    // The library goes by the machine's clock.
    bench.app.set_clock(SystemClock.now().as_millis() - START_S * 1_000);
    bench.acme.person("Ádá Łovelace ✓").await;
    bench.app.admin_put("/tenants/acme/webhooks/crm", json!({ "batch": 10 })).await.expect(200);
    bench.acme.user("grace@example.com").await;
    let rotated = bench.app.admin_post("/tenants/acme/webhooks/crm/rotate", json!({})).await.expect(200);
    let new = rotated["key"].as_str().unwrap();
    bench.app.admin_post("/tenants/acme/webhooks/crm/test", json!({})).await.expect(200);

    let all = heard_so_many(&crm, 3).await;
    let forged = Heard { body: all[0].body.replace("created", "deleted"), ..all[0].clone() };
    let late = Heard { timestamp: (START_S - 301).to_string(), ..all[0].clone() };
    let renamed = Heard { id: "acme_crm_event-9".to_owned(), ..all[0].clone() };
    let ping = all.iter().find(|one| one.kind() == "test.ping").unwrap();
    let good = all.iter().map(|one| (key.as_str(), one)).chain([(new, ping)]);
    let bad =
        [(key.as_str(), &forged), (&key, &late), (&key, &renamed), ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &all[0])];
    let asked: Vec<_> = good.chain(bad).collect();

    let said = python(&asked);

    assert_eq!(said[..4], ["True True"; 4], "{all:#?}");
    assert_eq!(said[4..], ["False False"; 4]);
}
