use muster_model::{Actor, Binding, DeliverySettings, Event, LogHash, Retention, ScimSettings, TenantRow, TokenId};

use super::*;
use crate::contract::help::{GROUP, USER, at, change, group, id, replace, snapshot, tenant, user};

fn first(anchor: Seal) -> Item {
    let binding = Binding { plugin: PluginDigest::of(b""), config: json!({}), revision: 1, at: at(0) };
    let (scim, retention) = (ScimSettings::default(), Retention::default());
    let row = TenantRow {
        id: tenant("acme"),
        created: at(0),
        binding,
        previous: None,
        scim,
        retention,
        grants: Vec::new(),
        secrets: Vec::new(),
        delivery: DeliverySettings::default(),
    };
    Item::Tenant { row, anchor, last_entry: 6, last_task: 0 }
}

fn entry(seq: u64, version: u64, change: Change) -> Item {
    Item::Entry { tenant: tenant("acme"), entry: LogEntry { seq, version: Version(version), change } }
}

fn has(record: &Record) -> Item {
    Item::Record { tenant: tenant("acme"), record: record.clone() }
}

fn row(member: u64) -> Item {
    Item::Member { tenant: tenant("acme"), group: id(20), member: id(member), resource_type: USER }
}

/// Ada was renamed, Bob was created and deleted, and Ada and Cid are in a group, which Cid has left and joined again.
fn items() -> Vec<Item> {
    let (ada, bob, cid) = (user(1, "ada"), user(2, "bob"), user(3, "cid"));
    let (renamed, _) = replace(&ada, json!({ "userName": "countess" }));
    let staff = group(20, "staff");
    let (before, after) = (Some(snapshot(&ada)), Some(snapshot(&renamed)));
    let rename = Change { at: at(1), event: Event::Updated, before, after, ..change(&renamed) };
    let gone = Change { event: Event::Deleted, before: Some(snapshot(&bob)), after: None, ..change(&bob) };
    let rows = |added: &[u64], removed: &[u64]| {
        let [members_added, members_removed] = [added, removed].map(|ids| ids.iter().map(|n| id(*n)).collect());
        let event = if added.is_empty() { Event::MemberRemoved } else { Event::MemberAdded };
        Change { at: at(2), event, after: None, members_added, members_removed, ..change(&staff) }
    };
    let made = Change { members_added: vec![id(1), id(2), id(3)], ..change(&staff) };
    let held = Record { version: Version(4), modified: at(2), ..staff.clone() };
    vec![
        first(Seal::START),
        has(&renamed),
        has(&cid),
        has(&held),
        row(1),
        row(3),
        entry(1, 1, change(&ada)),
        entry(2, 1, change(&bob)),
        entry(3, 1, change(&cid)),
        entry(4, 1, made),
        entry(5, 2, rename),
        entry(6, 1, gone),
        entry(7, 2, rows(&[], &[2])),
        entry(8, 3, rows(&[], &[3])),
        entry(9, 4, rows(&[3], &[])),
    ]
}

/// What is left when the first entries are cut off.
fn cut(entries: usize) -> Vec<Item> {
    let anchor = Seal { seq: entries as u64, hash: LogHash::START, at: at(0) };
    let mut left = entries;
    let mut items: Vec<Item> = items().into_iter().skip(1).collect();
    items.retain(|item| {
        let goes = left > 0 && matches!(item, Item::Entry { .. });
        left -= usize::from(goes);
        !goes
    });
    std::iter::once(first(anchor)).chain(items).collect()
}

fn part(items: &[Item], part: u64, parts: u64, limit: usize) -> Result<u64, Unfit> {
    let mut replay = Replay::new(part, parts, limit);
    for item in items {
        replay.take(item)?;
    }
    replay.end()?;
    Ok(replay.unproved())
}

fn replayed(items: &[Item]) -> Result<u64, Unfit> {
    part(items, 0, 1, 100)
}

#[test]
fn a_log_that_gives_what_there_is_passes_whole_and_in_parts() {
    assert_eq!(replayed(&items()), Ok(0));
    for parts in 2..9 {
        assert!((0..parts).all(|n| part(&items(), n, parts, 100) == Ok(0)));
    }
    assert_eq!(part(&items(), 0, 1, 5), Err(Unfit::TooMany), "no more than it may hold");
}

#[test]
fn what_cannot_be_held_at_once_is_taken_in_parts() {
    let all = |items: &[Item], limit| -> Result<(u64, u64), String> {
        let mut parts = Parts::new(limit);
        loop {
            let mut replay = parts.replay();
            let replayed = items.iter().try_for_each(|item| replay.take(item)).and_then(|()| replay.end());
            if parts.heard(replayed.map(|()| &replay))? {
                return Ok((parts.count, parts.unproved()));
            }
        }
    };
    assert_eq!(all(&items(), 100), Ok((1, 0)));
    assert!(matches!(all(&items(), 2), Ok((2.., 0))));
    assert!(matches!(all(&cut(4), 2), Ok((2.., 2))), "what no part proves is counted once");
    let without_ada: Vec<Item> = items().into_iter().filter(|item| *item != row(1)).collect();
    assert!(all(&without_ada, 2).unwrap_err().ends_with("and the log says otherwise"));
    assert_eq!(all(&items(), 0), Err(Unfit::TooMany.to_string()), "there are only so many parts");
}

#[test]
fn whatever_is_missing_or_too_much_or_otherwise_is_found_in_one_part_or_another() {
    for without in 1..items().len() {
        let mut items = items();
        drop(items.remove(without));
        assert!(matches!(replayed(&items), Err(Unfit::Wrong(_))), "without item {without}");
        assert!((0..4).any(|n| matches!(part(&items, n, 4, 100), Err(Unfit::Wrong(_)))), "without item {without}");
    }
    for more in [has(&user(9, "eve")), row(9), has(&user(2, "bob"))] {
        let mut items = items();
        items.insert(5, more);
        assert!(matches!(replayed(&items), Err(Unfit::Wrong(_))));
    }
    let with = |change: &dyn Fn(&mut Record)| {
        let mut items = items();
        if let Item::Record { record, .. } = &mut items[1] {
            change(record);
        }
        replayed(&items).unwrap_err().to_string()
    };
    let not_so = format!("tenant acme: User {} is not what the log says of it", id(1));
    assert_eq!(with(&|ada| ada.version = Version(3)), not_so);
    assert_eq!(with(&|ada| ada.modified = at(7)), not_so);
    assert_eq!(with(&|ada| ada.created = at(1)), not_so);
    assert_eq!(with(&|ada| ada.plugin = PluginDigest::of(b"another")), not_so);
    assert_eq!(with(&|ada| ada.account.listed = false), not_so);
    assert_eq!(with(&|ada| drop(ada.document.0.insert("title".to_owned(), json!("Countess")))), not_so);
}

#[test]
fn of_a_log_without_its_beginning_what_it_names_is_held_and_the_rest_is_counted() {
    // Cid and all members are named by what was cut off.
    assert_eq!(replayed(&cut(4)), Ok(2), "Cid, and Ada in the group");
    assert_eq!(
        replayed(&cut(9)),
        Err(wrong("Group", 20, "was changed after the log was cut off, and the log does not tell of it"))
    );
    let with = |change: &dyn Fn(&mut Vec<Item>)| {
        let mut items = cut(4);
        change(&mut items);
        replayed(&items)
    };
    let cid = |change: &dyn Fn(&mut Record)| {
        with(&|items| {
            if let Item::Record { record, .. } = &mut items[2] {
                change(record);
            }
        })
    };
    let once = "was written once, and not when it was created";
    assert_eq!(cid(&|cid| cid.created = at(-1)), Err(wrong("User", 3, once)));
    let late = "was changed after the log was cut off, and the log does not tell of it";
    assert_eq!(cid(&|cid| (cid.modified, cid.version) = (at(1), Version(2))), Err(wrong("User", 3, late)));
    let without_cid = with(&|items| items.retain(|item| *item != row(3)));
    assert!(matches!(without_cid, Err(Unfit::Wrong(_))), "it joined again");
    assert!(matches!(with(&|items| items.insert(4, row(2))), Err(Unfit::Wrong(_))), "it has left");
}

/// Dot was made by hand; a write of SCIM took her over and ended her access.
fn taken_over() -> Vec<Item> {
    let by_hand = Record { resource_type: ResourceType::MANUAL_USER, ..user(4, "dot") };
    let (disabled, _) = replace(&user(4, "dot"), json!({ "userName": "dot", "active": false }));
    let actor = || Actor::Token(TokenId("t".into()));
    let before = || Some(snapshot(&by_hand));
    let went =
        Change { at: at(1), actor: actor(), event: Event::Deleted, before: before(), after: None, ..change(&by_hand) };
    let came = Change { at: at(1), actor: actor(), event: Event::Deactivated, before: before(), ..change(&disabled) };
    vec![first(Seal::START), has(&disabled), entry(1, 1, change(&by_hand)), entry(2, 1, went), entry(3, 2, came)]
}

#[test]
fn an_account_that_was_taken_over_and_deactivated_in_one_write_follows_from_its_end_and_from_nothing_else() {
    assert_eq!(replayed(&taken_over()), Ok(0));
    for parts in 2..9 {
        assert!((0..parts).all(|n| part(&taken_over(), n, parts, 100) == Ok(0)), "{parts}");
    }
    let with = |seq: u64, edit: &dyn Fn(&mut LogEntry)| {
        let mut items = taken_over();
        for item in &mut items {
            if let Item::Entry { entry, .. } = item
                && entry.seq == seq
            {
                edit(entry);
            }
        }
        replayed(&items).unwrap_err().to_string()
    };
    let not_so = format!("tenant acme: entry 3 of the log does not follow from what it told of User {}", id(4));
    let eve = || Some(snapshot(&user(4, "eve")));
    assert_eq!(with(3, &|came| came.change.before = eve()), not_so, "who was somebody else");
    assert_eq!(with(3, &|came| came.version = Version(1)), not_so, "whose version does not count on");
    assert_eq!(with(2, &|went| went.change.actor = Actor::Product), not_so, "whom the product removed");
    let mut apart = taken_over();
    apart.insert(4, entry(3, 1, change(&user(5, "eve"))));
    apart.insert(1, has(&user(5, "eve")));
    if let Some(Item::Entry { entry, .. }) = apart.last_mut() {
        entry.seq = 4;
    }
    assert!(replayed(&apart).unwrap_err().to_string().contains("entry 4 of the log does not follow"));
}

fn wrong(kind: &str, n: u64, what: &str) -> Unfit {
    assert!([USER, GROUP].iter().any(|known| known.as_str() == kind));
    Unfit::Wrong(format!("tenant acme: {kind} {} {what}", id(n)))
}
