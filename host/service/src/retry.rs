use muster_store::StoreError;

use crate::{ScimError, Service};

/// How one attempt at a use case ended, if not well.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Another write came between: read again and decide again.
    Stale,
    /// It is decided.
    Failed(ScimError),
}

impl<E: Into<ScimError>> From<E> for Attempt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Attempt {
    /// What a store says, in the words of SCIM. `name` makes a canonical path of a key's lower-case attribute.
    pub(crate) fn of(error: StoreError, name: impl FnOnce(&str) -> String) -> Self {
        match error {
            StoreError::Stale => Self::Stale,
            StoreError::Taken { attribute } => Self::Failed(ScimError::Uniqueness { attribute: name(&attribute) }),
            StoreError::TooMany { limit } => Self::Failed(ScimError::TooMany { limit }),
            StoreError::Full => Self::Failed(ScimError::Full),
            failure @ (StoreError::Unavailable(_) | StoreError::Damaged(_)) => {
                Self::Failed(ScimError::Unavailable(failure))
            }
        }
    }
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        match Attempt::of(error, str::to_owned) {
            // A read that says so has met a write half-way: the client may ask again at once.
            Attempt::Stale => Self::Contended,
            Attempt::Failed(error) => error,
        }
    }
}

/// Counts how often a use case has been run because other writes came between. Plugins are pure, so they can be asked again.
#[derive(Debug)]
pub(crate) struct Retries {
    left: u32,
}

impl Retries {
    /// What an attempt came to: `None` asks for another one.
    pub(crate) fn settle<T>(&mut self, attempt: Result<T, Attempt>) -> Result<Option<T>, ScimError> {
        match attempt {
            Ok(done) => Ok(Some(done)),
            Err(Attempt::Failed(error)) => Err(error),
            Err(Attempt::Stale) => {
                metrics::counter!("muster_write_conflicts_total").increment(1);
                self.left = self.left.checked_sub(1).ok_or(ScimError::Contended)?;
                Ok(None)
            }
        }
    }
}

impl Service {
    /// As many attempts as the limit `attempts` allows.
    pub(crate) const fn retries(&self) -> Retries {
        Retries { left: self.parts.limits.attempts.saturating_sub(1) }
    }
}
