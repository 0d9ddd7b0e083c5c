//! Q5, Q6, Q17 and Q18: memberships.

use muster_test_harness::messages::error;
use muster_test_harness::{GROUP, TenantClient, TestApp};
use serde_json::{Value, json};

use super::{id, start};

/// A group of two; its path and the users' ids.
async fn group_of_two() -> (TestApp, TenantClient, String, [String; 2]) {
    let (app, acme) = start().await;
    let one = acme.user("one@example.com").await;
    let two = acme.user("two@example.com").await;
    let group = acme.group("Engineering", &[&one, &two]).await;
    (app, acme, format!("/Groups/{group}"), [one, two])
}

async fn members(acme: &TenantClient, group: &str) -> Vec<String> {
    acme.members(group.trim_start_matches("/Groups/")).await
}

#[tokio::test]
async fn q05_both_ways_to_remove_a_member_remove_exactly_that_one() {
    let (app, acme, group, [one, two]) = group_of_two().await;
    let by_value = json!([{ "op": "Remove", "path": "members", "value": [{ "$ref": null, "value": two }] }]);
    let by_path = json!([{ "op": "remove", "path": format!("members[value eq \"{two}\"]") }]);
    let back = json!([{ "op": "add", "path": "members", "value": [{ "value": two }] }]);

    for remove in [by_value, by_path] {
        acme.operations(&group, remove.clone()).await.expect(200);
        assert_eq!(members(&acme, &group).await, [one.as_str()]);
        let changes = app.log("acme").await.len();
        acme.operations(&group, remove).await.expect(200);
        assert_eq!(members(&acme, &group).await, [one.as_str()], "an absent member is nothing to remove");
        assert_eq!(app.log("acme").await.len(), changes);
        acme.operations(&group, back.clone()).await.expect(200);
        assert_eq!(members(&acme, &group).await, [one.as_str(), two.as_str()]);
    }
}

#[tokio::test]
async fn q05_only_a_remove_without_a_value_empties_the_group() {
    let (_app, acme, group, [one, two]) = group_of_two().await;
    let nobody = json!([{ "op": "remove", "path": "members", "value": [] }]);
    acme.operations(&group, nobody).await.expect(200);
    assert_eq!(members(&acme, &group).await, [one.as_str(), two.as_str()]);

    for everybody in
        [json!({ "op": "remove", "path": "members" }), json!({ "op": "Remove", "path": "members", "value": null })]
    {
        let emptied = acme.operations(&group, json!([everybody])).await.expect(200);
        assert_eq!(emptied["members"], json!([]), "{everybody}");
        let back = json!([{ "op": "add", "path": "members", "value": [{ "value": one }] }]);
        acme.operations(&group, back).await.expect(200);
    }
}

#[tokio::test]
async fn q06_a_replace_of_anything_else_keeps_the_members() {
    let (_app, acme, group, [one, two]) = group_of_two().await;
    for operation in [
        json!({ "op": "Replace", "path": "externalId", "value": "8aa1a0c0" }),
        json!({ "op": "Replace", "path": "displayName", "value": "Engines" }),
        json!({ "op": "replace", "value": { "displayName": "Engineering", "externalId": "8aa1a0c1" } }),
        json!({ "op": "Add", "path": "externalId", "value": "8aa1a0c2" }),
    ] {
        acme.operations(&group, json!([operation])).await.expect(200);
        assert_eq!(members(&acme, &group).await, [one.as_str(), two.as_str()], "{operation}");
    }
    assert_eq!(acme.get(&group).await.expect(200)["externalId"], "8aa1a0c2");
}

#[tokio::test]
async fn q17_an_empty_replacement_and_sparse_entries_are_taken_and_the_type_is_filled_in() {
    let (_app, acme, group, [one, two]) = group_of_two().await;
    let replace = |value: Value| json!([{ "op": "replace", "path": "members", "value": value }]);
    for _ in ["two members", "none"] {
        assert_eq!(acme.operations(&group, replace(json!([]))).await.expect(200)["members"], json!([]));
    }

    let sparse = json!([{ "value": one, "display": null }, { "value": two, "$ref": null }]);
    let body = json!({ "schemas": [GROUP], "displayName": "Sparse", "members": sparse });
    let made = acme.post("/Groups", body).await.expect(201);

    let member = |id: &str| json!({ "value": id, "$ref": format!("{}/Users/{id}", acme.base), "type": "User" });
    assert_eq!(made["members"], json!([member(&one), member(&two)]));
}

#[tokio::test]
async fn q18_adding_a_member_again_is_nothing_and_unknown_ones_are_left_out() {
    let (app, acme, group, [one, two]) = group_of_two().await;
    let three = acme.user("three@example.com").await;
    let value = json!([{ "value": one }, { "value": one }, { "value": "does-not-exist" }, { "value": three }]);
    let add = json!([{ "op": "add", "path": "members", "value": value }]);

    acme.operations(&group, add.clone()).await.expect(200);
    assert_eq!(members(&acme, &group).await, [&one, &two, &three].map(String::as_str));

    let changes = app.log("acme").await.len();
    acme.operations(&group, add).await.expect(200);
    assert_eq!(app.log("acme").await.len(), changes, "nothing was written");
}

#[tokio::test]
async fn q18_a_vendor_may_have_unknown_members_refused_and_then_nothing_is_applied() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "standard", json!({ "groups_unknown_members": "refuse" })).await;
    let one = acme.user("one@example.com").await;
    let group = format!("/Groups/{}", acme.group("Engineering", &[]).await);
    let told = error(400, Some("invalidValue"), "members: there is no resource does-not-exist");
    let value = json!([{ "value": one }, { "value": "does-not-exist" }]);

    let add = json!([
        { "op": "replace", "path": "displayName", "value": "Engines" },
        { "op": "add", "path": "members", "value": value },
    ]);
    assert_eq!(acme.operations(&group, add).await.expect(400), told);
    let body = json!({ "schemas": [GROUP], "displayName": "Engines", "members": value });
    assert_eq!(acme.put(&group, body.clone()).await.expect(400), told);
    assert_eq!(acme.post("/Groups", body).await.expect(400), told);

    let unchanged = acme.get(&group).await.expect(200);
    assert_eq!((&unchanged["displayName"], &unchanged["members"]), (&json!("Engineering"), &json!([])));
    assert_eq!(acme.get("/Groups").await.expect(200)["totalResults"], 1);
}

#[tokio::test]
async fn q18_a_member_of_another_tenant_is_an_unknown_one() {
    let (app, acme, group, [one, two]) = group_of_two().await;
    let globex = app.tenant("globex").await;
    let stranger = globex.user("one@example.com").await;

    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": stranger }] }]);
    let patched = acme.operations(&group, add).await.expect(200);

    let values: Vec<&Value> = patched["members"].as_array().unwrap().iter().map(|member| &member["value"]).collect();
    assert_eq!(values, [&json!(one), &json!(two)]);
    let untouched = globex.get(&format!("/Users/{stranger}")).await.expect(200);
    assert_eq!((id(&untouched), &untouched["groups"]), (stranger.as_str(), &json!([])));
}
