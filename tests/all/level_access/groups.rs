//! Groups assign nobody: they are accepted, so that no job is quarantined for them, or refused where the organization says so.

use muster_idp::{Group, entra, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, GROUP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, entra_of, id_of, okta_of};

fn engines() -> Group {
    Group { key: "00g1".to_owned(), name: "Engines".to_owned(), members: vec!["ada@example.com".to_owned()] }
}

/// OK-08 in full, by an app of the wizard and by one of the catalogue.
#[tokio::test]
async fn level_access_04_okta_pushes_groups_in_full_without_an_error() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;
    let (ada, grace) = (id_of(&stored).to_owned(), acme.user("grace@example.com").await);

    let nobody = okta.expect(&okta::find_group("Engines"), &[200]).await.unwrap().body;
    let with_members = json!({
        "schemas": [GROUP],
        "displayName": "Engines",
        "members": [{ "value": ada, "display": "ada@example.com" }, { "value": grace, "display": null }],
    });
    let made = acme.post("/Groups", with_members).await.expect(201);
    let id = id_of(&made);
    let path = format!("/Groups/{id}");
    let found = okta.expect(&okta::find_group("Engines"), &[200]).await.unwrap().body;
    assert_eq!((&nobody["totalResults"], &found["Resources"][0]["id"]), (&json!(0), &json!(id)));
    assert_eq!(members(&acme, id).await, both(&ada, &grace));
    let taken = okta.send(&okta::create_group(&engines())).await.unwrap();
    assert_eq!(taken.status, 409);
    okta.expect(&okta::push_group(id, &engines(), &[(ada.clone(), super::ada().email)]), &[200]).await.unwrap();
    assert_eq!(members(&acme, id).await, [ada.as_str()]);

    let rename = json!([{ "op": "replace", "value": { "id": id, "displayName": "Engines EMEA" } }]);
    let renamed = acme.operations(&path, rename).await.expect(200);
    assert_eq!((&renamed["id"], &renamed["displayName"]), (&json!(id), &json!("Engines EMEA")));
    let exchange = json!([
        { "op": "remove", "path": format!("members[value eq \"{ada}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": grace, "display": "grace@example.com" }] },
    ]);
    acme.operations(&path, exchange).await.expect(200);
    assert_eq!(members(&acme, id).await, [grace.as_str()]);
    let now =
        json!([{ "op": "replace", "path": "members", "value": [{ "value": ada, "display": "ada@example.com" }] }]);
    acme.operations(&path, now).await.expect(200);
    assert_eq!(members(&acme, id).await, [ada.as_str()]);
    for _again in 0..2 {
        acme.operations(&path, json!([{ "op": "replace", "path": "members", "value": [] }])).await.expect(200);
        assert_eq!(members(&acme, id).await, Vec::<String>::new());
    }

    let imported = acme.get("/Groups?startIndex=1&count=100").await.expect(200);
    assert_eq!(
        (&imported["totalResults"], &imported["Resources"][0]["displayName"]),
        (&json!(1), &json!("Engines EMEA"))
    );
    acme.delete(&path).await.expect(204);
    acme.get(&path).await.expect(404);
    acme.get(&format!("/Users/{ada}")).await.expect(200);
}

/// The members of a group, in order.
async fn members(acme: &TenantClient, group: &str) -> Vec<String> {
    let mut members = acme.members(group).await;
    members.sort();
    members
}

/// Both, in the same order.
fn both(one: &str, other: &str) -> Vec<String> {
    let mut both = vec![one.to_owned(), other.to_owned()];
    both.sort();
    both
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
    let ada = entra.expect(&entra::create_user(&ada()), &[201]).await.unwrap().body;
    let path = "/Groups/01900000-0000-7000-8000-000000000001";
    let members = entra.send(&entra::add_members(&path[8..], &[id_of(&ada).to_owned()])).await.unwrap();
    assert_eq!((members.status, members.body), (404, nothing.clone()));
    let group = json!({ "schemas": [GROUP], "displayName": "Engines" });
    for refused in [
        acme.get("/Groups").await,
        acme.get(path).await,
        acme.get(&format!("{path}?excludedAttributes=members")).await,
        acme.put(path, group).await,
        acme.operations(path, json!([{ "op": "Replace", "path": "displayName", "value": "Engines" }])).await,
        acme.delete(path).await,
    ] {
        assert_eq!(refused.header("content-type"), "application/scim+json");
        assert_eq!(refused.expect(404), nothing);
    }
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 1, "and Ada is provisioned");
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

#[tokio::test]
async fn level_access_19_groups_that_entra_provisions_assign_nobody_and_take_nothing_from_who_is_assigned() {
    let app = TestApp::start().await;
    let acme =
        app.tenant_with("acme", "level-access", json!({ "activated": true, "sso": "saml", "idp": "entra" })).await;
    let entra = entra_of(&acme);
    let (ada, grace) = (ada_is_pushed(&acme).await, acme.user("grace@example.com").await);
    let ada = id_of(&ada).to_owned();
    let told = format!("/tenants/acme/accounts/{ada}/signals");
    app.directory_send(Method::POST, &told, json!({ "name": "groups-assigned" })).await.expect(200);
    let accounts = async || [app.account("acme", &ada).await, app.account("acme", &grace).await];
    let before = accounts().await;
    assert_eq!([&before[0]["state"], &before[1]["state"]], ["assigned", "unassigned"]);

    let found = entra.expect(&entra::find_group("Engines"), &[200]).await.unwrap().body;
    assert_eq!(found["totalResults"], 0);
    let group = entra.expect(&entra::create_group(&engines()), &[201]).await.unwrap().body;
    let path = format!("/Groups/{}", id_of(&group));
    let everybody = [ada.clone(), grace.clone()];
    entra.expect(&entra::add_members(id_of(&group), &everybody), &[200, 204]).await.unwrap();
    assert_eq!(members(&acme, id_of(&group)).await, both(&ada, &grace));
    assert_eq!(accounts().await, before);
    // In both forms: the one that Entra has by default, and that of its flag.
    let out = json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": ada }] }]);
    acme.operations(&path, out).await.expect(200);
    assert_eq!(members(&acme, id_of(&group)).await, [grace.as_str()]);
    let out = json!([{ "op": "remove", "path": format!("members[value eq \"{grace}\"]") }]);
    acme.operations(&path, out).await.expect(200);
    assert_eq!(members(&acme, id_of(&group)).await, Vec::<String>::new());
    let rename = json!([{ "op": "Replace", "path": "displayName", "value": "Engines EMEA" }]);
    assert_eq!(acme.operations(&path, rename).await.expect(200)["displayName"], "Engines EMEA");
    acme.delete(&path).await.expect(204);

    assert_eq!(accounts().await, before);
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
}
