//! Users as a company has them: about 1.5 KB each, mapped and indexed, with names that come in no order.

use std::sync::LazyLock;

use muster_model::{Change, Event, Field, FieldValue, Record, RequestId, ResourceId, TenantRow, Timestamp};
use muster_protocol::dialect::Profile;
use muster_protocol::schema::Registry;
use muster_protocol::{Document, ENTERPRISE_USER, normalise};
use muster_store::contract::help::{self, GROUP, USER};
use muster_store::{Commit, Member, Write};
use serde_json::{Value, json};

/// The day on which the first user of a data set was created.
const FIRST_DAY_MS: u64 = 1_760_000_000_000;

/// How long one user came after the other.
const APART_MS: u64 = 25;

/// The numbers of groups begin where those of users never come.
const FIRST_GROUP: u64 = 1 << 32;

const GIVEN: [&str; 16] = [
    "Ada",
    "Grace",
    "Alan",
    "Edsger",
    "Barbara",
    "Donald",
    "Katherine",
    "John",
    "Mary",
    "Claude",
    "Radia",
    "Niklaus",
    "Frances",
    "Dennis",
    "Hedy",
    "Kristen",
];
const FAMILY: [&str; 16] = [
    "Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Johnson", "Backus", "Keller", "Shannon", "Perlman",
    "Wirth", "Allen", "Ritchie", "Lamarr", "Nygaard",
];

/// What the service would hand to the store for [`muster_bench::user`].
static CANONICAL: LazyLock<Document> = LazyLock::new(|| {
    let registry = Registry::core();
    let user = registry.get("User").expect("the core schemas have it");
    normalise::create(user, &Profile::default(), muster_bench::user()).expect("it is a user").document
});

/// Spreads numbers over all 64 bits, each to another one (the finaliser of splitmix64).
pub(crate) const fn scramble(n: u64) -> u64 {
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// A UUID of version 7: in order of the numbers, and random behind the time.
pub(crate) fn id(n: u64) -> ResourceId {
    let millis = FIRST_DAY_MS + n * APART_MS;
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..14].copy_from_slice(&scramble(n).to_be_bytes());
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    ResourceId::from_bytes(bytes)
}

/// When user number `n` was created, and last changed before anything was measured.
pub(crate) fn created(n: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(FIRST_DAY_MS + n * APART_MS).expect("it fits"))
}

pub(crate) fn user_name(n: u64) -> String {
    let [given, family] = names(n).map(str::to_lowercase);
    // An odd factor keeps numbers below 2^32 apart, and their order does not stay.
    format!("{given}.{family}.{:08x}@example.com", n.wrapping_mul(2_654_435_761) & 0xffff_ffff)
}

pub(crate) fn external_id(n: u64) -> String {
    format!("{:016x}-00u1", scramble(!n))
}

pub(crate) fn addresses(n: u64) -> [String; 2] {
    let [given, family] = names(n);
    [user_name(n), format!("{given}{n}@{family}.example.org")]
}

fn names(n: u64) -> [&'static str; 2] {
    let pick = |of: [&'static str; 16], bits: u64| of[usize::try_from(bits % 16).unwrap_or(0)];
    [pick(GIVEN, scramble(n)), pick(FAMILY, scramble(n) >> 4)]
}

/// User number `n` as an identity provider knows it.
pub(crate) fn document(n: u64) -> Value {
    let [given, family] = names(n);
    let mut document = Value::Object(CANONICAL.0.clone());
    document["userName"] = json!(user_name(n));
    document["externalId"] = json!(external_id(n));
    document["displayName"] = json!(format!("{given} {family}"));
    document["name"]["givenName"] = json!(given);
    document["name"]["familyName"] = json!(family);
    for (place, address) in addresses(n).into_iter().enumerate() {
        document["emails"][place]["value"] = json!(address);
    }
    document[ENTERPRISE_USER]["employeeNumber"] = json!(n.to_string());
    document
}

/// User number `n`, as the service would make it.
pub(crate) fn user(n: u64) -> Record {
    let mut record = help::record(&USER, n, document(n));
    let text = |name: &str, value: String| Field { name: name.to_owned(), value: FieldValue::Text(value) };
    record.id = id(n);
    record.created = created(n);
    record.modified = created(n);
    // As the plugin of the servers that are measured makes it: a change of one attribute then changes nothing else.
    let [given, family] = names(n).map(str::to_owned);
    record.account.fields = vec![
        text("user_name", user_name(n)),
        text("display_name", format!("{given} {family}")),
        text("given_name", given),
        text("family_name", family),
        text("email", user_name(n)),
        text("external_id", external_id(n)),
    ];
    record
}

/// The change, with a request's id of full length.
fn signed(change: Change, n: u64) -> Change {
    Change { request: RequestId(format!("{:032x}", scramble(n)).into()), ..change }
}

/// The commit of one `POST /Users`.
pub(crate) fn create(n: u64) -> Commit {
    create_all(std::iter::once(n))
}

/// One commit of many.
pub(crate) fn create_all(numbers: impl Iterator<Item = u64>) -> Commit {
    let (mut writes, mut changes) = (Vec::new(), Vec::new());
    for n in numbers {
        let record = user(n);
        changes.push(signed(help::change(&record), n));
        writes.push(Write::Insert(Box::new(record)));
    }
    Commit { changes, ..help::commit(writes) }
}

/// The commit of one `PATCH` that changes the title.
pub(crate) fn patch(old: &Record, round: u64) -> Commit {
    let mut document = old.document.clone();
    document.0.insert("title".to_owned(), json!(format!("Analyst of round {round}")));
    let version = old.version.next();
    let new = Record { document, version, modified: help::at(round.cast_signed()), ..old.clone() };
    let created = help::change(&new);
    let before = created.after.clone().map(|mut snapshot| {
        snapshot.document = old.document.clone();
        snapshot
    });
    let change = Change { event: Event::Updated, before, ..created };
    let write = Write::Replace { record: Box::new(new), expected: old.version };
    Commit { changes: vec![signed(change, round)], ..help::commit(vec![write]) }
}

/// The commit of one `DELETE`.
pub(crate) fn delete(old: &Record) -> Commit {
    let created = help::change(old);
    let change = Change { event: Event::Deleted, before: created.after.clone(), after: None, ..created };
    Commit { changes: vec![signed(change, 0)], ..help::commit(vec![help::remove(old)]) }
}

/// The tenant that they belong to.
pub(crate) fn tenant_row() -> serde_json::Result<TenantRow> {
    let binding = json!({ "plugin": user(1).plugin, "config": {}, "revision": 1, "at": 0 });
    serde_json::from_value(json!({ "id": "acme", "created": 0, "binding": binding }))
}

/// The group that has so many members.
pub(crate) fn group(members: u64) -> ResourceId {
    help::id(FIRST_GROUP + members)
}

fn group_record(members: u64) -> Record {
    help::group(FIRST_GROUP + members, &format!("Everybody of {members}"))
}

/// The commit of the group's `POST`, without members.
pub(crate) fn create_group(members: u64) -> Commit {
    let record = group_record(members);
    Commit { changes: vec![signed(help::change(&record), members)], ..help::commit(vec![help::insert(&record)]) }
}

/// User `n` becomes a member of the group that has so many.
pub(crate) fn join(members: u64, n: u64) -> Write {
    Write::AddMember { group: group(members), member: Member { id: id(n), resource_type: USER } }
}

/// The commit of a `PATCH` that brings user `n` into the group, or takes the user out again.
pub(crate) fn members_change(members: u64, event: Event, n: u64) -> Commit {
    let created = Change { event, after: None, ..help::change(&group_record(members)) };
    let (row, change) = if event == Event::MemberAdded {
        (join(members, n), Change { members_added: vec![id(n)], ..created })
    } else {
        let row = Write::RemoveMember { group: group(members), member: id(n) };
        (row, Change { members_removed: vec![id(n)], ..created })
    };
    let touch = Write::Touch { resource_type: GROUP, id: group(members), expected: None };
    Commit { changes: vec![signed(change, n)], ..help::commit(vec![row, touch]) }
}
