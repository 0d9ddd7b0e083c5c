//! What an operation costs does not depend on how much there is: counted in rows, so that no machine is fast enough to hide it.

use std::sync::Arc;

use muster_model::{Change, Event, Record, ResourceId, ResourceType};
use muster_protocol::filter::{Filter, Literal, Op};
use muster_protocol::path::AttrPath;
use muster_store::contract::help::{
    GROUP, USER, acme, at, change, commit, compare, eq, group, id, insert, join, key, leave, make, query, tenant,
    touch, user,
};
use muster_store::{Commit, Directory, From, Position, Query, Store, Write};
use serde_json::json;
use tempfile::TempDir;

use crate::codec;
use crate::flight::Writes;
use crate::index_rows::index_rows;
use crate::keys::Space;
use crate::prepared::{Prepared, Work};
use crate::reader::rows_read;
use crate::staging::Staging;
use crate::{Options, SledStore};

/// Two counts may differ by that: a key may be found by one step more.
const SAME: u64 = 2;

/// The directory `acme` with so many users, or so many members of one group. The rows stand in the tree as commits would have put them
/// there, but not all that commits write.
struct Filled {
    store: Arc<SledStore>,
    directory: Arc<dyn Directory>,
    space: Space,
    #[expect(dead_code, reason = "it is held, not used")]
    folder: TempDir,
}

impl Filled {
    async fn new(first: Vec<Write>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
        let directory = acme(&(Arc::clone(&store) as Arc<dyn Store>));
        make(&directory, first).await;
        Self { store, directory, space: Space::of(&tenant("acme")), folder }
    }

    fn fill(&self, rows: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) {
        let opened = self.store.core.opened().unwrap();
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let mut batch = sled::Batch::default();
            rows.by_ref().take(1000).for_each(|(key, row)| batch.insert(key, row));
            opened.db.apply_batch(batch).unwrap();
        }
    }

    /// How many rows such a commit reads, and how many it writes.
    fn commit(&self, writes: Vec<Write>, event: Event) -> (u64, u64) {
        let staff = group(STAFF, "staff");
        let changes = vec![Change { event, ..change(&staff) }];
        let commit = Commit { at: at(7), changes, ..commit(writes) };
        let work = Work::Commit(Box::new(Prepared::new(self.space.clone(), commit).unwrap()));
        let opened = self.store.core.opened().unwrap();
        let before = Writes::new();
        let mut staging = Staging::new(&opened.db, &before);
        let read = rows_read();
        work.apply(&mut staging).unwrap();
        (rows_read() - read, staging.into_parts().0.len() as u64)
    }
}

const STAFF: u64 = 5_000_000;
const NEW: u64 = 4_000_000;

async fn reads<T>(read: impl Future<Output = T>) -> (T, u64) {
    let before = rows_read();
    let answer = read.await;
    (answer, rows_read() - before)
}

/// Rows read and written by what is done to a group of so many members.
async fn costs_of_a_group(members: u64) -> Vec<(&'static str, u64)> {
    let users = [1, NEW].map(|n| insert(&user(n, &format!("user{n}"))));
    let filled = Filled::new([users.to_vec(), vec![insert(&group(STAFF, "staff"))]].concat()).await;
    let (space, staff) = (&filled.space, id(STAFF));
    let rows = (1..=members).flat_map(|n| {
        let member = id(n);
        [(space.member(staff, member), b"User".to_vec()), (space.group(member, staff), Vec::new())]
    });
    filled.fill(rows.chain([(space.member_count(staff), members.to_be_bytes().to_vec())]));
    let staff_record = filled.directory.get(&GROUP, staff).await.unwrap().unwrap();

    let touched = touch(&staff_record, None);
    let (read, written) = filled.commit(vec![join(STAFF, NEW), touched.clone()], Event::MemberAdded);
    let mut costs = vec![("adding reads", read), ("adding writes", written)];
    let (read, written) = filled.commit(vec![leave(STAFF, 1), touched], Event::MemberRemoved);
    costs.extend([("removing reads", read), ("removing writes", written)]);
    let (read, written) =
        filled.commit(vec![Write::Remove { resource_type: USER, id: id(1), expected: None }], Event::Deleted);
    costs.extend([("deleting a member reads", read), ("deleting a member writes", written)]);

    let directory = &filled.directory;
    let middle = Some(id(members / 2));
    let (page, read) = reads(directory.members(staff, middle, 5)).await;
    assert_eq!(page.unwrap().len(), 5);
    costs.push(("a page from the middle reads", read));
    let (is, read) = reads(directory.are_members(staff, &[id(members), id(NEW)])).await;
    assert_eq!(is.unwrap(), [true, false]);
    costs.push(("asking for membership reads", read));
    let (count, read) = reads(directory.member_count(staff)).await;
    assert_eq!(count.unwrap(), members);
    costs.push(("counting reads", read));
    let (groups, read) = reads(directory.groups_of(id(members))).await;
    assert_eq!(groups.unwrap(), [staff]);
    costs.push(("the groups of one read", read));
    costs
}

/// Rows read by what is asked of a directory with so many users.
async fn costs_of_a_directory(users: u64) -> Vec<(&'static str, u64)> {
    let filled = Filled::new(vec![insert(&group(STAFF, "staff"))]).await;
    let space = &filled.space;
    let person = |n: u64| {
        let document = json!({ "userName": format!("user{n:07}"), "externalId": format!("00u{n}"), "active": n != 3 });
        let made = muster_store::contract::help::record(&USER, n, document);
        Record { modified: at(i64::try_from(n).unwrap()), ..made }
    };
    let rows = (1..=users).flat_map(|n| {
        let record = person(n);
        let own = space.record(&USER, record.id);
        let (value, _) = codec::rows(&own, &codec::encode_record(&record).unwrap());
        let index = index_rows(space, &record).rows.into_iter().map(|(key, row)| (key, row.to_vec()));
        index.chain([(own, value)]).collect::<Vec<_>>()
    });
    let counters = [
        (space.record_count(&USER), users),
        (space.active_count(&USER, true), users - 1),
        (space.active_count(&USER, false), 1),
        (space.state_count(&USER, "active"), users),
    ];
    filled.fill(rows.chain(counters.map(|(key, count)| (key, count.to_be_bytes().to_vec()))));

    let directory = &filled.directory;
    let found = async |what, query: Query, expected: u64| {
        let (listing, read) = reads(directory.list(&query)).await;
        assert_eq!(listing.unwrap().records.len() as u64, expected, "{what}");
        (what, read)
    };
    let filtered = |filter: Filter| query(&USER, Some(filter));
    let inactive = Filter::Compare {
        path: AttrPath { urn: None, name: "active".to_owned(), sub: None },
        op: Op::Eq,
        literal: Literal::Boolean(false),
    };
    let last = at(i64::try_from(users - 2).unwrap()).to_string();
    let name = format!("USER{users:07}");
    let mut costs = Vec::new();
    costs.push(("get", reads(directory.get(&USER, id(users))).await.1));
    costs.push(("find", reads(directory.find(&USER, &key("username", &name))).await.1));
    // The ids of a kind are read once; that is not counted here.
    directory.list(&Query { limit: 1, ..query(&USER, None) }).await.unwrap();
    let page = |from| Query { from, limit: 5, ..query(&USER, None) };
    costs.push(found("a page by number", page(From::Offset(users / 2)), 5).await);
    let position = Position { sort: None, resource_type: USER, id: id(users / 2) };
    costs.push(found("a page by position", page(From::After(position)), 5).await);
    costs.push(found("userName eq", filtered(eq("userName", &name)), 1).await);
    costs.push(found("userName sw", filtered(compare("userName", Op::Sw, &name)), 1).await);
    costs.push(found("externalId eq", filtered(eq("externalId", &format!("00u{users}"))), 1).await);
    costs.push(found("active eq false", filtered(inactive.clone()), 1).await);
    costs.push(found("changed since", filtered(compare("meta.lastModified", Op::Gt, &last)), 2).await);
    let wide = Filter::And(vec![compare("userName", Op::Sw, "user"), inactive]);
    costs.push(found("the narrower of two", filtered(wide), 1).await);
    costs.push(("by state", reads(directory.by_state(&USER, "active", Some(id(users / 2)), 5)).await.1));
    costs.push(("how many in each state", reads(directory.states(&USER)).await.1));
    costs
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn assert_flat(what: &str, small: &[(&'static str, u64)], large: &[(&'static str, u64)]) {
    for ((name, few), (_, many)) in small.iter().zip(large) {
        println!("{what}: {name} {few} rows, {many} where there is much");
        assert!(*few > 0, "{name}: nothing was counted");
        assert!(few.abs_diff(*many) <= SAME, "{name}: {few} rows become {many}");
    }
}

#[tokio::test]
async fn a_group_of_a_hundred_thousand_costs_what_one_of_ten_costs() {
    assert_flat("group", &costs_of_a_group(10).await, &costs_of_a_group(100_000).await);
}

#[tokio::test]
async fn a_directory_of_a_hundred_thousand_costs_what_one_of_ten_costs() {
    assert_flat("directory", &costs_of_a_directory(10).await, &costs_of_a_directory(100_000).await);
}

/// A kind of its own, so that no other rows are near.
#[tokio::test]
async fn the_count_of_rows_counts() {
    let filled = Filled::new(vec![insert(&user(1, "ada"))]).await;
    let unknown = ResourceType::new("Device");
    assert_eq!(reads(filled.directory.get(&USER, id(1))).await.1, 1);
    assert_eq!(reads(filled.directory.get(&unknown, ResourceId::from_bytes([9; 16]))).await.1, 1);
}
