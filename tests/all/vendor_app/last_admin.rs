//! The last Admin of Applivery's Dashboard. Only the product knows who that is, and tells by a signal, so that the identity provider can be
//! refused before anything is done.

use std::path::PathBuf;

use muster_idp::{Person, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{TenantClient, field};
use serde_json::{Value, json};
use vendor_app::Product;

use super::applivery::COLLABORATORS;
use super::{Place, ada, id_of, okta_of, person, pushed, updated};

const STAYS: &str = "the last Admin of the Dashboard is not removed; make somebody else an Admin first";

/// A tenant whose users are collaborators with this role.
async fn dashboard(place: &Place, role: &str, last_admin: &str) -> TenantClient {
    let dashboard = json!({
        "on_create": "create-collaborator", "role": role, "on_deactivate": "remove-collaborator", "last_admin": last_admin,
    });
    place.acme(Product::Applivery, json!({ "dashboard": dashboard, "group_roles": { "Engines": "Admin" } })).await
}

/// Ada as the only Admin, which Muster has been told.
async fn alone(place: &Place, last_admin: &str) -> (TenantClient, Value) {
    let acme = dashboard(place, "Admin", last_admin).await;
    let stored = pushed(&acme, &ada()).await;
    are_admins(place, &["ada"]).await;
    assert_eq!(is_last_admin(place, &stored).await, json!(true));
    (acme, stored)
}

/// Waits until these are all collaborators, and Muster has been told what that means.
async fn are_admins(place: &Place, names: &[&str]) {
    let expected: Vec<[String; 2]> =
        names.iter().map(|name| [format!("{name}@example.com"), "Admin".to_owned()]).collect();
    let expected: Vec<Vec<&str>> = expected.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    let expected: Vec<&[&str]> = expected.iter().map(Vec::as_slice).collect();
    place.until(COLLABORATORS, &expected).await;
    place.until("SELECT name, refused FROM signals", &[]).await;
}

/// What the account says.
async fn is_last_admin(place: &Place, stored: &Value) -> Value {
    field(&place.app.account("acme", id_of(stored)).await, "last_admin")
}

/// Deactivated, as Okta's PATCH has it; the status and the body.
async fn deactivated(acme: &TenantClient, stored: &Value) -> (u16, Value) {
    let inactive = json!([{ "op": "replace", "value": { "active": false } }]);
    let answer = acme.operations(&format!("/Users/{}", id_of(stored)), inactive).await;
    (answer.status, answer.body)
}

/// Where the product reads how Muster is reached.
fn muster_file(place: &Place) -> PathBuf {
    place.product.keys_file.with_file_name("muster.json")
}

#[tokio::test]
async fn applivery_15_okta_is_told_409_and_why_when_it_removes_the_last_admin_and_nothing_is_written() {
    let place = Place::start().await;
    let (acme, stored) = alone(&place, "refuse").await;
    let path = format!("/Users/{}", id_of(&stored));
    let (tasks, entries) = (place.at_rest().await.len(), place.app.log("acme").await.len());
    let before = acme.get(&path).await.expect(200);
    let refused = error(409, None, STAYS);

    assert_eq!(deactivated(&acme, &stored).await, (409, refused.clone()));
    let profile = okta::update_user(&stored, &Person { active: false, ..ada() });
    assert_eq!(okta_of(&acme).expect(&profile, &[409]).await.unwrap().body, refused);
    assert_eq!(acme.delete(&path).await.expect(409), refused);
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            { "method": "PATCH", "path": path, "data": {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{ "op": "replace", "path": "active", "value": false }],
            } },
            { "method": "DELETE", "path": path },
        ],
    });
    let bulk = acme.post("/Bulk", bulk).await.expect(200);
    for operation in [&bulk["Operations"][0], &bulk["Operations"][1]] {
        assert_eq!((&operation["status"], &operation["response"]), (&json!("409"), &refused));
    }

    assert_eq!(acme.get(&path).await.expect(200), before);
    assert_eq!((place.at_rest().await.len(), place.app.log("acme").await.len()), (tasks, entries));
    assert_eq!(place.rows(COLLABORATORS), [["ada@example.com", "Admin"]]);
    updated(&acme, &stored, &Person { family: "Lovelace".to_owned(), ..ada() }).await;
    place.until("SELECT family_name FROM applivery_collaborators", &[&["Lovelace"]]).await;
    assert_eq!(deactivated(&acme, &stored).await.0, 409, "an update makes nobody another Admin");
}

#[tokio::test]
async fn applivery_15_with_a_second_admin_the_first_one_goes_and_the_second_is_the_last_then() {
    let place = Place::start().await;
    let (acme, stored) = alone(&place, "refuse").await;

    let other = pushed(&acme, &person("Grace", "Murray")).await;
    are_admins(&place, &["ada", "grace"]).await;
    assert_eq!(is_last_admin(&place, &stored).await, json!(null));
    let (status, body) = deactivated(&acme, &stored).await;

    assert_eq!((status, &body["active"]), (200, &json!(false)));
    are_admins(&place, &["grace"]).await;
    assert_eq!(acme.delete(&format!("/Users/{}", id_of(&other))).await.expect(409)["detail"], STAYS);
    updated(&acme, &stored, &ada()).await;
    are_admins(&place, &["ada", "grace"]).await;
    acme.delete(&format!("/Users/{}", id_of(&other))).await.expect(204);
    are_admins(&place, &["ada"]).await;
    assert_eq!(is_last_admin(&place, &stored).await, json!(true));
}

#[tokio::test]
async fn applivery_15_where_the_setting_allows_it_the_last_admin_is_removed() {
    let place = Place::start().await;
    let (acme, stored) = alone(&place, "allow").await;

    assert_eq!(deactivated(&acme, &stored).await.0, 200);
    are_admins(&place, &[]).await;
    assert_eq!(is_last_admin(&place, &stored).await, json!(null));
    updated(&acme, &stored, &ada()).await;
    are_admins(&place, &["ada"]).await;
    assert_eq!(is_last_admin(&place, &stored).await, json!(true));
    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);

    place.until(COLLABORATORS, &[]).await;
    for task in place.at_rest().await {
        assert_eq!(task["standing"], "done", "{task}");
    }
    // That she is so no longer, nobody is there to hear; and it holds nothing up.
    let refused = ["no-longer-last-admin", "it answered 404 Not Found"];
    place.until("SELECT name, refused FROM signals", &[&refused]).await;
    let other = pushed(&acme, &person("Grace", "Murray")).await;
    place.until(COLLABORATORS, &[&["grace@example.com", "Admin"]]).await;
    place.until("SELECT name FROM signals WHERE refused IS NULL", &[]).await;
    assert_eq!(is_last_admin(&place, &other).await, json!(true));
}

#[tokio::test]
async fn applivery_15_who_is_an_admin_by_a_group_alone_is_the_last_one_too() {
    let place = Place::start().await;
    let acme = dashboard(&place, "Viewer", "refuse").await;
    let (stored, other) = (pushed(&acme, &ada()).await, pushed(&acme, &person("Grace", "Murray")).await);
    let engines = acme.group("Engines", &[id_of(&stored), id_of(&other)]).await;
    are_admins(&place, &["ada", "grace"]).await;

    let leaves = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", id_of(&other)) }]);
    acme.operations(&format!("/Groups/{engines}"), leaves).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"], &["grace@example.com", "Viewer"]]).await;
    place.until("SELECT name FROM signals", &[]).await;

    assert_eq!(deactivated(&acme, &stored).await.0, 409);
    assert_eq!(deactivated(&acme, &other).await.0, 200, "a Viewer");
}

/// Between the change and the signal of it the identity provider is told 200: then the product keeps its last Admin itself.
#[tokio::test]
async fn applivery_15_while_the_signal_is_on_its_way_the_product_keeps_the_last_admin_until_there_is_another_one() {
    let place = Place::start().await;
    let hidden = muster_file(&place).with_extension("hidden");
    std::fs::rename(muster_file(&place), &hidden).unwrap();
    let acme = dashboard(&place, "Admin", "refuse").await;
    let stored = pushed(&acme, &ada()).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"]]).await;

    assert_eq!(deactivated(&acme, &stored).await.0, 200);
    let tasks = place.at_rest().await;

    let parked = tasks.iter().find(|task| task["standing"] == "parked").expect("a person decides");
    assert_eq!(parked["action"], "dashboard.remove-collaborator");
    assert_eq!(place.rows(COLLABORATORS), [["ada@example.com", "Admin"]]);
    let other = pushed(&acme, &person("Grace", "Murray")).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"], &["grace@example.com", "Admin"]]).await;
    place.app.admin_post("/tenants/acme/tasks/replay", json!({ "standing": "parked" })).await.expect(200);
    place.until(COLLABORATORS, &[&["grace@example.com", "Admin"]]).await;

    let waiting =
        [["last-admin", id_of(&stored)], ["no-longer-last-admin", id_of(&stored)], ["last-admin", id_of(&other)]];
    assert_eq!(place.rows("SELECT name, user FROM signals ORDER BY number"), waiting);
    std::fs::rename(&hidden, muster_file(&place)).unwrap();
    are_admins(&place, &["grace"]).await;
    let known = (is_last_admin(&place, &stored).await, is_last_admin(&place, &other).await);
    assert_eq!(known, (json!(null), json!(true)), "what could not be told was told later, in its order");
}
