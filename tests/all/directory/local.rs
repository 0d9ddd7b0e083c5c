use muster_service::{MAX_LOCAL_BYTES, MAX_LOCAL_NAMES, Upkeep};
use muster_test_harness::{Answer, TestApp, USER};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{problem, read};

async fn put(app: &TestApp, id: &str, body: Value) -> Answer {
    app.directory_send(Method::PUT, &format!("/tenants/acme/accounts/{id}/local"), body).await
}

#[tokio::test]
async fn what_the_product_keeps_of_an_account_is_never_touched_by_provisioning() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let local = json!({ "user_groups": ["auditors", "reviewers"], "seats": 3, "beta": true });

    let kept = put(&app, &ada, local.clone()).await;

    assert_eq!(kept.expect(200), local);
    let before = acme.get(&format!("/Users/{ada}")).await;
    assert_eq!(before.header("etag"), "W/\"1\"", "it is no write of the resource");
    assert!(!before.text.contains("auditors"));
    let renamed = json!({ "schemas": [USER], "userName": "ada", "displayName": "Ada", "local": { "seats": 4 } });
    acme.put(&format!("/Users/{ada}"), renamed).await.expect(200);
    for active in [false, true] {
        let switch = json!([{ "op": "replace", "path": "active", "value": active }]);
        acme.operations(&format!("/Users/{ada}"), switch).await.expect(200);
    }
    assert_eq!(read(&app, &format!("accounts/{ada}/local")).await, local);
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["local"], local);
    assert_eq!(read(&app, "accounts").await["accounts"][0]["local"], local);
    assert_eq!(app.log("acme").await.len(), 4, "and it is not in the log");
}

#[tokio::test]
async fn a_patch_is_laid_over_what_is_kept_and_a_condition_is_held() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let path = format!("/tenants/acme/accounts/{ada}/local");
    let ask = |method: Method, header: (&str, &str), body: Value| {
        Answer::of(app.directory_request(method, &path).header(header.0, header.1).body(body.to_string()))
    };
    let nothing = app.directory_get(&path).await.header("etag").to_owned();
    assert_eq!(nothing, "W/\"0\"");

    let first = ask(Method::PUT, ("if-match", &nothing), json!({ "a": 1, "b": 2 })).await;
    let merged = app.directory_send(Method::PATCH, &path, json!({ "b": null, "c": ["x"] })).await;
    let same = app.directory_send(Method::PATCH, &path, json!({ "a": 1 })).await;

    assert_eq!(merged.body, json!({ "a": 1, "c": ["x"] }));
    assert_ne!(merged.header("etag"), first.header("etag"));
    assert_eq!(same.header("etag"), merged.header("etag"), "what changes nothing writes nothing");
    assert_eq!(app.directory_get(&path).await.header("etag"), merged.header("etag"));
    for stale in [first.header("etag"), &nothing] {
        let refused = ask(Method::PUT, ("if-match", stale), json!({})).await;
        assert_eq!(problem(refused, 412), "it has changed since the version that If-Match names; read it again");
    }
    problem(ask(Method::PATCH, ("if-none-match", "*"), json!({ "d": 1 })).await, 412);
    let current = ask(Method::PUT, ("if-match", merged.header("etag")), json!({ "d": 1 })).await;
    assert_eq!(current.expect(200), json!({ "d": 1 }));
    assert_eq!(put(&app, &ada, json!({})).await.expect(200), json!({}));
    assert_eq!(read(&app, &format!("accounts/{ada}")).await["local"], json!({}));
}

#[tokio::test]
async fn it_is_flat_and_small_and_of_an_account_that_there_is() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let many = |count: usize| Value::Object((0..count).map(|n| (format!("n{n}"), json!(n))).collect::<Map<_, _>>());
    let large = |bytes: usize| json!({ "t": "x".repeat(bytes - 8) });

    put(&app, &ada, many(MAX_LOCAL_NAMES)).await.expect(200);
    put(&app, &ada, large(MAX_LOCAL_BYTES)).await.expect(200);
    for (body, says) in [
        (many(MAX_LOCAL_NAMES + 1), "an account has at most 64 local attributes"),
        (large(MAX_LOCAL_BYTES + 1), "the local attributes of an account have at most 16384 bytes"),
        (json!({ "x": {} }), "x is not: a local attribute is a text, a number, a boolean, or a list of these"),
        (json!([]), "the body must be a JSON object"),
    ] {
        assert_eq!(problem(put(&app, &ada, body).await, 400), says);
    }
    problem(put(&app, "019a4a5e-0000-7000-8000-000000000000", json!({ "a": 1 })).await, 404);
    assert_eq!(read(&app, &format!("accounts/{ada}/local")).await, large(MAX_LOCAL_BYTES), "nothing of it was kept");
}

#[tokio::test]
async fn it_is_forgotten_soon_after_the_account_is_deleted() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, bob) = (acme.user("ada").await, acme.user("bob").await);
    put(&app, &ada, json!({ "seats": 1 })).await.expect(200);
    put(&app, &bob, json!({ "seats": 2 })).await.expect(200);
    for id in [&ada, &bob] {
        acme.delete(&format!("/Users/{id}")).await;
        problem(app.directory_get(&format!("/tenants/acme/accounts/{id}/local")).await, 404);
    }
    // What the background does every few seconds.
    app.service.keep_logs_once(&mut Upkeep::default()).await;
    let undo = async |seq: u64| app.admin_post("/tenants/acme/undo", json!({ "change": seq })).await;

    let back = undo(4).await;

    assert_eq!(back.status, 200, "{}", back.text);
    assert_eq!(
        read(&app, &format!("accounts/{bob}/local")).await,
        json!({}),
        "its account was gone when it was looked at"
    );
    put(&app, &bob, json!({ "seats": 3 })).await.expect(200);
    acme.get(&format!("/Users/{ada}")).await.expect(404);
}

#[tokio::test]
async fn names_that_differ_in_case_alone_are_one_so_what_is_read_can_be_written() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let path = format!("/tenants/acme/accounts/{ada}/local");
    app.directory_send(Method::PATCH, &path, json!({ "seats": 1 })).await.expect(200);

    let merged = app.directory_send(Method::PATCH, &path, json!({ "Seats": 2 })).await.expect(200);

    assert_eq!(merged, json!({ "Seats": 2 }));
    assert_eq!(put(&app, &ada, merged.clone()).await.expect(200), merged);
    assert_eq!(app.directory_send(Method::PATCH, &path, json!({ "SEATS": null })).await.expect(200), json!({}));
}
