//! The runners-up of section 4.

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{GROUP, TestApp};
use serde_json::{Value, json};

use super::{ada, created, id, ids, start};

#[tokio::test]
async fn a_filter_may_stand_behind_a_trailing_slash() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let found = acme.get("/Users/?filter=userName eq \"ada@example.com\"").await.expect(200);
    assert_eq!(ids(&found), [user.trim_start_matches("/Users/")]);
}

#[tokio::test]
async fn excluded_members_are_left_out_of_every_answer() {
    let (_app, acme) = start().await;
    let user = acme.user("ada").await;
    let without = "excludedAttributes=members";
    let body = json!({ "schemas": [GROUP], "displayName": "Engineering", "members": [{ "value": user }] });

    let made = acme.post(&format!("/Groups?{without}"), body.clone()).await.expect(201);
    let path = format!("/Groups/{}?{without}", id(&made));
    let rename = json!([{ "op": "replace", "path": "displayName", "value": "Engines" }]);
    let answers = [
        acme.get(&path).await.expect(200),
        acme.get(&format!("/Groups?{without}")).await.expect(200)["Resources"][0].clone(),
        acme.put(&path, body).await.expect(200),
        acme.operations(&path, rename).await.expect(200),
        made.clone(),
    ];

    for answer in answers {
        assert_eq!((id(&answer), answer.get("members")), (id(&made), None));
        assert!(answer["displayName"].is_string());
    }
    assert_eq!(acme.members(id(&made)).await, [user.as_str()]);
}

/// Behind a proxy the request's own host says nothing.
#[tokio::test]
async fn locations_are_built_from_the_public_origin() {
    let mut builder = TestApp::builder();
    builder.config.scim.public_origin = "https://scim.example.test".into();
    let app = builder.start().await;
    let told = app.tenant("acme").await;
    assert_eq!(told.base, "https://scim.example.test/scim/v2");
    let acme = app.client("/scim/v2", &told.token);

    let answer = acme.post("/Users", ada()).await;

    let location = answer.header("location").to_owned();
    let made = answer.expect(201);
    assert_eq!(location, format!("https://scim.example.test/scim/v2/Users/{}", id(&made)));
    assert_eq!(made["meta"]["location"], json!(location));
    let group = acme.group("Engineering", &[id(&made)]).await;
    let read = acme.get(&format!("/Users/{}", id(&made))).await.expect(200);
    assert_eq!(read["groups"][0]["$ref"], json!(format!("https://scim.example.test/scim/v2/Groups/{group}")));
    let types = acme.get("/ResourceTypes/User").await.expect(200);
    assert_eq!(types["meta"]["location"], "https://scim.example.test/scim/v2/ResourceTypes/User");
}

/// What one customer's identity provider calls a user is of no concern to another's.
#[tokio::test]
async fn external_ids_and_names_of_one_tenant_are_no_conflict_in_another() {
    let (app, acme) = start().await;
    let globex = app.tenant("globex").await;
    let mine = created(&acme).await;
    let theirs = created(&globex).await;
    assert_ne!(mine, theirs);
    assert_eq!(acme.ids("/Users", "externalId eq \"0f1c9d2e-2a3b\"").await, [mine.trim_start_matches("/Users/")]);
    acme.get(&theirs).await.expect(404);

    let mut same = ada();
    same["userName"] = json!("other@example.com");
    acme.post("/Users", same).await.expect(201);
    assert_eq!(acme.ids("/Users", "externalId eq \"0f1c9d2e-2a3b\"").await.len(), 2, "it is the client's own");
}

#[tokio::test]
async fn ids_are_texts_and_no_version_is_demanded() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    assert!(acme.get(&user).await.expect(200)["id"].is_string());

    acme.put(&user, ada()).await.expect(200);
    acme.operations(&user, json!([{ "op": "replace", "path": "title", "value": "x" }])).await.expect(200);
    let gone = acme.delete(&user).await;

    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
}

#[tokio::test]
async fn a_delete_frees_every_name() {
    let (_app, acme) = start().await;
    let first = created(&acme).await;
    acme.delete(&first).await.expect(204);
    for filter in
        ["userName eq \"ada@example.com\"", "externalId eq \"0f1c9d2e-2a3b\"", "emails eq \"ada@example.com\""]
    {
        assert_eq!(acme.find("/Users", filter).await.expect(200), nothing_found(), "{filter}");
    }

    let second = created(&acme).await;
    assert_ne!(first, second);
    let group = acme.group("Engineering", &[]).await;
    acme.delete(&format!("/Groups/{group}")).await.expect(204);
    acme.group("engineering", &[]).await;
}

/// A server that hides what it reserves can be told neither to create nor to find.
#[tokio::test]
async fn whoever_is_refused_as_taken_can_be_found_and_brought_back() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    acme.operations(&user, json!([{ "op": "replace", "path": "active", "value": false }])).await.expect(200);

    let refused = acme.post("/Users", ada()).await.expect(409);
    assert_eq!(refused, error(409, Some("uniqueness"), "userName is already in use"));
    let found: Value = acme.find("/Users", "userName eq \"ada@example.com\"").await.expect(200);
    let path = format!("/Users/{}", id(&found["Resources"][0]));
    let back = acme.operations(&path, json!([{ "op": "replace", "path": "active", "value": true }])).await.expect(200);

    assert_eq!((path.as_str(), &back["active"]), (user.as_str(), &json!(true)));
}
