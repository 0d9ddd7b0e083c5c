//! Tenants, tokens, plugins, whom to trust, and what the clock has said.

use muster_model::{PluginDigest, PluginRow, Rollout, TenantRow, TokenRow, Trust};
use muster_store::{ClockSeen, StoreError};
use serde::de::DeserializeOwned;

use super::Check;
use crate::codec;
use crate::keys::Space;
use crate::{CLOCK_SEEN, TRUST};

impl Check<'_> {
    pub(super) fn deployment(&mut self, space: &Space) -> Result<(), StoreError> {
        let plugins: Vec<PluginRow> = self.values(space, b'P', "plugins", "a plugin")?;
        for plugin in &plugins {
            let bytes = self.value(space, &space.plugin_bytes(&plugin.digest), "a plugin's component")?;
            if bytes.is_none_or(|bytes| PluginDigest::of(&bytes) != plugin.digest) {
                self.fact(None, format!("the component of plugin {} is missing or another", plugin.digest));
            }
        }
        let tenants: Vec<TenantRow> = self.values(space, b'T', "tenants", "a tenant")?;
        for tenant in &tenants {
            if !plugins.iter().any(|plugin| plugin.digest == tenant.binding.plugin) {
                self.fact(None, format!("tenant {} is bound to a plugin that is not there", tenant.id));
            }
        }
        self.queues(space)?;
        self.values::<TokenRow>(space, b'K', "tokens", "a token")?;
        let seen = self.value(space, &space.clock_seen(), CLOCK_SEEN)?;
        if seen.is_some_and(|seen| codec::decode::<ClockSeen>(&seen, CLOCK_SEEN).is_err()) {
            self.fact(None, format!("{CLOCK_SEEN} cannot be read"));
        }
        let trust = self.value(space, &space.trust(), TRUST)?;
        if trust.is_some_and(|trust| codec::decode::<Trust>(&trust, TRUST).is_err()) {
            self.fact(None, format!("{TRUST} cannot be read"));
        }
        Ok(())
    }

    /// A tenant's rollouts.
    pub(super) fn rollouts(&mut self, space: &Space) -> Result<(), StoreError> {
        self.values::<Rollout>(space, b'o', "rollouts", "a rollout").map(drop)
    }

    fn values<T: DeserializeOwned>(
        &mut self,
        space: &Space,
        kind: u8,
        counted: &str,
        what: &str,
    ) -> Result<Vec<T>, StoreError> {
        let mut values = Vec::new();
        for row in self.rows(&space.rows(kind)) {
            let (key, _) = row?;
            self.look();
            let Some(value) = self.value(space, &key, what)? else { continue };
            match codec::decode(&value, what) {
                Ok(value) => values.push(value),
                Err(_) => self.fact(None, format!("{what} cannot be read")),
            }
        }
        self.count(counted, values.len() as u64);
        Ok(values)
    }
}
