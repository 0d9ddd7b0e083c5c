use muster_model::Trust;
use muster_store::moving::Brought;

use super::super::plugins::{judge_bound, merged};
use crate::signing::{Signed, says_what_was_signed};
use crate::{AdminError, Service};

impl Service {
    /// Whether the plugins that an import brings are signed as they say, and its tenants bound to what may be bound here. What it says of whom
    /// to trust goes with what is here already; `None`: that stays as it is.
    pub(super) async fn trust_with(&self, brought: &Brought) -> Result<Option<Trust>, AdminError> {
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
        let trust = changed.as_ref().unwrap_or(&here);
        let own = self.parts.store.plugins().await?;
        for tenant in &brought.tenants {
            let digest = tenant.binding.plugin;
            // Of a plugin that is here as well, what is said here stays.
            if let Some(row) = own.iter().chain(&brought.plugins).find(|row| row.digest == digest) {
                judge_bound(self.parts.signatures, row, trust)
                    .map_err(|error| AdminError::Untrusted(format!("tenant {}: {error}", tenant.id)))?;
            }
        }
        Ok(changed)
    }
}
