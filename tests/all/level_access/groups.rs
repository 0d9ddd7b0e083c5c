//! Groups assign nobody: they are accepted, so that no job is quarantined for them, or refused where the organization says so.

use muster_idp::{Group, entra, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, TenantClient, TestApp, USER};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, entra_of, id_of, okta_of};

fn engines() -> Group {
    Group { key: "00g1".to_owned(), name: "Engines".to_owned(), members: vec!["ada@example.com".to_owned()] }
}

/// An organization that takes the guide at its word.
async fn faithful(app: &TestApp) -> TenantClient {
    let config = json!({ "activated": true, "sso": "saml", "idp": "entra", "groups": "refused" });
    app.tenant_with("acme", "level-access", config).await
}

#[tokio::test]
async fn level_access_17_group_data_on_a_user_is_accepted_and_ignored() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let custom = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";
    let user = json!({
        "schemas": [USER, ENTERPRISE, custom],
        "userName": "ada@example.com",
        "groups": [{ "value": "4d1c", "display": "Engines" }],
        "roles": [{ "primary": true, "type": "WindowsAzureActiveDirectoryRole", "value": "Admin" }],
        "entitlements": [{ "value": "ent-7" }],
        custom: { "userGroup": "Administrators" },
        "active": true,
    });

    let made = acme.post("/Users", user).await.expect(201);
    let path = format!("/Users/{}", id_of(&made));
    let role = json!([
        { "op": "Add", "path": "roles", "value": [{ "value": "{\"id\":\"06b07648\",\"value\":\"Admin\"}" }] },
        { "op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "Editor" },
        { "op": "Add", "path": format!("{custom}:userGroup"), "value": "Owners" },
    ]);
    let patched = acme.operations(&path, role).await.expect(200);

    assert_eq!(patched, made, "also its version");
    assert_eq!(made["groups"], json!([]));
    for ignored in ["roles", "entitlements", custom] {
        assert_eq!(made[ignored], Value::Null, "{ignored}");
    }
    assert_eq!(app.account("acme", id_of(&made)).await["state"], "unassigned");
    let kept = format!("{:?}", app.log("acme").await);
    assert!(!kept.contains("Administrators") && !kept.contains("Owners"), "{kept}");
}

#[tokio::test]
async fn level_access_17_where_the_guide_is_taken_at_its_word_groups_are_refused() {
    let app = TestApp::start().await;
    let acme = faithful(&app).await;
    let entra = entra_of(&acme);
    let nothing = error(404, None, "there is nothing at /Groups");

    for request in [entra::find_group("Engines"), entra::create_group(&engines())] {
        let answer = entra.send(&request).await.unwrap();
        assert_eq!((answer.status, answer.body), (404, nothing.clone()));
    }
}

#[tokio::test]
async fn level_access_18_users_are_provisioned_though_group_calls_fail() {
    let app = TestApp::start().await;
    let acme = faithful(&app).await;
    let entra = entra_of(&acme);
    let (people, groups) = muster_idp::sample("acme.example", 5);

    let stopped = muster_idp::sync::entra(&entra, &people, &groups, |_| {}).await;
    let on_demand = entra.expect(&entra::create_user(&ada()), &[201]).await.unwrap().body;
    let again = muster_idp::sync::entra(&entra, &people, &[], |_| {}).await.unwrap();

    assert!(stopped.is_err(), "the job stops at its first group");
    assert_eq!((again.created, again.updated), (0, 5), "everybody had been provisioned");
    assert_eq!(app.account("acme", id_of(&on_demand)).await["state"], "unassigned");
}

#[tokio::test]
async fn level_access_19_a_group_push_is_accepted_and_assigns_nobody() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;
    let before = app.account("acme", id_of(&stored)).await;

    let group = okta.expect(&okta::create_group(&engines()), &[201]).await.unwrap().body;
    let members = [(id_of(&stored).to_owned(), ada().email)];
    okta.expect(&okta::push_group(id_of(&group), &engines(), &members), &[200]).await.unwrap();
    let again = okta.expect(&okta::push_group(id_of(&group), &engines(), &members), &[200]).await.unwrap().body;

    assert_eq!(again["members"].as_array().unwrap().len(), 1, "a client reads what it has written");
    assert_eq!(app.account("acme", id_of(&stored)).await, before);
    let account = app.account("acme", id_of(&group)).await;
    assert_eq!((&account["state"], &account["listed"]), (&json!("pushed"), &json!(false)));
    acme.delete(&format!("/Groups/{}", id_of(&group))).await.expect(204);
    assert_eq!(app.account("acme", id_of(&stored)).await, before);
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
}
