//! The audiences are configured, carried out and repeated by themselves; each action has its effect once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use muster_idp::{Person, okta};
use serde_json::{Value, json};

use super::product::Said;
use super::{
    Product, acme_of, ada, ada_is_back, ada_is_gone, ada_is_pushed, at_rest, delivering_to, id_of, okta_of, tenant,
};

/// All three audiences.
fn all() -> Value {
    json!({
        "store": { "on_create": "create-employee", "on_deactivate": "remove-employee" },
        "dashboard": { "on_create": "create-collaborator", "role": "Editor", "on_deactivate": "remove-collaborator" },
        "mdm": { "on_create": "create-employee", "on_deactivate": "unassign" },
    })
}

/// What the product is asked when a user is created in all three.
fn creation(id: &str) -> [String; 3] {
    [
        format!("PUT /v1/store/employees/{id}"),
        format!("PUT /v1/dashboard/collaborators/{id}"),
        format!("PUT /v1/mdm/employees/{id}"),
    ]
}

/// And when one is deactivated.
fn deactivation(id: &str) -> [String; 3] {
    [
        format!("DELETE /v1/store/employees/{id}"),
        format!("DELETE /v1/dashboard/collaborators/{id}?last-admin=refuse"),
        format!("DELETE /v1/mdm/employees/{id}/devices"),
    ]
}

#[tokio::test]
async fn applivery_23_an_audience_that_fails_is_repeated_without_the_others_and_each_acts_once() {
    let product = Product::that(|call, before| match (call.line.contains("/dashboard/"), before) {
        (true, 0) => Said::Status(503),
        (true, 1) => Said::Lost,
        (true, _) | (false, _) => Said::Status(200),
    })
    .await;
    let (app, acme) = acme_of(&product, all()).await;
    let stored = ada_is_pushed(&acme).await;
    ada_is_gone(&acme, &stored).await;

    let tasks = at_rest(&app).await;

    assert!(tasks.iter().all(|task| task["standing"] == "done"), "{tasks:?}");
    let id = id_of(&stored);
    assert_eq!(
        product.lines(),
        [creation(id), deactivation(id)].concat(),
        "each once, in the order of what was pushed"
    );
    let mut times = BTreeMap::<String, usize>::new();
    for call in product.heard() {
        *times.entry(call.line).or_default() += 1;
    }
    for (line, times) in times {
        assert_eq!(times, if line.contains("/dashboard/") { 3 } else { 1 }, "{line}");
    }
}

#[tokio::test]
async fn applivery_23_an_audience_that_refuses_for_good_is_parked_and_holds_nobody_up() {
    let product = Product::that(|call, _| match call.line.contains("/store/") {
        true => Said::Status(403),
        false => Said::Status(200),
    })
    .await;
    let (app, acme) = acme_of(&product, all()).await;

    let stored = ada_is_pushed(&acme).await;
    let tasks = at_rest(&app).await;

    let standing: Vec<(&Value, &Value)> = tasks.iter().map(|task| (&task["action"], &task["standing"])).collect();
    assert_eq!(standing[0], (&json!("store.create-employee"), &json!("parked")));
    assert!(standing[1..].iter().all(|(_, standing)| *standing == "done"), "{standing:?}");
    assert_eq!(product.lines(), creation(id_of(&stored))[1..]);
}

#[tokio::test]
async fn applivery_23_a_server_that_is_stopped_while_an_audience_does_not_answer_does_nothing_twice() {
    let product = Product::that(|call, before| match (call.line.contains("/dashboard/"), before) {
        (true, 0) => Said::Silence,
        (true, _) | (false, _) => Said::Status(200),
    })
    .await;
    let mut builder = delivering_to(&product);
    builder.config.delivery.drain_s = 0;
    let app = builder.start().await;
    let acme = tenant(&app, "acme", all()).await;
    let stored = ada_is_pushed(&acme).await;
    product.hears("/dashboard/").await;

    let app = app.restart().await;
    let tasks = at_rest(&app).await;

    assert!(tasks.iter().all(|task| task["standing"] == "done"), "{tasks:?}");
    assert_eq!(product.lines(), creation(id_of(&stored)));
    let store = product.heard().iter().filter(|call| call.line.contains("/store/")).count();
    assert_eq!(store, 1, "what was done is not done again");
}

/// An answer in nine is lost after the effect, one in seven is a refusal without it, and the server is stopped three times meanwhile.
#[tokio::test]
async fn applivery_23_each_action_acts_once_though_answers_are_lost_and_the_server_is_stopped() {
    const USERS: usize = 30;
    let asked = AtomicUsize::new(0);
    let product = Product::that(move |_, _| match asked.fetch_add(1, Ordering::Relaxed) {
        number if number % 9 == 4 => Said::Lost,
        number if number % 7 == 3 => Said::Status(503),
        _ => Said::Status(200),
    })
    .await;
    let mut builder = delivering_to(&product);
    builder.config.delivery.drain_s = 0;
    let mut app = builder.start().await;
    let mut acme = tenant(&app, "acme", all()).await;
    // So many who go at once are not a mistake here.
    app.admin_put("/tenants/acme/brake", json!({ "is_on": false })).await.expect(200);
    let mut expected = Vec::new();
    for number in 0..USERS {
        let id = acme.user(&format!("user{number}@example.com")).await;
        let off = json!([{ "op": "replace", "value": { "active": false } }]);
        acme.operations(&format!("/Users/{id}"), off).await.expect(200);
        expected.push([creation(&id), deactivation(&id)].concat());
        if number % (USERS / 3) == USERS / 6 {
            app = app.restart().await;
            acme = app.client("/scim/v2", &acme.token);
        }
    }

    let tasks = at_rest(&app).await;

    assert_eq!(tasks.len(), 6 * USERS);
    assert!(tasks.iter().all(|task| task["standing"] == "done"), "{tasks:?}");
    let (lines, heard) = (product.lines(), product.heard());
    assert_eq!(lines.len(), 6 * USERS);
    for of_one in expected {
        let own: Vec<&String> = lines.iter().filter(|line| of_one.contains(line)).collect();
        assert_eq!(own, of_one.iter().collect::<Vec<_>>(), "each once, in their order");
    }
    let keys: BTreeSet<(&str, &str)> = heard.iter().map(|call| (call.line.as_str(), call.key.as_str())).collect();
    assert_eq!(keys.len(), 6 * USERS, "a request that is repeated has the key that it had");
    assert!(heard.len() > 7 * USERS, "{} requests: some were repeated", heard.len());
}

#[tokio::test]
async fn applivery_24_a_repeated_deactivation_acts_once_and_a_user_who_is_back_is_created_again() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, all()).await;
    let stored = ada_is_pushed(&acme).await;

    for _ in 0..2 {
        ada_is_gone(&acme, &stored).await;
    }
    for _ in 0..2 {
        ada_is_back(&acme, &stored).await;
    }
    at_rest(&app).await;

    let id = id_of(&stored);
    assert_eq!(product.lines(), [creation(id), deactivation(id), creation(id)].concat());
    let mut config = all();
    config["reactivation"] = json!("nothing");
    app.bind("acme", "applivery", config).await.expect(200);
    ada_is_gone(&acme, &stored).await;
    ada_is_back(&acme, &stored).await;
    at_rest(&app).await;
    assert_eq!(product.lines()[9..], deactivation(id), "unless the setting says otherwise");
}

#[tokio::test]
async fn applivery_25_a_deletion_deactivates_and_removes_the_record() {
    let product = Product::start().await;
    let (app, acme) = acme_of(&product, all()).await;
    let stored = ada_is_pushed(&acme).await;
    let path = format!("/Users/{}", id_of(&stored));

    acme.delete(&path).await.expect(204);
    at_rest(&app).await;

    acme.get(&path).await.expect(404);
    let leaves = |id: &str| format!("DELETE /v1/dashboard/members/{id}?last-admin=refuse");
    let gone = |id: &str| [creation(id).to_vec(), deactivation(id).to_vec(), vec![leaves(id)]].concat();
    let id = id_of(&stored);
    assert_eq!(product.lines(), gone(id));
    // Who was deactivated before is not deactivated once more.
    let again = ada_is_pushed(&acme).await;
    ada_is_gone(&acme, &again).await;
    acme.delete(&format!("/Users/{}", id_of(&again))).await.expect(204);
    at_rest(&app).await;
    let id = id_of(&again);
    assert_eq!(product.lines()[7..], gone(id));
    let mut config = all();
    config["deletion"] = json!("nothing");
    app.bind("acme", "applivery", config).await.expect(200);
    let third = ada_is_pushed(&acme).await;
    acme.delete(&format!("/Users/{}", id_of(&third))).await.expect(204);
    at_rest(&app).await;
    let id = id_of(&third);
    assert_eq!(
        product.lines()[14..],
        [creation(id).to_vec(), vec![leaves(id)]].concat(),
        "unless the setting says otherwise"
    );
}

#[tokio::test]
async fn applivery_26_a_new_name_goes_to_every_object_that_was_made_and_else_changes_the_record_alone() {
    let product = Product::start().await;
    let mut config = all();
    config["mdm"] = json!({ "on_create": "none" });
    let (app, acme) = acme_of(&product, config).await;
    let stored = ada_is_pushed(&acme).await;
    let married = Person { family: "Lovelace".to_owned(), email: "ada.l@example.com".to_owned(), ..ada() };

    let updated = okta_of(&acme).expect(&okta::update_user(&stored, &married), &[200]).await.unwrap().body;
    at_rest(&app).await;

    assert_eq!((&updated["userName"], &updated["displayName"]), (&json!("ada.l@example.com"), &json!("Ada Lovelace")));
    let id = id_of(&stored);
    let expected = [format!("PATCH /v1/store/employees/{id}"), format!("PATCH /v1/dashboard/collaborators/{id}")];
    assert_eq!(product.lines()[2..], expected, "and nothing to the portal");
    for call in &product.effects()[2..] {
        assert_eq!((&call.body["email"], &call.body["name"]), (&json!("ada.l@example.com"), &json!("Ada Lovelace")));
    }
}
