//! What vendors promise of what their product shows and keeps, by the directory API alone.

use muster_idp::okta;
use muster_test_harness::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

use super::{all, problem, read};

/// The names of those in a list of accounts.
fn names(list: &Value) -> Vec<String> {
    all(list, "userName")
}

/// An administrator of Level Access has put somebody into a user group.
async fn is_assigned(app: &TestApp, id: &str) {
    let path = format!("/tenants/acme/accounts/{id}/signals");
    app.directory_send(Method::POST, &path, json!({ "name": "groups-assigned" })).await.expect(200);
}

async fn signs_in(app: &TestApp, id: &str) {
    let path = format!("/tenants/acme/accounts/{id}/signals");
    app.directory_send(Method::POST, &path, json!({ "name": "signed-in" })).await.expect(200);
}

#[tokio::test]
async fn secoda_09_the_members_page_hides_invited_users_unless_they_are_asked_for() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({})).await;
    let (ada, _) = (acme.user("ada@example.com").await, acme.user("bob@example.com").await);
    signs_in(&app, &ada).await;

    let page = read(&app, "accounts?listed=true").await;
    let filtered = read(&app, "accounts?state=invited").await;

    assert_eq!(names(&page["accounts"]), ["ada@example.com"]);
    assert_eq!(names(&filtered["accounts"]), ["bob@example.com"]);
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 2);
}

#[tokio::test]
async fn secoda_22_a_disabled_member_shows_in_the_product_or_not_as_the_setting_says_and_again_when_back() {
    let app = TestApp::start().await;
    for (list_disabled_users, while_gone) in [(true, vec!["ada@example.com"]), (false, vec![])] {
        let tenant = if list_disabled_users { "acme" } else { "globex" };
        let config = json!({ "list_disabled_users": list_disabled_users });
        let client = app.tenant_with(tenant, "secoda", config).await;
        let ada = client.user("ada@example.com").await;
        let engines = client.group("Engines", &[&ada]).await;
        let members = async || {
            let page = app.directory_get(&format!("/tenants/{tenant}/groups/{engines}/members")).await.expect(200);
            names(&page["members"])
        };
        let path = format!("/tenants/{tenant}/accounts/{ada}/signals");
        app.directory_send(Method::POST, &path, json!({ "name": "signed-in" })).await.expect(200);
        let switch = async |active: bool| {
            let switch = json!([{ "op": "replace", "value": { "active": active } }]);
            client.operations(&format!("/Users/{ada}"), switch).await.expect(200);
        };

        assert_eq!(members().await, ["ada@example.com"]);
        switch(false).await;
        assert_eq!(members().await, while_gone, "{list_disabled_users}");
        switch(true).await;
        assert_eq!(members().await, ["ada@example.com"]);
    }
}

#[tokio::test]
async fn level_access_08_the_page_of_unassigned_users_has_a_new_one_and_no_user_group_has() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "level-access", json!({ "activated": true, "sso": "saml" })).await;
    let ada = acme.user("ada@example.com").await;

    let page = read(&app, "accounts?state=unassigned").await;

    assert_eq!(all(&page["accounts"], "id"), [ada.clone()]);
    assert_eq!(page["accounts"][0]["local"], json!({}), "no user group was assigned");
    let of_groups = read(&app, &format!("accounts/{ada}/groups")).await;
    assert_eq!(of_groups["groups"], json!([]));
}

#[tokio::test]
async fn level_access_16_a_deactivated_user_keeps_the_user_groups_for_the_return() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "level-access", json!({ "activated": true, "sso": "saml" })).await;
    let ada = acme.user("ada@example.com").await;
    is_assigned(&app, &ada).await;
    let local = format!("accounts/{ada}/local");
    let assigned = json!({ "user_groups": ["Auditors", "Reviewers"] });
    app.directory_send(Method::PUT, &format!("/tenants/acme/{local}"), assigned.clone()).await.expect(200);

    for (active, state) in [(false, "inactive"), (true, "assigned")] {
        let switch = json!([{ "op": "replace", "value": { "active": active } }]);
        acme.operations(&format!("/Users/{ada}"), switch).await.expect(200);
        let account = read(&app, &format!("accounts/{ada}")).await;
        assert_eq!((&account["state"], &account["fields"]["has_groups"]), (&json!(state), &json!(true)));
        assert_eq!(account["local"], assigned, "{active}");
    }
}

#[tokio::test]
async fn level_access_19_a_pushed_group_changes_nobodys_user_groups() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "level-access", json!({ "activated": true, "sso": "saml" })).await;
    let (ada, bob) = (acme.user("ada@example.com").await, acme.user("bob@example.com").await);
    is_assigned(&app, &ada).await;
    let assigned = json!({ "user_groups": ["Auditors"] });
    let local = format!("/tenants/acme/accounts/{ada}/local");
    app.directory_send(Method::PUT, &local, assigned.clone()).await.expect(200);
    // All that the product is shown of both: states, fields and what it keeps of them itself.
    let accounts = async || read(&app, "accounts").await["accounts"].clone();
    let before = accounts().await;
    assert_eq!(all(&before, "state"), ["assigned", "unassigned"]);

    let auditors = acme.group("Auditors", &[&ada, &bob]).await;
    assert_eq!(accounts().await, before);
    let out = json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]);
    acme.operations(&format!("/Groups/{auditors}"), out).await.expect(200);
    assert_eq!(accounts().await, before);
    acme.delete(&format!("/Groups/{auditors}")).await.expect(204);

    assert_eq!(accounts().await, before);
}

#[tokio::test]
async fn poggio_18_a_name_by_hand_is_the_products_own_and_the_account_has_the_pushed_one() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1" })).await;
    let person = muster_idp::Person {
        key: "00u1abcdEFGH2345j5d7".to_owned(),
        given: "Ada".to_owned(),
        family: "Byron".to_owned(),
        email: "ada@example.com".to_owned(),
        department: "Analysis".to_owned(),
        active: true,
    };
    let idp = muster_idp::Client::okta(&acme.base, &acme.token);
    let stored = idp.expect(&okta::create_user(&person), &[201]).await.unwrap().body;
    let path = format!("accounts/{}", stored["id"].as_str().unwrap());
    let by_hand = json!({ "displayName": "Countess of Lovelace" });

    let refused = app.directory_send(Method::PATCH, &format!("/tenants/acme/{path}"), by_hand.clone()).await;
    app.directory_send(Method::PUT, &format!("/tenants/acme/{path}/local"), by_hand.clone()).await.expect(200);
    idp.expect(&okta::update_user(&stored, &person), &[200]).await.unwrap();

    problem(refused, 409);
    let account = read(&app, &path).await;
    assert_eq!(account["fields"]["full_name"], "Ada Byron", "the account has what was pushed");
    assert_eq!(account["local"], by_hand, "and the product knows what was done by hand");
}
