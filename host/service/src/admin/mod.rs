//! What operators do: tenants, tokens, plugins, bindings. The CLI uses nothing else.

mod accounts;
mod backups;
mod bindings;
mod brake;
mod configurations;
mod deprovision;
mod grants;
mod log;
mod manifest;
mod moving;
mod plugins;
mod receiver_url;
mod records;
mod retention;
mod scim;
mod secrets;
mod streams;
mod tasks;
mod tenants;
mod tokens;
mod webhooks;

use std::sync::Arc;

use muster_model::{TenantId, TenantRow};
use muster_plugin::Manifest;
use muster_store::StoreError;

pub use accounts::{AccountsView, MAX_ACCOUNTS_A_PAGE, StateView, WhichAccounts};
pub use backups::{BackupView, MAX_BACKUP_NAME_BYTES, NewBackup};
pub(crate) use bindings::Hidden;
pub use bindings::RollbackView;
pub use brake::{
    BRAKE_WINDOW_S, BrakeHeld, BrakeRelief, MAX_HELD_A_PAGE, MAX_RELIEVED_AT_ONCE, NewBrake, NewRelief, Resume,
};
pub use deprovision::{
    DeprovisionAsked, DeprovisionsAsked, DeprovisionsThat, MAX_DEPROVISIONS_A_PAGE, MAX_DEPROVISIONS_LOOKED_AT,
    MAX_ENTRIES_GONE_THROUGH, MAX_HISTORY_GONE_THROUGH, NewTarget,
};
pub use grants::{GrantView, NewGrant, WantView, WantsView, Withdrawal};
pub(crate) use manifest::role_names;
pub use manifest::{ManifestView, ResourceView, WantedView};
pub use moving::{
    ExportView, ImportView, MAX_EXPORTS, MAX_IMPORTS, MAX_ITEMS_A_LOAD, MAX_LOAD_BYTES, NewExport, NewImport,
};
pub(crate) use plugins::blocking;
pub use plugins::{
    KeyView, ListedView, MAX_CLAIM_BYTES, MAX_KEY_NAME_BYTES, MAX_REFERENCE_BYTES, NewKey, NewOwner, NewPlugin,
    OwnerView, PluginView, PushedView, SignaturePolicy, Standing,
};
pub use receiver_url::MAX_RECEIVER_URL_BYTES;
pub use records::AccountView;
pub use retention::{LogDays, MAX_REQUESTS_MIB, MAX_RETENTION_DAYS, NewRetention};
pub use scim::{NewScimSettings, ScimSettingsView};
pub use secrets::{GoneSecret, NewSecret, SecretView, SecretsView};
pub use streams::{
    MAX_AUDIENCE_BYTES, MAX_AUDIENCES, MAX_STATE_BYTES, MAX_STREAM_OVERLAP_H, NewOverlap, NewStream,
    NewVerificationToken, PollTokenView, STREAM_OVERLAP_H, StreamChange, StreamKeyView, StreamView, StreamsView,
};
pub use tasks::{
    MAX_CHANGES_LOOKED_AT, MAX_DECIDED_AT_ONCE, MAX_DECISIONS_TOLD, MAX_TASKS_LOOKED_AT, NewDecision, NewDecisions,
    TasksAsked, Verdict,
};
pub use tenants::{NewTenant, TenantView};
pub use tokens::{IssuedToken, NewToken, TokenView};
pub use webhooks::{
    DeliveriesAsked, KeyOfWebhook, MAX_WEBHOOK_BATCH, MAX_WEBHOOK_EVENTS, MAX_WEBHOOK_KEYS, MAX_WEBHOOK_OVERLAP_H,
    NewWebhook, WebhookChange, WebhookRotation, WebhookView, WebhooksView,
};

use crate::binding::Bound;
use crate::grants::missing;
use crate::judge::{self, Judge};
use crate::tenants::Tenant;
use crate::{AdminError, Jobs, Parts, Service};

/// Says what a plugin wants and nobody has granted: it was bound before that was asked, or what it had was withdrawn.
fn tell_ungranted(row: &TenantRow, manifest: &Manifest) {
    let missing: Vec<String> = missing(manifest, &row.grants).iter().map(|wanted| wanted.want.to_string()).collect();
    if !missing.is_empty() {
        tracing::warn!(
            tenant.id = %row.id, plugin.name = %manifest.name, wants = %missing.join(", "),
            "the plugin of a tenant wants what was not granted; it maps all the same, and is not let out (`muster tenant wants`)"
        );
    }
}

impl Service {
    /// Reads tenants, tokens and bindings, and loads the plugins that are bound. A plugin that does not load leaves its tenants at 503, and
    /// every other tenant served.
    pub async fn start(parts: Parts) -> Result<Self, AdminError> {
        let jobs = Jobs::new(parts.clock.clone(), parts.ids.clone());
        moving::tidy(&parts.data);
        let rows = parts.store.tenants().await?;
        let seen = judge::last_seen(parts.store.as_ref(), &rows).await?;
        let shortest_days = rows.iter().filter_map(|row| row.retention.log_days).min();
        let judge = Judge::new(parts.clock.clone(), seen, shortest_days);
        let service = Self {
            parts,
            judge,
            jobs,
            stopping: tokio::sync::watch::Sender::new(false),
            accepting: crate::asynchronous::Accepting::default(),
            untold: crate::asynchronous::Untold::default(),
            in_flight: crate::directory::InFlight::default(),
            waiting_products: crate::directory::WaitingProducts::default(),
            bells: crate::events::Bells::default(),
            origin: std::sync::OnceLock::new(),
            polls: crate::streams::Polls::default(),
            tenants: crate::tenants::Tenants::default(),
            loaded: std::sync::Mutex::default(),
            schemas: Arc::default(),
            backing_up: Arc::default(),
            administration: tokio::sync::Mutex::new(()),
            exporting: Arc::default(),
            loading: tokio::sync::Mutex::new(()),
            brakes: crate::brake::Brakes::default(),
            rollouts: crate::rollout::Workers::default(),
            deprovisions: crate::deprovision::Watch::default(),
        };
        let tokens = service.parts.store.tokens().await?;
        let mut tenants = Vec::with_capacity(rows.len());
        for row in rows {
            let bound = match service.bound(&row).await {
                Ok(bound) => {
                    tell_ungranted(&row, bound.plugin.manifest());
                    Some(bound.begun_at_start())
                }
                Err(error) => {
                    tracing::error!(tenant.id = %row.id, plugin.digest = %row.binding.plugin, %error, "the plugin of a tenant cannot be loaded; its requests will be answered 503");
                    None
                }
            };
            let tenant = service.tenant(&row.id, bound);
            tenants.push((row, tenant));
        }
        service.tenants.change(|view| {
            for (row, tenant) in tenants {
                view.put_tenant(row, tenant);
            }
            for token in tokens {
                view.put_token(token);
            }
        });
        service.restore_canaries().await?;
        // A clock that is not believed has been told of, and is asked again before anything is removed.
        let _ = service.removal_time();
        service.tell_untrusted().await?;
        Ok(service)
    }

    pub(crate) fn tenant(&self, id: &TenantId, bound: Option<Bound>) -> Arc<Tenant> {
        let directory = self.parts.store.directory(id);
        let requests = self.parts.requests.clone();
        Arc::new(Tenant::new(id.clone(), directory, requests, self.parts.limits.requests_per_second, bound))
    }

    /// Whether any token was ever issued.
    pub fn has_tokens(&self) -> bool {
        self.tenants.view().tokens().next().is_some()
    }

    /// Whether requests can be expected to be answered.
    pub fn ready(&self) -> Result<(), StoreError> {
        self.parts.store.ready()
    }

    /// Ends what only waits: readers of a log's end, and the upkeep between two rounds.
    pub fn stop_waiting(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) async fn told_to_stop(&self) {
        // The sender lives as long as the service that is waited on.
        let _ = self.stopping.subscribe().wait_for(|stop| *stop).await;
    }

    /// Finishes what was accepted and lets the store go.
    pub async fn close(&self) {
        self.parts.store.close().await;
        self.parts.requests.close().await;
    }
}
