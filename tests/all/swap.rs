//! Hot swap: the plugin of a tenant is replaced while traffic flows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp, USER, wasm};
use serde_json::{Value, json};

const SWAPS: u64 = 200;
const REQUESTS_PER_SECOND: u64 = 200;
/// Twenty swaps a second: the load lasts ten seconds.
const SWAP_EVERY: Duration = Duration::from_millis(50);

/// `swap-a` retains `displayName`, `swap-b` retains `title`: which of the two an answer carries tells which version made it.
fn version_of(answer: &Value) -> &'static str {
    match (answer["displayName"].is_string(), answer["title"].is_string()) {
        (true, false) => "a",
        (false, true) => "b",
        both => panic!("made by not exactly one version ({both:?}): {answer}"),
    }
}

async fn one_request(tenant: &TenantClient, number: u64) -> Value {
    let body = json!({
        "schemas": [USER], "userName": format!("user{number}@example.com"),
        "displayName": "Ada Byron", "title": "Countess",
    });
    let made = tenant.post("/Users", body).await.expect(201);
    let id = made["id"].as_str().unwrap();
    if number.is_multiple_of(3) {
        let read = tenant.get(&format!("/Users/{id}")).await.expect(200);
        assert_eq!(version_of(&read), version_of(&made), "a read shows what was stored");
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_swaps_under_two_hundred_requests_a_second_fail_no_request() {
    let app = Arc::new(TestApp::start().await);
    let tenant = app.tenant_with_guest("acme", "swap-a").await;
    let b = app.push(wasm::guest("swap-b")).await.expect(201)["digest"].as_str().unwrap().to_owned();
    let a = app.admin_get("/tenants/acme").await.expect(200)["plugin"]["digest"].as_str().unwrap().to_owned();

    let swapping = Arc::new(AtomicBool::new(true));
    let seen = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let load = tokio::spawn({
        let (swapping, seen, tenant) = (swapping.clone(), seen.clone(), tenant.clone());
        async move {
            let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / REQUESTS_PER_SECOND));
            let mut requests = Vec::new();
            while swapping.load(Ordering::Relaxed) {
                beat.tick().await;
                let number = u64::try_from(requests.len()).unwrap();
                let (seen, tenant) = (seen.clone(), tenant.clone());
                requests.push(tokio::spawn(async move {
                    let made = one_request(&tenant, number).await;
                    seen[usize::from(version_of(&made) == "b")].fetch_add(1, Ordering::Relaxed);
                }));
            }
            let sent = requests.len();
            for request in requests {
                request.await.expect("no request fails");
            }
            sent
        }
    });
    let mut beat = tokio::time::interval(SWAP_EVERY);
    for swap in 0..SWAPS {
        beat.tick().await;
        let next = if swap % 2 == 0 { &b } else { &a };
        app.bind("acme", next, json!({})).await.expect(200);
    }
    swapping.store(false, Ordering::Relaxed);
    let sent = load.await.unwrap();

    let (by_a, by_b) = (seen[0].load(Ordering::Relaxed), seen[1].load(Ordering::Relaxed));
    println!("swaps {SWAPS}, users created {sent}, by a {by_a}, by b {by_b}, failed 0");
    assert_eq!(u64::try_from(sent).unwrap(), by_a + by_b);
    assert!(by_a > 100 && by_b > 100, "both versions answered: a {by_a}, b {by_b}");
    assert!(sent >= 1500, "the load was there: {sent}");
    let revision = app.admin_get("/tenants/acme").await.expect(200)["revision"].as_u64().unwrap();
    assert_eq!(revision, SWAPS + 1);

    // The log agrees: each user was mapped, and narrowed, by the version that its entry names.
    let mut after = 0;
    let mut entries = 0;
    loop {
        let page = app.admin_get(&format!("/tenants/acme/log?limit=1000&after={after}")).await.expect(200);
        let page = page["entries"].as_array().unwrap().clone();
        let Some(last) = page.last() else { break };
        after = last["seq"].as_u64().unwrap();
        for entry in &page {
            let made_by = if entry["plugin"] == a.as_str() { "a" } else { "b" };
            assert_eq!(version_of(&entry["after"]["document"]), made_by, "{entry}");
            assert_eq!(entry["after"]["account"]["state"], made_by, "{entry}");
        }
        entries += page.len();
    }
    assert_eq!(entries, sent);
}

#[tokio::test]
async fn a_rollback_goes_back_to_the_binding_before() {
    let app = TestApp::start().await;
    let tenant = app.tenant_with_guest("acme", "swap-a").await;
    let b = app.push(wasm::guest("swap-b")).await.expect(201)["digest"].as_str().unwrap().to_owned();
    app.bind("acme", &b, json!({})).await.expect(200);
    assert_eq!(version_of(&one_request(&tenant, 1).await), "b");

    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);

    assert_eq!(version_of(&one_request(&tenant, 2).await), "a");
}

#[tokio::test]
async fn a_binding_survives_a_restart() {
    let app = TestApp::start().await;
    let tenant = app.tenant_with_guest("acme", "swap-a").await;
    let b = app.push(wasm::guest("swap-b")).await.expect(201)["digest"].as_str().unwrap().to_owned();
    app.bind("acme", &b, json!({})).await.expect(200);

    let app = app.restart().await;

    let tenant = app.client("/t/acme/scim/v2", &tenant.token);
    assert_eq!(version_of(&one_request(&tenant, 1).await), "b");
}
