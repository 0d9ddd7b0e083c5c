//! Small records, changes and filters for the contract.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use muster_model::{
    Account, Actor, Change, Event, Key, NewTask, PluginDigest, Queue, Record, RequestId, ResourceId, ResourceType,
    Snapshot, TenantId, Timestamp, Version,
};
use muster_protocol::Document;
use muster_protocol::filter::{Filter, Literal, Op};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::Registry;
use muster_protocol::text::fold;
use serde_json::{Value, json};

use crate::{
    Commit, Committed, Directory, From, Listing, Locations, Member, MembersShown, Query, Store, StoreError, Write,
    index_of,
};

pub const USER: ResourceType = ResourceType::USER;
pub const GROUP: ResourceType = ResourceType::GROUP;

/// The id number `n`; ids are in the order of their numbers.
pub fn id(n: u64) -> ResourceId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    ResourceId::from_bytes(bytes)
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + second * 1000)
}

pub fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// The directory that most tests use.
pub fn acme(store: &Arc<dyn Store>) -> Arc<dyn Directory> {
    store.directory(&tenant("acme"))
}

pub fn key(attribute: &str, value: &str) -> Key {
    Key { attribute: attribute.to_owned(), folded: fold(value) }
}

/// A record as the service would make it.
pub fn record(kind: &ResourceType, n: u64, document: Value) -> Record {
    let document: Document = serde_json::from_value(document).unwrap();
    let (attribute, name) = if *kind == GROUP { ("displayname", "displayName") } else { ("username", "userName") };
    let keys = document.text(name).map(|value| key(attribute, value));
    let index = index_of(Registry::core().get(kind.as_str()).unwrap(), &document);
    Record {
        id: id(n),
        resource_type: kind.clone(),
        created: at(0),
        modified: at(0),
        version: Version::FIRST,
        document,
        account: Account { state: "active".to_owned(), listed: true, keys: Vec::new(), fields: Vec::new() },
        plugin: PluginDigest::of(b"a plugin"),
        keys: keys.into_iter().collect(),
        index,
    }
}

pub fn user(n: u64, name: &str) -> Record {
    record(&USER, n, json!({ "userName": name, "displayName": name }))
}

pub fn group(n: u64, name: &str) -> Record {
    record(&GROUP, n, json!({ "displayName": name }))
}

pub fn member(n: u64) -> Member {
    Member { id: id(n), resource_type: USER }
}

pub fn insert(record: &Record) -> Write {
    Write::Insert(Box::new(record.clone()))
}

/// The record's next version with another document, and the write that brings it.
pub fn replace(old: &Record, document: Value) -> (Record, Write) {
    let made = record(&old.resource_type, 0, document);
    let version = old.version.next();
    let new = Record { id: old.id, created: old.created, modified: at(1), version, ..made };
    let write = Write::Replace { record: Box::new(new.clone()), expected: old.version };
    (new, write)
}

pub fn remove(record: &Record) -> Write {
    Write::Remove { resource_type: record.resource_type.clone(), id: record.id, expected: Some(record.version) }
}

pub fn touch(record: &Record, expected: Option<Version>) -> Write {
    Write::Touch { resource_type: record.resource_type.clone(), id: record.id, expected }
}

pub fn join(group: u64, user: u64) -> Write {
    Write::AddMember { group: id(group), member: member(user) }
}

pub fn leave(group: u64, user: u64) -> Write {
    Write::RemoveMember { group: id(group), member: id(user) }
}

pub fn change(record: &Record) -> Change {
    Change {
        at: at(0),
        actor: Actor::Operator,
        request: RequestId("request".into()),
        plugin: record.plugin,
        event: Event::Created,
        resource_type: record.resource_type.clone(),
        id: record.id,
        before: None,
        after: Some(snapshot(record)),
        members_added: Vec::new(),
        members_removed: Vec::new(),
        rewrites: Vec::new(),
        undoes: Vec::new(),
    }
}

pub fn snapshot(record: &Record) -> Snapshot {
    Snapshot { document: record.document.clone(), account: record.account.clone(), created: Some(record.created) }
}

pub fn task(record: &Record, action: &str) -> NewTask {
    NewTask {
        resource_type: record.resource_type.clone(),
        id: record.id,
        idempotency_key: format!("{action}-{}", record.id),
        action: action.to_owned(),
        arguments: Vec::new(),
        destructive: false,
        plugin: record.plugin,
        queue: Queue::plugin(),
    }
}

pub fn commit(writes: Vec<Write>) -> Commit {
    Commit { at: at(5), writes, free: Vec::new(), changes: Vec::new(), tasks: Vec::new() }
}

/// Commits what must be possible.
pub async fn make(directory: &Arc<dyn Directory>, writes: Vec<Write>) -> Committed {
    directory.commit(commit(writes)).await.unwrap()
}

/// Commits what must be refused.
pub async fn refused(directory: &Arc<dyn Directory>, writes: Vec<Write>) -> StoreError {
    directory.commit(commit(writes)).await.unwrap_err()
}

pub fn is_stale(error: &StoreError) -> bool {
    matches!(error, StoreError::Stale)
}

pub fn is_taken(error: &StoreError, by: &str) -> bool {
    matches!(error, StoreError::Taken { attribute } if attribute == by)
}

pub fn path(text: &str) -> AttrPath {
    let (name, sub) = text.split_once('.').map_or((text, None), |(name, sub)| (name, Some(sub.to_owned())));
    AttrPath { urn: None, name: name.to_owned(), sub }
}

pub fn compare(attribute: &str, op: Op, text: &str) -> Filter {
    Filter::Compare { path: path(attribute), op, literal: Literal::Text(text.to_owned()) }
}

pub fn eq(attribute: &str, text: &str) -> Filter {
    compare(attribute, Op::Eq, text)
}

/// Where the client of these tests finds resources.
pub fn locations() -> Locations {
    Locations::new("https://scim.example/v2", &Registry::core())
}

pub fn query(kind: &ResourceType, filter: Option<Filter>) -> Query {
    let kinds = vec![Arc::clone(Registry::core().get(kind.as_str()).unwrap())];
    let (from, inactive_states, members_shown) = (From::Offset(0), Vec::new(), MembersShown::All);
    Query { kinds, filter, sort: None, from, limit: 1000, locations: locations(), inactive_states, members_shown }
}

/// What the filter finds, as the numbers of the ids.
pub async fn found(directory: &Arc<dyn Directory>, kind: &ResourceType, filter: Filter) -> Vec<u64> {
    let listing = directory.list(&query(kind, Some(filter))).await.unwrap();
    assert_eq!(listing.total, u64::try_from(listing.records.len()).unwrap());
    numbers(&listing)
}

pub fn numbers(listing: &Listing) -> Vec<u64> {
    listing.records.iter().map(|record| number(record.id)).collect()
}

pub fn number(id: ResourceId) -> u64 {
    u64::from_be_bytes(id.as_bytes()[8..].try_into().unwrap())
}

/// Runs the futures together, as one task that wakes for any of them.
pub async fn together<'a, T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + Send + 'a>>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
