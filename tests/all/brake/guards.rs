//! Groups that are emptied, and users who are all called otherwise.

use muster_test_harness::{GROUP, TenantClient, TestApp};
use serde_json::{Value, json};

use super::{Braked as _, deactivate, delivering, tenant};
use crate::command::on;

/// A tenant whose groups may lose three members, or half of them.
async fn grouped(app: &TestApp, name: &str) -> (TenantClient, Vec<String>, String) {
    let (client, users) = tenant(app, name, 8).await;
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    let group = client.group("everybody", &members).await;
    app.set_brake(name, json!({ "count": 3, "share_percent": 100, "half_from": 0 })).await;
    (client, users, group)
}

#[tokio::test]
async fn a_group_is_not_emptied_unseen_at_once_or_one_by_one_or_with_its_deletion() {
    let (app, carrier) = delivering().await;
    let (at_once, users, group) = grouped(&app, "at-once").await;
    let clear = json!([{ "op": "remove", "path": "members" }]);
    at_once.operations(&format!("/Groups/{group}"), clear).await;
    let engaged = app.engaged("at-once").await;
    assert_eq!(engaged["why"], "a group lost 8 of its 8 members within 60 minutes");
    assert_eq!(engaged["group"], json!({ "id": group, "name": "everybody" }));
    assert_eq!(at_once.members(&group).await, [""; 0], "the write is made");
    deactivate(&at_once, &users[0]).await;
    assert_eq!(app.at_rest("at-once").await["held"], 1, "what destroys is held, whatever the brake was engaged by");
    assert_eq!(carrier.ended("at-once"), [""; 0]);

    let (one_by_one, users, group) = grouped(&app, "one-by-one").await;
    for id in &users[..4] {
        let one = json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]);
        one_by_one.operations(&format!("/Groups/{group}"), one).await;
    }
    assert_eq!(app.brake("one-by-one").await["engaged"], Value::Null, "4 of 8 are not more than half");
    let one = json!([{ "op": "remove", "path": "members", "value": [{ "value": users[4] }] }]);
    one_by_one.operations(&format!("/Groups/{group}"), one).await;
    assert_eq!(app.engaged("one-by-one").await["why"], "a group lost 5 of its 8 members within 60 minutes");

    let (deleted, _, group) = grouped(&app, "deleted").await;
    deleted.delete(&format!("/Groups/{group}")).await.expect(204);
    let engaged = app.engaged("deleted").await;
    assert_eq!(engaged["why"], "a group lost 8 of its 8 members within 60 minutes");
    assert_eq!(engaged["group"], json!({ "id": group, "name": "everybody" }), "which it was called");
    let shown = on(&app, &["brake", "show", "deleted"]).await.text();
    assert!(shown.contains(&format!("\ngroup     everybody ({group})\n")), "{shown}");
}

#[tokio::test]
async fn small_groups_are_not_emptied_one_after_the_other_without_end() {
    let (app, _) = delivering().await;
    // With the settings that a tenant has from the beginning: none of these has more than 25 members.
    let (acme, users) = tenant(&app, "acme", 10).await;
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    let mut groups = Vec::new();
    for number in 0..30 {
        groups.push(acme.group(&format!("g{number}"), &members).await);
    }
    let clear = json!([{ "op": "remove", "path": "members" }]);
    for group in &groups[..4] {
        acme.operations(&format!("/Groups/{group}"), clear.clone()).await;
    }
    let shown = app.brake("acme").await;
    assert_eq!((&shown["engaged"], &shown["counted"]["groups"]), (&Value::Null, &json!(4)), "{shown}");
    for group in &groups[4..] {
        acme.operations(&format!("/Groups/{group}"), clear.clone()).await;
    }
    let engaged = app.engaged("acme").await;
    assert_eq!(engaged["why"], "5 groups lost 50 of their 50 members within 60 minutes");
    assert_eq!((&engaged["count"], &engaged["of"], &engaged["group"]), (&json!(50), &json!(50), &Value::Null));
    let counted = app.brake("acme").await["counted"].clone();
    assert_eq!((&counted["groups"], &counted["members"]), (&json!(30), &json!(300)), "and so many by now");

    let (other, users) = tenant(&app, "other", 10).await;
    app.set_brake("other", json!({ "groups_from": 0 })).await;
    let members: Vec<&str> = users.iter().map(String::as_str).collect();
    for number in 0..6 {
        let group = other.group(&format!("g{number}"), &members).await;
        other.operations(&format!("/Groups/{group}"), clear.clone()).await;
    }
    assert_eq!(app.brake("other").await["engaged"], Value::Null, "it is turned off");
}

#[tokio::test]
async fn who_puts_others_in_the_place_of_all_members_has_emptied_the_group() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 16).await;
    let of = |users: &[String]| users.iter().map(|id| json!({ "value": id })).collect::<Vec<_>>();
    let first: Vec<&str> = users[..8].iter().map(String::as_str).collect();
    let group = acme.group("everybody", &first).await;
    app.set_brake("acme", json!({ "count": 3, "share_percent": 100, "half_from": 0 })).await;
    app.advance(std::time::Duration::from_hours(2));
    let body = json!({ "schemas": [GROUP], "displayName": "everybody", "members": of(&users[8..]) });
    acme.put(&format!("/Groups/{group}"), body).await.expect(200);
    assert_eq!(app.engaged("acme").await["why"], "a group lost 8 of its 8 members within 60 minutes");
}

#[tokio::test]
async fn who_empties_a_group_and_then_puts_others_in_has_emptied_it() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 24).await;
    let first: Vec<&str> = users[..8].iter().map(String::as_str).collect();
    let group = acme.group("everybody", &first).await;
    app.set_brake("acme", json!({ "count": 3, "share_percent": 100, "half_from": 0 })).await;
    app.advance(std::time::Duration::from_hours(2));
    let others: Vec<Value> = users[8..].iter().map(|id| json!({ "value": id })).collect();
    let path = format!("/Groups/{group}");
    // Both are committed before the first one is judged.
    let patch = |operations: Value| {
        let data = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
        json!({ "method": "PATCH", "path": path, "data": data })
    };
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            patch(json!([{ "op": "remove", "path": "members" }])),
            patch(json!([{ "op": "add", "path": "members", "value": others }])),
        ],
    });
    acme.post("/Bulk", bulk).await.expect(200);
    assert_eq!(acme.members(&group).await.len(), 16);
    assert_eq!(app.engaged("acme").await["why"], "a group lost 8 of its 8 members within 60 minutes");
}

#[tokio::test]
async fn groups_of_one_member_and_empty_ones_do_not_go_one_after_the_other_without_end() {
    let (app, _) = delivering().await;
    let (ones, users) = tenant(&app, "ones", 1).await;
    let clear = json!([{ "op": "remove", "path": "members" }]);
    let mut groups = Vec::new();
    for number in 0..26 {
        groups.push(ones.group(&format!("g{number}"), &[users[0].as_str()]).await);
    }
    for group in &groups[..25] {
        ones.operations(&format!("/Groups/{group}"), clear.clone()).await;
    }
    let shown = app.brake("ones").await;
    assert_eq!((&shown["engaged"], &shown["counted"]["groups"]), (&Value::Null, &json!(25)), "{shown}");
    ones.operations(&format!("/Groups/{}", groups[25]), clear).await;
    let engaged = app.engaged("ones").await;
    assert_eq!(engaged["why"], "26 groups lost 26 of their 26 members within 60 minutes");

    let (empty, _) = tenant(&app, "empty", 0).await;
    let mut groups = Vec::new();
    for number in 0..10 {
        groups.push(empty.group(&format!("g{number}"), &[]).await);
    }
    for group in &groups[..4] {
        empty.delete(&format!("/Groups/{group}")).await.expect(204);
    }
    let shown = app.brake("empty").await;
    assert_eq!((&shown["engaged"], &shown["counted"]["groups_deleted"]), (&Value::Null, &json!(4)), "{shown}");
    empty.delete(&format!("/Groups/{}", groups[4])).await.expect(204);
    assert_eq!(app.engaged("empty").await["why"], "5 of 10 groups were deleted within 60 minutes");
}

#[tokio::test]
async fn users_who_had_lost_their_access_long_before_are_tidied_away_freely() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 8).await;
    app.set_brake("acme", json!({ "count": 3, "share_percent": 1, "half_from": 0 })).await;
    for id in &users[..6] {
        deactivate(&acme, id).await;
        app.advance(std::time::Duration::from_hours(1));
    }
    for id in &users[..6] {
        acme.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let shown = app.brake("acme").await;
    assert_eq!((&shown["engaged"], &shown["counted"]["users"]), (&Value::Null, &json!(0)), "{shown}");
    assert_eq!(app.at_rest("acme").await["held"], Value::Null);
}

#[tokio::test]
async fn who_is_deleted_leaves_their_groups_and_that_is_no_group_being_emptied() {
    let (app, _) = delivering().await;
    let (acme, users, _) = grouped(&app, "acme").await;
    for id in &users {
        acme.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let shown = app.brake("acme").await;
    assert_eq!((&shown["engaged"], &shown["counted"]["members"]), (&Value::Null, &json!(0)), "{shown}");
    assert_eq!(shown["counted"]["users"], 8);
}

#[tokio::test]
async fn a_large_share_of_other_user_names_is_an_accident_too() {
    let (app, carrier) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 10).await;
    app.set_brake("acme", json!({ "count": 3, "user_names_percent": 40, "half_from": 0 })).await;
    let rename = async |id: &str, name: String| {
        let name = json!([{ "op": "replace", "path": "userName", "value": name }]);
        acme.operations(&format!("/Users/{id}"), name).await.expect(200);
    };
    for (number, id) in users.iter().enumerate() {
        rename(id, format!("U{number}@example.com")).await;
    }
    for id in &users[..4] {
        rename(id, format!("{id}@example.com")).await;
    }
    assert_eq!(
        app.brake("acme").await["engaged"],
        Value::Null,
        "4 of 10, and letters of another size, are not more than 40 %"
    );
    rename(&users[4], "other@example.com".to_owned()).await;
    assert_eq!(app.engaged("acme").await["why"], "5 of 10 users have another userName within 60 minutes");
    acme.delete(&format!("/Users/{}", users[9])).await.expect(204);
    assert_eq!(app.at_rest("acme").await["held"], 1);
    assert_eq!(carrier.ended("acme"), [""; 0]);
}

#[tokio::test]
async fn of_a_few_users_half_with_another_user_name_are_an_accident_too() {
    let (app, _) = delivering().await;
    let (acme, users) = tenant(&app, "acme", 10).await;
    for (number, id) in users.iter().enumerate() {
        let name = json!([{ "op": "replace", "path": "userName", "value": format!("n{number}@other.example") }]);
        acme.operations(&format!("/Users/{id}"), name).await.expect(200);
        if number == 3 {
            assert_eq!(app.brake("acme").await["engaged"], Value::Null, "four of ten are not half");
        }
    }
    assert_eq!(app.engaged("acme").await["why"], "5 of 10 users have another userName within 60 minutes");

    let (few, users) = tenant(&app, "few", 6).await;
    app.set_brake("few", json!({ "user_names_percent": 100 })).await;
    for (number, id) in users.iter().enumerate() {
        let name = json!([{ "op": "replace", "path": "userName", "value": format!("n{number}@other.example") }]);
        few.operations(&format!("/Users/{id}"), name).await.expect(200);
    }
    assert_eq!(app.brake("few").await["engaged"], Value::Null, "who moves to another domain can say so before");
}
