//! EN-08: groups and their members, in both dialects.

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{GROUP, TenantClient, TestApp};
use serde_json::{Value, json};

use super::{id, start};

fn engineering() -> Value {
    json!({
        "schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "Engineering",
        "meta": { "resourceType": "Group" },
    })
}

/// A tenant with the group and three users; the group's path and the users' ids.
async fn with_group() -> (TestApp, TenantClient, String, [String; 3]) {
    let (app, acme) = start().await;
    let made = acme.post("/Groups", engineering()).await.expect(201);
    let mut users = Vec::new();
    for name in ["ada@example.com", "babbage@example.com", "clairaut@example.com"] {
        users.push(acme.user(name).await);
    }
    (app, acme, format!("/Groups/{}", id(&made)), users.try_into().unwrap())
}

async fn members(acme: &TenantClient, group: &str) -> Vec<String> {
    acme.members(group.trim_start_matches("/Groups/")).await
}

/// 200 with the group or 204: Entra takes both.
async fn patched(acme: &TenantClient, group: &str, operation: Value) {
    let answer = acme.operations(group, json!([operation])).await;
    assert!([200, 204].contains(&answer.status), "{operation}: {}", answer.text);
}

#[tokio::test]
async fn en_08_a_new_group_ignores_the_schema_that_is_microsofts_own() {
    let (_app, acme) = start().await;
    let lookup = "/Groups?excludedAttributes=members&filter=displayName eq \"Engineering\"";
    assert_eq!(acme.get(lookup).await.expect(200), nothing_found());

    let answer = acme.post("/Groups", engineering()).await;

    let location = answer.header("location").to_owned();
    let made = answer.expect(201);
    assert_eq!(
        made,
        json!({
            "schemas": [GROUP],
            "id": id(&made),
            "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
            "displayName": "Engineering",
            "members": [],
            "meta": {
                "resourceType": "Group",
                "created": "2026-11-03T14:03:00.000Z",
                "lastModified": "2026-11-03T14:03:00.000Z",
                "location": location,
                "version": "W/\"1\"",
            },
        })
    );
    let found = acme.get(lookup).await.expect(200);
    assert_eq!((id(&found["Resources"][0]), found["Resources"][0].get("members")), (id(&made), None));
    let refused = acme.post("/Groups", engineering()).await.expect(409);
    assert_eq!(refused, error(409, Some("uniqueness"), "displayName is already in use"));
}

#[tokio::test]
async fn en_08_members_come_in_batches_and_leave_one_by_one_in_the_default_dialect() {
    let (_app, acme, group, [ada, babbage, clairaut]) = with_group().await;
    let value = |ids: &[&String]| ids.iter().map(|id| json!({ "$ref": null, "value": id })).collect::<Vec<_>>();

    let add = json!({ "op": "Add", "path": "members", "value": value(&[&ada, &babbage]) });
    patched(&acme, &group, add.clone()).await;
    patched(&acme, &group, add).await;
    patched(&acme, &group, json!({ "op": "Add", "path": "members", "value": value(&[&clairaut]) })).await;
    assert_eq!(members(&acme, &group).await, [&ada, &babbage, &clairaut].map(String::as_str));

    let remove = json!({ "op": "Remove", "path": "members", "value": value(&[&babbage]) });
    patched(&acme, &group, remove.clone()).await;
    assert_eq!(members(&acme, &group).await, [&ada, &clairaut].map(String::as_str), "only the one that was named");
    patched(&acme, &group, remove).await;
    assert_eq!(members(&acme, &group).await, [&ada, &clairaut].map(String::as_str));
}

#[tokio::test]
async fn en_08_a_member_is_removed_by_its_path_in_the_dialect_of_the_flag() {
    let (_app, acme, group, [ada, babbage, _]) = with_group().await;
    let value = json!([{ "value": ada }, { "value": babbage }]);
    patched(&acme, &group, json!({ "op": "add", "path": "members", "value": value })).await;

    let remove = json!({ "op": "remove", "path": format!("members[value eq \"{babbage}\"]") });
    patched(&acme, &group, remove.clone()).await;
    assert_eq!(members(&acme, &group).await, [ada.as_str()]);
    patched(&acme, &group, remove).await;
    assert_eq!(members(&acme, &group).await, [ada.as_str()]);
}

#[tokio::test]
async fn en_08_a_rename_in_either_dialect_keeps_the_members_and_must_not_take_another_groups_name() {
    let (_app, acme, group, [ada, ..]) = with_group().await;
    acme.group("Sales", &[]).await;
    patched(&acme, &group, json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": ada }] })).await;

    for (operation, name) in [
        (json!({ "op": "Replace", "path": "displayName", "value": "Engineering EMEA" }), "Engineering EMEA"),
        (json!({ "op": "replace", "value": { "displayName": "Engineering" } }), "Engineering"),
        (json!({ "op": "Replace", "path": "externalId", "value": "8aa1a0c0" }), "Engineering"),
    ] {
        patched(&acme, &group, operation.clone()).await;
        let read = acme.get(&format!("{group}?excludedAttributes=members")).await.expect(200);
        assert_eq!((&read["displayName"], read.get("members")), (&json!(name), None), "{operation}");
        assert_eq!(members(&acme, &group).await, [ada.as_str()], "{operation}");
    }
    let taken = json!([{ "op": "Replace", "path": "displayName", "value": "sales" }]);
    let refused = acme.operations(&group, taken).await.expect(409);
    assert_eq!(refused, error(409, Some("uniqueness"), "displayName is already in use"));
}

#[tokio::test]
async fn en_08_a_group_out_of_scope_is_deleted_and_its_users_stay() {
    let (_app, acme, group, [ada, ..]) = with_group().await;
    patched(&acme, &group, json!({ "op": "Add", "path": "members", "value": [{ "$ref": null, "value": ada }] })).await;

    let gone = acme.delete(&group).await;

    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    acme.get(&group).await.expect(404);
    acme.delete(&group).await.expect(404);
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["groups"], json!([]));
    acme.post("/Groups", engineering()).await.expect(201);
}
