use std::process::Command;

use muster_service::{MAX_AUDIENCES, MAX_STATE_BYTES, MAX_STREAM_OVERLAP_H};
use muster_test_harness::{ADMIN_KEY, TestApp, wasm};
use serde_json::json;

use super::*;
use crate::command::on;

async fn refused(app: &TestApp, new: Value) -> String {
    let refused = app.admin_post("/tenants/acme/streams", new).await.expect(400);
    refused["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stream_that_cannot_be_is_refused_in_one_sentence() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let push = |url: &str| json!({ "name": "siem", "push": url });
    for (new, says) in [
        (json!({ "name": "Siem" }), "a name is 1 to 40 lower-case letters"),
        (
            push("http://siem.example/"),
            "a stream goes nowhere: the URL cannot be called: it does not begin with https://",
        ),
        (push("https://127.0.0.1/"), "a stream goes nowhere: the URL cannot be called: "),
        (
            push("https://user:pw@siem.example/"),
            "a stream goes nowhere: the URL cannot be called: a user or a password has no place in it",
        ),
        (push("https://siem.example/\u{e4}"), "the URL of a stream cannot be called: it is no URL, or has something "),
        (push("https://siem.example/#sets"), "the URL of a stream cannot be called: it is no URL, or has something "),
        (push("https://a.localhost/"), "the URL of a stream cannot be called: localhost is this machine, whoever asks"),
        (
            push(&format!("https://siem.example/{}", "x".repeat(2048))),
            "the URL of a stream cannot be called: it has more than 2048 bytes",
        ),
        (json!({ "name": "siem", "authorization": "key" }), "authorization is for a stream that is pushed"),
        (json!({ "name": "siem", "push": "https://siem.example/", "authorization": "no name" }), ""),
        (
            json!({ "name": "siem", "events": ["prov:put:full"] }),
            "there is no event prov:put:full; there are: urn:ietf:params:scim:event:feed:add, ",
        ),
        (json!({ "name": "siem", "audience": ["a b"] }), "a name of the audience is 1 to 512 visible ASCII characters"),
        (json!({ "name": "siem", "audience": vec!["a"; MAX_AUDIENCES + 1] }), "audience has more than 8 names"),
    ] {
        let told = refused(&app, new.clone()).await;
        assert!(told.starts_with(says), "{new}: {told}");
    }
    assert_eq!(app.admin_get("/tenants/acme/streams").await.expect(200)["keys"], json!([]), "no key without a stream");
    app.admin_post("/tenants/acme/stream-keys/rotate", json!({})).await.expect(409);

    app.admin_post("/tenants/acme/streams", json!({ "name": "audit" })).await.expect(201);
    let state = "x".repeat(MAX_STATE_BYTES + 1);
    let told = app.admin_post("/tenants/acme/streams/audit/verify", json!({ "state": state })).await.expect(400);
    assert_eq!(told["detail"], "state is longer than 256 bytes");
    let told =
        app.admin_put("/tenants/acme/streams/audit", json!({ "push": "https://siem.example/" })).await.expect(400);
    let says = "a stream that is polled has neither a URL nor a secret; remove it and add another one";
    assert_eq!(told["detail"], says);
    app.admin_put("/tenants/acme/streams/nobody", json!({})).await.expect(404);
    app.admin_delete("/tenants/acme/streams/nobody").await.expect(404);
}

#[tokio::test]
async fn there_are_so_many_streams_and_keys_and_no_more() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    for number in 0..16 {
        app.admin_post("/tenants/acme/streams", json!({ "name": format!("s{number}") })).await.expect(201);
    }
    assert_eq!(refused(&app, json!({ "name": "one-more" })).await, "a tenant has at most 16 streams");
    app.admin_post("/tenants/acme/streams", json!({ "name": "s1" })).await.expect(409);
    let rotate = async |body: Value| app.admin_post("/tenants/acme/stream-keys/rotate", body).await;
    for _ in 0..3 {
        rotate(json!({})).await.expect(200);
    }
    let says = "4 keys are published at most; with overlap_h 0 the earlier ones end now";
    assert_eq!(rotate(json!({})).await.expect(409)["detail"], says);
    let too_long = rotate(json!({ "overlap_h": MAX_STREAM_OVERLAP_H + 1 })).await.expect(400);
    assert_eq!(too_long["detail"], "overlap_h is at most 720");
    assert_eq!(jwks(&app).await["keys"].as_array().unwrap().len(), 4);
    rotate(json!({ "overlap_h": 0 })).await.expect(200);
    assert_eq!(jwks(&app).await["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_opens_and_what_signs_is_shown_once_or_never() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let added = app.admin_post("/tenants/acme/streams", json!({ "name": "audit" })).await.expect(201);
    let token = added["token"].as_str().unwrap();
    assert!(token.starts_with("mst_"));
    for path in ["/tenants/acme/streams", "/tenants/acme"] {
        let shown = app.admin_get(path).await.text;
        for hidden in [token, "sealed", "hash"] {
            assert!(!shown.contains(hidden), "{hidden} in {shown}");
        }
    }
    let keys = added["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["opens"], &keys[0]["until"]), (1, &json!(true), &Value::Null));
    assert_eq!(added["jwks_uri"], format!("{}/t/acme/.well-known/jwks.json", app.scim));
    let none = app.client("/t/nobody", "").request(Method::GET, "/.well-known/jwks.json");
    Answer::of(none).await.expect(404);
    app.tenant("globex").await;
    let without = app.client("/t/globex", "").request(Method::GET, "/.well-known/jwks.json");
    assert_eq!(Answer::of(without).await.expect(200), json!({ "keys": [] }));
}

#[tokio::test]
async fn what_is_told_is_announced_where_there_is_a_stream_and_described_by_the_schema() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let config = async || acme.get("/ServiceProviderConfig").await.expect(200);
    assert_eq!(config().await.get("securityEvents"), None);
    app.admin_post("/tenants/acme/streams", json!({ "name": "audit", "events": ["prov:delete", RISC] }))
        .await
        .expect(201);
    app.admin_post("/tenants/acme/streams", json!({ "name": "other", "events": ["PROV:create:Full"] }))
        .await
        .expect(201);
    let announced = config().await["securityEvents"].clone();
    let uris = [format!("{SCIM}prov:create:full"), format!("{SCIM}prov:delete"), RISC.to_owned()];
    assert_eq!(announced, json!({ "asyncRequest": "none", "eventUris": uris }));
    let schema = acme.get("/Schemas/urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig").await.expect(200);
    let attributes = schema["attributes"].as_array().unwrap();
    let described = attributes.iter().find(|attribute| attribute["name"] == "securityEvents").unwrap();
    assert_eq!(described["subAttributes"][1]["multiValued"], true);
    for name in ["audit", "other"] {
        app.admin_delete(&format!("/tenants/acme/streams/{name}")).await.expect(200);
    }
    assert_eq!(config().await.get("securityEvents"), None);
}

#[tokio::test]
async fn a_stream_is_added_by_short_names_and_warns_of_a_secret_that_is_not_there() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let short = ["--event", "account-disabled", "--event", "caep:session-revoked"];
    on(&app, &[&["stream", "add", "acme", "audit", "--poll"], &short[..]].concat()).await.text();
    let shown = on(&app, &["stream", "show", "acme", "audit"]).await.text();
    assert!(shown.contains(&format!("event     {RISC}\nevent     {CAEP}\n")), "{shown}");

    let push = ["stream", "add", "acme", "siem", "--push", "https://siem.example/", "--authorization", "siem-key"];
    let added = on(&app, &push).await.text();
    let warning = "the secret siem-key, which the stream sends, is not there yet, so nothing is sent; `muster tenant secret set acme siem-key` sets it";
    assert!(added.ends_with(&format!("  warning: {warning}\n")), "{added}");
    let set = ["stream", "set", "acme", "siem", "--braked", "false", "--json"];
    assert_eq!(on(&app, &set).await.json()["warning"], warning);
    app.admin_post("/tenants/acme/secrets", json!({ "name": "siem-key", "value": "Bearer x" })).await.expect(200);
    assert_eq!(on(&app, &set).await.json().get("warning"), None);
}

#[tokio::test]
async fn a_stream_is_had_from_the_command_line() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let run = |line: &str| {
        let mut muster = Command::new(wasm::folder().join("muster"));
        muster.args(line.split(' '));
        muster.env("MUSTER_SERVER", &app.admin).env("MUSTER_ADMIN_KEY", ADMIN_KEY);
        tokio::task::spawn_blocking(move || {
            let output = muster.output().unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (output.status.success(), text(&output.stdout), text(&output.stderr))
        })
    };
    let (is_done, added, told) = run("stream add acme audit --poll --event prov:delete").await.unwrap();
    assert!(is_done, "{told}");
    let token = added.lines().find_map(|line| line.strip_prefix("token     ")).unwrap().to_owned();
    assert!(added.contains(&format!("poll      {}/t/acme/events/audit\n", app.scim)), "{added}");
    Poller::of(&app, "audit", &token).ask(json!({ "returnImmediately": true })).await.expect(200);
    let (_, listed, _) = run("stream list acme").await.unwrap();
    assert!(listed.starts_with("audit                 on   poll  http://"), "{listed}");
    assert!(!listed.contains(&token));
    let (_, shown, _) = run("stream show acme audit").await.unwrap();
    assert!(shown.contains("event     urn:ietf:params:scim:event:prov:delete\n"), "{shown}");
    let (_, set, _) = run("stream set acme audit --default-events --braked false").await.unwrap();
    assert!(set.contains("prov:patch:notice\n") && set.contains("not held by the brake"), "{set}");
    let (_, off, _) = run("stream off acme audit").await.unwrap();
    assert_eq!(off, "stream audit of tenant acme is off\n");
    let (is_done, _, told) = run("stream verify acme audit").await.unwrap();
    assert!(!is_done && told.contains("stream audit is off, so nothing goes there"), "{told}");
    assert!(run("stream on acme audit").await.unwrap().0);
    assert!(run("stream verify acme audit --state n-7").await.unwrap().0);
    for _ in 0..100 {
        let (_, deliveries, _) = run("stream deliveries acme audit").await.unwrap();
        if deliveries.contains("waiting    stream.verification") {
            break;
        }
        assert!(deliveries.starts_with("nothing of that kind"), "{deliveries}");
    }
    let (_, rotated, _) = run("stream rotate-key acme").await.unwrap();
    assert_eq!(rotated.matches("\nkey       ").count(), 2, "{rotated}");
    let (_, renewed, _) = run("stream token acme audit --overlap-h 0").await.unwrap();
    assert!(renewed.contains("\ntoken     mst_"), "{renewed}");
    let (is_done, _, told) = run("stream set acme audit").await.unwrap();
    assert!(!is_done && told.contains("nothing is to be changed"), "{told}");
    assert!(run("stream remove acme audit").await.unwrap().0);
    let (_, none, _) = run("stream list acme").await.unwrap();
    assert_eq!(none, "tenant acme has no stream; `muster stream add acme NAME --poll` adds one\n");
}
