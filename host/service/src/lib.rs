//! The use cases: what Muster does, without a wire, a store engine or a plugin runtime named.
//!
//! [`Service`] is all of it; [`Caller`] is who asks, and can only be had from [`Service::authenticate`]. Read `create.rs` first: it is the
//! heart, and the others follow its order (normalise, map, plan, commit).

mod admin;
mod asynchronous;
mod authenticate;
mod binding;
mod brake;
mod breaker;
mod bulk;
mod calling;
pub mod cases;
mod create;
mod cursor;
mod delete;
mod deprovision;
mod difference;
mod directory;
mod discovery;
mod error;
mod events;
mod expected;
mod feed;
mod figures;
mod gauges;
mod get;
mod given_back;
mod grants;
mod history;
mod jobs;
mod judge;
mod list;
mod mapped;
mod me;
mod meets;
mod members;
mod patch;
mod perform;
mod plugin_log;
mod refused;
mod render;
mod replace;
mod reply;
mod retry;
mod rollout;
mod schemas;
mod search;
mod secrets;
mod settings;
pub mod signing;
mod standard;
mod streams;
mod tenants;
mod trail;
mod trial;
mod undo;
mod upkeep;
mod verify;
mod webhooks;
pub mod words;

use std::path::PathBuf;
use std::sync::Arc;

use muster_model::{Clock, IdSource, TokenKey};
use muster_outbound::Sender;
use muster_plugin::PluginHost;
use muster_store::Store;
use muster_store::request_log::RequestLog;

pub use admin::{
    AccountView, AccountsView, BRAKE_WINDOW_S, BackupView, BrakeHeld, BrakeRelief, DeliveriesAsked, DeprovisionAsked,
    DeprovisionsAsked, DeprovisionsThat, ExportView, GoneSecret, GrantView, ImportView, IssuedToken, KeyOfWebhook,
    KeyView, ListedView, LogDays, MAX_ACCOUNTS_A_PAGE, MAX_BACKUP_NAME_BYTES, MAX_CHANGES_LOOKED_AT, MAX_CLAIM_BYTES,
    MAX_DECIDED_AT_ONCE, MAX_DECISIONS_TOLD, MAX_DEPROVISIONS_A_PAGE, MAX_DEPROVISIONS_LOOKED_AT,
    MAX_ENTRIES_GONE_THROUGH, MAX_EXPORTS, MAX_HELD_A_PAGE, MAX_HISTORY_GONE_THROUGH, MAX_IMPORTS, MAX_ITEMS_A_LOAD,
    MAX_KEY_NAME_BYTES, MAX_LOAD_BYTES, MAX_RECEIVER_URL_BYTES, MAX_REFERENCE_BYTES, MAX_RELIEVED_AT_ONCE,
    MAX_REQUESTS_MIB, MAX_RETENTION_DAYS, MAX_TASKS_LOOKED_AT, MAX_WEBHOOK_BATCH, MAX_WEBHOOK_EVENTS, MAX_WEBHOOK_KEYS,
    MAX_WEBHOOK_OVERLAP_H, ManifestView, NewBackup, NewBrake, NewDecision, NewDecisions, NewExport, NewGrant,
    NewImport, NewKey, NewOwner, NewPlugin, NewRelief, NewRetention, NewScimSettings, NewSecret, NewTarget, NewTenant,
    NewToken, NewWebhook, OwnerView, PluginView, PushedView, ResourceView, Resume, RollbackView, ScimSettingsView,
    SecretView, SecretsView, SignaturePolicy, Standing, StateView, TasksAsked, TenantView, TokenView, Verdict,
    WantView, WantedView, WantsView, WebhookChange, WebhookRotation, WebhookView, WebhooksView, WhichAccounts,
    Withdrawal,
};
pub use admin::{
    MAX_AUDIENCE_BYTES, MAX_AUDIENCES, MAX_STATE_BYTES, MAX_STREAM_OVERLAP_H, NewOverlap, NewStream,
    NewVerificationToken, PollTokenView, STREAM_OVERLAP_H, StreamChange, StreamKeyView, StreamView, StreamsView,
};
pub use asynchronous::{
    Accepted, Asked, Later, MAX_ANSWER_BYTES, MAX_ASYNC_BODY_BYTES, MAX_ASYNC_KEPT_BYTES, MAX_ASYNC_WAITING,
    RESPOND_ASYNC,
};
pub use authenticate::{Caller, Mount, Principal, Subject};
pub use binding::Bound;
pub use brake::{MAX_BRAKE_COUNTED, MAX_ENTRIES_A_LOOK, MAX_ENTRIES_OF_A_LOSS, MAX_WAITING_LOOKED_AT};
pub use breaker::{BREAKER_MIN_FAILURES, BREAKER_PAUSE, BREAKER_SHARE_PERCENT, BREAKER_WINDOW};
pub use cursor::MAX_CURSOR_BYTES;
pub use deprovision::{
    DEPROVISION_INTERVAL, EVIDENCE_VERSION, Evidence, EvidenceChain, EvidenceError, EvidenceLink, MAX_CHECKED_A_ROUND,
    MAX_EVIDENCE_BYTES, MAX_TARGET_S, MAX_TOLD_A_ROUND, MAX_WATCHED_A_TENANT, MAX_WATCHED_TENANTS_TOLD, Proven,
};
pub use directory::{
    AccountsAsked, ChangesAsked, DirectoryError, IDEMPOTENCY_KEPT, KeptAnswer, KeyedRequest, LOCAL_QUOTA_BYTES, Local,
    MAX_ACCOUNTS_LOOKED_AT, MAX_CHANGES_A_PAGE, MAX_CHANGES_WAIT_S, MAX_CHANGES_WAITING, MAX_IDEMPOTENCY_KEY_BYTES,
    MAX_IDEMPOTENCY_KEYS, MAX_KEPT_ANSWER_BYTES, MAX_LOCAL_BYTES, MAX_LOCAL_NAME_BYTES, MAX_LOCAL_NAMES,
    MAX_MEMBERS_A_PAGE, MAX_SIGNAL_NAME_BYTES, MAX_SIGNAL_PAYLOAD_BYTES, NewSignal,
};
pub use error::{AdminError, ScimError, Wire};
pub use events::{
    ANNOUNCEMENTS, ASYNC_RESPONSE, Announcement, BRAKE_ENGAGED, BRAKE_RELEASED, DEPROVISION_OVERDUE, LOG_GAP,
    MAX_ANNOUNCED_WAITING, Ring, STREAM_VERIFICATION, TEST_PING, Wake, event_name, event_names,
};
pub use expected::{Expected, Tags};
pub use feed::{MAX_ENTRIES_A_PAGE, MAX_WAIT_S};
pub use grants::{Missing, NewGrants};
pub use history::{
    MAX_ENTRIES_WALKED, MAX_HISTORY_A_PAGE, MAX_MEMBERS_SHOWN, MAX_MEMBERS_THEN, MAX_MEMBERSHIPS_WALKED,
    MAX_VALUE_SHOWN_BYTES,
};
pub use jobs::{JobId, JobState, JobView, Jobs, MAX_ENDED_JOBS, MAX_RUNNING_JOBS, Progress};
pub use judge::{CLOCK_KEPT_EVERY, CLOCK_LEAP, CLOCK_LEAP_AT_START, LEAP_PAUSE};
pub use perform::{MAX_NOTES_TOLD, MAX_PUT_OFF, STATE_QUOTA_BYTES, nobody_carries_out};
pub use plugin_log::{MAX_LINE_BYTES, MAX_LINE_BYTES_A_TENANT, MAX_LINES_A_PAGE, MAX_LINES_A_TENANT, PluginLines};
pub use reply::Reply;
pub use rollout::{
    MAX_CANARY_PERCENT, MAX_COUNTED, MAX_FAILURES, MAX_NEW_KEYS_COMPARED, MAX_REPLAY_S, MAX_ROLLOUTS_KEPT,
    MAX_SHADOW_WRITES, MAX_TAKEN, MAX_TOLD_OF_A_ROLLOUT, MAX_TRIAL_S, MAX_VALUE_TOLD_BYTES, MAX_WATCH_S,
    MAX_WRITTEN_WALKED, NewRollout, REMAPPED_AT_ONCE, Until, WORK_SHARE_PERCENT,
};
pub use secrets::{MAX_SECRET_BYTES, SecretsKey};
pub use settings::{GroupsRefused, HostSettings, UnknownMembers, WithoutMembers};
pub use streams::{
    LONG_POLL, MAX_ACKNOWLEDGED_AT_ONCE, MAX_CLAIMS_BYTES, MAX_POLL_BYTES, MAX_POLLED_BYTES, MAX_POLLS_WAITING,
    MAX_POLLS_WAITING_A_STREAM, MAX_PUSH_ANSWER_BYTES, MAX_SETS_A_POLL, POLL_LEASE, PUSH_TIMEOUT, PollError,
};
pub use tenants::Tenant;
pub use trail::{Answered, Head, Notes, RequestsAsked};
pub use trial::{SHADOW_QUEUE, SHADOW_QUEUE_BYTES};
pub use undo::{
    MAX_EXCHANGED, MAX_MEMBERSHIPS_AT_ONCE, MAX_ROWS_A_COMMIT, MAX_TOLD, MAX_UNDO_AT_ONCE, MAX_UNDO_ENTRIES,
    MAX_UNDO_MEMBERSHIPS, NewUndo, Undone,
};
pub use upkeep::{
    MAX_PRUNED_A_ROUND, MAX_PRUNED_AT_ONCE, MAX_SEALS_A_ROUND, SEAL_AFTER, SEAL_BLOCK, UPKEEP_INTERVAL, Upkeep,
};
pub use verify::{
    Broken, ExportedHead, Held, KeptNow, KeptThen, LogHead, MAX_VERIFIED_A_CALL, NewVerification, Verified, Verifier,
    verify,
};
pub use webhooks::{
    MAX_WEBHOOK_ANSWER_BYTES, MAX_WEBHOOK_ANSWER_TOLD, MAX_WEBHOOK_BODY_BYTES, MAX_WEBHOOK_MEMBERS, WEBHOOK_TIMEOUT,
};

/// Limits of the service, each with its unit.
#[derive(Debug, Clone)]
pub struct ServiceLimits {
    /// Requests per second that one tenant may make before it is told 429. Entra alone wants 25.
    pub requests_per_second: u32,
    /// How long a plugin may work for one request in all, in milliseconds: each member that a group gains or loses is a call.
    pub plugin_ms_per_request: u64,
    /// How many tasks may follow from one request.
    pub tasks_per_request: usize,
    /// How often a use case is run again because another write came between (a write is retried at once; it never waits).
    pub attempts: u32,
    /// Bytes of a request's body, as the wire reads them; `bulk.maxPayloadSize` announces it.
    pub body_bytes: usize,
    /// How long a client may take from one page to the next by cursor, in seconds; `pagination.cursorTimeout` announces it.
    pub cursor_timeout_s: u64,
    /// How long an attempt to carry out a request whose client does not wait may take, in seconds: as long as the dispatcher gives it.
    pub attempt_s: u64,
}

impl Default for ServiceLimits {
    fn default() -> Self {
        Self {
            requests_per_second: 20_000,
            plugin_ms_per_request: 1_000,
            tasks_per_request: 10_000,
            attempts: 32,
            body_bytes: 1 << 20,
            cursor_timeout_s: 3_600,
            attempt_s: 60,
        }
    }
}

/// What the service is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// The folder for copies of it.
    pub backups: PathBuf,
    /// Where requests are noted, apart from it.
    pub requests: Arc<dyn RequestLog>,
    /// Where plugins run.
    pub plugins: Arc<dyn PluginHost>,
    /// What they log: the same that `plugins` tells it to.
    pub plugin_lines: Arc<PluginLines>,
    /// Where empty stores come from, in which a candidate's own cases run; `None`: they are not run.
    pub scratch: Option<Arc<dyn cases::MakeScratch>>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where new ids come from.
    pub ids: Arc<dyn IdSource>,
    /// What token hashes are made with.
    pub token_key: TokenKey,
    /// What secrets of tenants are sealed with.
    pub secrets_key: SecretsKey,
    /// What lets webhooks and security event tokens out; `None`: nothing goes out.
    pub sender: Option<Sender>,
    /// The data folder: exports and backups stand in it, each in a folder of their own.
    pub data: PathBuf,
    /// How much of everything.
    pub limits: ServiceLimits,
    /// What is demanded of the plugins that are pushed and bound.
    pub signatures: SignaturePolicy,
}

/// Everything that Muster does.
#[derive(Debug)]
pub struct Service {
    parts: Parts,
    tenants: tenants::Tenants,
    /// Plugins that were loaded in this process, so that tenants share one compiled copy.
    loaded: std::sync::Mutex<std::collections::HashMap<muster_model::PluginDigest, Arc<dyn muster_plugin::Plugin>>>,
    /// What tenants serve, once for all that serve the same.
    schemas: Arc<schemas::Schemas>,
    /// One backup at a time: what is left of an interrupted one is removed by the next one of its name.
    backing_up: Arc<tokio::sync::Mutex<()>>,
    /// One change of tenants, tokens or bindings at a time in this process.
    administration: tokio::sync::Mutex<()>,
    /// Held by each export that is being written, so that they can be counted.
    exporting: Arc<()>,
    /// One change of what an import has brought at a time.
    loading: tokio::sync::Mutex<()>,
    /// What holds destructive tasks where too many lose their access.
    brakes: brake::Brakes,
    /// What runs aside.
    jobs: Jobs,
    /// What of it works on rollouts.
    rollouts: rollout::Workers,
    /// Whom to call when there is something to tell.
    bells: events::Bells,
    /// Whether the clock is believed.
    judge: judge::Judge,
    /// Whose access has not ended everywhere yet.
    deprovisions: deprovision::Watch,
    /// By which origin the server is reached.
    origin: std::sync::OnceLock<String>,
    /// Who waits for security event tokens.
    polls: streams::Polls,
    /// The requests that are being accepted for later.
    accepting: asynchronous::Accepting,
    /// Those that were answered in this process and were not told of yet.
    untold: asynchronous::Untold,
    /// The writes of the vendor's product that are being carried out.
    in_flight: directory::InFlight,
    /// How many of its requests wait for changes.
    waiting_products: directory::WaitingProducts,
    /// Becomes true when the server stops: nobody waits for news any longer.
    stopping: tokio::sync::watch::Sender<bool>,
}
