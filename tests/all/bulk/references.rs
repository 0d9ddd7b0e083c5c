//! `bulkId` references, in any order and anywhere (RFC 7644 §3.7.2).

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, TestApp, USER};
use serde_json::{Value, json};

use super::{id, members, new_group, new_user, outcomes, patch, sorted, statuses};

#[tokio::test]
async fn a_user_and_the_group_that_he_is_a_member_of_are_created_together() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let outcomes =
        outcomes(&acme, json!([new_user("qwerty", "Alice"), new_group("ytrewq", "Tour Guides", &["bulkId:qwerty"])]))
            .await;

    assert_eq!(statuses(&outcomes), ["201", "201"]);
    let (alice, guides) = (id(&outcomes[0]), id(&outcomes[1]));
    assert_eq!(acme.members(guides).await, [alice]);
    let groups = &acme.get(&format!("/Users/{alice}")).await.expect(200)["groups"];
    assert_eq!(groups[0]["value"], guides);
}

#[tokio::test]
async fn whatever_order_they_come_in_the_answers_are_in_that_of_the_request() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let carol = acme.user("carol").await;
    let managed = |name: &str, manager: Value| {
        let data = json!({ "schemas": [USER, ENTERPRISE], "userName": name, ENTERPRISE: { "manager": manager } });
        json!({ "method": "POST", "path": "/Users", "bulkId": name, "data": data })
    };

    let outcomes = outcomes(
        &acme,
        json!([
            patch("/Groups/bulkId:all", json!({ "op": "remove", "path": "members[value eq \"bulkId:ada\"]" })),
            new_group("all", "All", &["bulkId:bob", "bulkId:ada", "bulkId:some", &carol]),
            new_group("some", "Some", &["bulkId:bob"]),
            managed("bob", json!({ "value": "bulkId:ada" })),
            managed("dan", json!("bulkId:bob")),
            patch(
                &format!("/Users/{carol}"),
                json!({ "op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "bulkId:dan" }),
            ),
            new_user("ada", "ada"),
        ]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["200", "201", "201", "201", "201", "200", "201"]);
    let names: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["bulkId"]).collect();
    let none = &Value::Null;
    assert_eq!(names, [none, &json!("all"), &json!("some"), &json!("bob"), &json!("dan"), none, &json!("ada")]);
    let [all, some, bob, dan, ada] = [1, 2, 3, 4, 6].map(|index| id(&outcomes[index]));
    assert_eq!(id(&outcomes[0]), all);
    assert_eq!(members(&acme, all).await, sorted(&[bob, some, &carol]));
    assert_eq!(members(&acme, some).await, [bob]);
    for (user, manager) in [(bob, ada), (dan, bob), (carol.as_str(), dan)] {
        let user = acme.get(&format!("/Users/{user}")).await.expect(200);
        assert_eq!(user[ENTERPRISE]["manager"]["value"], manager);
    }
}

#[tokio::test]
async fn a_chain_of_fifty_groups_is_created_from_its_end() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let link = |number: usize| {
        let next = format!("bulkId:{}", number + 1);
        let members = if number < 49 { vec![next.as_str()] } else { Vec::new() };
        new_group(&number.to_string(), &format!("Group {number}"), &members)
    };

    let outcomes = outcomes(&acme, (0..50).map(link).collect()).await;

    assert!(statuses(&outcomes).iter().all(|status| *status == "201"));
    for pair in outcomes.windows(2) {
        assert_eq!(acme.members(id(&pair[0])).await, [id(&pair[1])]);
    }
    assert!(app.log("acme").await.iter().all(|entry| entry["event"] == "created"), "each by one write");
}

#[tokio::test]
async fn one_operation_may_create_and_the_next_replace_patch_and_delete() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let outcomes = outcomes(
        &acme,
        json!([
            new_user("a", "ada"),
            { "method": "PUT", "path": "/Users/bulkId:a", "data": { "schemas": [USER], "userName": "eda" } },
            patch("/Users/bulkId:a", json!({ "op": "replace", "path": "title", "value": "x" })),
            { "method": "DELETE", "path": "/Users/bulkId:a" },
            patch("/Users/bulkId:a", json!({ "op": "replace", "path": "title", "value": "y" })),
        ]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["201", "200", "200", "204", "404"]);
    assert!(outcomes.iter().all(|outcome| id(outcome) == id(&outcomes[0])));
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
}

#[tokio::test]
async fn a_reference_that_no_post_has_is_400_and_one_to_what_failed_is_409() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.user("ada").await;

    let outcomes = outcomes(
        &acme,
        json!([
            new_group("g", "Engines", &["bulkId:nobody"]),
            new_group("h", "Analysts", &["bulkId:taken"]),
            new_group("i", "Everybody", &["bulkId:h"]),
            { "method": "DELETE", "path": "/Users/bulkId:taken" },
            { "method": "DELETE", "path": "/Users/bulkId:nobody" },
            new_user("taken", "ada"),
            new_user("free", "bob"),
        ]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["400", "409", "409", "409", "400", "409", "201"]);
    let unknown = "the operation refers to bulkId:nobody, which no POST of this request has";
    assert_eq!(outcomes[0]["response"], error(400, Some("invalidValue"), unknown));
    let failed = "the operation refers to bulkId:taken, which was not created";
    assert_eq!(outcomes[1]["response"], error(409, None, failed));
    assert_eq!(outcomes[5]["response"]["scimType"], "uniqueness");
    assert_eq!(acme.get("/Groups").await.expect(200)["totalResults"], 0);
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 2);
}

#[tokio::test]
async fn two_posts_of_one_bulk_id_are_refused_whole() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let answer = super::send(&acme, json!([new_user("a", "ada"), new_user("a", "bob")])).await;

    let sentence = "Operations[1].bulkId is that of another POST of this request: it must be unique";
    assert_eq!(answer.expect(400), error(400, Some("invalidValue"), sentence));
    assert_eq!(app.log("acme").await.len(), 0);
}
