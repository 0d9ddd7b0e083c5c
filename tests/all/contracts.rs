//! Versions of the contract side by side: one host serves what was built for either.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_test_harness::{TestApp, USER, field, wasm};
use serde_json::json;

use crate::command::muster;

/// Swaps between a plugin of 0.1 and one of 0.2, and back.
const SWAPS: usize = 40;
const SWAP_EVERY: Duration = Duration::from_millis(50);
const REQUESTS_PER_SECOND: u64 = 100;

#[tokio::test]
async fn two_tenants_are_served_by_two_versions_at_once() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "frozen").await;
    let globex = app.tenant_with_guest("globex", "smallest").await;

    let (ada, bob) = (acme.user("ada@example.com").await, globex.user("bob@example.com").await);

    assert_eq!(field(&app.account("acme", &ada).await, "user_name"), "ada@example.com");
    assert_eq!(field(&app.account("globex", &bob).await, "email"), "bob@example.com");
    for (plugin, contract) in [("frozen", "0.1.0"), ("smallest", "0.2.0")] {
        assert_eq!(app.admin_get(&format!("/plugins/{plugin}")).await.expect(200)["contract"], contract);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_is_swapped_from_one_version_to_the_other_and_back_under_load() {
    let app = Arc::new(TestApp::start().await);
    let tenant = app.tenant_with_guest("acme", "frozen").await;
    let first = app.admin_get("/tenants/acme").await.expect(200)["plugin"]["digest"].as_str().unwrap().to_owned();
    let second = app.push(wasm::guest("smallest")).await.expect(201)["digest"].as_str().unwrap().to_owned();

    let swapping = Arc::new(AtomicBool::new(true));
    let load = tokio::spawn({
        let (swapping, tenant) = (swapping.clone(), tenant.clone());
        async move {
            let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / REQUESTS_PER_SECOND));
            let mut requests = Vec::new();
            while swapping.load(Ordering::Relaxed) {
                beat.tick().await;
                let (tenant, name) = (tenant.clone(), format!("user{}@example.com", requests.len()));
                let body = json!({ "schemas": [USER], "userName": name });
                requests.push(tokio::spawn(async move { tenant.post("/Users", body).await.status }));
            }
            let mut statuses = Vec::new();
            for request in requests {
                statuses.push(request.await.unwrap());
            }
            statuses
        }
    });
    let mut beat = tokio::time::interval(SWAP_EVERY);
    for swap in 0..SWAPS {
        beat.tick().await;
        app.bind("acme", if swap % 2 == 0 { &second } else { &first }, json!({})).await.expect(200);
    }
    swapping.store(false, Ordering::Relaxed);
    let statuses = load.await.unwrap();

    assert!(statuses.iter().all(|status| *status == 201), "no request fails: {statuses:?}");
    let log = app.log("acme").await;
    let by = |digest: &str| log.iter().filter(|entry| entry["plugin"] == digest).count();
    println!("swaps {SWAPS}, users created {}, by 0.1 {}, by 0.2 {}", statuses.len(), by(&first), by(&second));
    assert!(by(&first) > 5 && by(&second) > 5, "both versions decided");
    assert_eq!(by(&first) + by(&second), statuses.len());
}

#[tokio::test]
async fn a_version_that_nobody_serves_is_told_with_those_that_are() {
    let app = TestApp::start().await;
    let built_for = |version: &str| {
        let whole = wasm::guest("smallest");
        let mut other = Vec::with_capacity(whole.len());
        let mut rest = whole.as_slice();
        let needle = b"@0.2.0";
        while let Some(at) = rest.windows(needle.len()).position(|window| window == needle) {
            other.extend_from_slice(&rest[..at]);
            other.extend_from_slice(version.as_bytes());
            rest = &rest[at + needle.len()..];
        }
        other.extend_from_slice(rest);
        other
    };
    for version in ["0.3.0", "7.0.0"] {
        let refused = app.push(built_for(&format!("@{version}"))).await.expect(400);
        assert_eq!(
            refused["detail"],
            format!(
                "the plugin is built for muster:plugin@{version}, and this host serves muster:plugin@0.1.0 and 0.2.0"
            )
        );
    }
    let patch = app.push(built_for("@0.2.7")).await.expect(201);
    let patched = app.admin_get(&format!("/plugins/{}", patch["digest"].as_str().unwrap())).await.expect(200);
    assert_eq!(patched["contract"], "0.2.0", "what differs in the last number only is served");
}

#[tokio::test]
async fn speaks_both_is_served_by_the_newer_one() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "speaks-both").await;

    let ada = acme.user("ada@example.com").await;

    assert_eq!(field(&app.account("acme", &ada).await, "contract"), "0.2");
    let file = wasm::folder().join("guests/speaks-both.wasm");
    let checked = muster(&["plugin", "check", file.to_str().unwrap(), "--calls", "1"], &[]).await.text();
    assert!(checked.contains("\n  contract             muster:plugin 0.1.0, 0.2.0, served by 0.2.0\n"), "{checked}");
    let inspected = muster(&["plugin", "inspect", file.to_str().unwrap()], &[]).await.text();
    assert!(inspected.contains("\n  contract           muster:plugin 0.2.0\n"), "{inspected}");
}
