use muster_test_harness::{TestApp, USER};
use serde_json::json;

use super::problem;

#[tokio::test]
async fn the_log_tells_who_changed_what_from_what_to_what_and_by_which_plugin() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1" })).await;
    let user = json!({ "schemas": [USER], "userName": "ada@example.com", "displayName": "Ada", "active": "True" });
    let made = acme.post("/Users", user).await;
    let request = made.header("x-request-id").to_owned();
    let id = made.expect(201)["id"].as_str().unwrap().to_owned();
    app.advance(std::time::Duration::from_secs(5));
    let renamed = json!([{ "op": "Replace", "path": "displayName", "value": "Ada Byron" }]);
    acme.operations(&format!("/Users/{id}"), renamed).await.expect(200);

    let log = app.log("acme").await;

    let token = app.admin_get("/tenants/acme/tokens").await.expect(200)["tokens"][0]["id"].clone();
    let plugin = app.admin_get("/tenants/acme").await.expect(200)["plugin"]["digest"].clone();
    let side = |name: &str| {
        let text = |name: &str, value: &str| json!({ "name": name, "value": { "text": value } });
        json!({
            "document": { "userName": "ada@example.com", "displayName": name, "active": true },
            "account": {
                "state": "active",
                "listed": true,
                "fields": [text("email", "ada@example.com"), text("full_name", name), text("workspace", "W1")],
            },
            "created": "2026-11-03T14:03:00.000Z",
        })
    };
    let created = json!({
        "seq": 1,
        "version": 1,
        "at": "2026-11-03T14:03:00.000Z",
        "actor": { "token": token },
        "request": request,
        "plugin": plugin,
        "event": "created",
        "resource_type": "User",
        "id": id,
        "after": side("Ada"),
        "rewrites": [{
            "rule": "boolean-as-text", "path": "active", "says": "Entra by default: active \"True\", text read as boolean",
        }],
    });
    assert_eq!(log[0], created);
    assert_eq!(log.len(), 2);
    let (event, at) = (&log[1]["event"], &log[1]["at"]);
    assert_eq!((event, at), (&json!("updated"), &json!("2026-11-03T14:03:05.000Z")));
    assert_eq!((&log[1]["before"], &log[1]["after"]), (&side("Ada"), &side("Ada Byron")));
    let says = "Entra by default: Operations.op \"Replace\", a word of the protocol in another case";
    assert_eq!(log[1]["rewrites"], json!([{ "rule": "op-case", "path": "Operations.op", "says": says }]));
}

#[tokio::test]
async fn a_log_is_read_in_parts() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    for number in 0..5 {
        acme.user(&format!("ada{number}")).await;
    }
    let numbers = async |query: &str| {
        let page = app.admin_get(&format!("/tenants/acme/log{query}")).await.expect(200);
        let entries = page["entries"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };

    assert_eq!(numbers("").await, [1, 2, 3, 4, 5]);
    assert_eq!(numbers("?limit=2").await, [1, 2]);
    assert_eq!(numbers("?after=2&limit=2").await, [3, 4]);
    assert_eq!(numbers("?after=4").await, [5]);
    assert_eq!(numbers("?after=5").await, Vec::<u64>::new());
    let none = app.admin_get("/tenants/acme/log?limit=0").await.expect(400);
    assert_eq!(none["detail"], "limit is at least 1");
    assert_eq!(numbers("?limit=99999999").await.len(), 5);
}

#[tokio::test]
async fn an_outbox_is_read_in_parts() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(acme.user(&format!("ada{number}@example.com")).await);
    }
    let of = async |query: &str| {
        let page = app.admin_get(&format!("/tenants/acme/tasks{query}")).await.expect(200);
        let tasks = page["tasks"].as_array().unwrap().clone();
        tasks.iter().map(|task| task["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    assert_eq!(of("").await, ids);
    assert_eq!(of("?limit=1").await, ids[..1]);
    assert_eq!(of("?after=1&limit=1").await, ids[1..2]);
    assert_eq!(of("?after=3").await, Vec::<String>::new());
}

#[tokio::test]
async fn an_account_shows_both_its_sides() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let engines = acme.group("Engines", &[&ada]).await;
    let plugin = app.admin_get("/tenants/acme").await.expect(200)["plugin"]["digest"].clone();

    let user = app.admin_get(&format!("/tenants/acme/accounts/{ada}")).await.expect(200);
    let group = app.admin_get(&format!("/tenants/acme/accounts/{engines}")).await.expect(200);

    let text = |name: &str, value: &str| json!({ "name": name, "value": { "text": value } });
    let expected = json!({
        "id": ada,
        "resource_type": "User",
        "plugin": plugin,
        "mapped_by": "standard 0.1.0",
        "resource": { "userName": "ada", "active": true },
        "account": { "state": "active", "listed": true, "fields": [text("user_name", "ada")] },
    });
    assert_eq!(user, expected);
    let expected = json!({
        "id": engines,
        "resource_type": "Group",
        "plugin": plugin,
        "mapped_by": "standard 0.1.0",
        "resource": { "displayName": "Engines" },
        "account": { "state": "active", "listed": true, "fields": [text("display_name", "Engines")] },
    });
    assert_eq!(group, expected);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let app = TestApp::start().await;
    let (acme, _) = (app.tenant("acme").await, app.tenant("globex").await);
    let ada = acme.user("ada").await;

    for id in ["unknown", "019a4a5e-0000-7000-8000-000000000000"] {
        let answer = app.admin_get(&format!("/tenants/acme/accounts/{id}")).await;
        assert_eq!(problem(answer, 404), format!("there is no account {id} of tenant acme"));
    }
    let elsewhere = app.admin_get(&format!("/tenants/globex/accounts/{ada}")).await;
    assert_eq!(problem(elsewhere, 404), format!("there is no account {ada} of tenant globex"));
    for path in ["log", "tasks", &format!("accounts/{ada}")] {
        let answer = app.admin_get(&format!("/tenants/nobody/{path}")).await;
        assert_eq!(problem(answer, 404), "there is no tenant nobody");
    }
    let empty = json!({ "entries": [], "next": 0, "first": 1, "last": 0 });
    assert_eq!(app.admin_get("/tenants/globex/log").await.expect(200), empty);
}
