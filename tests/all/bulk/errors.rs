//! `failOnErrors`, and requests that are refused whole.

use muster_test_harness::TestApp;
use muster_test_harness::messages::error;
use serde_json::{Value, json};

use super::{BULK_REQUEST, id, new_group, new_user, outcomes, statuses};

async fn until(tenant: &muster_test_harness::TenantClient, errors: Value, operations: Value) -> Vec<Value> {
    let body = json!({ "schemas": [BULK_REQUEST], "failOnErrors": errors, "Operations": operations });
    tenant.post("/Bulk", body).await.expect(200)["Operations"].as_array().unwrap().clone()
}

#[tokio::test]
async fn after_that_many_errors_the_rest_is_not_attempted_and_not_told() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let taken = acme.user("ada").await;
    let operations = |round: usize| {
        let users = ["ada", "b", "ada", "c", "ada", "d"];
        let name = |at: usize| if users[at] == "ada" { "ada".to_owned() } else { format!("{}{round}", users[at]) };
        (0..6).map(|at| new_user(&at.to_string(), &name(at))).collect::<Value>()
    };

    for (round, errors, expected) in [
        (1, json!(1), vec!["409"]),
        (2, json!(0), vec!["409"]),
        (3, json!(2), vec!["409", "201", "409"]),
        (4, json!(3), vec!["409", "201", "409", "201", "409"]),
        (5, json!(4), vec!["409", "201", "409", "201", "409", "201"]),
        (6, json!(null), vec!["409", "201", "409", "201", "409", "201"]),
    ] {
        let told = until(&acme, errors.clone(), operations(round)).await;
        assert_eq!(statuses(&told), expected, "failOnErrors {errors}");
    }
    let made = 1 + 2 + 3 + 3;
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 1 + made);
    acme.get(&format!("/Users/{taken}")).await.expect(200);
}

#[tokio::test]
async fn errors_are_counted_in_the_order_in_which_operations_are_performed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.user("ada").await;

    let told = until(
        &acme,
        json!(1),
        json!([
            new_group("g", "Engines", &["bulkId:u"]),
            new_user("v", "bob"),
            new_user("u", "ada"),
            new_user("w", "carol")
        ]),
    )
    .await;

    assert_eq!(statuses(&told), ["201", "409"], "the group waited for what then failed");
    assert_eq!((&told[0]["bulkId"], &told[1]["bulkId"]), (&json!("v"), &json!("u")));
    assert_eq!(acme.get("/Groups").await.expect(200)["totalResults"], 0);
}

#[tokio::test]
async fn a_circle_that_an_error_cuts_short_is_told_as_far_as_it_came() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.group("B", &[]).await;

    let told =
        until(&acme, json!(1), json!([new_group("a", "A", &["bulkId:b"]), new_group("b", "B", &["bulkId:a"])])).await;

    assert_eq!(statuses(&told), ["409", "409"]);
    assert_eq!(
        super::detail(&told[0]),
        "the resource was created, but not with what refers to others in a circle: the request ended before it was added"
    );
    acme.get(&format!("/Groups/{}", id(&told[0]))).await.expect(200);
}

#[tokio::test]
async fn an_operation_in_a_circle_that_fails_is_one_error() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    acme.group("A", &[]).await;

    let operations = json!([
        new_group("a", "A", &["bulkId:b"]),
        new_group("b", "B", &["bulkId:a"]),
        new_user("c", "carol"),
        new_group("d", "A", &[]),
    ]);
    let told = until(&acme, json!(3), operations).await;

    assert_eq!(statuses(&told), ["409", "409", "201", "409"]);
    assert_eq!(super::detail(&told[1]), "the operation refers to bulkId:a, which was not created");
}

#[tokio::test]
async fn what_is_no_bulk_request_is_refused_whole() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = new_user("a", "ada");

    for (body, scim_type, sentence) in [
        (json!([user]), "invalidSyntax", "a bulk request must be an object"),
        (json!({ "schemas": [BULK_REQUEST] }), "invalidSyntax", "Operations must be an array"),
        (json!({ "Operations": user }), "invalidSyntax", "Operations must be an array"),
        (json!({ "Operations": [] }), "invalidSyntax", "Operations must not be empty"),
        (
            json!({ "failOnErrors": -1, "Operations": [user] }),
            "invalidValue",
            "failOnErrors must be a whole number that is not negative",
        ),
    ] {
        let answer = acme.post("/Bulk", body).await.expect(400);
        assert_eq!(answer, error(400, Some(scim_type), sentence));
    }
    let request = acme.request(reqwest::Method::POST, "/Bulk").bearer_auth(&acme.token);
    let twice = r#"{"Operations":[{"method":"DELETE","path":"/Users/1","PATH":"/Users/2"}]}"#;
    acme.send(request.body(twice)).await.expect(400);
    assert_eq!(app.log("acme").await.len(), 0);
}

#[tokio::test]
async fn an_operation_that_is_none_costs_the_others_nothing() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let told =
        outcomes(&acme, json!([null, [], "x", {}, { "method": 7, "path": "/Users" }, new_user("a", "ada")])).await;

    assert_eq!(statuses(&told), ["400", "400", "400", "400", "400", "201"]);
    assert_eq!(told[0]["response"], error(400, Some("invalidSyntax"), "Operations[0] must be an object"));
    assert_eq!(told[3].as_object().unwrap().keys().collect::<Vec<_>>(), ["status", "response"]);
}
