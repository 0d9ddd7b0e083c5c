//! PUT: it enables and disables, and what it does to an id that does not exist.

use muster_idp::{Person, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, id_of, okta_of, planned, task};

/// An id as the server makes them, which it did not make.
const UNKNOWN: &str = "019a4a5e-0000-7000-8000-000000000000";

fn user(email: &str, active: bool) -> Value {
    json!({ "schemas": [USER], "userName": email, "emails": [{ "value": email, "primary": true }], "active": active })
}

#[tokio::test]
async fn secoda_13_a_put_brings_a_disabled_user_in_and_an_active_one_out() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let path = format!("/Users/{}", id_of(&stored));

    for (active, state) in [(false, "disabled"), (true, "invited"), (false, "disabled")] {
        let put = acme.put(&path, user("ada@example.com", active)).await.expect(200);
        assert_eq!((&put["id"], &put["active"]), (&stored["id"], &json!(active)));
        assert_eq!(app.account("acme", id_of(&stored)).await["state"], state);
    }
}

#[tokio::test]
async fn secoda_14_without_put_upsert_a_put_to_an_unknown_id_creates_nothing() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let path = format!("/Users/{UNKNOWN}");

    let of_nobody = acme.put(&path, user("grace@example.com", true)).await;
    let of_another = acme.put(&path, user("ada@example.com", true)).await;

    assert_eq!(of_nobody.expect(404), error(404, None, "User not found"));
    assert_eq!(of_another.expect(404), error(404, None, "User not found"));
    assert_eq!(acme.get("/Users").await.expect(200)["Resources"], json!([stored]));
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn secoda_14_with_put_upsert_it_creates_whom_nobody_is_and_steals_no_address() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({ "put_upsert": true })).await;
    let stored = ada_is_pushed(&acme).await;
    let path = format!("/Users/{UNKNOWN}");

    let grace = acme.put(&path, user("grace@example.com", true)).await;
    let hedy = acme.put("/Users/not-even-an-id", user("hedy@example.com", false)).await;
    let by_name = acme.put(&path, user("ada@example.com", true)).await;
    let emails = json!([{ "value": "ADA@example.com", "primary": true }]);
    let by_address = acme.put(&path, json!({ "schemas": [USER], "userName": "abyron", "emails": emails })).await;

    let location = grace.header("location").to_owned();
    let (grace, hedy) = (grace.expect(201), hedy.expect(201));
    assert_eq!(location, format!("{}/Users/{}", acme.base, id_of(&grace)));
    assert_eq!((&grace["active"], &hedy["active"]), (&json!(true), &json!(false)));
    assert_eq!(app.account("acme", id_of(&grace)).await["state"], "invited");
    assert_eq!(app.account("acme", id_of(&hedy)).await["state"], "disabled");
    assert_eq!(by_name.expect(404), error(404, None, "User not found"));
    assert_eq!(by_address.expect(404), error(404, None, "User not found"));
    assert_eq!(acme.ids("/Users", "emails.value eq \"ada@example.com\"").await, [id_of(&stored)]);
    assert_eq!(
        planned(&app).await,
        [task("send-invitation", id_of(&stored)), task("send-invitation", id_of(&grace))],
        "whoever is created disabled waits for the invitation"
    );
}

#[tokio::test]
async fn secoda_14_a_put_with_a_condition_never_creates() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({ "put_upsert": true })).await;
    let put = acme.request(reqwest::Method::PUT, &format!("/Users/{UNKNOWN}")).bearer_auth(&acme.token);

    let refused = acme.send(put.header("if-match", "W/\"1\"").body(user("grace@example.com", true).to_string())).await;

    assert_eq!(refused.expect(404), error(404, None, "User not found"));
    assert_eq!(app.log("acme").await, Vec::<Value>::new());
}

#[tokio::test]
async fn secoda_16_a_push_for_a_user_that_does_not_exist_is_told_user_not_found() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let not_found = error(404, None, "User not found");
    let ghost = json!({ "id": UNKNOWN });

    let pushed = okta_of(&acme).send(&okta::update_user(&ghost, &ada())).await.unwrap();

    assert_eq!((pushed.status, pushed.body), (404, not_found.clone()));
    for id in [UNKNOWN, "7b2e"] {
        let path = format!("/Users/{id}");
        let off = json!([{ "op": "replace", "value": { "active": false } }]);
        assert_eq!(acme.operations(&path, off).await.expect(404), not_found, "{id}");
        assert_eq!(acme.put(&path, user("ada@example.com", true)).await.expect(404), not_found, "{id}");
        assert_eq!(acme.get(&path).await.expect(404), not_found, "{id}");
        assert_eq!(acme.delete(&path).await.expect(404), not_found, "{id}");
    }
    let group = acme.get(&format!("/Groups/{UNKNOWN}")).await.expect(404);
    assert_eq!(group["detail"], format!("Resource {UNKNOWN} not found"), "a group is no user");
}

#[tokio::test]
async fn secoda_17_after_a_stale_link_the_lookup_gives_the_id_that_works() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let old = ada_is_pushed(&acme).await;
    acme.delete(&format!("/Users/{}", id_of(&old))).await.expect(204);
    let new = ada_is_pushed(&acme).await;
    let renamed = Person { family: "Lovelace".to_owned(), ..ada() };

    let stale = okta.send(&okta::update_user(&old, &renamed)).await.unwrap();
    let found = okta.expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body;
    let fresh = okta.expect(&okta::update_user(&found["Resources"][0], &renamed), &[200]).await.unwrap().body;

    assert_eq!((stale.status, stale.body), (404, error(404, None, "User not found")));
    assert_eq!(found["Resources"], json!([new]));
    assert_eq!((&fresh["id"], &fresh["displayName"]), (&new["id"], &json!("Ada Lovelace")));
}
