use muster_idp::{Client, entra, okta};
use muster_test_harness::TestApp;
use muster_test_harness::messages::{error, nothing_found};
use reqwest::Method;
use serde_json::json;

use super::{acme, ada, ada_is_pushed, entra_of, id_of, okta_of};
use crate::entra::everywhere;

#[tokio::test]
async fn popl_01_the_base_url_is_one_for_okta_and_entra_and_has_no_version() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    assert_eq!(acme.base, format!("{}/api/external/scim", app.scim));
    let ada = ada_is_pushed(&acme).await;

    let by_entra = entra_of(&acme).expect(&entra::find_user("ada@example.com"), &[200]).await.unwrap().body;

    assert_eq!(by_entra["Resources"], json!([ada]));
    assert_eq!(ada["meta"]["location"], format!("{}/Users/{}", acme.base, id_of(&ada)));
    let versioned = acme.get("/v2/Users").await;
    assert_eq!(versioned.header("content-type"), "application/scim+json");
    assert_eq!(versioned.expect(404), error(404, None, "there is nothing at /v2"));
}

#[tokio::test]
async fn popl_02_nobody_makes_a_token_but_whoever_has_the_admin_key() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ask = app.admin_request(Method::POST, "/admin/v1/tenants/acme/tokens");

    let nobody = acme.send(ask.try_clone().unwrap()).await;
    let customer = acme.send(ask.bearer_auth(&acme.token)).await;

    nobody.expect(401);
    customer.expect(401);
    acme.post("/tokens", json!({})).await.expect(404);
    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 1, "the one that the tenant began with");
}

#[tokio::test]
async fn popl_03_the_token_arrives_with_and_without_the_word_bearer() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let test_call = || acme.request(Method::GET, "/Users?startIndex=1&count=2");

    for value in [format!("Bearer {}", acme.token), acme.token.clone()] {
        let answer = acme.send(test_call().header("authorization", value)).await;
        assert_eq!(answer.expect(200), nothing_found());
    }
}

#[tokio::test]
async fn popl_04_both_connection_tests_succeed_with_the_token_and_fail_with_a_wrong_one() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    ada_is_pushed(&acme).await;
    let refused = error(401, None, "The bearer token is missing or not valid");

    let of_okta = okta_of(&acme).expect(&okta::test_connection(), &[200]).await.unwrap().body;
    let of_entra = entra_of(&acme).expect(&entra::test_connection(), &[200]).await.unwrap().body;

    assert_eq!(of_okta["totalResults"], 1);
    assert_eq!(of_entra, nothing_found());
    for (wrong, test) in [
        (Client::okta(&acme.base, "mst_0000"), okta::test_connection()),
        (Client::entra(&acme.base, "mst_0000"), entra::test_connection()),
    ] {
        let answer = wrong.send(&test).await.unwrap();
        assert_eq!((answer.status, answer.body), (401, refused.clone()));
    }
}

#[tokio::test]
async fn popl_05_any_vendor_that_follows_the_standard_is_served_the_same() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    ada_is_pushed(&acme).await;
    let ask = |agent: &str| {
        let request = acme.request(Method::GET, "/Users").bearer_auth(&acme.token);
        acme.send(request.header("user-agent", agent))
    };

    let of_okta = ask("Okta SCIM Client 1.0.0").await.expect(200);

    for agent in ["Microsoft Azure AD SCIM provisioning", "Somebody's own client/0.1", ""] {
        assert_eq!(ask(agent).await.expect(200), of_okta, "{agent}");
    }
    let body = json!({ "schemas": [muster_test_harness::USER], "userName": "grace@example.com" });
    let posted = acme.request(Method::POST, "/Users").bearer_auth(&acme.token).header("user-agent", "");
    acme.send(posted.header("content-type", "application/json").body(body.to_string())).await.expect(201);
}

#[tokio::test]
async fn popl_06_users_are_matched_on_user_name() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    assert_eq!(okta.expect(&okta::find_user(&ada().email), &[200]).await.unwrap().body, nothing_found());

    let ada = ada_is_pushed(&acme).await;

    for name in ["ada@example.com", "ADA@Example.com"] {
        let found = okta.expect(&okta::find_user(name), &[200]).await.unwrap().body;
        assert_eq!((&found["totalResults"], &found["Resources"]), (&json!(1), &json!([ada])), "{name}");
    }
}

#[tokio::test]
async fn popl_16_a_whole_cycle_of_entra_without_groups_meets_no_refusal_and_its_repetition_writes_nothing() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "popl", json!({ "groups": "disabled" })).await;
    let entra = entra_of(&acme);
    let (people, _) = muster_idp::sample("acme.example", 12);

    let first = muster_idp::sync::entra(&entra, &people, &[], |_| {}).await.unwrap();
    let written = app.log("acme").await.len();
    let again = muster_idp::sync::entra(&entra, &people, &[], |_| {}).await.unwrap();

    assert_eq!((first.created, first.updated), (12, 0));
    assert_eq!((again.created, again.updated), (0, 12));
    assert_eq!((written, app.log("acme").await.len()), (12, 12));
    // EN-07: disabled, restored, and deleted for good.
    let gone = muster_idp::Person { active: false, ..people[0].clone() };
    let id = acme.ids("/Users", &format!("userName eq \"{}\"", gone.email)).await.pop().unwrap();
    entra.expect(&entra::update_user(&id, &gone), &[200]).await.unwrap();
    let found = entra.expect(&entra::find_user(&gone.email), &[200]).await.unwrap().body;
    assert_eq!((&found["totalResults"], &found["Resources"][0]["active"]), (&json!(1), &json!(false)));
    entra.expect(&entra::update_user(&id, &people[0]), &[200]).await.unwrap();
    assert_eq!(acme.get(&format!("/Users/{id}")).await.expect(200)["active"], true);
    acme.delete(&format!("/Users/{id}")).await.expect(204);
    assert_eq!(entra.expect(&entra::find_user(&gone.email), &[200]).await.unwrap().body, nothing_found());
}

#[tokio::test]
async fn popl_16_every_form_in_which_entra_sends_a_user_is_taken_and_the_profile_follows() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "popl", json!({ "groups": "disabled" })).await;
    everywhere::every_form_is_taken(&app, &acme).await;
}
