//! From the first page to the last, while others write (Q12, RFC 9865 §2).

use muster_test_harness::TenantClient;
use serde_json::{Value, json};

use super::{ids, names, next, start, user};

/// Everyone, page by page; each page checked on the way.
async fn walk(acme: &TenantClient, query: &str, count: usize) -> Vec<String> {
    let (mut cursor, mut met, mut total) = (String::new(), Vec::new(), None);
    loop {
        let page =
            acme.get(&format!("/Users?{query}&attributes=userName&count={count}&cursor={cursor}")).await.expect(200);
        assert_eq!(*total.get_or_insert(page["totalResults"].clone()), page["totalResults"], "the true total, always");
        let on_page = ids(&page);
        assert_eq!(page["itemsPerPage"], on_page.len());
        met.extend(on_page.iter().map(|id| (*id).to_owned()));
        if page.get("nextCursor").is_none() {
            assert_eq!(total, Some(json!(met.len())));
            return met;
        }
        assert_eq!(on_page.len(), count, "only the last page is not full");
        cursor = next(&page).to_owned();
    }
}

#[tokio::test]
async fn two_hundred_and_fifty_users_are_met_once_each_whatever_the_order_and_the_filter() {
    let (_app, acme) = start().await;
    for number in 0..250 {
        let mut person = json!({ "active": number % 2 == 0, "externalId": format!("e{}", 250 - number) });
        if number % 5 != 0 {
            person["name"] = json!({ "familyName": format!("Family{}", number % 17) });
        }
        user(&acme, &format!("user{number}"), person).await;
    }
    for query in [
        "",
        "sortBy=userName",
        "sortBy=name.familyName",
        "sortBy=name.familyName&sortOrder=descending",
        "sortBy=meta.created",
        "sortBy=active&sortOrder=descending",
        "filter=active eq true",
        "filter=externalId sw \"e1\"&sortBy=externalId",
        "filter=not (name.familyName eq \"family3\")&sortBy=name.familyName&sortOrder=descending",
    ] {
        let by_index = acme.get(&format!("/Users?{query}&count=1000&attributes=userName")).await.expect(200);
        let mut met = walk(&acme, query, 7).await;
        assert_eq!(met, ids(&by_index), "{query}: the same order as by index");
        met.sort_unstable();
        met.dedup();
        assert_eq!(json!(met.len()), by_index["totalResults"], "{query}: everybody once");
        assert!(met.len() > 20, "{query}: {}", met.len());

        // A page by index is a part of the same order.
        let page = acme.get(&format!("/Users?{query}&startIndex=15&count=7")).await.expect(200);
        assert_eq!(ids(&page), ids(&by_index)[14..21], "{query}");
    }
}

#[tokio::test]
async fn who_comes_or_goes_between_two_pages_moves_nobody_else() {
    let (_app, acme) = start().await;
    for name in ["bob", "dan", "fay", "hal", "joe", "lea"] {
        user(&acme, name, json!({})).await;
    }
    let by_name = |cursor: &str| format!("/Users?sortBy=userName&count=2&cursor={cursor}");
    let first = acme.get(&by_name("")).await.expect(200);
    assert_eq!(names(&first), ["bob", "dan"]);

    // Before the place, at it, and behind it.
    user(&acme, "ada", json!({})).await;
    acme.delete(&format!("/Users/{}", ids(&first)[1])).await.expect(204);
    user(&acme, "eve", json!({})).await;
    acme.delete(&format!("/Users/{}", acme.ids("/Users", "userName eq \"fay\"").await[0])).await.expect(204);

    let second = acme.get(&by_name(next(&first))).await.expect(200);
    assert_eq!((names(&second), &second["totalResults"]), (vec!["eve", "hal"], &json!(6)));
    let third = acme.get(&by_name(next(&second))).await.expect(200);
    assert_eq!((names(&third), third.get("nextCursor")), (vec!["joe", "lea"], None));
    let again = acme.get(&by_name(next(&first))).await.expect(200);
    assert_eq!(names(&again), ["eve", "hal"], "a cursor can be used again");
}

/// Without `sortBy` the order is that of creation: new users come last.
#[tokio::test]
async fn an_unsorted_walk_ends_with_those_who_came_while_it_went_on() {
    let (_app, acme) = start().await;
    for name in ["zoe", "yan", "xia"] {
        user(&acme, name, json!({})).await;
    }
    let mut cursor = String::new();
    let mut met: Vec<String> = Vec::new();
    for round in 0.. {
        let page: Value = acme.get(&format!("/Users?count=1&cursor={cursor}")).await.expect(200);
        met.extend(names(&page).into_iter().map(str::to_owned));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = next.to_owned();
        if round == 0 {
            acme.delete(&format!("/Users/{}", ids(&page)[0])).await.expect(204);
            user(&acme, "ada", json!({})).await;
        }
    }
    assert_eq!(met, ["zoe", "yan", "xia", "ada"]);
}

/// Whoever is renamed while a sorted walk goes on is where the new name belongs; nobody else is lost or doubled by it.
#[tokio::test]
async fn a_rename_behind_the_place_is_met_under_the_new_name() {
    let (_app, acme) = start().await;
    for name in ["bob", "dan", "fay", "hal"] {
        user(&acme, name, json!({})).await;
    }
    let first = acme.get("/Users?sortBy=userName&count=2&cursor=").await.expect(200);
    let rename = json!([{ "op": "replace", "path": "userName", "value": "zed" }]);
    acme.operations(&format!("/Users/{}", ids(&first)[0]), rename).await.expect(200);
    let rest = acme.get(&format!("/Users?sortBy=userName&cursor={}", next(&first))).await.expect(200);
    assert_eq!(names(&rest), ["fay", "hal", "zed"]);
}

#[tokio::test]
async fn whoever_stays_is_met_once_while_others_come_and_go_at_the_same_time() {
    let (_app, acme) = start().await;
    let mut stay = Vec::new();
    for number in 0..60 {
        let family = json!({ "name": { "familyName": format!("F{}", number % 4) } });
        stay.push(user(&acme, &format!("stays{number:02}"), family).await);
    }
    stay.sort_unstable();
    let busy = acme.clone();
    let churn = tokio::spawn(async move {
        for number in 0.. {
            let family = json!({ "name": { "familyName": format!("F{}", number % 5) } });
            let gone = user(&busy, &format!("goes{number}"), family).await;
            busy.delete(&format!("/Users/{gone}")).await.expect(204);
        }
    });
    for query in
        ["", "sortBy=userName", "sortBy=name.familyName&sortOrder=descending", "filter=active eq true&sortBy=id"]
    {
        let (mut met, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = acme.get(&format!("/Users?{query}&count=7&cursor={cursor}")).await.expect(200);
            let on_page = page["Resources"].as_array().unwrap().iter();
            let who_stays = on_page.filter(|user| user["userName"].as_str().unwrap().starts_with("stays"));
            met.extend(who_stays.map(|user| user["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        met.sort_unstable();
        assert_eq!(met, stay, "{query}");
    }
    assert!(!churn.is_finished(), "others came and went all the time");
    churn.abort();
}
