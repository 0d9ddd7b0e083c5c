use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use muster_model::{NewTask, SecretName};

use crate::{Granted, Outcome, PluginError};

/// A task that is to be carried out, and what its plugin may touch for it.
#[derive(Debug, Clone)]
pub struct Errand<'a> {
    /// What is to be done.
    pub task: &'a NewTask,
    /// Counts from 1.
    pub attempt: u32,
    /// What of the world it may touch.
    pub granted: Granted,
    /// The secrets that may go with its requests: those that are granted and set.
    pub secrets: Secrets,
    /// What it remembers of the tenant. It is asked only where that is granted.
    pub memory: Arc<dyn Memory>,
}

/// What became of an [`Errand`].
#[derive(Debug)]
pub struct Performed {
    /// What the plugin says, or why it says nothing.
    pub outcome: Result<Outcome, PluginError>,
    /// What the host did not let it do or what failed underneath it, a sentence each: the plugin itself is told less.
    pub notes: Vec<String>,
}

impl Performed {
    /// It can never be done, for this reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self { outcome: Ok(Outcome::Failed { reason: reason.into() }), notes: Vec::new() }
    }
}

/// A secret's value. It is shown nowhere: who needs it says so by [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// This value.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value, for the header that it goes into.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::HIDDEN)
    }
}

/// Secrets by name.
pub type Secrets = BTreeMap<SecretName, Secret>;

/// What one plugin, by its name, remembers of one tenant.
#[async_trait]
pub trait Memory: Send + Sync + fmt::Debug {
    /// What stands under a key.
    async fn get(&self, key: &str) -> Result<Option<Remembered>, MemoryError>;

    /// Puts a value and answers its version. `expected`: `None`, whatever stands there; 0, nothing must stand there.
    async fn put(&self, key: &str, value: Vec<u8>, expected: Option<u64>) -> Result<u64, MemoryError>;

    /// Removes a key; does nothing if it is not there and `expected` is `None` or 0.
    async fn delete(&self, key: &str, expected: Option<u64>) -> Result<(), MemoryError>;
}

/// A value and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The bytes.
    pub value: Vec<u8>,
    /// Its version.
    pub version: u64,
}

/// Why a [`Memory`] did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The tenant's share is full.
    #[error("the share of the tenant is full")]
    Quota,
    /// The entry is not at the expected version.
    #[error("the entry is not at the expected version")]
    Conflict,
    /// Not now.
    #[error("it is not there now")]
    Unavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show() {
        let secret = Secret::new("hunter22".to_owned());
        assert_eq!((format!("{secret:?}").as_str(), secret.expose()), ("(hidden)", "hunter22"));
    }
}
