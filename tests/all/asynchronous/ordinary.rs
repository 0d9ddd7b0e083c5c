//! What is refused, when, and in which words.

use std::time::Duration;

use muster_test_harness::{PATCH_OP, TestApp, wasm};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ERROR, Taken, builder, later, later_with, person, sent, switch_on, titled, told, until};

/// A server that carries requests out.
async fn carrying() -> TestApp {
    let mut builder = builder();
    builder.config.delivery.concurrency = 256;
    builder.start().await
}

#[tokio::test]
async fn what_would_be_refused_is_the_response() {
    let app = carrying().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada@example.com").await;
    let announced = async || acme.get("/ServiceProviderConfig").await.expect(200)["securityEvents"].clone();
    assert_eq!(announced().await, Value::Null);
    switch_on(&app, "acme").await;
    assert_eq!(announced().await, json!({ "asyncRequest": "request", "eventUris": [] }), "a webhook tells as well");
    let path = format!("/Users/{ada}");

    let taken = sent(&acme, Method::POST, "/Users", person("ADA@example.com")).await;
    let expected = json!({ "schemas": [ERROR], "status": "409", "scimType": "uniqueness", "detail": "userName is already in use" });
    assert_eq!(taken, json!({ "method": "POST", "status": "409", "response": expected }));

    let stale = later_with(&acme, Method::PATCH, &path, titled("Countess"), &[("if-match", "W/\"7\"")]).await;
    let stale = Taken::of(&acme, &stale).came_to(&acme).await;
    assert_eq!((&stale["status"], &stale["location"]), (&json!("412"), &json!(format!("{}{path}", acme.base))));
    let current = [("if-match", "W/\"9\", W/\"1\"")];
    let fits = later_with(&acme, Method::PATCH, &path, titled("Countess"), &current).await;
    assert_eq!(Taken::of(&acme, &fits).came_to(&acme).await["status"], "200");

    let nameless = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": "userName" }] });
    let nameless = sent(&acme, Method::PATCH, &path, nameless).await;
    assert_eq!((&nameless["status"], &nameless["response"]["scimType"]), (&json!("400"), &json!("mutability")));

    acme.delete(&path).await;
    assert_eq!(sent(&acme, Method::DELETE, &path, Value::Null).await["status"], "404");
    let told = told(&app, "acme", 5).await;
    let mut statuses: Vec<&str> = told.iter().filter_map(|told| told["response"]["status"].as_str()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["400", "404", "409", "412"]);
}

#[tokio::test]
async fn what_no_time_would_make_right_is_refused_at_once() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let id = "019a4a3e-0000-7000-8000-000000000001";

    later(&acme, Method::POST, "/Users", json!({ "schemas": ["urn:none"], "title": "nobody" })).await.expect(400);
    later(&acme, Method::PATCH, &format!("/Users/{id}"), json!({ "Operations": "all" })).await.expect(400);
    later(&acme, Method::POST, "/Bulk", json!({ "schemas": [super::BULK] })).await.expect(400);
    later(&acme, Method::POST, "/Robots", person("ada@example.com")).await.expect(404);
    later(&acme, Method::DELETE, "/Users/nobody", Value::Null).await.expect(404);
    later(&acme.with_token("mst_0"), Method::POST, "/Users", person("ada@example.com")).await.expect(401);
    let half = acme.request(Method::POST, "/Users").bearer_auth(&acme.token).header("prefer", "respond-async");
    acme.send(half.header("content-type", "application/scim+json").body("{\"userName\":")).await.expect(400);
    let xml = acme.request(Method::POST, "/Users").bearer_auth(&acme.token).header("prefer", "respond-async");
    acme.send(xml.header("content-type", "text/xml").body("<user/>")).await.expect(415);
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
}

#[tokio::test]
async fn where_nobody_has_asked_to_be_told_the_preference_is_ignored() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    let ordinary = async |name: &str| {
        let answer = later(&acme, Method::POST, "/Users", person(name)).await;
        assert_eq!((answer.status, answer.header("preference-applied"), answer.header("set-txn")), (201, "", ""));
        answer.body["id"].as_str().unwrap().to_owned()
    };
    ordinary("nobody@example.com").await;
    let all = json!({ "name": "all", "url": "https://told.example/hooks" });
    app.admin_post("/tenants/acme/webhooks", all).await.expect(201);
    let id = ordinary("who-takes-everything@example.com").await;
    switch_on(&app, "acme").await;
    Taken::of(&acme, &later(&acme, Method::POST, "/Users", person("told@example.com")).await);
    app.admin_post("/tenants/acme/webhooks/told/off", json!({})).await.expect(200);
    ordinary("off@example.com").await;
    app.admin_post("/tenants/acme/webhooks/told/on", json!({})).await.expect(200);

    let other =
        acme.request(Method::POST, "/Users").bearer_auth(&acme.token).header("prefer", "return=minimal, wait=3");
    acme.send(other.body(person("minimal@example.com").to_string())).await.expect(201);
    let unlike = [("if-none-match", "W/\"7\"")];
    later_with(&acme, Method::PATCH, &format!("/Users/{id}"), titled("Countess"), &unlike).await.expect(200);
    later(&acme, Method::GET, "/Users", Value::Null).await.expect(200);
}

#[tokio::test]
async fn a_token_that_is_revoked_before_its_request_is_carried_out_is_told_401_and_nothing_is_done() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let issued = app.admin_post("/tenants/acme/tokens", json!({})).await.expect(201);
    let other = acme.with_token(issued["token"].as_str().unwrap());
    let taken = Taken::of(&acme, &later(&other, Method::POST, "/Users", person("ada@example.com")).await);
    app.admin_delete(&format!("/tenants/acme/tokens/{}", issued["id"].as_str().unwrap())).await;

    let app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    let came = taken.came_to(&acme).await;
    assert_eq!((&came["status"], &came["response"]["status"]), (&json!("401"), &json!("401")));
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
    assert_eq!(told(&app, "acme", 1).await[0]["method"], "POST");
}

#[tokio::test]
async fn a_plugin_that_fails_is_asked_again_and_in_the_end_that_is_the_response() {
    let mut builder = builder();
    (builder.config.delivery.concurrency, builder.config.delivery.attempts) = (256, 3);
    let app = builder.start().await;
    let pushed = app.push(wasm::guest("obeys")).await.expect(201);
    let traps = json!({ "traps": "Ada" });
    let acme = app.create_tenant("acme", pushed["digest"].as_str().unwrap(), traps).await;
    switch_on(&app, "acme").await;
    let named = |name: &str| json!({ "schemas": [super::USER], "userName": name, "displayName": "Ada" });

    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Users", named("ada@example.com")).await);
    for attempts in 1..3 {
        tried(&app, 1, attempts).await;
        assert_eq!(acme.get(&taken.path).await.status, 202);
        app.advance(Duration::from_mins(16));
    }
    let came = taken.came_to(&acme).await;
    assert_eq!((&came["status"], &came["response"]["status"]), (&json!("503"), &json!("503")));
    assert!(
        came["response"]["detail"].as_str().unwrap().starts_with("the mapping of this tenant is failing"),
        "{came}"
    );
    assert_eq!(told(&app, "acme", 1).await[0]["status"], "503");
    // Whoever replays it cannot do what its client was told was not done.
    app.admin_post("/tenants/acme/tasks/1/replay", json!({})).await.expect(200);
    let failure = "its client was told that it failed, and is to send it again";
    until(&app, 1, |task| task["failure"] == failure).await;

    let again = Taken::of(&acme, &later(&acme, Method::POST, "/Users", named("ada@example.com")).await);
    let seq =
        app.tasks("acme").await.iter().find(|task| task["arguments"][0]["value"]["text"] == again.txn).unwrap()["seq"]
            .as_u64();
    tried(&app, seq.unwrap(), 1).await;
    app.bind("acme", pushed["digest"].as_str().unwrap(), json!({})).await.expect(200);
    app.advance(Duration::from_mins(16));
    assert_eq!(again.came_to(&acme).await["status"], "201");
}

#[tokio::test]
async fn what_fails_of_a_bulk_request_is_tried_again_and_what_was_done_is_not() {
    let mut builder = builder();
    builder.config.delivery.concurrency = 256;
    let app = builder.start().await;
    let pushed = app.push(wasm::guest("obeys")).await.expect(201);
    let traps = json!({ "traps": "Ada" });
    let acme = app.create_tenant("acme", pushed["digest"].as_str().unwrap(), traps).await;
    let grace = acme.user("grace@example.com").await;
    switch_on(&app, "acme").await;
    let ada = json!({ "schemas": [super::USER], "userName": "ada@example.com", "displayName": "Ada" });
    let bulk = json!({ "schemas": [super::BULK], "Operations": [
        { "method": "POST", "path": "/Users", "bulkId": "one", "data": person("one@example.com") },
        { "method": "POST", "path": "/Users", "bulkId": "ada", "data": ada },
        { "method": "DELETE", "path": format!("/Users/{grace}") },
    ] });

    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Bulk", bulk).await);
    for attempts in 1..5 {
        tried(&app, 1, attempts).await;
        app.advance(Duration::from_mins(16));
    }
    let came = taken.came(&acme).await;
    let statuses: Vec<&Value> = came.iter().map(|came| &came["status"]).collect();
    assert_eq!(statuses, ["201", "503", "204"]);
    assert_eq!(came[0]["version"], "W/\"1\"");
    let own = app.log("acme").await.into_iter().filter(|entry| entry["request"] == taken.txn);
    let events: Vec<Value> = own.map(|entry| entry["event"].clone()).collect();
    assert_eq!(events, [json!("created"), json!("deleted")], "each was done once, in five attempts");
    // The answer is kept before its attempt is.
    until(&app, 1, |task| task["standing"] == "done" && task["attempts"] == 5).await;
}

async fn tried(app: &TestApp, seq: u64, attempts: u64) {
    until(app, seq, |task| task["attempts"] == attempts).await;
}

#[tokio::test]
async fn a_request_that_an_operator_cancels_is_told_to_its_client() {
    let app = builder().start().await;
    let acme = app.tenant("acme").await;
    switch_on(&app, "acme").await;
    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Users", person("ada@example.com")).await);
    app.admin_post("/tenants/acme/tasks/1/cancel", json!({})).await.expect(200);
    assert_eq!(taken.came_to(&acme).await["status"], "403");

    let app = app.restart_with(|config| config.delivery.concurrency = 256).await;
    let acme = app.client("/scim/v2", &acme.token);
    assert_eq!(
        told(&app, "acme", 1).await[0]["response"]["detail"],
        "an operator has decided that the request is not carried out"
    );
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
}

#[tokio::test]
async fn only_the_tenant_itself_is_told_what_came_of_its_requests() {
    let app = carrying().await;
    let (acme, globex) = (app.tenant("acme").await, app.create_tenant("globex", "standard", json!({})).await);
    let ada = acme.user("ada@example.com").await;
    switch_on(&app, "acme").await;
    let taken = Taken::of(&acme, &later(&acme, Method::POST, "/Users", person("grace@example.com")).await);
    taken.came(&acme).await;

    globex.get(&taken.path).await.expect(404);
    acme.with_token("mst_0").get(&taken.path).await.expect(401);
    let issued = app.admin_post("/tenants/acme/tokens", json!({ "user": ada })).await.expect(201);
    acme.with_token(issued["token"].as_str().unwrap()).get(&taken.path).await.expect(403);
    let (number, txn) = taken.path.rsplit('/').next().unwrap().split_once('-').unwrap();
    for unknown in [
        format!("1-{txn}"),
        format!("99-{txn}"),
        format!("{number}-"),
        number.to_owned(),
        format!("{number}-019a4a3e-0000-7000-8000-000000000001"),
    ] {
        acme.get(&format!("/.async/{unknown}")).await.expect(404);
    }
    assert_eq!(acme.delete(&taken.path).await.header("allow"), "GET");
    // As long as tasks are kept.
    app.admin_put("/tenants/acme/retention", json!({ "tasks_days": 1 })).await.expect(200);
    let mut upkeep = muster_service::Upkeep::default();
    app.service.keep_logs_once(&mut upkeep).await;
    acme.get(&taken.path).await.expect(200);
    // From when it is over, and not from when it was answered.
    for seq in [1, 2] {
        until(&app, seq, |task| task["standing"] == "done").await;
    }
    app.advance(Duration::from_hours(25));
    app.service.keep_logs_once(&mut upkeep).await;
    acme.get(&taken.path).await.expect(404);
}
