//! Commits that are known by their number: whoever knows how many of them a store has made knows everything that it must hold.
//!
//! The commits of one worker follow from its number and nothing else, and each worker has a tenant of its own. So what a store must
//! hold after the n-th is found out by making the same commits in a store that nobody disturbs, and asking both the same questions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use muster_model::{
    Binding, Change, DeliverySettings, Event, PluginDigest, PluginRow, Record, RequestId, Retention, ScimSettings,
    TenantId, TenantRow, Token, TokenId, TokenKey, TokenRow,
};
use muster_protocol::filter::{Filter, Op};
use muster_protocol::schema::Registry;
use muster_protocol::sort::Sort;
use muster_store::contract::help::{
    GROUP, USER, at, change, compare, eq, group, id, insert, key, member, query, record, replace, task, tenant, touch,
};
use muster_store::{Commit, From, LogQuery, Query, Store, StoreError, Write};
use serde_json::{Value, json};

/// A small generator: the same seed gives the same run.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds that follow each other must not give runs that resemble each other, and nothing comes of 0.
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound.max(1)
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap()
    }

    fn one_of<'a, T>(&mut self, of: impl IntoIterator<Item = &'a T>) -> Option<&'a T> {
        let of: Vec<&T> = of.into_iter().collect();
        if of.is_empty() { None } else { Some(of[self.index(of.len())]) }
    }
}

/// One worker's commits, in order.
#[derive(Debug, Clone)]
pub(crate) struct Numbered {
    pub(crate) worker: u64,
    /// How many were given out.
    pub(crate) made: u64,
    dice: Dice,
    users: BTreeMap<u64, Record>,
    groups: BTreeMap<u64, (Record, BTreeSet<u64>)>,
    next_id: u64,
}

impl Numbered {
    pub(crate) fn new(worker: u64) -> Self {
        let dice = Dice::new(1000 + worker);
        Self { worker, made: 0, dice, users: BTreeMap::new(), groups: BTreeMap::new(), next_id: 1 }
    }

    pub(crate) fn tenant(&self) -> TenantId {
        tenant(&format!("worker-{}", self.worker))
    }

    /// Goes on behind the first `made` commits.
    pub(crate) fn skip(mut self, made: u64) -> Self {
        while self.made < made {
            self.commit();
        }
        self
    }

    /// The next one.
    pub(crate) fn commit(&mut self) -> Commit {
        let made = match self.made % 10 {
            0 | 1 | 4 => self.new_user(),
            2 => self.new_group(3),
            3 | 5 => self.join(),
            6 => self.rewrite(),
            7 => self.leave(),
            8 => self.new_group(0),
            _ if self.made % 20 == 19 => self.remove_group(),
            _ => self.remove_user(),
        };
        self.made += 1;
        let when = at(i64::try_from(self.made).unwrap());
        let (writes, mut changes) = made;
        let request = RequestId(format!("{}-{}", self.worker, self.made).into());
        for change in &mut changes {
            (change.at, change.request) = (when, request.clone());
        }
        let tasks = changes.iter().position(|change| change.resource_type == USER && change.after.is_some());
        let tasks =
            tasks.map(|position| (position, task(&self.users[self.users.keys().next_back().unwrap()], "welcome")));
        Commit { at: when, writes, free: Vec::new(), changes, tasks: tasks.into_iter().collect() }
    }

    fn fresh(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// From some hundred bytes to more than fits into one row.
    fn document(&mut self, n: u64) -> Value {
        let sizes = [0, 300, 3000, 7000, 30_000];
        let note = format!("{n}.").repeat(sizes[self.dice.index(sizes.len())] / 4);
        json!({
            "userName": format!("User{n}@Example.com"), "externalId": format!("ext-{n}"), "displayName": format!("user {}", n % 3),
            "emails": [{ "value": format!("user{n}@example.com"), "type": "work" }], "title": note,
        })
    }

    fn add_user(&mut self) -> (Write, Change, u64) {
        let n = self.fresh();
        let document = self.document(n);
        let user = record(&USER, n, document);
        let made = (insert(&user), change(&user), n);
        self.users.insert(n, user);
        made
    }

    fn new_user(&mut self) -> (Vec<Write>, Vec<Change>) {
        let (write, change, _) = self.add_user();
        (vec![write], vec![change])
    }

    /// A group together with users that are its members.
    fn new_group(&mut self, members: u64) -> (Vec<Write>, Vec<Change>) {
        let n = self.fresh();
        let group = group(n, &format!("Group {n}"));
        let (mut writes, mut changes, mut joined) = (vec![insert(&group)], Vec::new(), BTreeSet::new());
        for _ in 0..members {
            let (write, change, user) = self.add_user();
            writes.extend([write, Write::AddMember { group: id(n), member: member(user) }]);
            changes.push(change);
            joined.insert(user);
        }
        let members_added = joined.iter().map(|user| id(*user)).collect();
        changes.push(Change { members_added, ..change(&group) });
        self.groups.insert(n, (group, joined));
        (writes, changes)
    }

    fn join(&mut self) -> (Vec<Write>, Vec<Change>) {
        let Some(n) = self.dice.one_of(self.groups.keys()).copied() else { return self.new_group(0) };
        let (group, joined) = self.groups.get_mut(&n).unwrap();
        let new: Vec<u64> = self.users.keys().copied().filter(|user| !joined.contains(user)).take(4).collect();
        let mut writes: Vec<Write> =
            new.iter().map(|user| Write::AddMember { group: id(n), member: member(*user) }).collect();
        writes.push(touch(group, None));
        joined.extend(&new);
        let members_added = new.iter().map(|user| id(*user)).collect();
        (writes, vec![Change { event: Event::MemberAdded, after: None, members_added, ..change(group) }])
    }

    fn leave(&mut self) -> (Vec<Write>, Vec<Change>) {
        let full = self.groups.iter_mut().find(|(_, (_, joined))| !joined.is_empty());
        let Some((n, (group, joined))) = full else { return self.new_user() };
        let user = joined.pop_first().unwrap();
        let writes = vec![Write::RemoveMember { group: id(*n), member: id(user) }, touch(group, None)];
        let members_removed = vec![id(user)];
        (writes, vec![Change { event: Event::MemberRemoved, after: None, members_removed, ..change(group) }])
    }

    fn rewrite(&mut self) -> (Vec<Write>, Vec<Change>) {
        let Some(n) = self.dice.one_of(self.users.keys()).copied() else { return self.new_user() };
        let document = self.document(n);
        let (new, write) = replace(&self.users[&n], document);
        let before = change(&self.users[&n]).after;
        let change = Change { event: Event::Updated, before, ..change(&new) };
        self.users.insert(n, new);
        (vec![write], vec![change])
    }

    fn remove_user(&mut self) -> (Vec<Write>, Vec<Change>) {
        let Some(n) = self.dice.one_of(self.users.keys()).copied() else { return self.new_user() };
        let user = self.users.remove(&n).unwrap();
        for (_, joined) in self.groups.values_mut() {
            joined.remove(&n);
        }
        let told = change(&user);
        let change = Change { event: Event::Deleted, before: told.after.clone(), after: None, ..told };
        (vec![Write::Remove { resource_type: USER, id: id(n), expected: None }], vec![change])
    }

    fn remove_group(&mut self) -> (Vec<Write>, Vec<Change>) {
        let Some(n) = self.dice.one_of(self.groups.keys()).copied() else { return self.new_group(0) };
        let (group, joined) = self.groups.remove(&n).unwrap();
        let members_removed = joined.iter().map(|user| id(*user)).collect();
        let told = change(&group);
        let change = Change { event: Event::Deleted, before: told.after.clone(), after: None, members_removed, ..told };
        (vec![Write::Remove { resource_type: GROUP, id: id(n), expected: None }], vec![change])
    }
}

/// What belongs to the deployment: the same in each store.
pub(crate) async fn found_deployment(store: &Arc<dyn Store>, workers: u64) {
    let bytes: Vec<u8> = (0..40_000_u32).map(|n| u8::try_from(n / 7 % 251).unwrap()).collect();
    let digest = PluginDigest::of(&bytes);
    let row = PluginRow::new(digest, "numbered".into(), "1.0.0".into(), 40_000, at(0));
    store.put_plugin(&row, &bytes).await.unwrap();
    for worker in 0..workers {
        let tenant = Numbered::new(worker).tenant();
        let binding = Binding { plugin: digest, config: json!({ "worker": worker }), revision: 1, at: at(0) };
        let (scim, retention) = (ScimSettings::default(), Retention::default());
        let row = TenantRow {
            id: tenant.clone(),
            created: at(0),
            binding,
            previous: None,
            scim,
            retention,
            grants: Vec::new(),
            secrets: Vec::new(),
            delivery: DeliverySettings::default(),
        };
        store.add_tenant(&row).await.unwrap();
        let hash = TokenKey::new([7; 32]).hash(&Token::presented("secret"));
        let id = TokenId(format!("token-{worker}"));
        let label = "numbered".to_owned();
        let (expires, revoked, user, write) = (None, None, None, false);
        store
            .put_token(&TokenRow { id, tenant, hash, label, created: at(0), expires, revoked, user, write, key: None })
            .await
            .unwrap();
    }
}

/// What a store says to each question; what it says of an error is not compared.
pub(crate) type Answers = BTreeMap<String, Result<String, StoreError>>;

/// One read, as a text.
struct Asking(Answers);

impl Asking {
    fn told(&mut self, question: impl Into<String>, answer: Result<impl Debug, StoreError>) {
        self.0.insert(question.into(), answer.map(|answer| short(&format!("{answer:?}"))));
    }
}

/// Long answers are told by their beginning and a digest.
fn short(answer: &str) -> String {
    const SHOWN: usize = 100;
    match answer.char_indices().nth(SHOWN) {
        None => answer.to_owned(),
        Some((shown, _)) => format!("{}.. {}", &answer[..shown], PluginDigest::of(answer.as_bytes())),
    }
}

/// Everything about the deployment.
pub(crate) async fn ask_deployment(store: &Arc<dyn Store>) -> Answers {
    let mut asking = Asking(Answers::new());
    asking.told("tenants", store.tenants().await);
    let tokens = store.tokens().await.map(|tokens| serde_json::to_string(&tokens).unwrap());
    asking.told("tokens", tokens);
    let plugins = store.plugins().await;
    let digest = plugins.as_ref().ok().and_then(|plugins| plugins.first()).map(|plugin| plugin.digest);
    asking.told("plugins", plugins);
    if let Some(digest) = digest {
        asking.told("plugin", store.plugin(&digest).await);
    }
    asking.0
}

/// Everything about the part of one worker, by every way that leads to it. `ids`: how many numbers were given out at most.
pub(crate) async fn ask(store: &Arc<dyn Store>, tenant: &TenantId, ids: u64) -> Answers {
    let mut asking = Asking(Answers::new());
    let directory = store.directory(tenant);
    let everybody: Vec<_> = (0..=ids).map(id).collect();
    for n in 0..=ids {
        asking.told(format!("user {n}"), directory.get(&USER, id(n)).await);
        asking.told(format!("group {n}"), directory.get(&GROUP, id(n)).await);
        asking.told(format!("groups of {n}"), directory.groups_of(id(n)).await);
        asking.told(format!("members of {n}"), directory.members(id(n), None, 1000).await);
        asking.told(format!("two members of {n}"), directory.members(id(n), Some(id(ids / 3)), 2).await);
        asking.told(format!("member count of {n}"), directory.member_count(id(n)).await);
        if n.is_multiple_of(5) {
            asking.told(format!("who is in {n}"), directory.are_members(id(n), &everybody).await);
        }
        asking.told(format!("history of {n}"), directory.history(id(n), None, 1000).await);
        let name = format!("user{n}@example.com");
        asking.told(format!("userName {n}"), directory.find(&USER, &key("username", &name)).await);
        asking
            .told(format!("displayName {n}"), directory.find(&GROUP, &key("displayname", &format!("group {n}"))).await);
        for (what, filter) in [
            ("userName eq", eq("userName", &name)),
            ("externalId eq", eq("externalId", &format!("ext-{n}"))),
            ("emails eq", eq("emails.value", &name)),
            ("groups eq", eq("groups", &id(n).to_string())),
        ] {
            asking.told(format!("{what} {n}"), directory.list(&query(&USER, Some(filter))).await);
        }
        let has_member = query(&GROUP, Some(eq("members.value", &id(n).to_string())));
        asking.told(format!("members eq {n}"), directory.list(&has_member).await);
    }
    let names: Vec<_> = everybody.iter().flat_map(|id| [(USER, *id), (GROUP, *id)]).collect();
    asking.told("names", directory.names(&names).await);
    let starts = |attribute: &str, text: &str| -> Option<Filter> { Some(compare(attribute, Op::Sw, text)) };
    for (what, kind, filter) in [
        ("all users", &USER, None),
        ("all groups", &GROUP, None),
        ("users by display name", &USER, Some(eq("displayName", "user 1"))),
        ("users by the beginning of a name", &USER, starts("userName", "user1")),
        ("users by the beginning of an address", &USER, starts("emails.value", "user2")),
        ("users by title", &USER, starts("title", "1")),
    ] {
        asking.told(what, directory.list(&query(kind, filter)).await);
    }
    for offset in (0..ids).step_by(7) {
        let page = Query { from: From::Offset(offset), limit: 7, ..query(&USER, None) };
        asking.told(format!("users from {offset}"), directory.list(&page).await);
    }
    let sort = Sort::parse(Registry::core().get("User").unwrap(), "displayName", None).unwrap();
    asking.told("users in order", directory.list(&Query { sort: Some(sort), ..query(&USER, None) }).await);
    for state in ["active", "invited"] {
        asking.told(format!("users who are {state}"), directory.by_state(&USER, state, None, 1000).await);
    }
    asking.told("states", directory.states(&USER).await);
    let keeper = store.log_keeper(tenant);
    asking.told("how far the log reaches", keeper.status().await);
    asking.told("seals", keeper.seals(0, 1000).await);
    let early = LogQuery { from: Some(at(10)), to: Some(at(20)), ..LogQuery::default() };
    asking.told("what came early", directory.find_in_log(&early, 0, 1000).await);
    let mut after = 0;
    while after <= 3 * ids {
        asking.told(format!("log after {after}"), directory.log(after, 10).await);
        asking.told(format!("tasks after {after}"), store.outbox(tenant).tasks(None, after, 10).await);
        after += 10;
    }
    asking.0
}
