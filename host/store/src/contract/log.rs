//! The log: one entry for each changed resource, found by resource, by request and by time.

use std::sync::Arc;

use muster_model::{Actor, Change, Event, LogEntry, Record, RequestId, ResourceId, Timestamp, Version};
use serde_json::json;

use super::Fixture;
use super::help::{
    GROUP, USER, acme, at, change, commit, found, group, id, insert, is_stale, join, key, leave, member, remove,
    replace, snapshot, tenant, together, touch, user,
};
use crate::{Commit, Committed, Directory, LogQuery, MAX_LOG_PAGE_BYTES, MAX_LOG_SCANNED, Write};

pub(super) fn updated(before: &Record, after: &Record) -> Change {
    Change { event: Event::Updated, before: Some(snapshot(before)), ..change(after) }
}

pub(super) fn deleted(record: &Record, members: Vec<ResourceId>) -> Change {
    let before = Some(snapshot(record));
    Change { event: Event::Deleted, before, after: None, members_removed: members, ..change(record) }
}

/// Of a group into which some come and out of which others go.
pub(super) fn moved(group: &Record, came: &[u64], went: &[u64]) -> Change {
    let ids = |numbers: &[u64]| numbers.iter().map(|n| id(*n)).collect();
    let event = if came.is_empty() { Event::MemberRemoved } else { Event::MemberAdded };
    Change { event, after: None, members_added: ids(came), members_removed: ids(went), ..change(group) }
}

pub(super) async fn log_of(directory: &Arc<dyn Directory>, writes: Vec<Write>, changes: Vec<Change>) -> Committed {
    directory.commit(Commit { changes, ..commit(writes) }).await.unwrap()
}

fn seqs(entries: &[LogEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq).collect()
}

/// What the entries say happened, to whom, and at which version.
fn told(entries: &[LogEntry]) -> Vec<(u64, Event, ResourceId, Version)> {
    entries.iter().map(|entry| (entry.seq, entry.change.event, entry.change.id, entry.version)).collect()
}

pub async fn each_write_leaves_one_entry_with_the_version_after_it(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (ada, staff) = (user(1, "ada"), group(8, "staff"));
    log_of(&directory, vec![insert(&ada), insert(&staff)], vec![change(&ada), change(&staff)]).await;
    let (renamed, rename) = replace(&ada, json!({ "userName": "ada.l" }));
    log_of(&directory, vec![rename], vec![updated(&ada, &renamed)]).await;
    log_of(&directory, vec![touch(&staff, None), join(8, 1)], vec![moved(&staff, &[1], &[])]).await;
    log_of(&directory, vec![touch(&staff, None), leave(8, 1)], vec![moved(&staff, &[], &[1])]).await;
    log_of(&directory, vec![], vec![Change { event: Event::Signalled, ..change(&renamed) }]).await;
    log_of(&directory, vec![remove(&renamed)], vec![deleted(&renamed, vec![])]).await;

    let log = directory.log(0, 100).await.unwrap();
    assert_eq!(
        told(&log),
        [
            (1, Event::Created, id(1), Version(1)),
            (2, Event::Created, id(8), Version(1)),
            (3, Event::Updated, id(1), Version(2)),
            (4, Event::MemberAdded, id(8), Version(2)),
            (5, Event::MemberRemoved, id(8), Version(3)),
            (6, Event::Signalled, id(1), Version(2)),
            (7, Event::Deleted, id(1), Version(2)),
        ]
    );
    assert_eq!(log[2].change, updated(&ada, &renamed));
    assert_eq!(log[4].change, moved(&staff, &[], &[1]));
}

pub async fn who_is_removed_leaves_an_entry_for_each_group_that_it_was_in(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (ada, bob) = (user(1, "ada"), user(2, "bob"));
    let groups = [group(7, "one"), group(8, "two"), group(9, "three"), group(10, "not theirs")];
    let rows = [join(7, 1), join(8, 1), join(9, 1), join(9, 2), join(10, 2)];
    let writes = [&ada, &bob].into_iter().chain(&groups).map(insert).chain(rows).collect();
    directory.commit(commit(writes)).await.unwrap();

    let by = Change {
        at: at(7),
        actor: Actor::Job("cleaning".to_owned()),
        request: RequestId("request 7".into()),
        undoes: vec![1],
        ..deleted(&ada, vec![])
    };
    assert_eq!(log_of(&directory, vec![remove(&ada)], vec![by.clone()]).await.seq, 1);

    let log = directory.log(0, 100).await.unwrap();
    let consequence = |of: u64| Change {
        at: at(7),
        actor: by.actor.clone(),
        request: by.request.clone(),
        ..moved(&groups[0], &[], &[of])
    };
    let expected: Vec<_> = [7, 8, 9].into_iter().map(|n| Change { id: id(n), ..consequence(1) }).collect();
    assert_eq!(log[0].change, by);
    assert_eq!(log[1..].iter().map(|entry| entry.change.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(log[1..].iter().map(|entry| entry.version).collect::<Vec<_>>(), [Version(2); 3]);
    assert_eq!(directory.get(&GROUP, id(9)).await.unwrap().unwrap().version, Version(2));

    let staff = directory.get(&GROUP, id(9)).await.unwrap().unwrap();
    let both = vec![remove(&staff), remove(&bob)];
    log_of(&directory, both, vec![deleted(&staff, vec![id(2)]), deleted(&bob, vec![])]).await;
    let log = directory.log(4, 100).await.unwrap();
    let expected = [
        (5, Event::Deleted, id(9), Version(2)),
        (6, Event::Deleted, id(2), Version(1)),
        (7, Event::MemberRemoved, id(10), Version(2)),
    ];
    assert_eq!(told(&log), expected, "a group that went before is told of by its own change");
}

pub async fn several_who_are_removed_together_leave_one_entry_for_their_group(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (ada, bob) = (user(1, "ada"), user(2, "bob"));
    let writes = vec![insert(&ada), insert(&bob), insert(&group(8, "staff")), join(8, 1), join(8, 2)];
    directory.commit(commit(writes)).await.unwrap();

    let changes = vec![deleted(&ada, vec![]), deleted(&bob, vec![])];
    log_of(&directory, vec![remove(&ada), remove(&bob)], changes).await;

    let log = directory.log(2, 100).await.unwrap();
    assert_eq!(told(&log), [(3, Event::MemberRemoved, id(8), Version(3))]);
    assert_eq!(log[0].change.members_removed, [id(1), id(2)]);
    for n in [1, 2] {
        let history = directory.history(id(n), None, 10).await.unwrap();
        assert_eq!(seqs(&history), [3, n], "the membership is part of the history of {n}");
    }
}

pub async fn a_group_of_two_thousand_members_is_removed_with_one_entry(fixture: &mut impl Fixture) {
    const MEMBERS: u64 = 2000;
    let directory = acme(&fixture.store());
    let staff = group(5000, "staff");
    let users: Vec<_> = (1..=MEMBERS).map(|n| user(n, &format!("user{n}"))).collect();
    let joins = (1..=MEMBERS).map(|n| join(5000, n));
    let members: Vec<_> = (1..=MEMBERS).map(id).collect();
    let writes = users.iter().chain([&staff]).map(insert).chain(joins).collect();
    log_of(&directory, writes, vec![Change { members_added: members.clone(), ..change(&staff) }]).await;

    log_of(&directory, vec![remove(&staff)], vec![deleted(&staff, members.clone())]).await;

    let log = directory.log(0, 10).await.unwrap();
    assert_eq!(told(&log), [(1, Event::Created, id(5000), Version(1)), (2, Event::Deleted, id(5000), Version(1))]);
    assert_eq!(log[1].change.members_removed, members);
    assert_eq!(directory.members(id(5000), None, 10).await.unwrap(), []);
    for n in [1, 1000, MEMBERS, 5000] {
        assert_eq!(seqs(&directory.history(id(n), None, 10).await.unwrap()), [2, 1], "{n}");
    }
    fixture.reopen().await;
    assert_eq!(acme(&fixture.store()).log(0, 10).await.unwrap(), log);
}

pub async fn commits_that_remove_at_once_leave_no_gaps(fixture: &mut impl Fixture) {
    const USERS: u64 = 30;
    let directory = acme(&fixture.store());
    let users: Vec<_> = (1..=USERS).map(|n| user(n, &format!("user{n}"))).collect();
    let groups = [group(100, "all"), group(101, "even")];
    let joins = (1..=USERS).map(|n| join(100, n)).chain((1..=USERS / 2).map(|n| join(101, 2 * n)));
    directory.commit(commit(users.iter().chain(&groups).map(insert).chain(joins).collect())).await.unwrap();

    let commits = users
        .iter()
        .map(|user| directory.commit(Commit { changes: vec![deleted(user, vec![])], ..commit(vec![remove(user)]) }));
    let firsts: Vec<_> = together(commits.collect()).await.into_iter().map(|made| made.unwrap().seq).collect();

    let log = directory.log(0, 1000).await.unwrap();
    assert_eq!(seqs(&log), (1..=USERS + USERS + USERS / 2).collect::<Vec<_>>());
    for (user, first) in users.iter().zip(firsts) {
        let even = super::help::number(user.id).is_multiple_of(2);
        let groups = if even { &[100, 101][..] } else { &[100] };
        let entries = log.iter().skip_while(|entry| entry.seq < first).take(1 + groups.len());
        let ids: Vec<_> = entries.map(|entry| entry.change.id).collect();
        assert_eq!(ids, std::iter::once(user.id).chain(groups.iter().map(|n| id(*n))).collect::<Vec<_>>());
    }
    let versions = log.iter().filter(|entry| entry.change.id == id(100)).map(|entry| entry.version.0);
    assert_eq!(versions.collect::<Vec<_>>(), (2..=USERS + 1).collect::<Vec<_>>());
}

pub async fn a_change_of_what_is_not_there_is_stale(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let stray = Commit { changes: vec![change(&user(1, "ada"))], ..commit(vec![insert(&user(2, "bob"))]) };

    assert!(is_stale(&directory.commit(stray).await.unwrap_err()));
    assert_eq!(directory.get(&USER, id(2)).await.unwrap(), None);
    assert_eq!(directory.log(0, 10).await.unwrap(), []);
}

pub async fn what_was_removed_comes_back_under_its_id(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (ada, bob) = (user(1, "ada"), user(2, "bob"));
    let writes = vec![insert(&ada), insert(&bob), insert(&group(8, "staff")), join(8, 1)];
    log_of(&directory, writes, vec![change(&ada), change(&bob)]).await;
    log_of(&directory, vec![remove(&ada)], vec![deleted(&ada, vec![])]).await;

    let back = Record { version: Version(7), modified: at(9), ..ada.clone() };
    let undo = Change { undoes: vec![3, 4], ..change(&back) };
    log_of(&directory, vec![insert(&back), join(8, 1)], vec![undo]).await;

    assert_eq!(directory.get(&USER, id(1)).await.unwrap(), Some(back.clone()));
    assert_eq!(directory.find(&USER, &key("username", "ada")).await.unwrap(), Some(back.clone()));
    assert_eq!(found(&directory, &USER, super::help::eq("displayName", "ada")).await, [1]);
    let listing = directory.list(&super::help::query(&USER, None)).await.unwrap();
    assert_eq!((listing.total, super::help::numbers(&listing)), (2, vec![1, 2]), "in its old place");
    assert_eq!(directory.members(id(8), None, 10).await.unwrap(), [member(1)]);
    let history = directory.history(id(1), None, 10).await.unwrap();
    let expected = [
        (5, Event::Created, id(1), Version(7)),
        (4, Event::MemberRemoved, id(8), Version(2)),
        (3, Event::Deleted, id(1), Version(1)),
        (1, Event::Created, id(1), Version(1)),
    ];
    assert_eq!(told(&history), expected);
    assert_eq!(history[0].change.undoes, [3, 4]);
    assert!(is_stale(&directory.commit(commit(vec![remove(&ada)])).await.unwrap_err()), "its version has moved on");
}

pub async fn the_history_of_a_resource_is_newest_first_and_read_in_pages(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let staff = group(8, "staff");
    let mut ada = user(1, "ada");
    log_of(&directory, vec![insert(&ada), insert(&staff)], vec![change(&ada), change(&staff)]).await;
    let mut expected = vec![1];
    for round in 0..10 {
        let (next, write) = replace(&ada, json!({ "userName": "ada", "title": format!("{round}") }));
        log_of(&directory, vec![write], vec![updated(&ada, &next)]).await;
        ada = next;
        log_of(&directory, vec![touch(&staff, None), join(8, 1)], vec![moved(&staff, &[1], &[])]).await;
        log_of(&directory, vec![touch(&staff, None), leave(8, 1)], vec![moved(&staff, &[], &[1])]).await;
        let other = user(100 + round, &format!("other{round}"));
        log_of(&directory, vec![insert(&other)], vec![change(&other)]).await;
        let first = 3 + 4 * round;
        expected.extend([first, first + 1, first + 2]);
    }
    expected.reverse();

    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = directory.history(id(1), before, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 7);
        before = Some(last.seq);
        pages.extend(seqs(&page));
    }
    assert_eq!(pages, expected);
    let log = directory.log(0, 1000).await.unwrap();
    let whole = directory.history(id(1), None, 1000).await.unwrap();
    assert!(whole.iter().all(|entry| log.contains(entry)), "they are the entries of the log");
    assert_eq!(directory.history(id(1), Some(1), 10).await.unwrap(), []);
    assert_eq!(directory.history(id(1), None, 0).await.unwrap(), []);
    assert_eq!(directory.history(id(2), None, 10).await.unwrap(), []);
}

pub async fn the_log_is_searched_by_request_and_by_time_whichever_way_the_clock_went(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    // The clock goes on, jumps back, stands still, and goes on again.
    let times = [10, 20, 30, 5, 15, 15, 25, 40];
    for (n, second) in (1..).zip(times) {
        let one = user(n, &format!("user{n}"));
        let request = RequestId(format!("request {}", n % 3).into());
        log_of(&directory, vec![insert(&one)], vec![Change { at: at(second), request, ..change(&one) }]).await;
    }
    let time = |second: i64| -> Timestamp { at(second) };
    let between = |from: i64, to: i64| LogQuery { from: Some(time(from)), to: Some(time(to)), request: None };
    let of = |request: &str| Some(RequestId(request.into()));
    for (query, expected) in [
        (LogQuery::default(), (1..=8).collect::<Vec<_>>()),
        (between(15, 30), vec![2, 5, 6, 7]),
        (between(15, 31), vec![2, 3, 5, 6, 7]),
        (LogQuery { from: Some(time(25)), ..LogQuery::default() }, vec![3, 7, 8]),
        (LogQuery { to: Some(time(15)), ..LogQuery::default() }, vec![1, 4]),
        (LogQuery { request: of("request 1"), ..LogQuery::default() }, vec![1, 4, 7]),
        (LogQuery { request: of("request 1"), ..between(10, 26) }, vec![1, 7]),
        (LogQuery { request: of("request"), ..LogQuery::default() }, vec![]),
        (between(50, 60), vec![]),
    ] {
        let all = directory.find_in_log(&query, 0, 100).await.unwrap();
        assert_eq!((seqs(&all.entries), all.scanned_through, all.end), (expected.clone(), 8, true), "{query:?}");
        let mut paged = Vec::new();
        let mut after = 0;
        loop {
            let found = directory.find_in_log(&query, after, 1).await.unwrap();
            assert!(found.entries.len() <= 1 && found.scanned_through >= after);
            paged.extend(seqs(&found.entries));
            after = found.scanned_through;
            if found.end {
                break;
            }
        }
        assert_eq!(paged, expected, "one by one: {query:?}");
    }
    let nothing = directory.find_in_log(&LogQuery::default(), 3, 0).await.unwrap();
    assert_eq!((nothing.entries.len(), nothing.scanned_through, nothing.end), (0, 3, false));
}

pub async fn a_search_of_the_log_looks_at_a_bounded_number_of_entries(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let ada = user(1, "ada");
    let last = Change { request: RequestId("the last".into()), ..change(&ada) };
    let count = usize::try_from(MAX_LOG_SCANNED).unwrap();
    let changes = std::iter::repeat_n(change(&ada), count).chain([last]).collect();
    log_of(&directory, vec![insert(&ada)], changes).await;

    let query = LogQuery { request: Some(RequestId("the last".into())), ..LogQuery::default() };
    let first = directory.find_in_log(&query, 0, 10).await.unwrap();
    assert_eq!((seqs(&first.entries), first.scanned_through, first.end), (vec![], MAX_LOG_SCANNED, false));
    let second = directory.find_in_log(&query, first.scanned_through, 10).await.unwrap();
    assert_eq!(seqs(&second.entries), [MAX_LOG_SCANNED + 1]);
    assert_eq!((second.scanned_through, second.end), (MAX_LOG_SCANNED + 1, true));
}

pub async fn a_page_of_large_entries_ends_before_its_limit(fixture: &mut impl Fixture) {
    const ENTRIES: u64 = 5;
    let directory = acme(&fixture.store());
    let mut large = user(1, "ada");
    large.document.0.insert("title".to_owned(), json!("x".repeat(MAX_LOG_PAGE_BYTES / 3)));
    log_of(&directory, vec![insert(&user(1, "ada"))], vec![change(&large); 5]).await;

    let (mut after, mut pages) = (0, Vec::new());
    loop {
        let page = directory.log(after, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        pages.push(page.len());
    }
    assert_eq!(pages, [3, 2], "of {ENTRIES}");
    assert_eq!(seqs(&directory.history(id(1), None, 100).await.unwrap()), [5, 4, 3]);
    assert_eq!(seqs(&directory.history(id(1), Some(3), 100).await.unwrap()), [2, 1]);
    let found = directory.find_in_log(&LogQuery::default(), 0, 100).await.unwrap();
    assert_eq!((found.entries.len(), found.scanned_through, found.end), (3, 3, false));
    let none = LogQuery { request: Some(RequestId("none".into())), ..LogQuery::default() };
    let found = directory.find_in_log(&none, 0, 100).await.unwrap();
    assert_eq!(
        (found.entries.len(), found.scanned_through, found.end),
        (0, 3, false),
        "what is passed over is read as well"
    );
}

pub async fn a_log_is_seen_by_its_tenant_only(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let (one, other) = (store.directory(&tenant("a")), store.directory(&tenant("aa")));
    let ada = user(1, "ada");
    log_of(&one, vec![insert(&ada), insert(&group(8, "staff")), join(8, 1)], vec![change(&ada)]).await;

    assert_eq!(other.history(id(1), None, 10).await.unwrap(), []);
    let found = other.find_in_log(&LogQuery::default(), 0, 10).await.unwrap();
    assert_eq!((found.entries, found.scanned_through, found.end), (vec![], 0, true));
    assert_eq!(store.log_keeper(&tenant("aa")).status().await.unwrap().last, 0);
    log_of(&one, vec![remove(&ada)], vec![deleted(&ada, vec![])]).await;
    assert_eq!(other.log(0, 10).await.unwrap(), []);
    assert_eq!(seqs(&one.history(id(1), None, 10).await.unwrap()), [3, 2, 1]);
}
