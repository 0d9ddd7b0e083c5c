//! OK-01 to OK-06: one person, from the connection test to the day they leave and come back.

use std::time::Duration;

use muster_test_harness::messages::{error, nothing_found};
use muster_test_harness::{ENTERPRISE, USER};
use serde_json::{Value, json};

use super::{Okta, START, ada, counters, each, person, text};

#[tokio::test]
async fn ok_01_the_connection_test_is_one_list_request_answered_with_two_of_three_users() {
    let (_app, acme) = Okta::start().await;
    assert_eq!(acme.get("/Users?startIndex=1&count=2").await.expect(200), nothing_found());
    for login in ["ada@example.com", "babbage@example.com", "clairaut@example.com"] {
        acme.post("/Users", &person(login)).await.expect(201);
    }

    let answer = acme.get("/Users?startIndex=1&count=2").await;

    assert_eq!(answer.header("content-type"), "application/scim+json");
    let list = answer.expect(200);
    assert_eq!(counters(&list), [3, 1, 2]);
    assert_eq!(each(&list, "userName"), ["ada@example.com", "babbage@example.com"]);
}

#[tokio::test]
async fn ok_02_a_user_that_is_not_there_is_an_empty_list_and_one_that_is_there_is_found_in_any_case() {
    let (_app, acme) = Okta::start().await;
    assert_eq!(acme.find_user("ada@example.com").await, nothing_found());
    let ada = acme.post("/Users", &ada()).await.expect(201);
    acme.post("/Users", &person("babbage@example.com")).await.expect(201);

    for login in ["ada@example.com", "ADA@EXAMPLE.COM"] {
        let list = acme.find_user(login).await;
        assert_eq!(counters(&list), [1, 1, 1]);
        assert_eq!(list["Resources"][0], ada);
    }
    let plus = acme.get("/Users?filter=userName+eq+%22ada%40example.com%22&startIndex=1&count=100").await;
    assert_eq!(plus.expect(200)["Resources"][0], ada, "a plus is a space in a query");
}

/// "Unique identifier field" set to `email`: the filter still says `userName`. The plugin's keys are what makes it match.
#[tokio::test]
async fn ok_02_the_user_name_filter_finds_a_user_by_the_address_where_the_plugin_makes_it_a_key() {
    let app = muster_test_harness::TestApp::start().await;
    let acme = Okta { tenant: app.tenant_with("acme", "secoda", json!({})).await };
    let mut by_hand = ada();
    by_hand["userName"] = json!("countess");
    let made = acme.post("/Users", &by_hand).await.expect(201);

    assert_eq!(each(&acme.find_user("ada@example.com").await, "id"), [text(&made, "/id")]);
    assert_eq!(each(&acme.find_user("countess").await, "id"), [text(&made, "/id")]);
}

/// Okta takes `Resources[0].id`, reads the user, then pushes the profile: no second account.
#[tokio::test]
async fn ok_02_an_account_that_was_there_before_is_linked_and_not_created_again() {
    let (_app, acme) = Okta::start().await;
    let by_hand = acme.tenant.user("Ada@Example.com").await;

    let found = acme.find_user("ada@example.com").await;
    assert_eq!(each(&found, "id"), [by_hand.as_str()]);
    let path = format!("/Users/{by_hand}");
    let read = acme.get(&path).await.expect(200);
    let linked = acme.put(&path, &laid_over(&read, ada())).await.expect(200);

    assert_eq!((text(&linked, "/id"), text(&linked, "/externalId")), (by_hand.as_str(), "00u1abcdEFGH2345j5d7"));
    assert_eq!(counters(&acme.get("/Users?startIndex=1&count=100").await.expect(200)), [1, 1, 1]);
}

#[tokio::test]
async fn ok_03_a_new_user_is_answered_whole_without_the_password() {
    let (app, acme) = Okta::start().await;

    let answer = acme.post("/Users", &ada()).await;

    let (location, etag) = (answer.header("location").to_owned(), answer.header("etag").to_owned());
    let made = answer.expect(201);
    let id = text(&made, "/id").to_owned();
    assert_eq!(location, format!("{}/Users/{id}", acme.tenant.base));
    assert_eq!(
        made,
        json!({
            "schemas": [USER],
            "id": id,
            "externalId": "00u1abcdEFGH2345j5d7",
            "userName": "ada@example.com",
            "name": { "givenName": "Ada", "familyName": "Byron" },
            "displayName": "Ada Byron",
            "locale": "en-US",
            "active": true,
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
            "groups": [],
            "meta": {
                "resourceType": "User",
                "created": START,
                "lastModified": START,
                "location": location,
                "version": etag,
            },
        })
    );
    assert_eq!(acme.get(&format!("/Users/{id}")).await.expect(200), made);
    assert!(!Value::from(app.log("acme").await).to_string().contains("k3Vqz8Rt"), "a password is kept nowhere");
}

#[tokio::test]
async fn ok_03_the_same_post_again_is_409_and_the_user_stays_as_it_is() {
    let (app, acme) = Okta::start().await;
    let made = acme.post("/Users", &ada()).await.expect(201);
    let mut again = ada();
    again["displayName"] = json!("Somebody Else");

    let refused = acme.post("/Users", &again).await.expect(409);

    assert_eq!(refused, error(409, Some("uniqueness"), "userName is already in use"));
    assert_eq!(acme.find_user("ada@example.com").await["Resources"], json!([made]));
    assert_eq!(app.log("acme").await.len(), 1, "only the first POST changed anything");
}

/// The URN of an extension may be missing from `schemas`: its key is enough. `manager.value` is whatever the admin mapped.
#[tokio::test]
async fn ok_03b_the_enterprise_extension_is_kept_and_a_custom_one_is_dropped() {
    let (_app, acme) = Okta::start().await;
    let custom = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";
    for (login, schemas) in
        [("ada@example.com", json!([USER, ENTERPRISE, custom])), ("babbage@example.com", json!([USER]))]
    {
        let body = json!({
            "schemas": schemas,
            "userName": login,
            "active": true,
            "name": { "givenName": "Ada", "familyName": "Byron" },
            "emails": [{ "primary": true, "value": login, "type": "work" }],
            ENTERPRISE: {
                "employeeNumber": "1815",
                "department": "Analysis",
                "manager": { "value": "00u9boss", "displayName": "C. Babbage" },
            },
            custom: { "badge": "B-12" },
        });
        let made = acme.post("/Users", &body).await.expect(201);
        assert_eq!(made["schemas"], json!([USER, ENTERPRISE]));
        let kept = json!({ "employeeNumber": "1815", "department": "Analysis", "manager": { "value": "00u9boss" } });
        assert_eq!(made[ENTERPRISE], kept);
        assert_eq!(made.get(custom), None);
    }
}

/// The body of an AIW app's PUT is our own answer with Okta's values laid over it, stale `name.formatted` included.
#[tokio::test]
async fn ok_04_a_put_with_our_own_answer_in_it_changes_what_okta_changed_and_the_formatted_name() {
    let (app, acme) = Okta::start().await;
    let mut body = ada();
    body["name"]["formatted"] = json!("Ada Byron");
    let id = text(&acme.post("/Users", &body).await.expect(201), "/id").to_owned();
    app.advance(Duration::from_mins(1));

    let found = acme.find_user("ada@example.com").await;
    assert_eq!(each(&found, "id"), [id.as_str()]);
    let read = acme.get(&format!("/Users/{id}")).await.expect(200);
    let mut push = ada();
    push["name"] = json!({ "givenName": "Ada", "familyName": "Lovelace", "formatted": read["name"]["formatted"] });
    push["displayName"] = json!("Ada Lovelace");
    let updated = acme.put(&format!("/Users/{id}"), &laid_over(&read, push)).await.expect(200);

    let mut expected = read;
    expected["name"] = json!({ "givenName": "Ada", "familyName": "Lovelace", "formatted": "Ada Lovelace" });
    expected["displayName"] = json!("Ada Lovelace");
    expected["meta"]["lastModified"] = json!("2026-11-03T14:04:00.000Z");
    expected["meta"]["version"] = json!("W/\"2\"");
    assert_eq!(updated, expected);
    assert_eq!(acme.get(&format!("/Users/{id}")).await.expect(200), expected);
}

/// "Force Sync" pushes everyone again.
#[tokio::test]
async fn ok_04_a_put_that_changes_nothing_writes_nothing() {
    let (app, acme) = Okta::start().await;
    let made = acme.post("/Users", &ada()).await.expect(201);
    app.advance(Duration::from_mins(1));

    let again = acme.put(&format!("/Users/{}", text(&made, "/id")), &laid_over(&made, ada())).await.expect(200);

    assert_eq!(again, made);
    assert_eq!(app.log("acme").await.len(), 1);
}

/// Okta shows `Error while trying to push profile update for <email>: <detail>`.
#[tokio::test]
async fn ok_04_a_put_to_an_id_that_is_not_there_is_404_in_the_words_of_the_vendor() {
    let app = muster_test_harness::TestApp::start().await;
    let acme = Okta { tenant: app.tenant("acme").await };
    let own_words = json!({ "users_not_found_detail": "User not found" });
    let poggio = Okta { tenant: app.tenant_with("poggio", "standard", own_words).await };

    for id in ["7b2e", "019b0000-0000-7000-8000-000000000001"] {
        let path = format!("/Users/{id}");
        let default = error(404, None, &format!("Resource {id} not found"));
        assert_eq!(acme.put(&path, &ada()).await.expect(404), default);
        let told = error(404, None, "User not found");
        assert_eq!(poggio.put(&path, &ada()).await.expect(404), told);
        assert_eq!(poggio.get(&path).await.expect(404), told);
        assert_eq!(poggio.operations(&path, json!([{ "op": "replace", "value": {} }])).await.expect(404), told);
    }
    assert_eq!(counters(&acme.get("/Users?startIndex=1&count=2").await.expect(200)), [0, 1, 0], "nothing was created");
}

#[tokio::test]
async fn ok_04_a_patch_without_a_path_merges_names_and_leaves_the_others() {
    let (_app, acme) = Okta::start().await;
    let mut body = ada();
    body["name"]["middleName"] = json!("King");
    let id = text(&acme.post("/Users", &body).await.expect(201), "/id").to_owned();

    let value = json!({ "displayName": "Ada Lovelace", "name": { "givenName": "Ada", "familyName": "Lovelace" } });
    let patched =
        acme.operations(&format!("/Users/{id}"), json!([{ "op": "replace", "value": value }])).await.expect(200);

    assert_eq!(patched["displayName"], "Ada Lovelace");
    assert_eq!(patched["name"], json!({ "givenName": "Ada", "middleName": "King", "familyName": "Lovelace" }));
    assert_eq!(patched["emails"], json!([{ "value": "ada@example.com", "type": "work", "primary": true }]));
}

#[tokio::test]
async fn ok_05_a_patched_deactivation_and_reactivation_keep_the_id_and_are_told_in_the_answer() {
    let (app, acme) = Okta::start().await;
    let made = acme.post("/Users", &ada()).await.expect(201);
    let id = text(&made, "/id").to_owned();
    let path = format!("/Users/{id}");

    let off = acme.operations(&path, json!([{ "op": "replace", "value": { "active": false } }])).await.expect(200);
    assert_eq!(off["active"], false);
    assert_eq!(app.account("acme", &id).await["state"], "disabled");
    let found = acme.find_user("ada@example.com").await;
    assert_eq!((each(&found, "id"), &found["Resources"][0]["active"]), (vec![id.as_str()], &json!(false)));

    // Any other answer: "provision to app failed due to delay in reactivating remote User".
    let on = acme.operations(&path, json!([{ "op": "replace", "value": { "active": true } }])).await.expect(200);
    assert_eq!((text(&on, "/id"), &on["active"]), (id.as_str(), &json!(true)));
    assert_eq!(app.account("acme", &id).await["state"], "active");
    assert_eq!(acme.get(&path).await.expect(200)["active"], true);
}

#[tokio::test]
async fn ok_05_a_put_deactivates_too_even_without_the_optional_attributes() {
    let (app, acme) = Okta::start().await;
    let made = acme.post("/Users", &ada()).await.expect(201);
    let id = text(&made, "/id").to_owned();
    let path = format!("/Users/{id}");

    let mut echo = acme.get(&path).await.expect(200);
    echo["active"] = json!(false);
    let off = acme.put(&path, &echo).await.expect(200);
    assert_eq!((&off["active"], &off["name"]), (&json!(false), &made["name"]));

    echo["active"] = json!(true);
    assert_eq!(acme.put(&path, &echo).await.expect(200)["active"], true);
    let bare = json!({ "schemas": [USER], "userName": "ada@example.com", "active": false });
    let off = acme.put(&path, &bare).await.expect(200);
    assert_eq!((&off["active"], off.get("name"), off.get("emails")), (&json!(false), None, None));
    assert_eq!(app.account("acme", &id).await["state"], "disabled");
}

#[tokio::test]
async fn ok_06_a_password_in_a_put_is_taken_and_never_told() {
    let (app, acme) = Okta::start().await;
    let made = acme.post("/Users", &ada()).await.expect(201);
    let path = format!("/Users/{}", text(&made, "/id"));
    let mut push = laid_over(&made, ada());
    push["password"] = json!("n3w-Passw0rd!");

    let updated = acme.put(&path, &push).await.expect(200);

    assert_eq!(updated, made, "who signs in here does so at the identity provider: nothing is stored");
    for path in [path.as_str(), "/Users?startIndex=1&count=100", &format!("{path}?attributes=password,userName")] {
        assert!(!acme.get(path).await.text.contains("assw"), "{path}");
    }
    assert!(!Value::from(app.log("acme").await).to_string().contains("Passw0rd"));
}

/// The server's answer with Okta's values laid over it.
fn laid_over(stored: &Value, own: Value) -> Value {
    let mut body = stored.clone();
    if let (Some(body), Value::Object(own)) = (body.as_object_mut(), own) {
        body.extend(own);
    }
    body
}
