//! One record: written, read, replaced, removed, and the names that it holds.

use muster_model::Version;
use serde_json::json;

use super::Fixture;
use super::help::{
    GROUP, USER, acme, at, group, id, insert, is_stale, is_taken, key, make, record, refused, remove, replace, touch,
    user,
};
use crate::Write;

pub async fn a_record_is_read_back_as_it_was_written(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let ada = record(
        &USER,
        1,
        json!({ "userName": "Ada", "active": false, "emails": [{ "value": "ada@x.org", "primary": true }], "x": 0.25 }),
    );
    make(&directory, vec![insert(&ada)]).await;

    assert_eq!(directory.get(&USER, id(1)).await.unwrap().as_ref(), Some(&ada));
    assert_eq!(directory.find(&USER, &key("username", "ADA")).await.unwrap(), Some(ada));
    assert_eq!(directory.get(&USER, id(2)).await.unwrap(), None);
    assert_eq!(directory.get(&GROUP, id(1)).await.unwrap(), None, "an id is looked for among its kind");
    assert_eq!(directory.find(&GROUP, &key("username", "ada")).await.unwrap(), None);
    assert_eq!(directory.find(&USER, &key("displayname", "ada")).await.unwrap(), None);
}

pub async fn a_record_of_a_hundred_kilobytes_is_read_back(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let large = record(&USER, 1, json!({ "userName": "ada", "title": "x".repeat(100_000) }));
    make(&directory, vec![insert(&large)]).await;
    assert_eq!(directory.get(&USER, id(1)).await.unwrap().as_ref(), Some(&large));

    let (small, write) = replace(&large, json!({ "userName": "ada" }));
    make(&directory, vec![write]).await;
    assert_eq!(directory.get(&USER, id(1)).await.unwrap().as_ref(), Some(&small));

    let (large, write) = replace(&small, json!({ "userName": "ada", "title": "y".repeat(200_000) }));
    make(&directory, vec![write]).await;
    fixture.reopen().await;
    assert_eq!(acme(&fixture.store()).get(&USER, id(1)).await.unwrap(), Some(large));
}

pub async fn an_id_is_inserted_once(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    make(&directory, vec![insert(&user(1, "ada"))]).await;

    assert!(is_stale(&refused(&directory, vec![insert(&user(1, "other"))]).await));
    make(&directory, vec![insert(&group(1, "a group may have the id of a user"))]).await;
}

pub async fn a_replace_at_another_version_is_stale(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let first = user(1, "ada");
    make(&directory, vec![insert(&first)]).await;
    let (second, write) = replace(&first, json!({ "userName": "ada", "title": "Countess" }));
    make(&directory, vec![write.clone()]).await;

    assert!(is_stale(&refused(&directory, vec![write]).await), "the version has moved on");
    let (_, missing) = replace(&user(2, "bob"), json!({ "userName": "bob" }));
    assert!(is_stale(&refused(&directory, vec![missing]).await), "there is no such record");
    assert_eq!(directory.get(&USER, id(1)).await.unwrap(), Some(second));
}

pub async fn a_key_is_held_by_one_record_of_a_kind(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let bob = user(2, "bob");
    make(&directory, vec![insert(&user(1, "ada")), insert(&bob)]).await;

    assert!(is_taken(&refused(&directory, vec![insert(&user(3, "ADA"))]).await, "username"));
    let (_, rename) = replace(&bob, json!({ "userName": "Ada" }));
    assert!(is_taken(&refused(&directory, vec![rename]).await, "username"));
    let twins = vec![insert(&user(4, "eve")), insert(&user(5, "eve"))];
    assert!(is_taken(&refused(&directory, twins).await, "username"), "also within one commit");

    let mut shadow = group(3, "ada");
    shadow.keys.push(key("username", "ada"));
    make(&directory, vec![insert(&shadow)]).await;
    let (same, write) = replace(&bob, json!({ "userName": "bob", "title": "kept the name" }));
    make(&directory, vec![write]).await;
    assert_eq!(directory.find(&USER, &key("username", "bob")).await.unwrap(), Some(same));
}

pub async fn a_replaced_record_lets_go_of_its_old_keys(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let ada = user(1, "ada");
    make(&directory, vec![insert(&ada)]).await;
    let (renamed, write) = replace(&ada, json!({ "userName": "ada.l" }));
    make(&directory, vec![write]).await;

    assert_eq!(directory.find(&USER, &key("username", "ada")).await.unwrap(), None);
    assert_eq!(directory.find(&USER, &key("username", "ada.l")).await.unwrap(), Some(renamed));
    make(&directory, vec![insert(&user(2, "ada"))]).await;
}

pub async fn a_removed_record_is_gone_with_its_keys(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let ada = user(1, "ada");
    make(&directory, vec![insert(&ada)]).await;
    let old = Write::Remove { resource_type: USER, id: id(1), expected: Some(Version(7)) };
    assert!(is_stale(&refused(&directory, vec![old]).await));
    make(&directory, vec![remove(&ada)]).await;

    assert_eq!(directory.get(&USER, id(1)).await.unwrap(), None);
    assert_eq!(directory.find(&USER, &key("username", "ada")).await.unwrap(), None);
    assert!(is_stale(&refused(&directory, vec![remove(&ada)]).await));
    make(&directory, vec![insert(&user(2, "ada"))]).await;
}

pub async fn a_key_can_change_hands_in_one_commit(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (ada, bob) = (user(1, "ada"), user(2, "bob"));
    make(&directory, vec![insert(&ada), insert(&bob)]).await;
    let (renamed, rename) = replace(&ada, json!({ "userName": "ada.l" }));
    let heir = user(3, "ada");
    let next = user(4, "bob");
    make(&directory, vec![rename, insert(&heir), remove(&bob), insert(&next)]).await;

    for expected in [&renamed, &heir, &next] {
        let found = directory.find(&USER, &expected.keys[0]).await.unwrap();
        assert_eq!(found.as_ref(), Some(expected));
    }
}

pub async fn a_long_key_is_as_exact_as_a_short_one(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (one, two) = (user(1, &format!("{}1", "x".repeat(5000))), user(2, &format!("{}2", "x".repeat(5000))));
    make(&directory, vec![insert(&one), insert(&two)]).await;

    assert_eq!(directory.find(&USER, &two.keys[0]).await.unwrap().as_ref(), Some(&two));
    assert_eq!(directory.find(&USER, &key("username", &"x".repeat(5000))).await.unwrap(), None);
    let again = user(3, &format!("{}1", "X".repeat(5000)));
    assert!(is_taken(&refused(&directory, vec![insert(&again)]).await, "username"));
}

pub async fn a_touch_gives_the_next_version_and_time(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let staff = group(1, "staff");
    make(&directory, vec![insert(&staff)]).await;

    let touched = make(&directory, vec![touch(&staff, None)]).await.touched;
    let mut second = staff.clone();
    second.version = Version(2);
    second.modified = at(5);
    assert_eq!(touched, [second.clone()]);
    assert_eq!(directory.get(&GROUP, id(1)).await.unwrap(), Some(second.clone()));

    assert!(is_stale(&refused(&directory, vec![touch(&second, Some(Version(1)))]).await));
    assert!(is_stale(&refused(&directory, vec![touch(&group(2, "none"), None)]).await));
    make(&directory, vec![touch(&second, Some(Version(2)))]).await;
    let touched = make(&directory, vec![touch(&staff, None), touch(&staff, None)]).await.touched;
    assert_eq!(touched.iter().map(|record| record.version).collect::<Vec<_>>(), [Version(5)], "each record once");
}
