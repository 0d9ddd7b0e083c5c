//! A plugin that keeps failing: it is left alone, tried again, and its tenant may choose to do without it meanwhile.

use std::time::{Duration, Instant};

use muster_service::{BREAKER_MIN_FAILURES, BREAKER_PAUSE};
use muster_test_harness::messages::error;
use muster_test_harness::{Answer, TenantClient, TestApp, USER, wasm};
use serde_json::{Value, json};

use crate::command::on;
use crate::guests::counted;

/// What is told of one call that failed.
const FAILS: &str = "the mapping of this tenant is failing; nothing was changed, try again later";

async fn create(tenant: &TenantClient, name: &str) -> Answer {
    tenant.post("/Users", json!({ "schemas": [USER], "userName": name })).await
}

/// The tenant's plugin fails as often as it takes to be left alone.
async fn wear_out(tenant: &TenantClient) {
    for number in 0..BREAKER_MIN_FAILURES {
        let answer = create(tenant, &format!("user{number}")).await;
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(answer.expect(503)["detail"], FAILS);
    }
}

fn is_paused(answer: Answer, seconds: u64) {
    assert_eq!(answer.header("retry-after"), seconds.to_string());
    let told = format!(
        "the mapping of this tenant keeps failing and is left alone for a while; nothing was changed, try again in {seconds} s"
    );
    assert_eq!(answer.expect(503), error(503, None, &told));
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_left_alone_and_nobody_waits_for_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "loops").await;
    let globex = app.tenant_with_guest("globex", "loops").await;
    let group = acme.group("Engines", &[]).await;
    wear_out(&acme).await;
    let failed = counted(&app, "loops").await;

    let began = Instant::now();
    for number in 0..50 {
        is_paused(create(&acme, &format!("user{number}")).await, BREAKER_PAUSE.as_secs());
    }
    // Half a second each is what nobody waits for; a machine that does something else as well takes a part of it.
    assert!(began.elapsed() < Duration::from_secs(25), "{:?} for 50 answers", began.elapsed());

    assert_eq!(counted(&app, "loops").await, failed, "the plugin was not asked");
    let name = json!([{ "op": "replace", "path": "displayName", "value": "Wheels" }]);
    is_paused(acme.operations(&format!("/Groups/{group}"), name).await, BREAKER_PAUSE.as_secs());
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0, "reads do not ask it anyway");
    let figures = app.admin_get("/tenants/acme/plugin").await.expect(200);
    assert_eq!((&figures["refused"], &figures["passed_through"]), (&json!(51), &json!(0)));
    assert_eq!((&figures["binding"]["refused"], &figures["from"]), (&json!(51), &json!("binding")));
    globex.group("Engines", &[]).await;
}

#[tokio::test]
async fn after_the_pause_one_request_tries_it_and_a_good_answer_ends_the_pause() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;
    wear_out(&acme).await;
    app.advance(BREAKER_PAUSE.saturating_sub(Duration::from_secs(3)));
    is_paused(create(&acme, "ada").await, 3);
    app.advance(Duration::from_secs(3));

    assert_eq!(create(&acme, "ada").await.expect(503)["detail"], FAILS, "it was tried");
    is_paused(create(&acme, "ada").await, BREAKER_PAUSE.as_secs());
    app.advance(BREAKER_PAUSE);
    acme.group("Engines", &[]).await;

    assert_eq!(create(&acme, "ada").await.expect(503)["detail"], FAILS, "it is asked again");
    acme.group("Wheels", &[]).await;
}

#[tokio::test]
async fn a_new_binding_is_asked_from_the_start() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;
    app.push(wasm::plugin("standard")).await.expect(201);
    wear_out(&acme).await;

    app.bind("acme", "standard", json!({})).await.expect(200);

    acme.user("ada").await;
}

#[tokio::test]
async fn a_plugin_that_says_no_a_hundred_times_is_well() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "rejects").await;

    for number in 0..100 {
        create(&acme, &format!("user{number}")).await.expect(409);
    }

    acme.group("Engines", &[]).await;
}

async fn pass_through(app: &TestApp, tenant: &str) {
    let set = app.admin_put(&format!("/tenants/{tenant}/scim"), json!({ "on_plugin_failure": "pass-through" })).await;
    assert_eq!(set.expect(200)["on_plugin_failure"], "pass-through");
}

/// Whoever was pushed with this digest is nobody: the host itself has mapped.
fn standard_mapping() -> Value {
    json!("f".repeat(64))
}

#[tokio::test]
async fn a_tenant_that_passes_through_gets_what_the_plugin_standard_would_have_made() {
    let app = TestApp::start().await;
    let (acme, other) = (app.tenant_with_guest("acme", "traps").await, app.tenant("other").await);
    pass_through(&app, "acme").await;
    let people = [
        json!({ "schemas": [USER], "userName": "ada", "displayName": "Ada", "externalId": "00u1", "name": { "familyName": "Byron" },
            "emails": [{ "value": "h@example.com", "type": "home" }, { "value": "w@example.com", "type": "work" }] }),
        json!({ "schemas": [USER], "userName": "grace", "active": false, "name": { "formatted": "Grace Hopper" },
            "emails": [{ "value": "w@example.com", "type": "work" }, { "value": "p@example.com", "primary": true }] }),
        json!({ "schemas": [USER], "userName": "hedy" }),
    ];

    for person in people {
        let here = acme.post("/Users", person.clone()).await.expect(201);
        let there = other.post("/Users", person).await.expect(201);
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
        assert_eq!(app.account("acme", &id(&here)).await, app.account("other", &id(&there)).await);
    }

    let made_by: Vec<Value> = app.log("acme").await.iter().map(|entry| entry["plugin"].clone()).collect();
    assert_eq!(made_by, [standard_mapping(), standard_mapping(), standard_mapping()]);
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
    let figures = app.admin_get("/tenants/acme/plugin").await.expect(200);
    assert_eq!((&figures["passed_through"], &figures["refused"]), (&json!(3), &json!(0)));

    let app = app.restart().await;
    let figures = app.admin_get("/tenants/acme/plugin").await.expect(200);
    assert_eq!((&figures["passed_through"], &figures["from"]), (&json!(0), &json!("start")), "it counts anew");
}

#[tokio::test]
async fn what_was_passed_through_is_mapped_anew_when_the_plugin_is_well() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;
    let smallest = app.push(wasm::guest("smallest")).await.expect(201)["digest"].clone();
    pass_through(&app, "acme").await;
    let ada = acme.user("ada").await;
    for number in 0..2 * BREAKER_MIN_FAILURES {
        acme.user(&format!("user{number}")).await;
    }
    app.bind("acme", "smallest", json!({})).await.expect(200);

    let title = json!([{ "op": "replace", "path": "title", "value": "Countess" }]);
    acme.operations(&format!("/Users/{ada}"), title).await.expect(200);

    let account = app.account("acme", &ada).await;
    let fields = json!([{ "name": "email", "value": { "text": "ada" } }]);
    assert_eq!(account["fields"], fields);
    let log = app.log("acme").await;
    assert_eq!((&log[0]["plugin"], &log.last().unwrap()["plugin"]), (&standard_mapping(), &smallest));
    let history = app.admin_get(&format!("/tenants/acme/resources/{ada}/history")).await.expect(200);
    let by: Vec<&Value> = history["entries"].as_array().unwrap().iter().map(|entry| &entry["plugin"]["name"]).collect();
    assert_eq!(by, ["smallest", "the host's standard mapping"]);
}

#[tokio::test]
async fn fail_closed_is_the_default_and_another_word_is_refused_by_name() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;

    assert_eq!(app.admin_get("/tenants/acme/scim").await.expect(200)["on_plugin_failure"], "refuse");
    create(&acme, "ada").await.expect(503);
    let refused = app.admin_put("/tenants/acme/scim", json!({ "on_plugin_failure": "ignore" })).await.expect(400);

    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("on_plugin_failure") && detail.contains("pass-through"), "{detail}");
}

#[tokio::test]
async fn mapping_again_makes_anew_all_that_was_passed_through() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;
    let smallest = app.push(wasm::guest("smallest")).await.expect(201)["digest"].clone();
    pass_through(&app, "acme").await;
    let people = [acme.user("ada").await, acme.user("grace").await];

    let new = json!({ "plugin": "smallest", "until": "remap", "watch": { "seconds": 0 } });
    let begun = app.admin_post("/tenants/acme/rollouts", new).await.expect(202);
    let path = format!("/tenants/acme/rollouts/{}", begun["id"].as_str().unwrap());
    while app.admin_get(&path).await.expect(200)["state"] == "running" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    for (id, name) in people.iter().zip(["ada", "grace"]) {
        let fields = json!([{ "name": "email", "value": { "text": name } }]);
        assert_eq!(app.account("acme", id).await["fields"], fields);
    }
    let log = app.log("acme").await;
    let made_by: Vec<&Value> = log.iter().map(|entry| &entry["plugin"]).collect();
    assert_eq!(made_by, [&standard_mapping(), &standard_mapping(), &smallest, &smallest]);
}

#[tokio::test]
async fn the_choice_is_made_and_shown_on_the_command_line() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "traps").await;

    let told = on(&app, &["tenant", "scim", "acme", "--on-plugin-failure", "pass-through"]).await.text();

    assert!(told.contains("no answer  pass-through\n"), "{told}");
    acme.user("ada").await;
    let back = on(&app, &["tenant", "scim", "acme", "--on-plugin-failure", "refuse", "--json"]).await.json();
    assert_eq!(back["on_plugin_failure"], "refuse");
    create(&acme, "grace").await.expect(503);
}
