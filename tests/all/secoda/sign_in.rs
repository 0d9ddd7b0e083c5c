//! The first sign-in, which the product tells as a signal.

use muster_idp::okta;
use muster_test_harness::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, id_of, okta_of, planned, task};

async fn signs_in(app: &TestApp, id: &str) -> Value {
    let path = format!("/tenants/acme/accounts/{id}/signals");
    app.directory_send(Method::POST, &path, json!({ "name": "signed-in" })).await.expect(200)
}

/// Who shows in a group of the product.
async fn shown_in(app: &TestApp, group: &str) -> Vec<String> {
    let page = app.directory_get(&format!("/tenants/acme/groups/{group}/members")).await.expect(200);
    page["members"].as_array().unwrap().iter().map(|member| id_of(member).to_owned()).collect()
}

#[tokio::test]
async fn secoda_11_the_first_sign_in_makes_an_invited_user_active_under_the_same_id() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let id = id_of(&stored);
    assert_eq!(app.account("acme", id).await["state"], "invited");

    let account = signs_in(&app, id).await;
    let again = signs_in(&app, id).await;

    assert_eq!((&account["id"], &account["state"], &account["listed"]), (&json!(id), &json!("active"), &json!(true)));
    assert_eq!(again["version"], account["version"], "a second sign-in changes nothing");
    assert_eq!(planned(&app).await, [task("send-invitation", id)], "nothing but the invitation was ever asked for");
    assert_eq!(acme.ids("/Users", "userName eq \"ada@example.com\"").await, [id]);
    // A later push is no second invitation, and nobody is invited again by it.
    okta_of(&acme).expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap();
    assert_eq!(app.account("acme", id).await["state"], "active");
    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    acme.operations(&format!("/Users/{id}"), off).await.expect(200);
    assert_eq!(signs_in(&app, id).await["state"], "disabled", "who is disabled does not come in by that");
}

#[tokio::test]
async fn secoda_20_invited_users_do_not_show_as_members_until_they_sign_in_and_then_without_a_push() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let id = id_of(&stored);
    let engines = acme.group("Engines", &[id]).await;
    assert_eq!(shown_in(&app, &engines).await, Vec::<String>::new());
    let log = app.log("acme").await.len();

    signs_in(&app, id).await;

    assert_eq!(shown_in(&app, &engines).await, [id]);
    assert_eq!(acme.members(&engines).await, [id]);
    let group = acme.get(&format!("/Groups/{engines}")).await.expect(200);
    assert_eq!(group["meta"]["version"], "W/\"1\"", "nobody has pushed the group again");
    assert_eq!(app.log("acme").await.len(), log + 1);
}

#[tokio::test]
async fn secoda_10_where_the_setting_says_so_an_invited_user_is_not_active_until_the_first_sign_in() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({ "invited_is_active": false })).await;
    let grace = acme.user("grace@example.com").await;
    signs_in(&app, &grace).await;

    let stored = ada_is_pushed(&acme).await;

    let id = id_of(&stored);
    let path = format!("/Users/{id}");
    assert_eq!(stored["active"], false);
    assert_eq!(acme.get(&path).await.expect(200), stored);
    assert_eq!(acme.ids("/Users", "active eq true").await, [grace.as_str()]);
    assert_eq!(acme.ids("/Users", "active eq false").await, [id]);
    assert_eq!(acme.ids("/Users", "active eq false and userName eq \"ada@example.com\"").await, [id]);
    assert_eq!(acme.ids("/Users", "not (active eq true)").await, [id]);
    assert_eq!(planned(&app).await, [task("send-invitation", &grace), task("send-invitation", id)], "she is invited");
    let on = json!([{ "op": "replace", "value": { "active": true } }]);
    assert_eq!(acme.operations(&path, on).await.expect(200), stored, "what was written is so already");

    signs_in(&app, id).await;

    let after = acme.get(&path).await.expect(200);
    assert_eq!(after["active"], true);
    assert_ne!(after["meta"]["version"], stored["meta"]["version"], "who has the old one is not told that it is new");
    assert_eq!(acme.ids("/Users", "active eq true").await, [grace.as_str(), id]);
    assert_eq!(acme.ids("/Users", "active eq false").await, Vec::<String>::new());
}

#[tokio::test]
async fn secoda_10_who_writes_back_that_an_invited_user_is_not_active_disables_the_user_and_a_binding_warns_of_it() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let id = id_of(&ada_is_pushed(&acme).await).to_owned();
    let path = format!("/Users/{id}");

    let bound = app.bind("acme", "secoda", json!({ "invited_is_active": false })).await.expect(200);
    let read = acme.get(&path).await.expect(200);
    acme.put(&path, read).await.expect(200);

    let warning = "users in these states are shown as not active, and whoever writes that back disables them: invited \
                   (users.inactive-states)";
    assert_eq!(bound["warning"], warning);
    assert_eq!(app.account("acme", &id).await["state"], "disabled");
}
