//! What a store must do, in the simplest way.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{
    Change, Event, Key, LogEntry, NewTask, Record, RequestId, ResourceId, ResourceType, Seal, Task, Timestamp, Version,
};
use muster_store::contract::help::{GROUP, USER, at, change, id, key, member, record, snapshot, task};
use muster_store::{Commit, Committed, Write};
use serde_json::json;

use super::{Deed, Step, seal_at};

/// Few, so that they get in each other's way.
pub(super) const USERS: u64 = 7;
pub(super) const FIRST_GROUP: u64 = 20;
pub(super) const GROUPS: u64 = 3;
pub(super) const NAMES: u64 = 10;

/// One more than there ever is.
pub(super) fn everybody() -> impl Iterator<Item = u64> {
    (1..=USERS + 1).chain(FIRST_GROUP..FIRST_GROUP + GROUPS)
}

/// Which version a write relies on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    Right,
    Wrong,
    Any,
}

/// Why a store does not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Stale,
    Taken(String),
}

/// What the latest step asks of the store, and what it must answer.
#[derive(Debug, Clone, Default)]
pub(crate) enum Asked {
    #[default]
    Nothing,
    Commit {
        commit: Commit,
        outcome: Result<Committed, Refused>,
    },
    Seal {
        seal: Seal,
        after: u64,
        outcome: Result<(), Refused>,
    },
    Prune {
        through: u64,
        limit: usize,
        outcome: Result<u64, Refused>,
    },
}

/// One tenant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) records: BTreeMap<u64, Record>,
    pub(crate) members: BTreeSet<(u64, u64)>,
    /// Every entry that there ever was.
    pub(crate) log: Vec<LogEntry>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) anchor: Option<Seal>,
    /// Behind the anchor.
    pub(crate) seals: Vec<Seal>,
    /// How many entries were really removed.
    removed: u64,
    steps: i64,
    pub(crate) asked: Asked,
}

/// A commit on its way.
struct Draft {
    memory: Memory,
    at: Timestamp,
    touched: Vec<u64>,
    versions: BTreeMap<u64, Version>,
    losses: BTreeMap<u64, Vec<ResourceId>>,
}

pub(super) fn kind(n: u64) -> ResourceType {
    if n >= FIRST_GROUP { GROUP } else { USER }
}

impl Memory {
    pub(crate) fn last(&self) -> u64 {
        self.log.last().map_or(0, |entry| entry.seq)
    }

    pub(crate) fn anchor(&self) -> Seal {
        self.anchor.unwrap_or(Seal::START)
    }

    pub(crate) fn sealed(&self) -> Seal {
        self.seals.last().copied().unwrap_or(self.anchor())
    }

    /// The entries that are kept.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &LogEntry> {
        let anchor = self.anchor().seq;
        self.log.iter().filter(move |entry| entry.seq > anchor)
    }

    pub(crate) fn members_of(&self, group: u64) -> Vec<u64> {
        self.members.iter().filter(|row| row.0 == group).map(|row| row.1).collect()
    }

    pub(super) fn step(&mut self, step: &Step) {
        self.steps += 1;
        self.asked = match step {
            Step::Commit { deeds, told, free } => self.commit(deeds, *told, *free),
            Step::Seal { more, stale } => self.seal(*more, *stale),
            Step::Prune { seal, limit } => self.prune(*seal, *limit),
            Step::Restart | Step::Kill => Asked::Nothing,
        };
    }

    fn seal(&mut self, more: u64, stale: bool) -> Asked {
        let sealed = self.sealed().seq;
        let seal = seal_at(self, (sealed + more).min(self.last()));
        let after = if stale { sealed + 1 } else { sealed };
        let outcome = if stale || seal.seq <= sealed { Err(Refused::Stale) } else { Ok(()) };
        if outcome.is_ok() {
            self.seals.push(seal);
        }
        Asked::Seal { seal, after, outcome }
    }

    fn prune(&mut self, seal: usize, limit: usize) -> Asked {
        let chosen = if seal == 0 { self.anchor } else { self.seals.get(seal - 1).copied() };
        let Some(chosen) = chosen else {
            // Where no seal is.
            return Asked::Prune { through: self.last() + 1, limit, outcome: Err(Refused::Stale) };
        };
        let removed = (chosen.seq - self.removed).min(limit as u64);
        self.removed += removed;
        self.seals.drain(..seal);
        self.anchor = Some(chosen);
        Asked::Prune { through: chosen.seq, limit, outcome: Ok(removed) }
    }

    fn commit(&mut self, deeds: &[Deed], told: bool, free: Option<u64>) -> Asked {
        let at = at(self.steps);
        let (touched, versions, losses) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut draft = Draft { memory: self.clone(), at, touched, versions, losses };
        let free: Vec<_> = free.map(|name| (USER, key("username", &format!("Name{name}")))).into_iter().collect();
        let mut commit = Commit { at, writes: Vec::new(), free, changes: Vec::new(), tasks: Vec::new() };
        let mut outcome = Ok(());
        for deed in deeds {
            let (write, mut change, task) = draft.write(*deed);
            commit.writes.push(write.clone());
            if told {
                change.request = RequestId(format!("request {}", self.steps).into());
                change.at = at;
                let position = commit.changes.len();
                commit.tasks.extend(task.map(|task| (position, task)));
                commit.changes.push(change);
            }
            outcome = draft.apply(&write);
            if outcome.is_err() {
                break;
            }
        }
        let outcome = outcome.and_then(|()| draft.needs(&commit.free)).and_then(|()| draft.end(&commit));
        if outcome.is_ok() {
            *self = draft.memory;
        }
        Asked::Commit { commit, outcome }
    }
}

impl Draft {
    /// What a deed means, as things stand.
    fn write(&self, deed: Deed) -> (Write, Change, Option<NewTask>) {
        let versioned = |n: u64, expected| {
            let right = self.memory.records.get(&n).map_or(Version::FIRST, |record| record.version);
            match expected {
                Expected::Right => Some(right),
                Expected::Wrong => Some(right.next()),
                Expected::Any => None,
            }
        };
        let of = |n: u64| self.memory.records.get(&n).cloned().unwrap_or_else(|| self.record(n, 0));
        match deed {
            Deed::Put { n, name, expected } => {
                let old = self.memory.records.get(&n);
                let Some(old) = old else { return self.write(Deed::Add { n, name }) };
                let version = old.version.next();
                let new = Record { created: old.created, version, ..self.record(n, name) };
                let change = Change { event: Event::Updated, before: Some(snapshot(old)), ..change(&new) };
                let expected = versioned(n, expected).unwrap_or(old.version);
                (Write::Replace { record: Box::new(new), expected }, change, None)
            }
            Deed::Add { n, name } => {
                let new = self.record(n, name);
                let task = (n < FIRST_GROUP).then(|| task(&new, "welcome"));
                (Write::Insert(Box::new(new.clone())), change(&new), task)
            }
            Deed::Remove { n, expected } => {
                let old = of(n);
                let members_removed = self.memory.members_of(n).into_iter().map(id).collect();
                let told = Change { event: Event::Deleted, before: Some(snapshot(&old)), after: None, ..change(&old) };
                let expected = versioned(n, expected);
                let write = Write::Remove { resource_type: kind(n), id: id(n), expected };
                (write, Change { members_removed, ..told }, None)
            }
            Deed::Touch { n, expected } => {
                let expected = versioned(n, expected);
                (Write::Touch { resource_type: kind(n), id: id(n), expected }, change(&of(n)), None)
            }
            Deed::Join { group, user } => {
                let told = Change { event: Event::MemberAdded, after: None, ..change(&of(group)) };
                let write = Write::AddMember { group: id(group), member: member(user) };
                (write, Change { members_added: vec![id(user)], ..told }, None)
            }
            Deed::Leave { group, user } => {
                let told = Change { event: Event::MemberRemoved, after: None, ..change(&of(group)) };
                let write = Write::RemoveMember { group: id(group), member: id(user) };
                (write, Change { members_removed: vec![id(user)], ..told }, None)
            }
        }
    }

    /// From small to more than stands in one row.
    fn record(&self, n: u64, name: u64) -> Record {
        let title = "title ".repeat([1, 50, 900, 3000][usize::try_from((n + name) % 4).unwrap()]);
        let document = if n >= FIRST_GROUP {
            json!({ "displayName": format!("Group{name}"), "externalId": format!("g{name}") })
        } else {
            json!({
                "userName": format!("Name{name}"), "displayName": format!("Shown {}", name % 2), "externalId": format!("e{}", name % 3),
                "emails": [{ "value": format!("name{name}@example.com"), "type": "work" }], "active": name.is_multiple_of(2), "title": title,
            })
        };
        let mut record = Record { created: self.at, modified: self.at, ..record(&kind(n), n, document) };
        record.account.state = ["active", "invited", "disabled"][usize::try_from(name % 3).unwrap()].to_owned();
        record
    }

    fn current(&self, id: ResourceId, expected: Option<Version>) -> Result<u64, Refused> {
        let n = muster_store::contract::help::number(id);
        let version = self.memory.records.get(&n).ok_or(Refused::Stale)?.version;
        if expected.is_none_or(|expected| expected == version) { Ok(n) } else { Err(Refused::Stale) }
    }

    fn claim(&self, record: &Record) -> Result<(), Refused> {
        let others = || {
            self.memory
                .records
                .values()
                .filter(|other| other.resource_type == record.resource_type && other.id != record.id)
        };
        match record.keys.iter().find(|key| others().any(|other| other.keys.contains(key))) {
            Some(key) => Err(Refused::Taken(key.attribute.clone())),
            None => Ok(()),
        }
    }

    fn put(&mut self, record: &Record) {
        let n = muster_store::contract::help::number(record.id);
        self.versions.insert(n, record.version);
        self.memory.records.insert(n, record.clone());
    }

    fn touch(&mut self, n: u64) {
        let record = self.memory.records.get_mut(&n).unwrap();
        (record.version, record.modified) = (record.version.next(), self.at);
        self.versions.insert(n, record.version);
        if !self.touched.contains(&n) {
            self.touched.push(n);
        }
    }

    fn apply(&mut self, write: &Write) -> Result<(), Refused> {
        let number = muster_store::contract::help::number;
        match write {
            Write::Insert(record) => {
                if self.memory.records.contains_key(&number(record.id)) {
                    return Err(Refused::Stale);
                }
                self.claim(record)?;
                self.put(record);
            }
            Write::Replace { record, expected } => {
                self.current(record.id, Some(*expected))?;
                self.claim(record)?;
                self.put(record);
            }
            Write::Touch { id, expected, .. } => {
                let n = self.current(*id, *expected)?;
                self.touch(n);
            }
            Write::Remove { id, expected, .. } => {
                let n = self.current(*id, *expected)?;
                let old = self.memory.records.remove(&n).unwrap();
                self.versions.insert(n, old.version);
                self.memory.members.retain(|row| row.0 != n);
                let groups: Vec<u64> = self.memory.members.iter().filter(|row| row.1 == n).map(|row| row.0).collect();
                for group in groups {
                    self.memory.members.remove(&(group, n));
                    self.losses.entry(group).or_default().push(*id);
                    self.touch(group);
                }
            }
            Write::AddMember { group, member } => {
                let row = (number(*group), number(member.id));
                let ends = self.memory.records.contains_key(&row.0) && self.memory.records.contains_key(&row.1);
                if !ends || !self.memory.members.insert(row) {
                    return Err(Refused::Stale);
                }
            }
            Write::RemoveMember { group, member } => {
                if !self.memory.members.remove(&(number(*group), number(*member))) {
                    return Err(Refused::Stale);
                }
            }
        }
        Ok(())
    }

    fn needs(&self, free: &[(ResourceType, Key)]) -> Result<(), Refused> {
        let is_held = |(kind, key): &(ResourceType, Key)| {
            self.memory.records.values().any(|record| record.resource_type == *kind && record.keys.contains(key))
        };
        if free.iter().any(is_held) { Err(Refused::Stale) } else { Ok(()) }
    }

    fn end(&mut self, commit: &Commit) -> Result<Committed, Refused> {
        let touched = self.touched.iter().filter_map(|n| self.memory.records.get(n).cloned()).collect();
        let before = self.memory.last();
        let Some(first) = commit.changes.first() else { return Ok(Committed { seq: before, touched }) };
        let lost =
            self.losses.iter().filter(|(group, _)| self.memory.records.contains_key(group)).map(|(group, members)| {
                Change {
                    event: Event::MemberRemoved,
                    resource_type: GROUP,
                    id: id(*group),
                    members_removed: members.clone(),
                    before: None,
                    after: None,
                    members_added: Vec::new(),
                    rewrites: Vec::new(),
                    undoes: Vec::new(),
                    ..first.clone()
                }
            });
        let mut entries = Vec::new();
        for (seq, change) in (before + 1..).zip(commit.changes.iter().cloned().chain(lost)) {
            let n = muster_store::contract::help::number(change.id);
            let version = self.versions.get(&n).copied();
            let version = version.or_else(|| Some(self.memory.records.get(&n)?.version)).ok_or(Refused::Stale)?;
            entries.push(LogEntry { seq, version, change });
        }
        self.memory.log.extend(entries);
        for (position, task) in &commit.tasks {
            let seq = self.memory.tasks.len() as u64 + 1;
            let change = before + 1 + *position as u64;
            self.memory.tasks.push(Task { seq, change, at: commit.at, task: task.clone() });
        }
        Ok(Committed { seq: before + 1, touched })
    }
}
