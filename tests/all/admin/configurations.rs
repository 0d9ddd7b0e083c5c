//! A configuration that does not fit: which field, and why, for each problem, and no secret in any sentence.

use muster_test_harness::{Answer, TestApp, wasm};
use serde_json::{Value, json};

use crate::command::on;

/// A tenant of a plugin whose configuration can be wrong in many ways.
async fn configured(app: &TestApp) {
    app.push(wasm::guest("wants")).await.expect(201);
    app.admin_post("/tenants", json!({ "name": "acme", "plugin": "wants", "grants": "all" })).await.expect(201);
}

async fn save(app: &TestApp, config: Value) -> Answer {
    app.admin_put("/tenants/acme/binding", json!({ "config": config })).await
}

#[tokio::test]
async fn each_mistake_in_a_configuration_is_told_by_its_place_and_in_a_sentence() {
    let app = TestApp::start().await;
    configured(&app).await;
    for (config, pointer, detail) in [
        (json!({ "seats": "many" }), "/seats", "must be a number, 12 or less"),
        (json!({ "seats": 13 }), "/seats", "must be a number, 12 or less"),
        (json!({ "region": "mars" }), "/region", r#"must be one of "eu", "us""#),
        (json!({ "contact": "nobody", "region": "eu" }), "/contact", "must be an e-mail address"),
        (json!({ "contact": "ada@example.com" }), "/region", r#"is missing; it must be one of "eu", "us""#),
        (json!({ "colour": 1 }), "/colour", "is not known here; known are seats, region, contact, teams, api"),
        (json!({ "teams": {} }), "/teams", "must be a list"),
        (json!({ "teams": [{ "name": "a" }, {}] }), "/teams/1/name", "is missing; it must be a text that is not empty"),
        (json!({ "teams": [{ "name": "" }] }), "/teams/0/name", "must be a text that is not empty"),
        (json!({ "teams": [{ "name": "a", "x": 1 }] }), "/teams/0/x", "is not known here; known are name"),
        (json!({ "api": { "key": "short" } }), "/api/key", "must be a text of at least 8 characters"),
        (json!({ "api": { "hunter2": 1 } }), "/api", "has a member that is not known here; known are key"),
        (json!({ "api": { "key": "weak-hunter2" } }), "/api/key", "(hidden) is too weak"),
        (json!([]), "", "must be a JSON object"),
    ] {
        let refused = save(&app, config.clone()).await;
        assert_eq!(refused.header("content-type"), "application/problem+json");
        let problem = refused.expect(400);
        assert_eq!(problem["errors"], json!([{ "pointer": pointer, "detail": detail }]), "{config}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 1, "nothing was saved");
    save(&app, json!({ "seats": 12, "api": { "key": "strong-hunter2" } })).await.expect(200);
}

#[tokio::test]
async fn several_mistakes_are_a_line_each_on_the_command_line() {
    let app = TestApp::start().await;
    configured(&app).await;

    let config = r#"{"seats":13,"region":"mars","teams":[{}]}"#;
    let refused = on(&app, &["tenant", "bind", "acme", "--config", config]).await;

    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    let mut lines: Vec<&str> = refused.err.lines().collect();
    assert_eq!(lines.remove(0), "muster: the configuration does not fit the plugin (400 Bad Request)");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            r#"  /region: must be one of "eu", "us""#,
            "  /seats: must be a number, 12 or less",
            "  /teams/0/name: is missing; it must be a text that is not empty",
        ]
    );
}

#[tokio::test]
async fn what_is_only_written_is_shown_nowhere_and_is_kept() {
    let app = TestApp::start().await;
    configured(&app).await;
    let config = json!({ "seats": 12, "api": { "key": "strong-hunter2" } });
    let shown = json!({ "seats": 12, "api": "(hidden)" });

    let bound = save(&app, config.clone()).await.expect(200);
    let tenant = app.admin_get("/tenants/acme").await.expect(200);
    let tenants = app.admin_get("/tenants").await.expect(200);
    let rollout = json!({ "plugin": "wants", "config": { "seats": 3, "api": { "key": "other-hunter2" } } });
    let started = app.admin_post("/tenants/acme/rollouts", rollout).await.expect(202);
    let listed = app.admin_get("/tenants/acme/rollouts").await.expect(200);

    assert_eq!((&bound["config"], &tenant["config"]), (&shown, &shown));
    for answer in [bound, tenant, tenants, started, listed] {
        assert!(answer.to_string().contains("(hidden)") && !answer.to_string().contains("hunter2"), "{answer}");
    }
    let again = save(&app, config).await.expect(200);
    assert_eq!(
        (&again["unchanged"], &again["revision"]),
        (&json!(true), &json!(2)),
        "what is kept is what was written"
    );
}

#[tokio::test]
async fn a_body_that_is_a_list_is_no_body() {
    let app = TestApp::start().await;
    configured(&app).await;
    let refused = app.admin_put("/tenants/acme/binding", json!([null, { "seats": 1 }, [], null])).await.expect(400);
    assert_eq!(refused["detail"], "the body must be a JSON object");
    for (body, place) in [
        (json!({ "canary": [5, 600] }), "canary"),
        (json!({ "watch": [300, 20] }), "watch"),
        (json!({ "grants": [["state"]] }), "grants[0]"),
    ] {
        let refused = app.admin_post("/tenants/acme/rollouts", body).await.expect(400);
        assert_eq!(refused["detail"], format!("{place}: must be a JSON object, not a list"));
    }
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["revision"], 1, "nothing was saved");
}
