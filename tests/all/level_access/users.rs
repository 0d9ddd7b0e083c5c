use muster_idp::{Person, entra, okta};
use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{TestApp, USER, field};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, entra_of, id_of, okta_of};

#[tokio::test]
async fn level_access_06_users_are_created_updated_and_deactivated() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;
    let married = Person { family: "Lovelace".to_owned(), ..ada() };

    let updated = okta.expect(&okta::update_user(&stored, &married), &[200]).await.unwrap().body;
    let gone = okta::update_user(&stored, &Person { active: false, ..married });
    let gone = okta.expect(&gone, &[200]).await.unwrap().body;

    assert_eq!((&updated["id"], &updated["displayName"]), (&stored["id"], &json!("Ada Lovelace")));
    assert_eq!(gone["active"], false);
    assert_eq!(field(&app.account("acme", id_of(&stored)).await, "name"), "Ada Lovelace");
}

#[tokio::test]
async fn level_access_08_a_new_user_is_unassigned_whatever_the_payload_says() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let mut user = okta::create_user(&ada()).body.unwrap();
    user["groups"] = json!([{ "value": "4d1c", "display": "Administrators" }]);
    user["roles"] = json!([{ "value": "admin" }]);

    let made = acme.post("/Users", user).await.expect(201);

    let expected = json!({
        "state": "unassigned",
        "listed": true,
        "fields": [
            { "name": "user_name", "value": { "text": "ada@example.com" } },
            { "name": "email", "value": { "text": "ada@example.com" } },
            { "name": "name", "value": { "text": "Ada Byron" } },
            { "name": "has_groups", "value": { "boolean": false } },
        ],
    });
    assert_eq!(app.account("acme", id_of(&made)).await, expected);
    assert_eq!(made["roles"], Value::Null);
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new());
}

#[tokio::test]
async fn level_access_11_the_identity_provider_deactivates_and_removes() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let path = format!("/Users/{}", id_of(&stored));

    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    assert_eq!(acme.operations(&path, off).await.expect(200)["active"], false);
    acme.delete(&path).await.expect(204);

    acme.get(&path).await.expect(404);
    let found = okta_of(&acme).expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body;
    assert_eq!(found, nothing_found());
    assert_ne!(ada_is_pushed(&acme).await["id"], stored["id"]);
}

#[tokio::test]
async fn level_access_16_a_deactivated_user_is_inactive_and_returns_as_the_same() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let id = id_of(&stored);
    let gone = Person { active: false, ..ada() };

    // By what Entra sends, and by what Okta does.
    entra_of(&acme).expect(&entra::update_user(id, &gone), &[200]).await.unwrap();
    let by_entra = app.account("acme", id).await["state"].clone();
    okta_of(&acme).expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap();
    let back = app.account("acme", id).await["state"].clone();
    okta_of(&acme).expect(&okta::update_user(&stored, &gone), &[200]).await.unwrap();

    assert_eq!((by_entra, back), (json!("inactive"), json!("unassigned")));
    assert_eq!(app.account("acme", id).await["state"], "inactive");
    assert_eq!(acme.get(&format!("/Users/{id}")).await.expect(200)["active"], false);
}

#[tokio::test]
async fn level_access_20_what_is_wrong_with_one_user_is_one_refusal_a_cycle_and_no_failure() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let grace = acme.user("grace@example.com").await;
    let stored = ada_is_pushed(&acme).await;
    let path = format!("/Users/{}", id_of(&stored));
    let taken = json!([{ "op": "replace", "value": { "userName": "grace@example.com" } }]);

    for _cycle in 0..3 {
        let refused = acme.operations(&path, taken.clone()).await.expect(409);
        assert_eq!(refused, error(409, Some("uniqueness"), "userName is already in use"));
        let nameless = acme.post("/Users", json!({ "schemas": [USER], "displayName": "Ada" })).await.expect(400);
        assert_eq!(nameless["scimType"], "invalidValue");
        // What is merely unusual is no problem at all.
        let odd = json!({ "schemas": [USER], "userName": "grace@example.com", "emails": [{ "value": "none" }] });
        acme.put(&format!("/Users/{grace}"), odd).await.expect(200);
    }
    assert_eq!(app.log("acme").await.len(), 3, "two users, and one odd address");
}
