use muster_idp::okta;
use muster_test_harness::messages::error;
use muster_test_harness::{GROUP, PATCH_OP, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{acme, ada_is_pushed, id_of, okta_of};

#[tokio::test]
async fn secoda_01_a_workspace_for_which_scim_is_not_enabled_gets_403_for_every_call() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = ada_is_pushed(&acme).await;
    let group = acme.group("Engines", &[id_of(&ada)]).await;
    let (user_at, group_at) = (format!("/Users/{}", id_of(&ada)), format!("/Groups/{group}"));
    let read = async || (acme.get("/Users").await.expect(200), acme.get("/Groups").await.expect(200));
    let before = read().await;
    let user = json!({ "schemas": [USER], "userName": "grace@example.com" });
    let engines = json!({ "schemas": [GROUP], "displayName": "Ships" });
    let off = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "replace", "value": { "active": false } }] });
    let empty = json!({ "schemas": [PATCH_OP], "Operations": [{ "op": "remove", "path": "members" }] });
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{ "method": "DELETE", "path": user_at }],
    });
    app.bind("acme", "secoda", json!({ "enabled": false })).await.expect(200);
    let (log, tasks) = (app.log("acme").await, app.tasks("acme").await);

    let nothing = || Value::Null;
    let calls = [
        (Method::GET, "/Users", nothing()),
        (Method::GET, "/Users?startIndex=1&count=2", nothing()),
        (Method::GET, "/Users?filter=userName%20eq%20%22ada%40example.com%22", nothing()),
        (Method::GET, &user_at, nothing()),
        (Method::POST, "/Users", user.clone()),
        (Method::POST, "/Users/.search", search.clone()),
        (Method::PUT, &user_at, user.clone()),
        (Method::PATCH, &user_at, off),
        (Method::DELETE, &user_at, nothing()),
        (Method::GET, "/Groups", nothing()),
        (Method::GET, &group_at, nothing()),
        (Method::POST, "/Groups", engines.clone()),
        (Method::PUT, &group_at, engines),
        (Method::PATCH, &group_at, empty),
        (Method::DELETE, &group_at, nothing()),
        (Method::POST, "/Bulk", bulk),
        (Method::POST, "/.search", search),
        (Method::GET, "/Me", nothing()),
        (Method::GET, "/ServiceProviderConfig", nothing()),
        (Method::GET, "/ResourceTypes", nothing()),
        (Method::GET, "/Schemas", nothing()),
    ];
    let refused = error(403, None, "SCIM is not enabled for this workspace");
    for (method, path, body) in calls {
        let mut call = acme.request(method.clone(), path).bearer_auth(&acme.token);
        if body != Value::Null {
            call = call.header("content-type", "application/scim+json").body(body.to_string());
        }
        let answer = acme.send(call).await;
        assert_eq!(answer.header("content-type"), "application/scim+json", "{method} {path}");
        assert_eq!((answer.status, answer.body), (403, refused.clone()), "{method} {path}");
    }
    acme.with_token("mst_0000").get("/Users").await.expect(401);

    assert_eq!((app.log("acme").await, app.tasks("acme").await), (log, tasks), "and nothing was done");
    app.bind("acme", "secoda", json!({})).await.expect(200);
    assert_eq!(read().await, before, "the token was valid all the time");
}

#[tokio::test]
async fn secoda_03_users_are_served_under_the_base_url() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    assert_eq!(acme.base, format!("{}/api/v2/scim", app.scim));

    let ada = ada_is_pushed(&acme).await;

    assert_eq!(ada["meta"]["location"], format!("{}/Users/{}", acme.base, id_of(&ada)));
    assert_eq!(acme.get(&format!("/Users/{}", id_of(&ada))).await.expect(200), ada);
}

#[tokio::test]
async fn secoda_04_a_token_that_was_pasted_with_the_word_bearer_opens_too() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    for header in [format!("Bearer {}", acme.token), format!("Bearer Bearer {}", acme.token)] {
        let test = acme.request(Method::GET, "/Users?startIndex=1&count=2").header("authorization", &header);
        acme.send(test).await.expect(200);
    }
}

#[tokio::test]
async fn secoda_05_a_lookup_by_user_name_finds_whose_address_it_is() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let okta = okta_of(&acme);
    let user = json!({
        "schemas": [USER],
        "userName": "abyron",
        "emails": [
            { "value": "ada@home.example", "type": "home" },
            { "value": "ada@example.com", "type": "work", "primary": true },
        ],
        "active": true,
    });
    let ada = acme.post("/Users", user).await.expect(201);
    assert_eq!(ada["userName"], "abyron", "as it was sent");

    let found = okta.expect(&okta::find_user("Ada@Example.com"), &[200]).await.unwrap().body;

    assert_eq!((&found["totalResults"], &found["Resources"]), (&json!(1), &json!([ada])));
    for filter in [
        "userName eq \"abyron\"",
        "emails.value eq \"ada@example.com\"",
        "emails eq \"ADA@EXAMPLE.COM\"",
        "emails[type eq \"work\"].value eq \"ada@example.com\"",
    ] {
        assert_eq!(acme.ids("/Users", filter).await, [id_of(&ada)], "{filter}");
    }
    assert_eq!(
        acme.ids("/Users", "userName eq \"ada@home.example\"").await,
        Vec::<String>::new(),
        "not her identifier"
    );
    assert_eq!(acme.ids("/Users", "emails.value eq \"ada@home.example\"").await, [id_of(&ada)]);
}

#[tokio::test]
async fn secoda_05_who_has_no_address_but_the_user_name_is_found_by_it_as_by_an_address() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let ada = acme.post("/Users", json!({ "schemas": [USER], "userName": "Ada@example.com" })).await.expect(201);

    for filter in [
        "userName eq \"ada@example.com\"",
        "emails.value eq \"ada@example.com\"",
        "emails[type eq \"work\"].value eq \"ada@example.com\"",
    ] {
        assert_eq!(acme.ids("/Users", filter).await, [id_of(&ada)], "{filter}");
    }
    assert_eq!(
        acme.ids("/Users", "emails[type eq \"home\"].value eq \"ada@example.com\"").await,
        Vec::<String>::new(),
        "nobody has said that she has one at home"
    );
}

#[tokio::test]
async fn secoda_05_an_address_belongs_to_one_user_under_whatever_name() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    ada_is_pushed(&acme).await;
    let emails = json!([{ "value": "ADA@example.com", "primary": true }]);

    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "abyron", "emails": emails })).await;

    let refused = refused.expect(409);
    assert_eq!((&refused["scimType"], &refused["status"]), (&json!("uniqueness"), &json!("409")));
    assert_eq!(app.log("acme").await.len(), 1);
}

#[tokio::test]
async fn secoda_05_a_user_without_any_address_is_refused() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;

    let refused = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(400);

    let detail = "emails or userName must hold an e-mail address";
    assert_eq!(refused, error(400, Some("invalidValue"), detail));
    assert_eq!((app.log("acme").await, app.tasks("acme").await), (Vec::<Value>::new(), Vec::<Value>::new()));
}

#[tokio::test]
async fn secoda_06_the_test_call_is_answered_though_import_is_not_offered() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let mut ids = Vec::new();
    for name in ["ada", "grace", "hedy"] {
        ids.push(acme.user(&format!("{name}@example.com")).await);
    }

    let test = okta_of(&acme).expect(&okta::test_connection(), &[200]).await.unwrap().body;

    let listed: Vec<&str> = test["Resources"].as_array().unwrap().iter().map(id_of).collect();
    assert_eq!((&test["totalResults"], listed.as_slice()), (&json!(3), &[ids[0].as_str(), ids[1].as_str()][..]));
}

#[tokio::test]
async fn a_whole_cycle_of_okta_ends_well_and_its_repetition_writes_nothing() {
    let app = TestApp::start().await;
    let acme = acme(&app).await;
    let (people, groups) = muster_idp::sample("acme.example", 5);

    let first = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();
    let written = app.log("acme").await.len();
    let again = muster_idp::sync::okta(&okta_of(&acme), &people, &groups, |_| {}).await.unwrap();

    assert_eq!((first.created, first.updated, first.groups), (5, 0, 3));
    assert_eq!((again.created, again.updated, again.groups), (0, 5, 3));
    assert_eq!(app.log("acme").await.len(), written, "the second cycle found everything as it should be");
    assert_eq!(app.tasks("acme").await.len(), 5, "an invitation each");
}
