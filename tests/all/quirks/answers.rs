//! Q20: the shape of answers, by which clients decide whether they are done.

use muster_test_harness::messages::error;
use muster_test_harness::{TestApp, USER};
use serde_json::{Value, json};

use super::{ada, created, id, start};

#[tokio::test]
async fn q20_booleans_are_booleans_however_they_came() {
    let (_app, acme) = start().await;
    for (number, (sent, read)) in
        [(json!("True"), true), (json!("false"), false), (json!(1), true), (json!(0), false), (json!(true), true)]
            .into_iter()
            .enumerate()
    {
        let name = format!("user{number}");
        let emails = json!([{ "value": "a@example.com", "primary": sent }]);
        let body = json!({ "schemas": [USER], "userName": name, "active": sent, "emails": emails });
        let made = acme.post("/Users", body).await.expect(201);
        let listed = acme.find("/Users", &format!("userName eq \"{name}\"")).await.expect(200);
        for user in [&made, &listed["Resources"][0]] {
            assert_eq!((&user["active"], &user["emails"][0]["primary"]), (&json!(read), &json!(read)), "{sent}");
        }
    }
    let silent = acme.post("/Users", json!({ "schemas": [USER], "userName": "silent" })).await.expect(201);
    assert_eq!(silent["active"], true, "it is always told");
}

#[tokio::test]
async fn q20_the_answer_to_a_patch_is_the_state_after_it() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    for title in ["Countess", "Analyst"] {
        let operations = json!([
            { "op": "replace", "path": "title", "value": "something else" },
            { "op": "replace", "path": "title", "value": title },
        ]);
        let patched = acme.operations(&user, operations).await.expect(200);
        assert_eq!(patched["title"], json!(title));
        assert_eq!(acme.get(&user).await.expect(200), patched);
    }
}

/// A 404 here makes a client create the user again, and again.
#[tokio::test]
async fn q20_inactive_users_stay_visible_and_reactivation_is_told() {
    let (_app, acme) = start().await;
    let user = created(&acme).await;
    let switch = |active: bool| json!([{ "op": "replace", "path": "active", "value": active }]);

    acme.operations(&user, switch(false)).await.expect(200);
    assert_eq!(acme.get(&user).await.expect(200)["active"], false);
    for filter in ["userName eq \"ada@example.com\"", "externalId eq \"0f1c9d2e-2a3b\"", "active eq false"] {
        assert_eq!(acme.ids("/Users", filter).await, [user.trim_start_matches("/Users/")], "{filter}");
    }
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 1);

    assert_eq!(acme.operations(&user, switch(true)).await.expect(200)["active"], true);
}

#[tokio::test]
async fn q20_an_id_of_any_form_that_is_not_there_is_404() {
    let (_app, acme) = start().await;
    let long = "x".repeat(300);
    for (sent, shown) in [
        ("7b2e", "7b2e"),
        ("0", "0"),
        ("-1", "-1"),
        ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
        ("%27%20or%201=1", "' or 1=1"),
        ("%F0%9F%92%A9", "\u{1F4A9}"),
        ("019b00000000700080000000000000001", "019b00000000700080000000000000001"),
        (long.as_str(), &long[..64]),
    ] {
        for endpoint in ["/Users", "/Groups"] {
            let told = error(404, None, &format!("Resource {shown} not found"));
            assert_eq!(acme.get(&format!("{endpoint}/{sent}")).await.expect(404), told, "{sent}");
        }
    }
}

/// A refusal of the product's own is for the administrator to read.
#[tokio::test]
async fn q20_a_refusal_of_the_vendor_is_told_in_the_vendors_words() {
    let app = TestApp::start().await;
    let acme = app.tenant_with_guest("acme", "rejects").await;

    let refused = acme.post("/Users", ada()).await;

    assert_eq!(refused.header("content-type"), "application/scim+json");
    assert_eq!(refused.expect(409), error(409, Some("uniqueness"), "userName is reserved by this guest"));
    assert_eq!(acme.get("/Users").await.expect(200)["totalResults"], 0);
}

/// Accounts that came another way, half empty, must not break the list for everyone.
#[tokio::test]
async fn q20_users_with_hardly_anything_are_listed_beside_full_ones() {
    let (_app, acme) = start().await;
    let bare = acme.user("bare").await;
    let full = created(&acme).await;

    let list: Value = acme.get("/Users?attributes=userName,name,emails,groups,active").await.expect(200);

    let users = list["Resources"].as_array().unwrap();
    assert_eq!(users[0], json!({ "schemas": [USER], "id": bare, "userName": "bare", "active": true, "groups": [] }));
    assert_eq!(id(&users[1]), full.trim_start_matches("/Users/"));
}
