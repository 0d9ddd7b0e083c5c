use muster_model::{Receiver, Task, TenantId, TenantRow, Timestamp, WebhookRow};
use muster_plugin::Outcome;

use super::payload::{Message, message_id};
use super::post::Posted;
use super::{Posting, Signer, webhook};
use crate::{AdminError, Service};

/// What an attempt at a webhook came to, beside what becomes of its task.
#[derive(Debug)]
pub(crate) struct Trial {
    /// The status; `None`: nobody answered.
    pub(crate) status: Option<u16>,
    /// How long it took, in milliseconds.
    pub(crate) took_ms: u64,
    /// What was answered, in one line.
    pub(crate) said: String,
    /// Why it is none that arrived; `None`: it did.
    pub(crate) failure: Option<String>,
}

impl Service {
    /// Tells a webhook of what its task follows from, once. `attempt` counts from 1.
    pub async fn carry_webhook(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Outcome {
        let again = |reason: String| Outcome::Again { reason, after: None };
        let (row, name) = match self.webhook_of(tenant, task) {
            Ok(found) => found,
            Err(reason) => return Outcome::Failed { reason },
        };
        if !row.is_on {
            return again(format!("the webhook {name} is off"));
        }
        if is_of_another(&row, task) {
            return Outcome::Failed { reason: format!("it was for another webhook {name}, which is removed") };
        }
        let (now, begun) = self.parts.clock.now_and_passed();
        let Some(signer) = Signer::of(&self.parts.secrets_key, tenant, &row, now) else {
            return again(unsigned(&row));
        };
        let message = match self.message(tenant, &row, task).await {
            Ok(message) => message,
            Err(error) => return again(format!("what it is about cannot be read: {error}")),
        };
        let batch = self.batch(tenant, &row, &message, (task, attempt, now)).await;
        let body = batch.body.to_string().into_bytes();
        let posting = Posting { url: &row.url, signer: &signer, id: &batch.id, body, now, is_curious: false };
        let posted = posting.send(self.parts.sender.as_ref()).await;

        let outcome = posted.as_ref().map_or_else(|reason| again(reason.clone()), Posted::outcome);
        if outcome == Outcome::Done {
            batch.arrived(self.parts.store.outbox(tenant), now, self.ms_since(begun)).await;
            return outcome;
        }
        batch.failed().await;
        if posted.is_ok_and(|posted| posted.is_gone()) {
            return self.turn_webhook_off(tenant, &row).await.unwrap_or(outcome);
        }
        outcome
    }

    /// Sends an event of no meaning to a webhook, whether it is on or off, and past whatever waits for it.
    pub(crate) async fn try_webhook(&self, tenant: &TenantId, row: &WebhookRow) -> Result<Trial, AdminError> {
        let (now, begun) = self.parts.clock.now_and_passed();
        let signer = Signer::of(&self.parts.secrets_key, tenant, row, now);
        let signer = signer.ok_or_else(|| AdminError::InUse(unsigned(row)))?;
        let id = message_id(tenant, row, &format!("ping-{}", self.parts.ids.next()));
        let data = [("tenant".to_owned(), tenant.as_str().into()), ("webhook".to_owned(), row.name.as_str().into())];
        let message = Message::new(id, "test.ping", now, data.into_iter().collect());
        let body = message.shown().to_string().into_bytes();
        let posting = Posting { url: &row.url, signer: &signer, id: &message.id, body, now, is_curious: true };
        let posted = posting.send(self.parts.sender.as_ref()).await;
        let took_ms = self.ms_since(begun);
        Ok(match posted {
            Ok(posted) => {
                let failure = match posted.outcome() {
                    Outcome::Done => None,
                    Outcome::Again { reason, .. } | Outcome::Failed { reason } => Some(reason),
                };
                Trial { status: Some(posted.status.as_u16()), took_ms, said: posted.said, failure }
            }
            Err(failure) => Trial { status: None, took_ms, said: String::new(), failure: Some(failure) },
        })
    }

    /// The webhook whose queue the task is in. `Err`: there is none any more.
    fn webhook_of(&self, tenant: &TenantId, task: &Task) -> Result<(WebhookRow, String), String> {
        let queue = &task.task.queue;
        let receiver = Receiver::of(queue).ok_or_else(|| format!("{queue} is the queue of no webhook"))?;
        let name = receiver.name.to_string();
        let view = self.tenants.view();
        let row = view.row(tenant).ok_or_else(|| "there is no such tenant any more".to_owned())?;
        let row = webhook(row, &name).ok_or_else(|| format!("there is no webhook {name} any more"))?;
        Ok((row.clone(), name))
    }

    /// The receiver has said that it wants nothing more (410): what waits for it waits until somebody turns it on again.
    async fn turn_webhook_off(&self, tenant: &TenantId, tried: &WebhookRow) -> Option<Outcome> {
        let _one_at_a_time = self.administration.lock().await;
        let row = self.tenants.view().row(tenant).cloned()?;
        let now = self.parts.clock.now();
        let row = turned_off(row, tried, now)?;
        // At the same revision: what an endpoint answers must not end a rollout that looked at the binding.
        if let Err(error) = self.parts.store.replace_tenant(&row, row.binding.revision).await {
            tracing::warn!(tenant.id = %tenant, webhook.name = %tried.name, %error, "a webhook that is gone cannot be turned off yet");
            return None;
        }
        self.tenants.change(|view| view.put_row(row));
        metrics::counter!("muster_webhooks_gone_total").increment(1);
        tracing::warn!(
            tenant.id = %tenant, webhook.name = %tried.name,
            "a webhook is turned off: its receiver has answered 410; what waits for it goes out when it is on again (`muster webhook on`)"
        );
        let reason = "it was answered 410: the receiver wants nothing more, and the webhook is off now".to_owned();
        Some(Outcome::Again { reason, after: None })
    }

    fn ms_since(&self, begun: std::time::Duration) -> u64 {
        let passed = self.parts.clock.now_and_passed().1.saturating_sub(begun);
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whether a task was planned for an earlier webhook of the same name.
pub(super) fn is_of_another(row: &WebhookRow, task: &Task) -> bool {
    match task.change {
        0 => task.at < row.created,
        change => change <= row.since,
    }
}

/// The tenant with the webhook off, unless it has become another one meanwhile.
fn turned_off(mut row: TenantRow, tried: &WebhookRow, now: Timestamp) -> Option<TenantRow> {
    let found = row.delivery.webhooks.iter_mut().find(|webhook| webhook.name == tried.name)?;
    let is_same = (&found.url, found.created, found.since) == (&tried.url, tried.created, tried.since);
    (is_same && found.is_on).then_some(())?;
    found.is_on = false;
    found.off_because = Some(format!("its receiver answered 410 on {now}"));
    Some(row)
}

fn unsigned(row: &WebhookRow) -> String {
    format!(
        "no key of the webhook {} can be used: they were sealed with another key than keys/secrets.key, or their time is over; rotate it",
        row.name
    )
}
