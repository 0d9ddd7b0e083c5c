use muster_test_harness::messages::nothing_found;
use muster_test_harness::{Answer, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{all, problem, read};

async fn acme(app: &TestApp) -> TenantClient {
    app.tenant_with("acme", "secoda", json!({})).await
}

/// An account made by hand.
pub(crate) async fn by_hand(app: &TestApp, name: &str) -> String {
    let body = json!({ "userName": name, "displayName": name });
    let made = app.directory_send(Method::POST, "/tenants/acme/accounts", body).await;
    made.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn send(app: &TestApp, method: Method, id: &str, body: Value) -> Answer {
    app.directory_send(method, &format!("/tenants/acme/accounts/{id}"), body).await
}

#[tokio::test]
async fn an_account_made_by_hand_is_mapped_like_a_user_and_met_by_no_list_of_scim() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let made =
        app.directory_send(Method::POST, "/tenants/acme/accounts", json!({ "userName": "ada@example.com" })).await;

    assert_eq!(made.header("etag"), "W/\"1\"");
    let made = made.expect(201);
    assert_eq!(
        (&made["type"], &made["managed_by"], &made["state"]),
        (&json!("User"), &json!("manual"), &json!("invited"))
    );
    assert_eq!(made["fields"]["email"], "ada@example.com");
    assert_eq!(read(&app, &format!("accounts/{}", made["id"].as_str().unwrap())).await, made);
    assert_eq!(all(&read(&app, "accounts?managed_by=manual").await["accounts"], "id"), [made["id"].as_str().unwrap()]);
    assert_eq!(read(&app, "accounts/states").await["states"], json!({ "invited": { "scim": 0, "manual": 1 } }));
    for path in ["/Users", "/Users?startIndex=1&count=2", "/?attributes=id", "/Users?filter=userName%20sw%20%22a%22"] {
        assert_eq!(acme.get(path).await.expect(200), nothing_found(), "{path}");
    }
    // What follows is for the product, which made it.
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
    let log = app.log("acme").await;
    assert_eq!((&log[0]["actor"], &log[0]["resource_type"]), (&json!("product"), &json!("ManualUser")));
    let told = read(&app, "changes").await["changes"][0].clone();
    assert_eq!(
        (&told["event"], &told["type"], &told["managed_by"]),
        (&json!("created"), &json!("User"), &json!("manual"))
    );
}

#[tokio::test]
async fn the_product_changes_and_removes_what_it_made() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = by_hand(&app, "ada@example.com").await;
    let local = format!("/tenants/acme/accounts/{ada}/local");
    app.directory_send(Method::PUT, &local, json!({ "groups": ["editors"] })).await.expect(200);

    let renamed =
        send(&app, Method::PATCH, &ada, json!({ "displayName": "Ada Byron", "name": { "givenName": "Ada" } })).await;
    assert_eq!((renamed.status, renamed.header("etag")), (200, "W/\"2\""), "{}", renamed.text);
    assert_eq!(renamed.body["fields"]["name"], "Ada Byron");
    let same = send(&app, Method::PATCH, &ada, json!({ "displayName": "Ada Byron" })).await;
    assert_eq!(same.header("etag"), "W/\"2\"", "nothing changed, so nothing was written");
    let stale = app.directory_request(Method::PUT, &format!("/tenants/acme/accounts/{ada}"));
    problem(Answer::of(stale.header("if-match", "W/\"1\"").body("{\"userName\":\"x@example.com\"}")).await, 412);
    let moved = send(&app, Method::PUT, &ada, json!({ "userName": "countess@example.com", "active": false })).await;
    assert_eq!(moved.expect(200)["state"], "disabled");
    assert_eq!(read(&app, &format!("accounts/{ada}/local")).await, json!({ "groups": ["editors"] }));
    // The name that it had is free for anybody.
    by_hand(&app, "ada@example.com").await;
    let taken = send(&app, Method::PATCH, &ada, json!({ "userName": "ada@example.com" })).await;
    assert_eq!(problem(taken, 409), "userName is already in use");

    let gone = send(&app, Method::DELETE, &ada, json!({})).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    problem(send(&app, Method::DELETE, &ada, json!({})).await, 404);
    let events: Vec<_> = app.log("acme").await.iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(events, ["created", "updated", "deactivated", "created", "deleted"]);
    acme.post("/Users", json!({ "schemas": [USER], "userName": "countess@example.com" })).await.expect(201);
}

#[tokio::test]
async fn what_scim_brought_is_not_the_products_to_change_nor_its_names_to_take() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let (ada, staff) = (acme.user("ada@example.com").await, acme.group("Staff", &[]).await);
    let says = "this account is managed by SCIM: only the identity provider changes or removes it";

    for (method, body) in [
        (Method::DELETE, json!({})),
        (Method::PUT, json!({ "userName": "eve@example.com" })),
        (Method::PATCH, json!({ "active": false })),
    ] {
        assert_eq!(problem(send(&app, method.clone(), &ada, body).await, 409), says, "{method}");
    }
    problem(send(&app, Method::DELETE, &staff, json!({})).await, 422);
    let twin =
        app.directory_send(Method::POST, "/tenants/acme/accounts", json!({ "userName": "ADA@example.com" })).await;
    assert_eq!(problem(twin, 409), "userName is already in use");
    let nameless = app.directory_send(Method::POST, "/tenants/acme/accounts", json!({ "displayName": "Nobody" })).await;
    problem(nameless, 400);
    assert_eq!(app.log("acme").await.len(), 2);
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["meta"]["version"], "W/\"1\"");
}

#[tokio::test]
async fn a_creation_that_is_sent_again_makes_one_account() {
    let app = TestApp::start().await;
    acme(&app).await;
    let create = async || {
        let request = app.directory_request(Method::POST, "/tenants/acme/accounts").header("idempotency-key", "k1");
        Answer::of(request.body("{\"userName\":\"ada@example.com\"}")).await
    };

    let (first, again) = (create().await, create().await);

    assert_eq!((again.header("idempotent-replayed"), again.status), ("true", 201));
    assert_eq!(first.expect(201), again.body);
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn a_signal_reaches_an_account_made_by_hand() {
    let app = TestApp::start().await;
    acme(&app).await;
    let ada = by_hand(&app, "ada@example.com").await;

    let path = format!("/tenants/acme/accounts/{ada}/signals");
    let told = app.directory_send(Method::POST, &path, json!({ "name": "signed-in" })).await.expect(200);

    assert_eq!((&told["state"], &told["managed_by"]), (&json!("active"), &json!("manual")));
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["state"], "active");
}

#[tokio::test]
async fn an_undo_leaves_accounts_made_by_hand_alone_and_a_restart_finds_them() {
    let app = TestApp::start().await;
    acme(&app).await;
    let ada = by_hand(&app, "ada@example.com").await;

    let undo = app.admin_post("/tenants/acme/undo", json!({ "change": 1 })).await;

    assert_eq!(undo.status, 404, "{}", undo.text);
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["managed_by"], "manual");
    let app = app.restart().await;
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["userName"], "ada@example.com");
}
