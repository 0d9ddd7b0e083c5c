//! What receivers are told while the brake is engaged: nothing that takes an access away, of users or of groups.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_test_harness::TestApp;
use serde_json::{Value, json};

use super::{Braked as _, PATIENCE, cancel_all, delivering, tenant};

/// How many tasks of a queue stand how, by what they tell.
async fn told(app: &TestApp, queue: &str) -> BTreeMap<(String, String), usize> {
    let mut told = BTreeMap::new();
    for task in app.tasks("acme").await.into_iter().filter(|task| task["queue"] == queue) {
        let text = |name: &str| task[name].as_str().unwrap().to_owned();
        *told.entry((text("action"), text("standing"))).or_default() += 1;
    }
    told
}

/// Waits until a queue has so many that tell this and stand so.
async fn until(app: &TestApp, queue: &str, action: &str, standing: &str, count: usize) {
    let so = async {
        while told(app, queue).await.get(&(action.to_owned(), standing.to_owned())) != Some(&count) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, so).await.is_err() {
        panic!("{count} {action} {standing}: {:?}", told(app, queue).await);
    }
}

#[tokio::test]
async fn an_accident_that_empties_groups_takes_no_licences_away_at_receivers() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 8).await;
    for (name, is_braked) in [("crm", true), ("audit", false)] {
        let new = json!({ "name": name, "url": format!("https://{name}.example/hooks"), "is_braked": is_braked });
        app.admin_post("/tenants/acme/webhooks", new).await.expect(201);
    }
    app.set_brake("acme", json!({ "count": 3, "share_percent": 100, "half_from": 0 })).await;
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    let (licences, small) = (acme.group("licences", &members).await, acme.group("small", &members[..2]).await);
    // One who leaves a group is told of: nothing is engaged.
    let one = |id: &str| json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
    acme.operations(&format!("/Groups/{small}"), one(&users[0])).await;
    until(&app, "webhook:crm", "group.member-removed", "done", 1).await;

    let clear = json!([{ "op": "remove", "path": "members" }]);
    acme.operations(&format!("/Groups/{licences}"), clear).await;
    assert_eq!(app.engaged("acme").await["group"], json!({ "id": licences, "name": "licences" }));
    acme.operations(&format!("/Groups/{small}"), one(&users[1])).await;
    acme.delete(&format!("/Groups/{small}")).await.expect(204);
    let rename = json!([{ "op": "replace", "path": "userName", "value": "new@example.com" }]);
    acme.operations(&format!("/Users/{}", users[0]), rename).await.expect(200);
    acme.group("others", &members[..1]).await;

    until(&app, "webhook:audit", "group.deleted", "done", 1).await;
    until(&app, "webhook:audit", "group.member-removed", "done", 3).await;
    until(&app, "webhook:crm", "group.created", "done", 3).await;
    until(&app, "webhook:crm", "user.updated", "done", 1).await;
    // Of one group the first is held, and the others wait behind it.
    until(&app, "webhook:crm", "group.member-removed", "held", 2).await;
    let of_crm = told(&app, "webhook:crm").await;
    let is_told = |action: &str, standing: &str| of_crm.contains_key(&(action.to_owned(), standing.to_owned()));
    assert!(!is_told("group.deleted", "done") && is_told("group.deleted", "waiting"), "{of_crm:?}");
    let listed = app.admin_get("/tenants/acme/brake/held").await.expect(200);
    let of_group = |task: &&Value| task["id"] == licences.as_str();
    let task = listed["held"].as_array().unwrap().iter().find(of_group).unwrap().clone();
    assert_eq!((&task["name"], &task["resource_type"]), (&json!("licences"), &json!("Group")), "{task}");

    let one = app.relieve("acme", "release", json!({ "users": [licences] })).await;
    assert_eq!(one["decided"], 1, "a group is named by id: {one}");
    until(&app, "webhook:crm", "group.member-removed", "done", 2).await;
    app.relieve("acme", "cancel", json!({ "all": true })).await;
}

#[tokio::test]
async fn a_group_whose_members_were_kept_by_a_cancellation_is_not_deleted_unseen() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 9).await;
    let crm = json!({ "name": "crm", "url": "https://crm.example/hooks" });
    app.admin_post("/tenants/acme/webhooks", crm).await.expect(201);
    app.set_brake("acme", json!({ "count": 3, "share_percent": 100, "half_from": 0 })).await;
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    let (licences, back) = (acme.group("licences", &members[..8]).await, acme.group("back", &members[..8]).await);
    until(&app, "webhook:crm", "group.created", "done", 2).await;
    let clear = json!([{ "op": "remove", "path": "members" }]);
    for group in [&licences, &back] {
        acme.operations(&format!("/Groups/{group}"), clear.clone()).await;
    }
    app.engaged("acme").await;
    until(&app, "webhook:crm", "group.member-removed", "held", 2).await;
    cancel_all(&app, "acme").await;
    // Seven are members of the other one again, and leave it by and by.
    let again: Vec<Value> = users[1..8].iter().map(|id| json!({ "value": id })).collect();
    let add = json!([{ "op": "add", "path": "members", "value": again }]);
    acme.operations(&format!("/Groups/{back}"), add).await;
    for id in &users[1..8] {
        app.advance(Duration::from_hours(2));
        let one = json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
        acme.operations(&format!("/Groups/{back}"), one).await;
    }
    app.advance(Duration::from_hours(2));
    let (base, token) = (acme.base.replace(&app.scim, ""), acme.token.clone());
    let app = app.restart().await;
    let acme = app.client(&base, &token);

    acme.delete(&format!("/Groups/{back}")).await.expect(204);
    let shown = app.brake("acme").await;
    assert_eq!(
        (&shown["engaged"], &shown["counted"]["members"]),
        (&Value::Null, &json!(1)),
        "one is left of it: {shown}"
    );
    until(&app, "webhook:crm", "group.deleted", "done", 1).await;
    acme.delete(&format!("/Groups/{licences}")).await.expect(204);
    assert_eq!(app.engaged("acme").await["why"], "a group lost 8 of its 8 members within 60 minutes");
    until(&app, "webhook:crm", "group.deleted", "held", 1).await;
    assert_eq!(app.brake("acme").await["counted"]["members"], 9);
}
