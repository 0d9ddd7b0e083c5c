//! The words of Muster as types (see the table of words in the README).
//!
//! Start with [`Record`], which is what a store keeps, and [`Change`], which is what the log keeps of every write.

#![deny(missing_docs)]

mod account;
mod brake;
mod change;
mod clock;
mod digest;
mod grants;
mod ids;
mod key;
mod plugin;
mod receiver;
mod record;
mod rollout;
mod seal;
mod secret;
mod stream;
mod task;
mod tenant;
mod token;
mod webhook;

pub use account::{Account, AccountKey, Field, FieldValue};
pub use brake::{Brake, BrakeSettings, Cancelled, DeprovisionSettings, Engaged, MAX_CANCELLED_RANGES};
pub use change::{Actor, Change, Event, LogEntry, Snapshot};
pub use clock::{Clock, FixedClock, SystemClock};
pub use digest::HexDigest;
pub use grants::{Grant, InvalidOrigin, InvalidSecretName, MAX_GRANTS_A_TENANT, Origin, SecretName, Want};
pub use ids::{IdSource, OrderedIds, RequestId, ResourceId, ResourceType};
pub use key::{
    MAX_OWNED_NAMES, MAX_TRUSTED_KEYS, OwnedName, PluginSignature, PublicKey, SignatureBytes, Trust, TrustedKey,
};
pub use muster_protocol::time::Timestamp;
pub use plugin::{PluginDigest, PluginOrigin, PluginRow};
pub use receiver::{DeliverySettings, Following, InvalidReceiverName, Receiver, ReceiverKind, ReceiverName};
pub use record::{IndexEntry, Key, Record, Version};
pub use rollout::{
    CanaryTrial, Cursor, Rollout, RolloutId, RolloutState, ShadowTrial, Step, StepName, StepState, Trials, WatchBudget,
};
pub use seal::{LogHash, Seal};
pub use secret::{MAX_SEALED_BYTES, MAX_SECRETS_A_TENANT, SealedKey, SecretRow};
pub use stream::{
    MAX_POLL_TOKENS, MAX_STREAM_KEYS, MAX_STREAMS_A_TENANT, Method, PollToken, StreamRow, StreamSettings,
};
pub use task::{Attempt, Decision, InvalidQueue, MAX_ATTEMPTS_TOLD, NewTask, Progress, Queue, Standing, Task};
pub use tenant::{
    Binding, InvalidTenantId, OnPluginFailure, RequestValues, Retention, ScimSettings, TenantId, TenantRow,
};
pub use token::{Token, TokenHash, TokenId, TokenKey, TokenRow};
pub use webhook::{MAX_WEBHOOKS_A_TENANT, Payload, WebhookRow};
