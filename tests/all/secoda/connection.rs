use muster_idp::okta;
use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, ada_is_pushed, id_of, okta_of};

#[tokio::test]
async fn secoda_01_a_workspace_that_is_not_switched_on_gets_404_though_its_token_is_valid() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let off = app.tenant("globex").await;

    let refused = off.at(&acme.base).get("/Users").await;

    assert_eq!(refused.expect(404), error(404, None, "there is nothing at /api/v2/scim"));
    off.get("/Users").await.expect(200);
}

#[tokio::test]
async fn secoda_03_users_are_served_under_the_base_url() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    assert_eq!(acme.base, format!("{}/api/v2/scim", app.scim));

    let ada = ada_is_pushed(&acme).await;

    assert_eq!(ada["meta"]["location"], format!("{}/Users/{}", acme.base, id_of(&ada)));
    assert_eq!(acme.get(&format!("/Users/{}", id_of(&ada))).await.expect(200), ada);
}

#[tokio::test]
async fn secoda_04_a_token_that_was_pasted_with_the_word_bearer_opens_too() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    for header in [format!("Bearer {}", acme.token), format!("Bearer Bearer {}", acme.token)] {
        let test = acme.request(Method::GET, "/Users?startIndex=1&count=2").header("authorization", &header);
        acme.send(test).await.expect(200);
    }
}

#[tokio::test]
async fn secoda_05_a_lookup_by_user_name_finds_whose_address_it_is() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let user = json!({
        "schemas": [USER],
        "userName": "abyron",
        "emails": [
            { "value": "ada@home.example", "type": "home" },
            { "value": "ada@example.com", "type": "work", "primary": true },
        ],
        "active": true,
    });
    let ada = acme.post("/Users", user).await.expect(201);
    assert_eq!(ada["userName"], "abyron", "as it was sent");

    let found = okta.expect(&okta::find_user("Ada@Example.com"), &[200]).await.unwrap().body;

    assert_eq!((&found["totalResults"], &found["Resources"]), (&json!(1), &json!([ada])));
    for filter in [
        "userName eq \"abyron\"",
        "emails.value eq \"ada@example.com\"",
        "emails eq \"ADA@EXAMPLE.COM\"",
        "emails[type eq \"work\"].value eq \"ada@example.com\"",
    ] {
        assert_eq!(acme.ids("/Users", filter).await, [id_of(&ada)], "{filter}");
    }
    assert_eq!(
        acme.ids("/Users", "userName eq \"ada@home.example\"").await,
        Vec::<String>::new(),
        "not her identifier"
    );
    assert_eq!(acme.ids("/Users", "emails.value eq \"ada@home.example\"").await, [id_of(&ada)]);
}

#[tokio::test]
async fn secoda_05_an_address_belongs_to_one_user_under_whatever_name() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    ada_is_pushed(&acme).await;
    let emails = json!([{ "value": "ADA@example.com", "primary": true }]);

    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "abyron", "emails": emails })).await;

    let refused = refused.expect(409);
    assert_eq!((&refused["scimType"], &refused["status"]), (&json!("uniqueness"), &json!("409")));
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn secoda_05_a_user_without_any_address_is_refused() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(400);

    let detail = "emails or userName must hold an e-mail address";
    assert_eq!(refused, error(400, Some("invalidValue"), detail));
    assert_eq!((app.log("acme").await, app.tasks("acme").await), (Vec::<Value>::new(), Vec::<Value>::new()));
}

#[tokio::test]
async fn secoda_06_the_test_call_is_answered_though_import_is_not_offered() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let mut ids = Vec::new();
    for name in ["ada", "grace", "hedy"] {
        ids.push(acme.user(&format!("{name}@example.com")).await);
    }

    let test = okta_of(&acme).expect(&okta::test_connection(), &[200]).await.unwrap().body;

    let listed: Vec<&str> = test["Resources"].as_array().unwrap().iter().map(id_of).collect();
    assert_eq!((&test["totalResults"], listed.as_slice()), (&json!(3), &[ids[0].as_str(), ids[1].as_str()][..]));
}

#[tokio::test]
async fn a_whole_cycle_of_okta_ends_well_and_its_repetition_writes_nothing() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let (people, groups) = muster_idp::sample("acme.example", 5);

    let first = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();
    let written = app.log("acme").await.len();
    let again = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();

    assert_eq!((first.created, first.updated, first.groups), (5, 0, 3));
    assert_eq!((again.created, again.updated, again.groups), (0, 5, 3));
    assert_eq!(app.log("acme").await.len(), written, "the second cycle found everything as it should be");
    assert_eq!(app.tasks("acme").await.len(), 5, "an invitation each");
}
