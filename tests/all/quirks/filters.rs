//! Q10 to Q12: questions, and pages of answers.

use muster_test_harness::messages::{error, nothing_found};
use serde_json::{Value, json};

use super::{created, id, ids, start};

#[tokio::test]
async fn q10_every_dialect_of_a_filter_finds_the_one_user() {
    let (_app, acme) = start().await;
    let boss = acme.user("boss").await;
    let user = created(&acme).await;
    let own = user.trim_start_matches("/Users/");
    let manager = json!([{ "op": "add", "value": { "manager": boss, "nickName": "ada" } }]);
    acme.operations(&user, manager).await.expect(200);

    for filter in [
        "externalId eq \"0f1c9d2e-2a3b\"".to_owned(),
        "userName eq ada@example.com".to_owned(),
        "nickName eq ada".to_owned(),
        "UserName Eq \"ADA@example.com\"".to_owned(),
        "emails eq \"ada@example.com\"".to_owned(),
        "emails[type eq \"work\"].value eq \"ada@example.com\"".to_owned(),
        "urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"ada@example.com\"".to_owned(),
        format!("id eq \"{own}\" and manager eq \"{boss}\""),
    ] {
        assert_eq!(acme.ids("/Users", &filter).await, [own], "{filter}");
    }
    for filter in [
        "externalId eq \"0f1c9d2e-2a3c\"".to_owned(),
        "userName eq ada".to_owned(),
        "emails[type eq \"home\"].value eq \"ada@example.com\"".to_owned(),
        format!("id eq \"{boss}\" and manager eq \"{boss}\""),
    ] {
        assert_eq!(acme.find("/Users", &filter).await.expect(200), nothing_found(), "{filter}");
    }
}

#[tokio::test]
async fn q10_a_filter_that_is_truly_malformed_is_400_invalid_filter() {
    let (_app, acme) = start().await;
    for filter in
        ["userName", "userName is \"ada\"", "userName eq", "(userName eq \"ada\"", "emails[type eq", "\"x\"", ""]
    {
        let told = acme.find("/Users", filter).await.expect(400);
        let detail = told["detail"].as_str().unwrap().to_owned();
        assert_eq!(told, error(400, Some("invalidFilter"), &detail), "{filter}");
        assert!(detail.starts_with("the filter is not valid: expected "), "{detail}");
    }
}

#[tokio::test]
async fn q11_nothing_found_is_200_with_an_empty_list() {
    let (_app, acme) = start().await;
    let guid = "a1d83c3f-6b0e-4a4f-9d57-2e4c2a0f7b11";
    for (path, filter) in [
        ("/Users", format!("userName eq \"{guid}\"")),
        ("/Users", format!("favouriteColour eq \"{guid}\"")),
        ("/Users", format!("id eq \"{guid}\"")),
        ("/Groups", format!("displayName eq \"{guid}\"")),
    ] {
        assert_eq!(acme.find(path, &filter).await.expect(200), nothing_found(), "{filter}");
    }
}

#[tokio::test]
async fn q12_pages_add_up_whatever_is_asked_for() {
    let (_app, acme) = start().await;
    let mut all = Vec::new();
    for number in 0..102 {
        all.push(acme.user(&format!("user{number}")).await);
    }
    for (query, start, expected) in [
        ("?startIndex=101&count=100", 101, &all[100..]),
        ("?startIndex=0&count=0", 1, &all[..0]),
        ("?startIndex=0&count=3", 1, &all[..3]),
        ("?startIndex=-5&count=3", 1, &all[..3]),
        ("?count=-1", 1, &all[..0]),
        ("?count=0", 1, &all[..0]),
        ("", 1, &all[..100]),
        ("?startIndex=3", 3, &all[2..102]),
        ("?startIndex=103&count=100", 103, &all[..0]),
        ("?startIndex=9999999999", 9_999_999_999_u64, &all[..0]),
        ("?count=5000", 1, &all[..]),
        ("?startIndex=51&count=2&filter=userName sw \"user\"", 51, &all[50..52]),
    ] {
        let page = acme.get(&format!("/Users{query}")).await.expect(200);
        assert_eq!(page["totalResults"], 102, "{query}: the true total");
        assert_eq!(page["startIndex"], json!(start), "{query}");
        assert_eq!(page["itemsPerPage"], json!(expected.len()), "{query}: what is in the answer");
        assert_eq!(ids(&page), expected, "{query}: in order of creation");
    }
}

#[tokio::test]
async fn q12_a_page_number_that_is_no_number_is_400() {
    let (_app, acme) = start().await;
    for (query, name) in [("startIndex=first", "startIndex"), ("count=ten", "count")] {
        let told = acme.get(&format!("/Users?{query}")).await.expect(400);
        assert_eq!(told, error(400, Some("invalidValue"), &format!("{name} is not a whole number")));
    }
}

/// A page is what is left after someone on an earlier page went away: no user is shown twice.
#[tokio::test]
async fn q12_the_order_stays_when_users_change_or_go() {
    let (app, acme) = start().await;
    let mut all = Vec::new();
    for number in 0..6 {
        all.push(acme.user(&format!("user{number}")).await);
        app.advance(std::time::Duration::from_secs(1));
    }
    let rename = json!([{ "op": "replace", "path": "userName", "value": "zzz" }]);
    acme.operations(&format!("/Users/{}", all[0]), rename).await.expect(200);
    assert_eq!(ids(&acme.get("/Users?count=3").await.expect(200)), all[..3]);

    acme.delete(&format!("/Users/{}", all[1])).await.expect(204);
    let rest: Value = acme.get("/Users").await.expect(200);
    assert_eq!(rest["totalResults"], 5);
    assert_eq!(
        rest["Resources"].as_array().unwrap().iter().map(id).collect::<Vec<_>>(),
        [0, 2, 3, 4, 5].map(|n| all[n].as_str())
    );
}
