//! What can be seen of plugins: what they log, and how they fare, each tenant's apart.

use std::time::{Duration, Instant};

use muster_service::{MAX_LINES_A_TENANT, MAX_WAIT_S};
use muster_test_harness::{TenantClient, TestApp, USER};
use serde_json::{Value, json};

use crate::command::on;

async fn lines(app: &TestApp, query: &str) -> Value {
    app.admin_get(&format!("/log/plugins?{query}")).await.expect(200)
}

/// A user by the guest `keeps`, which logs one line.
async fn log_once(tenant: &TenantClient, name: &str) -> String {
    let user = json!({ "schemas": [USER], "userName": name, "displayName": "logs" });
    let answer = tenant.post("/Users", user).await;
    let request = answer.header("x-request-id").to_owned();
    answer.expect(201);
    request
}

#[tokio::test]
async fn what_a_plugin_logs_is_read_with_its_tenant_and_request_and_no_other_tenants_with_it() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant_with_guest("acme", "keeps").await, app.tenant_with_guest("globex", "keeps").await);
    let by_acme = log_once(&acme, "ada").await;
    let by_globex = log_once(&globex, "grace").await;

    let all = lines(&app, "").await;
    let own = lines(&app, "tenant=globex").await;

    assert_eq!((all["lines"].as_array().unwrap().len(), &all["next"]), (2, &json!(2)));
    let first = &all["lines"][0];
    assert_eq!((&first["tenant"], &first["request"], &first["number"]), (&json!("acme"), &json!(by_acme), &json!(1)));
    assert_eq!(
        (&first["plugin"], &first["level"], &first["message"]),
        (&json!("keeps"), &json!("info"), &json!("one line"))
    );
    assert_eq!(first["at"], "2026-11-03T14:03:00.000Z");
    assert_eq!((own["lines"].as_array().unwrap().len(), &own["lines"][0]["request"]), (1, &json!(by_globex)));
    assert_eq!(lines(&app, "after=2").await, json!({ "lines": [], "next": 2 }));
    let told = on(&app, &["plugin", "tail", "--tenant", "acme"]).await.text();
    assert_eq!(told, format!("2026-11-03T14:03:00.000Z  info   acme  keeps 1.0.0  one line   (request {by_acme})\n"));
    assert_eq!(on(&app, &["plugin", "tail", "--after", "1", "--json"]).await.json()["tenant"], "globex");
    let unknown = on(&app, &["plugin", "tail", "--tenant", "nobody"]).await.failed();
    assert_eq!(unknown, "there is no tenant nobody (404 Not Found)");
}

#[tokio::test]
async fn whoever_waits_for_a_line_gets_it_when_it_comes() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "keeps").await;
    let began = Instant::now();

    let (waited, request) = tokio::join!(lines(&app, "tenant=acme&wait_s=60"), async {
        // Whether the line or the reader comes first, the reader gets it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        log_once(&acme, "ada").await
    });

    assert_eq!(waited["lines"][0]["request"], json!(request));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let refused = app.admin_get(&format!("/log/plugins?wait_s={}", MAX_WAIT_S + 1)).await.expect(400);
    assert_eq!(refused["detail"], format!("wait_s is at most {MAX_WAIT_S}"));
    assert_eq!(app.admin_get("/log/plugins?limit=0").await.expect(400)["detail"], "limit is at least 1");
}

#[tokio::test]
async fn a_plugin_that_floods_its_log_keeps_its_own_last_lines_and_takes_none_from_others() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant_with_guest("acme", "keeps").await, app.tenant_with_guest("globex", "logs").await);
    let request = log_once(&acme, "ada").await;
    for number in 0..20 {
        globex.user(&format!("user{number}")).await;
    }

    let acmes = lines(&app, "tenant=acme&limit=1000").await;
    let flood = lines(&app, "tenant=globex&limit=1000").await;

    assert_eq!(acmes["lines"][0]["request"], json!(request));
    let flood = flood["lines"].as_array().unwrap();
    assert!(!flood.is_empty() && flood.len() <= MAX_LINES_A_TENANT, "{}", flood.len());
    let last = flood.last().unwrap();
    assert_eq!(
        (&last["level"], &last["message"]),
        (&json!("warn"), &json!("136 more lines than one call may log were left out"))
    );
}

#[tokio::test]
async fn calls_are_told_by_tenant_with_what_became_of_them_and_how_long_they_took() {
    let app = TestApp::start().await;
    let (acme, globex) =
        (app.tenant_with_guest("acme", "traps").await, app.tenant_with_guest("globex", "rejects").await);
    for number in 0..20 {
        acme.group(&format!("group{number}"), &[]).await;
        acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(503);
    }
    globex.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(409);

    let of = async |tenant: &str| app.admin_get(&format!("/tenants/{tenant}/plugin")).await.expect(200);
    let (traps, rejects) = (of("acme").await, of("globex").await);

    assert_eq!(
        (&traps["plugin"]["name"], &traps["calls"], &traps["left_alone"]),
        (&json!("traps"), &json!(40), &json!(true))
    );
    assert_eq!(
        (&traps["without_an_account"]["trapped"], &traps["without_an_account"]["rejected"]),
        (&json!(20), &json!(0))
    );
    assert_eq!((&rejects["calls"], &rejects["without_an_account"]["rejected"]), (&json!(1), &json!(1)));
    for figures in [&traps, &rejects] {
        let timed: u64 = figures["times"].as_array().unwrap().iter().map(|time| time["calls"].as_u64().unwrap()).sum();
        assert_eq!(json!(timed), figures["calls"]);
        assert!(figures["memory_high_water_bytes"].as_u64().unwrap() >= 64 << 10, "{figures}");
    }
    let told = on(&app, &["plugin", "health", "acme"]).await.text();
    assert!(
        told.contains("failed   20 trapped\n") && told.ends_with("it keeps failing, and is left alone for a while\n"),
        "{told}"
    );
    assert_eq!(app.admin_get("/tenants/nobody/plugin").await.expect(404)["detail"], "there is no tenant nobody");
}
