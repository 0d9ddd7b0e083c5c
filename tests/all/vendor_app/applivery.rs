use muster_idp::Person;
use muster_test_harness::TenantClient;
use serde_json::{Value, json};
use vendor_app::Product;

use super::{Place, ada, id_of, person, pushed, updated};

const STORE: &str = "SELECT email FROM applivery_employees WHERE audience = 'store' ORDER BY email";
pub(super) const COLLABORATORS: &str =
    "SELECT c.email, r.role FROM applivery_collaborators c JOIN applivery_roles r USING (id) ORDER BY c.email";
const PORTAL: &str = "SELECT email FROM applivery_employees WHERE audience = 'mdm' ORDER BY email";
const DEVICES: &str = "SELECT d.model, coalesce(e.email, ''), d.policy FROM applivery_devices d
                       LEFT JOIN applivery_employees e ON e.audience = 'mdm' AND e.id = d.owner ORDER BY d.number";

/// Ada and Grace, each with a phone and a laptop, and then Ada is deactivated; all tasks are carried out.
async fn ada_goes(on_deactivate: &str) -> Place {
    let place = Place::start().await;
    let mdm = json!({ "on_create": "create-employee", "on_deactivate": on_deactivate, "policy": "locked" });
    let acme = place.acme(Product::Applivery, json!({ "mdm": mdm })).await;
    let stored = pushed(&acme, &ada()).await;
    let other = pushed(&acme, &person("Grace", "Murray")).await;
    place.until(PORTAL, &[&["ada@example.com"], &["grace@example.com"]]).await;
    for resource in [&stored, &other] {
        place.click(&format!("/applivery/{}/device", id_of(resource))).await;
    }
    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    for task in place.at_rest().await {
        assert_eq!(task["standing"], "done", "{task}");
    }
    place
}

/// The devices as they stand, without the order in which the two were handed theirs.
fn devices(place: &Place) -> Vec<String> {
    let mut devices: Vec<String> = place.rows(DEVICES).into_iter().map(|device| device.join(" ")).collect();
    devices.sort();
    devices
}

const GRACES: [&str; 2] = ["laptop grace@example.com standard", "phone grace@example.com standard"];

/// Ada in the Enterprise Store of a product that loses every second answer.
async fn in_the_store() -> (Place, TenantClient, Value) {
    let place = Place::that_loses(2).await;
    let store = json!({ "on_create": "create-employee", "on_deactivate": "remove-employee" });
    let acme = place.acme(Product::Applivery, json!({ "store": store })).await;
    let stored = pushed(&acme, &ada()).await;
    place.until(STORE, &[&["ada@example.com"]]).await;
    (place, acme, stored)
}

#[tokio::test]
async fn applivery_07_an_employee_is_in_the_store_once_and_nowhere_else() {
    let (place, _, stored) = in_the_store().await;

    place.at_rest().await;

    assert_eq!(place.rows("SELECT audience, id FROM applivery_employees"), [["store", id_of(&stored)]]);
    assert!(place.rows(COLLABORATORS).is_empty());
}

#[tokio::test]
async fn applivery_09_the_employee_is_gone_from_the_store_and_comes_back_under_the_same_id() {
    let (place, acme, stored) = in_the_store().await;

    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    place.until(STORE, &[]).await;
    updated(&acme, &stored, &ada()).await;

    place.until("SELECT id FROM applivery_employees", &[&[id_of(&stored)]]).await;
}

/// What an audience has of Ada before and after she is deactivated, where the configuration has it do nothing then.
async fn left_alone(config: Value, questions: &[&str]) {
    let place = Place::start().await;
    let acme = place.acme(Product::Applivery, config).await;
    let stored = pushed(&acme, &ada()).await;
    place.at_rest().await;
    let all = || questions.iter().map(|question| place.rows(question)).collect::<Vec<_>>();
    let before = all();
    assert!(before.iter().all(|rows| rows.len() == 1), "{before:?}");

    updated(&acme, &stored, &Person { active: false, ..ada() }).await;
    place.at_rest().await;

    assert_eq!(all(), before);
}

#[tokio::test]
async fn applivery_08_an_employee_of_the_store_is_left_alone() {
    left_alone(json!({ "store": { "on_create": "create-employee" } }), &[STORE]).await;
}

#[tokio::test]
async fn applivery_13_a_collaborator_is_left_alone() {
    let dashboard = json!({ "on_create": "create-collaborator", "role": "Viewer" });
    left_alone(json!({ "dashboard": dashboard }), &[COLLABORATORS]).await;
}

#[tokio::test]
async fn applivery_18_an_employee_of_the_portal_and_the_devices_are_left_alone() {
    let mdm = json!({ "on_create": "create-employee", "on_deactivate": "nothing" });
    left_alone(json!({ "mdm": mdm }), &[PORTAL, DEVICES]).await;
}

/// Ada as an Editor of the Dashboard.
async fn an_editor() -> (Place, TenantClient, Value) {
    let place = Place::start().await;
    let dashboard =
        json!({ "on_create": "create-collaborator", "role": "Editor", "on_deactivate": "remove-collaborator" });
    let acme = place.acme(Product::Applivery, json!({ "dashboard": dashboard })).await;
    let stored = pushed(&acme, &ada()).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Editor"]]).await;
    (place, acme, stored)
}

#[tokio::test]
async fn applivery_11_the_collaborator_of_the_product_has_exactly_the_role() {
    let (place, ..) = an_editor().await;

    place.at_rest().await;

    assert_eq!(place.rows(COLLABORATORS), [["ada@example.com", "Editor"]]);
    assert!(place.rows(STORE).is_empty() && place.rows(PORTAL).is_empty());
}

#[tokio::test]
async fn applivery_14_the_collaborator_of_the_product_is_removed() {
    let (place, acme, stored) = an_editor().await;

    updated(&acme, &stored, &Person { active: false, ..ada() }).await;

    place.until(COLLABORATORS, &[]).await;
}

#[tokio::test]
async fn applivery_04_a_member_of_several_groups_has_the_strongest_role_and_loses_it_with_the_group() {
    let place = Place::start().await;
    let config = json!({
        "dashboard": { "on_create": "create-collaborator", "role": "Viewer" },
        "group_roles": { "Engines": "Editor", "Wheels": "Admin" },
    });
    let acme = place.acme(Product::Applivery, config).await;
    let stored = pushed(&acme, &ada()).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Viewer"]]).await;

    acme.group("Engines", &[id_of(&stored)]).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Editor"]]).await;
    let wheels = acme.group("Wheels", &[id_of(&stored)]).await;
    place.until(COLLABORATORS, &[&["ada@example.com", "Admin"]]).await;
    acme.delete(&format!("/Groups/{wheels}")).await.expect(204);

    place.until(COLLABORATORS, &[&["ada@example.com", "Editor"]]).await;
}

#[tokio::test]
async fn applivery_17_an_employee_of_the_portal_is_created_once_though_answers_are_lost() {
    let place = Place::that_loses(2).await;
    let acme = place.acme(Product::Applivery, json!({ "mdm": { "on_create": "create-employee" } })).await;

    let stored = pushed(&acme, &ada()).await;
    place.until(PORTAL, &[&["ada@example.com"]]).await;
    updated(&acme, &stored, &ada()).await;
    place.at_rest().await;

    assert_eq!(place.rows(DEVICES), [["phone", "ada@example.com", "standard"]], "who comes once gets one phone");
}

#[tokio::test]
async fn applivery_19_unassigned_devices_are_nobodys_and_the_employee_stays() {
    let place = ada_goes("unassign").await;

    assert_eq!(place.rows(PORTAL), [["ada@example.com"], ["grace@example.com"]]);
    assert_eq!(devices(&place), ["laptop  standard", GRACES[0], "phone  standard", GRACES[1]]);
}

#[tokio::test]
async fn applivery_20_the_devices_have_the_policy_and_their_owner() {
    let place = ada_goes("change-policy").await;

    assert_eq!(place.rows(PORTAL).len(), 2);
    let expected = ["laptop ada@example.com locked", GRACES[0], "phone ada@example.com locked", GRACES[1]];
    assert_eq!(devices(&place), expected);
}

#[tokio::test]
async fn applivery_21_the_employee_is_removed_and_the_devices_stay() {
    let place = ada_goes("remove-user").await;

    assert_eq!(place.rows(PORTAL), [["grace@example.com"]]);
    assert_eq!(devices(&place), ["laptop  standard", GRACES[0], "phone  standard", GRACES[1]]);
}

#[tokio::test]
async fn applivery_22_the_employee_and_the_devices_are_removed_and_those_of_others_stay() {
    let place = ada_goes("remove-user-and-devices").await;

    assert_eq!(place.rows(PORTAL), [["grace@example.com"]]);
    assert_eq!(devices(&place), GRACES);
}
