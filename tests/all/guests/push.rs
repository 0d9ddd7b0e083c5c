//! What is refused before it serves anybody.

use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

/// Pushes what must be refused; the sentence that the operator reads.
async fn refused(app: &TestApp, bytes: Vec<u8>, status: u16) -> String {
    let answer = app.push(bytes).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.expect(status);
    assert_eq!(problem["status"], status);
    problem["detail"].as_str().unwrap().to_owned()
}

/// The names of the plugins that are kept.
async fn kept(app: &TestApp) -> Vec<Value> {
    let plugins = app.admin_get("/plugins").await.expect(200);
    plugins["plugins"].as_array().unwrap().iter().map(|plugin| plugin["name"].clone()).collect()
}

#[tokio::test]
async fn imports_network_is_refused_by_the_name_of_what_it_imports() {
    let app = TestApp::start().await;

    let detail = refused(&app, wasm::guest("imports-network"), 400).await;

    assert!(detail.starts_with("the plugin imports wasi:sockets/"), "{detail}");
    assert!(detail.ends_with(", which Muster does not grant"), "{detail}");
    assert_eq!(kept(&app).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_a_sentence_that_helps() {
    let app = TestApp::start().await;
    let core_module = b"\0asm\x01\0\0\0".to_vec();
    let other_layer = b"\0asm\x0d\0\x01\0".to_vec();

    for nothing in [Vec::new(), b"#!/bin/sh".to_vec(), b"\0as".to_vec()] {
        let detail = refused(&app, nothing, 400).await;
        assert_eq!(detail, "not a WebAssembly component: it does not begin as WebAssembly does");
    }
    let detail = refused(&app, core_module, 400).await;
    assert_eq!(detail, "not a WebAssembly component: it is a core module; build it for wasm32-wasip2");
    let detail = refused(&app, other_layer, 400).await;
    let contract = "the plugin does not fit the contract: it does not export muster:plugin/about";
    assert_eq!(detail, contract, "an empty component is one, and no plugin");
    assert_eq!(kept(&app).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_component_that_is_cut_off_or_damaged_is_refused_wherever_that_is() {
    let app = TestApp::start().await;
    let whole = wasm::guest("smallest");

    for part in [9, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let detail = refused(&app, whole[..part].to_vec(), 400).await;
        assert!(detail.starts_with("not a WebAssembly component: "), "{part}: {detail}");
    }
    let mut damaged = whole.clone();
    damaged[whole.len() / 2..][..64].fill(0xff);
    let detail = refused(&app, damaged, 400).await;
    assert!(detail.starts_with("not a WebAssembly component: "), "{detail}");

    assert_eq!(kept(&app).await, Vec::<Value>::new());
    app.push(whole).await.expect(201);
}

/// The component with another name for one of its functions, wherever it stands.
fn renamed(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "all else stays where it is");
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "it has no such function");
    for at in places {
        bytes[at..][..from.len()].copy_from_slice(to);
    }
    bytes
}

#[tokio::test]
async fn an_interface_that_lacks_its_function_is_refused_by_the_name_of_the_function() {
    let app = TestApp::start().await;
    for (interface, function, other) in
        [("mapping", "to-account", "to-accounx"), ("adoption", "decide", "decidx"), ("delivery", "perform", "perforx")]
    {
        let lacking = renamed(wasm::guest("wants"), function.as_bytes(), other.as_bytes());
        let detail = refused(&app, lacking, 400).await;
        assert!(detail.contains(&format!("its muster:plugin/{interface}@")), "{detail}");
        assert!(detail.ends_with(&format!(" does not export {function}")), "{detail}");
    }
    assert_eq!(kept(&app).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_component_over_the_limit_is_413() {
    let mut app = TestApp::builder();
    let component = wasm::guest("smallest");
    app.config.limits.plugin_bytes = component.len() - 1;
    let app = app.start().await;

    let detail = refused(&app, component.clone(), 413).await;

    assert_eq!(detail, format!("the plugin is larger than {} bytes", component.len() - 1));
    assert_eq!(kept(&app).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_component_over_the_limit_of_the_contract_is_413_though_the_listener_would_take_it() {
    let mut app = TestApp::builder();
    app.config.limits.plugin_bytes = 40 << 20;
    let app = app.start().await;

    let detail = refused(&app, vec![0; (32 << 20) + 1], 413).await;

    assert_eq!(detail, "the plugin has 33554433 bytes, more than the 33554432 that are allowed");
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_names_the_place_and_binds_nothing() {
    let app = TestApp::start().await;
    app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1" })).await;
    let before = app.admin_get("/tenants/acme").await.expect(200);

    for (config, place) in [
        (json!({ "default_workspace": "" }), "/default_workspace: "),
        (json!({ "default_workspace": 7 }), "/default_workspace: "),
        (json!({ "default_workspace": "W1", "require_email": "yes" }), "/require_email: "),
        (json!({ "default_workspace": "W1", "colour": "blue" }), "colour"),
        (json!([]), "the configuration: must be a JSON object"),
    ] {
        let new = json!({ "name": "globex", "plugin": "poggio", "config": config });
        for answer in [app.admin_post("/tenants", new).await, app.bind("acme", "poggio", config.clone()).await] {
            assert_eq!(answer.header("content-type"), "application/problem+json");
            let problem = answer.expect(400);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.starts_with("the configuration does not fit the plugin: "), "{detail}");
            assert!(detail.contains(place), "{config}: {detail}");
        }
    }

    app.admin_get("/tenants/globex").await.expect(404);
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200), before);
}
