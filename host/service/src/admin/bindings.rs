use muster_model::{Binding, PluginDigest, RolloutState, TenantRow};
use muster_store::StoreError;
use serde::Serialize;
use serde_json::Value;

use super::TenantView;
use super::plugins::blocking;
use super::streams::impossible_filters;
use crate::binding::Bound;
use crate::grants::{self, NewGrants};
use crate::meets::{otherwise, refused};
use crate::{AdminError, Service, nobody_carries_out};

/// What becomes of a binding that no longer declares a type of which there are resources.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hidden {
    /// It is not made.
    Refused,
    /// It is: who goes back is in trouble already. The resources are kept, and there again when the type is.
    Accepted,
}

/// A tenant that has gone back to the binding before.
#[derive(Debug, Clone, Serialize)]
pub struct RollbackView {
    /// As it is now.
    #[serde(flatten)]
    pub tenant: TenantView,
    /// What has decided until now, and how much it has written; `None`: the log could not be read.
    pub left: Option<Value>,
}

fn at_revision(row: &TenantRow, expected: Option<u64>) -> Result<(), AdminError> {
    let actual = row.binding.revision;
    match expected.filter(|expected| *expected != actual) {
        Some(expected) => Err(AdminError::Revision { expected, actual }),
        None => Ok(()),
    }
}

impl Service {
    /// Replaces a tenant's plugin or its configuration. Requests in flight finish with the old one; none fails. What is bound already stays
    /// as it is, and so does what a rollback would go back to.
    ///
    /// `grants`: what is granted to the plugin by the same change. `expected`: the revision that the operator has seen; `None`: whatever it is.
    pub async fn bind(
        &self,
        tenant: &str,
        plugin: Option<&str>,
        config: Option<Value>,
        grants: &NewGrants,
        expected: Option<u64>,
    ) -> Result<TenantView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let plugin = match plugin {
            Some(reference) => self.resolve(reference).await?.digest,
            None => row.binding.plugin,
        };
        let config = match config {
            Some(written) => self.meant(&plugin, written, Some(&row.binding)).await?,
            None => self.carried_over(&plugin, &row.binding).await?,
        };
        let row = self.with_grants(row, &plugin, grants).await?;
        let is_same = (plugin, &config) == (row.binding.plugin, &row.binding.config);
        if is_same && grants.is_nothing() && self.is_loaded(&row) {
            at_revision(&row, expected)?;
            return Ok(TenantView { unchanged: true, ..self.view_of(&row).await? });
        }
        self.rebind(row, plugin, config, expected, Hidden::Refused).await
    }

    /// Goes back to the binding before the present one, and tells what was left. The tenant's own settings ([`muster_model::ScimSettings`])
    /// stay as they are.
    pub async fn rollback(&self, tenant: &str, expected: Option<u64>) -> Result<RollbackView, AdminError> {
        let one_at_a_time = self.administration.lock().await;
        let row = self.row(tenant)?;
        let Some(previous) = row.previous.clone() else {
            return Err(AdminError::NotFound(format!("binding before the present one of tenant {tenant}")));
        };
        // Whoever names the revision knows what is bound.
        if expected.is_none() {
            self.check_way_back(&row, &previous).await?;
        }
        let (id, left) = (row.id.clone(), row.binding.clone());
        let tenant = self.rebind(row, previous.plugin, previous.config, expected, Hidden::Accepted).await?;
        drop(one_at_a_time);
        // It is done, whatever the log says.
        let left = self.left(&id, &left).await.inspect_err(|error| {
            tracing::warn!(tenant.id = %id, %error, "what was written by the binding that was left was not counted");
        });
        Ok(RollbackView { tenant, left: left.ok() })
    }

    fn is_loaded(&self, row: &TenantRow) -> bool {
        self.tenants.view().tenant(&row.id).is_some_and(|tenant| tenant.bound.load().is_some())
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
        if plugin != row.binding.plugin {
            self.may_bind(&plugin).await?;
        }
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
        at_revision(&row, expected)?;
        let binding = Binding { plugin, config, revision: actual + 1, at: self.parts.clock.now() };
        let left = row.binding.clone();
        // Whoever binds the same again, because it could not be loaded, can still go back to what was before it.
        let is_same = (left.plugin, &left.config) == (binding.plugin, &binding.config);
        let previous = if is_same { row.previous } else { Some(row.binding) };
        let row = TenantRow { binding, previous, ..row };
        let bound = self.bound(&row).await?;
        let is_other = left.plugin != row.binding.plugin;
        let warning = match hidden {
            Hidden::Refused => {
                self.check_kept(&row.id, &bound).await?;
                // Whoever decides already goes on doing so: it gets nothing more by that.
                if is_other {
                    let warning = self.may_bind(&row.binding.plugin).await?;
                    grants::check(bound.plugin.manifest(), &row)?;
                    warning
                } else {
                    None
                }
            }
            // Mapping needs nothing that could be granted, and what was not granted is not to be had either.
            Hidden::Accepted if is_other => self.told_of(&row.binding.plugin).await,
            Hidden::Accepted => None,
        };
        let granted = self.row(row.id.as_str())?.grants;
        let met = self.present_of(&row.id).map_or_else(Vec::new, |present| otherwise(&present, &bound));
        let parked = nobody_carries_out(bound.plugin.as_ref()).filter(|_| is_other);
        // Whoever binds again what was off already may think that it is on by now.
        let off = refused(&bound.settings).filter(|off| !met.contains(off));
        let unjudged = impossible_filters(&row, &bound);
        let warnings: Vec<String> = warning.into_iter().chain(parked).chain(off).chain(met).chain(unjudged).collect();
        self.put_bound(&row, bound, actual).await?;
        grants::tell_changed(&row, &granted);
        tracing::info!(tenant.id = %row.id, plugin.digest = %row.binding.plugin, binding.revision = row.binding.revision, "binding replaced");
        let state = match hidden {
            Hidden::Refused => RolloutState::Replaced,
            Hidden::Accepted => RolloutState::RolledBack,
        };
        self.leave_rollouts(&row.id, &left, &row.binding, state).await;
        let warning = Some(warnings.join("; ")).filter(|warning| !warning.is_empty());
        Ok(TenantView { warning, ..self.view_of(&row).await? })
    }

    /// Makes a row and what was bound from it the tenant's, at once and durably. The caller holds the administration lock.
    pub(super) async fn put_bound(&self, row: &TenantRow, bound: Bound, actual: u64) -> Result<(), AdminError> {
        self.replace_row(row, actual).await?;
        if let Some(tenant) = self.tenants.view().tenant(&row.id) {
            let left = tenant.bound.load_full();
            tenant.bind(bound);
            if let Some(left) = left {
                self.rollouts.replaced(&row.id, &left);
            }
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
        let (row, clock, schemas) = (row.clone(), self.parts.clock.clone(), self.schemas.clone());
        blocking(move || Bound::new(&row, plugin, clock, &schemas)).await?
    }
}
