//! Tenants, tokens and plugins.

use muster_model::{PluginDigest, PluginRow, TenantRow, TokenRow};
use muster_store::StoreError;
use serde::de::DeserializeOwned;

use super::Check;
use crate::codec;
use crate::keys::Space;

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
        self.values::<TokenRow>(space, b'K', "tokens", "a token").map(drop)
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
