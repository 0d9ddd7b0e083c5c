//! What the directory API, by which the dashboard asks and tells, does with users of SCIM, and what SCIM does with accounts made by hand.

use muster_idp::{entra, okta};
use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{Answer, TenantClient, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, activated, ada, ada_is_pushed, cycle_of_entra, cycle_of_okta, entra_of, id_of, okta_of};
use crate::ada::person;

async fn dashboard(app: &TestApp, method: Method, path: &str, body: Value) -> Answer {
    app.directory_send(method, &format!("/tenants/acme/accounts{path}"), body).await
}

/// Ada, as an administrator has made her account.
async fn ada_by_hand(app: &TestApp) -> String {
    let body = json!({ "userName": "ada@example.com", "displayName": "Ada Byron" });
    let made = dashboard(app, Method::POST, "", body).await.expect(201);
    id_of(&made).to_owned()
}

async fn account(app: &TestApp, id: &str) -> Value {
    app.directory_get(&format!("/tenants/acme/accounts/{id}")).await.expect(200)
}

/// What Okta is told when it provisions Ada.
async fn pushed(acme: &TenantClient) -> (u16, Value) {
    let answer = okta_of(acme).send(&okta::create_user(&ada())).await.unwrap();
    (answer.status, answer.body)
}

#[tokio::test]
async fn level_access_09_what_an_administrator_has_assigned_is_undone_by_no_push() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let id = id_of(&stored);
    assert_eq!(account(&app, id).await["state"], "unassigned");

    let told = dashboard(&app, Method::POST, &format!("/{id}/signals"), json!({ "name": "groups-assigned" })).await;

    assert_eq!(told.expect(200)["state"], "assigned");
    okta_of(&acme).expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap();
    let renamed = muster_idp::Person { family: "Lovelace".to_owned(), ..ada() };
    okta_of(&acme).expect(&okta::update_user(&stored, &renamed), &[200]).await.unwrap();
    let after = account(&app, id).await;
    assert_eq!((&after["state"], &after["fields"]["name"]), (&json!("assigned"), &json!("Ada Lovelace")));
    let back = dashboard(&app, Method::POST, &format!("/{id}/signals"), json!({ "name": "groups-removed" })).await;
    assert_eq!(back.expect(200)["state"], "unassigned");
}

#[tokio::test]
async fn level_access_10_the_dashboard_cannot_remove_a_user_of_scim() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let before = account(&app, id_of(&stored)).await;

    let refused = dashboard(&app, Method::DELETE, &format!("/{}", id_of(&stored)), json!({})).await;

    let says = "this account is managed by SCIM: only the identity provider changes or removes it";
    assert_eq!(refused.expect(409)["detail"], says);
    assert_eq!(account(&app, id_of(&stored)).await, before);
}

#[tokio::test]
async fn level_access_11_the_dashboard_neither_removes_nor_deactivates_and_the_identity_provider_does_both() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let (id, path) = (id_of(&stored), format!("/{}", id_of(&stored)));

    dashboard(&app, Method::PATCH, &path, json!({ "active": false })).await.expect(409);
    dashboard(&app, Method::DELETE, &path, json!({})).await.expect(409);

    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    acme.operations(&format!("/Users/{id}"), off).await.expect(200);
    assert_eq!(account(&app, id).await["state"], "inactive");
    acme.delete(&format!("/Users/{id}")).await.expect(204);
    app.directory_get(&format!("/tenants/acme/accounts/{id}")).await.expect(404);
}

#[tokio::test]
async fn level_access_12_an_account_made_by_hand_is_not_taken_over_and_the_identity_provider_is_told_so() {
    let hidden = "an account that is managed by hand has one of these names; SCIM does not take it over";
    for (setting, says) in [("hide", hidden), ("refuse", "the account is managed manually")] {
        let app = TestApp::start().await;
        let mut config = activated();
        config["manual_accounts"] = json!(setting);
        let acme = app.tenant_with("acme", "level-access", config).await;
        let id = ada_by_hand(&app).await;
        let before = account(&app, &id).await;

        assert_eq!(pushed(&acme).await, (409, error(409, Some("uniqueness"), says)), "{setting}");
        let entra = entra_of(&acme).send(&entra::create_user(&ada())).await.unwrap();
        assert_eq!((entra.status, entra.body), (409, error(409, Some("uniqueness"), says)), "{setting}");

        assert_eq!(account(&app, &id).await, before, "{setting}");
        assert_eq!(before["managed_by"], "manual");
    }
}

#[tokio::test]
async fn level_access_13_no_lookup_no_list_and_no_path_of_scim_leads_to_an_account_made_by_hand() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let id = ada_by_hand(&app).await;
    let path = format!("/Users/{id}");

    assert_eq!(acme.find("/Users", "userName eq \"ada@example.com\"").await.expect(200), nothing_found());
    for list in ["/Users", "/Users?startIndex=1&count=100"] {
        assert_eq!(acme.get(list).await.expect(200), nothing_found(), "{list}");
    }
    let user = okta::create_user(&ada()).body.unwrap();
    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    acme.get(&path).await.expect(404);
    acme.put(&path, user).await.expect(404);
    acme.operations(&path, off).await.expect(404);
    acme.delete(&path).await.expect(404);

    assert_eq!(app.log("acme").await.len(), 1);
    assert_eq!(account(&app, &id).await["active"], true);
}

#[tokio::test]
async fn level_access_13_where_the_setting_says_so_it_is_found_and_shown_and_nothing_of_scim_changes_it() {
    let app = TestApp::start().await;
    let config = json!({ "activated": true, "sso": "saml", "manual_accounts": "refuse" });
    let acme = app.tenant_with("acme", "level-access", config).await;
    let id = ada_by_hand(&app).await;
    let (path, before) = (format!("/Users/{id}"), account(&app, &id).await);

    for found in [
        okta_of(&acme).expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body,
        entra_of(&acme).expect(&entra::find_user("ada@example.com"), &[200]).await.unwrap().body,
    ] {
        assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &json!(id)));
    }
    let shown = acme.get(&path).await.expect(200);
    assert_eq!((&shown["id"], &shown["displayName"]), (&json!(id), &json!("Ada Byron")));
    assert_eq!(acme.get("/Users?startIndex=1&count=100").await.expect(200), nothing_found(), "an import has none");

    // What follows at an identity provider from what it has found.
    let refused = || error(409, Some("uniqueness"), "the account is managed manually");
    let renamed = muster_idp::Person { family: "Lovelace".to_owned(), ..ada() };
    let put = okta_of(&acme).send(&okta::update_user(&shown, &renamed)).await.unwrap();
    let patch = entra_of(&acme).send(&entra::update_user(&id, &renamed)).await.unwrap();
    let gone = muster_idp::Person { active: false, ..ada() };
    let off = entra_of(&acme).send(&entra::update_user(&id, &gone)).await.unwrap();
    for (answer, what) in [(put, "PUT"), (patch, "PATCH"), (off, "deactivation")] {
        assert_eq!((answer.status, answer.body), (409, refused()), "{what}");
    }
    let kept = error(409, None, "the account is managed manually");
    assert_eq!(acme.delete(&path).await.expect(409), kept);

    assert_eq!(account(&app, &id).await, before);
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn level_access_14_it_is_edited_and_removed_in_the_dashboard_as_before_and_cycles_do_not_touch_it() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let id = ada_by_hand(&app).await;
    let path = format!("/{id}");
    let edited = dashboard(&app, Method::PATCH, &path, json!({ "displayName": "Countess" })).await.expect(200);
    assert_eq!((&edited["managed_by"], &edited["fields"]["name"]), (&json!("manual"), &json!("Countess")));

    let people = [person("Grace", "Murray"), ada(), person("Alan", "Mathison")];
    let refused = [("ada@example.com".to_owned(), 409)];
    assert_eq!(cycle_of_okta(&okta_of(&acme), &people).await, refused);
    assert_eq!(cycle_of_entra(&entra_of(&acme), &people).await, refused);

    assert_eq!(account(&app, &id).await, edited);
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 2, "the others are provisioned");
    assert_eq!(dashboard(&app, Method::DELETE, &path, json!({})).await.status, 204);
    app.directory_get(&format!("/tenants/acme/accounts/{id}")).await.expect(404);
}

#[tokio::test]
async fn level_access_15_once_it_is_removed_by_hand_the_next_push_makes_a_user_of_scim() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let by_hand = ada_by_hand(&app).await;
    assert_eq!(pushed(&acme).await.0, 409);
    assert_eq!(dashboard(&app, Method::DELETE, &format!("/{by_hand}"), json!({})).await.status, 204);

    let made = ada_is_pushed(&acme).await;

    assert_ne!(id_of(&made), by_hand);
    assert_eq!(account(&app, id_of(&made)).await["managed_by"], "scim");
    dashboard(&app, Method::DELETE, &format!("/{}", id_of(&made)), json!({})).await.expect(409);
}

#[tokio::test]
async fn before_the_activation_the_dashboard_makes_and_changes_its_accounts_and_scim_does_not() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "level-access", json!({ "sso": "saml" })).await;

    let id = ada_by_hand(&app).await;
    let path = format!("/{id}");
    let renamed = dashboard(&app, Method::PATCH, &path, json!({ "displayName": "Ada Lovelace" })).await.expect(200);

    assert_eq!(renamed["displayName"], "Ada Lovelace");
    let says = error(403, None, "SCIM is not activated for this organization");
    let refused = acme.post("/Users", json!({ "userName": "eve@example.com" })).await;
    assert_eq!(refused.expect(403), says);
    dashboard(&app, Method::DELETE, &path, json!({})).await.expect(204);
}
