//! What an import says of grants: they come with the tenants, and nobody here has given them.

use muster_model::{Grant, TenantId, TenantRow};
use muster_plugin::Manifest;
use serde_json::{Map, Value, json};

use super::super::tell_ungranted;
use crate::Service;
use crate::grants::{means, missing, named_by};

/// Of how many tenants an import tells the grants; `muster tenant wants` tells those of each.
const MAX_TENANTS_TOLD: usize = 100;

impl Service {
    /// What is granted in the tenants that an import has brought, and what their plugins want and is not, as it is now. Only those of which
    /// there is something to say are told, and so many of them are counted.
    pub(super) fn told_grants<'t>(&self, tenants: impl Iterator<Item = &'t TenantId>) -> Value {
        let loaded = self.loaded();
        let (mut count, mut told) = (0_u64, Vec::new());
        // One that was removed since is told no more.
        for row in tenants.filter_map(|tenant| self.row(tenant.as_str()).ok()) {
            let manifest = loaded.get(&row.binding.plugin).map(|plugin| plugin.manifest());
            let Some(of_tenant) = of_tenant(&row, manifest) else { continue };
            count += 1;
            if told.len() < MAX_TENANTS_TOLD {
                told.push(of_tenant);
            }
        }
        json!({ "tenants": count, "told": told })
    }

    /// The same in the log, when the tenants are served.
    pub(super) fn log_grants<'t>(&self, tenants: impl Iterator<Item = &'t TenantId>) {
        let loaded = self.loaded();
        for row in tenants.filter_map(|tenant| self.row(tenant.as_str()).ok()) {
            if !row.grants.is_empty() {
                let granted = row.grants.iter().map(|grant| format!("{} to {}", grant.want, grant.plugin));
                let granted = granted.collect::<Vec<_>>().join(", ");
                tracing::warn!(
                    tenant.id = %row.id, grants = %granted,
                    "a tenant was imported with grants that nobody here has given (`muster tenant wants`)"
                );
            }
            if let Some(plugin) = loaded.get(&row.binding.plugin) {
                tell_ungranted(&row, plugin.manifest());
            }
        }
    }
}

/// `None`: nothing is granted, and nothing is missing.
fn of_tenant(row: &TenantRow, manifest: Option<&Manifest>) -> Option<Value> {
    let granted = |grant: &Grant| {
        let mut told = json!(grant.want);
        (told["plugin"], told["means"]) = (json!(grant.plugin), json!(means(&grant.want)));
        told
    };
    let wanted = manifest.map_or_else(Vec::new, |manifest| missing(manifest, &row.grants));
    let not_granted = wanted.into_iter().map(|wanted| {
        let mut told = json!(wanted.want);
        told["means"] = json!(means(&wanted.want));
        told
    });
    let mut told = Map::new();
    told.insert("granted".to_owned(), row.grants.iter().map(granted).collect());
    told.insert("not_granted".to_owned(), not_granted.collect());
    if told.values().all(|list| list.as_array().is_none_or(Vec::is_empty)) {
        return None;
    }
    told.insert("tenant".to_owned(), json!(row.id));
    told.insert("plugin".to_owned(), json!(manifest.map(named_by)));
    Some(Value::Object(told))
}
