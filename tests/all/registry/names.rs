use muster_test_harness::{Answer, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Desk, detail, listed, push_signed, swap_a, swap_b, text, trust};
use crate::command::{muster, on};

#[tokio::test]
async fn a_name_is_whose_who_first_signs_a_plugin_of_it_until_it_is_handed_over() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let (one, two) = (desk.key("one").await, desk.key("two").await);
    let by_one = desk.sign(&swap_a(), "one").await;
    push_signed(&app, &swap_a(), &by_one).await.expect(201);
    app.admin_post("/tenants", json!({ "name": "acme", "plugin": "swap" })).await.expect(201);
    let owners = app.admin_get("/plugin-owners").await.expect(200);
    assert_eq!((&owners["owners"][0]["name"], &owners["owners"][0]["key"]), (&json!("swap"), &json!(one)));

    let same = desk.sign(&swap_a(), "two").await;
    let told = detail(push_signed(&app, &swap_a(), &same).await, 403);
    assert!(
        told.contains(&format!("is signed by {two}, and the name swap belongs to {one}")),
        "also what is there: {told}"
    );
    let by_two = desk.sign(&swap_b(), "two").await;
    let told = detail(push_signed(&app, &swap_b(), &by_two).await, 403);
    let digest = muster_model::PluginDigest::of(&swap_b());
    let expected = format!(
        "plugin swap@2.0.0 (sha256:{digest}) is signed by {two}, and the name swap belongs to {one}; hand it over first: muster plugin owner swap KEY"
    );
    assert_eq!(told, expected);
    let told = detail(app.push(swap_b()).await, 403);
    assert!(told.contains(" is not signed, and the name swap belongs to "), "{told}");
    assert!(told.ends_with("; a signature by that key is missing: muster plugin sign FILE --key KEYFILE"), "{told}");
    assert_eq!(listed(&app).await.len(), 1, "nothing is kept");
    assert_eq!(app.admin_get("/tenants/acme").await.expect(200)["plugin"]["version"], "1.0.0");

    trust(&app, "new-owner", &two).await;
    let handed = app.admin_put("/plugin-owners/swap", json!({ "key": "new-owner" })).await.expect(200);
    assert_eq!((&handed["key"], &handed["key_name"]), (&json!(two), &json!("new-owner")));
    let app = app.restart().await;
    push_signed(&app, &swap_b(), &by_two).await.expect(201);
    app.bind("acme", "swap@2.0.0", json!({})).await.expect(200);
}

#[tokio::test]
async fn a_name_is_taken_by_a_signature_that_came_before_its_key_was_trusted() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let one = desk.key("one").await;
    app.push(swap_a()).await.expect(201);
    let by_one = desk.sign(&swap_a(), "one").await;
    let early = push_signed(&app, &swap_a(), &by_one).await.expect(201);
    assert_eq!((&early["signed_by"], &early["new_owner"]), (&json!(one), &Value::Null), "nobody trusts it yet");
    trust(&app, "vendor", &one).await;
    let unsigned = app.push(swap_a()).await.expect(201);
    assert_eq!(unsigned["new_owner"], Value::Null, "who brings no signature takes no name");

    let again = push_signed(&app, &swap_a(), &by_one).await.expect(201);

    assert_eq!(again["new_owner"], json!(one));
    let owners = app.admin_get("/plugin-owners").await.expect(200);
    assert_eq!((&owners["owners"][0]["name"], &owners["owners"][0]["key"]), (&json!("swap"), &json!(one)));
    assert_eq!(push_signed(&app, &swap_a(), &by_one).await.expect(201)["new_owner"], Value::Null);
    detail(app.push(swap_b()).await, 403);
}

#[tokio::test]
async fn a_plugin_of_another_owner_takes_no_signature_that_is_not_the_owners() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let (one, two) = (desk.key("one").await, desk.key("two").await);
    app.push(swap_a()).await.expect(201);
    app.admin_put("/plugin-owners/swap", json!({ "key": one })).await.expect(200);
    trust(&app, "two", &two).await;
    let by_two = desk.sign(&swap_a(), "two").await;
    let told = detail(push_signed(&app, &swap_a(), &by_two).await, 403);
    assert!(told.contains(&format!("is signed by {two}, and the name swap belongs to {one}")), "{told}");
    assert_eq!(listed(&app).await[0]["signed_by"], Value::Null);
}

#[tokio::test]
async fn a_name_is_given_before_its_first_plugin_is_pushed() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let one = desk.key("one").await;
    let told = detail(app.admin_put("/plugin-owners/swap", json!({ "key": "nobody" })).await, 400);
    assert!(told.starts_with("\"nobody\" is no public key and no trusted key's name"), "{told}");
    let told = detail(app.admin_put("/plugin-owners/a%20b", json!({ "key": one })).await, 400);
    assert_eq!(told, "\"a b\" is no name of a plugin");
    app.admin_put("/plugin-owners/swap", json!({ "key": one })).await.expect(200);
    detail(app.push(swap_a()).await, 403);
    let by_one = desk.sign(&swap_a(), "one").await;
    push_signed(&app, &swap_a(), &by_one).await.expect(201);
}

#[tokio::test]
async fn no_more_names_have_owners_than_there_may_be() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let one = desk.key("one").await;
    for n in 0..muster_model::MAX_OWNED_NAMES {
        let new = muster_service::NewOwner { key: one.clone() };
        app.service.own_name(&format!("name-{n}"), new).await.unwrap();
    }
    let full = "1000 names of plugins have owners; no more can have one";
    assert_eq!(detail(app.admin_put("/plugin-owners/one-more", json!({ "key": one })).await, 409), full);
    let by_one = desk.sign(&swap_a(), "one").await;
    assert_eq!(detail(push_signed(&app, &swap_a(), &by_one).await, 409), full);
    assert_eq!(listed(&app).await, Vec::<Value>::new(), "nothing is kept");
    app.push(swap_a()).await.expect(201);
}

#[tokio::test]
async fn who_is_not_trusted_takes_no_name_under_which_there_are_plugins() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let (one, two) = (desk.key("one").await, desk.key("two").await);
    app.push(swap_a()).await.expect(201);
    let by_one = desk.sign(&swap_a(), "one").await;
    let signed = push_signed(&app, &swap_a(), &by_one).await.expect(201);
    assert_eq!((&signed["signed_by"], &signed["new_owner"]), (&json!(one), &Value::Null));
    assert_eq!(app.admin_get("/plugin-owners").await.expect(200), json!({ "owners": [] }));

    trust(&app, "two", &two).await;
    let file = desk.path("swap.wasm");
    std::fs::write(&file, swap_b()).unwrap();
    muster(&["plugin", "sign", text(&file), "--key", text(&desk.path("two"))], &[]).await.text();
    let told = on(&app, &["plugin", "push", text(&file)]).await.text();
    assert!(told.ends_with(&format!("\n  the name swap belongs to {two} from now on\n")), "{told}");
    let owners = app.admin_get("/plugin-owners").await.expect(200);
    assert_eq!(owners["owners"][0]["key"], json!(two));
}

#[tokio::test]
async fn a_name_is_given_up() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let one = desk.key("one").await;
    app.admin_put("/plugin-owners/swap", json!({ "key": one })).await.expect(200);
    detail(app.push(swap_a()).await, 403);
    let told = on(&app, &["plugin", "owner", "swap", "--none"]).await.text();
    assert_eq!(told, "the name swap belongs to nobody any more\n");
    assert_eq!(app.admin_get("/plugin-owners").await.expect(200), json!({ "owners": [] }));
    assert_eq!(detail(app.admin_delete("/plugin-owners/swap").await, 404), "there is no owner of the name swap");
    for name in ["Swap", "a_b"] {
        let told = format!("{name:?} is no name of a plugin");
        let path = format!("/plugin-owners/{name}");
        assert_eq!(detail(app.admin_delete(&path).await, 400), told);
        assert_eq!(detail(app.admin_put(&path, json!({ "key": one })).await, 400), told);
    }
    detail(app.admin_delete(&format!("/plugin-owners/{}", "a".repeat(65))).await, 400);
    app.push(swap_a()).await.expect(201);
}

#[tokio::test]
async fn a_plugin_that_was_not_taken_is_not_kept_in_memory() {
    let (app, desk) = (TestApp::start().await, Desk::new());
    let one = desk.key("one").await;
    app.admin_put("/plugin-owners/swap", json!({ "key": one })).await.expect(200);
    detail(app.push(swap_a()).await, 403);
    let of_swap = "muster_plugin_memory_high_water_bytes{plugin=\"swap\"}";
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
    assert!(!metrics.contains(of_swap), "{metrics}");
    let by_one = desk.sign(&swap_a(), "one").await;
    push_signed(&app, &swap_a(), &by_one).await.expect(201);
    let metrics = Answer::of(app.admin_request(Method::GET, "/metrics")).await.text;
    assert!(metrics.contains(of_swap), "{metrics}");
}
