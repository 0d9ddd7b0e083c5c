//! Everything out, and in again: nothing is lost, nothing is shown too early, nothing is left behind.

use std::sync::Arc;

use muster_model::{
    Actor, Binding, LogHash, OwnedName, PluginDigest, PluginRow, PublicKey, Queue, Retention, ScimSettings, Seal,
    SecretName, SecretRow, TenantId, TenantRow, Token, TokenId, TokenKey, TokenRow, Trust, TrustedKey,
};
use serde_json::json;

use super::Fixture;
use super::feeds::feed;
use super::help::{
    GROUP, USER, at, change, commit, eq, found, group, id, insert, is_stale, is_taken, join, key, make, remove,
    replace, task, tenant, user,
};
use super::outbox::{done, failed, lease, outbox, seqs, soon};
use crate::moving::file::Counts;
use crate::moving::{Chain, Check, Finished, Import, ImportId, Item, Loaded, MAX_FINISHED, TokenRowItem, Which};
use crate::{Commit, Directory, Outbox, Settled, Store, StoreError};

/// More than three parts of a plugin.
const PLUGIN_BYTES: usize = 150_000;

fn tenant_row(name: &str, plugin: PluginDigest) -> TenantRow {
    let binding = Binding { plugin, config: json!({ "a": 1 }), revision: 3, at: at(0) };
    let name_of = SecretName::parse("api-key").unwrap();
    let secrets = vec![SecretRow { name: name_of, sealed: b"sealed".to_vec(), at: at(0), by: Actor::Operator }];
    let (scim, retention) = (ScimSettings::default(), Retention::default());
    TenantRow {
        id: tenant(name),
        created: at(0),
        binding,
        previous: None,
        scim,
        retention,
        grants: Vec::new(),
        secrets,
        delivery: muster_model::DeliverySettings::default(),
    }
}

fn token_row(of: &str, name: &str) -> TokenRow {
    TokenRow {
        id: TokenId(name.to_owned()),
        tenant: tenant(of),
        hash: TokenKey::new([7; 32]).hash(&Token::presented(name)),
        label: "first".to_owned(),
        created: at(0),
        expires: None,
        revoked: None,
        user: Some(id(1)),
        write: true,
        key: None,
    }
}

async fn put_plugin(store: &Arc<dyn Store>, seed: u8) -> PluginDigest {
    let bytes: Vec<u8> = (0..PLUGIN_BYTES).map(|n| u8::try_from(n % 251).unwrap() ^ seed).collect();
    let digest = PluginDigest::of(&bytes);
    let (name, version) = (format!("plugin-{seed}"), "1.0.0".to_owned());
    let row = PluginRow::new(digest, name, version, u64::try_from(PLUGIN_BYTES).unwrap(), at(0));
    store.put_plugin(&row, &bytes).await.unwrap();
    digest
}

/// A tenant with a little of everything, whose log was sealed and cut off.
async fn fill(store: &Arc<dyn Store>, name: &str) -> Arc<dyn Directory> {
    let plugin = put_plugin(store, u8::try_from(name.len()).unwrap()).await;
    store.add_tenant(&tenant_row(name, plugin)).await.unwrap();
    for token in ["tok_b", "tok_a"] {
        store.put_token(&token_row(name, &format!("{token}_{name}"))).await.unwrap();
    }
    let directory = store.directory(&tenant(name));
    for n in 1..=9 {
        let mut made = user(n, &format!("user {n}"));
        if n == 9 {
            // Larger than any engine's row.
            made.document.0.insert("title".to_owned(), "x".repeat(200_000).into());
        }
        let tasks = vec![(0, muster_model::NewTask { plugin, ..task(&made, "invite") })];
        let changes = vec![change(&made)];
        directory.commit(Commit { changes, tasks, ..commit(vec![insert(&made)]) }).await.unwrap();
    }
    let staff = group(20, "staff");
    let writes = vec![insert(&staff), join(20, 1), join(20, 2)];
    directory.commit(Commit { changes: vec![change(&staff)], ..commit(writes) }).await.unwrap();
    make(&directory, vec![remove(&user(3, "user 3"))]).await;
    let keeper = store.log_keeper(&tenant(name));
    let mut hash = LogHash::START;
    let mut after = 0;
    for (part, entries) in directory.log(0, 100).await.unwrap().chunks(4).enumerate() {
        hash = entries.iter().fold(hash, LogHash::link);
        let seal = Seal { seq: entries.last().unwrap().seq, hash, at: at(1) };
        // The last entries are not sealed yet.
        if part < 2 {
            keeper.seal(&seal, after).await.unwrap();
            after = seal.seq;
        }
    }
    keeper.prune(4, 100).await.unwrap();
    carry_out(store, name).await;
    directory
}

/// Something has become of some of its tasks, one was forgotten, and a plugin remembers something.
async fn carry_out(store: &Arc<dyn Store>, name: &str) {
    let outbox = store.outbox(&tenant(name));
    let leases = outbox.lease(&Queue::plugin(), at(6), soon(6), 5).await.unwrap().tasks;
    let again = Settled::Again { attempt: failed(6), due: at(60) };
    let outcomes = [done(6), done(7), again, Settled::Parked(failed(6)), Settled::Held];
    for (lease, outcome) in leases.iter().zip(outcomes) {
        outbox.settle(lease, outcome).await.unwrap();
    }
    assert_eq!(outbox.prune(at(7), 10).await.unwrap(), 1);
    for (plugin, key) in [("secoda", "a"), ("secoda", "bb"), ("secoda", "c"), ("poggio", ""), ("gone", "a")] {
        store.plugin_state(&tenant(name), plugin).put(key, &[7; 10_000], None, 1 << 20).await.unwrap();
    }
    store.plugin_state(&tenant(name), "gone").delete("a", None).await.unwrap();
    for (queue, through) in [("webhook:crm", 5), ("poll:audit", 10), ("push:siem", 0)] {
        let queue = Queue::parse(queue).unwrap();
        outbox.feed(&queue, feed(7, None, through, vec![])).await.unwrap();
    }
}

async fn export(store: &Arc<dyn Store>, which: &Which) -> Vec<Item> {
    let mut export = store.mover().export(which).await.unwrap();
    let mut items = Vec::new();
    loop {
        let more = export.next().await.unwrap();
        if more.is_empty() {
            return items;
        }
        items.extend(more);
    }
}

/// The same, of another tenant and with other tokens: so that it can be loaded into the store that it came from.
fn renamed(items: Vec<Item>, name: &str) -> Vec<Item> {
    let new = tenant(name);
    let item = |item: Item| match item {
        Item::Tenant { row, anchor, last_entry, last_task } => {
            Item::Tenant { row: TenantRow { id: new.clone(), ..row }, anchor, last_entry, last_task }
        }
        Item::Token { row } => {
            let id = TokenId(format!("{}_{name}", row.0.id));
            Item::Token { row: TokenRowItem(TokenRow { id, tenant: new.clone(), ..row.0 }) }
        }
        Item::Record { record, .. } => Item::Record { tenant: new.clone(), record },
        Item::Member { group, member, resource_type, .. } => {
            Item::Member { tenant: new.clone(), group, member, resource_type }
        }
        Item::Entry { entry, .. } => Item::Entry { tenant: new.clone(), entry },
        Item::Seal { seal, .. } => Item::Seal { tenant: new.clone(), seal },
        Item::Task { task, progress, .. } => Item::Task { tenant: new.clone(), task, progress },
        Item::State { plugin, last, .. } => Item::State { tenant: new.clone(), plugin, last },
        Item::StateEntry { plugin, key, version, value, .. } => {
            Item::StateEntry { tenant: new.clone(), plugin, key, version, value }
        }
        Item::Fed { queue, through, .. } => Item::Fed { tenant: new.clone(), queue, through },
        other @ (Item::Plugin { .. } | Item::PluginBytes { .. } | Item::Trust { .. }) => other,
    };
    items.into_iter().map(item).collect()
}

fn import(name: &str, items: &[Item]) -> Import {
    let tenants = items.iter().filter(|item| matches!(item, Item::Tenant { .. }));
    Import {
        id: ImportId(name.to_owned()),
        whole: false,
        tenants: tenants.filter_map(Item::tenant).cloned().collect(),
        items: u64::try_from(items.len()).unwrap(),
        start: Chain::START,
        end: Chain::START,
        token_key: String::new(),
        begun: at(0),
    }
}

/// Loads items one by one from where the import stands.
async fn load(store: &Arc<dyn Store>, id: &ImportId, items: &[Item]) -> Result<(), StoreError> {
    let mover = store.mover();
    for item in items {
        let stands = mover.imports().await.unwrap();
        let Loaded { items: before, chain, mut check, abandoned } =
            stands.into_iter().find(|(import, _)| import.id == *id).unwrap().1;
        check.take(item).unwrap();
        let loaded = Loaded { items: before + 1, chain: chain.link(b"a line"), check, abandoned };
        mover.load(id, vec![item.clone()], before, &loaded).await?;
    }
    Ok(())
}

/// What came of it.
fn finished(import: &Import) -> Finished {
    let Import { id, whole, items, end, .. } = import.clone();
    Finished { id, at: at(9), whole, items, digest: end, counts: Counts::default(), tokens_known: 0, unproved: 0 }
}

/// With the tokens as they came.
async fn finish(store: &Arc<dyn Store>, import: &Import) {
    let tokens = store.mover().brought(&import.id).await.unwrap().tokens;
    store.mover().finish(&finished(import), &tokens).await.unwrap();
}

async fn names(store: &Arc<dyn Store>) -> Vec<String> {
    store.tenants().await.unwrap().into_iter().map(|row| row.id.to_string()).collect()
}

pub async fn what_is_exported_can_be_loaded_and_is_exported_the_same(fixture: &mut impl Fixture) {
    let store = fixture.store();
    fill(&store, "acme").await;
    fill(&store, "b").await;
    let whole = export(&store, &Which::Whole).await;
    let mut check = Check::default();
    let mut counts = Counts::default();
    for item in &whole {
        check.take(item).unwrap();
        counts.add(item);
    }
    check.end().unwrap();
    let of = counts.tenants[&tenant("acme")];
    assert_eq!((of.tokens, of.records, of.members, of.entries, of.seals), (2, 9, 2, 6, 1));
    assert_eq!((of.tasks, of.states), (8, 4), "one was forgotten");
    assert_eq!((counts.tenants.len(), counts.plugins), (2, 2));
    let order: Vec<&TenantId> = whole.iter().filter_map(Item::tenant).collect();
    assert!(order.first().is_some_and(|first| first.as_str() == "b"), "shorter names come first");

    let one = export(&store, &Which::Tenants(vec![tenant("acme")])).await;
    assert!(one.len() < whole.len() && one.iter().all(|item| whole.contains(item)), "a part of the whole");
    let items = renamed(one, "new");
    let announced = import("an-import", &items);
    store.mover().begin(&announced).await.unwrap();
    let (first, second) = items.split_at(items.len() / 2);
    load(&store, &announced.id, first).await.unwrap();
    assert_eq!(names(&store).await, ["acme", "b"], "nothing is shown before it is finished");
    assert_eq!((store.tokens().await.unwrap().len(), store.plugins().await.unwrap().len()), (4, 2));
    let queues = store.queues(None, 10).await.unwrap();
    assert!(queues.iter().all(|(tenant, _)| tenant.as_str() != "new"), "nobody carries its tasks out");
    let taken = store.add_tenant(&tenant_row("new", PluginDigest::of(b""))).await.unwrap_err();
    assert!(is_taken(&taken, "tenant"), "its name is reserved");

    drop(store);
    fixture.reopen().await;
    let store = fixture.store();
    load(&store, &announced.id, second).await.unwrap();
    assert_eq!(export(&store, &Which::Import(announced.id.clone())).await, items, "what was written is read back");
    let early = Finished { items: 1, ..finished(&announced) };
    assert!(is_stale(&store.mover().finish(&early, &[]).await.unwrap_err()));
    finish(&store, &announced).await;
    assert_eq!(names(&store).await, ["acme", "b", "new"]);
    assert!(store.mover().imports().await.unwrap().is_empty());
    assert_eq!(export(&store, &Which::Tenants(vec![tenant("new")])).await, items);
    assert!(store.queues(None, 10).await.unwrap().contains(&(tenant("new"), Queue::plugin())));
}

pub async fn what_was_loaded_is_read_and_written_as_if_it_had_always_been_there(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let old = fill(&store, "acme").await;
    let items = renamed(export(&store, &Which::Tenants(vec![tenant("acme")])).await, "new");
    let announced = import("an-import", &items);
    store.mover().begin(&announced).await.unwrap();
    load(&store, &announced.id, &items).await.unwrap();
    finish(&store, &announced).await;

    let new = store.directory(&tenant("new"));
    assert_eq!(found(&new, &USER, eq("userName", "user 2")).await, [2]);
    assert_eq!(new.find(&USER, &key("username", "user 9")).await.unwrap(), old.get(&USER, id(9)).await.unwrap());
    assert_eq!(new.members(id(20), None, 10).await.unwrap(), old.members(id(20), None, 10).await.unwrap());
    assert_eq!(new.member_count(id(20)).await.unwrap(), 2);
    assert_eq!(new.log(0, 100).await.unwrap(), old.log(0, 100).await.unwrap());
    assert_eq!(new.history(id(5), None, 9).await.unwrap(), old.history(id(5), None, 9).await.unwrap());
    let (kept, keeps) = (store.log_keeper(&tenant("acme")), store.log_keeper(&tenant("new")));
    assert_eq!(keeps.status().await.unwrap(), kept.status().await.unwrap());
    let fed = store.outbox(&tenant("new")).fed(&Queue::parse("poll:audit").unwrap()).await.unwrap();
    assert_eq!(fed, Some(10), "who is fed goes on where he was");
    let tasks = store.outbox(&tenant("new")).tasks(None, 0, 100).await.unwrap();
    let acme = outbox(&store);
    assert_eq!(tasks, acme.tasks(None, 0, 100).await.unwrap());
    let loaded = store.outbox(&tenant("new"));
    let sorted = async |outbox: &Arc<dyn Outbox>| {
        let mut counts = outbox.counts().await.unwrap();
        counts.sort();
        counts
    };
    assert_eq!(sorted(&loaded).await, sorted(&acme).await);
    assert_eq!(loaded.tasks_of(6, 0, 9).await.unwrap(), acme.tasks_of(6, 0, 9).await.unwrap());
    let (due, expected) = (lease(&loaded, 60, 9).await, lease(&acme, 60, 9).await);
    assert_eq!((seqs(&due), seqs(&due).len()), (seqs(&expected), 5), "four that nobody had, and one again");
    for plugin in ["secoda", "poggio", "gone"] {
        let (old, new) = (store.plugin_state(&tenant("acme"), plugin), store.plugin_state(&tenant("new"), plugin));
        assert_eq!(new.bytes().await.unwrap(), old.bytes().await.unwrap());
        for key in ["a", "bb", ""] {
            assert_eq!(new.get(key).await.unwrap(), old.get(key).await.unwrap());
        }
        let (after, afterwards) = (old.put("x", b"", None, 1 << 20).await, new.put("x", b"", None, 1 << 20).await);
        assert_eq!(after.unwrap(), afterwards.unwrap(), "no version is given twice");
    }

    let (renamed, write) = replace(&user(2, "user 2"), json!({ "userName": "somebody" }));
    let last = keeps.status().await.unwrap().last;
    let committed = new.commit(Commit { changes: vec![change(&renamed)], ..commit(vec![write]) }).await.unwrap();
    assert_eq!(committed.seq, last + 1, "the log goes on where it was");
    assert!(found(&new, &USER, eq("userName", "user 2")).await.is_empty());
    assert_eq!(
        found(&old, &USER, eq("userName", "user 2")).await,
        [2],
        "the one that it came from knows nothing of it"
    );
}

pub async fn an_export_is_of_one_moment(fixture: &mut impl Fixture) {
    let store = fixture.store();
    let acme = fill(&store, "acme").await;
    let before = export(&store, &Which::Whole).await;

    let mut export = store.mover().export(&Which::Whole).await.unwrap();
    let (renamed, write) = replace(&user(2, "user 2"), json!({ "userName": "somebody" }));
    let new = user(30, "new");
    let writes = vec![write, remove(&user(4, "user 4")), insert(&new), join(20, 30)];
    acme.commit(Commit { changes: vec![change(&renamed), change(&new)], ..commit(writes) }).await.unwrap();
    put_plugin(&store, 99).await;
    store.add_tenant(&tenant_row("later", PluginDigest::of(b""))).await.unwrap();
    store.put_token(&token_row("acme", "tok_later")).await.unwrap();
    let mut items = Vec::new();
    loop {
        let more = export.next().await.unwrap();
        if more.is_empty() {
            break;
        }
        items.extend(more);
        make(&acme, vec![super::help::touch(&group(20, "staff"), None)]).await;
    }
    assert_eq!(items, before);
    drop(export);
    let missing = store.mover().export(&Which::Tenants(vec![tenant("nobody")])).await;
    assert!(matches!(missing, Err(StoreError::Stale)));
}

pub async fn what_breaks_a_rule_of_the_store_is_not_loaded(fixture: &mut impl Fixture) {
    let store = fixture.store();
    fill(&store, "acme").await;
    let (mover, new) = (store.mover(), tenant("new"));
    let row = tenant_row("new", PluginDigest::of(b""));
    let first = Item::Tenant { row, anchor: Seal::START, last_entry: 0, last_task: 0 };
    let announced = import("an-import", std::slice::from_ref(&first));
    mover.begin(&announced).await.unwrap();
    assert!(is_stale(&mover.begin(&announced).await.unwrap_err()), "it was begun");
    let other = Import { id: ImportId("another".to_owned()), ..announced.clone() };
    assert!(is_taken(&mover.begin(&other).await.unwrap_err(), "tenant"), "the name is reserved");
    let there = Import { tenants: vec![tenant("acme")], ..other };
    assert!(is_taken(&mover.begin(&there).await.unwrap_err(), "tenant"));

    let loaded = Loaded { items: 2, chain: Chain::START, check: Check::default(), abandoned: false };
    let user = |n, name| Item::Record { tenant: new.clone(), record: user(n, name) };
    mover.load(&announced.id, vec![first, user(1, "ada")], 0, &loaded).await.unwrap();
    let again = mover.load(&announced.id, vec![user(2, "bob")], 0, &loaded).await.unwrap_err();
    assert!(is_stale(&again), "the first two items are there already");
    let same_key = mover.load(&announced.id, vec![user(2, "bob"), user(3, "ada")], 2, &loaded).await.unwrap_err();
    assert!(is_taken(&same_key, "username"));
    assert!(is_stale(&mover.load(&announced.id, vec![user(1, "again")], 2, &loaded).await.unwrap_err()));
    let staff = Item::Record { tenant: new.clone(), record: group(20, "staff") };
    let nobody = Item::Member { tenant: new.clone(), group: id(20), member: id(9), resource_type: USER };
    assert!(is_stale(&mover.load(&announced.id, vec![staff, nobody], 2, &loaded).await.unwrap_err()));
    let known = Item::Token { row: TokenRowItem(TokenRow { tenant: new.clone(), ..token_row("acme", "tok_a_acme") }) };
    assert!(is_stale(&mover.load(&announced.id, vec![known], 2, &loaded).await.unwrap_err()));
    assert!(store.directory(&new).get(&GROUP, id(20)).await.unwrap().is_none(), "all of it or nothing");
    assert_eq!(mover.imports().await.unwrap(), [(announced, loaded)], "it stands where it stood");
}

pub async fn an_abandoned_import_leaves_nothing_behind(fixture: &mut impl Fixture) {
    let store = fixture.store();
    fill(&store, "acme").await;
    let before = export(&store, &Which::Whole).await;
    let mut items = renamed(export(&store, &Which::Tenants(vec![tenant("acme")])).await, "new");
    // One more plugin, which nobody has.
    let bytes = vec![1; 1000];
    let digest = PluginDigest::of(&bytes);
    let (name, version) = ("other".to_owned(), "1".to_owned());
    items.retain(|item| item.tenant().is_some());
    items.push(Item::Plugin { row: PluginRow::new(digest, name, version, 1000, at(0)) });
    items.push(Item::PluginBytes { digest, at: 0, bytes: crate::moving::Bytes(bytes.clone()) });
    let announced = import("an-import", &items);
    store.mover().begin(&announced).await.unwrap();
    load(&store, &announced.id, &items).await.unwrap();
    assert_eq!(store.mover().plugin(&announced.id, &digest).await.unwrap(), Some(bytes));

    while !store.mover().abandon(&announced.id).await.unwrap() {
        let loaded = Loaded { items: 1, chain: Chain::START, check: Check::default(), abandoned: false };
        assert!(is_stale(&store.mover().load(&announced.id, Vec::new(), 0, &loaded).await.unwrap_err()));
    }
    assert!(store.mover().abandon(&announced.id).await.unwrap(), "it is gone");
    assert!(store.mover().imports().await.unwrap().is_empty());
    let new = store.directory(&tenant("new"));
    assert!(new.get(&USER, id(1)).await.unwrap().is_none());
    assert!(new.log(0, 10).await.unwrap().is_empty());
    assert!(found(&new, &USER, eq("userName", "user 1")).await.is_empty());
    assert_eq!(store.plugin(&digest).await.unwrap(), None);
    assert_eq!(export(&store, &Which::Whole).await, before, "whoever was there is as before");

    store.mover().begin(&announced).await.unwrap();
    load(&store, &announced.id, &items).await.unwrap();
    finish(&store, &announced).await;
    assert_eq!(found(&new, &USER, eq("userName", "user 1")).await, [1], "it can be begun anew");
}

pub async fn what_came_of_an_import_is_remembered_for_a_while(fixture: &mut impl Fixture) {
    let store = fixture.store();
    for n in 0..=MAX_FINISHED {
        let row = tenant_row(&format!("t{n}"), PluginDigest::of(b""));
        let new = tenant(&format!("t{n}"));
        let token = TokenRow { key: Some("its own".to_owned()), ..token_row(new.as_str(), &format!("tok_{n}")) };
        let items = [
            Item::Tenant { row, anchor: Seal::START, last_entry: 0, last_task: 0 },
            Item::Token { row: TokenRowItem(token.clone()) },
        ];
        let announced = import(&format!("import-{n:02}"), &items);
        store.mover().begin(&announced).await.unwrap();
        load(&store, &announced.id, &items).await.unwrap();
        let came = Finished { at: at(i64::try_from(n).unwrap()), tokens_known: 1, ..finished(&announced) };
        store.mover().finish(&came, &[TokenRow { key: None, ..token }]).await.unwrap();
        assert!(is_stale(&store.mover().finish(&came, &[]).await.unwrap_err()), "it is finished once");
        assert_eq!(store.mover().finished().await.unwrap().last(), Some(&came));
    }
    assert!(store.tokens().await.unwrap().iter().all(|token| token.key.is_none()), "tokens are kept as it was told");
    drop(store);
    fixture.reopen().await;
    let kept = fixture.store().mover().finished().await.unwrap();
    let ids: Vec<String> = kept.into_iter().map(|finished| finished.id.0).collect();
    let latest: Vec<String> = (1..=MAX_FINISHED).map(|n| format!("import-{n:02}")).collect();
    assert_eq!(ids, latest, "the oldest goes first");
}

pub async fn whom_a_deployment_trusts_moves_with_the_whole_of_it_only(fixture: &mut impl Fixture) {
    let store = fixture.store();
    fill(&store, "acme").await;
    let key = PublicKey::from_bytes([9; 32]);
    let keys = vec![TrustedKey { name: "vendor".to_owned(), key, added: at(1) }];
    let names = vec![OwnedName { name: "plugin-4".to_owned(), key, since: at(2) }];
    let trust = Trust { version: 1, keys, names };
    store.put_trust(&trust, 0).await.unwrap();

    let part = export(&store, &Which::Tenants(vec![tenant("acme")])).await;
    assert!(!part.iter().any(|item| matches!(item, Item::Trust { .. })));
    let whole = export(&store, &Which::Whole).await;
    assert_eq!(whole.last(), Some(&Item::Trust { row: trust.clone() }));
    assert_eq!(whole.len(), part.len() + 1);
    let mut check = Check::default();
    for item in &whole {
        check.take(item).unwrap();
    }
    check.end().unwrap();
    assert!(check.take(whole.last().unwrap()).is_err(), "nothing comes behind it");

    let mut items = renamed(part, "new");
    let brought = Trust { version: 7, ..trust.clone() };
    items.push(Item::Trust { row: brought.clone() });
    let announced = Import { whole: true, ..import("an-import", &items) };
    store.mover().begin(&announced).await.unwrap();
    load(&store, &announced.id, &items).await.unwrap();
    assert_eq!(store.mover().brought(&announced.id).await.unwrap().trust, Some(brought));
    assert_eq!(export(&store, &Which::Import(announced.id.clone())).await, items);
    finish(&store, &announced).await;
    assert_eq!(store.trust().await.unwrap(), trust, "whom to trust here is not for the import to say");
    assert!(store.mover().brought(&announced.id).await.unwrap().trust.is_none());
}
