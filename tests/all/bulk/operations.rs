//! The four methods, and that each is what the single request is.

use muster_test_harness::messages::error;
use muster_test_harness::{ENTERPRISE, TestApp, USER};
use serde_json::json;

use super::{BULK_RESPONSE, id, new_user, outcomes, patch, send, statuses};

#[tokio::test]
async fn the_example_of_the_rfc_creates_replaces_patches_and_deletes_in_one_request() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (bob, dave, mary) = (acme.user("bob@example.com").await, acme.user("dave").await, acme.user("mary").await);

    let operations = json!([
        { "method": "POST", "path": "/Users", "bulkId": "qwerty", "data": { "schemas": [USER], "userName": "Alice" } },
        {
            "method": "PUT", "path": format!("/Users/{bob}"), "version": "W/\"1\"",
            "data": { "schemas": [USER], "id": bob, "userName": "Bob" },
        },
        {
            "method": "PATCH", "path": format!("/Users/{dave}"), "version": "W/\"1\"",
            "data": { "Operations": [{ "op": "replace", "path": "nickName", "value": "Dave" }, { "op": "remove", "path": "title" }] },
        },
        { "method": "DELETE", "path": format!("/Users/{mary}"), "version": "W/\"1\"" },
    ]);
    let answer = send(&acme, operations).await;

    assert_eq!(answer.header("content-type"), "application/scim+json");
    let answer = answer.expect(200);
    let alice = acme.ids("/Users", "userName eq \"alice\"").await.remove(0);
    let base = &acme.base;
    assert_eq!(
        answer,
        json!({
            "schemas": [BULK_RESPONSE],
            "Operations": [
                { "location": format!("{base}/Users/{alice}"), "method": "POST", "bulkId": "qwerty", "version": "W/\"1\"", "status": "201" },
                { "location": format!("{base}/Users/{bob}"), "method": "PUT", "version": "W/\"2\"", "status": "200" },
                { "location": format!("{base}/Users/{dave}"), "method": "PATCH", "version": "W/\"2\"", "status": "200" },
                { "location": format!("{base}/Users/{mary}"), "method": "DELETE", "status": "204" },
            ],
        })
    );
    let shown = acme.get(&format!("/Users/{bob}")).await.expect(200);
    assert_eq!((&shown["userName"], &shown["meta"]["version"]), (&json!("Bob"), &json!("W/\"2\"")));
    assert_eq!(acme.get(&format!("/Users/{dave}")).await.expect(200)["nickName"], "Dave");
    acme.get(&format!("/Users/{mary}")).await.expect(404);
    let events: Vec<_> = app.log("acme").await.iter().map(|entry| entry["event"].clone()).collect();
    assert_eq!(events[3..], [json!("created"), json!("updated"), json!("updated"), json!("deleted")]);
}

#[tokio::test]
async fn an_operation_fails_with_the_error_of_the_single_request_and_takes_nothing_from_the_others() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let stale = "W/\"7\"";
    let put = json!({ "schemas": [USER], "userName": "ada", "title": "Countess" });

    let outcomes = outcomes(
        &acme,
        json!([
            new_user("1", "ADA"),
            { "method": "POST", "path": "/Users", "bulkId": "2", "data": { "schemas": [USER] } },
            { "method": "PUT", "path": format!("/Users/{ada}"), "version": stale, "data": put },
            patch(&format!("/Users/{ada}"), json!({ "op": "replace", "path": "emails[", "value": 1 })),
            { "method": "DELETE", "path": "/Users/9c1f" },
            { "method": "DELETE", "path": "/Devices/9c1f" },
            new_user("3", "bob"),
        ]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["409", "400", "412", "400", "404", "404", "201"]);
    let taken = acme.post("/Users", json!({ "schemas": [USER], "userName": "ADA" })).await.expect(409);
    assert_eq!(outcomes[0], json!({ "method": "POST", "bulkId": "1", "status": "409", "response": taken }));
    let nameless = acme.post("/Users", json!({ "schemas": [USER] })).await.expect(400);
    assert_eq!(outcomes[1]["response"], nameless);
    let request = acme.request(reqwest::Method::PUT, &format!("/Users/{ada}")).bearer_auth(&acme.token);
    let old = acme.send(request.header("if-match", stale).body(put.to_string())).await.expect(412);
    let location = format!("{}/Users/{ada}", acme.base);
    assert_eq!(outcomes[2], json!({ "location": location, "method": "PUT", "status": "412", "response": old }));
    let filter = json!([{ "op": "replace", "path": "emails[", "value": 1 }]);
    assert_eq!(outcomes[3]["response"], acme.operations(&format!("/Users/{ada}"), filter).await.expect(400));
    assert_eq!(outcomes[4]["response"], error(404, None, "Resource 9c1f not found"));
    assert_eq!(outcomes[4]["location"], format!("{}/Users/9c1f", acme.base));
    assert_eq!(outcomes[5]["response"], error(404, None, "there is nothing at /Devices"));
    acme.get(&format!("/Users/{}", id(&outcomes[6]))).await.expect(200);
    assert_eq!(app.log("acme").await.len(), 2, "ada and bob");
}

#[tokio::test]
async fn a_plugin_is_asked_for_each_and_its_refusal_is_that_operations() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "rejects").await;

    let outcomes = outcomes(&acme, json!([new_user("1", "ada"), super::new_group("2", "Engines", &[])])).await;

    assert_eq!(statuses(&outcomes), ["409", "201"]);
    let own = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(409);
    assert_eq!(outcomes[0]["response"], own);
    assert_eq!(app.account("acme", id(&outcomes[1])).await["state"], "active");
}

#[tokio::test]
async fn what_is_forgiven_in_an_operation_is_in_its_log_entry_and_what_it_writes_is_canonical() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let data = json!({ "schemas": [USER], "UserName": "ada", "active": "False", ENTERPRISE: { "manager": "51aa" } });

    let outcomes = outcomes(&acme, json!([{ "method": "post", "path": "Users/", "data": data }])).await;

    assert_eq!(statuses(&outcomes), ["201"]);
    assert_eq!(outcomes[0]["method"], "POST");
    let made = acme.get(&format!("/Users/{}", id(&outcomes[0]))).await.expect(200);
    assert_eq!((&made["active"], &made[ENTERPRISE]["manager"]["value"]), (&json!(false), &json!("51aa")));
    let entry = app.log("acme").await.remove(0);
    let rules: Vec<_> = entry["rewrites"].as_array().unwrap().iter().map(|rewrite| rewrite["rule"].clone()).collect();
    for rule in ["boolean-as-text", "manager-as-text", "attribute-name-case"] {
        assert!(rules.contains(&json!(rule)), "{rule} in {rules:?}");
    }
    let requests = app.admin_get("/tenants/acme/requests").await.expect(200);
    let told = requests["requests"].as_array().unwrap().iter().find(|it| it["path"] == "/Bulk").unwrap();
    let rules: Vec<_> = told["rewrites"].as_array().unwrap().iter().map(|rewrite| rewrite["rule"].clone()).collect();
    for rule in ["bulk-method-case", "bulk-id-missing", "bulk-path-form", "boolean-as-text"] {
        assert!(rules.contains(&json!(rule)), "{rule} in {rules:?}");
    }
}

#[tokio::test]
async fn a_path_may_have_the_base_url_of_the_tenant_before_it_and_no_other() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let ada = acme.user("ada").await;
    let base_path = acme.base.strip_prefix(&app.scim).unwrap();
    let title = json!({ "op": "replace", "path": "title", "value": "Countess" });

    let outcomes = outcomes(
        &acme,
        json!([
            patch(&format!("{}/Users/{ada}", acme.base), title.clone()),
            patch(&format!("{base_path}/Users/{ada}/?x=y"), title.clone()),
            patch(&format!("https://elsewhere.example/scim/v2/Users/{ada}"), title.clone()),
            patch(&format!("/t/globex/scim/v2/Users/{ada}"), title.clone()),
        ]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["200", "200", "400", "400"]);
}

#[tokio::test]
async fn discovery_me_search_and_bulk_itself_are_no_resources() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let post = |path: &str| json!({ "method": "POST", "path": path, "bulkId": path, "data": { "Operations": [] } });
    let get = json!({ "method": "GET", "path": "/Users" });

    let outcomes = outcomes(
        &acme,
        json!([post("/Me"), post("/Bulk"), post("/.search"), post("/Schemas"), post("/Users/.search"), get]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["404", "404", "404", "404", "400", "400"]);
    assert_eq!(outcomes[0]["response"], error(404, None, "there is nothing at /Me"));
    assert_eq!(super::detail(&outcomes[5]), "Operations[5].method must be POST, PUT, PATCH or DELETE");
    assert_eq!(outcomes[5]["method"], "GET");
}

#[tokio::test]
async fn the_resources_of_another_tenant_are_not_there() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let grace = globex.user("grace").await;
    let path = format!("/Users/{grace}");

    let outcomes = outcomes(
        &acme,
        json!([
            { "method": "DELETE", "path": path },
            patch(&path, json!({ "op": "replace", "path": "title", "value": "x" })),
            { "method": "PUT", "path": path, "data": { "schemas": [USER], "userName": "grace" } },
            super::new_group("1", "Engines", &[&grace]),
        ]),
    )
    .await;

    assert_eq!(statuses(&outcomes), ["404", "404", "404", "201"]);
    assert_eq!(acme.members(id(&outcomes[3])).await, Vec::<String>::new());
    let theirs = globex.get(&path).await.expect(200);
    assert_eq!((&theirs["meta"]["version"], &theirs["groups"]), (&json!("W/\"1\""), &json!([])));
}

#[tokio::test]
async fn bulk_is_announced_with_its_limits_and_answers_to_post_only() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;

    let config = acme.get("/ServiceProviderConfig").await.expect(200);
    assert_eq!(config["bulk"], json!({ "supported": true, "maxOperations": 1000, "maxPayloadSize": 1 << 20 }));
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        let request = acme.request(method.parse().unwrap(), "/Bulk").bearer_auth(&acme.token);
        let answer = acme.send(request).await;
        assert_eq!(answer.header("allow"), "POST", "{method}");
        answer.expect(405);
    }
    acme.with_token("wrong").post("/Bulk", json!({})).await.expect(401);
}
