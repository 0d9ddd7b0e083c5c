//! The request log: what an administrator reads of what their identity provider sent, what nobody reads of it, and what becomes of requests
//! when the log is in trouble (nothing).

mod bounds;
mod command;
mod cost;
mod entries;
mod faults;
mod secrets;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_test_harness::{Answer, TestApp};
use serde_json::Value;

/// All that is kept of the request that was answered so.
async fn whole(app: &TestApp, tenant: &str, answer: &Answer) -> Value {
    let id = answer.header("x-request-id");
    app.admin_get(&format!("/tenants/{tenant}/requests/{id}")).await.expect(200)
}

/// The requests of a tenant that a query asks for.
async fn asked(app: &TestApp, tenant: &str, query: &str) -> Vec<Value> {
    let answer = app.admin_get(&format!("/tenants/{tenant}/requests?{query}")).await.expect(200);
    answer["requests"].as_array().unwrap().clone()
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            match std::fs::read(&path) {
                Ok(bytes) => found.push((path, bytes)),
                // The log's writer takes files away while this one looks.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
    found.sort();
    found
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Waits for what the log does in its own time.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
