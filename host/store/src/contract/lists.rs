//! Lists: order, pages, totals, and filters that are answered by a look-up or by a search.

use muster_protocol::filter::{Filter, Op};
use serde_json::json;

use super::Fixture;
use super::help::{
    GROUP, USER, acme, compare, eq, found, group, id, insert, join, key, make, numbers, query, record, remove, replace,
    user,
};
use crate::{From, Query, StoreError};

pub async fn a_list_is_in_order_of_ids_and_paged(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let order = [7, 3, 9, 1, 5, 2, 8, 4, 10, 6];
    make(&directory, order.iter().map(|n| insert(&user(*n, &format!("user{n}")))).collect()).await;
    make(&directory, vec![insert(&group(1, "of another kind"))]).await;

    for (offset, limit, expected) in [
        (0, 1000, (1..=10).collect::<Vec<_>>()),
        (0, 3, vec![1, 2, 3]),
        (7, 3, vec![8, 9, 10]),
        (9, 3, vec![10]),
        (10, 3, vec![]),
        (u64::MAX, u64::MAX, vec![]),
        (0, 0, vec![]),
    ] {
        let from = From::Offset(offset);
        let listing = directory.list(&Query { from, limit, ..query(&USER, None) }).await.unwrap();
        assert_eq!((listing.total, numbers(&listing)), (10, expected), "{offset} {limit}");
    }
}

pub async fn a_list_follows_what_is_written(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let listed = || async {
        let listing = directory.list(&query(&USER, None)).await.unwrap();
        let counted = directory.list(&Query { limit: 0, ..query(&USER, None) }).await.unwrap();
        assert_eq!(counted.total, listing.total);
        (listing.total, numbers(&listing))
    };
    assert_eq!(listed().await, (0, vec![]));
    let (ada, bob) = (user(1, "ada"), user(3, "bob"));
    make(&directory, vec![insert(&bob)]).await;
    make(&directory, vec![insert(&ada)]).await;
    assert_eq!(listed().await, (2, vec![1, 3]));
    make(&directory, vec![insert(&user(2, "eve")), remove(&bob)]).await;
    assert_eq!(listed().await, (2, vec![1, 2]));
    let (_, write) = replace(&ada, json!({ "userName": "ada.l" }));
    make(&directory, vec![write]).await;
    assert_eq!(listed().await, (2, vec![1, 2]));
    make(&directory, vec![insert(&user(9, "gone")), remove(&user(9, "gone"))]).await;
    assert_eq!(listed().await, (2, vec![1, 2]));
}

pub async fn a_filter_finds_the_same_by_key_by_index_and_by_search(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let person = |n: u64, mail: &str| {
        let document = json!({
            "userName": format!("User{n}"), "externalId": format!("Ext-{}", n / 2), "title": format!("Title {n}"),
            "emails": [{ "value": mail, "type": "work" }],
        });
        insert(&record(&USER, n, document))
    };
    make(&directory, vec![person(1, "shared@x.org"), person(2, "Shared@X.org"), person(3, "own@x.org")]).await;

    assert_eq!(found(&directory, &USER, eq("id", &id(2).to_string())).await, [2]);
    assert_eq!(found(&directory, &USER, eq("userName", "USER2")).await, [2]);
    assert_eq!(found(&directory, &USER, eq("userName", "user")).await, [0; 0]);
    assert_eq!(found(&directory, &USER, eq("emails.value", "shared@x.org")).await, [1, 2]);
    assert_eq!(found(&directory, &USER, eq("externalId", "Ext-1")).await, [2, 3]);
    assert_eq!(found(&directory, &USER, eq("externalId", "ext-1")).await, [0; 0], "case counts (RFC 7643 §3.1)");
    assert_eq!(found(&directory, &USER, eq("title", "title 3")).await, [3]);

    // The same questions in forms that no look-up can answer.
    for (asked, searched) in [
        (eq("userName", "user2"), compare("userName", Op::Sw, "user2")),
        (eq("emails.value", "SHARED@x.org"), compare("emails.value", Op::Co, "shared@x.org")),
        (eq("externalId", "Ext-1"), compare("externalId", Op::Ew, "Ext-1")),
    ] {
        assert_eq!(found(&directory, &USER, asked).await, found(&directory, &USER, searched).await);
    }
    let either = Filter::Or(vec![eq("userName", "user1"), eq("externalId", "Ext-1")]);
    assert_eq!(found(&directory, &USER, either).await, [1, 2, 3]);
    let both = Filter::And(vec![eq("emails.value", "shared@x.org"), eq("title", "Title 1")]);
    assert_eq!(found(&directory, &USER, both).await, [1], "the rest of the filter counts as well");
}

pub async fn a_filter_finds_by_a_key_that_the_plugin_gave(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let mut ada = record(&USER, 1, json!({ "userName": "ada", "emails": [{ "value": "ada@x.org" }] }));
    ada.keys.extend([key("username", "countess"), key("emails.value", "ada@product.com")]);
    let bob = record(&USER, 2, json!({ "userName": "bob", "emails": [{ "value": "ada@product.com" }] }));
    make(&directory, vec![insert(&ada), insert(&bob)]).await;

    assert_eq!(found(&directory, &USER, eq("userName", "Countess")).await, [1]);
    assert_eq!(found(&directory, &USER, eq("emails.value", "Ada@product.com")).await, [1, 2]);
    let mut nameless = group(8, "staff");
    nameless.keys.clear();
    let twin = group(9, "Staff");
    make(&directory, vec![insert(&nameless), insert(&twin)]).await;
    assert_eq!(found(&directory, &GROUP, eq("displayName", "STAFF")).await, [8, 9], "a name need not be a key");
}

pub async fn a_filter_finds_by_membership(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let people =
        [insert(&user(1, "ada")), insert(&user(2, "bob")), insert(&group(8, "staff")), insert(&group(9, "all"))];
    make(&directory, [&people[..], &[join(8, 1), join(9, 1), join(9, 2)]].concat()).await;

    assert_eq!(found(&directory, &GROUP, eq("members.value", &id(1).to_string())).await, [8, 9]);
    assert_eq!(found(&directory, &GROUP, eq("members", &id(2).to_string())).await, [9]);
    assert_eq!(found(&directory, &GROUP, eq("members.value", "nobody")).await, [0; 0]);
    assert_eq!(found(&directory, &USER, eq("groups.value", &id(9).to_string())).await, [1, 2]);
    let not = Filter::Not(Box::new(eq("groups.value", &id(8).to_string())));
    assert_eq!(found(&directory, &USER, not).await, [2]);
}

pub async fn a_filtered_list_is_paged_and_counted(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let title = |n: u64| if n.is_multiple_of(2) { "even" } else { "odd" };
    let person =
        |n: u64| record(&USER, n, json!({ "userName": format!("u{n}"), "title": title(n), "externalId": title(n) }));
    make(&directory, (1..=20).map(|n| insert(&person(n))).collect()).await;

    for filter in [eq("title", "even"), eq("externalId", "even")] {
        let page = Query { from: From::Offset(3), limit: 4, ..query(&USER, Some(filter.clone())) };
        let listing = directory.list(&page).await.unwrap();
        assert_eq!((listing.total, numbers(&listing)), (10, vec![8, 10, 12, 14]));
        let none = directory.list(&Query { limit: 0, ..page.clone() }).await.unwrap();
        assert_eq!((none.total, none.records), (10, vec![]));
        let beyond = directory.list(&Query { from: From::Offset(10), ..page }).await.unwrap();
        assert_eq!((beyond.total, beyond.records), (10, vec![]));
    }
}

pub async fn a_search_that_would_look_at_too_many_records_is_refused<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let person = |n: u64| record(&USER, n, json!({ "userName": format!("u{n}"), "externalId": "all" }));
    make(&directory, (1..=F::MAX_SCANNED).map(|n| insert(&person(n))).collect()).await;
    assert_eq!(found(&directory, &USER, eq("title", "none")).await, [0; 0]);
    make(&directory, vec![insert(&person(F::MAX_SCANNED + 1))]).await;

    for filter in [eq("title", "none"), eq("externalId", "all")] {
        let refused = directory.list(&query(&USER, Some(filter))).await;
        assert!(matches!(refused, Err(StoreError::TooMany { limit }) if limit == F::MAX_SCANNED));
    }
    assert_eq!(found(&directory, &USER, eq("userName", "u7")).await, [7], "a look-up needs no search");
    assert_eq!(directory.list(&query(&USER, None)).await.unwrap().total, F::MAX_SCANNED + 1);
}
