//! What a vendor's plugin has not known from the beginning: settings that come later, users of another plugin, accounts made by hand. What the
//! product has at the end is the same as if it had known.

use muster_idp::okta;
use muster_test_harness::{TenantClient, wasm};
use serde_json::{Value, json};
use vendor_app::Product;

use super::applivery::COLLABORATORS;
use super::{Place, ada, id_of, okta_of, person, pushed, updated};
use crate::rollout::{begin, settled};

const MAILS: &str = "SELECT recipient FROM mails ORDER BY number";

/// The tenant gets another configuration, or another plugin, and all that is stored is mapped again.
async fn mapped_again(place: &Place, plugin: &str, config: &Value) {
    place.app.bind("acme", plugin, config.clone()).await.expect(200);
    let begun = begin(&place.app, "acme", json!({ "until": "remap" })).await;
    let done = settled(&place.app, "acme", &begun).await;
    assert_eq!(done["state"], "done", "{done}");
}

fn dashboard(group_roles: &Value) -> Value {
    json!({
        "dashboard": { "on_create": "create-collaborator", "role": "Viewer" }, "group_roles": group_roles,
    })
}

/// Ada and Grace, collaborators, and members of the group Engines; its path.
async fn engines(place: &Place, group_roles: &Value) -> (TenantClient, String) {
    let acme = place.acme(Product::Applivery, dashboard(group_roles)).await;
    let ada = pushed(&acme, &ada()).await;
    let grace = pushed(&acme, &person("Grace", "Murray")).await;
    let group = acme.group("Engines", &[id_of(&ada), id_of(&grace)]).await;
    (acme, format!("/Groups/{group}"))
}

#[tokio::test]
async fn applivery_04_members_of_a_group_that_is_mapped_later_have_its_role_from_then_on() {
    let place = Place::start().await;
    engines(&place, &json!({})).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Viewer"], &["grace@example.com", "Viewer"]]).await;

    mapped_again(&place, "applivery", &dashboard(&json!({ "ENGINES": "Admin" }))).await;

    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"], &["grace@example.com", "Admin"]]).await;
}

#[tokio::test]
async fn applivery_04_nobody_keeps_the_role_of_a_group_that_is_not_mapped_any_more() {
    let place = Place::start().await;
    let (acme, group) = engines(&place, &json!({ "Engines": "Admin" })).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"], &["grace@example.com", "Admin"]]).await;

    mapped_again(&place, "applivery", &dashboard(&json!({}))).await;

    place.until(COLLABORATORS, &[&["ada@example.com", "Viewer"], &["grace@example.com", "Viewer"]]).await;
    let lowered = place.at_rest().await.into_iter().rfind(|task| task["action"] == "group.set-role").unwrap();
    assert_eq!(lowered["destructive"], true, "the brake may hold it");
    acme.delete(&group).await.expect(204);
    place.at_rest().await;
    assert!(place.rows("SELECT * FROM applivery_memberships").is_empty());
}

#[tokio::test]
async fn applivery_04_who_is_deleted_has_no_role_of_a_group_any_more_though_the_collaborator_stays() {
    let place = Place::start().await;
    let (acme, _) = engines(&place, &json!({ "Engines": "Admin" })).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"], &["grace@example.com", "Admin"]]).await;

    let ada = okta_of(&acme).expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body;
    acme.delete(&format!("/Users/{}", id_of(&ada["Resources"][0]))).await.expect(204);

    place.until(COLLABORATORS, &[&["ada@example.com", "Viewer"], &["grace@example.com", "Admin"]]).await;
}

#[tokio::test]
async fn applivery_11_whoever_was_made_by_hand_is_a_collaborator_once_the_identity_provider_has_them() {
    let place = Place::start().await;
    let acme = place.acme(Product::Applivery, dashboard(&json!({}))).await;
    let by_hand = json!({ "userName": "ada@example.com" });
    let made = place.app.directory_send(reqwest::Method::POST, "/tenants/acme/accounts", by_hand).await.expect(201);
    place.at_rest().await;
    assert!(place.rows(COLLABORATORS).is_empty(), "nothing follows from an account that is made by hand");

    let stored = pushed(&acme, &ada()).await;

    assert_eq!(id_of(&stored), id_of(&made));
    place.until(COLLABORATORS, &[&["ada@example.com", "Viewer"]]).await;
}

#[tokio::test]
async fn applivery_11_whom_another_plugin_has_had_is_created_when_it_is_applivery() {
    let place = Place::start().await;
    let acme = place.acme(Product::Applivery, json!({})).await;
    place.app.push(wasm::plugin("standard")).await;
    mapped_again(&place, "standard", &json!({})).await;
    acme.user("ada@example.com").await;

    mapped_again(&place, "applivery", &dashboard(&json!({}))).await;

    place.until(COLLABORATORS, &[&["ada@example.com", "Viewer"]]).await;
}

/// The setting is switched on after the user came, and the next update is of something else.
#[tokio::test]
async fn secoda_15_who_came_disabled_is_invited_once_when_the_setting_is_switched_on_later() {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    let gone = muster_idp::Person { active: false, ..ada() };
    let stored = pushed(&acme, &gone).await;
    place.at_rest().await;
    assert!(place.rows(MAILS).is_empty());

    place.app.bind("acme", "secoda", json!({ "invite_disabled_users": true })).await.expect(200);
    let renamed = muster_idp::Person { family: "Lovelace".to_owned(), ..gone };
    updated(&acme, &stored, &renamed).await;
    place.until(MAILS, &[&["ada@example.com"]]).await;
    updated(&acme, &stored, &muster_idp::Person { active: true, ..renamed }).await;

    place.at_rest().await;
    assert_eq!(place.rows(MAILS), [["ada@example.com"]]);
}

#[tokio::test]
async fn secoda_07_whom_another_plugin_has_had_is_invited_when_it_is_secoda() {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    place.app.push(wasm::plugin("standard")).await;
    mapped_again(&place, "standard", &json!({})).await;
    // The base path is the plugin's.
    acme.at(&format!("{}/scim/v2", place.app.scim)).user("ada@example.com").await;

    mapped_again(&place, "secoda", &json!({})).await;

    place.until(MAILS, &[&["ada@example.com"]]).await;
}
