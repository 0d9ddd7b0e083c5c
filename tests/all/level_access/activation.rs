use muster_idp::{Client, entra, okta};
use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, activated, ada, ada_is_pushed, entra_of, id_of, okta_of};
use crate::entra::everywhere;

#[tokio::test]
async fn level_access_01_without_single_sign_on_scim_is_not_activated_nor_by_anybody_else() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "level-access", json!({})).await;
    let sentence = "SCIM can be activated once single sign-on is configured";

    for config in [json!({ "activated": true }), json!({ "activated": true, "sso": "none" })] {
        let refused = app.bind("acme", "level-access", config).await;
        assert!(refused.text.contains(sentence), "{}", refused.text);
        refused.expect(400);
    }
    let ask = app.admin_request(Method::PUT, "/admin/v1/tenants/acme/binding").bearer_auth(&acme.token);
    acme.send(ask.body(json!({ "plugin": "level-access", "config": activated() }).to_string())).await.expect(401);

    acme.post("/Users", json!({ "schemas": [USER], "userName": "ada@example.com" })).await.expect(403);
    app.bind("acme", "level-access", activated()).await.expect(200);
    ada_is_pushed(&acme).await;
}

#[tokio::test]
async fn level_access_02_url_and_key_come_from_the_service_and_nothing_is_served_before_the_activation() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "level-access", json!({ "sso": "saml" })).await;
    let own = acme.at(&format!("{}/t/acme/scim/v2", app.scim));
    let user = || json!({ "schemas": [USER], "userName": "ada@example.com" });

    let before = own.post("/Users", user()).await;
    let keyless = own.send(own.request(Method::GET, "/Users")).await;
    let guessed = own.with_token("mst_0000").get("/Users").await;

    let inactive = || error(403, None, "SCIM is not activated for this organization");
    assert_eq!(before.expect(403), inactive());
    for path in ["/Users", "/Users/4d1c", "/Groups", "/ServiceProviderConfig", "/Schemas"] {
        assert_eq!(own.get(path).await.expect(403), inactive(), "{path}");
    }
    let refused = error(401, None, "The bearer token is missing or not valid");
    assert_eq!((keyless.expect(401), guessed.expect(401)), (refused.clone(), refused.clone()));
    assert_eq!(app.log("acme").await, Vec::<Value>::new());

    app.bind("acme", "level-access", activated()).await.expect(200);
    let made = own.post("/Users", user()).await.expect(201);
    // Each organization has a URL of its own, which no other's key opens.
    let globex = app.tenant_with("globex", "level-access", activated()).await;
    assert_eq!(own.with_token(&globex.token).get("/Users").await.expect(401), refused);
    assert_eq!(globex.at(&format!("{}/t/globex/scim/v2", app.scim)).get("/Users").await.expect(200), nothing_found());

    // Switched off again, nothing is removed either.
    app.bind("acme", "level-access", json!({ "sso": "saml" })).await.expect(200);
    own.delete(&format!("/Users/{}", id_of(&made))).await.expect(403);
    let off = json!([{ "op": "replace", "value": { "active": false } }]);
    own.operations(&format!("/Users/{}", id_of(&made)), off).await.expect(403);
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn level_access_03_okta_is_supported_with_saml_alone_and_entra_with_either() {
    let app = TestApp::start().await;
    app.tenant_with("acme", "level-access", json!({})).await;
    let config = |idp: &str, sso: &str| json!({ "activated": true, "idp": idp, "sso": sso });

    let refused = app.bind("acme", "level-access", config("okta", "oidc")).await;

    let sentence = "with Okta, SCIM can be activated for a SAML integration only";
    assert!(refused.text.contains(sentence), "{}", refused.text);
    refused.expect(400);
    for (idp, sso) in [("okta", "saml"), ("entra", "saml"), ("entra", "oidc")] {
        app.bind("acme", "level-access", config(idp, sso)).await.expect(200);
    }
    app.bind("acme", "level-access", config("google", "saml")).await.expect(400);
}

#[tokio::test]
async fn level_access_04_with_every_box_ticked_okta_looks_up_imports_and_pushes_without_an_error() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let (people, groups) = muster_idp::sample("acme.example", 7);

    let cycle = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();
    let users = acme.get("/Users?startIndex=1&count=100").await.expect(200);
    let behind = acme.get("/Users?startIndex=101&count=100").await.expect(200);
    let imported = acme.get("/Groups?startIndex=1&count=100").await.expect(200);

    assert_eq!((cycle.created, cycle.groups), (7, 3));
    assert_eq!((&users["totalResults"], &users["itemsPerPage"]), (&json!(7), &json!(7)));
    assert_eq!((&behind["totalResults"], &behind["Resources"]), (&json!(7), &json!([])));
    assert_eq!(imported["totalResults"], 3);
    for user in users["Resources"].as_array().unwrap() {
        // What an import cannot do without.
        for place in ["/id", "/userName", "/name/givenName", "/name/familyName", "/emails/0/value", "/active"] {
            assert!(user.pointer(place).is_some(), "{place} in {user}");
        }
    }
}

#[tokio::test]
async fn level_access_05_the_connector_is_configured_successfully() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let test = || acme.request(Method::GET, "/Users?startIndex=1&count=2");

    for value in [format!("Bearer {}", acme.token), acme.token.clone()] {
        assert_eq!(acme.send(test().header("authorization", value)).await.expect(200), nothing_found());
    }
    let wrong = Client::okta(&acme.base, "mst_0000").send(&okta::test_connection()).await.unwrap();
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn level_access_07_a_whole_cycle_of_entra_ends_well_and_its_repetition_writes_nothing() {
    let app = TestApp::start().await;
    let config = json!({ "activated": true, "sso": "oidc", "idp": "entra" });
    let acme = app.tenant_with("acme", "level-access", config).await;
    let entra = entra_of(&acme);
    let (people, _) = muster_idp::sample("acme.example", 7);
    assert_eq!(entra.expect(&entra::test_connection(), &[200]).await.unwrap().body, nothing_found());

    let first = muster_idp::sync::entra(&entra, &people, &[], |_| {}).await.unwrap();
    let again = muster_idp::sync::entra(&entra, &people, &[], |_| {}).await.unwrap();

    assert_eq!((first.created, again.updated), (7, 7));
    assert_eq!(app.log("acme").await.len(), 7);
    // Provision on demand: the probe, the lookup, and the user.
    entra.expect(&entra::test_connection(), &[200]).await.unwrap();
    entra.expect(&entra::find_user("ada@example.com"), &[200]).await.unwrap();
    let made = entra.expect(&entra::create_user(&ada()), &[201]).await.unwrap().body;
    acme.delete(&format!("/Users/{}", id_of(&made))).await.expect(204);
}

#[tokio::test]
async fn level_access_07_every_form_in_which_entra_sends_a_user_is_taken_and_the_account_follows() {
    let app = TestApp::start().await;
    let config = json!({ "activated": true, "sso": "oidc", "idp": "entra" });
    let acme = app.tenant_with("acme", "level-access", config).await;
    everywhere::every_form_is_taken(&app, &acme).await;
}
