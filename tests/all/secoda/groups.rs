use muster_idp::{Group, Person, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{GROUP, TestApp};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, id_of, okta_of};

fn engines() -> Group {
    Group { key: "00g1".to_owned(), name: "Engines".to_owned(), members: vec!["ada@example.com".to_owned()] }
}

#[tokio::test]
async fn secoda_18_a_pushed_group_is_one_group_however_often_it_is_pushed() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let made = okta.expect(&okta::create_group(&engines()), &[201]).await.unwrap().body;

    let again = okta.send(&okta::create_group(&engines())).await.unwrap();
    let found = okta.expect(&okta::find_group("ENGINES"), &[200]).await.unwrap().body;

    assert_eq!(again.status, 409);
    assert_eq!(again.body, error(409, Some("uniqueness"), "displayName is already in use"));
    assert_eq!((&found["totalResults"], &found["Resources"]), (&json!(1), &json!([made])));
    let expected = json!({
        "state": "active", "listed": true, "fields": [{ "name": "name", "value": { "text": "Engines" } }],
    });
    assert_eq!(app.account("acme", id_of(&made)).await, expected);
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn secoda_19_of_a_group_its_name_and_members_are_kept() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = ada_is_pushed(&acme).await;
    let group = json!({
        "schemas": [GROUP],
        "displayName": "Engines",
        "description": "Who builds them",
        "owner": "grace",
        "urn:ietf:params:scim:schemas:extension:acme:2.0:Group": { "cost": 12 },
        "members": [{ "value": ada["id"], "display": "ada@example.com" }],
    });

    let made = acme.post("/Groups", group).await.expect(201);

    let expected = json!({
        "schemas": [GROUP],
        "id": made["id"],
        "displayName": "Engines",
        "members": [{
            "value": ada["id"],
            "$ref": ada["meta"]["location"],
            "type": "User",
            "display": "Ada Byron",
        }],
        "meta": {
            "resourceType": "Group",
            "created": "2026-11-03T14:03:00.000Z",
            "lastModified": "2026-11-03T14:03:00.000Z",
            "location": format!("{}/Groups/{}", acme.base, id_of(&made)),
            "version": "W/\"1\"",
        },
    });
    assert_eq!(made, expected);
    assert_eq!(acme.get(&format!("/Groups/{}", id_of(&made))).await.expect(200), expected);
    let ada = acme.get(&format!("/Users/{}", id_of(&ada))).await.expect(200);
    let reference = &made["meta"]["location"];
    let entry = json!({ "value": made["id"], "$ref": reference, "display": "Engines", "type": "direct" });
    assert_eq!(ada["groups"], json!([entry]), "the same row read the other way");
}

#[tokio::test]
async fn secoda_20_an_invited_member_is_left_out_by_the_product_only() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = ada_is_pushed(&acme).await;

    let group = acme.group("Engines", &[id_of(&ada)]).await;

    assert_eq!(app.account("acme", id_of(&ada)).await["listed"], false);
    assert_eq!(acme.members(&group).await, [id_of(&ada)]);
}

#[tokio::test]
async fn secoda_21_the_membership_of_an_invited_user_is_kept_however_it_is_written() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let ada = ada_is_pushed(&acme).await;
    let member = || json!([{ "value": ada["id"] }]);

    let by_post = acme.group("Post", &[id_of(&ada)]).await;
    let by_put = acme.group("Put", &[]).await;
    let pushed = vec![(id_of(&ada).to_owned(), "ada@example.com".to_owned())];
    let put = okta::push_group(&by_put, &Group { name: "Put".to_owned(), ..engines() }, &pushed);
    okta.expect(&put, &[200]).await.unwrap();
    let by_patch = acme.group("Patch", &[]).await;
    let add = json!([{ "op": "add", "path": "members", "value": member() }]);
    acme.operations(&format!("/Groups/{by_patch}"), add).await.expect(200);

    for group in [&by_post, &by_put, &by_patch] {
        assert_eq!(acme.members(group).await, [id_of(&ada)]);
    }
    let read = acme.get(&format!("/Users/{}", id_of(&ada))).await.expect(200);
    assert_eq!(read["groups"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn secoda_22_a_disabled_user_keeps_the_membership_and_has_it_when_back() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;
    let group = acme.group("Engines", &[id_of(&stored)]).await;

    let gone = okta::update_user(&stored, &Person { active: false, ..ada() });
    okta.expect(&gone, &[200]).await.unwrap();
    let while_gone = acme.members(&group).await;
    okta.expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap();

    assert_eq!(while_gone, [id_of(&stored)]);
    assert_eq!(acme.members(&group).await, [id_of(&stored)]);
}

#[tokio::test]
async fn secoda_23_deleting_a_pushed_group_leaves_the_users() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = ada_is_pushed(&acme).await;
    let group = acme.group("Engines", &[id_of(&ada)]).await;

    acme.delete(&format!("/Groups/{group}")).await.expect(204);

    acme.get(&format!("/Groups/{group}")).await.expect(404);
    let left = acme.get(&format!("/Users/{}", id_of(&ada))).await.expect(200);
    assert_eq!((&left["userName"], &left["groups"]), (&json!("ada@example.com"), &json!([])));
    assert_eq!(app.account("acme", id_of(&ada)).await["state"], "invited");
    let found = okta_of(&acme).expect(&okta::find_group("Engines"), &[200]).await.unwrap().body;
    assert_eq!(found["Resources"], Value::Array(Vec::new()));
}
