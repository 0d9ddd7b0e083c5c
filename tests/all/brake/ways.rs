//! However somebody loses their access, it is counted.

use std::time::Duration;

use muster_test_harness::{TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Braked as _, Noting, PATIENCE, activate, deactivate, delivering, only_count, tenant, users_of};
use crate::perform::endpoint::{Endpoint, says};

/// Of six, three at most are carried out (those that were, before the fourth came), and the others are held.
async fn three_at_most_are_carried_out(app: &TestApp, carrier: &Noting, name: &str) {
    assert_eq!(app.engaged(name).await["count"], 4);
    let (counts, ended) = (app.at_rest(name).await, carrier.ended(name).len());
    assert!(ended <= 3, "{name}: {ended} were carried out");
    assert_eq!(counts["held"], 6 - ended, "{name}: {counts}");
}

async fn six(app: &TestApp, name: &str) -> (TenantClient, Vec<String>) {
    let made = tenant(app, name, 8).await;
    app.set_brake(name, only_count(3)).await;
    (made.0, made.1[..6].to_vec())
}

#[tokio::test]
async fn by_patch_put_delete_and_bulk() {
    let (app, carrier) = delivering().await;
    let (patch, users) = six(&app, "patch").await;
    for id in &users {
        deactivate(&patch, id).await;
    }
    three_at_most_are_carried_out(&app, &carrier, "patch").await;

    let (put, users) = six(&app, "put").await;
    for (number, id) in users.iter().enumerate() {
        let body = json!({ "schemas": [USER], "userName": format!("u{number}@example.com"), "active": false });
        put.put(&format!("/Users/{id}"), body).await.expect(200);
    }
    three_at_most_are_carried_out(&app, &carrier, "put").await;

    let (delete, users) = six(&app, "delete").await;
    for id in &users {
        delete.delete(&format!("/Users/{id}")).await.expect(204);
    }
    three_at_most_are_carried_out(&app, &carrier, "delete").await;
    assert_eq!(delete.get(&format!("/Users/{}", users[5])).await.status, 404, "the write is made all the same");

    let (bulk, users) = six(&app, "bulk").await;
    let operations = users.iter().map(|id| json!({ "method": "DELETE", "path": format!("/Users/{id}") }));
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations.collect::<Vec<_>>() });
    let answer = bulk.post("/Bulk", body).await.expect(200);
    assert!(answer["Operations"].as_array().unwrap().iter().all(|one| one["status"] == "204"), "{answer}");
    three_at_most_are_carried_out(&app, &carrier, "bulk").await;
}

#[tokio::test]
async fn by_taking_active_away_which_makes_nobody_two() {
    let (app, _) = delivering().await;
    // With the settings that a tenant has from the beginning: ten are half of twenty.
    let (acme, users) = tenant(&app, "acme", 20).await;
    let away = json!([{ "op": "remove", "path": "active" }]);
    for (number, id) in users.iter().enumerate() {
        let answer = acme.operations(&format!("/Users/{id}"), away.clone()).await.expect(200);
        assert_eq!(answer["active"], Value::Null);
        if number == 8 {
            assert_eq!(app.brake("acme").await["engaged"], Value::Null, "nine are not half");
        }
    }
    assert_eq!(app.engaged("acme").await["why"], "10 of 20 users were deactivated or deleted within 60 minutes");
    let held = app.at_rest("acme").await["held"].as_u64().unwrap();
    assert!(held >= 11, "the tenth and all others: {held}");
}

#[tokio::test]
async fn by_requests_that_are_answered_before_they_are_carried_out() {
    let endpoint = Endpoint::start("told.example", says("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")).await;
    let mut builder = TestApp::builder().delivering();
    builder.config.delivery.ca_file = endpoint.ca_file.clone();
    builder.config.delivery.hosts.insert("told.example".to_owned(), endpoint.address.to_string());
    let app = builder.start().await;
    let (acme, users) = six(&app, "acme").await;
    let events = ["async.response", "user.deleted"];
    let told = json!({ "name": "told", "url": "https://told.example/hooks", "events": events });
    app.admin_post("/tenants/acme/webhooks", told).await.expect(201);
    for id in &users {
        let request = acme.request(Method::DELETE, &format!("/Users/{id}")).bearer_auth(&acme.token);
        let answer = acme.send(request.header("prefer", "respond-async")).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    assert_eq!(app.engaged("acme").await["count"], 4);
    // Three may have been told before the fourth was deleted.
    let held = async {
        loop {
            let tasks = app.tasks("acme").await;
            let deleted: Vec<&Value> = tasks.iter().filter(|task| task["action"] == "user.deleted").collect();
            let held = deleted.iter().filter(|task| task["standing"] == "held").count();
            if deleted.len() == 6 && held >= 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.expect("the others are held");
    let told = endpoint.heard().iter().filter(|request| request.contains("user.deleted")).count();
    assert!(told <= 3, "{told} were told");
    assert_eq!(acme.get(&format!("/Users/{}", users[5])).await.status, 404, "the write is made all the same");
}

#[tokio::test]
async fn by_an_undo() {
    let (app, carrier) = delivering().await;
    let acme = app.tenants_of_secoda("acme").await;
    app.set_brake("acme", only_count(3)).await;
    let mut users = users_of(&acme, 2).await;
    for number in 0..6 {
        let new = json!({ "schemas": [USER], "userName": format!("off{number}@example.com"), "active": false });
        users.push(acme.post("/Users", new).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(app.brake("acme").await["counted"]["users"], 0, "who never had access has lost none");
    let from = app.log("acme").await.last().unwrap()["at"].as_str().unwrap().to_owned();
    app.advance(Duration::from_secs(10));
    for id in &users[2..] {
        activate(&acme, id).await;
    }
    app.at_rest("acme").await;
    app.advance(Duration::from_secs(10));
    let between = |text: &str| text.replace(":00.000Z", ":05.000Z");
    let body = json!({ "from": between(&from), "to": "2026-12-01T00:00:00Z" });
    let undone = app.admin_post("/tenants/acme/undo", body).await.expect(200);
    assert_eq!(undone["undone"], 6, "{undone}");
    three_at_most_are_carried_out(&app, &carrier, "acme").await;
}

#[tokio::test]
async fn a_share_of_many_and_half_of_a_few() {
    let (app, carrier) = delivering().await;
    let (share, users) = tenant(&app, "share", 20).await;
    app.set_brake("share", json!({ "count": 2, "share_percent": 25, "half_from": 0 })).await;
    for id in &users[..5] {
        deactivate(&share, id).await;
    }
    assert_eq!(app.at_rest("share").await["held"], Value::Null, "5 of 20 are not more than 25 %");
    deactivate(&share, &users[5]).await;
    assert_eq!(app.engaged("share").await["why"], "6 of 20 users were deactivated or deleted within 60 minutes");

    // With the settings that a tenant has from the beginning.
    let (five, users) = tenant(&app, "five", 5).await;
    for id in &users[..4] {
        deactivate(&five, id).await;
    }
    assert_eq!(app.at_rest("five").await["held"], Value::Null, "a few leavers of a small tenant are no accident");
    let (nine, users) = tenant(&app, "nine", 9).await;
    for id in &users {
        deactivate(&nine, id).await;
    }
    assert_eq!(app.engaged("nine").await["why"], "5 of 9 users were deactivated or deleted within 60 minutes");
    let (counts, ended) = (app.at_rest("nine").await, carrier.ended("nine").len());
    assert!(ended <= 4, "but all of them are: {ended} were carried out");
    assert_eq!(counts["held"], 9 - ended);
}
