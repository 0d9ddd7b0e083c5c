//! Everything that a tenant's part of a store can be asked, and what it must answer.

use std::sync::Arc;

use muster_model::{Record, ResourceId, Seal, Timestamp};
use muster_protocol::filter::{Filter, Literal, Op};
use muster_store::contract::help::{
    GROUP, USER, at, compare as comparing, eq, id, key, member, number, path, query, tenant,
};
use muster_store::{Called, Directory, From, LogQuery, LogStatus, Query, Store};

use super::memory::{FIRST_GROUP, GROUPS, Memory, NAMES, USERS, everybody, kind};

pub(super) async fn compare(store: &Arc<dyn Store>, memory: &Memory) {
    let acme = tenant("acme");
    let directory = store.directory(&acme);
    records(&directory, memory).await;
    members(&directory, memory).await;
    lists(&directory, memory).await;
    log(&directory, memory).await;
    let tasks = store.outbox(&acme).tasks(None, 0, 1_000).await.unwrap();
    assert_eq!(tasks.into_iter().map(|(task, _)| task).collect::<Vec<_>>(), memory.tasks);
    let keeper = store.log_keeper(&acme);
    let (anchor, sealed) = (memory.anchor(), memory.sealed());
    let status = LogStatus { first: anchor.seq + 1, last: memory.last(), anchor, sealed };
    assert_eq!(keeper.status().await.unwrap(), status);
    assert_eq!(keeper.seals(0, 1000).await.unwrap(), memory.seals);
    let later: Vec<Seal> = memory.seals.iter().skip(1).take(2).copied().collect();
    if let Some(first) = memory.seals.first() {
        assert_eq!(keeper.seals(first.seq, 2).await.unwrap(), later);
    }
    let nobody = store.directory(&tenant("other"));
    assert_eq!(nobody.list(&query(&USER, None)).await.unwrap().total, 0, "another tenant sees nothing of it");
    assert_eq!(nobody.log(0, 10).await.unwrap(), []);
}

async fn records(directory: &Arc<dyn Directory>, memory: &Memory) {
    let mut names = Vec::new();
    for n in everybody() {
        let record = memory.records.get(&n);
        assert_eq!(directory.get(&kind(n), id(n)).await.unwrap().as_ref(), record, "{n}");
        let other = if n >= FIRST_GROUP { USER } else { GROUP };
        assert_eq!(directory.get(&other, id(n)).await.unwrap(), None, "{n} is of the other kind");
        names.push((
            (kind(n), id(n)),
            record.map(|record| Called(record.document.text("displayName").map(str::to_owned))),
        ));
    }
    let (of, called): (Vec<_>, Vec<_>) = names.into_iter().unzip();
    assert_eq!(directory.names(&of).await.unwrap(), called);
    for name in 0..NAMES {
        for (kind, key) in
            [(USER, key("username", &format!("Name{name}"))), (GROUP, key("displayname", &format!("Group{name}")))]
        {
            let holder =
                memory.records.values().find(|record| record.resource_type == kind && record.keys.contains(&key));
            assert_eq!(directory.find(&kind, &key).await.unwrap().as_ref(), holder, "{key:?}");
        }
    }
}

async fn members(directory: &Arc<dyn Directory>, memory: &Memory) {
    let users: Vec<ResourceId> = (1..=USERS).map(id).collect();
    for group in FIRST_GROUP..FIRST_GROUP + GROUPS {
        let expected = memory.members_of(group);
        let rows: Vec<_> = expected.iter().map(|user| member(*user)).collect();
        assert_eq!(directory.members(id(group), None, 100).await.unwrap(), rows, "{group}");
        let page: Vec<_> = rows.iter().filter(|row| row.id > id(3)).take(2).cloned().collect();
        assert_eq!(directory.members(id(group), Some(id(3)), 2).await.unwrap(), page, "{group}");
        assert_eq!(directory.member_count(id(group)).await.unwrap(), rows.len() as u64, "{group}");
        let are: Vec<bool> = (1..=USERS).map(|user| expected.contains(&user)).collect();
        assert_eq!(directory.are_members(id(group), &users).await.unwrap(), are, "{group}");
    }
    for user in 1..=USERS {
        let groups: Vec<_> = memory.members.iter().filter(|row| row.1 == user).map(|row| id(row.0)).collect();
        assert_eq!(directory.groups_of(id(user)).await.unwrap(), groups, "{user}");
    }
}

/// A filter, and whether it finds a record.
type Finds = Box<dyn Fn(&Memory, &Record) -> bool>;
type Compares = fn(&Timestamp, &Timestamp) -> bool;

fn text(record: &Record, name: &str) -> String {
    record.document.text(name).unwrap_or_default().to_owned()
}

fn filters() -> Vec<(Filter, Finds)> {
    let mut filters: Vec<(Filter, Finds)> = Vec::new();
    for name in 0..NAMES {
        let user_name = format!("name{name}");
        filters.push((
            eq("userName", &user_name),
            Box::new(move |_, record| text(record, "userName").to_lowercase() == user_name),
        ));
        let mail = format!("name{name}@example.com");
        filters.push((
            eq("emails.value", &mail),
            Box::new(move |_, record| text(record, "userName") == format!("Name{name}")),
        ));
    }
    for name in 0..3 {
        let external = format!("e{name}");
        filters.push((eq("externalId", &external), Box::new(move |_, record| text(record, "externalId") == external)));
        let shown = format!("shown {name}");
        filters.push((
            eq("displayName", &shown),
            Box::new(move |_, record| text(record, "displayName").to_lowercase() == shown),
        ));
    }
    let sw = comparing("userName", Op::Sw, "NAME");
    filters.push((sw, Box::new(|_, record| text(record, "userName").starts_with("Name"))));
    for active in [true, false] {
        let filter = Filter::Compare { path: path("active"), op: Op::Eq, literal: Literal::Boolean(active) };
        filters.push((
            filter,
            Box::new(move |_, record| record.document.get("active").is_some_and(|value| *value == active)),
        ));
    }
    let times: [(Op, i64, Compares); 4] = [
        (Op::Gt, 5, Timestamp::gt),
        (Op::Ge, 10, Timestamp::ge),
        (Op::Lt, 15, Timestamp::lt),
        (Op::Le, 20, Timestamp::le),
    ];
    for (op, second, holds) in times {
        let when = at(second);
        let filter = comparing("meta.lastModified", op, &when.to_string());
        filters.push((filter, Box::new(move |_, record| holds(&record.modified, &when))));
    }
    for group in FIRST_GROUP..FIRST_GROUP + GROUPS {
        let is_in = move |memory: &Memory, record: &Record| memory.members.contains(&(group, number(record.id)));
        filters.push((eq("groups", &id(group).to_string()), Box::new(is_in)));
    }
    filters
}

async fn lists(directory: &Arc<dyn Directory>, memory: &Memory) {
    for kind in [USER, GROUP] {
        let all: Vec<&Record> = memory.records.values().filter(|record| record.resource_type == kind).collect();
        let listing = directory.list(&query(&kind, None)).await.unwrap();
        assert_eq!((listing.total, listing.records.iter().collect()), (all.len() as u64, all.clone()));
        // By position, three at a time.
        let (mut from, mut pages) = (From::Offset(0), Vec::new());
        loop {
            let page = directory.list(&Query { from, limit: 3, ..query(&kind, None) }).await.unwrap();
            pages.extend(page.records);
            let Some(next) = page.next else { break };
            from = From::After(next);
        }
        assert_eq!(pages.iter().collect::<Vec<_>>(), all);
        let mut counts = Vec::new();
        for state in ["active", "disabled", "invited"] {
            let there: Vec<&Record> = all.iter().copied().filter(|record| record.account.state == state).collect();
            let told = directory.by_state(&kind, state, None, 100).await.unwrap();
            assert_eq!(told.iter().collect::<Vec<_>>(), there, "{state}");
            counts.extend((!there.is_empty()).then(|| (state.to_owned(), there.len() as u64)));
        }
        assert_eq!(directory.states(&kind).await.unwrap(), counts);
    }
    for (filter, finds) in filters() {
        let users = memory.records.values().filter(|record| record.resource_type == USER);
        let expected: Vec<&Record> = users.filter(|record| finds(memory, record)).collect();
        let told = directory.list(&query(&USER, Some(filter.clone()))).await.unwrap();
        assert_eq!((told.total, told.records.iter().collect()), (expected.len() as u64, expected), "{filter:?}");
    }
    for user in 1..=USERS {
        let told = directory.list(&query(&GROUP, Some(eq("members.value", &id(user).to_string())))).await.unwrap();
        let expected: Vec<u64> = memory.members.iter().filter(|row| row.1 == user).map(|row| row.0).collect();
        assert_eq!(told.records.iter().map(|record| number(record.id)).collect::<Vec<_>>(), expected, "{user}");
    }
}

async fn log(directory: &Arc<dyn Directory>, memory: &Memory) {
    let kept: Vec<_> = memory.kept().cloned().collect();
    assert_eq!(directory.log(0, 10_000).await.unwrap(), kept);
    let middle = memory.anchor().seq + kept.len() as u64 / 2;
    let behind: Vec<_> = kept.iter().filter(|entry| entry.seq > middle).take(3).cloned().collect();
    assert_eq!(directory.log(middle, 3).await.unwrap(), behind);
    for n in everybody() {
        let tells = |change: &muster_model::Change| {
            change.id == id(n) || change.members_added.contains(&id(n)) || change.members_removed.contains(&id(n))
        };
        let expected: Vec<_> = kept.iter().rev().filter(|entry| tells(&entry.change)).cloned().collect();
        assert_eq!(directory.history(id(n), None, 10_000).await.unwrap(), expected, "{n}");
    }
    let Some(one) = kept.get(kept.len() / 3) else { return };
    let request = LogQuery { request: Some(one.change.request.clone()), ..LogQuery::default() };
    let times =
        LogQuery { from: Some(one.change.at), to: kept.last().map(|entry| entry.change.at), ..LogQuery::default() };
    for query in [request, times] {
        let expected: Vec<_> =
            kept.iter().filter(|entry| query.selects(entry.change.at, &entry.change.request.0)).cloned().collect();
        let found = directory.find_in_log(&query, 0, 10_000).await.unwrap();
        assert_eq!((found.entries, found.end), (expected, true), "{query:?}");
    }
}
