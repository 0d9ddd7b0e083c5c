//! Which of the names that Okta sends is the person's.

use muster_idp::okta;
use muster_test_harness::messages::error;
use muster_test_harness::{TenantClient, TestApp, USER, field};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, id_of};

/// The name that the product shows of a user who was created with these attributes.
async fn full_name(app: &TestApp, acme: &TenantClient, user_name: &str, names: Value) -> Value {
    let mut user = json!({ "schemas": [USER], "userName": user_name, "active": true });
    user.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
    let made = acme.post("/Users", user).await.expect(201);
    field(&app.account("acme", id_of(&made)).await, "full_name")
}

#[tokio::test]
async fn poggio_09_user_name_is_the_email_and_emails_do_not_override_it() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let other = json!([{ "primary": true, "value": "other@example.org", "type": "work" }]);
    let user = |user_name: &str| {
        let mut user = okta::create_user(&ada()).body.unwrap();
        user["userName"] = json!(user_name);
        user["emails"] = other.clone();
        user
    };

    let made = acme.post("/Users", user("ada@example.com")).await.expect(201);

    let path = format!("/Users/{}", id_of(&made));
    let is = async |email: &str, answer: &Value| {
        assert_eq!((&answer["userName"], &answer["emails"]), (&json!(email), &Value::Null));
        assert_eq!(acme.get(&path).await.expect(200), *answer);
        assert_eq!(field(&app.account("acme", id_of(&made)).await, "email"), email);
        assert_eq!(acme.ids("/Users", "emails.value eq \"other@example.org\"").await, Vec::<String>::new());
    };
    is("ada@example.com", &made).await;
    is("ada@example.com", &acme.put(&path, user("ada@example.com")).await.expect(200)).await;
    for operation in [
        json!({ "op": "replace", "path": "emails", "value": other }),
        json!({ "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "other@example.org" }),
        json!({ "op": "add", "value": { "emails": other } }),
    ] {
        is("ada@example.com", &acme.operations(&path, json!([operation])).await.expect(200)).await;
    }
    is("ada.l@example.com", &acme.put(&path, user("ada.l@example.com")).await.expect(200)).await;
    let back = json!([{ "op": "replace", "value": { "userName": "ada@example.com", "emails": other } }]);
    is("ada@example.com", &acme.operations(&path, back).await.expect(200)).await;
}

#[tokio::test]
async fn poggio_10_a_user_name_that_is_no_address_is_refused_where_the_setting_is_strict() {
    let app = TestApp::start().await;
    let strict = acme(&app).await;
    let config = json!({ "default_workspace": "W1", "require_email": false });
    let lenient = app.tenant_with("globex", "poggio", config).await;
    let user = json!({ "schemas": [USER], "userName": "ada" });

    let refused = strict.post("/Users", user.clone()).await.expect(400);
    let made = lenient.post("/Users", user).await.expect(201);

    assert_eq!(refused, error(400, Some("invalidValue"), "userName must be an e-mail address"));
    assert_eq!(app.log("acme").await, Vec::<Value>::new());
    assert_eq!(field(&app.account("globex", id_of(&made)).await, "email"), "ada");
    let ada = ada_is_pushed(&strict).await;
    let path = format!("/Users/{}", id_of(&ada));
    strict.operations(&path, json!([{ "op": "replace", "value": { "userName": "ada" } }])).await.expect(400);
    assert_eq!(strict.get(&path).await.expect(200), ada, "nor does a change make one of it");
}

#[tokio::test]
async fn poggio_11_display_name_is_the_full_name() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let name = full_name(&app, &acme, "ada@example.com", json!({ "displayName": "Ada Byron" })).await;

    assert_eq!(name, "Ada Byron");
}

#[tokio::test]
async fn poggio_12_without_display_name_it_is_name_formatted() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let name = full_name(&app, &acme, "ada@example.com", json!({ "name": { "formatted": "Ada Byron" } })).await;

    assert_eq!(name, "Ada Byron");
}

#[tokio::test]
async fn poggio_13_of_both_display_name_wins() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let both = json!({ "displayName": "Ada Byron", "name": { "formatted": "Augusta Ada King" } });

    let name = full_name(&app, &acme, "ada@example.com", both).await;

    assert_eq!(name, "Ada Byron");
}

#[tokio::test]
async fn poggio_14_an_empty_display_name_is_none_and_a_name_is_never_put_together() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let formatted = json!({ "formatted": "Ada Byron" });
    let parts = json!({ "name": { "givenName": "Ada", "familyName": "Byron" } });

    let empty = json!({ "displayName": "", "name": formatted });
    let null = json!({ "displayName": null, "name": formatted });

    assert_eq!(full_name(&app, &acme, "empty@example.com", empty).await, "Ada Byron");
    assert_eq!(full_name(&app, &acme, "null@example.com", null).await, "Ada Byron");
    assert_eq!(full_name(&app, &acme, "parts@example.com", parts).await, "");
}

#[tokio::test]
async fn poggio_14_where_the_setting_says_so_a_name_is_put_together_of_parts_that_are_not_kept_in_the_user() {
    let app = TestApp::start().await;
    let config = json!({ "default_workspace": "W1", "join_names": true });
    let acme = app.tenant_with("acme", "poggio", config).await;
    let user = json!({
        "schemas": [USER],
        "userName": "ada@example.com",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "active": true,
    });

    let made = acme.post("/Users", user).await.expect(201);

    let path = format!("/Users/{}", id_of(&made));
    let name = async || field(&app.account("acme", id_of(&made)).await, "full_name");
    assert_eq!(name().await, "Ada Byron");
    assert_eq!(made["name"], Value::Null, "all other attributes are forgotten, as ever");
    assert!(!acme.get("/Schemas").await.expect(200).to_string().contains("givenName"));
    let disabled = json!([{ "op": "replace", "value": { "active": false } }]);
    acme.operations(&path, disabled).await.expect(200);
    assert_eq!(name().await, "Ada Byron", "a change without the parts leaves them");
    let married = json!([{ "op": "replace", "path": "name.familyName", "value": "Lovelace" }]);
    acme.operations(&path, married).await.expect(200);
    assert_eq!(name().await, "Ada Lovelace");
    let named = json!([{ "op": "add", "path": "displayName", "value": "Countess of Lovelace" }]);
    acme.operations(&path, named).await.expect(200);
    assert_eq!(name().await, "Countess of Lovelace");
}
