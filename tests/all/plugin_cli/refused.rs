//! What `muster plugin` does not take: one sentence each, that says what and where.

use muster_test_harness::{TestApp, wasm};
use serde_json::{Value, json};

use super::{built, cases, plugin, text};

#[tokio::test]
async fn a_plugin_is_begun_under_a_name_in_a_language_and_where_nothing_stands() {
    let room = tempfile::tempdir().unwrap();
    let new = async |args: &[&str]| plugin(&[&["new"], args, &["--dir", text(room.path())]].concat()).await.failed();
    let told = new(&["Acme"]).await;
    assert!(told.starts_with("a plugin's name is 1 to 64 lower-case letters") && told.contains("\"Acme\""), "{told}");
    let told = new(&["acme", "--lang", "cobol"]).await;
    assert!(told.starts_with("there is no language \"cobol\"; there are: rust"), "{told}");
    std::fs::create_dir(room.path().join("acme")).unwrap();
    let told = new(&["acme"]).await;
    assert_eq!(told, format!("{}: it is there already", room.path().join("acme").display()));
    assert_eq!(std::fs::read_dir(room.path().join("acme")).unwrap().count(), 0, "nothing was written");
}

#[tokio::test]
async fn a_folder_that_is_no_plugins_is_not_built() {
    let room = tempfile::tempdir().unwrap();
    let folder = text(room.path());
    let told = plugin(&["build", folder]).await.failed();
    assert!(told.starts_with(&format!("{folder}: a plugin's folder has a Cargo.toml")), "{told}");
    let nowhere = format!("{folder}/nowhere");
    assert_eq!(plugin(&["build", &nowhere]).await.failed(), format!("{nowhere}: there is no such folder"));
    let told = plugin(&["push", folder, "--admin-key", "k"]).await.failed();
    assert!(told.contains("there is no component in it; `muster plugin build` makes one"), "{told}");
}

#[tokio::test]
async fn a_case_that_cannot_be_read_is_told_by_file_and_place_before_anything_is_compiled() {
    let room = tempfile::tempdir().unwrap();
    std::fs::write(room.path().join("Cargo.toml"), "").unwrap();
    let bad = cases(room.path(), &[("bad.json", "/expect/acount", json!({}))]).join("bad.json");
    let told = plugin(&["build", text(room.path())]).await.failed();
    let expected = format!("{}: expect.acount: unknown field `acount`, expected one of", bad.display());
    assert!(told.starts_with(&expected), "{told}");
    std::fs::write(&bad, " ".repeat((64 << 10) + 1)).unwrap();
    let told = plugin(&["build", text(room.path())]).await.failed();
    assert_eq!(told, format!("{}: it has 65537 bytes; a case has at most 65536", bad.display()));
}

#[tokio::test]
async fn what_is_no_component_is_neither_tested_nor_checked_nor_inspected() {
    let room = tempfile::tempdir().unwrap();
    let (script, core) = (room.path().join("script.wasm"), room.path().join("core.wasm"));
    std::fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    std::fs::write(&core, b"\0asm\x01\0\0\0").unwrap();
    for command in ["test", "check", "inspect"] {
        let told = plugin(&[command, text(&script)]).await.failed();
        assert!(told.starts_with(&format!("{}: ", script.display())), "{command}: {told}");
        let told = plugin(&[command, text(&core)]).await.failed();
        assert!(told.contains("it is a core module; build it for wasm32-wasip2"), "{command}: {told}");
        let told = plugin(&[command, text(&room.path().join("none.wasm"))]).await.failed();
        assert!(told.contains("No such file"), "{command}: {told}");
    }
    let told = plugin(&["inspect", "acme@1.0.0"]).await.failed();
    assert_eq!(told, "acme@1.0.0: there is no such file; for a plugin of a server, give --admin-key");
}

#[tokio::test]
async fn a_component_that_asks_for_more_than_is_granted_is_refused_by_the_name_of_it() {
    let told = plugin(&["check", text(&built("guests", "imports-network"))]).await.failed();
    assert!(told.contains("the plugin imports wasi:sockets/"), "{told}");
}

#[tokio::test]
async fn a_component_without_cases_has_nothing_to_be_tested_by() {
    let told = plugin(&["test", text(&built("guests", "smallest"))]).await.failed();
    assert!(told.contains("there are no cases; each is a file in the plugin's folder cases/"), "{told}");
}

#[tokio::test]
async fn a_server_takes_no_plugin_whose_cases_cannot_be_read() {
    let app = TestApp::start().await;
    let with_cases = |content: &str| {
        let name = "muster:cases";
        let mut body = vec![u8::try_from(name.len()).unwrap()];
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(content.as_bytes());
        let mut component = wasm::guest("smallest");
        component.extend_from_slice(&[0, u8::try_from(body.len()).unwrap()]);
        component.extend(body);
        component
    };
    let detail = |answer: Value| answer["detail"].as_str().unwrap().to_owned();
    let told = detail(app.push(with_cases(r#"{"a.json":{"nam":1}}"#)).await.expect(400));
    assert!(told.starts_with("the plugin's cases: a.json: nam: unknown field `nam`"), "{told}");
    let told = detail(app.push(with_cases("[]")).await.expect(400));
    assert!(told.starts_with("the plugin's cases: the section muster:cases is no JSON object of cases"), "{told}");
    app.push(with_cases("{}")).await.expect(201);
}
