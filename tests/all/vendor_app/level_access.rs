//! Level Access, with its page: what an administrator does there, what Muster allows of it, and what identity providers leave alone.

use muster_idp::{Group, Person, entra, okta};
use muster_test_harness::TenantClient;
use muster_test_harness::messages::{error, nothing_found};
use reqwest::Method;
use serde_json::{Value, json};
use vendor_app::Product;

use super::{Place, ada, id_of, okta_of, pushed, updated};
use crate::ada::{entra_of, person};
use crate::level_access::{cycle_of_entra, cycle_of_okta};

/// Everybody whom the product has: name, state, user group, and whether by hand.
const USERS: &str = "SELECT coalesce(u.name, ''), u.state, coalesce(a.user_group, ''), u.id IN (SELECT id FROM level_access_by_hand)
                     FROM level_access_users u LEFT JOIN level_access_assignments a ON a.member = u.id ORDER BY u.email";

/// What Muster's directory says to whoever is not an identity provider.
const OF_SCIM: &str =
    "Muster says no: this account is managed by SCIM: only the identity provider changes or removes it.";

/// What an identity provider is told of an account by hand.
const BY_HAND: &str = "an account that is managed by hand has one of these names; SCIM does not take it over";

async fn acme(place: &Place) -> TenantClient {
    with(place, json!({})).await
}

/// The organization, with other settings than it would have.
async fn with(place: &Place, settings: Value) -> TenantClient {
    let mut config = json!({ "activated": true, "sso": "saml" });
    config.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    place.acme(Product::LevelAccess, config).await
}

impl Place {
    /// An administrator does something to a user; the page that follows.
    async fn administers(&self, id: &str, what: &str, typed: &str) -> String {
        let url = format!("http://{}/level-access/{id}/{what}", self.product.page);
        let typed = format!("text={}", typed.replace('@', "%40").replace(' ', "+"));
        let answer = reqwest::Client::new().post(url).body(typed).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    /// An administrator makes Ada's account; its id.
    async fn ada_is_made_by_hand(&self) -> String {
        let page = self.administers("new", "make", "ada@example.com").await;
        assert!(page.contains("Muster has the user, as one that is managed by hand."), "{page}");
        self.rows("SELECT id FROM level_access_by_hand").concat().concat()
    }

    /// A user as the row of the page's table under this title has it; `None`: it is not there.
    async fn row_under(&self, title: &str, id: &str) -> Option<String> {
        let page = self.page("").await;
        let (_, section) = page.split_once("<section id=\"level-access\">").unwrap();
        let (_, table) = section.split_once(&format!("<h3>{title} ")).unwrap();
        let (table, _) = table.split_once("</article>").unwrap();
        let row = table.split("<tr>").find(|row| row.contains(&format!("/level-access/{id}/remove")))?;
        Some(row.to_owned())
    }

    /// The account as Muster's directory has it.
    async fn account(&self, id: &str) -> Value {
        self.app.directory_get(&format!("/tenants/acme/accounts/{id}")).await.expect(200)
    }
}

#[tokio::test]
async fn level_access_08_the_products_page_has_a_new_user_among_the_unassigned() {
    let place = Place::start().await;
    let acme = acme(&place).await;

    let stored = pushed(&acme, &ada()).await;

    place.until(USERS, &[&["Ada Byron", "unassigned", "", "0"]]).await;
    let row = place.row_under("Unassigned users", id_of(&stored)).await.unwrap();
    assert!(row.contains(&format!("/level-access/{}/assign", id_of(&stored))), "{row}");
    assert_eq!(place.row_under("Auditors", id_of(&stored)).await, None);
}

#[tokio::test]
async fn level_access_09_no_push_undoes_what_an_administrator_assigns_in_the_product() {
    let place = Place::start().await;
    let acme = acme(&place).await;
    let stored = pushed(&acme, &ada()).await;
    let id = id_of(&stored);
    place.until(USERS, &[&["Ada Byron", "unassigned", "", "0"]]).await;

    let page = place.administers(id, "assign", "").await;

    assert!(page.contains("Muster was told: groups-assigned."), "{page}");
    assert_eq!(place.account(id).await["state"], "assigned");
    place.until(USERS, &[&["Ada Byron", "assigned", "Auditors", "0"]]).await;
    // Whatever the identity providers send, whether it changes anything or not.
    let lovelace = Person { family: "Lovelace".to_owned(), ..ada() };
    acme.group("Everybody", &[id]).await;
    updated(&acme, &stored, &ada()).await;
    updated(&acme, &stored, &lovelace).await;
    entra_of(&acme)
        .expect(&entra::update_user(id, &Person { given: "Augusta".to_owned(), ..lovelace }), &[200])
        .await
        .unwrap();
    assert_eq!(cycle_of_okta(&okta_of(&acme), &[ada()]).await, []);
    let last = Person { family: "King".to_owned(), ..ada() };
    assert_eq!(cycle_of_entra(&entra_of(&acme), &[last]).await, []);

    place.until(USERS, &[&["Ada King", "assigned", "Auditors", "0"]]).await;
    assert_eq!(place.account(id).await["state"], "assigned");
    assert!(place.row_under("Auditors", id).await.is_some());
    let page = place.administers(id, "take-out", "").await;
    assert!(page.contains("Muster was told: groups-removed."), "{page}");
    place.until(USERS, &[&["Ada King", "unassigned", "", "0"]]).await;
    assert_eq!(place.account(id).await["state"], "unassigned");
}

#[tokio::test]
async fn level_access_10_the_products_remove_is_refused_for_a_user_of_scim_who_stays() {
    let place = Place::start().await;
    let acme = acme(&place).await;
    let stored = pushed(&acme, &ada()).await;
    let id = id_of(&stored);
    place.until(USERS, &[&["Ada Byron", "unassigned", "", "0"]]).await;
    let (shown, account) = (place.row_under("Unassigned users", id).await.unwrap(), place.account(id).await);

    let page = place.administers(id, "remove", "").await;

    assert!(page.contains(OF_SCIM), "{page}");
    place.at_rest().await;
    assert_eq!(place.row_under("Unassigned users", id).await.unwrap(), shown);
    assert_eq!(place.account(id).await, account);
    assert_eq!(acme.get(&format!("/Users/{id}")).await.expect(200), stored);
}

#[tokio::test]
async fn level_access_11_the_product_neither_deactivates_nor_renames_a_user_of_scim_and_the_identity_provider_ends_it()
{
    let place = Place::start().await;
    let acme = acme(&place).await;
    let stored = pushed(&acme, &ada()).await;
    let id = id_of(&stored);
    place.until(USERS, &[&["Ada Byron", "unassigned", "", "0"]]).await;

    for (what, typed) in [("deactivate", ""), ("activate", ""), ("rename", "Countess"), ("remove", "")] {
        let page = place.administers(id, what, typed).await;
        assert!(page.contains(OF_SCIM), "{what}: {page}");
    }
    place.at_rest().await;
    assert_eq!(place.rows(USERS), [["Ada Byron", "unassigned", "", "0"]]);

    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    place.until(USERS, &[&["Ada Byron", "inactive", "", "0"]]).await;
    acme.delete(&format!("/Users/{id}")).await.expect(204);
    place.until(USERS, &[]).await;
}

#[tokio::test]
async fn level_access_12_whom_the_product_made_by_hand_stays_as_made_and_the_identity_provider_is_told_so() {
    let place = Place::start().await;
    let acme = acme(&place).await;
    let id = place.ada_is_made_by_hand().await;
    let (shown, account) = (place.row_under("Unassigned users", &id).await.unwrap(), place.account(&id).await);
    assert!(shown.contains("<td>by hand</td>"), "{shown}");

    for answer in [
        okta_of(&acme).send(&okta::create_user(&ada())).await.unwrap(),
        entra_of(&acme).send(&entra::create_user(&ada())).await.unwrap(),
    ] {
        assert_eq!((answer.status, answer.body), (409, error(409, Some("uniqueness"), BY_HAND)));
    }

    place.at_rest().await;
    assert_eq!(place.account(&id).await, account);
    assert_eq!(place.row_under("Unassigned users", &id).await.unwrap(), shown);
    // The other way round as well: who is provisioned is not made by hand.
    pushed(&acme, &person("Grace", "Murray")).await;
    let page = place.administers("new", "make", "grace@example.com").await;
    assert!(page.contains("Muster says no: userName is already in use."), "{page}");
    assert_eq!(place.rows("SELECT id FROM level_access_by_hand"), [[id]]);
}

#[tokio::test]
async fn level_access_13_whom_the_product_made_by_hand_no_lookup_finds_and_no_import_has() {
    let place = Place::start().await;
    let acme = acme(&place).await;
    let id = place.ada_is_made_by_hand().await;

    let by_okta = okta_of(&acme).expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body;
    let by_entra = entra_of(&acme).expect(&entra::find_user("ada@example.com"), &[200]).await.unwrap().body;
    let imported = acme.get("/Users?startIndex=1&count=100").await.expect(200);

    assert_eq!([by_okta, by_entra, imported], [(); 3].map(|()| nothing_found()));
    let path = format!("/Users/{id}");
    acme.get(&path).await.expect(404);
    acme.operations(&path, json!([{ "op": "replace", "value": { "active": false } }])).await.expect(404);
    acme.delete(&path).await.expect(404);
    assert_eq!(place.rows(USERS), [["", "unassigned", "", "1"]]);
}

#[tokio::test]
async fn level_access_14_in_the_product_it_is_edited_assigned_and_removed_as_before_and_cycles_leave_it_alone() {
    let place = Place::start().await;
    let acme = acme(&place).await;
    let id = place.ada_is_made_by_hand().await;
    let form = place.page(&format!("?renamed={id}")).await;
    assert!(form.contains(&format!("action=\"/level-access/{id}/rename\"><input name=\"text\"")), "{form}");
    assert!(place.page("?added=1").await.contains("action=\"/level-access/new/make\"><input name=\"text\""));
    place.administers(&id, "rename", "Ada Byron").await;
    assert_eq!(place.rows(USERS), [["Ada Byron", "unassigned", "", "1"]]);
    place.administers(&id, "assign", "").await;
    assert_eq!(place.rows(USERS), [["Ada Byron", "assigned", "Auditors", "1"]], "no webhook tells of it");
    let (shown, account) = (place.row_under("Auditors", &id).await.unwrap(), place.account(&id).await);

    let lovelace = Person { family: "Lovelace".to_owned(), ..ada() };
    let people = [person("Grace", "Murray"), lovelace, person("Alan", "Mathison")];
    let refused = [("ada@example.com".to_owned(), 409)];
    assert_eq!(cycle_of_okta(&okta_of(&acme), &people).await, refused);
    assert_eq!(cycle_of_entra(&entra_of(&acme), &people).await, refused);

    let all: &[&[&str]] = &[
        &["Ada Byron", "assigned", "Auditors", "1"],
        &["Alan Mathison", "unassigned", "", "0"],
        &["Grace Murray", "unassigned", "", "0"],
    ];
    place.until(USERS, all).await;
    place.at_rest().await;
    assert_eq!(place.account(&id).await, account);
    assert_eq!(place.row_under("Auditors", &id).await.unwrap(), shown);
    place.administers(&id, "deactivate", "").await;
    assert_eq!(place.rows(USERS)[0], ["Ada Byron", "inactive", "Auditors", "1"]);
    place.administers(&id, "activate", "").await;
    assert_eq!(place.rows(USERS)[0], ["Ada Byron", "assigned", "Auditors", "1"]);
    let page = place.administers(&id, "remove", "").await;
    assert!(page.contains("The user is removed."), "{page}");
    assert_eq!(place.rows(USERS), all[1..]);
    place.app.directory_get(&format!("/tenants/acme/accounts/{id}")).await.expect(404);
}

#[tokio::test]
async fn level_access_14_what_was_made_or_removed_while_the_answer_was_lost_is_so_at_the_next_click() {
    let place = Place::start().await;
    let _acme = acme(&place).await;
    let accounts = "/tenants/acme/accounts";
    let heard = place.app.directory_send(Method::POST, accounts, json!({ "userName": "ada@example.com" })).await;
    let lost = heard.expect(201);
    assert!(place.rows(USERS).is_empty());

    let id = place.ada_is_made_by_hand().await;

    assert_eq!(lost["id"], json!(id), "and there is one account");
    assert_eq!(place.rows("SELECT id, state FROM level_access_users"), [[id.as_str(), "unassigned"]]);
    let again = place.administers("new", "make", "ada@example.com").await;
    assert!(again.contains("Muster says no"), "who is on the page is not made twice: {again}");
    place.app.directory_send(Method::DELETE, &format!("{accounts}/{id}"), json!({})).await.expect(204);
    let page = place.administers(&id, "remove", "").await;
    assert!(page.contains("The user is removed."), "{page}");
    assert!(place.rows(USERS).is_empty());
}

#[tokio::test]
async fn level_access_15_once_the_product_has_removed_it_the_next_push_makes_a_user_of_scim() {
    let place = Place::start().await;
    let acme = acme(&place).await;
    let by_hand = place.ada_is_made_by_hand().await;
    assert_eq!(cycle_of_okta(&okta_of(&acme), &[ada()]).await, [("ada@example.com".to_owned(), 409)]);
    place.administers(&by_hand, "remove", "").await;
    assert!(place.rows(USERS).is_empty());

    let stored = pushed(&acme, &ada()).await;

    place.until(USERS, &[&["Ada Byron", "unassigned", "", "0"]]).await;
    assert_ne!(id_of(&stored), by_hand);
    let page = place.administers(id_of(&stored), "remove", "").await;
    assert!(page.contains(OF_SCIM), "{page}");
}

/// Ada is assigned by the button, deactivated by an identity provider, and comes back: her row on the page then and meanwhile.
async fn ada_leaves_and_comes_back(deactivation: &str, gone: &[&str], back: &[&str]) {
    let place = Place::start().await;
    let acme = with(&place, json!({ "deactivation": deactivation })).await;
    let stored = pushed(&acme, &ada()).await;
    let (id, away) = (id_of(&stored), Person { active: false, ..ada() });

    // By what Entra sends, and by what Okta does.
    for by_entra in [true, false] {
        place.until("SELECT id FROM level_access_users", &[&[id]]).await;
        place.administers(id, "assign", "").await;
        place.until(USERS, &[&["Ada Byron", "assigned", "Auditors", "0"]]).await;
        for (who, expected) in [(&away, gone), (&ada(), back)] {
            if by_entra {
                entra_of(&acme).expect(&entra::update_user(id, who), &[200]).await.unwrap();
            } else {
                updated(&acme, &stored, who).await;
            }
            place.until(USERS, &[expected]).await;
            place.at_rest().await;
            assert_eq!(place.rows(USERS), [expected]);
            assert_eq!(place.account(id).await["state"], expected[1], "the page and Muster say the same");
            let is_auditor = place.row_under("Auditors", id).await.is_some();
            assert_eq!(is_auditor, expected[2] == "Auditors");
            assert_ne!(place.row_under("Unassigned users", id).await.is_some(), is_auditor);
        }
    }
}

#[tokio::test]
async fn level_access_16_a_deactivated_user_keeps_the_user_group_in_the_product_for_the_return() {
    let (gone, back) = (["Ada Byron", "inactive", "Auditors", "0"], ["Ada Byron", "assigned", "Auditors", "0"]);
    ada_leaves_and_comes_back("keeps", &gone, &back).await;
}

#[tokio::test]
async fn level_access_16_where_the_setting_says_so_a_deactivated_user_loses_the_user_group_in_the_product_too() {
    let (gone, back) = (["Ada Byron", "inactive", "", "0"], ["Ada Byron", "unassigned", "", "0"]);
    ada_leaves_and_comes_back("unassigns", &gone, &back).await;
}

#[tokio::test]
async fn level_access_19_pushed_groups_of_either_identity_provider_move_nobody_on_the_page() {
    let place = Place::start().await;
    let acme = acme(&place).await;
    let (stored, grace) = (pushed(&acme, &ada()).await, pushed(&acme, &person("Grace", "Murray")).await);
    let all: &[&[&str]] = &[&["Ada Byron", "assigned", "Auditors", "0"], &["Grace Murray", "unassigned", "", "0"]];
    place.until("SELECT count(*) FROM level_access_users", &[&["2"]]).await;
    place.administers(id_of(&stored), "assign", "").await;
    place.until(USERS, all).await;

    // Of the same name as the product's own user group.
    let auditors = |name: &str| Group { key: "00g1".to_owned(), name: name.to_owned(), members: Vec::new() };
    let okta = okta_of(&acme);
    let pushed = okta.expect(&okta::create_group(&auditors("Auditors")), &[201]).await.unwrap().body;
    let members = [(id_of(&grace).to_owned(), "grace@example.com".to_owned())];
    okta.expect(&okta::push_group(id_of(&pushed), &auditors("Auditors"), &members), &[200]).await.unwrap();
    acme.delete(&format!("/Groups/{}", id_of(&pushed))).await.expect(204);
    let entra = entra_of(&acme);
    let made = entra.expect(&entra::create_group(&auditors("Auditors")), &[201]).await.unwrap().body;
    let both = [id_of(&stored), id_of(&grace)].map(str::to_owned);
    entra.expect(&entra::add_members(id_of(&made), &both), &[200, 204]).await.unwrap();
    let path = format!("/Groups/{}", id_of(&made));
    let out = json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": stored["id"] }] }]);
    acme.operations(&path, out).await.expect(200);
    acme.delete(&path).await.expect(204);
    // What is told after all of it.
    updated(&acme, &grace, &person("Grace", "Hopper")).await;

    place.until("SELECT name FROM level_access_users WHERE email LIKE 'grace%'", &[&["Grace Hopper"]]).await;
    place.at_rest().await;
    assert_eq!(place.rows(USERS), [all[0], &["Grace Hopper", "unassigned", "", "0"]]);
}
