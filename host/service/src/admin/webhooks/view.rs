use std::collections::BTreeMap;

use muster_model::{Payload, Queue, ReceiverName, SealedKey, Standing, TenantId, WebhookRow};
use serde::Serialize;

use super::receiver;
use crate::Service;
use crate::webhooks::{is_live, open};

/// The webhooks of a tenant, without their keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WebhooksView {
    /// Whose.
    pub tenant: TenantId,
    /// By name.
    pub webhooks: Vec<WebhookView>,
}

/// One webhook.
#[derive(Clone, PartialEq, Serialize)]
pub struct WebhookView {
    /// Its name.
    pub name: ReceiverName,
    /// Where it goes.
    pub url: String,
    /// The names of the events that go there; none: all.
    pub events: Vec<String>,
    /// How much an event says.
    pub payload: Payload,
    /// How many events one request has at most.
    pub batch: u32,
    /// Whether the brake holds what tells of an access that ended.
    pub is_braked: bool,
    /// Whether anything goes there.
    pub is_on: bool,
    /// Why not, if it was not somebody's decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_because: Option<String>,
    /// The entry of the log behind which it begins.
    pub since: u64,
    /// When it was added.
    pub created: String,
    /// What it is signed with: the latest first.
    pub keys: Vec<KeyOfWebhook>,
    /// How many of its tasks stand where.
    pub tasks: BTreeMap<&'static str, u64>,
    /// The latest key: shown once, where it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// One key: all that is ever shown of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyOfWebhook {
    /// Which one.
    pub id: String,
    /// When it was made.
    pub at: String,
    /// Until when it signs; none: until another one takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whether it can be opened with this deployment's key; otherwise the webhook has to be given another.
    pub opens: bool,
}

impl std::fmt::Debug for WebhookView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookView").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Service {
    pub(super) fn webhook_view(
        &self,
        tenant: &TenantId,
        row: &WebhookRow,
        counts: &[(Queue, Standing, u64)],
    ) -> WebhookView {
        let (queue, now) = (receiver(&row.name).queue(), self.parts.clock.now());
        let key = |key: &SealedKey| KeyOfWebhook {
            id: key.id.clone(),
            at: key.at.to_string(),
            until: key.until.map(|until| until.to_string()),
            opens: open(&self.parts.secrets_key, tenant, row.name.as_str(), key).is_some(),
        };
        let own = counts.iter().filter(|(other, _, count)| *other == queue && *count > 0);
        WebhookView {
            name: row.name.clone(),
            url: row.url.clone(),
            events: row.events.clone(),
            payload: row.payload,
            batch: row.batch,
            is_braked: row.is_braked,
            is_on: row.is_on,
            off_because: row.off_because.clone(),
            since: row.since,
            created: row.created.to_string(),
            keys: row.keys.iter().filter(|key| is_live(key, now)).map(key).collect(),
            tasks: own.map(|(_, standing, count)| (standing.name(), *count)).collect(),
            key: None,
        }
    }
}
