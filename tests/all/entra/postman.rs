//! 2.11: what the Postman collection of Microsoft's reference code sends. All of it must be survived.

use muster_test_harness::messages::error;
use muster_test_harness::{GROUP, PATCH_OP, USER};
use serde_json::{Value, json};

use super::{ada, created, id, start};

#[tokio::test]
async fn a_post_with_a_string_for_active_and_an_address_of_which_only_primary_is_told() {
    let (_app, acme) = start().await;
    let body = json!({ "schemas": [USER], "userName": "ada", "active": "True", "emails": [{ "Primary": true }] });

    let made = acme.post("/Users", body).await.expect(201);

    assert_eq!((&made["active"], &made["emails"]), (&json!(true), &json!([{ "primary": true }])));
}

#[tokio::test]
async fn a_post_without_a_user_name_is_400_and_a_misspelled_attribute_of_a_put_is_ignored() {
    let (_app, acme) = start().await;
    let refused = acme.post("/Users", json!({ "schemas": [USER], "displayName": "Ada" })).await.expect(400);
    assert_eq!(refused, error(400, Some("invalidValue"), "userName is required"));

    let user = created(&acme).await;
    let mut body = ada();
    body["dispalyName"] = json!("Ada Lovelace");
    let put = acme.put(&user, body).await.expect(200);
    assert_eq!((&put["displayName"], put.get("dispalyName")), (&json!("Ada Byron"), None));
}

#[tokio::test]
async fn filters_in_any_case_without_quotes_and_behind_a_slash() {
    let (app, acme) = start().await;
    let mut employee = ada();
    employee["userName"] = json!("Olive");
    employee["name"] = json!({ "familyName": "Employee" });
    let employee = acme.post("/Users", employee).await.expect(201);
    app.advance(std::time::Duration::from_secs(1));
    created(&acme).await;
    let group = acme.group("Group1", &[]).await;

    for (path, expected) in [
        ("/Groups?filter=DisplayName+eq+%22group1%22", group.as_str()),
        ("/Groups/?filter=DisplayName+eq+%22Group1%22", group.as_str()),
        ("/Users/?filter=userName+eq+%22olive%22", id(&employee)),
        ("/Users?filter=userName sw O", id(&employee)),
        (
            "/Users?filter=name.FamilyName eq Employee and (emails.Value co example.com or emails.Value co test.com)",
            id(&employee),
        ),
        ("/Users?filter=userName sw O and meta.Created gt 2015-10-10T14:38:21.8617979-07:00", id(&employee)),
    ] {
        let list = acme.get(path).await.expect(200);
        assert_eq!((&list["totalResults"], id(&list["Resources"][0])), (&json!(1), expected), "{path}");
    }
    for (filter, expected) in [
        ("meta.Created gt 2015-10-10T14:38:21.8617979-07:00", 2),
        ("meta.Created gt 2026-11-03T07:03:00-07:00", 1),
        ("meta.Created lt 2015-10-10T14:38:21.8617979-07:00", 0),
    ] {
        assert_eq!(acme.ids("/Users", filter).await.len(), expected, "{filter}");
    }
}

#[tokio::test]
async fn attributes_may_be_a_list_or_a_value_path() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let work = json!([{ "value": "ada@example.com", "type": "work", "primary": true }]);

    let two = acme.get(&format!("{user}?attributes=userName,emails")).await.expect(200);
    let one = acme.get("/Users?attributes=emails[type eq \"work\"]").await.expect(200);

    let bare = json!({ "schemas": [USER], "id": two["id"], "emails": work });
    assert_eq!(one["Resources"], json!([bare]));
    let mut with_name = bare;
    with_name["userName"] = json!("ada@example.com");
    assert_eq!(two, with_name);
}

#[tokio::test]
async fn patches_of_groups_with_extra_names_bare_ids_and_a_top_level_id() {
    let (_app, acme) = start().await;
    let (one, two) = (acme.user("one@example.com").await, acme.user("two@example.com").await);
    let group = acme.post("/Groups", json!({ "schemas": [GROUP], "displayName": "Group1" })).await.expect(201);
    let path = format!("/Groups/{}", id(&group));
    let members = |answer: Value| -> Vec<String> {
        let members = answer["members"].as_array().unwrap();
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
    };
    let patch = async |operation: Value| {
        let body = json!({ "schemas": [PATCH_OP], "id": "7b2e", "Operations": [operation] });
        members(acme.patch(&path, body).await.expect(200))
    };

    let bare = patch(json!({ "name": "addMember", "op": "add", "path": "members", "value": one })).await;
    assert_eq!(bare, [one.as_str()]);
    let listed = patch(json!({ "name": "addMember", "op": "add", "path": "members", "value": [two] })).await;
    assert_eq!(listed, [one.as_str(), two.as_str()]);
    let replaced = patch(json!({ "op": "replace", "path": "members", "value": [two] })).await;
    assert_eq!(replaced, [two.as_str()]);
    let cleared = patch(json!({ "op": "remove", "path": "members" })).await;
    assert_eq!(cleared, [] as [&str; 0]);
}
