//! One product's plugin in two other languages, `examples/javascript` and `examples/python`: built by `cargo xtask test` with the tools of
//! those languages, and held to the same cases.

use std::path::{Path, PathBuf};
use std::process::Command;

use muster_test_harness::{TestApp, USER, wasm};
use serde_json::{Value, json};

use crate::command::{Ended, muster};

/// More than the 1,000 calls after which an instance of these plugins is made anew: mapping and plan are one call each.
const USERS: usize = 600;

fn example(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(language)
}

fn component(language: &str) -> String {
    wasm::folder().join("languages").join(language).with_extension("wasm").to_str().unwrap().to_owned()
}

/// The tests that an author runs, in the language's own tools, without WebAssembly; what they said.
async fn native(mut command: Command, folder: &Path) -> String {
    command.current_dir(folder).env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{told}");
    told
}

fn npm_test() -> Command {
    let mut command = Command::new("npm");
    command.args(["test", "--silent"]);
    command
}

fn unittest() -> Command {
    let mut command = Command::new("python3");
    command.args(["-m", "unittest"]);
    command
}

/// A component keeps every case that it has in it.
async fn keeps(component: &str, cases: u64) {
    let told = muster(&["plugin", "test", component, "--json"], &[]).await;
    assert_eq!(told.code, 0, "{told:?}");
    let told = told.json();
    assert_eq!((&told["passed"], &told["failed"]), (&json!(cases), &json!(0)), "{told}");
}

#[tokio::test]
async fn the_plugin_in_javascript_passes_the_tests_of_its_folder() {
    let told = native(npm_test(), &example("javascript")).await;
    assert!(told.contains("# fail 0") && !told.contains("# pass 0"), "{told}");
}

#[tokio::test]
async fn the_plugin_in_python_passes_the_tests_of_its_folder() {
    let told = native(unittest(), &example("python")).await;
    assert!(told.contains("\nOK") && !told.contains("Ran 0 tests"), "{told}");
}

#[test]
fn both_are_held_to_the_same_cases() {
    let read = |language: &str| {
        let entries = std::fs::read_dir(example(language).join("cases")).unwrap();
        let file = |path: PathBuf| (path.file_name().unwrap().to_owned(), std::fs::read_to_string(path).unwrap());
        let mut cases: Vec<_> = entries.map(|entry| file(entry.unwrap().path())).collect();
        cases.sort();
        cases
    };
    let cases = read("javascript");
    assert_eq!(cases.len(), 10);
    assert_eq!(cases, read("python"));
}

#[tokio::test]
async fn the_plugin_in_javascript_keeps_its_cases() {
    keeps(&component("javascript"), 10).await;
}

#[tokio::test]
async fn the_plugin_in_python_keeps_its_cases() {
    keeps(&component("python"), 10).await;
}

/// Serves a tenant with an instance that is kept, over the point where it is made anew.
async fn serves(language: &str) {
    let app = TestApp::start().await;
    app.push(std::fs::read(component(language)).unwrap()).await.expect(201);
    let tenant = app.create_tenant("acme", "loft", json!({ "email_domains": ["example.com"] })).await;

    for number in 0..USERS {
        let body = json!({ "schemas": [USER], "userName": format!("user{number}@example.com"), "title": "Countess" });
        let made = tenant.post("/Users", body).await.expect(201);
        assert_eq!(made.get("title"), None, "what the plugin does not keep is not stored: {made}");
    }
    let refused = tenant.post("/Users", json!({ "schemas": [USER], "userName": "mallory@example.org" })).await;
    assert_eq!(refused.expect(400)["detail"], "userName must be an address of one of this workspace's domains");

    assert_eq!(app.tasks("acme").await.len(), USERS, "each was invited once");
    let figures = app.admin_get("/tenants/acme/plugin").await.expect(200);
    let calls = figures["calls"].as_u64().unwrap();
    assert!(calls > 1_000, "{figures}");
    let failed: Value = json!({ "rejected": 1, "trapped": 0, "deadline": 0, "limit": 0, "invalid": 0, "busy": 0 });
    assert_eq!(figures["without_an_account"], failed);
    println!("{language}: {} µs a call in {calls} calls", figures["took_us"].as_u64().unwrap() / calls);
}

#[tokio::test]
async fn the_plugin_in_javascript_serves_a_tenant() {
    serves("javascript").await;
}

#[tokio::test]
async fn the_plugin_in_python_serves_a_tenant() {
    serves("python").await;
}

/// `muster plugin new`, and what its author does next. `tools` is what the example has installed already.
async fn begins(language: &str, tools: &str, tests: Command) {
    let room = tempfile::tempdir().unwrap();
    let in_room = room.path().to_str().unwrap();
    let made: Ended = muster(&["plugin", "new", "acme-cloud", "--lang", language, "--dir", in_room], &[]).await;
    assert_eq!(made.code, 0, "{made:?}");
    let folder = room.path().join("acme-cloud");
    // Both are built with the same tool (`a_new_plugin_in_javascript_is_built_with_the_tool_of_the_example`): it is installed once.
    std::os::unix::fs::symlink(example(language).join(tools), folder.join(tools)).unwrap();

    let built = muster(&["plugin", "build", folder.to_str().unwrap(), "--json"], &[]).await;
    assert_eq!(built.code, 0, "{built:?}");
    let built: Value = serde_json::from_str(&built.out).unwrap();
    assert_eq!(built["cases"], 3);
    keeps(built["file"].as_str().unwrap(), 3).await;
    native(tests, &folder).await;
}

#[tokio::test]
async fn a_new_plugin_in_javascript_builds_and_passes_its_own_tests() {
    begins("javascript", "node_modules", npm_test()).await;
}

#[tokio::test]
async fn a_new_plugin_in_python_builds_and_passes_its_own_tests() {
    begins("python", ".venv", unittest()).await;
}
