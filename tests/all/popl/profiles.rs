use muster_idp::{Person, entra, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, TestApp, USER, field};
use serde_json::{Value, json};

use super::{acme, ada, ada_is_pushed, entra_of, id_of, okta_of, standing};

#[tokio::test]
async fn popl_07_an_assigned_user_is_a_profile_in_the_team_of_the_token() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let by_okta = ada_is_pushed(&acme).await;
    let grace = Person { key: "00u2".to_owned(), email: "grace@example.com".to_owned(), ..ada() };
    let by_entra = entra_of(&acme).expect(&entra::create_user(&grace), &[201]).await.unwrap().body;

    let expected = |email: &str| {
        json!({
            "state": "member",
            "listed": true,
            "fields": [
                { "name": "email", "value": { "text": email } },
                { "name": "name", "value": { "text": "Ada Byron" } },
                { "name": "given_name", "value": { "text": "Ada" } },
                { "name": "family_name", "value": { "text": "Byron" } },
                { "name": "team", "value": { "text": "T1" } },
            ],
        })
    };
    assert_eq!(app.account("acme", id_of(&by_okta)).await, expected("ada@example.com"));
    assert_eq!(app.account("acme", id_of(&by_entra)).await, expected("grace@example.com"));
}

#[tokio::test]
async fn popl_08_new_users_and_profile_updates_are_pushed() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let married = Person { family: "Lovelace".to_owned(), email: "ada.l@example.com".to_owned(), ..ada() };

    let updated = okta_of(&acme).expect(&okta::update_user(&stored, &married), &[200]).await.unwrap().body;

    assert_eq!((&updated["id"], &updated["userName"]), (&stored["id"], &json!("ada.l@example.com")));
    assert_eq!(updated["name"]["familyName"], "Lovelace");
    let account = app.account("acme", id_of(&stored)).await;
    assert_eq!(
        (field(&account, "name"), field(&account, "email")),
        (json!("Ada Lovelace"), json!("ada.l@example.com"))
    );
    assert_eq!(field(&account, "team"), "T1");
}

#[tokio::test]
async fn popl_09_of_a_user_only_name_and_address_have_an_effect() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let entra = entra_of(&acme);
    let stored = entra.expect(&entra::create_user(&ada()), &[201]).await.unwrap().body;
    let path = format!("/Users/{}", id_of(&stored));
    assert_eq!(stored[ENTERPRISE], Value::Null, "her department is not kept");

    let without_effect = json!([
        { "op": "Add", "path": "title", "value": "Countess" },
        { "op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": "Engines" },
        { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 20 7946 0000" },
    ]);
    assert_eq!(acme.operations(&path, without_effect).await.expect(200), stored, "also its version");
    let with_effect = json!([
        { "op": "Replace", "path": "userName", "value": "ada.l@example.com" },
        { "op": "Replace", "path": "name.givenName", "value": "Augusta" },
        { "op": "Replace", "path": "name.familyName", "value": "Lovelace" },
        { "op": "Replace", "path": "displayName", "value": "Ada Lovelace" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada.l@example.com" },
    ]);
    let patched = acme.operations(&path, with_effect).await.expect(200);

    assert_eq!((&patched["userName"], &patched["displayName"]), (&json!("ada.l@example.com"), &json!("Ada Lovelace")));
    let account = app.account("acme", id_of(&stored)).await;
    let fields = ["email", "name", "given_name", "family_name"].map(|name| field(&account, name));
    assert_eq!(fields, ["ada.l@example.com", "Ada Lovelace", "Augusta", "Lovelace"]);
    let kept = format!("{:?}", app.log("acme").await);
    for forgotten in ["Countess", "Engines", "+44 20"] {
        assert!(!kept.contains(forgotten), "{forgotten}");
    }
}

#[tokio::test]
async fn popl_09_where_the_setting_says_so_display_name_is_not_the_profiles() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "popl", json!({ "use_display_name": false })).await;
    let stored = ada_is_pushed(&acme).await;
    let rename = json!([{ "op": "replace", "value": { "displayName": "Countess" } }]);

    let patched = acme.operations(&format!("/Users/{}", id_of(&stored)), rename).await.expect(200);

    assert_eq!(patched["displayName"], "Countess");
    assert_eq!(field(&app.account("acme", id_of(&stored)).await, "name"), "Ada Byron");
}

#[tokio::test]
async fn popl_10_without_an_address_in_emails_it_is_the_user_name_if_that_is_one() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let strict = json!({ "email_from_user_name": false });
    let globex = app.tenant_with("globex", "popl", strict).await;
    let user = |name: &str| json!({ "schemas": [USER], "userName": name });

    let made = acme.post("/Users", user("ada@example.com")).await.expect(201);
    let nameless = acme.post("/Users", user("ada")).await.expect(400);
    let refused = globex.post("/Users", user("ada@example.com")).await.expect(400);

    assert_eq!(field(&app.account("acme", id_of(&made)).await, "email"), "ada@example.com");
    let detail = "emails or userName must hold an e-mail address";
    assert_eq!(nameless, error(400, Some("invalidValue"), detail));
    assert_eq!(refused, error(400, Some("invalidValue"), "emails must hold an e-mail address"));
    assert_eq!(app.log("globex").await, Vec::<Value>::new());
}

#[tokio::test]
async fn popl_11_a_deactivated_profile_is_out_of_the_team_and_the_same_one_comes_back() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let id = id_of(&stored);
    let gone = Person { active: false, ..ada() };
    app.bind("acme", "popl", json!({ "team": "T9" })).await.expect(200);

    // By what Entra sends, `"False"`, and by what Okta does.
    entra_of(&acme).expect(&entra::update_user(id, &gone), &[200]).await.unwrap();
    let by_entra = standing(&app, id).await;
    let back = okta_of(&acme).expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap().body;
    let restored = standing(&app, id).await;
    okta_of(&acme).expect(&okta::update_user(&stored, &gone), &[200]).await.unwrap();

    let (left, member) = ((json!("left"), json!(false)), (json!("member"), json!(true)));
    assert_eq!((by_entra, restored), (left.clone(), member.clone()));
    assert_eq!(standing(&app, id).await, left);
    assert_eq!((&back["id"], &back["active"]), (&stored["id"], &json!(true)));
    let on = json!([{ "op": "Replace", "path": "active", "value": "True" }]);
    acme.operations(&format!("/Users/{id}"), on).await.expect(200);
    assert_eq!(standing(&app, id).await, member);
    assert_eq!(field(&app.account("acme", id).await, "team"), "T1", "the team that it left");
    assert_eq!(app.tasks("acme").await, Vec::<Value>::new(), "the account says it all");
}

#[tokio::test]
async fn popl_11_where_the_setting_says_so_a_deactivated_profile_stays() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "popl", json!({ "deactivation": "stays" })).await;
    let stored = ada_is_pushed(&acme).await;

    let gone = okta::update_user(&stored, &Person { active: false, ..ada() });
    let answer = okta_of(&acme).expect(&gone, &[200]).await.unwrap().body;

    assert_eq!(answer["active"], false);
    assert_eq!(standing(&app, id_of(&stored)).await, (json!("member"), json!(true)));
}

#[tokio::test]
async fn popl_12_a_second_push_of_the_same_user_name_makes_no_second_profile() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;

    let again = okta_of(&acme).send(&okta::create_user(&ada())).await.unwrap();

    assert_eq!(again.status, 409);
    assert_eq!(again.body, error(409, Some("uniqueness"), "userName is already in use"));
    assert_eq!(acme.get("/Users").await.expect(200)["Resources"], json!([stored]));
    assert_eq!(app.log("acme").await.len(), 1);
}
