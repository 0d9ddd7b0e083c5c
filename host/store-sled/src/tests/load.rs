//! A random load, as the service would bring it: every change has its entry in the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_model::{
    Binding, Change, DeliverySettings, Event, PluginDigest, PluginRow, Record, ScimSettings, TenantRow,
};
use muster_store::contract::help::{
    at, change, commit, group, id, insert, join, leave, number, remove, replace, task, tenant, touch, user,
};
use muster_store::{Commit, Directory, Store, Write};
use serde_json::json;

/// Numbers that look random and are the same each time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What a load knows of a directory.
pub(super) struct Load {
    directory: Arc<dyn Directory>,
    dice: Dice,
    next: u64,
    users: BTreeMap<u64, Record>,
    groups: BTreeMap<u64, (Record, BTreeSet<u64>)>,
}

impl Load {
    pub(super) fn new(directory: Arc<dyn Directory>, seed: u64) -> Self {
        Self { directory, dice: Dice(seed), next: 1, users: BTreeMap::new(), groups: BTreeMap::new() }
    }

    fn any(&mut self, of: &[u64]) -> Option<u64> {
        of.get(usize::try_from(self.dice.below(of.len().max(1) as u64)).unwrap()).copied()
    }

    async fn commit(&self, change: Change, writes: Vec<Write>, tasks: usize) {
        let record = user(number(change.id), "task");
        let tasks = (0..tasks).map(|n| (0, task(&record, &format!("task {n}")))).collect();
        self.directory.commit(Commit { changes: vec![change], tasks, ..commit(writes) }).await.unwrap();
    }

    /// One random commit.
    pub(super) async fn step(&mut self) {
        let users: Vec<u64> = self.users.keys().copied().collect();
        let groups: Vec<u64> = self.groups.keys().copied().collect();
        let (who, which) = (self.any(&users), self.any(&groups));
        match (self.dice.below(12), who, which) {
            (0..=3, _, _) | (_, None, _) => {
                let n = self.next;
                self.next += 1;
                let ada = user(n, &format!("User {n}"));
                self.commit(change(&ada), vec![insert(&ada)], usize::try_from(self.dice.0 % 3).unwrap()).await;
                self.users.insert(n, ada);
            }
            (4, _, _) | (_, _, None) => {
                let n = self.next;
                self.next += 1;
                let staff = group(n, &format!("Group {n}"));
                self.commit(change(&staff), vec![insert(&staff)], 0).await;
                self.groups.insert(n, (staff, BTreeSet::new()));
            }
            (5..=6, Some(n), _) => {
                let filling = usize::try_from(self.dice.below(9000)).unwrap();
                let document = json!({
                    "userName": format!("User {n} {filling}"), "title": "x".repeat(filling), "active": filling % 2 == 0,
                    "externalId": format!("E{}", filling % 7), "emails": [{ "value": format!("u{n}@example.com") }],
                });
                let (new, write) = replace(&self.users[&n], document);
                self.commit(Change { event: Event::Updated, ..change(&new) }, vec![write], 0).await;
                self.users.insert(n, new);
            }
            (7..=9, Some(n), Some(g)) => {
                let (staff, members) = self.groups.get_mut(&g).unwrap();
                let comes = members.insert(n);
                let (event, write) =
                    if comes { (Event::MemberAdded, join(g, n)) } else { (Event::MemberRemoved, leave(g, n)) };
                if !comes {
                    members.remove(&n);
                }
                let ids = |these: bool| if these { vec![id(n)] } else { Vec::new() };
                let (members_added, members_removed) = (ids(comes), ids(!comes));
                let told = Change { event, after: None, members_added, members_removed, ..change(staff) };
                let writes = vec![write, touch(staff, None)];
                self.commit(told, writes, 0).await;
                let (staff, _) = self.groups.get_mut(&g).unwrap();
                staff.version = staff.version.next();
            }
            (10, Some(n), _) => {
                let gone = self.users.remove(&n).unwrap();
                for (staff, members) in self.groups.values_mut() {
                    if members.remove(&n) {
                        staff.version = staff.version.next();
                    }
                }
                self.commit(Change { event: Event::Deleted, after: None, ..change(&gone) }, vec![remove(&gone)], 0)
                    .await;
            }
            (_, _, Some(g)) => {
                let (gone, members) = self.groups.remove(&g).unwrap();
                let members_removed = members.iter().map(|n| id(*n)).collect();
                let told = Change { event: Event::Deleted, after: None, members_removed, ..change(&gone) };
                self.commit(told, vec![remove(&gone)], 0).await;
            }
        }
    }
}

/// A deployment with two tenants after so many random commits.
pub(super) async fn loaded(store: &Arc<dyn Store>, seed: u64, steps: usize) {
    let bytes: Vec<u8> = (0..20_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let digest = PluginDigest::of(&bytes);
    let (name, version) = ("p".to_owned(), "1.0.0".to_owned());
    store.put_plugin(&PluginRow::new(digest, name, version, 20_000, at(0)), &bytes).await.unwrap();
    for name in ["acme", "b"] {
        let binding = Binding { plugin: digest, config: json!({}), revision: 1, at: at(0) };
        let row: TenantRow = TenantRow {
            id: tenant(name),
            created: at(0),
            binding,
            previous: None,
            scim: ScimSettings::default(),
            retention: muster_model::Retention::default(),
            grants: Vec::new(),
            secrets: Vec::new(),
            delivery: DeliverySettings::default(),
        };
        store.add_tenant(&row).await.unwrap();
        let mut load = Load::new(store.directory(&tenant(name)), seed);
        for _ in 0..steps {
            load.step().await;
        }
    }
}
