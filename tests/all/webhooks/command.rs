//! `muster webhook`

use serde_json::json;

use super::{BROKEN, Bench, OK, heard_so_many, one_after_the_other};
use crate::command::on;
use crate::perform::endpoint::{Endpoint, says};

#[tokio::test]
async fn a_webhook_is_added_shown_changed_tried_and_removed_on_the_command_line() {
    let crm = Endpoint::start("crm.example", says(OK)).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let app = &bench.app;
    let none = on(app, &["webhook", "list", "acme"]).await.text();
    assert_eq!(none, "tenant acme has no webhook; `muster webhook add acme NAME --url URL` adds one\n");

    let add = ["webhook", "add", "acme", "crm", "--url", "https://crm.example/hooks", "--event", "user.created"];
    let added = on(app, &add).await.text();
    let lines: Vec<&str> = added.lines().collect();
    assert_eq!(lines[0], "webhook crm of tenant acme is added; it is told what happens from now on");
    let key = lines[1].strip_prefix("key ").unwrap();
    assert!(key.starts_with("whsec_") && key.len() == 50, "{key}");
    assert_eq!(lines[2..], ["Keep it: it is not shown again."]);
    let twice = on(app, &add).await.failed();
    assert_eq!(twice, "there is a webhook crm of tenant acme already (409 Conflict)");

    let tried = on(app, &["webhook", "test", "acme", "crm"]).await.text();
    assert_eq!(tried, "crm answered 204 after 0 ms\n");
    let ping = heard_so_many(&crm, 1).await.remove(0);
    assert!(ping.is_believed(key) && ping.kind() == "test.ping");
    assert_eq!(ping.json()["data"], json!({ "tenant": "acme", "webhook": "crm" }));

    let user = bench.acme.user("ada@example.com").await;
    bench.until_done("crm", 1).await;
    let listed = on(app, &["webhook", "deliveries", "acme", "crm"]).await.text();
    assert_eq!(listed, format!("     1  done       user.created User {user} (webhook:crm)  1 attempt\n"));
    let as_json = on(app, &["webhook", "deliveries", "acme", "crm", "--standing", "parked", "--json"]).await.json();
    assert_eq!(as_json, json!({ "tasks": [], "next": null }));

    let set =
        ["webhook", "set", "acme", "crm", "--all-events", "--payload", "full", "--batch", "10", "--braked", "false"];
    let shown = on(app, &set).await.text();
    assert!(shown.contains("events    all, behind entry 0 of the log\n"), "{shown}");
    assert!(shown.contains("payload   full, at most 10 in a request, not held by the brake\n"), "{shown}");
    let nothing = on(app, &["webhook", "set", "acme", "crm"]).await.failed();
    assert!(nothing.starts_with("nothing is to be changed: "), "{nothing}");

    let rotated = on(app, &["webhook", "rotate", "acme", "crm", "--overlap-h", "0"]).await.text();
    assert!(rotated.ends_with("the keys before it do not sign any more\n"), "{rotated}");
    assert!(!rotated.contains(key));
    let off = on(app, &["webhook", "off", "acme", "crm"]).await.text();
    assert_eq!(off, "webhook crm of tenant acme is off\n");
    let listed = on(app, &["webhook", "list", "acme"]).await.text();
    assert_eq!(listed, "crm                   OFF  https://crm.example/hooks\n");
    let on_again = on(app, &["webhook", "on", "acme", "crm", "--json"]).await.json();
    assert_eq!(on_again["is_on"], true);

    let gone = on(app, &["webhook", "remove", "acme", "crm"]).await.text();
    assert_eq!(gone, "webhook crm of tenant acme is removed; what waited for it is given up\n");
    let missing = on(app, &["webhook", "test", "acme", "crm"]).await.failed();
    assert_eq!(missing, "there is no webhook crm of tenant acme (404 Not Found)");
}

#[tokio::test]
async fn a_test_that_does_not_arrive_ends_with_an_error_and_a_key_comes_from_a_file() {
    let crm = Endpoint::start("crm.example", one_after_the_other(&[BROKEN])).await;
    let bench = Bench::start(&[("crm.example", &crm)]).await;
    let file = bench.app.data().join("key");
    std::fs::write(&file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let (url, file) = ("https://crm.example/", file.to_str().unwrap());
    let added = on(&bench.app, &["webhook", "add", "acme", "crm", "--url", url, "--key-file", file]).await.text();
    assert!(added.ends_with("it signs with the key that was given\n") && !added.contains("whsec_"), "{added}");

    let failed = on(&bench.app, &["webhook", "test", "acme", "crm"]).await.failed();
    assert_eq!(failed, "the test.ping did not arrive: it was answered 500: not today (after 0 ms)");
    assert!(heard_so_many(&crm, 1).await[0].is_believed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    let tried = bench.app.admin_post("/tenants/acme/webhooks/crm/test", json!({})).await.expect(200);
    assert_eq!(
        (&tried["delivered"], &tried["status"], &tried["answer"]),
        (&json!(false), &json!(500), &json!("not today"))
    );
}
