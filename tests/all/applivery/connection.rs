use std::collections::BTreeSet;

use muster_idp::{Client, okta};
use muster_test_harness::TestApp;
use muster_test_harness::messages::error;
use serde_json::{Value, json};

use super::{Product, acme_of, ada, ada_is_pushed, at_rest, details, id_of, okta_of, tenant};

#[tokio::test]
async fn applivery_01_one_url_and_token_serve_all_audiences_or_each_has_its_own() {
    let product = Product::start().await;
    let (app, acme) = acme_of(
        &product,
        json!({ "store": { "on_create": "create-employee" }, "mdm": { "on_create": "create-employee" } }),
    )
    .await;
    assert_eq!(acme.base, format!("{}/scim/v2", app.scim));
    let mdm = tenant(&app, "acme-mdm", json!({ "mdm": { "on_create": "create-employee" } })).await;

    let stored = ada_is_pushed(&acme).await;
    at_rest(&app).await;
    let both = product.lines();
    let apart = ada_is_pushed(&mdm).await;
    product.hears(id_of(&apart)).await;

    assert_eq!(both, ["store", "mdm"].map(|audience| format!("PUT /v1/{audience}/employees/{}", id_of(&stored))));
    assert_eq!(product.lines()[2..], [format!("PUT /v1/mdm/employees/{}", id_of(&apart))]);
    assert_ne!(acme.token, mdm.token);
}

#[tokio::test]
async fn applivery_02_the_test_of_the_credentials_succeeds_with_the_token_alone() {
    let app = TestApp::start().await;
    let acme = tenant(&app, "acme", json!({})).await;
    ada_is_pushed(&acme).await;

    let right = okta_of(&acme).expect(&okta::test_connection(), &[200]).await.unwrap().body;
    let wrong = Client::okta(&acme.base, "mst_0000").send(&okta::test_connection()).await.unwrap();

    assert_eq!((&right["totalResults"], &right["itemsPerPage"]), (&json!(1), &json!(1)));
    assert_eq!((wrong.status, wrong.body), (401, error(401, None, "The bearer token is missing or not valid")));
}

#[tokio::test]
async fn applivery_03_okta_creates_updates_and_deactivates_users_and_assigns_its_groups() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, json!({ "store": { "on_create": "create-employee" } })).await;
    let (mut people, groups) = muster_idp::sample("acme.example", 5);

    let first = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();
    at_rest(&app).await;
    let (written, asked) = (app.log("acme").await.len(), product.heard().len());
    let again = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();

    assert_eq!((first.created, first.updated, first.groups), (5, 0, 3));
    assert_eq!((again.created, again.updated, again.groups), (0, 5, 3));
    assert_eq!(
        (app.log("acme").await.len(), app.tasks("acme").await.len()),
        (written, 5),
        "the repetition changes nothing"
    );
    assert_eq!((asked, product.heard().len()), (5, 5));

    people[1].family = "Hopper".to_owned();
    people[2].given = "Edgar".to_owned();
    let changed = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();
    at_rest(&app).await;
    assert_eq!((changed.created, changed.updated, changed.groups), (0, 5, 3));
    assert_eq!(app.log("acme").await.len(), written + 2, "of five PUTs two change something");
    // Tasks of two users have no order.
    let told: BTreeSet<String> =
        product.effects()[5..].iter().map(|call| call.body["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, [people[1].display_name(), people[2].display_name()].into());
    assert!(product.lines()[5..].iter().all(|line| line.starts_with("PATCH /v1/store/employees/")));
    for person in &people[1..3] {
        let found = okta_of(&acme).expect(&okta::find_user(&person.email), &[200]).await.unwrap().body;
        assert_eq!(found["Resources"][0]["displayName"], person.display_name());
        assert_eq!(found["Resources"][0]["name"]["familyName"], person.family);
    }
    let found = okta_of(&acme).expect(&okta::find_user(&people[0].email), &[200]).await.unwrap().body;
    let gone = muster_idp::Person { active: false, ..people[0].clone() };
    let gone = okta::update_user(&found["Resources"][0], &gone);
    assert_eq!(okta_of(&acme).expect(&gone, &[200]).await.unwrap().body["active"], false);
}

#[tokio::test]
async fn applivery_05_users_and_groups_are_served() {
    let app = TestApp::start().await;
    let acme = tenant(&app, "acme", json!({})).await;

    let types = acme.get("/ResourceTypes").await.expect(200);

    let types: Vec<&Value> = types["Resources"].as_array().unwrap().iter().map(|kind| &kind["id"]).collect();
    assert_eq!(types, ["User", "Group"]);
    let group = acme.group("Engines", &[]).await;
    acme.get(&format!("/Groups/{group}")).await.expect(200);
    acme.delete(&format!("/Groups/{group}")).await.expect(204);
    let user = acme.user("ada@example.com").await;
    acme.delete(&format!("/Users/{user}")).await.expect(204);
}

#[tokio::test]
async fn the_product_is_asked_with_its_secret_and_by_a_key_of_tenant_and_task() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, json!({ "store": { "on_create": "create-employee" } })).await;

    let stored = ada_is_pushed(&acme).await;
    let tasks = at_rest(&app).await;

    let [call] = &product.heard()[..] else { panic!("{:?}", product.heard()) };
    assert_eq!(call.line, format!("PUT /v1/store/employees/{}", id_of(&stored)));
    let (key, hash) = call.key.rsplit_once('-').unwrap();
    assert_eq!((key, call.authorization.as_str()), ("acme/task-1", "Bearer the-key-of-acme"));
    assert_eq!(hash.len(), 16, "a task that has the number in a restored store has another key");
    assert_eq!(call.body, details());
    assert_eq!(tasks[0]["standing"], "done");
    assert!(!format!("{tasks:?}").contains("the-key-of-acme"));
    assert_eq!(ada().email, call.body["email"]);
}
