//! What a plugin remembers of a tenant.

use std::sync::Arc;

use async_trait::async_trait;
use muster_store::{Entry, MAX_STATE_KEY_BYTES, MAX_STATE_VALUE_BYTES, PluginState, StoreError};

use crate::codec::{self, damaged};
use crate::committer::Committer;
use crate::core::Core;
use crate::keys::Space;
use crate::prepared::Work;
use crate::staging::Staging;

/// What is told of an entry when it is damaged.
pub(crate) const STATE: &str = "what a plugin remembers";

#[derive(Debug)]
pub(crate) struct SledPluginState {
    pub(crate) core: Arc<Core>,
    pub(crate) committer: Arc<Committer>,
    pub(crate) space: Space,
    pub(crate) plugin: String,
}

/// What the committer is asked to do with an entry.
pub(crate) struct StateWork {
    space: Space,
    plugin: String,
    key: String,
    expected: Option<u64>,
    deed: Deed,
}

enum Deed {
    Put { value: Vec<u8>, quota: u64 },
    Delete,
}

#[async_trait]
impl PluginState for SledPluginState {
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        let key = self.space.state_entry(&self.plugin, key);
        let row = self.core.read(|reader| reader.value(key)).await?;
        row.map(|row| decode_entry(&row)).transpose()
    }

    async fn put(&self, key: &str, value: &[u8], expected: Option<u64>, quota: u64) -> Result<u64, StoreError> {
        let is_large = key.len().max(self.plugin.len()) > MAX_STATE_KEY_BYTES || value.len() > MAX_STATE_VALUE_BYTES;
        if is_large {
            return Err(StoreError::Full);
        }
        self.work(key, expected, Deed::Put { value: value.to_vec(), quota }).await
    }

    async fn delete(&self, key: &str, expected: Option<u64>) -> Result<(), StoreError> {
        self.work(key, expected, Deed::Delete).await.map(drop)
    }

    async fn bytes(&self) -> Result<u64, StoreError> {
        self.core.read(|reader| codec::number(reader.get(self.space.state_bytes(&self.plugin))?)).await
    }
}

impl SledPluginState {
    async fn work(&self, key: &str, expected: Option<u64>, deed: Deed) -> Result<u64, StoreError> {
        let (space, plugin, key) = (self.space.clone(), self.plugin.clone(), key.to_owned());
        let work = StateWork { space, plugin, key, expected, deed };
        Ok(self.committer.commit(Work::State(work)).await?.seq)
    }
}

impl StateWork {
    /// The version that it gave.
    pub(crate) fn apply(&self, staging: &mut Staging<'_>) -> Result<u64, StoreError> {
        let Self { space, plugin, key, expected, deed } = self;
        let row = space.state_entry(plugin, key);
        let old = staging.value(&row)?.map(|old| decode_entry(&old)).transpose()?;
        if expected.is_some_and(|expected| expected != old.as_ref().map_or(0, |old| old.version)) {
            return Err(StoreError::Stale);
        }
        let had = old.as_ref().map_or(0, |old| entry_bytes(key, &old.value));
        let before = codec::number(staging.get(&space.state_bytes(plugin))?)?;
        let others = before.checked_sub(had).ok_or_else(|| damaged("a counter"))?;
        match deed {
            Deed::Put { value, quota } => {
                let bytes = others.saturating_add(entry_bytes(key, value));
                if bytes > *quota {
                    return Err(StoreError::Full);
                }
                let version = codec::number(staging.get(&space.state_last(plugin))?)? + 1;
                put_entry(space, staging, plugin, key, version, value)?;
                staging.put(space.state_last(plugin), &version.to_be_bytes());
                set_bytes(space, staging, plugin, bytes);
                Ok(version)
            }
            Deed::Delete => {
                if old.is_some() {
                    staging.delete_value(row)?;
                    set_bytes(space, staging, plugin, others);
                }
                Ok(0)
            }
        }
    }
}

/// An entry of another store.
pub(crate) fn load_entry(
    space: &Space,
    staging: &mut Staging<'_>,
    plugin: &str,
    key: &str,
    version: u64,
    value: &[u8],
) -> Result<(), StoreError> {
    if staging.has(&space.state_entry(plugin, key))? {
        return Err(StoreError::Stale);
    }
    put_entry(space, staging, plugin, key, version, value)?;
    let before = codec::number(staging.get(&space.state_bytes(plugin))?)?;
    set_bytes(space, staging, plugin, before + entry_bytes(key, value));
    Ok(())
}

fn put_entry(
    space: &Space,
    staging: &mut Staging<'_>,
    plugin: &str,
    key: &str,
    version: u64,
    value: &[u8],
) -> Result<(), StoreError> {
    staging.put_value(space.state_entry(plugin, key), &[&version.to_be_bytes()[..], value].concat())
}

fn set_bytes(space: &Space, staging: &mut Staging<'_>, plugin: &str, bytes: u64) {
    match bytes {
        0 => staging.delete(space.state_bytes(plugin)),
        bytes => staging.put(space.state_bytes(plugin), &bytes.to_be_bytes()),
    }
}

/// What an entry counts for.
pub(crate) const fn entry_bytes(key: &str, value: &[u8]) -> u64 {
    key.len() as u64 + value.len() as u64
}

pub(crate) fn decode_entry(row: &[u8]) -> Result<Entry, StoreError> {
    let (version, value) = row.split_first_chunk().ok_or_else(|| damaged(STATE))?;
    Ok(Entry { version: u64::from_be_bytes(*version), value: value.to_vec() })
}
