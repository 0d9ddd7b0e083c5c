//! The log as a feed, how long it is kept, and how it is proved.

mod feed;
mod kept;
mod parts;
mod tampering;

use muster_test_harness::TestApp;
use serde_json::Value;

/// A page of the feed.
async fn page(app: &TestApp, query: &str) -> Value {
    app.admin_get(&format!("/tenants/acme/log{query}")).await.expect(200)
}

fn seqs(page: &Value) -> Vec<u64> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}
