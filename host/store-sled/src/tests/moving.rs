//! How long it takes to bring in what another store had.

use std::sync::Arc;
use std::time::Instant;

use muster_model::{
    Binding, DeliverySettings, LogEntry, PluginDigest, Retention, ScimSettings, Seal, TenantRow, Version,
};
use muster_store::contract::help::{at, change, commit, insert, tenant, user};
use muster_store::moving::{Chain, Check, Counts, Finished, Import, ImportId, Item, Loaded};
use muster_store::{Commit, Store};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Options, SledStore};

const USERS: u64 = 5_000;
const CLIENTS: u64 = 64;
/// As many as the command sends at once.
const ITEMS_AT_ONCE: usize = 1_000;

async fn create(store: &Arc<dyn Store>) {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let acme = store.directory(&tenant("acme"));
        clients.spawn(async move {
            for n in (client..USERS).step_by(usize::try_from(CLIENTS).unwrap()) {
                let made = user(n, &format!("user{n}@example.com"));
                let changes = vec![change(&made)];
                acme.commit(Commit { changes, ..commit(vec![insert(&made)]) }).await.unwrap();
            }
        });
    }
    clients.join_all().await;
}

/// The same users with the same log.
fn items() -> Vec<Item> {
    let binding = Binding { plugin: PluginDigest::of(b"one"), config: json!({}), revision: 1, at: at(0) };
    let (scim, retention) = (ScimSettings::default(), Retention::default());
    let row = TenantRow {
        id: tenant("new"),
        created: at(0),
        binding,
        previous: None,
        scim,
        retention,
        grants: Vec::new(),
        secrets: Vec::new(),
        delivery: DeliverySettings::default(),
    };
    let first = Item::Tenant { row, anchor: Seal::START, last_entry: USERS, last_task: 0 };
    let made = |n: u64| user(n, &format!("user{n}@example.com"));
    let records = (0..USERS).map(|n| Item::Record { tenant: tenant("new"), record: made(n) });
    let entry = |n: u64| LogEntry { seq: n + 1, version: Version::FIRST, change: change(&made(n)) };
    let entries = (0..USERS).map(|n| Item::Entry { tenant: tenant("new"), entry: entry(n) });
    std::iter::once(first).chain(records).chain(entries).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "it tells what it measured")]
async fn what_was_exported_is_loaded_by_one_as_64_clients_create_it() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(folder.path(), Options::default()).unwrap());
    let began = Instant::now();
    create(&store).await;
    let created = began.elapsed();

    let (items, id) = (items(), ImportId("an-import".to_owned()));
    let total = u64::try_from(items.len()).unwrap();
    let import = Import {
        id: id.clone(),
        whole: false,
        tenants: vec![tenant("new")],
        items: total,
        start: Chain::START,
        end: Chain::START,
        token_key: String::new(),
        begun: at(0),
    };
    let (mover, mut check, mut before) = (store.mover(), Check::default(), 0);
    let began = Instant::now();
    mover.begin(&import).await.unwrap();
    for part in items.chunks(ITEMS_AT_ONCE) {
        for item in part {
            check.take(item).unwrap();
        }
        let after = before + u64::try_from(part.len()).unwrap();
        let loaded = Loaded { items: after, chain: Chain::START, check: check.clone(), abandoned: false };
        mover.load(&id, part.to_vec(), before, &loaded).await.unwrap();
        before = after;
    }
    let (digest, counts) = (Chain::START, Counts::default());
    let came = Finished { id, at: at(1), whole: false, items: total, digest, counts, tokens_known: 0, unproved: 0 };
    mover.finish(&came, &[]).await.unwrap();
    let loaded = began.elapsed();

    println!("{USERS} users: created by {CLIENTS} clients in {created:?}, loaded in {loaded:?}");
    // Created over the wire it takes longer still: with a request and a call of the plugin for each. The bound is for what else the machine does.
    assert!(loaded < 3 * created, "created in {created:?}, loaded in {loaded:?}");
    let (old, new) = (store.directory(&tenant("acme")), store.directory(&tenant("new")));
    assert_eq!(old.log(0, 1).await.unwrap().len(), new.log(USERS - 1, 9).await.unwrap().len());
}
