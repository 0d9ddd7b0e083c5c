use muster_idp::{Person, okta};
use serde_json::json;
use vendor_app::Product;

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
    for task in place.at_rest().await {
        assert_eq!(task["standing"], "done", "{task}");
    }
    assert_eq!(place.rows(sums), [[all.clone(), all]]);
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
