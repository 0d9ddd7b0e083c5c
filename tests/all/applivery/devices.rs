//! The MDM Portal: what becomes of an employee and of the devices.

use serde_json::{Value, json};

use super::{Product, acme_of, ada_is_gone, ada_is_pushed, at_rest, details, id_of, tenant};

/// What the product was asked when Ada, who is an employee with devices, was deactivated: once, however often it is said.
async fn on_deactivation(choice: &str) -> Vec<(String, Value)> {
    let product = Product::start().await;
    let mdm = json!({ "on_create": "create-employee", "on_deactivate": choice, "policy": "locked" });
    let (app, acme) = acme_of(&product, json!({ "mdm": mdm })).await;
    let stored = ada_is_pushed(&acme).await;
    for _ in 0..2 {
        assert_eq!(ada_is_gone(&acme, &stored).await["active"], false);
    }
    let tasks = at_rest(&app).await;
    assert!(tasks.iter().all(|task| task["standing"] == "done"), "{tasks:?}");
    let asked = product.heard();
    assert_eq!(asked[0].line, format!("PUT /v1/mdm/employees/{}", id_of(&stored)));
    asked[1..].iter().map(|call| (call.line.replace(id_of(&stored), "ADA"), call.body.clone())).collect()
}

#[tokio::test]
async fn applivery_16_where_the_portal_creates_nobody_no_employee_appears() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, json!({ "mdm": { "on_create": "none" } })).await;

    ada_is_pushed(&acme).await;

    assert_eq!((at_rest(&app).await, product.heard()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn applivery_17_an_employee_of_the_portal_is_created_once() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, json!({ "mdm": { "on_create": "create-employee" } })).await;

    let stored = ada_is_pushed(&acme).await;
    at_rest(&app).await;

    let [call] = &product.heard()[..] else { panic!("{:?}", product.heard()) };
    assert_eq!((&call.line, &call.body), (&format!("PUT /v1/mdm/employees/{}", id_of(&stored)), &details()));
}

#[tokio::test]
async fn applivery_18_nothing_is_no_effect() {
    assert_eq!(on_deactivation("nothing").await, []);
}

#[tokio::test]
async fn applivery_19_unassign_takes_the_devices_from_an_employee_who_stays() {
    let expected = ("DELETE /v1/mdm/employees/ADA/devices".to_owned(), Value::Null);
    assert_eq!(on_deactivation("unassign").await, [expected]);
}

#[tokio::test]
async fn applivery_20_change_policy_gives_the_devices_the_chosen_policy_which_must_be_named() {
    let expected = ("PATCH /v1/mdm/employees/ADA/devices".to_owned(), json!({ "policy": "locked" }));
    assert_eq!(on_deactivation("change-policy").await, [expected]);

    let app = muster_test_harness::TestApp::start().await;
    tenant(&app, "acme", json!({})).await;
    for (mdm, sentence) in [
        (json!({ "on_deactivate": "change-policy" }), "whoever changes the policy has to say to which"),
        (json!({ "on_deactivate": "change-policy", "policy": "" }), "/mdm/policy"),
    ] {
        let refused = app.bind("acme", "applivery", json!({ "mdm": mdm })).await;
        assert!(refused.text.contains(sentence), "{}", refused.text);
        refused.expect(400);
    }
}

#[tokio::test]
async fn applivery_21_remove_user_keeps_the_devices() {
    let expected = ("DELETE /v1/mdm/employees/ADA?devices=keep".to_owned(), Value::Null);
    assert_eq!(on_deactivation("remove-user").await, [expected]);
}

#[tokio::test]
async fn applivery_22_remove_user_and_devices_removes_both_of_this_employee_alone() {
    let expected = ("DELETE /v1/mdm/employees/ADA?devices=remove".to_owned(), Value::Null);
    assert_eq!(on_deactivation("remove-user-and-devices").await, [expected]);
}
