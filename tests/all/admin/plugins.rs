use std::time::Duration;

use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

#[tokio::test]
async fn a_plugin_is_kept_once_however_often_its_bytes_are_pushed() {
    let app = TestApp::start().await;
    let bytes = wasm::plugin("standard");

    let first = app.push(bytes.clone()).await.expect(201);
    app.advance(Duration::from_secs(60));
    let again = app.push(bytes.clone()).await.expect(201);

    let digest = first["digest"].as_str().unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    let expected = json!({
        "digest": digest,
        "name": "standard",
        "version": "0.1.0",
        "size": bytes.len(),
        "pushed": "2026-11-03T14:03:00.000Z",
        "pushed_by": "operator",
    });
    assert_eq!((&first, &again), (&expected, &expected), "also the time when it was pushed");
    let mut listed = expected.clone();
    listed["standing"] = json!("unsigned");
    listed["tenants"] = json!(0);
    listed["can_go_back"] = json!(0);
    assert_eq!(app.admin_get("/plugins").await.expect(200), json!({ "plugins": [listed] }));
}

#[tokio::test]
async fn a_plugin_is_meant_by_name_by_version_and_by_digest() {
    let app = TestApp::start().await;
    let old = app.push(wasm::guest("swap-a")).await.expect(201);
    app.advance(Duration::from_secs(1));
    let new = app.push(wasm::guest("swap-b")).await.expect(201);
    let digest = |plugin: &Value| plugin["digest"].as_str().unwrap().to_owned();

    for (number, (reference, meant)) in [
        ("swap".to_owned(), &new),
        ("swap@1.0.0".to_owned(), &old),
        ("swap@2.0.0".to_owned(), &new),
        (digest(&old), &old),
        (format!("sha256:{}", digest(&new)), &new),
    ]
    .into_iter()
    .enumerate()
    {
        let new = json!({ "name": format!("tenant-{number}"), "plugin": reference });
        let made = app.admin_post("/tenants", new).await.expect(201);
        assert_eq!(&made["plugin"], meant, "{reference}");
    }
}

#[tokio::test]
async fn pushing_replaces_nobodys_plugin() {
    let app = TestApp::start().await;
    app.tenant_with_guest("acme", "swap-a").await;
    let before = app.admin_get("/tenants/acme").await.expect(200);
    app.advance(Duration::from_secs(1));

    app.push(wasm::guest("swap-b")).await.expect(201);

    assert_eq!(app.admin_get("/tenants/acme").await.expect(200), before);
}

#[tokio::test]
async fn the_plugins_of_a_folder_are_pushed_when_the_server_starts() {
    let mut app = TestApp::builder();
    app.config.plugins.preload = wasm::folder().join("plugins");

    let app = app.start().await;

    let plugins = app.admin_get("/plugins").await.expect(200);
    let mut names: Vec<&str> =
        plugins["plugins"].as_array().unwrap().iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["applivery", "level-access", "poggio", "popl", "secoda", "standard"]);
    app.admin_post("/tenants", json!({ "name": "acme", "plugin": "standard" })).await.expect(201);
}
