use muster_model::{PluginDigest, PluginRow, Record, ResourceId, ResourceType, TenantId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::standard::STANDARD;
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
    /// What people call that.
    pub mapped_by: String,
    /// What the IdP sees, without what the server makes.
    pub resource: Value,
    /// What the product sees: state, whether it is listed, keys, fields.
    pub account: Value,
}

impl Service {
    /// Both sides of one record, be it SCIM's or an account made by hand.
    pub async fn show_account(&self, tenant: &str, id: &str) -> Result<AccountView, AdminError> {
        let tenant_id = self.row(tenant)?.id;
        let missing = || AdminError::NotFound(format!("account {id} of tenant {tenant}"));
        let resource = ResourceId::parse(id).ok_or_else(missing)?;
        let record = self.account_with(&tenant_id, resource).await?.ok_or_else(missing)?;
        Ok(AccountView::of(&record, &self.parts.store.plugins().await?))
    }

    /// The resource with this id, of whatever kind.
    pub(crate) async fn find_record(&self, tenant: &TenantId, id: ResourceId) -> Result<Option<Record>, AdminError> {
        let directory = self.parts.store.directory(tenant);
        let bound = self.tenants.view().tenant(tenant).and_then(|tenant| tenant.bound.load_full());
        let served = bound.as_ref().map_or(&[][..], |bound| bound.accepted.types.as_slice());
        let others = served.iter().map(|def| ResourceType::new(&def.name));
        for resource_type in [ResourceType::USER, ResourceType::GROUP].into_iter().chain(others) {
            if let Some(record) = directory.get(&resource_type, id).await? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

impl AccountView {
    pub(super) fn of(record: &Record, plugins: &[PluginRow]) -> Self {
        let plugin = plugins.iter().find(|plugin| plugin.digest == record.plugin);
        let mapped_by = match plugin {
            Some(plugin) => format!("{} {}", plugin.name, plugin.version),
            None if record.plugin == STANDARD => "the host's standard mapping".to_owned(),
            None => record.plugin.to_string(),
        };
        Self {
            mapped_by,
            id: record.id,
            resource_type: record.resource_type.clone(),
            plugin: record.plugin,
            resource: json!(record.document),
            account: json!(record.account),
        }
    }
}
