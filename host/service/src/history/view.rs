//! Entries of the log as people read them.

use std::collections::HashMap;

use muster_model::{LogEntry, PluginDigest, ResourceId, ResourceType, TenantId};
use serde_json::{Value, json};

use crate::difference::{Difference, account, differences, document, shown};
use crate::trail::told;
use crate::{AdminError, Service};

/// How many members that came or went are named in one entry; how many there were is told always.
pub const MAX_MEMBERS_SHOWN: usize = 20;

/// Bytes of a value that is told whole; of a longer one only the length is.
pub const MAX_VALUE_SHOWN_BYTES: usize = 4096;

/// What plugins and resources are called now.
#[derive(Debug, Default)]
pub(crate) struct Named {
    plugins: HashMap<PluginDigest, (String, String)>,
    resources: HashMap<ResourceId, String>,
}

impl Service {
    /// Looks up what the entries name; in entries of other resources only `of` matters.
    pub(crate) async fn named(
        &self,
        tenant: &TenantId,
        entries: &[LogEntry],
        of: ResourceId,
    ) -> Result<Named, AdminError> {
        let mut ids: Vec<ResourceId> = vec![of];
        for entry in entries {
            ids.push(entry.change.id);
            if entry.change.id == of {
                let shown =
                    |members: &'_ [ResourceId]| members.iter().take(MAX_MEMBERS_SHOWN).copied().collect::<Vec<_>>();
                ids.extend(shown(&entry.change.members_added));
                ids.extend(shown(&entry.change.members_removed));
            }
        }
        self.names_now(tenant, ids).await
    }

    /// What plugins and these resources are called now. The log does not say of which kind a member is.
    pub(crate) async fn names_now(&self, tenant: &TenantId, mut ids: Vec<ResourceId>) -> Result<Named, AdminError> {
        ids.sort_unstable();
        ids.dedup();
        let plugins = self.parts.store.plugins().await?;
        let plugins = plugins.into_iter().map(|row| (row.digest, (row.name, row.version))).collect();
        let directory = self.parts.store.directory(tenant);
        let mut resources = HashMap::new();
        for kind in [ResourceType::USER, ResourceType::GROUP] {
            let of: Vec<_> = ids.iter().map(|id| (kind.clone(), *id)).collect();
            let names = directory.names(&of).await?;
            let called = of.into_iter().zip(names).filter_map(|((_, id), name)| Some((id, name?.0?)));
            resources.extend(called);
        }
        Ok(Named { plugins, resources })
    }
}

impl Named {
    /// An entry as an administrator reads it; in the history `of` a member, no other members are named.
    pub(crate) fn entry(&self, entry: &LogEntry, of: Option<ResourceId>) -> Value {
        let LogEntry { seq, version, change } = entry;
        let mut told_of = json!({
            "seq": seq,
            "at": change.at.to_string(),
            "actor": change.actor,
            "request": change.request,
            "plugin": self.plugin(change.plugin),
            "event": change.event,
            "resource_type": change.resource_type,
            "id": change.id,
            "version": version,
        });
        let document = differences(document(change.before.as_ref()), document(change.after.as_ref()));
        let (before, after) = (account(change.before.as_ref()), account(change.after.as_ref()));
        let account = differences(before.as_ref(), after.as_ref());
        let rows = |rows: &'_ [ResourceId]| self.members(rows, of.filter(|of| *of != change.id));
        let parts = [
            ("name", self.resources.get(&change.id).map(|name| json!(name))),
            ("changed", some(&document)),
            ("account_changed", some(&account)),
            ("members_added", rows(&change.members_added)),
            ("members_removed", rows(&change.members_removed)),
            ("undoes", (!change.undoes.is_empty()).then(|| json!(change.undoes))),
            ("rewrites", (!change.rewrites.is_empty()).then(|| told(&change.rewrites))),
        ];
        for (name, part) in parts {
            if let Some(part) = part {
                told_of[name] = part;
            }
        }
        told_of
    }

    /// A plugin by its true name, and by what it was called if it was pushed here.
    pub(crate) fn plugin(&self, digest: PluginDigest) -> Value {
        match self.plugins.get(&digest) {
            Some((name, version)) => json!({ "digest": digest, "name": name, "version": version }),
            None if digest == PluginDigest::STANDARD_MAPPING => {
                json!({ "digest": digest, "name": "the host's standard mapping" })
            }
            None => json!({ "digest": digest }),
        }
    }

    /// A resource by its id, and by its name if it has one now.
    pub(crate) fn resource(&self, id: ResourceId) -> Value {
        match self.resources.get(&id) {
            Some(name) => json!({ "id": id, "name": name }),
            None => json!({ "id": id }),
        }
    }

    fn members(&self, rows: &[ResourceId], only: Option<ResourceId>) -> Option<Value> {
        let is_shown = |id: &&ResourceId| only.is_none_or(|only| only == **id);
        let shown: Vec<Value> =
            rows.iter().filter(is_shown).take(MAX_MEMBERS_SHOWN).map(|id| self.resource(*id)).collect();
        (!rows.is_empty()).then(|| json!({ "count": rows.len(), "members": shown }))
    }
}

fn some(found: &[Difference]) -> Option<Value> {
    let short = |value: &Option<Value>| value.as_ref().map(brief);
    let brief: Vec<Difference> = found
        .iter()
        .map(|one| Difference { place: one.place.clone(), was: short(&one.was), became: short(&one.became) })
        .collect();
    (!brief.is_empty()).then(|| shown(&brief))
}

/// A value, or how long it is.
pub(crate) fn brief(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= MAX_VALUE_SHOWN_BYTES { value.clone() } else { json!({ "bytes": text.len() }) }
}
