//! Probation: what becomes of a candidate that is worse than what it took the place of.

use std::time::Duration;

use muster_service::{MAX_RUNNING_JOBS, MAX_WATCH_S};
use muster_test_harness::{Answer, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{SLOWLY, begin, counts, obeying, path, people, person, settled, start, states, step};
use crate::command::on;

/// The watch that nobody asked to be another one, in seconds.
pub(super) const WATCH: Duration = Duration::from_mins(5);

pub(super) fn watched() -> Value {
    json!({ "seconds": WATCH.as_secs() })
}

/// The candidate decides and is watched.
pub(super) async fn on_probation(app: &TestApp, new: Value) -> Value {
    let mut asked = json!({ "until": "activate", "watch": watched() });
    asked.as_object_mut().unwrap().extend(new.as_object().unwrap().clone());
    let watching = start(app, "acme", asked).await;
    assert_eq!((&watching["state"], &step(&watching, "watch")["state"]), (&json!("watching"), &json!("running")));
    watching
}

/// As soon as it is watched no longer, and nothing follows by itself.
pub(super) async fn judged(app: &TestApp, rollout: &Value) -> Value {
    loop {
        let now = settled(app, "acme", rollout).await;
        if now["state"] != "watching" {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) async fn create(tenant: &TenantClient, name: &str, shown: &str) -> Answer {
    tenant.post("/Users", json!({ "schemas": [USER], "userName": name, "displayName": shown })).await
}

/// What is told of calls that have failed: how many of them, and what the first was.
pub(super) fn trapped(says: &str, count: usize) -> String {
    format!(
        "{says}: {count} trapped; the first of them: the plugin trapped in mapping.to-account: \
         wasm trap: wasm `unreachable` instruction executed; what the plugin has logged: muster plugin tail --tenant acme"
    )
}

/// Whom the candidate has no answer for.
pub(super) async fn failing(tenant: &TenantClient, count: usize) {
    for number in 0..count {
        create(tenant, &format!("bad{number}"), "bad").await.expect(503);
    }
}

#[tokio::test]
async fn a_candidate_that_fails_gives_way_to_the_binding_before() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    person(&acme, "early", json!({})).await;
    app.advance(Duration::from_secs(1));
    let watching = on_probation(&app, json!({ "config": { "state": "a", "traps": "bad" } })).await;
    let people = people(&acme, 18).await;
    assert_eq!(app.account("acme", &people[0]).await["state"], "a");

    failing(&acme, 2).await;
    let left = judged(&app, &watching).await;

    let says = trapped("2 of 20 calls failed (10 %), and 5 % may", 2);
    assert_eq!(
        (&left["state"], &left["says"]),
        (&json!("rolled-back"), &json!(format!("{says}; obeys 1.0.0 decides again")))
    );
    let watch = step(&left, "watch");
    assert_eq!((&watch["state"], &watch["says"]), (&json!("failed"), &json!(says)));
    let found = &watch["findings"];
    assert_eq!((&found["calls"], &found["failed"], &found["over"]), (&json!(20), &json!(2), &json!("failed")));
    assert_eq!(found["without_an_account"]["trapped"], 2);
    assert_eq!(found["written"], json!({ "entries": 18, "resources": 18, "more": false }));
    assert_eq!(found["before"]["calls"], 1);
    let tenant = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!((&tenant["config"], &tenant["revision"]), (&json!({}), &json!(3)));
    let bob = create(&acme, "bob", "bad").await.expect(201);
    assert_eq!(app.account("acme", bob["id"].as_str().unwrap()).await["state"], "active");
    let refused = app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(409);
    let (id, ended) = (watching["id"].as_str().unwrap(), watch["ended"].as_str().unwrap());
    let says = format!(
        "the binding before is the candidate of rollout {id}, which was rolled back by itself at {ended}; \
         to bind it again all the same: muster tenant rollback acme --again"
    );
    assert_eq!(refused["detail"], says);
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
    let counted = "muster_rollouts_over_budget_total{reason=\"failed\",went_back=\"true\"} 1";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");

    let again = start(&app, "acme", json!({ "until": "remap", "watch": watched() })).await;
    assert_eq!((&again["state"], &step(&again, "watch")["state"]), (&json!("done"), &json!("skipped")));
    assert_eq!(step(&again, "watch")["says"], "it decided before the rollout began");
    assert_eq!(counts(&step(&again, "remap")["findings"]), [20, 18, 2, 0, 0]);
}

#[tokio::test]
async fn a_candidate_that_fails_so_often_that_it_is_left_alone_is_over_any_budget() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let budget = json!({ "seconds": 300, "failures": 100, "least_calls": 1_000 });
    let watching = on_probation(&app, json!({ "config": { "traps": "bad" }, "watch": budget })).await;

    failing(&acme, 20).await;
    let left = judged(&app, &watching).await;

    let says = trapped("20 of 20 calls failed, so many in a short time that it was left alone", 20);
    assert_eq!((&left["state"], &step(&left, "watch")["says"]), (&json!("rolled-back"), &json!(says)));
    assert_eq!(step(&left, "watch")["findings"]["over"], "left-alone");
    create(&acme, "ada", "bad").await.expect(201);
}

#[tokio::test]
async fn a_candidate_that_rejects_what_was_accepted_gives_way() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 20).await;
    let watching = on_probation(&app, json!({ "config": { "rejects": "bob" } })).await;

    for number in 0..15 {
        create(&acme, &format!("new{number}"), "new").await.expect(201);
    }
    for number in 0..5 {
        create(&acme, &format!("bob{number}"), "bob").await.expect(400);
    }
    let left = judged(&app, &watching).await;

    let says = "5 of 20 calls were rejected (25 %), where 0 % were to be expected and 20 % may be";
    assert_eq!((&left["state"], &step(&left, "watch")["says"]), (&json!("rolled-back"), &json!(says)));
    create(&acme, "bob", "bob").await.expect(201);
}

#[tokio::test]
async fn what_the_preview_has_shown_to_be_rejected_is_no_surprise() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    for number in 0..4 {
        create(&acme, &format!("bob{number}"), if number == 0 { "bob" } else { "ada" }).await.expect(201);
    }
    let waiting = start(&app, "acme", json!({ "config": { "rejects": "bob" }, "watch": watched() })).await;
    app.admin_post(&format!("{}/activate", path("acme", &waiting)), json!({ "anyway": true })).await.expect(200);

    for number in 0..12 {
        create(&acme, &format!("new{number}"), "new").await.expect(201);
    }
    for number in 0..8 {
        create(&acme, &format!("late{number}"), "bob").await.expect(400);
    }
    app.advance(WATCH);
    let kept = judged(&app, &waiting).await;

    let watch = step(&kept, "watch");
    assert_eq!((&kept["state"], &watch["state"], watch.get("says")), (&json!("active"), &json!("done"), None));
    assert_eq!((&watch["findings"]["rejected"], &watch["findings"]["calls"]), (&json!(8), &json!(20)));
    assert_eq!(watch["findings"]["before"]["expected_rejected_percent"], 25);
}

#[tokio::test]
async fn a_candidate_that_is_slow_at_every_second_call_gives_way() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    people(&acme, 20).await;
    // Said in itself: how long the calls before it took depends on what else the machine had to do.
    let budget = json!({ "seconds": 300, "slow_us": 500 });
    let watching = on_probation(&app, json!({ "config": { "works": SLOWLY * 5 / 2 }, "watch": budget })).await;

    for number in 0..20 {
        create(&acme, &format!("new{number}"), "new").await.expect(201);
    }
    let left = judged(&app, &watching).await;

    let says = step(&left, "watch")["says"].as_str().unwrap();
    assert_eq!((&left["state"], &step(&left, "watch")["findings"]["over"]), (&json!("rolled-back"), &json!("slow")));
    assert!(says.starts_with("half of 20 calls took more than "), "{says}");
}

#[tokio::test]
async fn what_is_stored_is_mapped_after_a_clean_watch_and_not_before() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let early = person(&acme, "early", json!({})).await;
    let watching = on_probation(&app, json!({ "config": { "state": "a" }, "until": "remap" })).await;
    people(&acme, 25).await;
    app.advance(WATCH.saturating_sub(Duration::from_secs(1)));
    let meanwhile = loop {
        let now = app.admin_get(&path("acme", &watching)).await.expect(200);
        if step(&now, "watch")["done"] == 299 {
            break now;
        }
    };
    assert_eq!(app.account("acme", &early).await["state"], "active");

    app.advance(Duration::from_secs(1));
    let done = judged(&app, &watching).await;

    let found = &step(&meanwhile, "watch")["findings"];
    assert_eq!((&found["calls"], &found["failed"], &meanwhile["state"]), (&json!(25), &json!(0), &json!("watching")));
    assert_eq!(step(&meanwhile, "watch")["total"], 300);
    assert_eq!(done["state"], "done");
    assert_eq!(states(&done)[4..], [("activate", "done"), ("watch", "done"), ("remap", "done")]);
    assert_eq!(app.account("acme", &early).await["state"], "a");
}

#[tokio::test]
async fn a_candidate_that_nobody_calls_is_not_judged_and_says_so() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let early = person(&acme, "early", json!({})).await;
    let watching = on_probation(&app, json!({ "config": { "state": "a" }, "until": "remap" })).await;

    app.advance(WATCH);
    let done = judged(&app, &watching).await;

    assert_eq!(
        (&done["state"], &step(&done, "watch")["says"]),
        (&json!("done"), &json!("not judged: nobody called it"))
    );
    assert_eq!(app.account("acme", &early).await["state"], "a");
}

#[tokio::test]
async fn a_candidate_with_few_calls_of_which_some_failed_maps_nothing_by_itself() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let new = json!({ "config": { "traps": "bad" }, "until": "remap" });
    let watching = on_probation(&app, new.clone()).await;
    failing(&acme, 2).await;

    app.advance(WATCH);
    let active = judged(&app, &watching).await;

    let says = "not judged by 2 calls, of which 2 failed";
    assert_eq!((&active["state"], &step(&active, "watch")["says"]), (&json!("active"), &json!(says)));
    assert_eq!(active["says"], format!("nothing was mapped again, because it was {says}"));
    assert_eq!(step(&active, "remap")["state"], "pending");

    app.admin_post("/tenants/acme/binding/rollback", json!({})).await.expect(200);
    let watching = on_probation(&app, new).await;
    failing(&acme, 3).await;
    app.advance(WATCH);
    let left = judged(&app, &watching).await;
    assert_eq!(
        step(&left, "watch")["says"],
        trapped("3 of 3 calls failed (100 %), and 5 % may", 3),
        "three are a judgement at the end"
    );
    assert_eq!(left["state"], "rolled-back");
}

#[tokio::test]
async fn who_binds_something_else_meanwhile_is_not_overruled() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "traps": "bad" } })).await;

    app.bind("acme", "obeys", json!({ "traps": "bad", "state": "b" })).await.expect(200);
    failing(&acme, 19).await;
    let left = judged(&app, &watching).await;
    // Longer than it takes until a candidate is looked at.
    tokio::time::sleep(Duration::from_millis(600)).await;

    assert_eq!((&left["state"], &step(&left, "watch")["state"]), (&json!("replaced"), &json!("cancelled")));
    let tenant = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!((&tenant["config"]["state"], &tenant["revision"]), (&json!("b"), &json!(3)));
}

#[tokio::test]
async fn other_settings_of_the_tenant_are_not_another_binding() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let watching = on_probation(&app, json!({ "config": { "traps": "bad" } })).await;
    failing(&acme, 10).await;

    app.admin_put("/tenants/acme/scim", json!({ "profile": "okta-oin" })).await.expect(200);
    failing(&acme, 10).await;
    let left = judged(&app, &watching).await;

    assert_eq!(step(&left, "watch")["says"], trapped("20 of 20 calls failed, and 20 are enough", 20));
    let tenant = app.admin_get("/tenants/acme").await.expect(200);
    assert_eq!(
        (&left["state"], &tenant["config"], &tenant["revision"]),
        (&json!("rolled-back"), &json!({}), &json!(4))
    );
    assert_eq!(app.admin_get("/tenants/acme/scim").await.expect(200)["profile"], "okta-oin");
}

#[tokio::test]
async fn who_ends_the_watch_takes_the_candidate_as_it_is() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let early = person(&acme, "early", json!({})).await;
    let watching = on_probation(&app, json!({ "config": { "traps": "bad", "state": "a" } })).await;
    let at = path("acme", &watching);
    let refused = app.admin_post("/tenants/acme/rollouts", json!({})).await.expect(409);

    let queued = app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    let cancelled = app.admin_post(&format!("{at}/cancel"), json!({})).await.expect(200);
    failing(&acme, 19).await;
    app.advance(WATCH);
    let still = judged(&app, &watching).await;

    let id = watching["id"].as_str().unwrap();
    let says = format!(
        "the candidate of rollout {id} is watched; wait for the end of it, or end it: muster rollout cancel acme {id}"
    );
    assert_eq!(refused["detail"], says);
    assert_eq!(
        (&queued["state"], &queued["until"]),
        (&json!("watching"), &json!("remap")),
        "it is mapped after the watch"
    );
    assert_eq!((&cancelled["state"], &step(&cancelled, "watch")["state"]), (&json!("active"), &json!("cancelled")));
    assert_eq!((&still["state"], &step(&still, "remap")["state"]), (&json!("active"), &json!("pending")));
    app.admin_post(&format!("{at}/remap"), json!({})).await.expect(202);
    assert_eq!(judged(&app, &watching).await["state"], "done");
    assert_eq!(app.account("acme", &early).await["state"], "a");
}

#[tokio::test]
async fn watching_takes_no_place_among_the_jobs() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    for number in 0..=MAX_RUNNING_JOBS {
        let name = format!("tenant-{number}");
        app.tenant_with_guest(&name, "obeys").await;
        let new = json!({ "config": { "state": "a" }, "until": "activate", "watch": watched() });
        assert_eq!(start(&app, &name, new).await["state"], "watching");
    }

    let waiting = start(&app, "acme", json!({})).await;

    assert_eq!(waiting["state"], "waiting");
    let jobs = app.admin_get("/jobs").await.expect(200);
    assert!(jobs["jobs"].as_array().unwrap().iter().all(|job| job["state"] == "done"), "{jobs}");
}

#[tokio::test]
async fn what_waits_to_be_activated_over_a_binding_that_is_gone_is_replaced() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let first = start(&app, "acme", json!({ "config": { "state": "a" } })).await;
    let second = start(&app, "acme", json!({ "config": { "state": "b" } })).await;

    app.admin_post(&format!("{}/activate", path("acme", &second)), json!({})).await.expect(200);

    let listed = app.admin_get("/tenants/acme/rollouts").await.expect(200);
    let states: Vec<&Value> = listed["rollouts"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["active", "replaced"]);
    let id = first["id"].as_str().unwrap();
    let says = format!(
        "the binding has changed since rollout {id} began (it is at revision 2, not at 1); start another rollout"
    );
    assert_eq!(listed["rollouts"][1]["says"], says);
}

#[tokio::test]
async fn a_budget_that_cannot_be_had_is_refused_by_name() {
    let app = TestApp::start().await;
    obeying(&app, "acme").await;
    let refused = async |watch: Value| {
        let answer = app.admin_post("/tenants/acme/rollouts", json!({ "watch": watch })).await.expect(400);
        answer["detail"].as_str().unwrap().to_owned()
    };

    assert_eq!(refused(json!({ "seconds": MAX_WATCH_S + 1 })).await, "watch.seconds is at most 86400");
    assert_eq!(refused(json!({ "failed_percent": 101 })).await, "watch.failed_percent is 1 to 100");
    let unknown = refused(json!({ "minutes": 5 })).await;
    assert!(unknown.starts_with("watch.minutes: unknown field `minutes`"), "{unknown}");
}

#[tokio::test]
async fn an_operator_sees_the_watch_and_what_became_of_it_on_the_command_line() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    let config = r#"{"state":"a","traps":"bad"}"#;
    let start = ["rollout", "start", "acme", "--config", config, "--until", "activate", "--watch", "2m"];

    let begun = on(&app, &[&start[..], &["--watch-failures", "3"]].concat()).await.text();
    create(&acme, "ada", "ada").await.expect(201);
    failing(&acme, 2).await;
    let shown = on(&app, &["rollout", "show", "acme"]).await.text();
    failing(&acme, 1).await;
    let waited = on(&app, &["rollout", "wait", "acme"]).await;

    let listed = app.admin_get("/tenants/acme/rollouts").await.expect(200);
    let id = listed["rollouts"][0]["id"].as_str().unwrap();
    assert_eq!(listed["rollouts"][0]["watch"]["seconds"], 120);
    let ends = format!(
        "\nwatching\nto watch it no longer: muster rollout cancel acme {id}; to go back: muster tenant rollback acme\n"
    );
    assert!(begun.ends_with(&ends), "{begun}");
    assert!(shown.contains("\nwatch      running    0 of 120 s; 3 calls, 2 failed\n"), "{shown}");
    assert_eq!((waited.code, waited.err.as_str()), (1, "muster: watch failed; why stands above\n"));
    let again = on(&app, &["tenant", "rollback", "acme", "--again"]).await.text();
    assert!(
        again.starts_with("acme is decided by obeys 1.0.0 (") && again.contains(") again, revision 4\n"),
        "{again}"
    );
    let says = trapped("3 of 4 calls failed, and 3 are enough", 3);
    assert!(waited.out.contains(&format!("\nwatch      failed     {says}\n")), "{}", waited.out);
    let end = "\nrolled-back: obeys 1.0.0 decides again\n\
        written while it decided: 1 change, to 1 user or group; to map them again: muster rollout start acme --until remap\n";
    assert!(waited.out.ends_with(end), "{}", waited.out);
}

#[tokio::test]
async fn a_job_goes_on_while_a_candidate_is_watched_that_was_begun_in_it() {
    let app = TestApp::start().await;
    let acme = obeying(&app, "acme").await;
    person(&acme, "early", json!({})).await;
    let new = json!({ "config": { "state": "a" }, "until": "remap", "watch": { "seconds": 1 } });
    let begun = begin(&app, "acme", new).await;
    let watching = settled(&app, "acme", &begun).await;
    assert_eq!(watching["state"], "watching");

    app.advance(Duration::from_secs(1));

    let done = judged(&app, &begun).await;
    let request = format!("rollout-{}", begun["id"].as_str().unwrap());
    let jobs = app.admin_get("/jobs").await.expect(200);
    let of_it = jobs["jobs"].as_array().unwrap().iter().filter(|job| job["request"] == request.as_str());
    assert_eq!((of_it.count(), &done["state"]), (2, &json!("done")), "one before the watch, and one after it");
}
