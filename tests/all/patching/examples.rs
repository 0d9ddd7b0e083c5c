//! The examples of RFC 7644 §3.5.2.1 to §3.5.2.3, in their order.

use serde_json::json;

use super::{after, babs, start, strict};

#[tokio::test]
async fn add_1_a_member_joins_a_group_and_joining_again_changes_nothing() {
    let (app, acme) = start().await;
    let (babs, group) = (acme.user("babs").await, acme.group("Tour Guides", &[]).await);
    let path = format!("/Groups/{group}");
    let add = json!([{ "op": "add", "path": "members",
        "value": [{ "display": "Babs Jensen", "$ref": format!("https://example.com/v2/Users/{babs}"), "value": babs }] }]);

    let joined = acme.operations(&path, add.clone()).await.expect(200);

    assert_eq!(joined["members"][0]["value"], json!(babs));
    let again = acme.operations(&path, add).await.expect(200);
    assert_eq!(
        again["meta"], joined["meta"],
        "\"this operation SHALL NOT change the modify timestamp of the resource\""
    );
    assert_eq!(app.log("acme").await.len(), 3, "the user, the group, and one change");
}

#[tokio::test]
async fn add_2_attributes_are_added_without_a_path() {
    let (_app, acme) = strict().await;
    let user = format!("/Users/{}", acme.user("babs").await);
    let value = json!({ "emails": [{ "value": "babs@jensen.org", "type": "home" }], "nickname": "Babs" });

    let added = after(&acme, &user, json!({ "op": "add", "value": value })).await;

    let email = json!([{ "value": "babs@jensen.org", "type": "home" }]);
    assert_eq!(added, json!({ "userName": "babs", "nickName": "Babs", "emails": email }));
}

#[tokio::test]
async fn remove_1_a_member_leaves_a_group_by_a_value_path() {
    let (_app, acme) = strict().await;
    let (babs, james) = (acme.user("babs").await, acme.user("james").await);
    let group = acme.group("Tour Guides", &[&babs, &james]).await;
    let path = format!("members[value eq \"{babs}\"]");

    acme.operations(&format!("/Groups/{group}"), json!([{ "op": "remove", "path": path }])).await.expect(200);

    assert_eq!(acme.members(&group).await, [james]);
}

#[tokio::test]
async fn remove_2_all_members_leave_a_group() {
    let (_app, acme) = strict().await;
    let (babs, james) = (acme.user("babs").await, acme.user("james").await);
    let group = acme.group("Tour Guides", &[&babs, &james]).await;

    acme.operations(&format!("/Groups/{group}"), json!([{ "op": "remove", "path": "members" }])).await.expect(200);

    assert_eq!(acme.members(&group).await, Vec::<String>::new());
}

#[tokio::test]
async fn remove_3_a_value_goes_by_a_filter_on_two_sub_attributes() {
    let (_app, acme) = strict().await;
    let user = babs(&acme).await;
    let path = "emails[type eq \"work\" and value ew \"example.com\"]";

    let removed = after(&acme, &user, json!({ "op": "remove", "path": path })).await;

    assert_eq!(removed["emails"], json!([{ "value": "babs@jensen.org", "type": "home" }]));
    let other = after(&acme, &user, json!({ "op": "remove", "path": path.replace("work", "home") })).await;
    assert_eq!(other, removed, "one of the two does not hold");
}

#[tokio::test]
async fn remove_4_one_member_is_swapped_for_another_in_one_request() {
    let (_app, acme) = strict().await;
    let (babs, james) = (acme.user("babs").await, acme.user("james").await);
    let group = acme.group("Tour Guides", &[&babs]).await;
    let operations = json!([
        { "op": "remove", "path": format!("members[value eq \"{babs}\"]") },
        { "op": "add", "path": "members", "value": [{ "display": "James Smith", "value": james }] },
    ]);

    acme.operations(&format!("/Groups/{group}"), operations).await.expect(200);

    assert_eq!(acme.members(&group).await, [james]);
}

#[tokio::test]
async fn remove_5_and_replace_1_all_members_are_replaced_by_two_operations_or_by_one() {
    let (_app, acme) = strict().await;
    let (babs, james, mandy) = (acme.user("babs").await, acme.user("james").await, acme.user("mandy").await);
    let both = json!([{ "display": "Babs Jensen", "value": babs }, { "display": "James Smith", "value": james }]);
    let two = json!([{ "op": "remove", "path": "members" }, { "op": "add", "path": "members", "value": both }]);
    let one = json!([{ "op": "replace", "path": "members", "value": both }]);
    for operations in [two, one] {
        let group = acme.group(&format!("Tour Guides {}", operations.as_array().unwrap().len()), &[&mandy]).await;
        acme.operations(&format!("/Groups/{group}"), operations).await.expect(200);
        assert_eq!(acme.members(&group).await, [babs.clone(), james.clone()]);
    }
}

#[tokio::test]
async fn replace_2_the_work_address_is_replaced_as_a_whole() {
    let (_app, acme) = strict().await;
    let user = babs(&acme).await;
    let address = json!({
        "type": "work", "streetAddress": "911 Universal City Plaza", "locality": "Hollywood", "region": "CA",
        "postalCode": "91608", "country": "US", "formatted": "911 Universal City Plaza\nHollywood, CA 91608 US", "primary": true,
    });

    let replaced =
        after(&acme, &user, json!({ "op": "replace", "path": "addresses[type eq \"work\"]", "value": address })).await;

    assert_eq!(replaced["addresses"], json!([address]));
}

#[tokio::test]
async fn replace_3_only_the_street_of_the_work_address_is_replaced() {
    let (_app, acme) = strict().await;
    let user = babs(&acme).await;
    let street =
        json!({ "op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "1010 Broadway Ave" });

    let replaced = after(&acme, &user, street).await;

    let expected =
        json!([{ "type": "work", "streetAddress": "1010 Broadway Ave", "locality": "Hollywood", "primary": true }]);
    assert_eq!(replaced["addresses"], expected);
}

#[tokio::test]
async fn replace_4_several_attributes_are_replaced_without_a_path() {
    let (_app, acme) = strict().await;
    let user = babs(&acme).await;
    let emails = json!([
        { "value": "bjensen@example.com", "type": "work", "primary": true },
        { "value": "babs@jensen.org", "type": "home" },
    ]);

    let replaced =
        after(&acme, &user, json!({ "op": "replace", "value": { "emails": emails, "nickname": "Babs" } })).await;

    assert_eq!((&replaced["emails"], &replaced["nickName"]), (&emails, &json!("Babs")));
    assert_eq!(replaced["title"], "Guide", "what is not named stays");
}

#[tokio::test]
async fn an_attribute_with_the_urn_of_its_schema_adds_the_schema_and_its_last_one_takes_it_away() {
    let (_app, acme) = strict().await;
    let user = format!("/Users/{}", acme.user("babs").await);
    let number = format!("{}:employeeNumber", super::ENTERPRISE);

    let added = acme.operations(&user, json!([{ "op": "add", "path": number, "value": "701984" }])).await.expect(200);
    assert_eq!(added["schemas"], json!([super::USER, super::ENTERPRISE]));

    let removed = acme.operations(&user, json!([{ "op": "remove", "path": number }])).await.expect(200);
    assert_eq!(removed["schemas"], json!([super::USER]));
}
