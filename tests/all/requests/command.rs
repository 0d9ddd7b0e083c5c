//! `muster tenant requests` and `muster tenant request`: what a person reads.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_test_harness::{ADMIN_KEY, TestApp, USER, wasm};
use serde_json::{Value, json};

fn muster(app: &TestApp, arguments: &[&str]) -> Command {
    let mut command = Command::new(wasm::folder().join("muster"));
    command.args(["tenant"]).args(arguments).args(["--server", &app.admin, "--admin-key", ADMIN_KEY]);
    command
}

/// What a command prints, and whether it ended well.
async fn run(app: &TestApp, arguments: &[&str]) -> (String, bool) {
    let mut command = muster(app, arguments);
    // On a thread of its own: this one runs the server that the command asks.
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = [ended.stdout, ended.stderr].concat();
    (String::from_utf8(text).unwrap(), ended.status.success())
}

/// Lines without the ids of the requests.
fn without_ids(text: &str) -> String {
    let line = |line: &str| match line.splitn(3, "  ").collect::<Vec<_>>()[..] {
        [at, id, rest] if id.contains('-') && at.ends_with('Z') => format!("{at}  {rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn requests_are_listed_a_line_each_and_chosen() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    app.advance(Duration::from_secs(3600));
    acme.get(&format!("/Users/{ada}")).await.expect(200);
    acme.get("/Users/nobody").await.expect(404);

    let missing = "2026-11-03T15:03:00.000Z  GET    /Users/...  404 Resource <...> not found\n";
    let read = format!("2026-11-03T15:03:00.000Z  GET    /Users/{ada}  200\n");
    let made = "2026-11-03T14:03:00.000Z  POST   /Users  201\n";
    let told = async |arguments: &[&str]| without_ids(&run(&app, &[&["requests", "acme"], arguments].concat()).await.0);
    assert_eq!(told(&[]).await, format!("{made}{read}{missing}"));
    assert_eq!(told(&["--failed"]).await, missing);
    assert_eq!(told(&["--status", "404"]).await, missing);
    assert_eq!(told(&["--limit", "2"]).await, format!("{read}{missing}"));
    assert_eq!(told(&["--resource", &ada]).await, format!("{made}{read}"));
    assert_eq!(told(&["--since", "2026-11-03T15:00:00Z"]).await, format!("{read}{missing}"));
    let json: Value = serde_json::from_str(&told(&["--failed", "--json"]).await).unwrap();
    assert_eq!(json["requests"][0]["status"], 404);

    let (said, is_well) = run(&app, &["requests", "acme", "--status", "9xx"]).await;
    assert!(!is_well && said.contains("status is 404, 4xx or failed"), "{said}");
    let (said, is_well) = run(&app, &["requests", "acme", "--since", "yesterday"]).await;
    assert!(!is_well && said.contains("30s, 30m, 1h, 2d, or a time"), "{said}");
}

#[tokio::test]
async fn one_request_is_shown_as_a_person_reads_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let body = json!({ "schemas": [USER], "userName": "ada@example.com", "title": "Countess", "Active": true });
    let made = acme.post("/Users", body).await;
    let id = made.header("x-request-id");

    let (said, is_well) = run(&app, &["request", "acme", id]).await;
    println!("{said}");
    assert!(is_well, "{said}");
    for line in [
        &format!("request   {id}   2026-11-03T14:03:00.000Z   token tok_"),
        "sent      POST /Users   HTTP/1.1 under /api/v2/scim",
        "    content-type: application/scim+json",
        "    and, not kept: ",
        "      \"userName\": \"ada@example.com\",",
        "      \"title\": \"<text of 8 characters>\",",
        "forgiven",
        ": account invited, not listed, found by userName and emails.value; tasks: 1 (send-invitation)",
        "answer    201   ",
        "    etag: W/\"1\"",
        "took      ",
        "changes   1 of the tenant's log",
    ] {
        assert!(said.contains(line), "{line} in\n{said}");
    }
    let (said, is_well) = run(&app, &["request", "acme", "none"]).await;
    assert!(!is_well && said.contains("there is no request none"), "{said}");
    let (json, _) = run(&app, &["request", "acme", id, "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["request"], json!(id));
}

#[tokio::test]
async fn requests_can_be_followed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.get("/Users").await.expect(200);
    let mut follower = muster(&app, &["requests", "acme", "--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    assert_eq!(without_ids(&told.recv().await.unwrap()), "2026-11-03T14:03:00.000Z  GET    /Users  200\n");
    acme.get("/Groups").await.expect(200);
    assert_eq!(without_ids(&told.recv().await.unwrap()), "2026-11-03T14:03:00.000Z  GET    /Groups  200\n");
    follower.kill().unwrap();
    follower.wait().unwrap();
}
