use std::sync::Arc;

use muster_model::{PluginDigest, PluginRow, TenantRow, Trust};
use muster_store::moving::{Brought, Import};

use super::super::plugins::{blocking, judge_bound, may_be_called, merged};
use crate::signing::{Signed, says_what_was_signed};
use crate::{AdminError, Service};

impl Service {
    /// Whether the plugins that an import brings are signed as they say and may be called so here, and its tenants bound to what may be bound
    /// here, as they are and as they would be after a rollback. What it says of whom to trust goes with what is here already; `None`: that
    /// stays as it is.
    pub(super) async fn trust_with(&self, import: &Import, brought: &Brought) -> Result<Option<Trust>, AdminError> {
        for row in &brought.plugins {
            let Some(signature) = &row.signature else { continue };
            Signed::of(row, signature).verify(signature)?;
            let loaded = self.loaded().get(&row.digest).cloned();
            if let Some(plugin) = loaded {
                says_what_was_signed(row, plugin.as_ref())?;
            }
        }
        let here = self.parts.store.trust().await?;
        let changed = match &brought.trust {
            Some(trust) => merged(&here, trust)?,
            None => None,
        };
        let own = self.parts.store.plugins().await?;
        for row in brought.plugins.iter().filter(|row| own.iter().all(|kept| kept.digest != row.digest)) {
            // The owners that are here: what is older than its owner comes with it from a deployment that took it.
            may_be_called(row, &here)?;
            if !here.names.is_empty() {
                self.is_named_so(import, row).await?;
            }
        }
        let trust = changed.as_ref().unwrap_or(&here);
        for tenant in &brought.tenants {
            for (digest, bound) in bindings(tenant) {
                // Of a plugin that is here as well, what is said here stays.
                let Some(row) = own.iter().chain(&brought.plugins).find(|row| row.digest == digest) else { continue };
                let judged = judge_bound(self.parts.signatures, row, trust);
                let warning = judged.map_err(|error| AdminError::Untrusted(format!("{bound}: {error}")))?;
                if let Some(warning) = warning {
                    tracing::warn!(tenant.id = %tenant.id, plugin.digest = %digest, "{bound}: {warning}; it is imported all the same");
                }
            }
        }
        Ok(changed)
    }

    /// Whether a plugin that is brought calls itself what the import calls it. It is not kept for that: nobody may need it.
    async fn is_named_so(&self, import: &Import, row: &PluginRow) -> Result<(), AdminError> {
        if self.loaded().contains_key(&row.digest) {
            return Ok(());
        }
        let Some(bytes) = self.parts.store.mover().plugin(&import.id, &row.digest).await? else { return Ok(()) };
        let (host, bytes) = (self.parts.plugins.clone(), Arc::new(bytes));
        // What cannot be loaded cannot be bound either, under any name.
        let Ok(plugin) = blocking(move || host.load(&bytes)).await? else { return Ok(()) };
        let manifest = plugin.manifest();
        if manifest.name == row.name && manifest.version == row.version {
            return Ok(());
        }
        Err(AdminError::Wrong(format!("plugin {} calls itself something else", row.digest)))
    }
}

/// What may decide for a tenant without anybody being asked again, and how that is told.
fn bindings(tenant: &TenantRow) -> impl Iterator<Item = (PluginDigest, String)> {
    let present = (tenant.binding.plugin, format!("tenant {}", tenant.id));
    let previous = tenant.previous.iter().map(|binding| {
        (binding.plugin, format!("tenant {}, which can go back to revision {}", tenant.id, binding.revision))
    });
    std::iter::once(present).chain(previous)
}
