//! Plugins that misbehave, one fault each: what the identity provider is told, and that nobody else notices.

mod failures;
mod push;
mod warm_up;

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER, field, wasm};
use serde_json::{Value, json};

pub(crate) use failures::counted;

/// Every guest, and so a test for each: here, in `swap.rs` for the two that are swapped under load, and in `perform.rs` for those that call.
const CLAIMED: [&str; 31] = [
    "allocates",
    "answers-huge",
    "answers-nonsense",
    "calls-host",
    "calls-nobody",
    "calls-out",
    "calls-secrets",
    "declares",
    "floods-handles",
    "forges-text",
    "frozen",
    "idle",
    "imports-network",
    "keeps",
    "logs",
    "long-base-path",
    "loops",
    "obeys",
    "plans-slowly",
    "reads-clock-and-random",
    "reads-password",
    "recurses",
    "rejects",
    "smallest",
    "speaks-both",
    "swap-a",
    "swap-b",
    "traps",
    "waits",
    "wants",
    "wants-more",
];

#[test]
fn every_guest_is_claimed_by_a_test() {
    assert_eq!(wasm::guests(), CLAIMED);
}

#[tokio::test]
async fn idle_reads_nothing_and_makes_the_same_account_of_everybody() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "idle").await;

    for name in ["ada@example.com", "grace@example.com"] {
        let user = json!({ "schemas": [USER], "userName": name, "active": false });
        let made = acme.post("/Users", user).await.expect(201);
        assert_eq!(made["userName"], name, "what it does not read is kept all the same");
        let id = made["id"].as_str().unwrap();
        let same = json!({ "state": "active", "listed": true });
        assert_eq!(app.account("acme", id).await, same);
    }
}

#[tokio::test]
async fn smallest_is_all_that_it_takes_to_serve_users() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "smallest").await;
    let user = json!({ "schemas": [USER], "userName": "ada@example.com", "displayName": "Ada Byron", "active": false });

    let made = acme.post("/Users", user).await.expect(201);

    let expected = json!({
        "state": "disabled",
        "listed": true,
        "fields": [
            { "name": "email", "value": { "text": "ada@example.com" } },
            { "name": "full_name", "value": { "text": "Ada Byron" } },
        ],
    });
    assert_eq!(app.account("acme", made["id"].as_str().unwrap()).await, expected);
    let groups = acme.get("/Groups").await.expect(404);
    assert_eq!(groups, error(404, None, "there is nothing at /Groups"), "it does not serve any");
}

#[tokio::test]
async fn rejects_is_heard_in_its_own_words_with_its_own_status() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "rejects").await;

    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com" })).await;

    assert_eq!(refused.header("retry-after"), "", "it would not go better later");
    assert_eq!(refused.expect(409), error(409, Some("uniqueness"), "userName is reserved by this guest"));
    assert_eq!(app.log("acme").await, Vec::<Value>::new());
    acme.group("Engines", &[]).await;
    assert_eq!(counted(&app, "rejects").await.len(), 0, "a considered no is no failure");
}

#[tokio::test]
async fn logs_may_flood_its_log_and_serves_all_the_same() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "logs").await;

    let ada = acme.user("ada@example.com").await;

    assert_eq!(app.account("acme", &ada).await["state"], "active");
    acme.group("Engines", &[&ada]).await;
}

#[tokio::test]
async fn reads_clock_and_random_sees_a_clock_that_stands_and_numbers_that_repeat() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "reads-clock-and-random").await;
    let ada = acme.user("ada@example.com").await;
    app.advance(std::time::Duration::from_millis(1500));

    let grace = acme.user("grace@example.com").await;

    let (ada, grace) = (app.account("acme", &ada).await, app.account("acme", &grace).await);
    assert_eq!(field(&ada, "clock"), 1_793_714_580_000_i64, "the time that the whole request has");
    assert_eq!(field(&grace, "clock"), 1_793_714_581_500_i64);
    assert_eq!(field(&ada, "order"), field(&grace, "order"), "a pure function has no dice");
}

#[tokio::test]
async fn swap_a_and_swap_b_are_two_versions_under_one_name_and_the_newest_is_meant() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "swap-a").await;
    let user = |name: &str| json!({ "schemas": [USER], "userName": name, "displayName": "D", "title": "T" });
    let by_a = acme.post("/Users", user("ada")).await.expect(201);
    app.advance(std::time::Duration::from_secs(1));
    app.push(wasm::guest("swap-b")).await.expect(201);

    app.bind("acme", "swap", json!({})).await.expect(200);
    let by_b = acme.post("/Users", user("grace")).await.expect(201);
    app.bind("acme", "swap@1.0.0", json!({})).await.expect(200);
    let by_a_again = acme.post("/Users", user("hedy")).await.expect(201);

    let retained = |user: &Value| (user["displayName"].clone(), user["title"].clone());
    assert_eq!(retained(&by_a), (json!("D"), Value::Null));
    assert_eq!(retained(&by_b), (Value::Null, json!("T")));
    assert_eq!(retained(&by_a_again), (json!("D"), Value::Null));
    for (user, state) in [(&by_a, "a"), (&by_b, "b"), (&by_a_again, "a")] {
        assert_eq!(app.account("acme", user["id"].as_str().unwrap()).await["state"], state);
    }
}

#[tokio::test]
async fn long_base_path_takes_no_other_tenants_endpoints_away() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let other = app.tenant_with_guest("other", "long-base-path").await;

    let id = acme.user("ada").await;
    acme.get(&format!("/Users/{id}")).await.expect(200);
    acme.get("/Users").await.expect(200);
    assert!(other.base.ends_with("/scim/v2/Users"));
    other.user("grace").await;
    assert_eq!(other.get("/Users").await.expect(200)["totalResults"], 1);
    // Each by its own token: at the other's base path there is nothing of its own.
    acme.at(&other.base).get("/Users").await.expect(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_slowly_has_a_second_for_a_whole_request_and_holds_nobody_up() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "plans-slowly").await;
    let neighbour = app.tenant("neighbour").await;
    let group = acme.group("all", &[]).await;
    let mut users = Vec::new();
    for number in 0..400 {
        users.push(json!({ "value": acme.user(&format!("user{number}")).await }));
    }
    let log = app.log("acme").await.len();
    let everybody = json!([{ "op": "add", "path": "members", "value": users }]);
    let path = format!("/Groups/{group}");

    let slow: Vec<_> = (0..4)
        .map(|_| {
            let (acme, path, everybody) = (acme.clone(), path.clone(), everybody.clone());
            tokio::spawn(async move { acme.operations(&path, everybody).await })
        })
        .collect();
    let mut longest = std::time::Duration::ZERO;
    while slow.iter().any(|request| !request.is_finished()) {
        let began = std::time::Instant::now();
        neighbour.get("/Users?count=0").await.expect(200);
        longest = longest.max(began.elapsed());
    }

    for request in slow {
        let refused = request.await.unwrap();
        assert_eq!(refused.header("retry-after"), "5");
        refused.expect(503);
    }
    assert_eq!(acme.members(&group).await, Vec::<String>::new(), "nothing was written");
    assert_eq!(app.log("acme").await.len(), log);
    assert!(longest < std::time::Duration::from_secs(2), "the neighbour waited {longest:?}");
}
