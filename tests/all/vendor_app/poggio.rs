//! Poggio: workspaces with users, who are named by what was pushed last, and who have no passwords.

use std::path::Path;

use muster_idp::{Person, okta};
use muster_test_harness::{PATCH_OP, TenantClient};
use reqwest::Method;
use serde_json::{Value, json};
use vendor_app::Product;

use super::keys::{page, with};
use super::{Place, ada, id_of, person, pushed, updated};
use crate::command::on;

/// Who is in which workspace.
const WORKSPACES: &str = "SELECT m.workspace, u.email FROM poggio_memberships m JOIN poggio_users u ON u.id = m.member
                          ORDER BY m.workspace, u.email";
const NAMES: &str = "SELECT email, name FROM poggio_users ORDER BY email";

/// Ada as Okta creates her, with something else in it.
fn ada_with(more: Value) -> Value {
    let mut user = okta::create_user(&ada()).body.unwrap();
    user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    user
}

/// A PATCH of these operations, which is answered with 200.
async fn patched(acme: &TenantClient, path: &str, operations: Value) {
    acme.patch(path, json!({ "schemas": [PATCH_OP], "Operations": operations })).await.expect(200);
}

#[tokio::test]
async fn poggio_06_without_an_enterprise_enabled_workspace_the_product_makes_no_key() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let edith = place.signed_in("settings/poggio", "edith").await;
    let mia = place.signed_in("settings/poggio", "mia").await;
    for what in ["workspaces/default/enterprise/off", "workspaces/Research/default"] {
        mia.post(what).await.expect(403);
        place.stranger("settings/poggio").post(what).await.expect(401);
    }
    edith.post("workspaces/default/enterprise/off").await.expect(303);

    let refused = edith.post("keys").await.expect(409);

    assert!(refused.contains("the workspace of the single sign-on has to be enterprise-enabled first"), "{refused}");
    let refused = edith.post("workspaces/Trial/default").await.expect(409);
    assert!(refused.contains("single sign-on is of enterprise-enabled workspaces only"), "{refused}");
    edith.post("workspaces/Nowhere/default").await.expect(404);
    assert_eq!(place.config().await, json!({}), "nothing was told to the plugin");
    edith.post("keys").await.expect(409);
    assert_eq!(place.tokens().await.len(), 1, "the one that the tenant began with");
    edith.post("workspaces/Research/default").await.expect(303);
    assert_eq!(place.config().await, json!({ "default_workspace": "Research" }));
    let made = edith.makes_a_key().await;
    with(&acme, &made).get("/Users").await.expect(200);
}

#[tokio::test]
async fn poggio_08_a_user_is_in_the_default_workspace_of_the_single_sign_on_alone_whatever_any_request_says() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let edith = place.signed_in("settings/poggio", "edith").await;
    edith.post("workspaces/Research/default").await.expect(303);
    let elsewhere =
        json!({ "workspace": "default", "workspaces": [{ "value": "default" }], "default_workspace": "default" });

    let stored = acme.post("/Users", ada_with(elsewhere.clone())).await.expect(201);

    let path = format!("/Users/{}", id_of(&stored));
    place.until(WORKSPACES, &[&["Research", "ada@example.com"]]).await;
    assert!(place.page("").await.contains("<td>Research</td><td>Ada Byron</td><td>ada@example.com</td>"));
    let mut put = ada_with(elsewhere.clone());
    put["displayName"] = json!("Ada Lovelace");
    acme.put(&path, put).await.expect(200);
    place.until(NAMES, &[&["ada@example.com", "Ada Lovelace"]]).await;
    assert_eq!(place.rows(WORKSPACES), [["Research", "ada@example.com"]]);
    let whole = json!({ "workspace": "default", "displayName": "Countess" });
    let single = json!({ "op": "add", "path": "workspace", "value": "default" });
    patched(&acme, &path, json!([{ "op": "replace", "value": whole }, single])).await;
    place.until(NAMES, &[&["ada@example.com", "Countess"]]).await;
    assert_eq!(place.rows(WORKSPACES), [["Research", "ada@example.com"]]);

    // Whoever comes after a change of the default is in the new one, and nobody else moves.
    edith.post("workspaces/default/default").await.expect(303);
    pushed(&acme, &person("Grace", "Murray")).await;
    updated(&acme, &stored, &ada()).await;
    place.until(NAMES, &[&["ada@example.com", "Ada Byron"], &["grace@example.com", "Grace Murray"]]).await;
    assert_eq!(place.rows(WORKSPACES), [["Research", "ada@example.com"], ["default", "grace@example.com"]]);
}

#[tokio::test]
async fn poggio_09_the_products_user_has_the_address_of_user_name_whichever_emails_any_request_has() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let other = json!([{ "primary": true, "value": "other@example.org", "type": "work" }]);

    let stored = acme.post("/Users", ada_with(json!({ "emails": other }))).await.expect(201);

    let path = format!("/Users/{}", id_of(&stored));
    place.until(NAMES, &[&["ada@example.com", "Ada Byron"]]).await;
    acme.put(&path, ada_with(json!({ "emails": other, "displayName": "Ada Lovelace" }))).await.expect(200);
    place.until(NAMES, &[&["ada@example.com", "Ada Lovelace"]]).await;
    let name = json!({ "op": "replace", "path": "displayName", "value": "Countess" });
    patched(&acme, &path, json!([{ "op": "replace", "path": "emails", "value": other }, name])).await;
    place.until(NAMES, &[&["ada@example.com", "Countess"]]).await;
    acme.put(&path, ada_with(json!({ "userName": "ada.l@example.com" }))).await.expect(200);

    place.until(NAMES, &[&["ada.l@example.com", "Ada Byron"]]).await;
}

/// Ada as Okta creates her, but with these names alone.
fn named(names: Value) -> Value {
    let mut user = ada_with(json!({}));
    user.as_object_mut().unwrap().retain(|name, _| !["name", "displayName"].contains(&name.as_str()));
    user.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
    user
}

#[tokio::test]
async fn poggio_12_without_display_name_the_product_shows_name_formatted() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;

    let stored = acme.post("/Users", named(json!({ "name": { "formatted": "Ada Byron" } }))).await.expect(201);

    place.until(NAMES, &[&["ada@example.com", "Ada Byron"]]).await;
    assert!(place.page("").await.contains("<td>Ada Byron</td><td>ada@example.com</td>"));
    let married = named(json!({ "name": { "formatted": "Ada Lovelace" } }));
    acme.put(&format!("/Users/{}", id_of(&stored)), married).await.expect(200);
    place.until(NAMES, &[&["ada@example.com", "Ada Lovelace"]]).await;
}

#[tokio::test]
async fn poggio_13_of_both_the_product_shows_display_name() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let both = |display: &str| named(json!({ "displayName": display, "name": { "formatted": "Augusta Ada King" } }));

    let stored = acme.post("/Users", both("Ada Byron")).await.expect(201);

    place.until(NAMES, &[&["ada@example.com", "Ada Byron"]]).await;
    acme.put(&format!("/Users/{}", id_of(&stored)), both("Ada Lovelace")).await.expect(200);
    place.until(NAMES, &[&["ada@example.com", "Ada Lovelace"]]).await;
}

#[tokio::test]
async fn poggio_14_in_the_product_an_empty_display_name_is_none_and_no_name_is_put_together() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let formatted = json!({ "formatted": "Ada Byron" });
    let parts = json!({ "givenName": "Ada", "familyName": "Byron" });
    for (user_name, names) in [
        ("empty@example.com", json!({ "displayName": "", "name": formatted })),
        ("null@example.com", json!({ "displayName": null, "name": formatted })),
        ("parts@example.com", json!({ "name": parts })),
        ("parts-and-empty@example.com", json!({ "displayName": "", "name": parts })),
    ] {
        let mut user = named(names);
        user["userName"] = json!(user_name);
        acme.post("/Users", user).await.expect(201);
    }

    let expected: [&[&str]; 4] = [
        &["empty@example.com", "Ada Byron"],
        &["null@example.com", "Ada Byron"],
        &["parts-and-empty@example.com", ""],
        &["parts@example.com", ""],
    ];
    place.until(NAMES, &expected).await;
    assert!(place.page("").await.contains("<td></td><td>parts@example.com</td>"));
}

/// Whether a text is in any file below a folder.
fn is_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return is_in(&path, text);
        }
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[tokio::test]
async fn poggio_16_no_password_is_in_any_file_of_muster_or_the_product_and_none_logs_anybody_in() {
    const PASSWORDS: [&str; 3] = ["k3Vqz8Rt", "Wb7-another-Xp", "Lm2-a-third-Qz"];
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({})).await;
    let stored = pushed(&acme, &ada()).await;
    place.until("SELECT state FROM poggio_users", &[&["active"]]).await;
    let (path, entries) = (format!("/Users/{}", id_of(&stored)), place.app.log("acme").await.len());

    acme.put(&path, ada_with(json!({ "password": PASSWORDS[1] }))).await.expect(200);
    patched(&acme, &path, json!([{ "op": "replace", "path": "password", "value": PASSWORDS[2] }])).await;

    assert_eq!(place.app.log("acme").await.len(), entries, "another password changes nothing");
    assert_eq!(acme.get(&path).await.expect(200), stored);
    let product = place.product.keys_file.parent().unwrap();
    for password in PASSWORDS {
        for (what, folder) in [("Muster", place.app.data().as_path()), ("the product", product)] {
            assert!(is_in(folder, "ada@example.com"), "{what} keeps what it is to keep, where it can be found");
            assert!(!is_in(folder, password), "{what} has {password}");
        }
        for path in ["/Users", "/Me", &path] {
            let request = acme.request(Method::GET, path).basic_auth("ada@example.com", Some(password));
            acme.send(request).await.expect(401);
        }
        let log_in = place.browser(Method::POST, &format!("/poggio/{}/log-in", id_of(&stored)));
        page(log_in.basic_auth("ada@example.com", Some(password))).await.expect(401);
    }
    assert!(place.rows("SELECT member FROM poggio_sessions").is_empty());
    place.click(&format!("/poggio/{}/log-in", id_of(&stored))).await;
    assert_eq!(place.rows("SELECT member FROM poggio_sessions").len(), 1, "single sign-on is the only way in");
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
    assert_eq!(place.rows("SELECT workspace FROM poggio_memberships"), [["W1"]]);
}

#[tokio::test]
async fn poggio_20_who_came_back_before_the_removal_was_heard_logs_in() {
    let place = Place::start().await;
    let acme = place.acme(Product::Poggio, json!({ "default_workspace": "W1" })).await;
    let stored = pushed(&acme, &ada()).await;
    place.until("SELECT state FROM poggio_users", &[&["active"]]).await;
    place.away_while_deleted_and_back(&acme, Product::Poggio, &stored).await;

    assert_eq!(place.rows("SELECT id, state FROM poggio_users"), [[id_of(&stored), "active"]]);
    place.click(&format!("/poggio/{}/log-in", id_of(&stored))).await;
    assert_eq!(place.rows("SELECT member FROM poggio_sessions"), [[id_of(&stored)]]);
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
