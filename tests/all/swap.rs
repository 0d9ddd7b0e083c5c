//! Hot swap: the plugin of a tenant is replaced while traffic flows.
//!
//! `SWAPS` says how often (see [`crate::faults`]): the large size takes ten minutes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muster_test_harness::{Answer, ServeProcess, TenantClient, TestApp, USER, wasm};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::faults::size;
use crate::serve::config;

const KEY: &str = "an-admin-key-for-this-test";
const REQUESTS_PER_SECOND: u64 = 200;
/// How often a plugin is swapped: in each run, and where there are more swaps than in each run.
const SWAP_EVERY: Duration = Duration::from_millis(50);
const SWAP_EVERY_AT_LENGTH: Duration = Duration::from_millis(600);
/// How many users are there all the time; as many requests as come at once, and then some, are about one of them.
const PEOPLE: usize = 200;
/// How much more memory the server may have in use in the last tenth of the swaps than in the middle one, in KiB. It goes up and down by as
/// much: what the store's cache and the allocator hold at a moment. A plugin that stayed after its swap would be a hundred KiB each time.
const FLAT_KIB: u64 = 24 << 10;

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
    tenant.post("/Users", body).await.expect(201)
}

/// The load: writes, reads and searches of users who are there, and some who come and go. None may fail.
#[derive(Debug)]
struct Load {
    tenant: TenantClient,
    people: Vec<String>,
    /// By which version how many writes were decided.
    by: [AtomicU64; 2],
    sent: AtomicU64,
}

impl Load {
    async fn request(&self, number: u64) {
        let tenant = &self.tenant;
        let path = format!("/Users/{}", self.people[usize::try_from(number).unwrap() % self.people.len()]);
        match number % 10 {
            0 => {
                let made = one_request(tenant, number).await;
                self.written(&made);
                tenant.delete(&format!("/Users/{}", made["id"].as_str().unwrap())).await.expect(204);
                self.sent.fetch_add(1, Ordering::Relaxed);
            }
            1..=5 => {
                let new = |name: &str| json!({ "op": "replace", "path": name, "value": format!("{name} {number}") });
                let changed = tenant.operations(&path, json!([new("displayName"), new("title")])).await;
                self.written(&changed.expect(200));
            }
            6..=8 => drop(version_of(&tenant.get(&path).await.expect(200))),
            _ => {
                assert!(tenant.get("/Users?count=5").await.expect(200)["totalResults"].as_u64() >= Some(PEOPLE as u64))
            }
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn written(&self, answer: &Value) {
        self.by[usize::from(version_of(answer) == "b")].fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends so many requests a second until it is told to stop, and then waits for the answers.
async fn flow(load: Arc<Load>, going_on: Arc<AtomicBool>) {
    let mut beat = tokio::time::interval(Duration::from_micros(1_000_000 / REQUESTS_PER_SECOND));
    let (mut requests, mut number) = (JoinSet::new(), 0);
    while going_on.load(Ordering::Relaxed) {
        beat.tick().await;
        let load = load.clone();
        requests.spawn(async move { load.request(number).await });
        number += 1;
        while let Some(done) = requests.try_join_next() {
            done.expect("no request fails");
        }
    }
    while let Some(done) = requests.join_next().await {
        done.expect("no request fails");
    }
}

/// The operator: another plugin by a binding, back by another one; again by a rollout that looks, and back by a rollback.
async fn swap(server: &ServeProcess, swap: u64, [a, b]: &[String; 2]) {
    let post =
        async |path: &str, body: Value| Answer::of(server.admin(Method::POST, path).body(body.to_string())).await;
    match swap % 4 {
        0 => drop(server.admin_put("/tenants/acme/binding", json!({ "plugin": b, "config": {} })).await.expect(200)),
        1 => drop(server.admin_put("/tenants/acme/binding", json!({ "plugin": a, "config": {} })).await.expect(200)),
        2 => {
            let new = json!({ "plugin": b, "sample": 1 });
            let begun = post("/tenants/acme/rollouts", new).await.expect(202);
            let at = format!("/tenants/acme/rollouts/{}", begun["id"].as_str().unwrap());
            while Answer::of(server.admin(Method::GET, &at)).await.expect(200)["state"] == "running" {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // The one keeps what the other reads, and did not keep it until now.
            let active = post(&format!("{at}/activate"), json!({ "anyway": true })).await.expect(200);
            assert_eq!(active["state"], "watching", "{active}");
        }
        _ => drop(post("/tenants/acme/binding/rollback", json!({})).await.expect(200)),
    }
}

/// The log agrees: each user was mapped, and narrowed, by the version that its entry names.
async fn entries(server: &ServeProcess, a: &str) -> u64 {
    let (mut after, mut entries) = (0, 0);
    loop {
        let page = Answer::of(server.admin(Method::GET, &format!("/tenants/acme/log?limit=1000&after={after}"))).await;
        let page = page.expect(200)["entries"].as_array().unwrap().clone();
        let Some(last) = page.last() else { return entries };
        after = last["seq"].as_u64().unwrap();
        for entry in page.iter().filter(|entry| entry["event"] != "deleted") {
            let made_by = if entry["plugin"] == a { "a" } else { "b" };
            assert_eq!(version_of(&entry["after"]["document"]), made_by, "{entry}");
            assert_eq!(entry["after"]["account"]["state"], made_by, "{entry}");
            entries += 1;
        }
    }
}

fn median(some: &[u64]) -> u64 {
    let mut sorted = some.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_swaps_under_two_hundred_requests_a_second_fail_no_request_and_leave_no_memory() {
    let swaps = size("SWAPS");
    let every = if swaps > 200 { SWAP_EVERY_AT_LENGTH } else { SWAP_EVERY };
    let folder = tempfile::tempdir().unwrap();
    // Little to keep pages in, so that what grows is not the cache; and no connection is closed as idle at the moment at which it is used
    // again, which every client has to live with, and no test of swaps.
    let more = "[store]\ncache_mib = 16\n[limits]\nidle_timeout_s = 3600\n[log]\nfilter = \"warn,muster=info\"\n";
    let mut server = ServeProcess::start(&config(folder.path(), more), KEY);
    let mut pushed = Vec::new();
    for guest in ["swap-a", "swap-b"] {
        let answer = Answer::of(server.admin(Method::POST, "/plugins").body(wasm::guest(guest))).await.expect(201);
        pushed.push(answer["digest"].as_str().unwrap().to_owned());
    }
    let versions: [String; 2] = pushed.try_into().unwrap();
    let tenant = server.create_tenant("acme", &versions[0]).await;
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let made = one_request(&tenant, 1_000_000_000 + number as u64).await;
        people.push(made["id"].as_str().unwrap().to_owned());
    }
    let load = Arc::new(Load { tenant, people, by: [AtomicU64::new(0), AtomicU64::new(0)], sent: AtomicU64::new(0) });
    let going_on = Arc::new(AtomicBool::new(true));
    let flowing = tokio::spawn(flow(load.clone(), going_on.clone()));

    let began = Instant::now();
    let mut beat = tokio::time::interval(every);
    let mut resident = Vec::new();
    for number in 0..swaps {
        beat.tick().await;
        swap(&server, number, &versions).await;
        resident.push(server.resident_kib());
        assert!(!flowing.is_finished(), "a request has failed, after {number} swaps");
    }
    let took = began.elapsed();
    going_on.store(false, Ordering::Relaxed);
    flowing.await.unwrap();

    let sent = load.sent.load(Ordering::Relaxed);
    let by = [load.by[0].load(Ordering::Relaxed), load.by[1].load(Ordering::Relaxed)];
    // What is new in the first swaps is not what grows.
    let tenth = resident.len() / 10;
    let [begin, middle, end] = [1, 5, 9].map(|number| median(&resident[number * tenth..(number + 1) * tenth]));
    println!(
        "swaps {swaps} in {} s, requests {sent}, writes by a {}, by b {}, failed 0; MiB in use {}, {}, {}",
        took.as_secs(),
        by[0],
        by[1],
        begin >> 10,
        middle >> 10,
        end >> 10,
    );
    assert!(by[0] > 100 && by[1] > 100, "both versions answered: {by:?}");
    assert!(sent >= took.as_secs() * REQUESTS_PER_SECOND * 3 / 4, "the load was there: {sent}");
    let shown = Answer::of(server.admin(Method::GET, "/tenants/acme")).await.expect(200);
    assert_eq!(shown["revision"], swaps + 1);
    assert!(end <= middle + FLAT_KIB, "the second half of the swaps leaves no memory: {begin}, {middle}, {end} KiB");
    assert_eq!(entries(&server, &versions[0]).await, by[0] + by[1] + PEOPLE as u64);
    let log = server.terminate();
    assert!(!log.contains("panicked"), "{log}");
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

#[tokio::test]
async fn figures_of_a_plugin_go_on_when_it_is_bound_again_or_its_tenant_gets_other_settings() {
    let app = TestApp::start().await;
    let tenant = app.tenant_with_guest("acme", "swap-a").await;
    let b = app.push(wasm::guest("swap-b")).await.expect(201)["digest"].as_str().unwrap().to_owned();
    let figures = async || app.admin_get("/tenants/acme/plugin").await.expect(200);
    one_request(&tenant, 1).await;
    app.advance(Duration::from_mins(1));

    app.bind("acme", &b, json!({})).await.expect(200);
    let of_b = figures().await;
    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    app.admin_put("/tenants/acme/scim", json!({ "profile": "okta-oin" })).await.expect(200);
    one_request(&tenant, 2).await;
    let of_a = figures().await;

    assert_eq!((&of_b["calls"], &of_b["since"]), (&json!(0), &json!("2026-11-03T14:04:00.000Z")));
    assert_eq!((&of_a["calls"], &of_a["since"]), (&json!(2), &json!("2026-11-03T14:03:00.000Z")));
    assert_eq!(of_a["revision"], 4);
}
