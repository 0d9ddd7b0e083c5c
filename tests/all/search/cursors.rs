//! What a cursor is good for, and what is not one (RFC 9865 §2.1, §5).

use std::time::Duration;

use muster_test_harness::TenantClient;
use muster_test_harness::messages::{LIST_RESPONSE, error};
use serde_json::{Value, json};

use super::{ids, names, next, start, user};

fn invalid_cursor() -> Value {
    let told = "the cursor was not given by this server for this query; an empty one asks for the first page";
    error(400, Some("invalidCursor"), told)
}

/// Three users, and the cursor behind the first of them.
async fn three(acme: &TenantClient, query: &str) -> String {
    for name in ["ada", "bea", "cleo"] {
        user(acme, name, json!({ "name": { "familyName": format!("{name}son") } })).await;
    }
    next(&acme.get(&format!("/Users?cursor&count=1{query}")).await.expect(200)).to_owned()
}

#[tokio::test]
async fn pages_by_cursor_look_as_in_the_rfc() {
    let (_app, acme) = start().await;
    let cursor = three(&acme, "").await;

    let second = acme.get(&format!("/Users?cursor={cursor}&count=1")).await.expect(200);
    let mut members: Vec<&str> = second.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["Resources", "itemsPerPage", "nextCursor", "schemas", "totalResults"], "no startIndex");
    assert_eq!(second["schemas"], json!([LIST_RESPONSE]));
    assert_eq!((&second["totalResults"], &second["itemsPerPage"]), (&json!(3), &json!(1)));
    assert_eq!(names(&second), ["bea"]);

    let last = acme.get(&format!("/Users?cursor={}&count=1", next(&second))).await.expect(200);
    assert_eq!((names(&last), last.get("nextCursor"), &last["totalResults"]), (vec!["cleo"], None, &json!(3)));
}

/// RFC 9865 §2.4: whoever does not ask for a cursor meets none.
#[tokio::test]
async fn pages_are_by_index_unless_a_cursor_is_sent_and_then_start_index_is_not_looked_at() {
    let (_app, acme) = start().await;
    three(&acme, "").await;
    let index = acme.get("/Users?count=1").await.expect(200);
    assert_eq!((index.get("nextCursor"), &index["startIndex"]), (None, &json!(1)));
    let both = acme.get("/Users?startIndex=3&count=1&cursor=").await.expect(200);
    assert_eq!((names(&both), both.get("startIndex")), (vec!["ada"], None));
    let next_one = acme.get(&format!("/Users?startIndex=first&count=1&cursor={}", next(&both))).await.expect(200);
    assert_eq!(names(&next_one), ["bea"]);
}

#[tokio::test]
async fn a_count_of_nothing_tells_the_total_and_what_is_no_count_is_invalid_count() {
    let (_app, acme) = start().await;
    let cursor = three(&acme, "").await;
    for start in ["", &cursor] {
        for count in ["0", "-1", "-99999999999999999999"] {
            let total = acme.get(&format!("/Users?cursor={start}&count={count}")).await.expect(200);
            let told = json!({ "schemas": [LIST_RESPONSE], "totalResults": 3, "itemsPerPage": 0, "Resources": [] });
            assert_eq!(total, told, "{count}");
        }
        for count in ["many", "1.5", "1e3"] {
            let refused = acme.get(&format!("/Users?cursor={start}&count={count}")).await.expect(400);
            assert_eq!(refused, error(400, Some("invalidCount"), "count is not a whole number"), "{count}");
        }
        let most = acme.get(&format!("/Users?cursor={start}&count=5000")).await.expect(200);
        assert_eq!(most.get("nextCursor"), None, "more than a page may have is as much as it may have");
    }
    let default = acme.get("/Users?cursor").await.expect(200);
    assert_eq!(names(&default), ["ada", "bea", "cleo"]);
}

#[tokio::test]
async fn a_cursor_expires_when_it_is_announced_to_and_each_page_gives_a_new_one() {
    let (app, acme) = start().await;
    let first = three(&acme, "").await;
    let config = acme.get("/ServiceProviderConfig").await.expect(200);
    let timeout = Duration::from_secs(config["pagination"]["cursorTimeout"].as_u64().unwrap());
    assert_eq!((&config["pagination"]["cursor"], &config["pagination"]["index"]), (&json!(true), &json!(true)));

    app.advance(timeout);
    let second = acme.get(&format!("/Users?cursor={first}&count=1")).await.expect(200);
    app.advance(Duration::from_secs(1));

    let refused = acme.get(&format!("/Users?cursor={first}&count=1")).await.expect(400);
    let told = "the cursor has expired; an empty one asks for the first page";
    assert_eq!(refused, error(400, Some("expiredCursor"), told));
    let third = acme.get(&format!("/Users?cursor={}&count=1", next(&second))).await.expect(200);
    assert_eq!(names(&third), ["cleo"]);
}

#[tokio::test]
async fn how_long_a_cursor_lives_is_the_operators_choice() {
    let mut builder = muster_test_harness::TestApp::builder();
    builder.config.limits.cursor_timeout_s = 5;
    let app = builder.start().await;
    let acme = app.tenant("acme").await;
    let cursor = three(&acme, "").await;
    let config = acme.get("/ServiceProviderConfig").await.expect(200);
    assert_eq!(config["pagination"]["cursorTimeout"], 5);
    app.advance(Duration::from_millis(5_001));
    let refused = acme.get(&format!("/Users?cursor={cursor}")).await.expect(400);
    assert_eq!(refused["scimType"], "expiredCursor");
}

#[tokio::test]
async fn a_cursor_is_still_good_after_a_restart() {
    let (app, acme) = start().await;
    let cursor = three(&acme, "&sortBy=userName").await;
    let app = app.restart().await;
    let acme = app.client("/scim/v2", &acme.token);
    let page = acme.get(&format!("/Users?sortBy=userName&cursor={cursor}")).await.expect(200);
    assert_eq!(names(&page), ["bea", "cleo"]);
}

#[tokio::test]
async fn a_forged_cursor_is_refused_whatever_is_changed_in_it() {
    let (_app, acme) = start().await;
    let cursor = three(&acme, "").await;
    for at in 0..cursor.len() {
        let other = if &cursor[at..=at] == "A" { "B" } else { "A" };
        let forged = format!("{}{other}{}", &cursor[..at], &cursor[at + 1..]);
        assert_eq!(acme.get(&format!("/Users?cursor={forged}")).await.expect(400), invalid_cursor(), "{at}");
    }
    let long = "A".repeat(3000);
    for forged in ["1", "null", "%00", "%F0%9F%92%A9", "..%2F..", &cursor[1..], &cursor[..cursor.len() - 1], &long] {
        assert_eq!(acme.get(&format!("/Users?cursor={forged}")).await.expect(400), invalid_cursor(), "{forged}");
    }
    acme.get(&format!("/Users?cursor={cursor}")).await.expect(200);
}

/// RFC 9865 §5.2: one sentence for all of these, so that it tells nothing about whose cursor it was.
#[tokio::test]
async fn a_cursor_of_another_tenant_or_another_query_is_as_good_as_forged() {
    let (app, acme) = start().await;
    let globex = app.tenant("globex").await;
    let cursor = three(&acme, "&filter=userName pr&sortBy=userName").await;
    three(&globex, "").await;
    acme.group("Engineering", &[]).await;

    let same = "filter=userName pr&sortBy=userName";
    assert_eq!(globex.get(&format!("/Users?{same}&cursor={cursor}")).await.expect(400), invalid_cursor());
    for (path, query) in [
        ("/Users", "filter=userName pr"),
        ("/Users", "sortBy=userName"),
        ("/Users", "filter=id pr&sortBy=userName"),
        ("/Users", "filter=userName pr&sortBy=name.familyName"),
        ("/Users", "filter=userName pr&sortBy=userName&sortOrder=descending"),
        ("/Groups", "filter=userName pr&sortBy=id"),
        ("/", same),
    ] {
        let refused = acme.get(&format!("{path}?{query}&cursor={cursor}")).await;
        assert_eq!(refused.expect(400), invalid_cursor(), "{path}?{query}");
    }
    let page = acme.get(&format!("/Users?{same}&cursor={cursor}")).await.expect(200);
    assert_eq!(names(&page), ["bea", "cleo"]);
}

/// RFC 9865 §2 wants the same parameters again; what does not move the place is not held against the client.
#[tokio::test]
async fn what_is_shown_and_how_much_of_it_may_change_from_page_to_page() {
    let (_app, acme) = start().await;
    let cursor = three(&acme, "&filter=userName pr&sortBy=userName").await;
    for (query, expected) in [
        ("filter=USERNAME PR&sortBy=USERname&sortOrder=Ascending&count=1", vec!["bea"]),
        ("filter=(username pr)&sortBy=userName&attributes=userName", vec!["bea", "cleo"]),
        ("filter=userName pr&sortBy=userName&excludedAttributes=meta,groups&count=2", vec!["bea", "cleo"]),
    ] {
        let page = acme.get(&format!("/Users?{query}&cursor={cursor}")).await.expect(200);
        assert_eq!(names(&page), expected, "{query}");
    }
    let body = json!({ "filter": "userName pr", "sortBy": "userName", "cursor": cursor, "attributes": ["userName"] });
    let searched = acme.post("/Users/.search", body).await.expect(200);
    assert_eq!((names(&searched), &searched["Resources"][0]["meta"]), (vec!["bea", "cleo"], &Value::Null));
}

#[tokio::test]
async fn a_cursor_shows_neither_whom_it_stands_behind_nor_who_is_searched() {
    let (_app, acme) = start().await;
    let long = "Zz".repeat(5000);
    for name in ["ada", "bea"] {
        user(&acme, name, json!({ "name": { "familyName": long } })).await;
    }
    let list = acme.get("/Users?cursor&count=1&sortBy=name.familyName&filter=userName pr").await.expect(200);
    let cursor = next(&list);
    assert!(cursor.len() < 2048, "a name of any length makes a cursor that fits into a URI: {}", cursor.len());
    assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
    assert!(!cursor.to_lowercase().contains("zzzz") && !cursor.contains(&"enp6".repeat(4)), "{cursor}");
    let second = acme.get(&format!("/Users?sortBy=name.familyName&filter=userName pr&cursor={cursor}")).await;
    assert_eq!(names(&second.expect(200)), ["bea"]);
}

#[tokio::test]
async fn a_list_without_anything_in_it_has_no_next_page() {
    let (_app, acme) = start().await;
    let empty = acme.get("/Users?cursor").await.expect(200);
    assert_eq!(empty, json!({ "schemas": [LIST_RESPONSE], "totalResults": 0, "itemsPerPage": 0, "Resources": [] }));
    let ada = acme.user("ada").await;
    acme.user("bea").await;
    let first = acme.get("/Users?cursor&count=1").await.expect(200);
    assert_eq!(ids(&first), [ada.as_str()]);
    let all: Vec<String> = acme.ids("/Users", "userName pr").await;
    for id in all {
        acme.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let nobody = acme.get(&format!("/Users?cursor={}", next(&first))).await.expect(200);
    assert_eq!(nobody, empty, "everyone went away in between");
}
