//! `muster serve` as operators start it: its configuration, its log, its signals.

use std::process::{Command, Output, Stdio};

use muster_test_harness::{ServeProcess, USER, wasm};
use serde_json::{Value, json};

/// Everything that our own crates can say. What the libraries below say at `trace` is for their developers, and never on in a deployment.
const OURS: &str = "info,muster_http=trace,muster_service=trace,muster_store_sled=trace,muster_plugin_wasmtime=trace,muster::plugin=trace";

const KEY: &str = "an-admin-key-for-this-test";

pub(crate) fn config(folder: &std::path::Path, more: &str) -> std::path::PathBuf {
    let file = folder.join("muster.toml");
    let text = format!(
        "data = {:?}\n[scim]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[plugins]\npreload = {:?}\n{more}",
        folder.join("data"),
        wasm::folder().join("plugins"),
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn refused(config: &std::path::Path, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(wasm::folder().join("muster"));
    command.args(["serve", "--config"]).arg(config).envs(environment.iter().copied());
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(stdout.is_empty());
    String::from_utf8(stderr).unwrap()
}

#[test]
fn a_mistake_in_the_configuration_ends_it_with_the_name_of_the_key() {
    let folder = tempfile::tempdir().unwrap();

    let told = refused(&config(folder.path(), "[limits]\nbody_bytes = \"many\""), &[]);
    assert!(told.contains("`limits.body_bytes`"), "{told}");

    let told = refused(&config(folder.path(), ""), &[("MUSTER_LIMITS_CONNECTIONS", "lots")]);
    assert!(told.contains("`limits.connections`"), "{told}");

    let told = refused(&folder.path().join("nowhere.toml"), &[]);
    assert!(told.contains("nowhere.toml"), "{told}");
}

#[test]
fn the_documented_configuration_is_printed_and_can_be_used() {
    let printed = Command::new(wasm::folder().join("muster")).args(["serve", "--print-config"]).output().unwrap();
    assert!(printed.status.success());
    let text = String::from_utf8(printed.stdout).unwrap();
    for key in ["data =", "[scim]", "[admin]", "[limits]", "[store]", "[plugins]", "[log]"] {
        assert!(text.contains(key), "{key}");
    }
}

#[tokio::test]
async fn the_log_is_structured_and_carries_no_user_data() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), &format!("[log]\nformat = \"json\"\nfilter = \"{OURS}\""));
    let mut server = ServeProcess::start(&file, KEY);
    let tenant = server.create_tenant("acme", "secoda").await;
    let body = json!({
        "schemas": [USER], "userName": "ada.byron@example.com", "displayName": "Ada Byron", "externalId": "00u-secret",
        "emails": [{ "value": "ada.private@example.com", "type": "work" }], "password": "k3Vqz8Rt",
    });
    let id = tenant.post("/Users", body.clone()).await.expect(201)["id"].as_str().unwrap().to_owned();
    tenant.post("/Users", body).await.expect(409);
    tenant.find("/Users", "userName eq \"ada.byron@example.com\"").await.expect(200);
    tenant
        .operations(&format!("/Users/{id}"), json!([{ "op": "replace", "path": "active", "value": "maybe" }]))
        .await
        .expect(400);
    tenant.get("/Users/ada.byron@example.com").await.expect(404);

    let log = server.terminate();

    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let says = "the admin key is the one of the environment (MUSTER_ADMIN_KEY); no file of keys is read for it";
    assert!(lines.iter().any(|line| line["message"] == says), "where it is, and never what it is");
    let answered: Vec<&Value> = lines.iter().filter(|line| line["message"] == "answered").collect();
    assert_eq!(answered.len(), 5);
    for line in answered {
        assert_eq!(line["span"]["tenant.id"], "acme", "{line}");
        assert!(line["span"]["request.id"].is_string() && line["http.status"].is_u64(), "{line}");
        assert!(line["duration_ms"].is_f64(), "{line}");
    }
    for secret in ["ada.byron", "ada.private", "Byron", "00u-secret", "k3Vqz8Rt", &tenant.token, KEY] {
        let leak = log.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "{secret}");
    }
}

#[tokio::test]
async fn what_was_served_is_there_after_sigterm_and_another_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    let mut server = ServeProcess::start(&file, KEY);
    let tenant = server.create_tenant("acme", "standard").await;
    let id = tenant.user("ada@example.com").await;
    let log = server.terminate();
    assert!(log.contains("stopped"), "{log}");

    let server = ServeProcess::start(&file, KEY);

    let again = server.tenant("/t/acme/scim/v2", &tenant.token);
    assert_eq!(again.get(&format!("/Users/{id}")).await.expect(200)["userName"], "ada@example.com");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(reqwest::get(format!("{}{path}", server.admin)).await.unwrap().status(), 200);
    }
}

#[test]
fn a_second_server_on_the_same_data_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    let _first = ServeProcess::start(&file, KEY);

    let told = refused(&file, &[]);

    assert!(told.contains("in use by another process"), "{told}");
}

#[test]
fn a_store_without_its_keys_and_keys_without_their_store_are_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    ServeProcess::start(&file, KEY).terminate();
    let (key, store) = (folder.path().join("data/keys/token.key"), folder.path().join("data/store"));
    let elsewhere = folder.path().join("elsewhere");

    std::fs::rename(&key, &elsewhere).unwrap();
    let told = refused(&file, &[]);
    assert!(told.contains("token.key is missing"), "{told}");
    assert!(!key.exists(), "it is not made anew");
    std::fs::rename(&elsewhere, &key).unwrap();

    std::fs::rename(&store, &elsewhere).unwrap();
    let told = refused(&file, &[]);
    assert!(told.contains("store is missing"), "{told}");

    // Where a volume is mounted, and is not.
    std::fs::create_dir(&store).unwrap();
    let told = refused(&file, &[]);
    assert!(told.contains("store is missing or empty"), "{told}");
    assert_eq!(std::fs::read_dir(&store).unwrap().count(), 0, "none was made");
    std::fs::remove_dir(&store).unwrap();
    std::fs::rename(&elsewhere, &store).unwrap();

    ServeProcess::start(&file, KEY).terminate();
}

#[test]
fn a_data_folder_that_holds_something_else_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = config(folder.path(), "");
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::create_dir(data.join("lost+found")).unwrap();
    ServeProcess::start(&file, KEY).terminate();

    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("thesis.txt"), "chapter 1").unwrap();
    let told = refused(&file, &[]);

    assert!(told.contains("holds no deployment of Muster"), "{told}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1, "nothing was written to it");
}
