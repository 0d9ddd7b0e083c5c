//! The guide contradicts itself: Okta pushes groups, and with Entra they are not supported. Both readings are a switch away.

use muster_idp::{Group, entra, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{GROUP, TestApp};
use serde_json::{Value, json};

use super::{acme, ada_is_pushed, entra_of, id_of, okta_of};

fn engines() -> Group {
    Group { key: "00g1".to_owned(), name: "Engines".to_owned(), members: vec!["ada@example.com".to_owned()] }
}

#[tokio::test]
async fn popl_13_groups_are_pushed_by_okta_and_not_missed_by_entra() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let globex = app.tenant_with("globex", "popl", json!({ "groups": "disabled" })).await;
    let (people, groups) = muster_idp::sample("acme.example", 5);

    let pushed = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();
    let without = muster_idp::sync::entra(&entra_of(&globex), &people, &[], |_| {}).await.unwrap();

    assert_eq!((pushed.created, pushed.groups), (5, 3));
    assert_eq!((without.created, without.groups), (5, 0));
}

/// OK-08 in full, by an app of the wizard and by one of the catalogue.
#[tokio::test]
async fn popl_14_where_groups_are_enabled_okta_pushes_them_in_full() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;
    let grace = acme.user("grace@example.com").await;
    let ada = id_of(&stored).to_owned();

    let nobody = okta.expect(&okta::find_group("Engines"), &[200]).await.unwrap().body;
    let group = okta.expect(&okta::create_group(&engines()), &[201]).await.unwrap().body;
    let id = id_of(&group);
    let path = format!("/Groups/{id}");
    let push = okta::push_group(id, &engines(), &[(ada.clone(), super::ada().email)]);
    okta.expect(&push, &[200]).await.unwrap();
    assert_eq!((&nobody["totalResults"], acme.members(id).await), (&json!(0), vec![ada.clone()]));
    assert_eq!(app.account("acme", id).await["fields"][0]["value"]["text"], "Engines");

    let rename = json!([{ "op": "replace", "value": { "id": id, "displayName": "Engines EMEA" } }]);
    acme.operations(&path, rename).await.expect(200);
    let exchange = json!([
        { "op": "remove", "path": format!("members[value eq \"{ada}\"]") },
        { "op": "add", "path": "members", "value": [{ "value": grace, "display": "grace@example.com" }] },
    ]);
    acme.operations(&path, exchange).await.expect(200);
    assert_eq!(acme.members(id).await, [grace.as_str()]);
    acme.operations(&path, json!([{ "op": "replace", "path": "members", "value": [] }])).await.expect(200);
    assert_eq!(acme.members(id).await, Vec::<String>::new());
    acme.delete(&path).await.expect(204);
    acme.get(&path).await.expect(404);
    acme.get(&format!("/Users/{ada}")).await.expect(200);
}

#[tokio::test]
async fn popl_14_where_groups_are_disabled_there_are_none_and_users_are_provisioned_as_before() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "popl", json!({ "groups": "disabled" })).await;
    let stored = ada_is_pushed(&acme).await;
    let nothing = error(404, None, "there is nothing at /Groups");
    let group = json!({ "schemas": [GROUP], "displayName": "Engines", "members": [{ "value": stored["id"] }] });
    let path = "/Groups/01900000-0000-7000-8000-000000000001";

    for refused in [
        acme.get("/Groups").await,
        acme.post("/Groups", group.clone()).await,
        acme.get(path).await,
        acme.put(path, group).await,
        acme.operations(path, json!([{ "op": "replace", "value": { "displayName": "Engines" } }])).await,
        acme.delete(path).await,
    ] {
        assert_eq!(refused.header("content-type"), "application/scim+json");
        assert_eq!(refused.expect(404), nothing);
    }

    let (people, _) = muster_idp::sample("acme.example", 5);
    let cycle = muster_idp::sync::okta(&okta_of(&acme), &people, &[], |_| {}).await.unwrap();
    assert_eq!(cycle.created, 5);
    let types = acme.get("/ResourceTypes").await.expect(200);
    let types: Vec<&Value> = types["Resources"].as_array().unwrap().iter().map(|kind| &kind["id"]).collect();
    assert_eq!(types, ["User"]);
}

#[tokio::test]
async fn popl_14_where_the_setting_says_so_disabled_groups_are_501_and_enabled_ones_are_served() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "popl", json!({ "groups": "disabled", "groups_status": 501 })).await;
    let globex = app.tenant_with("globex", "popl", json!({ "groups": "enabled", "groups_status": 501 })).await;
    let group = json!({ "schemas": [GROUP], "displayName": "Engines" });

    let refused = acme.post("/Groups", group.clone()).await;
    let lookup = okta_of(&acme).send(&okta::find_group("Engines")).await.unwrap();

    assert_eq!(refused.expect(501), error(501, None, "/Groups is not supported"));
    assert_eq!(lookup.status, 501);
    ada_is_pushed(&acme).await;
    globex.post("/Groups", group).await.expect(201);
}

#[tokio::test]
async fn popl_15_a_group_push_never_makes_a_profile() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let globex = app.tenant_with("globex", "popl", json!({})).await;
    let stranger = globex.user("grace@globex.example").await;
    let stored = ada_is_pushed(&acme).await;
    let (okta, entra) = (okta_of(&acme), entra_of(&acme));
    let ids = [id_of(&stored), &stranger, "01900000-0000-7000-8000-00000000ffff"].map(str::to_owned);
    let names = ["ada@example.com", "grace@globex.example", "nobody@example.com"].map(str::to_owned);
    let pairs: Vec<(String, String)> = std::iter::zip(ids.clone(), names).collect();
    let values: Vec<Value> = pairs.iter().map(|(id, name)| json!({ "value": id, "display": name })).collect();

    let by_post = json!({ "schemas": [GROUP], "displayName": "Post", "members": values });
    let by_post = id_of(&acme.post("/Groups", by_post).await.expect(201)).to_owned();
    let by_put = acme.group("Put", &[]).await;
    let put = Group { name: "Put".to_owned(), ..engines() };
    okta.expect(&okta::push_group(&by_put, &put, &pairs), &[200]).await.unwrap();
    let mut groups = vec![by_post, by_put];
    for op in ["add", "replace"] {
        let by_patch = acme.group(op, &[]).await;
        let operation = json!([{ "op": op, "path": "members", "value": values }]);
        acme.operations(&format!("/Groups/{by_patch}"), operation).await.expect(200);
        groups.push(by_patch);
    }
    let by_entra = acme.group("Entra", &[]).await;
    entra.expect(&entra::add_members(&by_entra, &ids), &[200, 204]).await.unwrap();
    groups.push(by_entra);

    for group in &groups {
        assert_eq!(acme.members(group).await, [id_of(&stored)], "only who is provisioned in this team");
    }
    assert_eq!(acme.get("/Users").await.expect(200)["Resources"].as_array().unwrap().len(), 1);
    let of_stranger = globex.get(&format!("/Users/{stranger}")).await.expect(200);
    assert_eq!(of_stranger["groups"], json!([]), "nor did the other team come to anything by it");
}
