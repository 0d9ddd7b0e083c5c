//! One log: replayed from its beginning, it gives what the directory holds, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_model::{Actor, Field};
use muster_model::{Change, Event, FieldValue, LogEntry, Record, RequestId, ResourceId, ResourceType, Version};
use serde_json::json;

use super::Fixture;
use super::help::{GROUP, USER, acme, at, change, commit, id, member, number, query, record, snapshot, together};
use super::log::{deleted, moved, updated};
use crate::{Commit, Directory, StoreError, Write};

/// How many commits are tried.
const COMMITS: u64 = 600;
/// After how many of them all is compared.
const COMPARED_EVERY: u64 = 100;
/// How many users there can be at a time; their numbers come again.
const USERS: u64 = 40;
/// As [`USERS`], of groups. Some have the number of a user on purpose.
const GROUPS: u64 = 12;

/// The same numbers in every run (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }
}

/// What a log says that there is.
#[derive(Debug, Default, PartialEq)]
struct Replayed {
    records: BTreeMap<(ResourceType, ResourceId), Record>,
    members: BTreeMap<ResourceId, BTreeSet<ResourceId>>,
}

impl Replayed {
    async fn from_log(directory: &Arc<dyn Directory>) -> Self {
        let mut replayed = Self::default();
        let mut after = 0;
        loop {
            let page = directory.log(after, 37).await.unwrap();
            let Some(last) = page.last() else { break replayed };
            for (expected, entry) in (after + 1..).zip(&page) {
                assert_eq!(entry.seq, expected);
                replayed.apply(entry);
            }
            after = last.seq;
        }
    }

    fn apply(&mut self, entry: &LogEntry) {
        let LogEntry { version, change, .. } = entry;
        let place = (change.resource_type.clone(), change.id);
        match (&change.before, &change.after) {
            (before, Some(after)) => {
                let old = self.records.get(&place);
                assert_eq!(old.map(snapshot), before.clone(), "it was as the entry says: {}", entry.seq);
                let document = serde_json::to_value(&after.document).unwrap();
                let new = Record {
                    created: after.created.unwrap(),
                    modified: change.at,
                    version: *version,
                    account: after.account.clone(),
                    plugin: change.plugin,
                    ..record(&change.resource_type, number(change.id), document)
                };
                self.records.insert(place, new);
            }
            (Some(before), None) => {
                let old = self.records.remove(&place).unwrap();
                assert_eq!((snapshot(&old), old.version), (before.clone(), *version));
            }
            (None, None) => {
                let record = self.records.get_mut(&place).unwrap();
                // One commit can change a group twice: by itself, and by removing who was in it.
                assert!(record.version <= *version);
                (record.version, record.modified) = (*version, change.at);
            }
        }
        let members = self.members.entry(change.id).or_default();
        for came in &change.members_added {
            assert!(members.insert(*came), "it was no member: {}", entry.seq);
        }
        for went in &change.members_removed {
            assert!(members.remove(went), "it was a member: {}", entry.seq);
        }
        if members.is_empty() {
            self.members.remove(&change.id);
        }
    }

    /// What the directory says that there is.
    async fn from_directory(directory: &Arc<dyn Directory>) -> Self {
        let mut held = Self::default();
        for kind in [USER, GROUP] {
            let listing = directory.list(&query(&kind, None)).await.unwrap();
            assert_eq!(listing.total, listing.records.len() as u64);
            for record in listing.records {
                let limit = if kind == GROUP { 1000 } else { 0 };
                let members = directory.members(record.id, None, limit).await.unwrap();
                assert_eq!(directory.get(&kind, record.id).await.unwrap().as_ref(), Some(&record));
                for member in &members {
                    assert!(directory.groups_of(member.id).await.unwrap().contains(&record.id));
                }
                if !members.is_empty() {
                    held.members.insert(record.id, members.iter().map(|member| member.id).collect());
                }
                held.records.insert((kind.clone(), record.id), record);
            }
        }
        held
    }
}

/// Makes commits as the service makes them: each change says what its writes do.
struct Writer {
    random: Random,
    second: i64,
    /// The last version of what is gone.
    gone: BTreeMap<(ResourceType, ResourceId), Record>,
}

/// The writes of one resource, and what the log says of them.
type Step = (Vec<Write>, Change);

impl Writer {
    fn document(&mut self, kind: &ResourceType, n: u64) -> serde_json::Value {
        // Few names: some commits are refused because they are taken.
        let name = format!("name {}", self.random.below(200));
        let mut document = if *kind == GROUP { json!({ "displayName": name }) } else { json!({ "userName": name }) };
        if self.random.one_in(2) {
            document["active"] = json!(self.random.one_in(2));
        }
        if self.random.one_in(4) {
            document["title"] = json!(format!("{n}").repeat(1 + usize::try_from(self.random.below(6000)).unwrap()));
        }
        document
    }

    fn made(&mut self, kind: &ResourceType, n: u64) -> Record {
        let document = self.document(kind, n);
        let mut made = record(kind, n, document);
        let states = ["invited", "active", "disabled"];
        made.account.state = states[usize::try_from(self.random.below(3)).unwrap()].into();
        made.account.listed = self.random.one_in(2);
        let seats = i64::try_from(self.random.below(9)).unwrap();
        made.account.fields.push(Field { name: "seats".to_owned(), value: FieldValue::Integer(seats) });
        (made.created, made.modified) = (at(self.second), at(self.second));
        made
    }

    /// Something to do with the resource of this kind and number, as it is held.
    fn step(&mut self, held: &Replayed, kind: &ResourceType, n: u64) -> Step {
        let place = (kind.clone(), id(n));
        match held.records.get(&place) {
            None => self.create(held, kind, n),
            Some(current) if self.random.one_in(4) => Self::remove(held, current),
            Some(current) if *kind == GROUP && !self.random.one_in(3) => self.move_members(held, current),
            Some(current) => self.replace(current),
        }
    }

    fn create(&mut self, held: &Replayed, kind: &ResourceType, n: u64) -> Step {
        let mut made = self.made(kind, n);
        if let Some(gone) = self.gone.get(&(kind.clone(), id(n))) {
            (made.version, made.created) = (Version(gone.version.0 + 1 + self.random.below(3)), gone.created);
        }
        let mut writes = vec![Write::Insert(Box::new(made.clone()))];
        let mut told = change(&made);
        if *kind == GROUP {
            let come = self.some_users(held, |_| true);
            writes.extend(come.iter().map(|id| Self::join(made.id, *id)));
            told.members_added = come;
        }
        (writes, told)
    }

    fn remove(held: &Replayed, current: &Record) -> Step {
        let members = held.members.get(&current.id).filter(|_| current.resource_type == GROUP);
        let members = members.map(|members| members.iter().copied().collect()).unwrap_or_default();
        (vec![super::help::remove(current)], deleted(current, members))
    }

    fn replace(&mut self, current: &Record) -> Step {
        let made = self.made(&current.resource_type, number(current.id));
        let next = Record { created: current.created, version: current.version.next(), ..made };
        let write = Write::Replace { record: Box::new(next.clone()), expected: current.version };
        (vec![write], updated(current, &next))
    }

    fn move_members(&mut self, held: &Replayed, group: &Record) -> Step {
        let none = BTreeSet::new();
        let members = held.members.get(&group.id).unwrap_or(&none);
        let come = self.some_users(held, |id| !members.contains(&id));
        let go: Vec<_> = members.iter().copied().filter(|_| self.random.one_in(3)).collect();
        let mut writes = vec![super::help::touch(group, None)];
        writes.extend(go.iter().map(|member| Write::RemoveMember { group: group.id, member: *member }));
        writes.extend(come.iter().map(|id| Self::join(group.id, *id)));
        (writes, Change { members_added: come, members_removed: go, ..moved(group, &[], &[]) })
    }

    fn join(group: ResourceId, user: ResourceId) -> Write {
        Write::AddMember { group, member: member(number(user)) }
    }

    fn some_users(&mut self, held: &Replayed, which: impl Fn(ResourceId) -> bool) -> Vec<ResourceId> {
        let users = held.records.keys().filter(|(kind, id)| *kind == USER && which(*id)).map(|(_, id)| *id);
        users.filter(|_| self.random.one_in(6)).collect()
    }

    /// One commit, of one resource or of several.
    fn commit(&mut self, held: &Replayed) -> Commit {
        self.second += i64::try_from(self.random.below(5)).unwrap() - 1;
        let resources = if self.random.one_in(8) { 1 + self.random.below(3) } else { 1 };
        let mut places = BTreeSet::new();
        for _ in 0..resources {
            let group = self.random.one_in(3);
            places.insert((if group { GROUP } else { USER }, self.random.below(if group { GROUPS } else { USERS })));
        }
        let (mut writes, mut changes) = (Vec::new(), Vec::new());
        for (kind, n) in places {
            let (own, told) = self.step(held, &kind, n);
            writes.extend(own);
            changes.push(told);
        }
        let (actor, request) = (Actor::Portal("an admin".to_owned()), RequestId(format!("{}", self.second).into()));
        for change in &mut changes {
            (change.at, change.actor, change.request) = (at(self.second), actor.clone(), request.clone());
        }
        Commit { at: at(self.second), changes, ..commit(writes) }
    }
}

pub async fn the_log_replayed_gives_what_the_directory_holds(fixture: &mut impl Fixture) {
    let (mut made, mut stale, mut taken, mut deletions) = (0, 0, 0, 0);
    let mut writer = Writer { random: Random(4), second: 0, gone: BTreeMap::new() };
    for round in 1..=COMMITS / COMPARED_EVERY {
        let directory = acme(&fixture.store());
        let mut held = Replayed::from_log(&directory).await;
        let mut tried = 0;
        while tried < COMPARED_EVERY {
            // What is decided at the same time is decided from the same state: some of it is refused.
            let together_now = if writer.random.one_in(3) { 6 } else { 1 };
            let commits: Vec<_> = (0..together_now).map(|_| writer.commit(&held)).collect();
            tried += together_now;
            let outcomes = together(commits.iter().cloned().map(|commit| directory.commit(commit)).collect()).await;
            for (commit, outcome) in commits.iter().zip(outcomes) {
                match outcome {
                    Ok(_) => {
                        made += 1;
                        for change in commit.changes.iter().filter(|change| change.event == Event::Deleted) {
                            deletions += 1;
                            let place = (change.resource_type.clone(), change.id);
                            writer.gone.extend(held.records.get(&place).cloned().map(|record| (place, record)));
                        }
                    }
                    Err(StoreError::Stale) => stale += 1,
                    Err(StoreError::Taken { .. }) => taken += 1,
                    Err(error) => unreachable!("{error}"),
                }
            }
            held = Replayed::from_log(&directory).await;
        }
        assert_eq!(held, Replayed::from_directory(&directory).await, "after round {round}");
        each_history_is_what_the_log_says(&directory).await;
        drop(directory);
        fixture.reopen().await;
    }
    #[expect(clippy::print_stdout, reason = "what the test held")]
    {
        println!("commits made: {made}, stale: {stale}, taken: {taken}; resources deleted: {deletions}");
    }
    assert!(made > COMMITS / 2 && stale > 0 && taken > 0 && deletions > 50);
}

async fn each_history_is_what_the_log_says(directory: &Arc<dyn Directory>) {
    let log = directory.log(0, 100_000).await.unwrap();
    for n in 0..USERS.max(GROUPS) {
        let of = |entry: &&LogEntry| {
            let LogEntry { change, .. } = entry;
            change.id == id(n) || change.members_added.contains(&id(n)) || change.members_removed.contains(&id(n))
        };
        let mut expected: Vec<_> = log.iter().filter(of).cloned().collect();
        expected.reverse();
        assert_eq!(directory.history(id(n), None, 100_000).await.unwrap(), expected, "{n}");
    }
}
