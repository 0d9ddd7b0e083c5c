//! What the vendor's product asks for, and tells (`/directory/v1`): accounts, groups with the members that it shows, what belongs to it alone
//! (`local.rs`), and its tenants' logs as a feed (`changes.rs`). What it sends is done once, however often it comes (`idempotency.rs`).

mod accounts;
mod adoption;
mod changes;
mod groups;
mod idempotency;
mod local;
mod manual;
mod signals;

use std::sync::Arc;

use http::StatusCode;
use muster_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use accounts::{AccountsAsked, MAX_ACCOUNTS_LOOKED_AT};
pub(crate) use adoption::{ByHand, not_by_hand, taken};
pub use changes::{ChangesAsked, MAX_CHANGES_A_PAGE, MAX_CHANGES_WAIT_S, MAX_CHANGES_WAITING};
pub use groups::MAX_MEMBERS_A_PAGE;
pub(crate) use idempotency::InFlight;
pub use idempotency::{
    IDEMPOTENCY_KEPT, KeptAnswer, KeyedRequest, MAX_IDEMPOTENCY_KEY_BYTES, MAX_IDEMPOTENCY_KEYS, MAX_KEPT_ANSWER_BYTES,
};
pub use local::{LOCAL_QUOTA_BYTES, Local, MAX_LOCAL_BYTES, MAX_LOCAL_NAME_BYTES, MAX_LOCAL_NAMES};
pub use signals::{MAX_SIGNAL_NAME_BYTES, MAX_SIGNAL_PAYLOAD_BYTES, NewSignal};

use crate::{AdminError, ScimError};

/// The places of those who wait for changes.
#[derive(Debug)]
pub(crate) struct WaitingProducts(Arc<Semaphore>);

impl Default for WaitingProducts {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CHANGES_WAITING)))
    }
}

/// One of them, until it is dropped.
#[derive(Debug)]
struct Waiting(#[expect(dead_code, reason = "it is held, and never looked at")] OwnedSemaphorePermit);

impl Waiting {
    fn begin(places: &WaitingProducts) -> Option<Self> {
        places.0.clone().try_acquire_owned().ok().map(Self)
    }
}

/// What the vendor's product can be told went wrong.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// What an operator would be told as well: there is no such tenant, a value is not right, the store does not answer.
    #[error(transparent)]
    Plain(#[from] AdminError),
    /// What an identity provider would be told as well: the plugin refuses, a name is taken.
    #[error(transparent)]
    Scim(#[from] ScimError),
    /// What SCIM brought is not the product's to change.
    #[error("this account is managed by SCIM: only the identity provider changes or removes it")]
    OfScim,
    /// It is a group, or of a kind that the plugin does not know.
    #[error("signals and writes are for the accounts of users")]
    NoUser,
    /// Nothing comes of a signal.
    #[error("the plugin of this tenant takes no signals: it does not export lifecycle")]
    TakesNoSignals,
    /// `If-Match` names another version.
    #[error("it has changed since the version that If-Match names; read it again")]
    Changed,
    /// The feed is asked for from where it is not kept any more.
    #[error("changes up to {} are not kept any more; read the accounts anew, then go on after their change", first.saturating_sub(1))]
    Cut {
        /// The oldest change that is kept.
        first: u64,
        /// The latest one.
        last: u64,
    },
    /// The feed is asked for from a place in another log: the store was restored from an older copy.
    #[error(
        "these are not the changes that were followed before; read the accounts anew, then go on after their change"
    )]
    OtherLog {
        /// The oldest change that is kept.
        first: u64,
        /// The latest one.
        last: u64,
    },
    /// More readers wait for changes than may.
    #[error("{MAX_CHANGES_WAITING} requests wait for changes already; ask without wait, or later")]
    Crowded,
    /// The key of another request.
    #[error("this Idempotency-Key came with another request before; a new request needs a new key")]
    KeyReused,
    /// The same request is being carried out.
    #[error("a request with this Idempotency-Key is being carried out; wait for its answer")]
    InFlight,
    /// It was carried out, and what was answered is not known any more.
    #[error(
        "the request with this Idempotency-Key was carried out; its answer was too large to be kept, so read what it made"
    )]
    NotKept,
    /// More keys came within the time that they are kept.
    #[error("no more Idempotency-Keys are kept of this tenant; try again later, with another key, or without one")]
    NoRoomForKeys {
        /// When the first of them goes, in seconds.
        after_s: u64,
    },
}

/// Seconds after which it may go better.
const RETRY_AFTER_S: u64 = 5;

impl DirectoryError {
    /// The status on the wire.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Plain(error) => error.status(),
            Self::Scim(error) => error.wire().status,
            Self::Changed => StatusCode::PRECONDITION_FAILED,
            Self::Cut { .. } | Self::OtherLog { .. } => StatusCode::GONE,
            Self::KeyReused | Self::NoUser | Self::TakesNoSignals => StatusCode::UNPROCESSABLE_ENTITY,
            Self::OfScim | Self::InFlight | Self::NotKept => StatusCode::CONFLICT,
            Self::Crowded | Self::NoRoomForKeys { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// When to come back, in seconds, where that helps.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Scim(error) => error.wire().retry_after_s,
            Self::NoRoomForKeys { after_s } => Some(*after_s),
            Self::Crowded | Self::InFlight | Self::Plain(AdminError::Unavailable(_)) => Some(RETRY_AFTER_S),
            Self::Plain(_)
            | Self::OfScim
            | Self::NoUser
            | Self::TakesNoSignals
            | Self::Changed
            | Self::Cut { .. }
            | Self::OtherLog { .. }
            | Self::KeyReused
            | Self::NotKept => None,
        }
    }

    /// What the log says of it: nothing of what was sent.
    pub fn for_log(&self) -> Option<String> {
        match self {
            Self::Plain(error) => error.for_log(),
            Self::Scim(_) => None,
            Self::OfScim
            | Self::NoUser
            | Self::TakesNoSignals
            | Self::Changed
            | Self::Cut { .. }
            | Self::OtherLog { .. }
            | Self::Crowded
            | Self::KeyReused
            | Self::InFlight
            | Self::NotKept
            | Self::NoRoomForKeys { .. } => Some(self.to_string()),
        }
    }
}

impl From<StoreError> for DirectoryError {
    fn from(error: StoreError) -> Self {
        Self::Plain(error.into())
    }
}
