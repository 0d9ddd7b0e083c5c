//! Section 3: clients with habits of their own, where what they send is known.

use muster_test_harness::messages::error;
use muster_test_harness::{Answer, ENTERPRISE, GROUP, PATCH_OP, TenantClient, TestApp, USER};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ada, created, id, ids, start};

async fn with_headers(
    acme: &TenantClient,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    let request = acme.request(method, path).bearer_auth(&acme.token);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    acme.send(body.into_iter().fold(request, |request, body| request.body(body.to_string()))).await
}

/// 3.1: captured; a stray `&` or `?` ends the URL, and the user agent of a group PATCH is an empty string.
#[tokio::test]
async fn onelogin_ends_its_urls_with_a_stray_character_and_names_old_schemas() {
    let (_app, acme) = start().await;
    let made = acme.post("/Users", json!({ "schemas": [USER], "userName": "ada" })).await.expect(201);
    assert_eq!(ids(&acme.get("/Users?filter=userName+eq+%22ada%22&").await.expect(200)), [id(&made)]);

    let json = [("content-type", "application/json")];
    let legacy = "urn:scim:schemas:extension:enterprise:2.0";
    for core in ["urn:scim:schemas:core:2.0", "urn:scim:schemas:core:1.0"] {
        let body = json!({
            "schemas": [core, legacy],
            "userName": "ada",
            "name": { "familyName": " Byron", "givenName": "Ada" },
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
            legacy: { "department": "Analysis" },
        });
        let path = format!("/Users/{}?", id(&made));
        let put = with_headers(&acme, Method::PUT, &path, &json, Some(&body)).await.expect(200);
        assert_eq!(put["schemas"], json!([USER, ENTERPRISE]));
        assert_eq!(put["name"], body["name"]);
        assert_eq!((&put[ENTERPRISE], put.get(legacy)), (&json!({ "department": "Analysis" }), None));
    }

    let group = acme.group("Engineering", &[]).await;
    let nameless = [("content-type", "application/scim+json"), ("user-agent", "")];
    let add = json!({
        "schemas": [PATCH_OP],
        "Operations": [{ "op": "add", "path": "members", "value": [{ "value": id(&made) }] }],
    });
    with_headers(&acme, Method::PATCH, &format!("/Groups/{group}?"), &nameless, Some(&add)).await.expect(200);
    assert_eq!(acme.members(&group).await, [id(&made)]);
}

/// 3.2: activation makes a test user and a test group and deletes both; later, members that are there are added again.
#[tokio::test]
async fn jumpcloud_activates_with_a_round_trip_and_repeats_its_adds() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    acme.get(&user).await.expect(200);
    let group = acme.group("jumpcloud-test", &[]).await;
    let path = format!("/Groups/{group}");
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": user.trim_start_matches("/Users/") }] }]);

    acme.operations(&path, add.clone()).await.expect(200);
    let changes = app.log("acme").await.len();
    acme.operations(&path, add).await.expect(200);
    assert_eq!(app.log("acme").await.len(), changes, "a present member is nothing to add");

    acme.delete(&path).await.expect(204);
    acme.delete(&user).await.expect(204);
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
}

/// 3.3: `Content-Type: application/json`, even on a GET; a 406 or 415 ends it.
#[tokio::test]
async fn google_looks_up_with_a_content_type_and_without_a_count() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let headers = [("user-agent", "Google-Auto-Provisioning"), ("content-type", "application/json")];

    let path = "/Users?filter=userName eq \"ada@example.com\"&startIndex=1";
    let found = with_headers(&acme, Method::GET, path, &headers, None).await.expect(200);

    assert_eq!(ids(&found), [user.trim_start_matches("/Users/")]);
    let mut next = ada();
    next["userName"] = json!("next@example.com");
    with_headers(&acme, Method::POST, "/Users", &headers, Some(&next)).await.expect(201);
}

/// 3.4: operators in odd case, a complex attribute without a sub-attribute, groups by listing them all.
#[tokio::test]
async fn ping_matches_in_odd_case_and_by_whole_addresses_and_lists_all_groups() {
    let (app, acme) = start().await;
    let user = created(&acme).await;
    let own = user.trim_start_matches("/Users/");
    for filter in [
        "userName eq \"ada@example.com\"",
        "userName Eq \"ada@example.com\"",
        "emails eq \"ada@example.com\"",
        "emails Eq \"ADA@example.com\"",
        "emails Co \"ada@\"",
    ] {
        assert_eq!(acme.ids("/Users", filter).await, [own], "{filter}");
    }
    let unknown = acme.find("/Users", "email Co \"ada@example.com\"").await.expect(200);
    assert_eq!(unknown["totalResults"], 0, "there is no attribute `email`, which is no mistake in the filter");

    let mut disabled = ada();
    disabled["userName"] = json!("disabled@example.com");
    disabled["active"] = json!(false);
    let made = acme.post("/Users", disabled).await.expect(201);
    assert_eq!(made["active"], false, "\"provision disabled users\"");
    assert_eq!(app.account("acme", id(&made)).await["state"], "disabled");

    for number in 0..101 {
        acme.group(&format!("Group {number}"), &[]).await;
    }
    let mut names = Vec::new();
    while names.len() < 101 {
        let page = acme.get(&format!("/Groups?startIndex={}", names.len() + 1)).await.expect(200);
        assert_eq!(page["totalResults"], 101);
        let groups = page["Resources"].as_array().unwrap();
        assert!(!groups.is_empty(), "the total promises more");
        names.extend(groups.iter().map(|group| group["displayName"].as_str().unwrap().to_owned()));
    }
    assert_eq!((names.len(), names[0].as_str(), names[100].as_str()), (101, "Group 0", "Group 100"));
}

/// 3.6: it looks up by `externalId`, and repeats its POSTs.
#[tokio::test]
async fn rippling_finds_by_external_id_and_is_told_409_when_it_posts_again() {
    let (_app, acme) = start().await;
    assert_eq!(acme.ids("/Users", "externalId eq \"0f1c9d2e-2a3b\"").await, [] as [&str; 0]);
    let user = created(&acme).await;
    let told = error(409, Some("uniqueness"), "userName is already in use");
    assert_eq!(acme.post("/Users", ada()).await.expect(409), told);
    assert_eq!(acme.ids("/Users", "externalId eq \"0f1c9d2e-2a3b\"").await, [user.trim_start_matches("/Users/")]);
}

/// 3.8: users by PUT with their id in the body, or PATCH with `active` as a string; groups with references that are relative.
#[tokio::test]
async fn keycloak_sends_addresses_without_type_relative_references_and_a_remove_of_null() {
    let (_app, acme) = start().await;
    let mut body = json!({
        "schemas": [USER],
        "externalId": "kc-1",
        "userName": "ada",
        "displayName": "Ada Byron",
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "value": "ada@example.com" }],
        "active": true,
        "roles": [{ "value": "editor" }],
    });
    let made = acme.post("/Users", body.clone()).await.expect(201);
    let own = id(&made).to_owned();
    for echoed in ["emails", "roles", "externalId"] {
        assert_eq!(made[echoed], body[echoed]);
    }
    let user = format!("/Users/{own}");
    body["id"] = json!(own);
    body["meta"] = made["meta"].clone();
    body["groups"] = json!([{ "value": "4d1c", "display": "Elsewhere" }]);
    body[ENTERPRISE] = json!({ "department": "Analysis" });
    let put = acme.put(&user, body).await.expect(200);
    assert_eq!((&put[ENTERPRISE], &put["groups"]), (&json!({ "department": "Analysis" }), &json!([])));
    let off = json!([{ "op": "replace", "path": "active", "value": "false" }]);
    assert_eq!(acme.operations(&user, off).await.expect(200)["active"], false);

    let group = acme.group("Engineering", &[]).await;
    let path = format!("/Groups/{group}");
    let members = json!([{ "value": own, "$ref": format!("Users/{own}") }]);
    let put = json!({ "schemas": [GROUP], "id": group, "displayName": "Engineering", "externalId": "kc-g", "members": members });
    acme.put(&path, put).await.expect(200);
    assert_eq!(acme.members(&group).await, [own.as_str()]);
    let operations = json!([
        { "op": "replace", "path": "members", "value": members },
        { "op": "replace", "path": "displayName", "value": "Engines" },
        { "op": "replace", "path": "externalId", "value": "kc-g2" },
    ]);
    let patched = acme.operations(&path, operations).await.expect(200);
    assert_eq!((&patched["displayName"], &patched["externalId"]), (&json!("Engines"), &json!("kc-g2")));
    let emptied = json!([{ "op": "remove", "path": "members", "value": null }]);
    assert_eq!(acme.operations(&path, emptied).await.expect(200)["members"], json!([]));

    acme.delete(&path).await.expect(204);
    acme.delete(&user).await.expect(204);
}

/// 3.9: on 409 it looks up (without quotes, in older versions), then PUTs; a group's map comes with `"path":null`.
#[tokio::test]
async fn authentik_adopts_after_a_409_and_patches_groups_with_a_null_path() {
    let (_app, acme) = start().await;
    acme.get("/ServiceProviderConfig").await.expect(200);
    let by_hand = acme.user("ada").await;
    let body = json!({ "schemas": [USER], "userName": "ada", "externalId": "ak-1", "active": true });
    acme.post("/Users", body.clone()).await.expect(409);
    for filter in ["userName eq \"ada\"", "userName eq ada"] {
        assert_eq!(acme.ids("/Users", filter).await, [by_hand.as_str()], "{filter}");
    }
    let put = acme.put(&format!("/Users/{by_hand}"), body.clone()).await.expect(200);
    assert_eq!(put["externalId"], "ak-1");
    acme.put("/Users/7b2e", body).await.expect(404);

    let leaver = acme.user("leaver").await;
    let group = acme.group("Old name", &[&leaver]).await;
    assert_eq!(acme.ids("/Groups", "displayName eq \"old name\"").await, [group.as_str()]);
    let map = json!({ "schemas": [GROUP], "id": group, "externalId": "ak-9", "displayName": "Engineering" });
    let operations = json!([
        { "op": "replace", "path": null, "value": map },
        { "op": "add", "path": "members", "value": [{ "value": by_hand }] },
        { "op": "remove", "path": "members", "value": [{ "value": leaver }] },
    ]);
    acme.operations(&format!("/Groups/{group}"), operations).await.expect(200);
    let read = acme.get(&format!("/Groups/{group}")).await.expect(200);
    assert_eq!((&read["displayName"], &read["externalId"]), (&json!("Engineering"), &json!("ak-9")));
    assert_eq!(acme.members(&group).await, [by_hand.as_str()], "only the one who was named left");
}

/// 3.9: discovery pages without a `count`, by the total.
#[tokio::test]
async fn authentik_discovers_everyone_by_the_total() {
    let (_app, acme) = start().await;
    for number in 0..101 {
        acme.user(&format!("user{number}")).await;
    }
    let first = acme.get("/Users?startIndex=1").await.expect(200);
    let second = acme.get("/Users?startIndex=101").await.expect(200);
    assert_eq!((&first["totalResults"], ids(&first).len()), (&json!(101), 100));
    assert_eq!((&second["totalResults"], ids(&second).len()), (&json!(101), 1));
}

/// 3.10: it wants exactly one match, and adds members in batches of 100.
#[tokio::test]
async fn ssosync_posts_an_address_without_content_and_adds_members_in_batches() {
    let (_app, acme) = start().await;
    let mut body = ada();
    body["addresses"] = json!([{ "type": "work" }]);
    let made = acme.post("/Users", body.clone()).await.expect(201);
    let found = acme.get("/Users?filter=userName eq \"ada@example.com\"").await.expect(200);
    assert_eq!((&found["totalResults"], ids(&found)), (&json!(1), vec![id(&made)]));
    body["displayName"] = json!("Ada");
    acme.put(&format!("/Users/{}", id(&made)), body).await.expect(200);

    let mut users = vec![id(&made).to_owned()];
    for number in 1..150 {
        users.push(acme.user(&format!("user{number}")).await);
    }
    let group = acme.group("x", &[]).await;
    for batch in users.chunks(100) {
        let value: Vec<Value> = batch.iter().map(|id| json!({ "value": id })).collect();
        let answer = acme
            .operations(&format!("/Groups/{group}"), json!([{ "op": "add", "path": "members", "value": value }]))
            .await;
        assert!([200, 204].contains(&answer.status));
    }
    assert_eq!(acme.members(&group).await, users);

    acme.delete(&format!("/Groups/{group}")).await.expect(204);
    acme.delete(&format!("/Users/{}", users[0])).await.expect(204);
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 149);
}

/// 3.5: what `CyberArk` Identity calls: users by PUT, groups by PATCH. Its discovery is in `discovery.rs`.
#[tokio::test]
async fn cyberark_tests_with_one_user_puts_users_and_patches_groups() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let empty = acme.get("/Users?count=1").await.expect(200);
    assert_eq!((&empty["totalResults"], &empty["Resources"]), (&json!(0), &json!([])));

    let user = created(&acme).await;
    let one = acme.get("/Users?count=1").await.expect(200);
    assert_eq!((&one["itemsPerPage"], ids(&one).len()), (&json!(1), 1));
    let mut body = ada();
    body["title"] = json!("Countess");
    assert_eq!(acme.put(&user, body).await.expect(200)["title"], "Countess");
    let made = acme.post("/Groups", json!({ "schemas": [GROUP], "displayName": "Engineering" })).await.expect(201);
    let group = format!("/Groups/{}", id(&made));
    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": user.trim_start_matches("/Users/") }] }]);
    acme.operations(&group, add).await.expect(200);
    assert_eq!(acme.get(&group).await.expect(200)["members"][0]["type"], "User");
    assert_eq!(ids(&acme.get("/Groups").await.expect(200)), [id(&made)]);
}
