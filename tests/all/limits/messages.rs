//! How much a filter, a PATCH, a document or a page may hold.

use std::sync::Arc;

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

#[tokio::test]
async fn a_filter_has_a_length_a_depth_and_a_number_of_comparisons() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let length = |bytes: usize| format!("userName eq {}", "x".repeat(bytes - "userName eq ".len()));
    let depth = |levels: usize| format!("{}title pr{}", "(".repeat(levels), ")".repeat(levels));
    let terms = |count: usize| vec!["title pr"; count].join(" or ");

    for (fits, too_much, sentence) in [
        (length(8192), length(8193), "the filter is longer than 8192 bytes"),
        (depth(16), depth(17), "the filter is nested more than 16 levels deep"),
        (terms(128), terms(129), "the filter has more than 128 comparisons"),
    ] {
        acme.find("/Users", &fits).await.expect(200);
        let refused = acme.find("/Users", &too_much).await.expect(400);
        assert_eq!(refused, error(400, Some("invalidFilter"), sentence));
    }
}

#[tokio::test]
async fn a_patch_has_a_thousand_operations_at_most() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let path = format!("/Users/{}", acme.user("ada").await);
    let operations = |count: usize| -> Value {
        (0..count).map(|n| json!({ "op": "replace", "path": "title", "value": n.to_string() })).collect()
    };

    let refused = acme.operations(&path, operations(1001)).await.expect(400);

    assert_eq!(refused, error(400, Some("invalidValue"), "Operations takes at most 1000 operations"));
    assert_eq!(acme.get(&path).await.expect(200)["title"], Value::Null, "none of them was applied");
    assert_eq!(acme.operations(&path, operations(1000)).await.expect(200)["title"], "999");
}

#[tokio::test]
async fn a_path_of_a_patch_has_a_length() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let path = format!("/Users/{}", acme.user("ada").await);
    let title = |bytes: usize| json!([{ "op": "add", "path": "x".repeat(bytes), "value": "y" }]);

    acme.operations(&path, title(1024)).await.expect(200);
    let refused = acme.operations(&path, title(1025)).await.expect(400);

    assert_eq!(refused["scimType"], "invalidPath");
}

#[tokio::test]
async fn json_nests_32_levels_at_most() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = |levels: usize| {
        let nested = format!("{}{}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        format!(r#"{{"schemas":["{USER}"],"userName":"ada{levels}","favouriteNest":{nested}}}"#)
    };
    let push = |body: String| acme.request(reqwest::Method::POST, "/Users").bearer_auth(&acme.token).body(body);

    acme.send(push(user(32))).await.expect(201);
    let refused = acme.send(push(user(33))).await.expect(400);

    assert_eq!(refused["scimType"], "invalidSyntax");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("the body is not acceptable JSON: nested more than 32 levels deep"), "{detail}");
    acme.send(push("[".repeat(500_000))).await.expect(400);
}

#[tokio::test]
async fn a_multi_valued_attribute_takes_500_values() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = |count: usize| {
        let emails: Value = (0..count).map(|n| json!({ "value": format!("ada{n}@example.com") })).collect();
        json!({ "schemas": [USER], "userName": "ada", "emails": emails })
    };

    let refused = acme.post("/Users", user(501)).await.expect(400);
    let made = acme.post("/Users", user(500)).await.expect(201);

    assert_eq!(refused, error(400, Some("invalidValue"), "emails takes at most 500 values"));
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let one_more = json!([{ "op": "add", "path": "emails", "value": [{ "value": "one@example.com" }] }]);
    acme.operations(&path, one_more).await.expect(400);
    assert_eq!(acme.ids("/Users", "emails.value eq \"ada499@example.com\"").await, [made["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_page_has_100_resources_unless_asked_and_1000_at_most() {
    let app = TestApp::start().await;
    let acme = Arc::new(app.tenant("acme").await);
    let mut makers = tokio::task::JoinSet::new();
    for lane in 0..13 {
        let acme = acme.clone();
        makers.spawn(async move {
            for number in 0..77 {
                acme.user(&format!("ada{lane}-{number}")).await;
            }
        });
    }
    makers.join_all().await;

    for (query, count) in [("", 100), ("?count=1000", 1000), ("?count=5000", 1000), ("?count=0", 0), ("?count=-1", 0)] {
        let page = acme.get(&format!("/Users{query}")).await.expect(200);
        assert_eq!((&page["totalResults"], &page["itemsPerPage"]), (&json!(1001), &json!(count)), "{query}");
        assert_eq!(page["Resources"].as_array().unwrap().len(), count, "{query}");
    }
    let most = acme.get("/Users?cursor&count=5000&attributes=userName").await.expect(200);
    assert_eq!((&most["itemsPerPage"], most["nextCursor"].is_string()), (&json!(1000), true));
    let last = acme.get("/Users?startIndex=1001&count=1000").await.expect(200);
    assert_eq!((&last["startIndex"], &last["itemsPerPage"]), (&json!(1001), &json!(1)));
    let beyond = acme.get("/Users?startIndex=99999999999999999999").await.expect(200);
    assert_eq!((&beyond["totalResults"], &beyond["Resources"]), (&json!(1001), &json!([])));
    let refused = acme.get("/Users?count=many").await.expect(400);
    assert_eq!(refused, error(400, Some("invalidValue"), "count is not a whole number"));
    // The log has as many entries as there are users, and pages of its own.
    for (query, count) in [("", 100), ("?limit=5000", 1000), ("?limit=5000&after=1000", 1)] {
        let page = app.admin_get(&format!("/tenants/acme/log{query}")).await.expect(200);
        assert_eq!(page["entries"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_value_and_a_resource_have_a_size_and_the_plugin_is_not_blamed() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let user = |attribute: &str, bytes: usize| {
        let mut user = json!({ "schemas": [USER], "userName": format!("{attribute}{bytes}") });
        user[attribute] = json!("x".repeat(bytes));
        user
    };
    for (attribute, limit) in [("userName", 1 << 10), ("externalId", 1 << 10), ("title", 32 << 10)] {
        let refused = acme.post("/Users", user(attribute, limit + 1)).await.expect(400);
        assert_eq!(refused, error(400, Some("invalidValue"), &format!("{attribute} is longer than {limit} bytes")));
        acme.post("/Users", user(attribute, limit)).await.expect(201);
    }

    let large = "x".repeat(32 << 10);
    let mut whole = user("title", 32 << 10);
    whole["userName"] = json!("whole");
    for attribute in ["displayName", "nickName", "userType"] {
        whole[attribute] = json!(large);
    }
    let refused = acme.post("/Users", whole).await.expect(400);

    let sentence = "the resource has more than 98304 bytes of text in its attributes";
    assert_eq!(refused, error(400, Some("invalidValue"), sentence));
}
