//! Filters over what is in no document: rows, names, and what the server knows. They find what the answers show.

use muster_model::{Account, Record, Version};
use muster_protocol::ENTERPRISE_USER;
use muster_protocol::filter::{Filter, Literal, Op};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::Registry;
use muster_protocol::sort::Sort;
use serde_json::json;

use super::Fixture;
use super::help::{
    GROUP, USER, acme, compare, eq, found, group, id, insert, join, make, numbers, path, query, record, remove, touch,
    user,
};
use crate::{Called, Member, MembersShown, Query, StoreError, Write};

fn element(attribute: &str, filter: Filter) -> Filter {
    Filter::Element { path: path(attribute), filter: Box::new(filter) }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

pub async fn a_filter_finds_by_what_is_shown_of_members(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let ada = record(&USER, 1, json!({ "userName": "ada", "name": { "givenName": "Ada", "familyName": "Byron" } }));
    let people = [ada, user(2, "bob"), group(7, "empty"), group(8, "staff"), group(9, "all")];
    make(&directory, people.iter().map(insert).collect()).await;
    let nested = Write::AddMember { group: id(9), member: Member { id: id(8), resource_type: GROUP } };
    make(&directory, vec![join(8, 1), join(9, 2), nested]).await;

    let base = "https://scim.example/v2";
    for (filter, expected) in [
        (eq("members.display", "ada byron"), vec![8]),
        (compare("members.display", Op::Sw, "STA"), vec![9]),
        (Filter::Present(path("members.display")), vec![8, 9]),
        (eq("members.type", "User"), vec![8, 9]),
        (eq("members.type", "Group"), vec![9]),
        (eq("members.$ref", &format!("{base}/Users/{}", id(1))), vec![8]),
        (eq("members.$ref", &format!("{base}/Groups/{}", id(8))), vec![9]),
        (eq("members.$ref", &format!("{base}/Users/{}", id(8))), vec![]),
        (compare("members.$ref", Op::Co, "/Groups/"), vec![9]),
        (compare("members.value", Op::Ne, &id(1).to_string()), vec![7, 9]),
        (not(Filter::Present(path("members.type"))), vec![7]),
        (element("members", Filter::And(vec![eq("type", "User"), compare("display", Op::Co, "o")])), vec![8, 9]),
        (element("members", Filter::And(vec![eq("type", "Group"), eq("display", "bob")])), vec![]),
        (element("members", Filter::And(vec![eq("value", &id(2).to_string()), eq("type", "User")])), vec![9]),
        (element("members", Filter::And(vec![eq("value", &id(2).to_string()), eq("type", "Group")])), vec![]),
        (element("members", Filter::Or(vec![eq("value", &id(1).to_string()), eq("display", "staff")])), vec![8, 9]),
        (element("members", not(eq("type", "User"))), vec![9]),
        (element("members", eq("value", "no id")), vec![]),
    ] {
        assert_eq!(found(&directory, &GROUP, filter.clone()).await, expected, "{filter}");
    }
}

pub async fn a_filter_finds_by_what_is_shown_of_groups(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let people = [user(1, "ada"), user(2, "bob"), user(3, "eve"), group(8, "Staff"), group(9, "All")];
    make(&directory, people.iter().map(insert).collect()).await;
    make(&directory, vec![join(8, 1), join(9, 1), join(9, 2)]).await;

    for (filter, expected) in [
        (eq("groups.display", "staff"), vec![1]),
        (compare("groups.display", Op::Co, "L"), vec![1, 2]),
        (eq("groups.type", "direct"), vec![1, 2]),
        (eq("groups.type", "indirect"), vec![]),
        (eq("groups.$ref", &format!("https://scim.example/v2/Groups/{}", id(9))), vec![1, 2]),
        (not(eq("groups.display", "all")), vec![3]),
        (element("groups", Filter::And(vec![eq("value", &id(8).to_string()), eq("display", "staff")])), vec![1]),
        (element("groups", Filter::And(vec![eq("value", &id(9).to_string()), eq("display", "staff")])), vec![]),
        (element("groups", compare("display", Op::Ne, "all")), vec![1]),
        (Filter::Compare { path: path("groups"), op: Op::Eq, literal: Literal::Null }, vec![3]),
    ] {
        assert_eq!(found(&directory, &USER, filter.clone()).await, expected, "{filter}");
    }
}

pub async fn a_filter_finds_by_what_is_shown_of_a_manager(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let under = |n: u64, by: &str| {
        insert(&record(
            &USER,
            n,
            json!({ "userName": format!("u{n}"), ENTERPRISE_USER: { "manager": { "value": by } } }),
        ))
    };
    let boss = record(&USER, 1, json!({ "userName": "boss", "displayName": "The Boss" }));
    let gone = user(4, "gone");
    make(&directory, vec![insert(&boss), under(2, &id(1).to_string()), under(3, "E-17"), insert(&gone)]).await;
    make(&directory, vec![under(5, &id(4).to_string()), remove(&gone)]).await;

    let manager = |sub: &str| AttrPath { urn: Some(ENTERPRISE_USER.to_owned()), ..path(&format!("manager.{sub}")) };
    let is = |sub: &str, text: &str| Filter::Compare {
        path: manager(sub),
        op: Op::Eq,
        literal: Literal::Text(text.to_owned()),
    };
    for (filter, expected) in [
        (is("displayName", "the boss"), vec![2]),
        (is("displayName", "gone"), vec![]),
        (Filter::Present(manager("displayName")), vec![2]),
        (is("$ref", &format!("https://scim.example/v2/Users/{}", id(1))), vec![2]),
        (Filter::Present(manager("$ref")), vec![2]),
        (is("value", "e-17"), vec![3]),
        (is("value", &id(4).to_string()), vec![5]),
    ] {
        assert_eq!(found(&directory, &USER, filter.clone()).await, expected, "{filter}");
    }
}

pub async fn a_filter_finds_by_what_the_server_knows(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let staff = group(8, "staff");
    make(&directory, vec![insert(&user(1, "ada")), insert(&user(2, "bob")), insert(&staff), join(8, 1)]).await;
    make(&directory, vec![touch(&staff, None)]).await;
    let with_groups = directory.get(&USER, id(1)).await.unwrap().unwrap().version.etag_with(&[id(8)]);

    for (kind, filter, expected) in [
        (&USER, eq("meta.location", &format!("https://scim.example/v2/Users/{}", id(2))), vec![2]),
        (&USER, compare("meta.location", Op::Sw, "https://scim.example/v2/Groups"), vec![]),
        (&GROUP, compare("meta.location", Op::Sw, "https://scim.example/v2/Groups"), vec![8]),
        (&USER, eq("meta.resourceType", "User"), vec![1, 2]),
        (&USER, compare("meta.created", Op::Lt, "2099-01-01T00:00:00Z"), vec![1, 2]),
        (&GROUP, compare("meta.lastModified", Op::Gt, "2023-11-14T22:13:24Z"), vec![8]),
        (&USER, compare("meta.lastModified", Op::Gt, "2023-11-14T22:13:24Z"), vec![]),
        (&GROUP, eq("meta.version", "W/\"2\""), vec![8]),
        (&USER, eq("meta.version", &with_groups), vec![1]),
        (&USER, eq("meta.version", "W/\"1\""), vec![1, 2]),
        (&USER, eq("meta.version", "W/\"7\""), vec![]),
    ] {
        assert_eq!(found(&directory, kind, filter.clone()).await, expected, "{filter}");
    }
}

pub async fn a_filter_that_would_look_at_too_many_rows_is_refused<F: Fixture>(fixture: &mut F) {
    let directory = acme(&fixture.store());
    let mut writes = vec![insert(&group(1000, "all"))];
    for n in 1..=F::MAX_SCANNED {
        writes.extend([insert(&user(n, &format!("u{n}"))), join(1000, n)]);
    }
    make(&directory, writes).await;
    let nobody = || eq("members.display", "nobody");
    assert_eq!(found(&directory, &GROUP, nobody()).await, [0; 0]);
    make(&directory, vec![insert(&user(900, "one more")), join(1000, 900)]).await;

    let refused = directory.list(&query(&GROUP, Some(nobody()))).await;
    assert!(matches!(refused, Err(StoreError::TooMany { limit }) if limit == F::MAX_SCANNED));
    let one = element("members", Filter::And(vec![eq("value", &id(900).to_string()), eq("display", "one more")]));
    assert_eq!(found(&directory, &GROUP, one).await, [1000], "one row is looked at");
}

pub async fn names_are_told_for_whoever_is_there(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let ada = record(&USER, 1, json!({ "userName": "ada", "displayName": "Ada B.", "title": "Countess" }));
    let eve = record(&USER, 2, json!({ "userName": "eve", "name": { "givenName": "Eve", "familyName": "Moss" } }));
    let large = record(&USER, 3, json!({ "userName": "large", "title": "x".repeat(20_000) }));
    let nameless = record(&GROUP, 4, json!({ "externalId": "g" }));
    let gone = user(5, "gone");
    let all = [&ada, &eve, &large, &nameless, &gone, &group(1, "staff")];
    make(&directory, all.into_iter().map(insert).collect()).await;
    make(&directory, vec![remove(&gone), touch(&eve, None)]).await;

    let of =
        [(USER, id(2)), (USER, id(1)), (GROUP, id(1)), (USER, id(5)), (USER, id(3)), (GROUP, id(4)), (USER, id(2))];
    let names = directory.names(&of).await.unwrap();
    let called = |name: &str| Some(Called(Some(name.to_owned())));
    let (eve, nameless) = (called("Eve Moss"), Some(Called(None)));
    let expected = [eve.clone(), called("Ada B."), called("staff"), None, nameless.clone(), nameless, eve];
    assert_eq!(names, expected, "a user name is no name to show");
    assert_eq!(directory.names(&[]).await.unwrap(), []);

    let many = vec![(USER, id(1)); 5000];
    let names = directory.names(&many).await.unwrap();
    assert!(names.len() == 5000 && names.iter().all(|name| *name == called("Ada B.")));
}

/// The same, not listed by the product.
fn unlisted(record: Record) -> Record {
    Record { account: Account { listed: false, ..record.account.clone() }, ..record }
}

pub async fn who_is_listed_is_told(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let large = record(&USER, 3, json!({ "userName": "large", "title": "x".repeat(20_000) }));
    let people = [user(1, "ada"), unlisted(user(2, "bob")), unlisted(large), group(8, "staff")];
    make(&directory, people.iter().map(insert).collect()).await;

    let of = [(USER, id(2)), (USER, id(1)), (GROUP, id(8)), (USER, id(3)), (USER, id(4)), (GROUP, id(1))];
    assert_eq!(directory.are_listed(&of).await.unwrap(), [false, true, true, false, false, false]);
    assert_eq!(directory.are_listed(&[]).await.unwrap(), [false; 0]);
    assert_eq!(directory.are_listed(&vec![(USER, id(1)); 5000]).await.unwrap(), [true; 5000]);
}

pub async fn a_filter_knows_no_member_that_is_not_shown(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (ada, bob) = (user(1, "ada"), unlisted(record(&USER, 2, json!({ "userName": "bob", "displayName": "Bob" }))));
    let people = [ada, bob.clone(), group(7, "empty"), group(8, "hidden"), group(9, "all"), group(10, "more")];
    make(&directory, people.iter().map(insert).collect()).await;
    make(&directory, vec![join(8, 2), join(9, 1), join(9, 2), join(10, 1)]).await;
    let (ada, bob_id) = (id(1).to_string(), id(2).to_string());
    let shown_without = Version::FIRST.etag_with(&[id(2)]);
    let filters = [
        (eq("members", &ada), vec![9, 10], vec![9, 10]),
        (eq("members.value", &bob_id), vec![8, 9], vec![]),
        (eq("members", &bob_id), vec![8, 9], vec![]),
        (element("members", eq("value", &bob_id)), vec![8, 9], vec![]),
        (element("members", Filter::And(vec![eq("value", &bob_id), eq("type", "User")])), vec![8, 9], vec![]),
        (eq("members.display", "Bob"), vec![8, 9], vec![]),
        (Filter::Present(path("members")), vec![8, 9, 10], vec![9, 10]),
        (not(Filter::Present(path("members.type"))), vec![7], vec![7, 8]),
        (compare("members.value", Op::Ne, &bob_id), vec![7, 10], vec![7, 8, 9, 10]),
        (eq("meta.version", &shown_without), vec![], vec![8, 9]),
        (eq("meta.version", "W/\"1\""), vec![7, 8, 9, 10], vec![7, 8, 9, 10]),
    ];
    for (filter, all, listed) in filters {
        let every = query(&GROUP, Some(filter));
        let those = Query { members_shown: MembersShown::Listed, ..every.clone() };
        assert_eq!(numbers(&directory.list(&every).await.unwrap()), all, "{:?}", every.filter);
        assert_eq!(numbers(&directory.list(&those).await.unwrap()), listed, "{:?}", those.filter);
    }
    let sort = Sort::parse(Registry::core().get("Group").unwrap(), "members.value", None).unwrap();
    let sorted = Query { sort: Some(sort), members_shown: MembersShown::Listed, ..query(&GROUP, None) };
    assert_eq!(numbers(&directory.list(&sorted).await.unwrap()), [9, 10, 7, 8], "nobody to be sorted by stands last");

    // The groups of a user are told all the same, and who comes to be listed is a member at once.
    let groups = Query { members_shown: MembersShown::Listed, ..query(&USER, Some(eq("groups", &id(8).to_string()))) };
    assert_eq!(numbers(&directory.list(&groups).await.unwrap()), [2]);
    let account = Account { listed: true, ..bob.account.clone() };
    let listed = Record { account, version: bob.version.next(), ..bob.clone() };
    make(&directory, vec![Write::Replace { record: Box::new(listed), expected: bob.version }]).await;
    let bobs = Query { members_shown: MembersShown::Listed, ..query(&GROUP, Some(eq("members", &bob_id))) };
    assert_eq!(numbers(&directory.list(&bobs).await.unwrap()), [8, 9]);
}
