//! Who a tenant's events are told to by webhooks, and what they are signed with. What is sent is made in `crate::webhooks`.

mod checks;
mod deliveries;
mod view;

use std::fmt;

use muster_model::{
    Binding, MAX_WEBHOOKS_A_TENANT, Payload, Receiver, ReceiverKind, ReceiverName, SealedKey, TenantId, TenantRow,
    Timestamp, WebhookRow,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::webhooks::{WebhookKey, is_live, place};
use crate::{AdminError, Service};

pub(super) use checks::check_row;
pub use checks::{MAX_WEBHOOK_BATCH, MAX_WEBHOOK_EVENTS, MAX_WEBHOOK_OVERLAP_H};
pub use deliveries::DeliveriesAsked;
pub use view::{KeyOfWebhook, WebhookView, WebhooksView};

/// How many keys a webhook can have that sign at the same time.
pub const MAX_WEBHOOK_KEYS: usize = 4;

/// How long a key signs beside the one that takes its place, in hours, unless it is said otherwise.
const OVERLAP_H: u32 = 24;

/// A webhook that is to be added.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// Its name.
    pub name: String,
    /// Where it goes: https.
    pub url: String,
    /// The names of the events that go there; none: all.
    #[serde(default)]
    pub events: Vec<String>,
    /// How much an event says.
    #[serde(default)]
    pub payload: Payload,
    /// How many events one request has at most; 1, if it is not given: each has its own.
    #[serde(default)]
    pub batch: Option<u32>,
    /// Whether the brake holds what tells of an access that ended; it does, if it is not given.
    #[serde(default)]
    pub is_braked: Option<bool>,
    /// What it is signed with; one is made, if it is not given.
    #[serde(default)]
    pub key: Option<String>,
}

impl fmt::Debug for NewWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewWebhook").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is to be another way with a webhook; what is not given stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookChange {
    /// Where it goes.
    #[serde(default)]
    pub url: Option<String>,
    /// The names of the events that go there; none: all.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// How much an event says.
    #[serde(default)]
    pub payload: Option<Payload>,
    /// How many events one request has at most.
    #[serde(default)]
    pub batch: Option<u32>,
    /// Whether the brake holds what tells of an access that ended.
    #[serde(default)]
    pub is_braked: Option<bool>,
}

/// Another key for a webhook.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookRotation {
    /// For how many hours those before it go on signing beside it; 24, if it is not given; 0: not at all.
    #[serde(default)]
    pub overlap_h: Option<u32>,
    /// The key; one is made, if it is not given.
    #[serde(default)]
    pub key: Option<String>,
}

impl fmt::Debug for WebhookRotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRotation").field("overlap_h", &self.overlap_h).finish_non_exhaustive()
    }
}

impl Service {
    /// A tenant's webhooks, by name.
    pub async fn webhooks(&self, tenant: &str) -> Result<WebhooksView, AdminError> {
        let row = self.row(tenant)?;
        let counts = self.parts.store.outbox(&row.id).counts().await?;
        let webhooks = row.delivery.webhooks.iter();
        let webhooks = webhooks.map(|webhook| self.webhook_view(&row.id, webhook, &counts)).collect();
        Ok(WebhooksView { tenant: row.id, webhooks })
    }

    /// One of them.
    pub async fn show_webhook(&self, tenant: &str, name: &str) -> Result<WebhookView, AdminError> {
        let row = self.row(tenant)?;
        let counts = self.parts.store.outbox(&row.id).counts().await?;
        Ok(self.webhook_view(&row.id, found(&row, name)?, &counts))
    }

    /// Adds a webhook: what is committed from now on goes there. The answer has its key, which is not shown again.
    pub async fn add_webhook(&self, tenant: &str, new: NewWebhook) -> Result<WebhookView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let name = ReceiverName::parse(&new.name).map_err(|error| AdminError::Invalid(error.to_string()))?;
        if row.delivery.webhooks.iter().any(|webhook| webhook.name == name) {
            return Err(AdminError::Exists(format!("webhook {name} of tenant {}", row.id)));
        }
        if row.delivery.webhooks.len() >= MAX_WEBHOOKS_A_TENANT {
            let limit = MAX_WEBHOOKS_A_TENANT;
            let told = format!("tenant {} has {limit} webhooks, and there can be no more", row.id);
            return Err(AdminError::Invalid(told));
        }
        let mut webhook = WebhookRow {
            since: self.parts.store.log_keeper(&row.id).status().await?.last,
            created: self.parts.clock.now(),
            url: new.url,
            events: new.events,
            payload: new.payload,
            batch: new.batch.unwrap_or(1),
            is_braked: new.is_braked.unwrap_or(true),
            is_on: true,
            off_because: None,
            keys: Vec::new(),
            name,
        };
        self.check_webhook(&row.id, &mut webhook)?;
        let (key, sealed) = self.new_key(&row.id, &webhook.name, new.key.as_deref())?;
        webhook.keys.push(sealed);
        // What is left of an earlier one of this name, if its removal was interrupted.
        self.forget_receiver(&row.id, &receiver(&webhook.name)).await?;
        let name = webhook.name.clone();
        row.delivery.webhooks.push(webhook);
        row.delivery.webhooks.sort_by(|a, b| a.name.cmp(&b.name));
        let view = self.put_webhooks(row, &name, "added").await?;
        Ok(WebhookView { key: Some(key.shown()), ..view })
    }

    /// Changes a webhook, from the next attempt on.
    pub async fn set_webhook(
        &self,
        tenant: &str,
        name: &str,
        change: WebhookChange,
    ) -> Result<WebhookView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let mut webhook = found(&row, name)?.clone();
        let url = std::mem::take(&mut webhook.url);
        webhook.url = change.url.unwrap_or_else(|| url.clone());
        webhook.events = change.events.unwrap_or(webhook.events);
        webhook.payload = change.payload.unwrap_or(webhook.payload);
        webhook.batch = change.batch.unwrap_or(webhook.batch);
        webhook.is_braked = change.is_braked.unwrap_or(webhook.is_braked);
        self.check_webhook(&row.id, &mut webhook)?;
        let (id, name, is_another) = (row.id.clone(), webhook.name.clone(), webhook.url != url);
        *found_mut(&mut row, name.as_str())? = webhook;
        let view = self.put_webhooks(row, &name, "changed").await?;
        if is_another {
            self.lift_pause(&id, &receiver(&name).queue());
        }
        Ok(view)
    }

    /// Turns a webhook on or off. What is committed while it is off goes out when it is on again.
    pub async fn turn_webhook(&self, tenant: &str, name: &str, is_on: bool) -> Result<WebhookView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let webhook = found_mut(&mut row, name)?;
        webhook.is_on = is_on;
        webhook.off_because = None;
        let (name, id) = (webhook.name.clone(), row.id.clone());
        let view = self.put_webhooks(row, &name, if is_on { "turned on" } else { "turned off" }).await?;
        if is_on {
            self.lift_pause(&id, &receiver(&name).queue());
        }
        Ok(view)
    }

    /// Removes a webhook, and gives up what waits for it.
    pub async fn remove_webhook(&self, tenant: &str, name: &str) -> Result<Value, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let name = found(&row, name)?.name.clone();
        row.delivery.webhooks.retain(|webhook| webhook.name != name);
        let id = row.id.clone();
        self.put_row_of_webhooks(row, &name, "removed").await?;
        self.forget_receiver(&id, &receiver(&name)).await?;
        Ok(json!({ "tenant": id, "removed": name }))
    }

    /// Gives a webhook another key: those that it has go on signing beside it for a while, so that no receiver has to learn it at once. The
    /// answer has the key, which is not shown again.
    pub async fn rotate_webhook(
        &self,
        tenant: &str,
        name: &str,
        rotation: WebhookRotation,
    ) -> Result<WebhookView, AdminError> {
        let _one_at_a_time = self.administration.lock().await;
        let mut row = self.row(tenant)?;
        let (id, now) = (row.id.clone(), self.parts.clock.now());
        let until = checks::until(now, rotation.overlap_h.unwrap_or(OVERLAP_H))?;
        let webhook = found_mut(&mut row, name)?;
        let name = webhook.name.clone();
        let (key, sealed) = self.new_key(&id, &name, rotation.key.as_deref())?;
        for key in &mut webhook.keys {
            key.until = Some(key.until.map_or(until, |earlier| earlier.min(until)));
        }
        webhook.keys.retain(|key| is_live(key, now));
        if webhook.keys.len() >= MAX_WEBHOOK_KEYS {
            let told = format!(
                "webhook {name} has {MAX_WEBHOOK_KEYS} keys that sign: wait until one of them does not any more, or rotate with an overlap of 0"
            );
            return Err(AdminError::InUse(told));
        }
        webhook.keys.insert(0, sealed);
        let view = self.put_webhooks(row, &name, "given another key").await?;
        Ok(WebhookView { key: Some(key.shown()), ..view })
    }

    /// Sends a `test.ping` to a webhook, now, and tells what was answered. Nothing is kept of it.
    pub async fn test_webhook(&self, tenant: &str, name: &str) -> Result<Value, AdminError> {
        let row = self.row(tenant)?;
        let tried = self.try_webhook(&row.id, found(&row, name)?).await?;
        Ok(json!({
            "delivered": tried.failure.is_none(),
            "status": tried.status,
            "took_ms": tried.took_ms,
            "answer": tried.said,
            "failure": tried.failure,
        }))
    }

    /// A key, and as it is kept.
    fn new_key(
        &self,
        tenant: &TenantId,
        webhook: &ReceiverName,
        given: Option<&str>,
    ) -> Result<(WebhookKey, SealedKey), AdminError> {
        let key = match given {
            Some(given) => WebhookKey::parse(given).map_err(AdminError::Wrong)?,
            None => WebhookKey::random().map_err(AdminError::Entropy)?,
        };
        let mut id = [0; 4];
        getrandom::fill(&mut id).map_err(|error| AdminError::Entropy(error.to_string()))?;
        let id = hex::encode(id);
        let place = place(tenant, webhook.as_str(), &id);
        let sealed = self.parts.secrets_key.seal_at(&place, key.as_bytes()).map_err(AdminError::Entropy)?;
        Ok((key, SealedKey { id, sealed, at: self.parts.clock.now(), until: None }))
    }

    async fn put_webhooks(
        &self,
        row: TenantRow,
        name: &ReceiverName,
        what: &'static str,
    ) -> Result<WebhookView, AdminError> {
        let row = self.put_row_of_webhooks(row, name, what).await?;
        self.show_webhook(row.id.as_str(), name.as_str()).await
    }

    async fn put_row_of_webhooks(
        &self,
        row: TenantRow,
        name: &ReceiverName,
        what: &'static str,
    ) -> Result<TenantRow, AdminError> {
        let actual = row.binding.revision;
        let row = TenantRow { binding: Binding { revision: actual + 1, ..row.binding }, ..row };
        self.replace_row(&row, actual).await?;
        self.tenants.change(|view| view.put_row(row.clone()));
        self.receivers_changed(&row.id);
        tracing::info!(tenant.id = %row.id, webhook.name = %name, what, "a webhook changed");
        Ok(row)
    }
}

fn receiver(name: &ReceiverName) -> Receiver {
    Receiver { kind: ReceiverKind::Webhook, name: name.clone() }
}

fn missing(tenant: &TenantId, name: &str) -> AdminError {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(ReceiverName::MAX_BYTES).collect();
    AdminError::NotFound(format!("webhook {shown} of tenant {tenant}"))
}

fn found<'a>(row: &'a TenantRow, name: &str) -> Result<&'a WebhookRow, AdminError> {
    crate::webhooks::webhook(row, name).ok_or_else(|| missing(&row.id, name))
}

fn found_mut<'a>(row: &'a mut TenantRow, name: &str) -> Result<&'a mut WebhookRow, AdminError> {
    let missing = missing(&row.id, name);
    row.delivery.webhooks.iter_mut().find(|webhook| webhook.name.as_str() == name).ok_or(missing)
}

/// That much later.
fn later(now: Timestamp, hours: u32) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(i64::from(hours) * 3_600_000))
}
