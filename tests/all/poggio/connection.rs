use muster_idp::{Client, Request, okta};
use muster_test_harness::TestApp;
use muster_test_harness::messages::{error, nothing_found};
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, ada_is_pushed, id_of, okta_of};

#[tokio::test]
async fn poggio_01_users_are_served_under_the_base_url_with_and_without_its_trailing_slash() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    assert_eq!(acme.base, format!("{}/scim/v2", app.scim));
    let ada = ada_is_pushed(&acme).await;

    let plain = acme.get("/Users").await.expect(200);

    assert_eq!(plain["Resources"], json!([ada]));
    for path in ["//Users", "/Users/", "//Users//"] {
        assert_eq!(acme.get(path).await.expect(200), plain, "{path}");
    }
}

#[tokio::test]
async fn poggio_02_whoever_has_no_admin_key_gets_no_scim_key() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ask = app.admin_request(Method::POST, "/admin/v1/tenants/acme/tokens");

    let nobody = acme.send(ask.try_clone().unwrap()).await;
    let member = acme.send(ask.bearer_auth(&acme.token)).await;

    nobody.expect(401);
    member.expect(401);
    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 1, "the one that the tenant began with");
}

#[tokio::test]
async fn poggio_03_the_key_opens_only_the_users_of_its_own_enterprise() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let globex = app.tenant_with("globex", "poggio", json!({ "default_workspace": "G1" })).await;
    let ada = ada_is_pushed(&acme).await;
    let grace = globex.user("grace@globex.example").await;
    let path = format!("/Users/{grace}");

    let listed = acme.get("/Users").await.expect(200);

    assert_eq!(listed["Resources"], json!([ada]));
    let unknown = error(404, None, &format!("Resource {grace} not found"));
    let renamed = json!({ "schemas": [muster_test_harness::USER], "userName": "eve@example.com" });
    let disabled = json!([{ "op": "replace", "value": { "active": false } }]);
    assert_eq!(acme.get(&path).await.expect(404), unknown);
    assert_eq!(acme.put(&path, renamed).await.expect(404), unknown);
    assert_eq!(acme.operations(&path, disabled).await.expect(404), unknown);
    assert_eq!(acme.delete(&path).await.expect(404), unknown);
    let still = globex.get(&path).await.expect(200);
    assert_eq!((&still["userName"], &still["active"]), (&json!("grace@globex.example"), &json!(true)));
    assert_eq!(app.log("globex").await.len(), 1, "only what globex did itself");
}

#[tokio::test]
async fn poggio_04_the_key_opens_no_other_api() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    for path in ["/tenants", "/tenants/acme", "/tenants/acme/log", "/tenants/acme/tokens", "/plugins"] {
        let ask = app.admin_request(Method::GET, &format!("/admin/v1{path}"));
        let refused = acme.send(ask.bearer_auth(&acme.token)).await;
        assert_eq!(refused.expect(401)["detail"], "the admin key is missing or not valid", "{path}");
    }
}

#[tokio::test]
async fn poggio_05_the_key_arrives_with_and_without_the_word_bearer_and_nothing_else_opens() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let test_call = || acme.request(Method::GET, "/Users?startIndex=1&count=2");

    let bearer = acme.send(test_call().header("authorization", format!("Bearer {}", acme.token))).await;
    let raw = acme.send(test_call().header("authorization", &acme.token)).await;

    assert_eq!(bearer.expect(200), nothing_found());
    assert_eq!(raw.expect(200), nothing_found());
    let tokens = app.admin_get("/tenants/acme/tokens").await.expect(200);
    let token = tokens["tokens"][0]["id"].as_str().unwrap();
    let no_header = acme.send(test_call()).await;
    let wrong = acme.send(test_call().bearer_auth("mst_0000")).await;
    app.admin_delete(&format!("/tenants/acme/tokens/{token}")).await.expect(204);
    let revoked = acme.send(test_call().bearer_auth(&acme.token)).await;
    for refused in [no_header, wrong, revoked] {
        assert_eq!(refused.header("www-authenticate"), "Bearer");
        assert_eq!(refused.expect(401), error(401, None, "The bearer token is missing or not valid"));
    }
}

#[tokio::test]
async fn poggio_08_a_tenant_whose_default_workspace_has_no_name_is_not_made() {
    let app = TestApp::start().await;
    acme(&app).await;

    for config in [json!({ "default_workspace": "" }), json!({ "default_workspace": null })] {
        let new = json!({ "name": "globex", "plugin": "poggio", "config": config });
        let refused = app.admin_post("/tenants", new).await.expect(400);
        assert!(refused["detail"].as_str().unwrap().contains("default_workspace"), "{refused}");
    }

    app.admin_get("/tenants/globex").await.expect(404);
}

#[tokio::test]
async fn poggio_07_users_are_matched_on_user_name_without_regard_to_case() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    assert_eq!(okta.expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body["totalResults"], 0);

    let ada = ada_is_pushed(&acme).await;

    for name in ["ada@example.com", "ADA@Example.COM"] {
        let found = okta.expect(&okta::find_user(name), &[200]).await.unwrap().body;
        assert_eq!((&found["totalResults"], &found["Resources"]), (&json!(1), &json!([ada])), "{name}");
    }
    let again = okta.send(&okta::create_user(&super::ada())).await.unwrap();
    assert_eq!(again.status, 409);
    assert_eq!(again.body, error(409, Some("uniqueness"), "userName is already in use"));
}

#[tokio::test]
async fn poggio_21_the_test_call_and_a_full_listing_are_answered_though_import_is_not_offered() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let mut ids = Vec::new();
    for name in ["ada", "grace", "hedy"] {
        ids.push(acme.user(&format!("{name}@example.com")).await);
    }

    let test = okta.expect(&okta::test_connection(), &[200]).await.unwrap().body;
    let all = acme.get("/Users").await.expect(200);

    assert_eq!((&test["totalResults"], &test["itemsPerPage"]), (&json!(3), &json!(2)));
    assert_eq!((&all["totalResults"], &all["itemsPerPage"]), (&json!(3), &json!(3)));
    let listed: Vec<&str> = all["Resources"].as_array().unwrap().iter().map(id_of).collect();
    assert_eq!(listed, ids, "in the order in which they came");
}

#[tokio::test]
async fn poggio_21_where_the_setting_says_so_the_test_call_succeeds_and_a_listing_has_nobody_in_it() {
    let app = TestApp::start().await;
    let acme = app.tenant_with("acme", "poggio", json!({ "default_workspace": "W1", "full_listing": false })).await;
    let ada = ada_is_pushed(&acme).await;
    let okta = okta_of(&acme);
    let nobody = nothing_found();

    let test = okta.expect(&okta::test_connection(), &[200]).await.unwrap().body;

    assert_eq!(test, nobody);
    for path in ["/Users", "/Users?sortBy=userName", "/?startIndex=1"] {
        assert_eq!(acme.get(path).await.expect(200), nobody, "{path}");
    }
    for path in ["/Users/.search", "/.search"] {
        assert_eq!(acme.post(path, json!({})).await.expect(200), nobody, "{path}");
        let named = acme.post(path, json!({ "filter": "userName eq \"ada@example.com\"" })).await.expect(200);
        assert_eq!(named["Resources"], json!([ada]), "{path}");
    }
    let cursor = acme.get("/Users?cursor&count=1").await.expect(200);
    assert_eq!((&cursor["totalResults"], &cursor["nextCursor"]), (&json!(0), &Value::Null));
    acme.get("/Users?sortBy=nothing.of.this").await.expect(400);
    let found = okta.expect(&okta::find_user("ada@example.com"), &[200]).await.unwrap().body;
    assert_eq!(found["Resources"], json!([ada]));
    assert_eq!(acme.get(&format!("/Users/{}", id_of(&ada))).await.expect(200), ada);
}

#[tokio::test]
async fn poggio_21_that_a_listing_is_no_longer_given_speaks_against_a_binding() {
    let app = TestApp::start().await;
    acme(&app).await;
    let config = json!({ "default_workspace": "W1", "full_listing": false });

    let bound = app.bind("acme", "poggio", config).await.expect(200);
    let back = app.bind("acme", "poggio", json!({ "default_workspace": "W1" })).await.expect(200);

    assert_eq!(bound["warning"], "a list of users without a filter is empty (users.full-list)");
    assert_eq!(back["warning"], Value::Null);
}

#[tokio::test]
async fn poggio_24_what_is_announced_is_create_update_and_deactivate() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let config = acme.get("/ServiceProviderConfig").await.expect(200);

    assert_eq!(config["patch"], json!({ "supported": true }));
    assert_eq!(config["bulk"], json!({ "supported": false, "maxOperations": 0, "maxPayloadSize": 0 }));
    acme.post("/Bulk", json!({ "Operations": [] })).await.expect(501);
    assert_eq!(config["changePassword"], json!({ "supported": false }));
}

#[tokio::test]
async fn a_whole_cycle_of_okta_ends_well_and_its_repetition_writes_nothing() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let (people, _) = muster_idp::sample("acme.example", 5);
    let connection = Client::okta(&acme.base, &acme.token);

    let first = muster_idp::sync::okta(&connection, &people, &[], |_| {}).await.unwrap();
    let again = muster_idp::sync::okta(&connection, &people, &[], |_| {}).await.unwrap();

    assert_eq!((first.created, first.updated), (5, 0));
    assert_eq!((again.created, again.updated), (0, 5));
    assert_eq!(app.log("acme").await.len(), 5, "the second cycle found everything as it should be");
    let unknown = Request { method: Method::GET, path: "/Users/unknown".to_owned(), body: None };
    assert_eq!(connection.send(&unknown).await.unwrap().status, 404);
}
