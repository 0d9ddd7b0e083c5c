//! Plugins as a deployment keeps them: each version once, each name its owner's, and signed by whom the deployment trusts.

mod cli;
mod names;
mod oci;
mod policy;
mod push;
mod refusals;
mod signatures;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_test_harness::{ADMIN_KEY, Answer, TestApp, wasm};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::muster;

/// A folder with keys, and components that are signed with them as an author does it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a key, and gives the public one.
    async fn key(&self, name: &str) -> String {
        let made = muster(&["plugin", "keygen", text(&self.path(name)), "--json"], &[]).await.json();
        made["key"].as_str().unwrap().to_owned()
    }

    /// The signature of a component by the key of this name.
    async fn sign(&self, component: &[u8], key: &str) -> Value {
        let (file, sig) = (self.path("signed.wasm"), self.path("signed.wasm.sig"));
        std::fs::write(&file, component).unwrap();
        let ended = muster(&["plugin", "sign", text(&file), "--key", text(&self.path(key))], &[]).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_slice(&std::fs::read(sig).unwrap()).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The component with a section behind it that nobody reads: other bytes, the same plugin.
fn with_note(mut component: Vec<u8>, note: &str) -> Vec<u8> {
    let name = "note";
    component.extend_from_slice(&[
        0,
        u8::try_from(1 + name.len() + note.len()).unwrap(),
        u8::try_from(name.len()).unwrap(),
    ]);
    component.extend_from_slice(name.as_bytes());
    component.extend_from_slice(note.as_bytes());
    component
}

/// Pushes a component, with something said of it.
async fn push(app: &TestApp, component: &[u8], about: Value) -> Answer {
    push_with_header(app, component, &STANDARD.encode(about.to_string())).await
}

async fn push_with_header(app: &TestApp, component: &[u8], about: &str) -> Answer {
    let request = app.admin_request(Method::POST, "/admin/v1/plugins").bearer_auth(ADMIN_KEY);
    Answer::of(request.header("muster-plugin", about).body(component.to_vec())).await
}

async fn push_signed(app: &TestApp, component: &[u8], signature: &Value) -> Answer {
    push(app, component, json!({ "signature": signature })).await
}

/// The one sentence of a problem.
#[track_caller]
fn detail(answer: Answer, status: u16) -> String {
    let body = answer.expect(status);
    body["detail"].as_str().unwrap().to_owned()
}

async fn trust(app: &TestApp, name: &str, key: &str) {
    app.admin_post("/plugin-keys", json!({ "name": name, "key": key })).await.expect(201);
}

/// The plugins of a server.
async fn listed(app: &TestApp) -> Vec<Value> {
    app.admin_get("/plugins").await.expect(200)["plugins"].as_array().unwrap().clone()
}

fn swap_a() -> Vec<u8> {
    wasm::guest("swap-a")
}

fn swap_b() -> Vec<u8> {
    wasm::guest("swap-b")
}
