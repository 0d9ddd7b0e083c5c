//! Popl: profiles of a team, and groups of them.

use muster_idp::{Group, Person, entra, okta};
use muster_test_harness::GROUP;
use serde_json::{Value, json};
use vendor_app::Product;

use super::{Place, ada, id_of, okta_of, person, pushed, updated};
use crate::ada::entra_of;

const PROFILES: &str = "SELECT id, team, email, name, is_in_team FROM popl_profiles ORDER BY email";

#[tokio::test]
async fn popl_07_the_profile_is_in_the_products_team() {
    let place = Place::that_loses(2).await;
    let acme = place.acme(Product::Popl, json!({ "team": "Sales" })).await;

    let stored = pushed(&acme, &ada()).await;

    place.until(PROFILES, &[&[id_of(&stored), "Sales", "ada@example.com", "Ada Byron", "1"]]).await;
    assert!(place.page("").await.contains("<td>Sales</td><td>Ada Byron</td><td>ada@example.com</td>"));
}

#[tokio::test]
async fn popl_08_the_profile_of_the_product_has_the_pushed_name_and_address() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({ "team": "Sales" })).await;
    let stored = pushed(&acme, &ada()).await;
    let id = id_of(&stored);
    place.until(PROFILES, &[&[id, "Sales", "ada@example.com", "Ada Byron", "1"]]).await;

    let married = Person { family: "Lovelace".to_owned(), email: "ada.l@example.com".to_owned(), ..ada() };
    updated(&acme, &stored, &married).await;
    place.until(PROFILES, &[&[id, "Sales", "ada.l@example.com", "Ada Lovelace", "1"]]).await;
    let page = place.page("").await;
    assert!(page.contains("<td>Sales</td><td>Ada Lovelace</td><td>ada.l@example.com</td>"), "{page}");
    assert!(!page.contains("Byron") && !page.contains("ada@example.com"), "nothing is left of the other: {page}");

    let by_entra = Person { family: "King".to_owned(), ..married };
    entra_of(&acme).expect(&entra::update_user(id, &by_entra), &[200]).await.unwrap();
    place.until(PROFILES, &[&[id, "Sales", "ada.l@example.com", "Ada King", "1"]]).await;
}

#[tokio::test]
async fn popl_11_the_profile_leaves_the_products_team_and_the_same_one_comes_back() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({ "team": "Sales" })).await;
    let stored = pushed(&acme, &ada()).await;
    let gone = Person { active: false, ..ada() };
    let is_in_team = async |is: &str| {
        place.until(PROFILES, &[&[id_of(&stored), "Sales", "ada@example.com", "Ada Byron", is]]).await;
        assert_eq!(place.page("").await.contains("<td>Ada Byron</td>"), is == "1");
    };
    is_in_team("1").await;

    updated(&acme, &stored, &gone).await;
    is_in_team("0").await;
    updated(&acme, &stored, &ada()).await;
    is_in_team("1").await;
    // `"False"` and `"True"`, as Entra has it.
    for (who, is) in [(&gone, "0"), (&ada(), "1")] {
        entra_of(&acme).expect(&entra::update_user(id_of(&stored), who), &[200]).await.unwrap();
        is_in_team(is).await;
    }
}

#[tokio::test]
async fn popl_11_where_the_setting_says_so_the_profile_stays_in_the_products_team() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({ "team": "Sales", "deactivation": "stays" })).await;
    let stored = pushed(&acme, &ada()).await;

    // With another name, by which it is seen that the product has heard of it.
    let gone = Person { active: false, family: "Lovelace".to_owned(), ..ada() };
    updated(&acme, &stored, &gone).await;

    place.until(PROFILES, &[&[id_of(&stored), "Sales", "ada@example.com", "Ada Lovelace", "1"]]).await;
    place.at_rest().await;
    assert_eq!(acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200)["active"], false);
    assert!(place.page("").await.contains("<td>Sales</td><td>Ada Lovelace</td>"));
}

#[tokio::test]
async fn popl_12_a_second_push_makes_no_second_profile_in_the_product() {
    let place = Place::that_loses(2).await;
    let acme = place.acme(Product::Popl, json!({ "team": "Sales" })).await;
    let stored = pushed(&acme, &ada()).await;

    // Each under a name of its own, by which it would be seen.
    let another = |given: &str, email: &str| Person { given: given.to_owned(), email: email.to_owned(), ..ada() };
    for (given, email) in [("Augusta", "ada@example.com"), ("Countess", "ADA@Example.com")] {
        let who = another(given, email);
        okta_of(&acme).expect(&okta::create_user(&who), &[409]).await.unwrap();
        entra_of(&acme).expect(&entra::create_user(&who), &[409]).await.unwrap();
    }
    let grace = pushed(&acme, &person("Grace", "Murray")).await;

    let ada = [id_of(&stored), "Sales", "ada@example.com", "Ada Byron", "1"];
    let grace = [id_of(&grace), "Sales", "grace@example.com", "Grace Murray", "1"];
    place.until(PROFILES, &[&ada, &grace]).await;
    place.at_rest().await;
    assert_eq!(place.rows(PROFILES), [ada, grace]);
}

#[tokio::test]
async fn popl_15_a_pushed_group_has_the_profiles_that_there_are_and_makes_none() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({})).await;
    let (ada, grace) = (pushed(&acme, &ada()).await, pushed(&acme, &person("Grace", "Murray")).await);
    let group = acme.group("Engines", &[id_of(&ada)]).await;
    let members = "SELECT g.name, p.email FROM popl_groups g JOIN popl_memberships m ON m.group_id = g.id
                   JOIN popl_profiles p ON p.id = m.member ORDER BY p.email";
    place.until(members, &[&["Engines", "ada@example.com"]]).await;

    let added = json!([{ "op": "add", "path": "members", "value": [{ "value": id_of(&grace) }] }]);
    let answer = acme.operations(&format!("/Groups/{group}"), added).await;
    assert!([200, 204].contains(&answer.status), "{}", answer.text);
    place.until(members, &[&["Engines", "ada@example.com"], &["Engines", "grace@example.com"]]).await;
    let removed = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", id_of(&ada)) }]);
    let answer = acme.operations(&format!("/Groups/{group}"), removed).await;
    assert!([200, 204].contains(&answer.status), "{}", answer.text);

    place.until(members, &[&["Engines", "grace@example.com"]]).await;
    assert_eq!(place.rows("SELECT count(*) FROM popl_profiles"), [["2"]]);
}

#[tokio::test]
async fn popl_15_members_whom_the_team_does_not_have_reach_the_product_by_no_push_and_become_no_profiles() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({})).await;
    let globex = place.app.create_tenant("globex", "popl", json!({})).await;
    let stranger = pushed(&globex, &person("Grace", "Murray")).await;
    let ada = pushed(&acme, &ada()).await;
    let (okta, entra) = (okta_of(&acme), entra_of(&acme));
    let named = |name: &str| Group { key: format!("00g-{name}"), name: name.to_owned(), members: Vec::new() };
    let ids = [id_of(&ada), id_of(&stranger), "01900000-0000-7000-8000-00000000ffff"].map(str::to_owned);
    let pairs = ids.clone().map(|id| (id, "somebody@example.com".to_owned()));
    let values: Vec<Value> = ids.iter().map(|id| json!({ "value": id, "display": "somebody@example.com" })).collect();

    let post = json!({ "schemas": [GROUP], "displayName": "Post", "members": values });
    acme.post("/Groups", post).await.expect(201);
    let put = okta.expect(&okta::create_group(&named("Put")), &[201]).await.unwrap().body;
    okta.expect(&okta::push_group(id_of(&put), &named("Put"), &pairs), &[200]).await.unwrap();
    for (name, op) in [("Patch add", "add"), ("Patch replace", "replace")] {
        let group = acme.group(name, &[]).await;
        let operation = json!([{ "op": op, "path": "members", "value": values }]);
        acme.operations(&format!("/Groups/{group}"), operation).await.expect(200);
    }
    let of_entra = entra.expect(&entra::create_group(&named("Entra")), &[201]).await.unwrap().body;
    entra.expect(&entra::add_members(id_of(&of_entra), &ids), &[200, 204]).await.unwrap();

    let told = "SELECT g.name, m.member FROM popl_groups g JOIN popl_memberships m ON m.group_id = g.id
                ORDER BY g.name";
    let groups = ["Entra", "Patch add", "Patch replace", "Post", "Put"];
    let expected = groups.map(|name| [name, id_of(&ada)]);
    place.until(told, &expected.each_ref().map(|row| row.as_slice())).await;
    place.at_rest().await;
    assert_eq!(place.rows(told), expected);
    assert_eq!(place.rows("SELECT id FROM popl_profiles"), [[id_of(&ada)]]);
    let page = place.page("").await;
    for name in groups {
        assert!(page.contains(&format!("<td>{name}</td><td>Ada Byron</td>")), "{name}: {page}");
    }
}
