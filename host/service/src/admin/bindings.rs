use std::sync::Arc;

use muster_model::{Binding, PluginDigest, RolloutState, TenantRow};
use muster_store::StoreError;
use serde_json::Value;

use super::TenantView;
use super::plugins::blocking;
use crate::binding::Bound;
use crate::{AdminError, Service};

/// What becomes of a binding that no longer declares a type of which there are resources.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hidden {
    /// It is not made.
    Refused,
    /// It is: who goes back is in trouble already. The resources are kept, and there again when the type is.
    Accepted,
}

impl Service {
    /// Replaces a tenant's plugin or its configuration. Requests in flight finish with the old one; none fails.
    ///
    /// `expected`: the revision that the operator has seen; `None`: whatever it is.
    pub async fn bind(
        &self,
        tenant: &str,
        plugin: Option<&str>,
        config: Option<Value>,
        expected: Option<u64>,
    ) -> Result<TenantView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let plugin = match plugin {
            Some(reference) => self.resolve(reference).await?.digest,
            None => row.binding.plugin,
        };
        let config = config.unwrap_or_else(|| row.binding.config.clone());
        self.rebind(row, plugin, config, expected, Hidden::Refused).await
    }

    /// Goes back to the binding before the present one. The tenant's own settings ([`muster_model::ScimSettings`]) stay as they are.
    pub async fn rollback(&self, tenant: &str, expected: Option<u64>) -> Result<TenantView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let Some(previous) = row.previous.clone() else {
            return Err(AdminError::NotFound(format!("binding before the present one of tenant {tenant}")));
        };
        self.rebind(row, previous.plugin, previous.config, expected, Hidden::Accepted).await
    }

    /// The plugin of this name, `name@version` or digest.
    pub(crate) async fn plugin_named(&self, reference: &str) -> Result<PluginDigest, AdminError> {
        Ok(self.resolve(reference).await?.digest)
    }

    /// What would decide for a tenant with this plugin and configuration; refused where binding it would be.
    pub(crate) async fn candidate(
        &self,
        row: &TenantRow,
        plugin: PluginDigest,
        config: Value,
    ) -> Result<Bound, AdminError> {
        let binding = Binding { plugin, config, ..row.binding.clone() };
        let bound = self.bound(&TenantRow { binding, ..row.clone() }).await?;
        self.check_kept(&row.id, &bound).await?;
        Ok(bound)
    }

    /// The caller holds the administration lock.
    pub(crate) async fn rebind(
        &self,
        row: TenantRow,
        plugin: PluginDigest,
        config: Value,
        expected: Option<u64>,
        hidden: Hidden,
    ) -> Result<TenantView, AdminError> {
        let actual = row.binding.revision;
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(AdminError::Revision { expected, actual });
        }
        let binding = Binding { plugin, config, revision: actual + 1, at: self.parts.clock.now() };
        let left = row.binding.clone();
        let row = TenantRow { binding, previous: Some(row.binding), ..row };
        let bound = self.bound(&row).await?;
        match hidden {
            Hidden::Refused => self.check_kept(&row.id, &bound).await?,
            Hidden::Accepted => {}
        }
        self.put_bound(&row, bound, actual).await?;
        tracing::info!(tenant.id = %row.id, plugin.digest = %row.binding.plugin, binding.revision = row.binding.revision, "binding replaced");
        if (left.plugin, &left.config) != (row.binding.plugin, &row.binding.config) {
            let state = match hidden {
                Hidden::Refused => RolloutState::Replaced,
                Hidden::Accepted => RolloutState::RolledBack,
            };
            self.leave_rollouts(&row.id, &left, state).await;
        }
        self.view_of(&row).await
    }

    /// Makes a row and what was bound from it the tenant's, at once and durably. The caller holds the administration lock.
    pub(super) async fn put_bound(&self, row: &TenantRow, bound: Bound, actual: u64) -> Result<(), AdminError> {
        self.replace_row(row, actual).await?;
        if let Some(tenant) = self.tenants.view().tenant(&row.id) {
            tenant.bound.store(Some(Arc::new(bound)));
        }
        self.tenants.change(|view| view.put_row(row.clone()));
        Ok(())
    }

    /// Keeps a row whose binding is still at this revision.
    pub(super) async fn replace_row(&self, row: &TenantRow, actual: u64) -> Result<(), AdminError> {
        match self.parts.store.replace_tenant(row, actual).await {
            Err(StoreError::Stale) => Err(AdminError::Revision { expected: actual, actual: actual + 1 }),
            other => Ok(other?),
        }
    }

    pub(super) async fn bound(&self, row: &TenantRow) -> Result<Bound, AdminError> {
        let plugin = self.plugin(&row.binding.plugin).await?;
        let (row, clock) = (row.clone(), self.parts.clock.clone());
        blocking(move || Bound::new(&row, plugin, clock)).await?
    }
}
