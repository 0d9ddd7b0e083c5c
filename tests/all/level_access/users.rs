use muster_idp::{Person, entra, okta};
use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{TestApp, USER, field};
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, activated, ada, ada_is_pushed, cycle_of_entra, cycle_of_okta, entra_of, id_of, okta_of};
use crate::ada::person;

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
async fn level_access_16_who_was_assigned_is_so_again_after_the_return_unless_the_setting_says_otherwise() {
    for (deactivation, back) in [("keeps", "assigned"), ("unassigns", "unassigned")] {
        let app = TestApp::start().await;
        let mut config = activated();
        config["deactivation"] = json!(deactivation);
        let acme = app.tenant_with("acme", "level-access", config).await;
        let stored = ada_is_pushed(&acme).await;
        let (id, gone) = (id_of(&stored), Person { active: false, ..ada() });

        for by_entra in [true, false] {
            let told = format!("/tenants/acme/accounts/{id}/signals");
            app.directory_send(Method::POST, &told, json!({ "name": "groups-assigned" })).await.expect(200);
            assert_eq!(app.account("acme", id).await["state"], "assigned");
            let mut states = Vec::new();
            for who in [&gone, &ada()] {
                if by_entra {
                    entra_of(&acme).expect(&entra::update_user(id, who), &[200]).await.unwrap();
                } else {
                    okta_of(&acme).expect(&okta::update_user(&stored, who), &[200]).await.unwrap();
                }
                states.push(app.account("acme", id).await["state"].clone());
            }
            assert_eq!(states, ["inactive", back], "{deactivation}, by Entra: {by_entra}");
        }
    }
}

#[tokio::test]
async fn level_access_20_a_cycle_with_one_bad_user_has_one_refusal_and_provisions_all_others() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    // Hers is an account by hand, which SCIM does not take over however often it is tried.
    let by_hand = json!({ "userName": "ada@example.com" });
    app.directory_send(Method::POST, "/tenants/acme/accounts", by_hand).await.expect(201);
    let people = [person("Grace", "Murray"), ada(), person("Alan", "Mathison")];
    let more = [people.to_vec(), vec![person("Hedy", "Kiesler")]].concat();
    let refused = [("ada@example.com".to_owned(), 409)];
    let names = async || {
        let list = acme.get("/Users").await.expect(200);
        let name = |user: &Value| user["userName"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = list["Resources"].as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    };

    for _again in 0..2 {
        assert_eq!(cycle_of_okta(&okta_of(&acme), &people).await, refused);
        assert_eq!(names().await, ["alan@example.com", "grace@example.com"]);
    }
    for _again in 0..2 {
        assert_eq!(cycle_of_entra(&entra_of(&acme), &more).await, refused);
        assert_eq!(names().await, ["alan@example.com", "grace@example.com", "hedy@example.com"]);
    }
    let failed = app.admin_get("/tenants/acme/requests?status=failed").await.expect(200);
    let statuses: Vec<&Value> =
        failed["requests"].as_array().unwrap().iter().map(|request| &request["status"]).collect();
    assert_eq!(statuses, [409; 4], "one a cycle, as the server has it");
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
