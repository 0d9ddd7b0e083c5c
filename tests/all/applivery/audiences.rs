//! What each audience does when users are created and deactivated.

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{Product, acme_of, ada_is_back, ada_is_gone, ada_is_pushed, at_rest, details, id_of, tenant};

/// What the product was asked after Ada came and went, and how she stands in SCIM.
async fn came_and_went(config: Value) -> (Vec<String>, Value, String) {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, config).await;
    let stored = ada_is_pushed(&acme).await;
    ada_is_gone(&acme, &stored).await;
    let tasks = at_rest(&app).await;
    assert!(tasks.iter().all(|task| task["standing"] == "done"), "{tasks:?}");
    let read = acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200);
    assert_eq!(read["id"], stored["id"]);
    let id = id_of(&stored);
    (product.lines().into_iter().map(|line| line.replace(id, "ADA")).collect(), read["active"].clone(), id.to_owned())
}

#[tokio::test]
async fn applivery_06_where_the_store_creates_nobody_the_push_succeeds_and_no_employee_appears() {
    let (asked, active, _) = came_and_went(json!({ "store": { "on_create": "none" } })).await;
    assert_eq!((asked, active), (Vec::new(), json!(false)));
}

#[tokio::test]
async fn applivery_07_an_employee_of_the_store_is_created_once() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, json!({ "store": { "on_create": "create-employee" } })).await;

    let stored = ada_is_pushed(&acme).await;
    ada_is_back(&acme, &stored).await;
    at_rest(&app).await;

    let [call] = &product.heard()[..] else { panic!("{:?}", product.heard()) };
    assert_eq!((&call.line, &call.body), (&format!("PUT /v1/store/employees/{}", id_of(&stored)), &details()));
}

#[tokio::test]
async fn applivery_08_where_the_store_does_nothing_on_deactivation_the_employee_is_left_alone() {
    let config = json!({ "store": { "on_create": "create-employee", "on_deactivate": "none" } });
    let (asked, active, _) = came_and_went(config).await;
    assert_eq!((asked, active), (vec!["PUT /v1/store/employees/ADA".to_owned()], json!(false)));
}

#[tokio::test]
async fn applivery_09_an_employee_of_the_store_is_removed_and_comes_back_under_the_same_id() {
    let product = Product::start().await;
    let config = json!({ "store": { "on_create": "create-employee", "on_deactivate": "remove-employee" } });
    let (app, acme) = acme_of(&product, config).await;
    let stored = ada_is_pushed(&acme).await;

    let gone = ada_is_gone(&acme, &stored).await;
    at_rest(&app).await;
    let read = acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200);
    let back = ada_is_back(&acme, &stored).await;
    at_rest(&app).await;

    assert_eq!((&gone["active"], &read["active"], &back["active"]), (&json!(false), &json!(false), &json!(true)));
    assert_eq!(back["id"], stored["id"]);
    let employee = format!("/v1/store/employees/{}", id_of(&stored));
    assert_eq!(product.lines(), ["PUT", "DELETE", "PUT"].map(|method| format!("{method} {employee}")));
    let tasks = app.tasks("acme").await;
    let destructive: Vec<&Value> = tasks.iter().map(|task| &task["destructive"]).collect();
    assert_eq!(destructive, [false, true, false], "the brake may hold a removal");
}

#[tokio::test]
async fn applivery_10_where_the_dashboard_creates_nobody_no_collaborator_appears() {
    let (asked, active, _) = came_and_went(json!({ "dashboard": { "on_create": "none" } })).await;
    assert_eq!((asked, active), (Vec::new(), json!(false)));
}

#[tokio::test]
async fn applivery_11_a_collaborator_has_exactly_the_role_and_none_is_created_without_one() {
    for role in ["Admin", "Editor", "Viewer"] {
        let product = Product::start().await;
        let config = json!({ "dashboard": { "on_create": "create-collaborator", "role": role } });
        let (app, acme) = acme_of(&product, config).await;

        let stored = ada_is_pushed(&acme).await;
        at_rest(&app).await;

        let [call] = &product.heard()[..] else { panic!("{:?}", product.heard()) };
        assert_eq!(call.line, format!("PUT /v1/dashboard/collaborators/{}", id_of(&stored)));
        let mut expected = details();
        expected["role"] = json!(role);
        assert_eq!(call.body, expected);
    }
    let app = TestApp::start().await;
    tenant(&app, "acme", json!({})).await;
    for (dashboard, place) in [
        (json!({ "on_create": "create-collaborator" }), "whoever creates collaborators has to say with which role"),
        (json!({ "on_create": "create-collaborator", "role": "Owner" }), "/dashboard/role"),
        (json!({ "on_create": "create-collaborator", "role": "editor" }), "/dashboard/role"),
    ] {
        let refused = app.bind("acme", "applivery", json!({ "dashboard": dashboard })).await;
        assert!(refused.text.contains(place), "{}", refused.text);
        refused.expect(400);
    }
}

#[tokio::test]
async fn applivery_12_another_role_is_for_those_who_are_created_afterwards() {
    let product = Product::start().await;
    let config = |role: &str, follows: bool| {
        let dashboard = json!({ "on_create": "create-collaborator", "role": role });
        json!({ "dashboard": dashboard, "role_follows_setting": follows })
    };
    let (app, acme) = acme_of(&product, config("Editor", false)).await;
    let stored = ada_is_pushed(&acme).await;

    app.bind("acme", "applivery", config("Viewer", false)).await.expect(200);
    ada_is_back(&acme, &stored).await;
    acme.user("grace@example.com").await;
    at_rest(&app).await;
    let roles: Vec<Value> = product.effects().into_iter().map(|call| call.body["role"].clone()).collect();
    app.bind("acme", "applivery", config("Admin", true)).await.expect(200);
    ada_is_back(&acme, &stored).await;
    at_rest(&app).await;

    assert_eq!(roles, ["Editor", "Viewer"], "hers stays as it was");
    let last = product.effects().pop().unwrap();
    assert_eq!(last.line, format!("PATCH /v1/dashboard/collaborators/{}", id_of(&stored)));
    assert_eq!(last.body["role"], "Admin", "unless the setting has all follow");
}

#[tokio::test]
async fn applivery_13_where_the_dashboard_does_nothing_on_deactivation_the_collaborator_is_left_alone() {
    let dashboard = json!({ "on_create": "create-collaborator", "role": "Editor", "on_deactivate": "none" });
    let (asked, active, _) = came_and_went(json!({ "dashboard": dashboard })).await;
    assert_eq!((asked, active), (vec!["PUT /v1/dashboard/collaborators/ADA".to_owned()], json!(false)));
}

#[tokio::test]
async fn applivery_14_a_collaborator_is_removed() {
    let dashboard = json!({ "on_deactivate": "remove-collaborator" });
    let (asked, active, _) = came_and_went(json!({ "dashboard": dashboard })).await;
    let expected = "DELETE /v1/dashboard/collaborators/ADA?last-admin=refuse";
    assert_eq!((asked, active), (vec![expected.to_owned()], json!(false)));
}
