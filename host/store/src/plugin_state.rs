use async_trait::async_trait;

use crate::StoreError;

/// How long a key, or the name of a plugin that remembers anything, can be, in bytes.
pub const MAX_STATE_KEY_BYTES: usize = 256;

/// How large a value can be, in bytes.
pub const MAX_STATE_VALUE_BYTES: usize = 64 * 1024;

/// What one plugin, by its name, remembers of one tenant. It follows no commit: it is written while tasks are carried out.
#[async_trait]
pub trait PluginState: Send + Sync {
    /// What stands under a key.
    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError>;

    /// Puts a value and answers its version: no version is given twice for a key, not even after it was deleted. [`StoreError::Stale`], and
    /// nothing is changed, if what stands there is not at `expected` (0: nothing must stand there; `None`: whatever does).
    /// [`StoreError::Full`] if keys and values together would be more than `quota` bytes, or if this one is larger than one can be
    /// ([`MAX_STATE_KEY_BYTES`], [`MAX_STATE_VALUE_BYTES`]). Durable when acknowledged.
    async fn put(&self, key: &str, value: &[u8], expected: Option<u64>, quota: u64) -> Result<u64, StoreError>;

    /// Removes a key; does nothing if it is not there and `expected` is `None` or 0. [`StoreError::Stale`] as for [`PluginState::put`].
    async fn delete(&self, key: &str, expected: Option<u64>) -> Result<(), StoreError>;

    /// How many bytes its keys and values have together.
    async fn bytes(&self) -> Result<u64, StoreError>;
}

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub value: Vec<u8>,
    /// Its version.
    pub version: u64,
}
