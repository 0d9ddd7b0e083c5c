//! OK-08: group push, by App Integration Wizard apps (PUT) and by OIN apps (PATCH).

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{GROUP, TestApp};
use serde_json::{Value, json};

use super::{Okta, START, counters, each, person, text};

/// A tenant with three users.
async fn with_people() -> (TestApp, Okta, [String; 3]) {
    let (app, acme) = Okta::start().await;
    let mut ids = Vec::new();
    for login in ["ada@example.com", "babbage@example.com", "clairaut@example.com"] {
        let made = acme.post("/Users", &person(login)).await.expect(201);
        ids.push(text(&made, "/id").to_owned());
    }
    (app, acme, ids.try_into().unwrap())
}

fn engineering(members: Value) -> Value {
    let mut body = json!({ "schemas": [GROUP], "displayName": "Engineering" });
    body["members"] = members;
    body
}

const LOOKUP: &str = "/Groups?filter=displayName eq \"Engineering\"&startIndex=1&count=100";

#[tokio::test]
async fn ok_08_a_pushed_group_is_looked_up_created_read_and_then_put_with_its_members() {
    let (_app, acme, [ada, babbage, _]) = with_people().await;
    assert_eq!(acme.get(LOOKUP).await.expect(200), nothing_found());

    let answer = acme.post("/Groups", &engineering(json!([]))).await;
    let location = answer.header("location").to_owned();
    let made = answer.expect(201);
    let id = text(&made, "/id").to_owned();
    assert_eq!(location, format!("{}/Groups/{id}", acme.tenant.base));
    assert_eq!(
        made,
        json!({
            "schemas": [GROUP],
            "id": id,
            "displayName": "Engineering",
            "members": [],
            "meta": {
                "resourceType": "Group",
                "created": START,
                "lastModified": START,
                "location": location,
                "version": "W/\"1\"",
            },
        })
    );
    assert_eq!(each(&acme.get(LOOKUP).await.expect(200), "id"), [id.as_str()]);
    let path = format!("/Groups/{id}");
    assert_eq!(acme.get(&path).await.expect(200), made);

    let members = json!([{ "value": ada, "display": "ada@example.com" }, { "value": babbage, "display": null }]);
    let mut push = engineering(members);
    push["id"] = json!(id);
    let pushed = acme.put(&path, &push).await.expect(200);
    assert_eq!(pushed["members"], json!([member(&acme, &ada), member(&acme, &babbage)]));
    let groups = &acme.get(&format!("/Users/{ada}")).await.expect(200)["groups"];
    assert_eq!(*groups, json!([{ "value": id, "$ref": location, "display": "Engineering", "type": "direct" }]));
}

#[tokio::test]
async fn ok_08_a_group_may_be_created_with_its_members_which_have_no_type_and_a_display_that_is_null() {
    let (_app, acme, [ada, babbage, _]) = with_people().await;
    let members = json!([{ "value": ada, "display": "ada@example.com" }, { "value": babbage, "display": null }]);

    let made = acme.post("/Groups", &engineering(members)).await.expect(201);

    assert_eq!(made["members"], json!([member(&acme, &ada), member(&acme, &babbage)]));
}

#[tokio::test]
async fn ok_08_a_put_replaces_all_members_and_an_empty_list_empties_the_group() {
    let (_app, acme, [ada, babbage, clairaut]) = with_people().await;
    let group = acme.tenant.group("Engineering", &[&ada, &babbage]).await;
    let path = format!("/Groups/{group}");

    acme.put(&path, &engineering(json!([{ "value": clairaut }, { "value": babbage }]))).await.expect(200);
    assert_eq!(acme.tenant.members(&group).await, [babbage, clairaut]);

    let emptied = acme.put(&path, &engineering(json!([]))).await.expect(200);
    assert_eq!(emptied["members"], json!([]));
    assert_eq!(acme.get(&format!("/Users/{ada}")).await.expect(200)["groups"], json!([]));
}

/// `id` stands in the value of a rename, and `displayName` unchanged beside every membership update.
#[tokio::test]
async fn ok_08_a_rename_ignores_the_id_in_the_value_and_keeps_the_members() {
    let (_app, acme, [ada, ..]) = with_people().await;
    let group = acme.tenant.group("Engineering", &[&ada]).await;
    let path = format!("/Groups/{group}");
    let rename = |id: &str| json!({ "op": "replace", "value": { "id": id, "displayName": "Engineering EMEA" } });

    for id in [group.as_str(), "4d1c"] {
        let renamed = acme.operations(&path, json!([rename(id)])).await.expect(200);
        assert_eq!((text(&renamed, "/id"), text(&renamed, "/displayName")), (group.as_str(), "Engineering EMEA"));
    }
    assert_eq!(acme.tenant.members(&group).await, [ada]);
}

#[tokio::test]
async fn ok_08_members_are_removed_by_filter_and_added_by_value_in_one_patch() {
    let (_app, acme, [ada, babbage, clairaut]) = with_people().await;
    let group = acme.tenant.group("Engineering", &[&babbage, &clairaut]).await;

    let patched = acme
        .operations(
            &format!("/Groups/{group}"),
            json!([
                { "op": "replace", "value": { "id": group, "displayName": "Engineering" } },
                { "op": "remove", "path": format!("members[value eq \"{babbage}\"]") },
                { "op": "add", "path": "members", "value": [{ "value": ada, "display": "ada@example.com" }] },
            ]),
        )
        .await
        .expect(200);

    assert_eq!(patched["members"], json!([member(&acme, &ada), member(&acme, &clairaut)]));
    assert_eq!(acme.tenant.members(&group).await, [ada, clairaut]);
}

#[tokio::test]
async fn ok_08_push_now_overwrites_the_membership_and_may_overwrite_it_with_nobody() {
    let (_app, acme, [ada, babbage, _]) = with_people().await;
    let group = acme.tenant.group("Engineering", &[&babbage]).await;
    let path = format!("/Groups/{group}");
    let push_now = |members: Value| json!([{ "op": "replace", "path": "members", "value": members }]);

    acme.operations(&path, push_now(json!([{ "value": ada, "display": "ada@example.com" }]))).await.expect(200);
    assert_eq!(acme.tenant.members(&group).await, [ada]);

    for _ in ["a group with members", "an empty group"] {
        let emptied = acme.operations(&path, push_now(json!([]))).await.expect(200);
        assert_eq!(emptied["members"], json!([]));
    }
}

#[tokio::test]
async fn ok_08_deleting_a_group_leaves_its_users() {
    let (_app, acme, [ada, babbage, _]) = with_people().await;
    let group = acme.tenant.group("Engineering", &[&ada, &babbage]).await;
    let path = format!("/Groups/{group}");

    let gone = acme.delete(&path).await;

    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    let told = error(404, None, &format!("Resource {group} not found"));
    assert_eq!(acme.get(&path).await.expect(404), told);
    assert_eq!(acme.get(LOOKUP).await.expect(200), nothing_found());
    let users = acme.get("/Users?startIndex=1&count=100").await.expect(200);
    assert_eq!(counters(&users), [3, 1, 3]);
    assert!(users["Resources"].as_array().unwrap().iter().all(|user| user["groups"] == json!([])), "{users}");
    acme.post("/Groups", &engineering(json!([]))).await.expect(201);
}

/// Group linking takes the one group that the lookup finds: a second of the same name would make it ambiguous.
#[tokio::test]
async fn ok_08_a_second_group_of_the_same_name_is_409_unless_the_vendor_wants_it() {
    let (app, acme, _) = with_people().await;
    let made = acme.post("/Groups", &engineering(json!([]))).await.expect(201);

    let mut shouting = engineering(json!([]));
    shouting["displayName"] = json!("ENGINEERING");
    for body in [engineering(json!([])), shouting] {
        let refused = acme.post("/Groups", &body).await.expect(409);
        assert_eq!(refused, error(409, Some("uniqueness"), "displayName is already in use"));
    }
    assert_eq!(each(&acme.get(LOOKUP).await.expect(200), "id"), [text(&made, "/id")]);

    let own = json!({ "groups_duplicate_names": true });
    let globex = Okta { tenant: app.tenant_with("globex", "standard", own).await };
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(text(&globex.post("/Groups", &engineering(json!([]))).await.expect(201), "/id").to_owned());
    }
    for _ in 0..3 {
        assert_eq!(each(&globex.get(LOOKUP).await.expect(200), "id"), ids, "always in the same order");
    }
}

/// After linking, Okta overwrites what was there, also when it was made by hand.
#[tokio::test]
async fn ok_08_a_linked_group_keeps_its_id_through_a_push() {
    let (_app, acme, [ada, babbage, _]) = with_people().await;
    let by_hand = acme.tenant.group("engineering", &[&ada]).await;

    let found = acme.get(LOOKUP).await.expect(200);
    assert_eq!(each(&found, "id"), [by_hand.as_str()]);
    let pushed = acme.put(&format!("/Groups/{by_hand}"), &engineering(json!([{ "value": babbage }]))).await.expect(200);

    assert_eq!((text(&pushed, "/id"), text(&pushed, "/displayName")), (by_hand.as_str(), "Engineering"));
    assert_eq!(pushed["members"], json!([member(&acme, &babbage)]));
}

fn member(acme: &Okta, id: &str) -> Value {
    let reference = format!("{}/Users/{id}", acme.tenant.base);
    json!({ "value": id, "$ref": reference, "type": "User", "display": "Ada Byron" })
}
