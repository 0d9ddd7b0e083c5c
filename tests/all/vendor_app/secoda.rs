use std::collections::BTreeSet;

use muster_idp::{Group, Person, okta};
use muster_test_harness::TenantClient;
use muster_test_harness::messages::error;
use serde_json::{Value, json};
use vendor_app::Product;

use super::keys::with;
use super::{Place, ada, id_of, okta_of, pushed, updated};

const MAILS: &str = "SELECT recipient, subject FROM mails ORDER BY recipient";

#[tokio::test]
async fn secoda_07_the_invitation_is_a_mail_that_is_sent_once() {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;

    let stored = pushed(&acme, &ada()).await;

    place.until(MAILS, &[&["ada@example.com", "You are invited to Secoda"]]).await;
    place.until("SELECT name, state, is_listed FROM secoda_members", &[&["Ada Byron", "invited", "0"]]).await;
    for task in place.at_rest().await {
        assert_eq!(task["standing"], "done", "{task}");
    }
    let (members, with_invited) = (place.page("").await, place.page("?invited=1").await);
    let button = format!("/secoda/{}/signed-in", id_of(&stored));
    assert!(!members.contains(&button), "the list hides the invited");
    assert!(with_invited.contains(&button) && with_invited.contains("ada@example.com"));
}

#[tokio::test]
async fn secoda_07_each_is_invited_once_though_answers_are_lost_and_the_server_is_stopped() {
    const USERS: usize = 12;
    let mut place = Place::that_loses(3).await;
    let mut acme = place.acme(Product::Secoda, json!({})).await;
    for number in 0..USERS {
        let somebody = Person { email: format!("user{number:02}@example.com"), ..ada() };
        let somebody = Person { key: format!("00u{number}"), ..somebody };
        let stored = pushed(&acme, &somebody).await;
        okta_of(&acme).expect(&okta::create_user(&somebody), &[409]).await.unwrap();
        updated(&acme, &stored, &Person { family: "Lovelace".to_owned(), ..somebody }).await;
        if number % 5 == 2 {
            let Place { app, product, passed_s, _folder } = place;
            place = Place { app: app.restart().await, product, passed_s, _folder };
            acme = place.app.client("/api/v2/scim", &acme.token);
        }
    }

    let sums = "SELECT count(*), count(DISTINCT recipient) FROM mails";
    let all = USERS.to_string();
    place.until(sums, &[&[&all, &all]]).await;
    place.until("SELECT count(*) FROM secoda_members WHERE name = 'Ada Lovelace'", &[&[&all]]).await;
    let tasks = place.at_rest().await;
    for task in &tasks {
        assert_eq!(task["standing"], "done", "{task}");
    }
    assert_eq!(place.rows(sums), [[all.clone(), all]]);
    // The product takes each invitation once: that it was asked for once is seen by the tasks alone.
    let of_plugin: Vec<&Value> = tasks.iter().filter(|task| task["queue"] == "plugin").collect();
    assert!(of_plugin.iter().all(|task| task["action"] == "send-invitation"), "{of_plugin:?}");
    let invited: BTreeSet<&str> = of_plugin.iter().map(|task| id_of(task)).collect();
    assert_eq!((of_plugin.len(), invited.len()), (USERS, USERS), "{of_plugin:?}");
}

#[tokio::test]
async fn secoda_01_scim_is_switched_on_by_the_vendor_for_a_workspace_with_the_enterprise_plan_and_single_sign_on() {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({ "enabled": false })).await;
    let sofia = place.signed_in("support/secoda", "sofia").await;
    let alma = place.signed_in("settings/secoda", "alma").await;
    let off = error(403, None, "SCIM is not enabled for this workspace");
    sofia.post("plan/off").await.expect(303);
    alma.post("single-sign-on/off").await.expect(303);

    let key = alma.makes_a_key().await;
    let scim = with(&acme, &key);
    let members = async || place.members(&key.1).await;
    assert_eq!(members().await, (200, json!({ "members": [] })), "the key is valid: the product's API knows it");
    assert_eq!(scim.get("/Users").await.expect(403), off);

    let refused = sofia.post("scim/on").await.expect(409);
    assert!(refused.contains("the workspace has to have the Enterprise plan first"), "{refused}");
    sofia.post("plan/on").await.expect(303);
    let refused = sofia.post("scim/on").await.expect(409);
    assert!(refused.contains("single sign-on (SAML) has to be configured first"), "{refused}");
    alma.post("single-sign-on/on").await.expect(303);
    assert_eq!(scim.get("/Users").await.expect(403), off, "nobody has asked for it yet");
    for what in ["plan/on", "scim/on"] {
        alma.post(what).await.expect(404);
        place.signed_in("support/secoda", "alma").await.post(what).await.expect(403);
        place.stranger("support/secoda").post(what).await.expect(401);
    }
    assert!(!alma.look().await.contains("secoda/scim/") && sofia.look().await.contains("support/secoda/scim/on"));
    assert_eq!(scim.get("/Users").await.expect(403), off);

    sofia.post("scim/on").await.expect(303);
    let stored = pushed(&scim, &ada()).await;
    place.until("SELECT id FROM secoda_members", &[&[id_of(&stored)]]).await;

    // Without either it is off, and does not come on again by itself.
    for (by, what) in [(&sofia, "plan"), (&alma, "single-sign-on")] {
        by.post(&format!("{what}/off")).await.expect(303);
        assert_eq!(scim.get("/Users").await.expect(403), off, "{what}");
        by.post(&format!("{what}/on")).await.expect(303);
        assert_eq!(scim.get("/Users").await.expect(403), off, "{what}");
        sofia.post("scim/on").await.expect(303);
        scim.get("/Users").await.expect(200);
    }
    assert_eq!(members().await.0, 200, "and the product's API was open all the time");
    place.signed_in("settings/secoda", "sofia").await.post("keys").await.expect(403);
}

#[tokio::test]
async fn secoda_15_who_is_created_disabled_has_no_mail_before_being_activated() {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    let disabled = Person { active: false, ..ada() };

    let stored = pushed(&acme, &disabled).await;
    place.until("SELECT state FROM secoda_members", &[&["disabled"]]).await;
    place.at_rest().await;
    assert!(place.rows(MAILS).is_empty());
    updated(&acme, &stored, &ada()).await;

    place.until(MAILS, &[&["ada@example.com", "You are invited to Secoda"]]).await;
    updated(&acme, &stored, &disabled).await;
    place.until("SELECT is_enabled FROM secoda_access", &[&["0"]]).await;
    updated(&acme, &stored, &ada()).await;
    place.until("SELECT is_enabled FROM secoda_access", &[&["1"]]).await;
    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);
    place.until("SELECT id FROM secoda_members UNION SELECT member FROM secoda_access", &[]).await;
    assert_eq!(place.rows("SELECT count(*) FROM mails"), [["1"]], "and no second one");
}

#[tokio::test]
async fn secoda_20_the_products_groups_leave_out_who_has_not_signed_in_until_then() {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    let stored = pushed(&acme, &ada()).await;

    let engines = acme.group("Engines", &[id_of(&stored)]).await;

    let memberships = "SELECT g.name, m.email FROM secoda_groups g JOIN secoda_memberships s ON s.group_id = g.id
                       JOIN secoda_members m ON m.id = s.member";
    place.until(memberships, &[&["Engines", "ada@example.com"]]).await;
    let page = place.page("").await;
    assert!(page.contains("<td>Engines</td><td></td>"), "the membership is kept, and not shown: {page}");
    place.click(&format!("/secoda/{}/signed-in", id_of(&stored))).await;
    place.until("SELECT is_listed FROM secoda_members", &[&["1"]]).await;
    assert!(place.page("").await.contains("<td>Engines</td><td>Ada Byron</td>"), "without another push");
    acme.delete(&format!("/Groups/{engines}")).await.expect(204);
    place.until("SELECT group_id FROM secoda_memberships", &[]).await;
    assert_eq!(place.rows("SELECT count(*) FROM secoda_members"), [["1"]]);
}

#[tokio::test]
async fn secoda_11_the_first_sign_in_at_the_product_makes_a_member_under_the_same_id() {
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    let members = "SELECT id, state, is_listed FROM secoda_members";
    place.until(members, &[&[id_of(&stored), "invited", "0"]]).await;

    place.click(&format!("/secoda/{}/signed-in", id_of(&stored))).await;

    place.until(members, &[&[id_of(&stored), "active", "1"]]).await;
    assert!(place.page("").await.contains("<td>Ada Byron</td>"), "and the list of members shows her");
}

/// Ada, who has signed in.
async fn ada_has_signed_in(place: &Place, acme: &TenantClient) -> Value {
    let stored = pushed(acme, &ada()).await;
    place.until("SELECT state FROM secoda_members", &[&["invited"]]).await;
    place.click(&format!("/secoda/{}/signed-in", id_of(&stored))).await;
    place.until("SELECT state, is_listed FROM secoda_members", &[&["active", "1"]]).await;
    stored
}

fn group(name: &str) -> Group {
    Group { key: "00g1".to_owned(), name: name.to_owned(), members: vec!["ada@example.com".to_owned()] }
}

#[tokio::test]
async fn secoda_18_a_pushed_group_is_one_of_the_groups_tab_through_a_second_push_a_rename_and_push_now() {
    const GROUPS: &str = "SELECT id, name FROM secoda_groups ORDER BY name";
    const MEMBERSHIPS: &str = "SELECT group_id, member FROM secoda_memberships";
    // Each second answer is lost, so that the product is told most things twice.
    let place = Place::that_loses(2).await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    let okta = okta_of(&acme);
    let ada = ada_has_signed_in(&place, &acme).await;
    let members = [(id_of(&ada).to_owned(), "ada@example.com".to_owned())];

    let made = okta.expect(&okta::create_group(&group("Engines")), &[201]).await.unwrap().body;
    let id = id_of(&made);
    let push = async |name: &str| {
        okta.expect(&okta::push_group(id, &group(name), &members), &[200]).await.unwrap();
    };
    push("Engines").await;
    place.until(MEMBERSHIPS, &[&[id, id_of(&ada)]]).await;
    // Pushed again: by who does not look first, and by who does and finds it.
    okta.expect(&okta::create_group(&group("Engines")), &[409]).await.unwrap();
    let found = okta.expect(&okta::find_group("Engines"), &[200]).await.unwrap().body;
    assert_eq!((&found["totalResults"], id_of(&found["Resources"][0])), (&json!(1), id));
    push("Engines").await;
    place.at_rest().await;
    assert_eq!(place.rows(GROUPS), [[id, "Engines"]]);

    let rename = json!([{ "op": "replace", "value": { "id": id, "displayName": "Engines EMEA" } }]);
    acme.operations(&format!("/Groups/{id}"), rename).await.expect(200);
    place.until(GROUPS, &[&[id, "Engines EMEA"]]).await;
    // Push Now: the whole group, as it is.
    push("Engines EMEA").await;
    okta.expect(&okta::create_group(&group("Engines EMEA")), &[409]).await.unwrap();
    place.at_rest().await;
    assert_eq!(
        (place.rows(GROUPS), place.rows(MEMBERSHIPS)),
        (vec![vec![id.to_owned(), "Engines EMEA".to_owned()]], vec![vec![id.to_owned(), id_of(&ada).to_owned()]],)
    );
    let page = place.page("").await;
    assert_eq!(page.matches("<td>Engines EMEA</td><td>Ada Byron</td>").count(), 1, "{page}");
    assert!(page.contains("Groups <small>1</small>"), "{page}");

    // Another that takes the name which the first one had is another.
    let second = okta.expect(&okta::create_group(&group("Engines")), &[201]).await.unwrap().body;
    place.until(GROUPS, &[&[id_of(&second), "Engines"], &[id, "Engines EMEA"]]).await;
}

#[tokio::test]
async fn secoda_22_the_products_pages_show_a_disabled_member_or_not_as_the_setting_says_and_again_when_back() {
    for (config, is_shown) in [(json!({}), true), (json!({ "list_disabled_users": false }), false)] {
        let place = Place::start().await;
        let acme = place.acme(Product::Secoda, config).await;
        let okta = okta_of(&acme);
        let stored = ada_has_signed_in(&place, &acme).await;
        let engines = okta.expect(&okta::create_group(&group("Engines")), &[201]).await.unwrap().body;
        let members = [(id_of(&stored).to_owned(), "ada@example.com".to_owned())];
        okta.expect(&okta::push_group(id_of(&engines), &group("Engines"), &members), &[200]).await.unwrap();
        place.until("SELECT count(*) FROM secoda_memberships", &[&["1"]]).await;
        // The lists of members and of groups, each with Ada or without.
        let shown = async |state: &str, may: &str| {
            place.until("SELECT state FROM secoda_members", &[&[state]]).await;
            place.at_rest().await;
            let page = place.page("").await;
            let badge = format!("<td><span class=\"badge\">{state}</span></td><td>{may}</td>");
            let listed = page.contains(&format!("<td>Ada Byron</td><td>ada@example.com</td>{badge}"));
            let empty = page.contains("<td>Engines</td><td></td>");
            (listed, page.contains("<td>Engines</td><td>Ada Byron</td>"), empty)
        };
        assert_eq!(shown("active", "yes").await, (true, true, false));

        updated(&acme, &stored, &Person { active: false, ..ada() }).await;
        assert_eq!(shown("disabled", "no").await, (is_shown, is_shown, !is_shown), "{is_shown}");
        assert_eq!(place.rows("SELECT member FROM secoda_memberships"), [[id_of(&stored)]], "kept either way");
        updated(&acme, &stored, &ada()).await;

        assert_eq!(shown("active", "yes").await, (true, true, false), "without another push of the group");
    }
}

#[tokio::test]
async fn secoda_12_who_came_back_before_the_removal_was_heard_may_sign_in() {
    const MAY: &str = "SELECT m.state, coalesce(a.is_enabled, 1) FROM secoda_members m
                       LEFT JOIN secoda_access a ON a.member = m.id";
    let place = Place::start().await;
    let acme = place.acme(Product::Secoda, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    place.until(MAY, &[&["invited", "1"]]).await;
    place.click(&format!("/secoda/{}/signed-in", id_of(&stored))).await;
    place.until(MAY, &[&["active", "1"]]).await;

    place.away_while_deleted_and_back(&acme, Product::Secoda, &stored).await;

    assert_eq!(place.rows(MAY), [["active", "1"]]);
    assert_eq!(place.rows("SELECT count(*) FROM secoda_invitations"), [["1"]], "and is not invited once more");
}
