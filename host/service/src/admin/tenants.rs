use muster_model::{Binding, DeliverySettings, PluginDigest, Retention, ScimSettings, TenantId, TenantRow};
use muster_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{IssuedToken, NewToken, PluginView};
use crate::grants::{self, NewGrants};
use crate::meets::refused;
use crate::{AdminError, Service, nobody_carries_out};

/// A tenant to be created.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name.
    pub name: String,
    /// Which plugin: a name (the newest), `name@version`, or a digest.
    pub plugin: String,
    /// The plugin's configuration.
    #[serde(default = "empty_object")]
    pub config: Value,
    /// What of its wants is granted to it.
    #[serde(default)]
    pub grants: NewGrants,
}

/// A tenant as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct TenantView {
    /// Its name.
    pub tenant: TenantId,
    /// When it was created.
    pub created: String,
    /// Its plugin.
    pub plugin: PluginView,
    /// The plugin's configuration.
    pub config: Value,
    /// The binding's revision.
    pub revision: u64,
    /// Where its plugin's customers expect SCIM.
    pub base_path: String,
    /// Whether the plugin is loaded; without it the tenant's requests are answered 503.
    pub loaded: bool,
    /// It was to be bound, and was already: nothing has changed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// What speaks against the plugin that it was bound to just now, what nobody carries out, and what identity providers no longer meet as it
    /// was: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

fn empty_object() -> Value {
    json!({})
}

impl Service {
    /// Creates a tenant with its plugin and a first token.
    pub async fn create_tenant(&self, new: NewTenant) -> Result<(TenantView, IssuedToken), AdminError> {
        let id = TenantId::parse(&new.name).map_err(|error| AdminError::Invalid(error.to_string()))?;
        let _one_at_a_time = self.administration.lock().await;
        if self.tenants.view().tenant(&id).is_some() {
            return Err(AdminError::Exists(format!("tenant {id}")));
        }
        let plugin = self.resolve(&new.plugin).await?;
        let warning = self.may_bind(&plugin.digest).await?;
        let config = self.meant(&plugin.digest, new.config, None).await?;
        let now = self.parts.clock.now();
        let binding = Binding { plugin: plugin.digest, config, revision: 1, at: now };
        let (scim, retention) = (ScimSettings::default(), Retention::default());
        let row = TenantRow {
            id: id.clone(),
            created: now,
            binding,
            previous: None,
            scim,
            retention,
            grants: Vec::new(),
            secrets: Vec::new(),
            delivery: DeliverySettings::default(),
        };
        let row = self.with_grants(row, &plugin.digest, &new.grants).await?;
        let bound = self.bound(&row).await?;
        grants::check(bound.plugin.manifest(), &row)?;
        let parked = nobody_carries_out(bound.plugin.as_ref());
        let warnings: Vec<String> = warning.into_iter().chain(parked).chain(refused(&bound.settings)).collect();
        match self.parts.store.add_tenant(&row).await {
            // Nobody sees it yet: it is one that an import brings.
            Err(StoreError::Taken { .. }) => {
                return Err(AdminError::InUse(format!(
                    "an unfinished import brings a tenant {id}; finish it, or abandon it"
                )));
            }
            other => other?,
        }
        let tenant = self.tenant(&id, Some(bound));
        self.tenants.change(|view| view.put_tenant(row.clone(), tenant));
        let token = self.issue(&id, NewToken { label: "first".to_owned(), ..NewToken::default() }).await?;
        tracing::info!(tenant.id = %id, plugin.name = %plugin.name, plugin.digest = %plugin.digest, "tenant created");
        grants::tell_changed(&row, &[]);
        let warning = Some(warnings.join("; ")).filter(|warning| !warning.is_empty());
        Ok((TenantView { warning, ..self.view_of(&row).await? }, token))
    }

    /// All tenants, by name.
    pub async fn list_tenants(&self) -> Result<Vec<TenantView>, AdminError> {
        let mut rows: Vec<TenantRow> = self.tenants.view().rows().cloned().collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.view_of(&row).await?);
        }
        Ok(views)
    }

    /// One tenant.
    pub async fn show_tenant(&self, name: &str) -> Result<TenantView, AdminError> {
        let row = self.row(name)?;
        self.view_of(&row).await
    }

    pub(crate) fn row(&self, tenant: &str) -> Result<TenantRow, AdminError> {
        let missing = || AdminError::NotFound(format!("tenant {tenant}"));
        let id = TenantId::parse(tenant).map_err(|_| missing())?;
        self.tenants.view().row(&id).cloned().ok_or_else(missing)
    }

    /// A configuration without the values that its plugin says are only written; without any, where the plugin is not loaded to ask.
    pub(crate) fn shown_config(&self, plugin: &PluginDigest, config: &Value) -> Value {
        let loaded = self.loaded().get(plugin).cloned();
        loaded.map_or_else(|| muster_plugin::all_hidden(config), |plugin| plugin.shown_config(config))
    }

    pub(super) async fn view_of(&self, row: &TenantRow) -> Result<TenantView, AdminError> {
        let plugins = self.parts.store.plugins().await?;
        let plugin = plugins.iter().find(|plugin| plugin.digest == row.binding.plugin);
        let plugin = plugin.ok_or_else(|| AdminError::NotFound(format!("plugin {}", row.binding.plugin)))?;
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        Ok(TenantView {
            tenant: row.id.clone(),
            created: row.created.to_string(),
            plugin: PluginView::of(plugin),
            config: self.shown_config(&row.binding.plugin, &row.binding.config),
            revision: row.binding.revision,
            base_path: bound.as_ref().map(|bound| bound.plugin.manifest().base_path.clone()).unwrap_or_default(),
            loaded: bound.is_some(),
            unchanged: false,
            warning: None,
        })
    }
}
