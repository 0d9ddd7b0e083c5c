//! Pages by position, orders, and lists of several kinds.

use std::sync::Arc;

use muster_model::{Record, ResourceType};
use muster_protocol::filter::{Filter, Op};
use muster_protocol::schema::Registry;
use muster_protocol::sort::Sort;
use serde_json::json;

use super::Fixture;
use super::help::{
    GROUP, USER, acme, at, compare, eq, group, id, insert, join, make, number, numbers, query, record, remove, user,
};
use crate::{Directory, From, Listing, Position, Query, StoreError, Write};

fn sort(kind: &ResourceType, by: &str, order: &str) -> Sort {
    Sort::parse(Registry::core().get(kind.as_str()).unwrap(), by, Some(order)).unwrap()
}

fn sorted(kind: &ResourceType, by: &str, order: &str) -> Query {
    Query { sort: Some(sort(kind, by, order)), ..query(kind, None) }
}

/// Of several kinds, in this order.
fn across(kinds: &[&ResourceType], filter: Option<Filter>) -> Query {
    let registry = Registry::core();
    let kinds = kinds.iter().map(|kind| Arc::clone(registry.get(kind.as_str()).unwrap())).collect();
    Query { kinds, ..query(&USER, filter) }
}

/// Kinds by their first letter, and the numbers of the ids.
fn told(listing: &Listing) -> Vec<String> {
    listing.records.iter().map(|record| format!("{:.1}{}", record.resource_type.as_str(), number(record.id))).collect()
}

/// All pages, one after the other by position; `between` is called after each but the last.
async fn turned(
    directory: &Arc<dyn Directory>,
    query: &Query,
    limit: u64,
    mut between: impl AsyncFnMut(usize),
) -> Vec<Listing> {
    let mut pages = Vec::new();
    let mut from = From::Offset(0);
    loop {
        let page = directory.list(&Query { from, limit, ..query.clone() }).await.unwrap();
        let next = page.next.clone();
        pages.push(page);
        let Some(position) = next else { return pages };
        // As a cursor takes it to the client and back.
        let position: Position = serde_json::from_str(&serde_json::to_string(&position).unwrap()).unwrap();
        from = From::After(position);
        between(pages.len()).await;
    }
}

/// Twenty users with titles that several share and some do not have, and three groups.
async fn people(directory: &Arc<dyn Directory>) {
    let titles = [Some("Baron"), None, Some("countess"), Some("Countess"), Some("baron")];
    let person = |n: u64| {
        let mut document = json!({ "userName": format!("user{:02}", 21 - n), "externalId": if n.is_multiple_of(2) { "even" } else { "odd" } });
        if let Some(title) = titles[usize::try_from(n).unwrap() % 5] {
            document["title"] = json!(title);
        }
        insert(&record(&USER, n, document))
    };
    make(directory, (1..=20).map(person).collect()).await;
    make(directory, (1..=3).map(|n| insert(&group(n, &format!("group{n}")))).collect()).await;
}

pub async fn pages_follow_each_other_by_position(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    people(&directory).await;
    let queries = [
        query(&USER, None),
        query(&USER, Some(eq("externalId", "odd"))),
        query(&USER, Some(compare("userName", Op::Ge, "user05"))),
        sorted(&USER, "title", "ascending"),
        sorted(&USER, "title", "descending"),
        Query { sort: Some(sort(&USER, "title", "descending")), ..query(&USER, Some(eq("externalId", "even"))) },
        across(&[&USER, &GROUP], None),
        across(&[&GROUP, &USER], None),
        Query { sort: Some(sort(&USER, "meta.resourceType", "descending")), ..across(&[&GROUP, &USER], None) },
    ];
    for (which, query) in queries.into_iter().enumerate() {
        let whole = directory.list(&query).await.unwrap();
        assert_eq!(whole.next, None, "{which}");
        assert_eq!(whole.total, whole.records.len() as u64, "{which}");
        for limit in [1, 3, 4, whole.total, whole.total + 1] {
            let pages = turned(&directory, &query, limit, async |_| {}).await;
            assert_eq!(pages.len() as u64, whole.total.div_ceil(limit), "{which}: no empty page at the end");
            assert_eq!(pages.iter().flat_map(told).collect::<Vec<_>>(), told(&whole), "{which} by {limit}");
            assert!(pages.iter().all(|page| page.total == whole.total), "{which}: the total is that of all pages");
        }
        for (offset, limit) in [(0, 5), (2, 3), (7, 100), (19, 1), (21, 2), (500, 3)] {
            let page = directory.list(&Query { from: From::Offset(offset), limit, ..query.clone() }).await.unwrap();
            let (from, limit) = (usize::try_from(offset).unwrap(), usize::try_from(limit).unwrap());
            let expected: Vec<String> = told(&whole).into_iter().skip(from).take(limit).collect();
            assert_eq!((told(&page), page.total), (expected, whole.total), "{which}: {offset} {limit}");
        }
        let none = directory.list(&Query { limit: 0, ..query }).await.unwrap();
        assert_eq!((none.total, none.records, none.next), (whole.total, vec![], None), "{which}");
    }
}

pub async fn several_kinds_are_listed_one_after_the_other(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    make(&directory, vec![insert(&user(1, "ada")), insert(&user(4, "bob"))]).await;
    make(&directory, vec![insert(&group(2, "ada")), insert(&group(3, "eve"))]).await;

    let listed = async |query: &Query| told(&directory.list(query).await.unwrap());
    assert_eq!(listed(&across(&[&USER, &GROUP], None)).await, ["U1", "U4", "G2", "G3"]);
    assert_eq!(listed(&across(&[&GROUP, &USER], None)).await, ["G2", "G3", "U1", "U4"]);
    // One is looked up by its key, the other has no such attribute.
    assert_eq!(listed(&across(&[&USER, &GROUP], Some(eq("userName", "ADA")))).await, ["U1"]);
    let either = Filter::Or(vec![eq("userName", "bob"), eq("displayName", "ada")]);
    assert_eq!(listed(&across(&[&USER, &GROUP], Some(either))).await, ["U1", "U4", "G2"]);
    assert_eq!(listed(&across(&[&USER, &GROUP], Some(eq("meta.resourceType", "Group")))).await, ["G2", "G3"]);

    let by_time = Query { sort: Some(sort(&USER, "id", "descending")), ..across(&[&USER, &GROUP], None) };
    assert_eq!(listed(&by_time).await, ["U4", "G3", "G2", "U1"]);
    let by_name = Query { sort: Some(sort(&USER, "userName", "ascending")), ..across(&[&GROUP, &USER], None) };
    assert_eq!(listed(&by_name).await, ["U1", "U4", "G2", "G3"], "a group has no user name");
    let position = Position { sort: None, resource_type: ResourceType::new("Device"), id: id(1) };
    let stray = Query { from: From::After(position), ..across(&[&USER, &GROUP], None) };
    assert_eq!(listed(&stray).await, [""; 0]);
}

pub async fn a_list_is_in_the_order_of_an_attribute_and_then_of_ids(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let enterprise = muster_protocol::ENTERPRISE_USER;
    let documents = [
        json!({ "userName": "bob", "title": "Émir", "name": { "familyName": "Ng" }, "active": false,
            "emails": [{ "value": "z@x.org" }, { "value": "a@x.org", "primary": true }] }),
        json!({ "userName": "Ada", "title": "zoologist", enterprise: { "employeeNumber": "7" },
            "emails": [{ "value": "B@x.org" }, { "value": "y@x.org" }], "externalId": "b" }),
        json!({ "userName": "cy", "title": "emirate", "name": { "familyName": "ng" }, "externalId": "B" }),
        json!({ "userName": "Dora", "name": { "familyName": "Lovelace" }, enterprise: { "employeeNumber": "10" },
            "externalId": "a" }),
    ];
    for ((n, document), created) in (1..).zip(documents).zip((0..4).rev()) {
        make(&directory, vec![insert(&Record { created: at(created), ..record(&USER, n, document) })]).await;
    }

    for (by, ascending, descending) in [
        ("userName", [2, 1, 3, 4], [4, 3, 1, 2]),
        ("USERNAME", [2, 1, 3, 4], [4, 3, 1, 2]),
        ("id", [1, 2, 3, 4], [4, 3, 2, 1]),
        ("meta.created", [4, 3, 2, 1], [1, 2, 3, 4]),
        ("externalId", [3, 4, 2, 1], [1, 2, 4, 3]),
        ("name.familyName", [4, 1, 3, 2], [2, 1, 3, 4]),
        ("title", [1, 3, 2, 4], [4, 2, 3, 1]),
        ("emails", [1, 2, 3, 4], [3, 4, 2, 1]),
        ("emails.value", [1, 2, 3, 4], [3, 4, 2, 1]),
        ("active", [1, 2, 3, 4], [2, 3, 4, 1]),
        ("employeeNumber", [4, 2, 1, 3], [1, 3, 2, 4]),
        ("nickName", [1, 2, 3, 4], [1, 2, 3, 4]),
    ] {
        let up = directory.list(&sorted(&USER, by, "ascending")).await.unwrap();
        assert_eq!(numbers(&up), ascending, "{by}");
        let down = directory.list(&sorted(&USER, by, "descending")).await.unwrap();
        assert_eq!(numbers(&down), descending, "{by} descending");
    }
}

pub async fn a_list_can_be_in_the_order_of_what_is_derived(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let writes = [user(1, "zoe"), user(2, "ada"), group(7, "empty"), group(8, "of zoe"), group(9, "of ada")];
    make(&directory, writes.iter().map(insert).collect()).await;
    make(&directory, vec![join(8, 1), join(9, 2)]).await;

    let by_member = directory.list(&sorted(&GROUP, "members.display", "ascending")).await.unwrap();
    assert_eq!(numbers(&by_member), [9, 8, 7]);
    let by_group = directory.list(&sorted(&USER, "groups.display", "ascending")).await.unwrap();
    assert_eq!(numbers(&by_group), [2, 1]);
}

/// What comes between the pages: before, at and behind where the reader is.
fn disturbance(round: usize) -> Vec<Write> {
    let n = |offset: u64| 1000 + 10 * round as u64 + offset;
    let person = |n: u64, title: &str| {
        insert(&record(&USER, n, json!({ "userName": format!("new{n}"), "externalId": "all", "title": title })))
    };
    // The ids of those that come are greater and smaller than those of the ones that stay.
    vec![person(n(0), "a"), person(n(1), "m"), person(n(2), "z"), person(round as u64, "m")]
}

pub async fn a_record_that_stays_is_on_exactly_one_page(fixture: &mut impl Fixture) {
    let store = fixture.store();
    for (tenant, variant) in ["one", "two", "three", "four", "five"].into_iter().enumerate() {
        let directory = store.directory(&super::help::tenant(variant));
        let person = |n: u64| {
            let title = if n.is_multiple_of(3) { "a" } else { "m" };
            record(&USER, n, json!({ "userName": format!("u{n}"), "externalId": "all", "title": title }))
        };
        let all: Vec<Record> = (101..=120).map(person).collect();
        make(&directory, all.iter().map(insert).collect()).await;
        let query = match tenant {
            0 => query(&USER, None),
            1 => query(&USER, Some(eq("externalId", "all"))),
            2 => query(&USER, Some(compare("userName", Op::Ne, "nobody"))),
            3 => sorted(&USER, "title", "ascending"),
            _ => sorted(&USER, "title", "descending"),
        };
        // Every fourth goes while the list is read, the others stay.
        let mut going: Vec<&Record> = all.iter().filter(|record| number(record.id).is_multiple_of(4)).collect();
        let pages = turned(&directory, &query, 3, async |round| {
            if round <= 4 {
                let mut writes = disturbance(round);
                writes.extend(going.pop().map(remove));
                make(&directory, writes).await;
            }
        })
        .await;
        let seen: Vec<u64> = pages.iter().flat_map(numbers).collect();
        for staying in all.iter().map(|record| number(record.id)).filter(|n| !n.is_multiple_of(4)) {
            assert_eq!(seen.iter().filter(|n| **n == staying).count(), 1, "{variant}: {staying} in {seen:?}");
        }
        let mut once = seen.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{variant}: nothing is shown twice: {seen:?}");
    }
}

pub async fn a_position_outlives_the_record_that_told_it(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let all: Vec<Record> = (1..=6).map(|n| user(n, &format!("user{n}"))).collect();
    make(&directory, all.iter().map(insert).collect()).await;
    for query in [query(&USER, None), sorted(&USER, "userName", "ascending")] {
        let first = directory.list(&Query { limit: 2, ..query.clone() }).await.unwrap();
        let position = first.next.unwrap();
        assert_eq!((&position.resource_type, position.id), (&USER, first.records[1].id));
        make(&directory, vec![remove(&first.records[1])]).await;
        let second = directory.list(&Query { from: From::After(position), limit: 2, ..query }).await.unwrap();
        assert_eq!(numbers(&second), if second.total == 5 { [3, 4] } else { [4, 5] });
    }
}

pub async fn an_order_is_not_made_of_too_many_records<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let half = F::MAX_SCANNED / 2;
    make(&directory, (1..=half).map(|n| insert(&user(n, &format!("u{n}")))).collect()).await;
    make(&directory, (1..=half).map(|n| insert(&group(n, &format!("g{n}")))).collect()).await;
    let by_id = Query { sort: Some(sort(&USER, "id", "ascending")), ..across(&[&USER, &GROUP], None) };
    assert_eq!(directory.list(&by_id).await.unwrap().total, 2 * half);
    make(&directory, vec![insert(&user(1000, "one")), insert(&group(1000, "too many"))]).await;

    let searched = across(&[&USER, &GROUP], Some(compare("displayName", Op::Co, "x")));
    for query in [by_id, searched] {
        let refused = directory.list(&query).await;
        assert!(matches!(refused, Err(StoreError::TooMany { limit }) if limit == F::MAX_SCANNED), "all kinds together");
    }
    assert_eq!(directory.list(&sorted(&USER, "id", "ascending")).await.unwrap().total, half + 1);
    let listing = directory.list(&across(&[&USER, &GROUP], None)).await.unwrap();
    assert_eq!(listing.total, 2 * half + 2, "without an order nothing needs to be looked at");
}
