//! Resources that refer to each other in a circle (RFC 7644 §3.7.1): resolved where that is possible, else told 409.

use muster_test_harness::{ENTERPRISE, TestApp, USER};
use serde_json::json;

use super::{detail, id, members, new_group, new_user, outcomes, sorted, statuses};

#[tokio::test]
async fn two_groups_that_are_members_of_each_other_are_both_created_and_complete() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let outcomes = outcomes(
        &acme,
        json!([new_group("qwerty", "Group A", &["bulkId:ytrewq"]), new_group("ytrewq", "Group B", &["bulkId:qwerty"])]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["201", "201"]);
    let (a, b) = (id(&outcomes[0]), id(&outcomes[1]));
    assert_eq!(members(&acme, a).await, [b]);
    assert_eq!(members(&acme, b).await, [a]);
    for (outcome, group) in outcomes.iter().zip([a, b]) {
        let shown = acme.get(&format!("/Groups/{group}")).await.expect(200);
        assert_eq!(outcome["version"], shown["meta"]["version"], "what is told is how it is in the end");
    }
}

#[tokio::test]
async fn three_groups_in_a_circle_keep_the_members_beside_it() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;

    let outcomes = outcomes(
        &acme,
        json!([
            new_group("a", "A", &["bulkId:b", &ada, "bulkId:bob"]),
            new_group("b", "B", &["bulkId:c"]),
            new_group("c", "C", &["bulkId:a", &ada]),
            new_group("d", "D", &["bulkId:a"]),
            new_user("bob", "bob"),
        ]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["201"; 5]);
    let [a, b, c, d, bob] = [0, 1, 2, 3, 4].map(|index| id(&outcomes[index]));
    assert_eq!(members(&acme, a).await, sorted(&[b, &ada, bob]));
    assert_eq!(members(&acme, b).await, [c]);
    assert_eq!(members(&acme, c).await, sorted(&[a, &ada]));
    assert_eq!(members(&acme, d).await, [a]);
}

#[tokio::test]
async fn two_users_who_manage_each_other_and_one_who_manages_himself_are_possible() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let managed = |name: &str, manager: &str| {
        let manager = json!({ "value": format!("bulkId:{manager}") });
        let data = json!({ "schemas": [USER, ENTERPRISE], "userName": name, ENTERPRISE: { "manager": manager } });
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data })
    };

    let outcomes = outcomes(&acme, json!([managed("ada", "bob"), managed("bob", "ada"), managed("eve", "eve")])).await;

    assert_eq!(statuses(&outcomes), ["201", "201", "201"]);
    for (user, manager) in [(0, 1), (1, 0), (2, 2)] {
        let shown = acme.get(&format!("/Users/{}", id(&outcomes[user]))).await.expect(200);
        assert_eq!(shown[ENTERPRISE]["manager"]["value"], id(&outcomes[manager]));
    }
}

#[tokio::test]
async fn a_group_in_itself_is_created_and_is_not_its_own_member() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;

    let outcomes = outcomes(&acme, json!([new_group("a", "A", &["bulkId:a", &ada])])).await;

    assert_eq!(statuses(&outcomes), ["201"]);
    assert_eq!(members(&acme, id(&outcomes[0])).await, [ada], "as in the single request");
}

#[tokio::test]
async fn a_circle_through_what_a_resource_cannot_be_without_is_409_and_leaves_nothing() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let named_after = |bulk_id: &str, other: &str| new_user(bulk_id, &format!("bulkId:{other}"));

    let outcomes = outcomes(&acme, json!([named_after("a", "b"), named_after("b", "a"), new_user("c", "carol")])).await;

    assert_eq!(statuses(&outcomes), ["409", "409", "201"]);
    assert!(
        detail(&outcomes[0])
            .starts_with("the operation refers to others in a circle, and cannot be created before them: "),
        "{}",
        detail(&outcomes[0])
    );
    assert_eq!(detail(&outcomes[1]), "the operation refers to bulkId:a, which was not created");
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 1);
}

#[tokio::test]
async fn what_was_created_but_cannot_be_completed_is_told_with_where_it_is() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.group("B", &[]).await;

    let outcomes =
        outcomes(&acme, json!([new_group("a", "A", &["bulkId:b"]), new_group("b", "B", &["bulkId:a"])])).await;

    assert_eq!(statuses(&outcomes), ["409", "409"]);
    assert_eq!(
        detail(&outcomes[0]),
        "the resource was created, but not with what refers to others in a circle: \
         the operation refers to bulkId:b, which was not created"
    );
    assert_eq!(outcomes[1]["response"]["scimType"], "uniqueness");
    let there = acme.get(&format!("/Groups/{}", id(&outcomes[0]))).await.expect(200);
    assert_eq!((&there["displayName"], &there["members"]), (&json!("A"), &json!([])));
}
