use muster_idp::{Person, okta};
use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, field};
use serde_json::json;

use super::{acme, ada, ada_is_pushed, id_of, okta_of, planned, task};

#[tokio::test]
async fn secoda_07_a_new_user_is_invited_by_mail_once() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let stored = ada_is_pushed(&acme).await;

    let id = id_of(&stored);
    let expected = json!({
        "state": "invited",
        "listed": false,
        "keys": [
            { "attribute": "userName", "value": "ada@example.com" },
            { "attribute": "emails.value", "value": "ada@example.com" },
        ],
        "fields": [
            { "name": "email", "value": { "text": "ada@example.com" } },
            { "name": "name", "value": { "text": "Ada Byron" } },
            { "name": "was_invited", "value": { "boolean": true } },
            { "name": "has_signed_in", "value": { "boolean": false } },
        ],
    });
    assert_eq!(app.account("acme", id).await, expected);
    let tasks = app.tasks("acme").await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!((&tasks[0]["action"], &tasks[0]["id"]), (&json!("send-invitation"), &json!(id)));
    let arguments = json!([
        { "name": "user", "value": { "text": id } },
        { "name": "email", "value": { "text": "ada@example.com" } },
    ]);
    assert_eq!(tasks[0]["arguments"], arguments);
    assert_eq!((&tasks[0]["destructive"], &tasks[0]["change"]), (&json!(false), &json!(1)));
}

#[tokio::test]
async fn secoda_08_a_repeated_push_is_409_and_sends_no_second_invitation() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;

    let again = okta.send(&okta::create_user(&ada())).await.unwrap();
    okta.expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap();
    let renamed = Person { family: "Lovelace".to_owned(), ..ada() };
    okta.expect(&okta::update_user(&stored, &renamed), &[200]).await.unwrap();

    assert_eq!(again.status, 409);
    assert_eq!(again.body, error(409, Some("uniqueness"), "userName is already in use"));
    assert_eq!(planned(&app).await, [task("send-invitation", id_of(&stored))]);
}

#[tokio::test]
async fn secoda_09_an_invited_user_is_not_listed_in_the_product_and_always_seen_by_scim() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let stored = ada_is_pushed(&acme).await;

    let account = app.account("acme", id_of(&stored)).await;
    assert_eq!((&account["listed"], &account["state"]), (&json!(false), &json!("invited")));
    assert_eq!(acme.get(&format!("/Users/{}", id_of(&stored))).await.expect(200), stored);
    assert_eq!(acme.get("/Users").await.expect(200)["Resources"], json!([stored]));
    let found = okta_of(&acme).expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body;
    assert_eq!(found["Resources"], json!([stored]));
}

#[tokio::test]
async fn secoda_10_an_invited_user_is_active_on_the_wire() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let stored = ada_is_pushed(&acme).await;

    assert_eq!(stored["active"], true);
    assert_eq!(acme.ids("/Users", "active eq true").await, [id_of(&stored)]);
}

#[tokio::test]
async fn secoda_11_a_push_is_no_sign_in() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;
    let renamed = Person { family: "Lovelace".to_owned(), ..ada() };

    okta_of(&acme).expect(&okta::update_user(&stored, &renamed), &[200]).await.unwrap();

    let account = app.account("acme", id_of(&stored)).await;
    assert_eq!((&account["state"], &account["listed"]), (&json!("invited"), &json!(false)));
    assert_eq!(field(&account, "name"), "Ada Lovelace");
}

#[tokio::test]
async fn secoda_12_active_false_disables_and_active_true_enables_by_put_and_by_patch() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let stored = ada_is_pushed(&acme).await;
    let grace = acme.user("grace@example.com").await;
    let patch = |active: bool| json!([{ "op": "replace", "value": { "active": active } }]);
    let path = format!("/Users/{grace}");

    let mut answers = Vec::new();
    let mut states = Vec::new();
    for active in [false, true] {
        let put = okta::update_user(&stored, &Person { active, ..ada() });
        answers.push(okta.expect(&put, &[200]).await.unwrap().body["active"].clone());
        answers.push(acme.operations(&path, patch(active)).await.expect(200)["active"].clone());
        states.push(app.account("acme", id_of(&stored)).await["state"].clone());
        states.push(app.account("acme", &grace).await["state"].clone());
    }

    assert_eq!(answers, [false, false, true, true]);
    assert_eq!(states, ["disabled", "disabled", "invited", "invited"], "nobody has signed in yet");
    let expected = [
        task("send-invitation", id_of(&stored)),
        task("send-invitation", &grace),
        task("disable", id_of(&stored)),
        task("disable", &grace),
        task("enable", id_of(&stored)),
        task("enable", &grace),
    ];
    assert_eq!(planned(&app).await, expected, "and no second invitation");
}

#[tokio::test]
async fn secoda_15_a_user_created_disabled_is_invited_when_activated() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let disabled = Person { active: false, ..ada() };

    let stored = okta_of(&acme).expect(&okta::create_user(&disabled), &[201]).await.unwrap().body;

    assert_eq!(stored["active"], false);
    assert_eq!(app.account("acme", id_of(&stored)).await["state"], "disabled");
    assert_eq!(planned(&app).await, []);
    okta_of(&acme).expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap();
    assert_eq!(app.account("acme", id_of(&stored)).await["state"], "invited");
    assert_eq!(planned(&app).await, [task("send-invitation", id_of(&stored))]);
}

#[tokio::test]
async fn secoda_15_where_the_setting_says_so_a_user_created_disabled_is_invited_at_once() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "secoda", json!({ "invite_disabled_users": true })).await;
    let disabled = Person { active: false, ..ada() };

    let stored = okta_of(&acme).expect(&okta::create_user(&disabled), &[201]).await.unwrap().body;

    assert_eq!(app.account("acme", id_of(&stored)).await["state"], "disabled");
    assert_eq!(planned(&app).await, [task("send-invitation", id_of(&stored))]);
    okta_of(&acme).expect(&okta::update_user(&stored, &ada()), &[200]).await.unwrap();
    assert_eq!(planned(&app).await[1..], [task("enable", id_of(&stored))], "and not again");
}

#[tokio::test]
async fn a_deleted_user_is_removed_and_may_be_invited_anew() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let stored = ada_is_pushed(&acme).await;

    acme.delete(&format!("/Users/{}", id_of(&stored))).await.expect(204);
    let new = ada_is_pushed(&acme).await;

    assert_ne!(new["id"], stored["id"]);
    let removed = task("remove", id_of(&stored));
    let invited = |user| task("send-invitation", id_of(user));
    assert_eq!(planned(&app).await, [invited(&stored), removed, invited(&new)]);
    assert_eq!(app.tasks("acme").await[1]["destructive"], true, "the brake may hold it");
}
