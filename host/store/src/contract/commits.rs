//! What a commit promises: all or nothing, in order, apart from other tenants.

use muster_model::{Record, ResourceType};
use serde_json::json;

use super::Fixture;
use super::help::{
    GROUP, USER, acme, at, change, commit, found, group, id, insert, is_stale, is_taken, join, key, make, member,
    numbers, query, refused, remove, replace, task, tenant, together, touch, user,
};
use crate::{Commit, StoreError, Write};

pub async fn a_commit_that_fails_leaves_nothing_behind(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let directory = acme(&store);
    let (ada, staff) = (user(1, "ada"), group(8, "staff"));
    make(&directory, vec![insert(&ada), insert(&staff)]).await;
    let (_, rename) = replace(&ada, json!({ "userName": "ada.l" }));
    let eve = user(2, "eve");
    let writes = vec![insert(&eve), join(8, 1), touch(&staff, None), rename.clone(), rename];
    let tasks = vec![(0, task(&eve, "invite"))];
    let failing = Commit { at: at(9), changes: vec![change(&eve)], tasks, ..commit(writes) };

    assert!(is_stale(&directory.commit(failing).await.unwrap_err()), "the second rename is stale");

    assert_eq!(directory.get(&USER, id(2)).await.unwrap(), None);
    assert_eq!(directory.find(&USER, &key("username", "eve")).await.unwrap(), None);
    assert_eq!(directory.find(&USER, &key("username", "ada.l")).await.unwrap(), None);
    assert_eq!(directory.get(&USER, id(1)).await.unwrap(), Some(ada));
    assert_eq!(directory.get(&GROUP, id(8)).await.unwrap(), Some(staff));
    assert_eq!(directory.members(id(8), None, 10).await.unwrap(), []);
    assert_eq!(directory.member_count(id(8)).await.unwrap(), 0);
    assert_eq!(directory.list(&query(&USER, None)).await.unwrap().total, 1);
    assert_eq!(directory.log(0, 10).await.unwrap(), []);
    assert_eq!(store.outbox(&tenant("acme")).tasks(None, 0, 10).await.unwrap(), []);
}

pub async fn a_commit_that_gives_names_up_first_can_exchange_them(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let (ada, eve) = (user(1, "ada"), user(2, "eve"));
    make(&directory, vec![insert(&ada), insert(&eve)]).await;
    let exchanged = [(&ada, "eve"), (&eve, "ada")].map(|(record, name)| replace(record, json!({ "userName": name })).0);
    let write = |record: &Record, expected| Write::Replace { record: Box::new(record.clone()), expected };
    let nameless = exchanged.iter().map(|new| write(&Record { keys: Vec::new(), ..new.clone() }, ada.version));
    let named = exchanged.iter().map(|new| write(new, new.version));

    let one_after_the_other = exchanged.iter().map(|new| write(new, ada.version)).collect();
    assert!(is_taken(&refused(&directory, one_after_the_other).await, "username"));
    let changes = exchanged.iter().map(change).collect();
    let both = Commit { changes, ..commit(nameless.chain(named).collect()) };
    assert_eq!(directory.commit(both).await.unwrap().seq, 1);

    for (new, name) in exchanged.iter().zip(["eve", "ada"]) {
        assert_eq!(directory.get(&USER, new.id).await.unwrap().as_ref(), Some(new));
        assert_eq!(directory.find(&USER, &key("username", name)).await.unwrap().as_ref(), Some(new));
        assert_eq!(found(&directory, &USER, super::help::eq("userName", name)).await.len(), 1);
    }
    let log = directory.log(0, 10).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.version).collect::<Vec<_>>(), exchanged.map(|new| new.version));
    assert!(is_taken(&refused(&directory, vec![insert(&user(3, "eve"))]).await, "username"));
}

pub async fn of_two_commits_that_claim_one_key_at_once_exactly_one_is_made(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    for round in 0..20 {
        let name = format!("user{round}");
        let rivals = [user(2 * round + 1, &name), user(2 * round + 2, &name)];
        let both = rivals.iter().map(|rival| directory.commit(commit(vec![insert(rival)])));
        let outcomes = together(both.collect()).await;
        let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let taken = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).filter(|e| is_taken(e, "username"));
        assert_eq!((made, taken.count()), (1, 1));
    }
    assert_eq!(directory.list(&query(&USER, None)).await.unwrap().total, 20);
}

pub async fn a_commit_that_needs_a_key_free_is_stale_while_another_kind_holds_it(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    let by_hand = Record { resource_type: ResourceType::MANUAL_USER, ..user(1, "ada") };
    make(&directory, vec![insert(&by_hand)]).await;
    let free = |name: &str| vec![(ResourceType::MANUAL_USER, key("username", name))];
    let needing = |writes: Vec<Write>, name: &str| directory.commit(Commit { free: free(name), ..commit(writes) });

    assert!(is_stale(&needing(vec![insert(&user(2, "ADA"))], "ADA").await.unwrap_err()));
    assert_eq!(directory.get(&USER, id(2)).await.unwrap(), None, "nothing of it was written");
    needing(vec![insert(&user(3, "eve"))], "eve").await.unwrap();
    // What the commit itself gives up is free, and what it takes is not: the same id goes from one kind to the other.
    let hand_to_hand = vec![remove(&by_hand), insert(&user(1, "ada"))];
    needing(hand_to_hand, "ada").await.unwrap();
    assert_eq!(directory.find(&USER, &key("username", "ada")).await.unwrap(), Some(user(1, "ada")));
    assert_eq!(directory.get(&ResourceType::MANUAL_USER, id(1)).await.unwrap(), None);
    let own = Record { resource_type: ResourceType::MANUAL_USER, ..user(4, "bob") };
    assert!(is_stale(&needing(vec![insert(&own)], "bob").await.unwrap_err()));
}

pub async fn of_two_commits_that_need_each_others_key_free_exactly_one_is_made(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    for round in 0..20 {
        let name = format!("user{round}");
        let one = user(2 * round + 1, &name);
        let other = Record { resource_type: ResourceType::MANUAL_USER, ..user(2 * round + 2, &name) };
        let rivals = [(&one, ResourceType::MANUAL_USER), (&other, USER)].map(|(record, kind)| {
            let free = vec![(kind, key("username", &name))];
            directory.commit(Commit { free, ..commit(vec![insert(record)]) })
        });
        let outcomes = together(rivals.into_iter().collect()).await;
        let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let stale = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).filter(|error| is_stale(error));
        assert_eq!((made, stale.count()), (1, 1));
    }
}

pub async fn of_many_commits_at_once_none_is_lost_and_the_log_has_no_gaps(fixture: &mut impl Fixture) {
    const COMMITS: u64 = 64;
    let directory = acme(&fixture.store());
    let users: Vec<_> = (1..=COMMITS).map(|n| user(n, &format!("user{n}"))).collect();
    let commits = users.iter().map(|user| {
        directory.commit(Commit { changes: vec![change(user), change(user)], ..commit(vec![insert(user)]) })
    });
    let mut seqs: Vec<_> = together(commits.collect()).await.into_iter().map(|made| made.unwrap().seq).collect();

    seqs.sort_unstable();
    assert_eq!(seqs, (0..COMMITS).map(|n| 2 * n + 1).collect::<Vec<_>>());
    let log = directory.log(0, 1000).await.unwrap();
    assert_eq!(log.iter().map(|entry| entry.seq).collect::<Vec<_>>(), (1..=2 * COMMITS).collect::<Vec<_>>());
    let listing = directory.list(&query(&USER, None)).await.unwrap();
    assert_eq!(numbers(&listing), (1..=COMMITS).collect::<Vec<_>>());
}

pub async fn the_log_counts_without_gaps_and_is_read_in_pages(fixture: &mut impl Fixture) {
    let directory = acme(&fixture.store());
    assert_eq!(make(&directory, vec![]).await.seq, 0, "there is no change yet");
    for n in 1..=5 {
        let one = user(n, &format!("user{n}"));
        let made =
            directory.commit(Commit { changes: vec![change(&one)], ..commit(vec![insert(&one)]) }).await.unwrap();
        assert_eq!(made.seq, n);
    }
    assert_eq!(make(&directory, vec![insert(&user(6, "silent"))]).await.seq, 5);

    let page = directory.log(2, 2).await.unwrap();
    assert_eq!(page.iter().map(|entry| (entry.seq, entry.change.id)).collect::<Vec<_>>(), [(3, id(3)), (4, id(4))]);
    assert_eq!(page[0].change, change(&user(3, "user3")));
    assert_eq!(directory.log(5, 10).await.unwrap(), []);
    assert_eq!(directory.log(u64::MAX, 10).await.unwrap(), []);
    assert_eq!(directory.log(0, 0).await.unwrap(), []);
}

pub async fn tasks_are_committed_with_the_changes_that_they_follow_from(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let directory = acme(&store);
    let (ada, bob) = (user(1, "ada"), user(2, "bob"));
    let first = Commit { changes: vec![change(&ada)], ..commit(vec![insert(&ada)]) };
    directory.commit(first).await.unwrap();
    let second = Commit {
        at: at(9),
        writes: vec![insert(&bob)],
        changes: vec![change(&ada), change(&bob)],
        tasks: vec![(1, task(&bob, "invite")), (0, task(&ada, "notify")), (1, task(&bob, "welcome"))],
        ..commit(vec![])
    };
    directory.commit(second).await.unwrap();

    let outbox = store.outbox(&tenant("acme"));
    let tasks = outbox.tasks(None, 0, 10).await.unwrap();
    let seen: Vec<_> = tasks.iter().map(|(task, _)| (task.seq, task.change, task.task.action.as_str())).collect();
    assert_eq!(seen, [(1, 3, "invite"), (2, 2, "notify"), (3, 3, "welcome")]);
    assert_eq!((tasks[0].0.at, &tasks[0].0.task), (at(9), &task(&bob, "invite")));
    assert_eq!(outbox.tasks(None, 1, 1).await.unwrap(), tasks[1..2]);
    assert_eq!(store.outbox(&tenant("other")).tasks(None, 0, 10).await.unwrap(), []);

    let stray = Commit { tasks: vec![(1, task(&ada, "lost"))], changes: vec![change(&ada)], ..commit(vec![]) };
    assert!(directory.commit(stray).await.is_err(), "there is no such change");
    assert_eq!(outbox.tasks(None, 0, 10).await.unwrap().len(), 3);
}

pub async fn tenants_do_not_see_each_other(fixture: &mut impl Fixture) {
    let store = fixture.store();
    // The names are prefixes of each other on purpose.
    let (one, other) = (store.directory(&tenant("a")), store.directory(&tenant("aa")));
    let (here, there) = (user(1, "ada"), user(1, "Ada"));
    let staff = group(8, "staff");
    let first = Commit {
        changes: vec![change(&here)],
        tasks: vec![(0, task(&here, "invite"))],
        ..commit(vec![insert(&here), insert(&staff), join(8, 1)])
    };
    one.commit(first).await.unwrap();

    assert_eq!(other.get(&USER, id(1)).await.unwrap(), None);
    assert_eq!(other.find(&USER, &key("username", "ada")).await.unwrap(), None);
    assert_eq!(other.list(&query(&USER, None)).await.unwrap().total, 0);
    assert_eq!(other.members(id(8), None, 10).await.unwrap(), []);
    assert_eq!(other.member_count(id(8)).await.unwrap(), 0);
    assert_eq!(other.groups_of(id(1)).await.unwrap(), []);
    assert_eq!(other.are_members(id(8), &[id(1)]).await.unwrap(), [false]);
    assert_eq!(other.log(0, 10).await.unwrap(), []);
    assert!(is_stale(&other.commit(commit(vec![remove(&here)])).await.unwrap_err()));

    let same = Commit { changes: vec![change(&there)], ..commit(vec![insert(&there), insert(&staff), join(8, 1)]) };
    assert_eq!(other.commit(same).await.unwrap().seq, 1, "each tenant counts for itself");
    make(&other, vec![remove(&there)]).await;
    assert_eq!(one.get(&USER, id(1)).await.unwrap(), Some(here));
    assert_eq!(one.members(id(8), None, 10).await.unwrap(), [member(1)]);
    assert_eq!(one.list(&query(&USER, None)).await.unwrap().total, 1);
}

pub async fn everything_is_there_after_a_restart(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let directory = acme(&store);
    let (ada, staff) = (user(1, "ada"), group(8, "staff"));
    let first = Commit {
        changes: vec![change(&ada), change(&staff)],
        tasks: vec![(0, task(&ada, "invite"))],
        ..commit(vec![insert(&ada), insert(&user(2, "bob")), insert(&staff), join(8, 1), join(8, 2)])
    };
    directory.commit(first).await.unwrap();
    let log = directory.log(0, 10).await.unwrap();
    let tasks = store.outbox(&tenant("acme")).tasks(None, 0, 10).await.unwrap();
    drop(directory);
    drop(store);

    fixture.reopen().await;

    let store = fixture.store();
    let directory = acme(&store);
    assert_eq!(directory.get(&USER, id(1)).await.unwrap().as_ref(), Some(&ada));
    assert_eq!(directory.find(&USER, &key("username", "ada")).await.unwrap(), Some(ada.clone()));
    assert_eq!(directory.list(&query(&USER, None)).await.unwrap().total, 2);
    assert_eq!(found(&directory, &GROUP, super::help::eq("displayName", "staff")).await, [8]);
    assert_eq!(directory.members(id(8), None, 10).await.unwrap(), [member(1), member(2)]);
    assert_eq!(directory.member_count(id(8)).await.unwrap(), 2);
    assert_eq!(directory.groups_of(id(2)).await.unwrap(), [id(8)]);
    assert_eq!(directory.log(0, 10).await.unwrap(), log);
    assert_eq!(store.outbox(&tenant("acme")).tasks(None, 0, 10).await.unwrap(), tasks);
    let more = Commit { changes: vec![change(&ada)], tasks: vec![(0, task(&ada, "again"))], ..commit(vec![]) };
    assert_eq!(directory.commit(more).await.unwrap().seq, 3, "the count goes on");
    assert_eq!(store.outbox(&tenant("acme")).tasks(None, 1, 10).await.unwrap()[0].0.seq, 2);
    let again = directory.commit(commit(vec![insert(&user(3, "ada"))])).await;
    assert!(matches!(again, Err(StoreError::Taken { .. })));
}
