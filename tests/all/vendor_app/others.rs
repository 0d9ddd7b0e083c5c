use muster_idp::Person;
use muster_test_harness::USER;
use reqwest::StatusCode;
use serde_json::json;
use vendor_app::Product;

use super::{Place, ada, id_of, person, pushed, updated};
use crate::command::on;

#[tokio::test]
async fn poggio_08_the_user_is_in_the_default_workspace_of_the_product() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({ "default_workspace": "W1" })).await;

    let ada =
        json!({ "schemas": [USER], "userName": "ada@example.com", "displayName": "Ada Byron", "workspace": "W2" });
    acme.post("/Users", ada).await.expect(201);

    let users = "SELECT workspace, email, name, state FROM poggio_users";
    place.until(users, &[&["W1", "ada@example.com", "Ada Byron", "active"]]).await;
    assert!(place.page("").await.contains("<td>W1</td><td>Ada Byron</td><td>ada@example.com</td>"));
}

#[tokio::test]
async fn poggio_19_who_is_deactivated_has_no_session_any_more_and_cannot_begin_another() {
    const SESSIONS: &str = "SELECT member FROM poggio_sessions";
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    place.until("SELECT state FROM poggio_users", &[&["active"]]).await;
    let log_in = format!("/poggio/{}/log-in", id_of(&stored));
    place.click(&log_in).await;
    assert_eq!(place.rows(SESSIONS), [[id_of(&stored)]]);

    updated(&acme, &stored, &Person { active: false, ..ada() }).await;

    place.until(SESSIONS, &[]).await;
    place.click(&log_in).await;
    assert!(place.rows(SESSIONS).is_empty());
    updated(&acme, &stored, &ada()).await;
    place.until("SELECT state FROM poggio_users", &[&["active"]]).await;
    place.click(&log_in).await;
    assert_eq!(place.rows(SESSIONS).len(), 1, "the same account is back");
}

#[tokio::test]
async fn poggio_19_that_the_sessions_have_ended_is_proved_by_the_products_answer() {
    let place = Place::that_loses(3).await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    place.until("SELECT state FROM poggio_users", &[&["active"]]).await;
    place.click(&format!("/poggio/{}/log-in", id_of(&stored))).await;

    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    place.until("SELECT state FROM poggio_users", &[&["disabled"]]).await;
    place.at_rest().await;

    assert!(place.rows("SELECT member FROM poggio_sessions").is_empty());
    let shown = place.app.admin_get(&format!("/tenants/acme/deprovisions/{}", id_of(&stored))).await.expect(200);
    assert_eq!((&shown["state"], &shown["unfinished"]), (&json!("done"), &json!([])), "{shown}");
    let steps = shown["steps"].as_array().unwrap();
    let ended = steps.iter().find(|step| step["queue"] == "plugin").unwrap();
    assert_eq!((&ended["action"], &ended["standing"]), (&json!("end-sessions"), &json!("done")), "{shown}");
    let listed = on(&place.app, &["deprovision", "list", "acme", "--done"]).await.text();
    assert!(listed.contains("done") && listed.contains("deactivated ada@example.com"), "{listed}");
    assert_eq!(on(&place.app, &["deprovision", "list", "acme", "--open"]).await.text().lines().count(), 1);
}

#[tokio::test]
async fn poggio_20_who_is_active_again_logs_in_also_after_a_deletion_that_is_taken_back() {
    const SESSIONS: &str = "SELECT member FROM poggio_sessions";
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({ "default_workspace": "W1" })).await;
    let stored = pushed(&acme, &ada()).await;
    let log_in = async |state: &str| {
        place.until("SELECT state FROM poggio_users", &[&[state]]).await;
        place.at_rest().await;
        place.click(&format!("/poggio/{}/log-in", id_of(&stored))).await;
        place.rows(SESSIONS)
    };
    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    assert!(log_in("disabled").await.is_empty());
    updated(&acme, &stored, &ada()).await;
    assert_eq!(log_in("active").await, [[id_of(&stored)]]);

    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);
    place.until("SELECT id FROM poggio_users", &[]).await;
    place.at_rest().await;
    assert!(place.rows(SESSIONS).is_empty());
    let deletion = place.app.log("acme").await.pop().unwrap();
    let undo = json!({ "request": deletion["request"] });
    place.app.admin_post("/tenants/acme/undo", undo).await.expect(200);

    assert_eq!(log_in("active").await, [[id_of(&stored)]], "whose sessions had ended with the deletion");
    assert_eq!(place.rows("SELECT workspace FROM poggio_users"), [["W1"]]);
}

#[tokio::test]
async fn poggio_18_a_name_that_was_changed_in_the_product_by_hand_is_overwritten_by_the_next_push() {
    const NAMES: &str = "SELECT name FROM poggio_users";
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    place.until(NAMES, &[&["Ada Byron"]]).await;
    let page = place.page(&format!("?renamed={}", id_of(&stored))).await;
    let form = format!("action=\"/poggio/{}/rename\"><input name=\"text\" value=\"Ada Byron\"", id_of(&stored));
    assert!(page.contains(&form), "{page}");

    let url = format!("http://{}/poggio/{}/rename", place.product.page, id_of(&stored));
    let by_hand = reqwest::Client::new().post(url).body("text=Countess+of+L%C3%B6velace").send().await.unwrap();
    assert!(by_hand.text().await.unwrap().contains("Muster was told: renamed."));
    place.until(NAMES, &[&["Countess of Lövelace"]]).await;
    let resource = acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200);
    assert_eq!(resource["displayName"], "Ada Byron", "what was pushed stays as it was");

    updated(&acme, &stored, &ada()).await;
    place.until(NAMES, &[&["Ada Byron"]]).await;
    let entries = place.app.log("acme").await.len();
    let again = acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200);
    updated(&acme, &stored, &ada()).await;

    assert_eq!(place.app.log("acme").await.len(), entries, "a second push of the same changes nothing");
    assert_eq!(acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200), again);
}

const PROFILES: &str = "SELECT id, team, email, name, is_in_team FROM popl_profiles";

#[tokio::test]
async fn popl_07_the_profile_is_in_the_products_team() {
    let place = Place::that_loses(2).await;
    let acme = place.acme(Product::Popl, json!({ "team": "Sales" })).await;

    let stored = pushed(&acme, &ada()).await;

    place.until(PROFILES, &[&[id_of(&stored), "Sales", "ada@example.com", "Ada Byron", "1"]]).await;
    assert!(place.page("").await.contains("<td>Sales</td><td>Ada Byron</td><td>ada@example.com</td>"));
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
async fn popl_11_the_profile_leaves_the_products_team_and_the_same_one_comes_back() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({ "team": "Sales" })).await;
    let stored = pushed(&acme, &ada()).await;
    let is_in_team = async |is: &str| {
        place.until(PROFILES, &[&[id_of(&stored), "Sales", "ada@example.com", "Ada Byron", is]]).await;
    };
    is_in_team("1").await;

    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    is_in_team("0").await;
    assert!(!place.page("").await.contains("<td>Ada Byron</td>"));
    updated(&acme, &stored, &ada()).await;

    is_in_team("1").await;
}

#[tokio::test]
async fn level_access_08_the_products_page_has_a_new_user_among_the_unassigned() {
    let place = Place::start().await;
    let acme = place.acme(Product::LevelAccess, json!({ "activated": true, "sso": "saml" })).await;

    let stored = pushed(&acme, &ada()).await;

    place.until("SELECT name, state FROM level_access_users", &[&["Ada Byron", "unassigned"]]).await;
    assert!(place.page("").await.contains(&format!("/level-access/{}/assign", id_of(&stored))));
    assert!(place.rows("SELECT member FROM level_access_assignments").is_empty());
}

#[tokio::test]
async fn level_access_09_no_push_undoes_what_an_administrator_assigns_in_the_product() {
    let place = Place::start().await;
    let acme = place.acme(Product::LevelAccess, json!({ "activated": true, "sso": "saml" })).await;
    let stored = pushed(&acme, &ada()).await;
    let users = "SELECT u.name, coalesce(a.user_group, '') FROM level_access_users u
                 LEFT JOIN level_access_assignments a ON a.member = u.id";
    place.until(users, &[&["Ada Byron", ""]]).await;
    place.click(&format!("/level-access/{}/assign", id_of(&stored))).await;

    acme.group("Everybody", &[id_of(&stored)]).await;
    updated(&acme, &stored, &Person { family: "Lovelace".to_owned(), ..ada() }).await;

    place.until(users, &[&["Ada Lovelace", "Auditors"]]).await;
    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    place.until("SELECT state FROM level_access_users", &[&["inactive"]]).await;
    assert_eq!(place.rows(users)[0][1], "Auditors", "kept for who comes back");
}

#[tokio::test]
async fn who_has_no_key_reaches_nothing_of_the_product() {
    let place = Place::start().await;
    let acme = place.acme(Product::Popl, json!({})).await;
    pushed(&acme, &person("Grace", "Murray")).await;
    place.until("SELECT email FROM popl_profiles", &[&["grace@example.com"]]).await;
    // Another tenant's webhook, signed with a key of its own.
    let url = "https://product.example/webhooks/popl";
    place.app.admin_post("/tenants/acme/webhooks", json!({ "name": "forged", "url": url })).await.expect(201);
    let forged = place.app.admin_post("/tenants/acme/webhooks/forged/test", json!({})).await;
    assert!(forged.text.contains("401"), "{}", forged.text);

    let page = format!("http://{}/", place.product.page);
    let other_site = reqwest::Client::new()
        .post(format!("{page}poggio/1/log-in"))
        .header("origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(other_site.status(), StatusCode::FORBIDDEN);
    let renamed = reqwest::Client::new().get(&page).header("host", "evil.example").send().await.unwrap();
    assert_eq!(renamed.status(), StatusCode::FORBIDDEN);
}
