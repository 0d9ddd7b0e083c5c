use muster_model::{LogEntry, PluginDigest, Record, ResourceId, ResourceType};
use serde::Serialize;
use serde_json::{Value, json};

use crate::trail::told;
use crate::{AdminError, Service};

/// A record with both its sides: what the IdP sees and what the product sees.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    /// Its id.
    pub id: ResourceId,
    /// Its kind.
    pub resource_type: ResourceType,
    /// The plugin that made the account.
    pub plugin: PluginDigest,
    /// What the IdP sees, without what the server makes.
    pub resource: Value,
    /// What the product sees: state, whether it is listed, keys, fields.
    pub account: Value,
}

/// How many entries of a log or an outbox are read at once.
pub const MAX_ENTRIES_A_PAGE: usize = 1000;

impl Service {
    /// A tenant's log after `after`, as JSON: it has user data, so only operators read it.
    pub async fn read_log(&self, tenant: &str, after: u64, limit: usize) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let entries = self.parts.store.directory(&id).log(after, limit.min(MAX_ENTRIES_A_PAGE)).await?;
        let entry = |entry: &LogEntry| {
            let mut shown = json!(entry);
            if !entry.change.rewrites.is_empty() {
                shown["rewrites"] = told(&entry.change.rewrites);
            }
            shown
        };
        Ok(json!({ "entries": entries.iter().map(entry).collect::<Vec<_>>() }))
    }

    /// A tenant's outbox after `after`, as JSON.
    pub async fn read_tasks(&self, tenant: &str, after: u64, limit: usize) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let tasks = self.parts.store.outbox(&id).tasks(after, limit.min(MAX_ENTRIES_A_PAGE)).await?;
        Ok(json!({ "tasks": tasks }))
    }

    /// Both sides of one record.
    pub async fn show_account(&self, tenant: &str, id: &str) -> Result<AccountView, AdminError> {
        let tenant_id = self.row(tenant)?.id;
        let missing = || AdminError::NotFound(format!("account {id} of tenant {tenant}"));
        let resource = ResourceId::parse(id).ok_or_else(missing)?;
        let directory = self.parts.store.directory(&tenant_id);
        let bound = self.tenants.view().tenant(&tenant_id).and_then(|tenant| tenant.bound.load_full());
        let served = bound.as_ref().map_or(&[][..], |bound| bound.accepted.types.as_slice());
        let others = served.iter().map(|def| ResourceType::new(&def.name));
        for resource_type in [ResourceType::USER, ResourceType::GROUP].into_iter().chain(others) {
            if let Some(record) = directory.get(&resource_type, resource).await? {
                return Ok(AccountView::of(&record));
            }
        }
        Err(missing())
    }
}

impl AccountView {
    fn of(record: &Record) -> Self {
        Self {
            id: record.id,
            resource_type: record.resource_type.clone(),
            plugin: record.plugin,
            resource: json!(record.document),
            account: json!(record.account),
        }
    }
}
