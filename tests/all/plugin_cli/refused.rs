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
    let folder = room.path().join("acme");
    assert!(told.starts_with(&format!("{}: it is there already; take another name", folder.display())), "{told}");
    assert!(told.ends_with(&format!("muster plugin test {}", folder.display())), "{told}");
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
        let none = room.path().join("none.wasm");
        let expected = format!("{}: there is no such file, and a component should be in it", none.display());
        assert_eq!(told, expected, "{command}");
    }
    let told = plugin(&["inspect", "acme@1.0.0"]).await.failed();
    assert_eq!(told, "acme@1.0.0: there is no such file; for a plugin of a server, give --admin-key");
}

#[tokio::test]
async fn a_folder_stands_for_what_was_built_in_it() {
    let room = tempfile::tempdir().unwrap();
    let (folder, dist) = (text(room.path()), room.path().join("dist"));
    let publish = ["publish", folder, "oci://127.0.0.1:9/acme:1"];
    for args in [&["check", folder][..], &["inspect", folder], &publish, &["sign", folder, "--key", "/nowhere.key"]] {
        let told = plugin(args).await.failed();
        let first = if args[0] == "sign" { "/nowhere.key: there is no such file, and the private key" } else { folder };
        assert!(told.starts_with(first), "{told}");
        let tells = told.ends_with("there is no component in it; `muster plugin build` makes one");
        assert!(tells || args[0] == "sign", "{told}");
    }
    std::fs::create_dir(&dist).unwrap();
    std::fs::copy(built("guests", "smallest"), dist.join("smallest.wasm")).unwrap();
    let told = plugin(&["inspect", folder]).await.text();
    assert!(told.starts_with("smallest 0.1.0 "), "{told}");
    let key = room.path().join("key");
    plugin(&["keygen", text(&key)]).await.text();
    let told = plugin(&["sign", folder, "--key", text(&key)]).await.text();
    assert!(told.ends_with(&format!("written    {}\n", dist.join("smallest.wasm.sig").display())), "{told}");
}

#[tokio::test]
async fn a_wrong_key_is_told_however_large_the_plugin_is() {
    let (app, room) = (TestApp::start().await, tempfile::tempdir().unwrap());
    let file = room.path().join("large.wasm");
    std::fs::write(&file, [&b"\0asm\x0d\0\x01\0"[..], &vec![0; 31 << 20]].concat()).unwrap();
    let told = plugin(&["push", text(&file), "--server", &app.admin, "--admin-key", "wrong"]).await.failed();
    assert!(told.starts_with("the admin key is missing or not valid (401 Unauthorized); it is what "), "{told}");
}

#[tokio::test]
async fn cases_that_are_not_there_and_names_that_stand_for_nothing_are_told_with_their_place() {
    let room = tempfile::tempdir().unwrap();
    let (smallest, none) = (built("guests", "smallest"), room.path().join("none"));
    let test =
        async |cases: &std::path::Path| plugin(&["test", text(&smallest), "--cases", text(cases)]).await.failed();
    assert_eq!(test(&none).await, format!("--cases {}: there is no such folder", none.display()));
    let says = "the folder has no cases; each is a file NAME.json in it";
    assert_eq!(test(room.path()).await, format!("--cases {}: {says}", room.path().display()));
    let body = json!({ "schemas": [], "userName": "{bob}" });
    let folder = cases(room.path(), &[("names.json", "/request/body", body)]);
    let says = "request.body: {bob} stands for nothing in the case \"a user is active\": no request before it has \"as\": \"bob\"";
    assert_eq!(test(&folder).await, format!("{}: {says}", folder.join("names.json").display()));
    std::fs::write(folder.join("names.json"), "{\n  \"name\": 7\n}").unwrap();
    let says = "name: it should be a text, and is a number (line 2, column 11)";
    assert_eq!(test(&folder).await, format!("{}: {says}", folder.join("names.json").display()));
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
