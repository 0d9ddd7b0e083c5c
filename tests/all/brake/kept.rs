//! What a product has kept because its loss was cancelled does not go with a later deletion unseen.

use std::time::Duration;

use muster_service::MAX_ENTRIES_OF_A_LOSS;
use muster_test_harness::{PATCH_OP, TenantClient, TestApp};
use serde_json::{Value, json};

use super::decisions::braked;
use super::{Braked as _, Noting, activate, cancel_all, deactivate, delivering};
use crate::deprovision::many;

async fn delete(tenant: &TenantClient, users: &[String]) {
    for id in users {
        tenant.delete(&format!("/Users/{id}")).await.expect(204);
    }
}

/// What was carried out of somebody.
fn of(carrier: &Noting, user: &str) -> Vec<String> {
    carrier.of("acme").into_iter().filter(|done| done.id == user).map(|done| done.action).collect()
}

async fn counted(app: &TestApp) -> Value {
    app.brake("acme").await["counted"]["users"].clone()
}

#[tokio::test]
async fn who_kept_their_access_by_a_cancellation_does_not_lose_it_by_a_deletion_unseen() {
    let (app, carrier) = delivering().await;
    let (acme, users) = braked(&app).await;
    cancel_all(&app, "acme").await;
    app.advance(Duration::from_hours(2));
    let (base, token) = (acme.base.replace(&app.scim, ""), acme.token.clone());
    let app = app.restart().await;
    let acme = app.client(&base, &token);

    // The identity provider goes on: whom it has switched off it deletes.
    delete(&acme, &users[..2]).await;
    assert_eq!(app.at_rest("acme").await["held"], Value::Null, "two are no accident");
    delete(&acme, &users[2..6]).await;

    assert_eq!(app.engaged("acme").await["why"], "3 of 5 users were deactivated or deleted within 60 minutes");
    assert_eq!(app.at_rest("acme").await["held"], 4);
    assert_eq!(counted(&app).await, 6, "and so many by now");
    assert_eq!(of(&carrier, &users[0]), ["send-invitation", "disable", "remove"]);
    for id in &users[2..6] {
        assert_eq!(of(&carrier, id), ["send-invitation"], "the product has them still");
    }
}

#[tokio::test]
async fn who_was_let_in_again_and_has_left_since_is_tidied_away_freely() {
    let (app, _) = delivering().await;
    let (acme, users) = braked(&app).await;
    cancel_all(&app, "acme").await;
    for id in &users[2..4] {
        activate(&acme, id).await;
        deactivate(&acme, id).await;
    }
    assert_eq!(app.at_rest("acme").await["held"], Value::Null);
    // Of the second one so much is told afterwards that nobody looks as far back as to that.
    let rename = |number: usize| {
        let operation = json!({ "op": "replace", "path": "displayName", "value": format!("Number {number}") });
        let data = json!({ "schemas": [PATCH_OP], "Operations": [operation] });
        json!({ "method": "PATCH", "path": format!("/Users/{}", users[3]), "data": data })
    };
    for half in [0..MAX_ENTRIES_OF_A_LOSS / 2, MAX_ENTRIES_OF_A_LOSS / 2..MAX_ENTRIES_OF_A_LOSS] {
        let answers = many::bulk(&acme, half.map(rename).collect()).await;
        assert!(answers.iter().all(|answer| answer["status"] == "200"), "{:?}", answers.first());
    }
    app.advance(Duration::from_hours(2));

    delete(&acme, &users[2..3]).await;
    assert_eq!(counted(&app).await, 0, "the loss that counts is the latest one");
    delete(&acme, &users[3..4]).await;
    assert_eq!(counted(&app).await, 1, "what nobody looks at is taken to be a loss");
}

#[tokio::test]
async fn what_was_cancelled_by_name_is_a_loss_when_it_is_deleted_and_what_was_released_is_none() {
    let (app, carrier) = delivering().await;
    let (acme, users) = braked(&app).await;
    app.relieve("acme", "cancel", json!({ "users": [users[2]] })).await;
    app.relieve("acme", "release", json!({ "all": true })).await;
    assert_eq!(app.at_rest("acme").await["cancelled"], 1);
    app.advance(Duration::from_hours(2));

    delete(&acme, &users[3..6]).await;
    assert_eq!(counted(&app).await, 0);
    delete(&acme, &users[2..3]).await;
    assert_eq!(counted(&app).await, 1);
    app.at_rest("acme").await;
    assert_eq!(of(&carrier, &users[2]), ["send-invitation", "remove"], "one is no accident");
}
