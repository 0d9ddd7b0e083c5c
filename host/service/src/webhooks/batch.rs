//! Several events in one request: what else waits for the webhook goes along with the task whose turn it is.
//!
//! Only heads of lanes are leased, one of each resource, so what is in a batch has no order among itself, and what follows of the same
//! resource waits until the batch is settled. Whoever goes along has not been tried by it: if the request fails, the others go back to where
//! they were, and the one whose turn it was is tried alone from then on. So an event that the receiver refuses spoils no more than the first
//! attempt of others.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use muster_model::{Attempt, Task, TenantId, Timestamp, WebhookRow};
use muster_store::{Lease, Outbox, Settled};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::WEBHOOK_TIMEOUT;
use super::payload::{MAX_WEBHOOK_BODY_BYTES, Message};
use crate::Service;
use crate::given_back::GivenBack;

/// How much longer than the request the others are leased: time to settle them.
const LEASE_BEYOND: Duration = Duration::from_mins(1);

/// What goes out in one request: the event whose turn it is, and those that go along.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) body: Value,
    /// The attempt may be given up at any moment: then they go back.
    others: GivenBack,
}

impl Service {
    /// The event alone, or with others that wait.
    pub(super) async fn batch(
        &self,
        tenant: &TenantId,
        webhook: &WebhookRow,
        own: &Message,
        (task, attempt, now): (&Task, u32, Timestamp),
    ) -> Batch {
        let outbox = self.parts.store.outbox(tenant);
        if webhook.batch < 2 {
            let others = GivenBack::new(outbox, Vec::new());
            return Batch { id: own.id.clone(), body: own.shown(), others };
        }
        // Who has failed before might be the reason that it failed.
        let room = if attempt > 1 { 0 } else { usize::try_from(webhook.batch - 1).unwrap_or(0) };
        let until = later(now, WEBHOOK_TIMEOUT + LEASE_BEYOND);
        let leased = match room {
            0 => Vec::new(),
            // A store that does not answer now is no reason to wait: the event goes alone.
            room => outbox.lease(&task.task.queue, now, until, room).await.map(|it| it.tasks).unwrap_or_default(),
        };
        let mut others = GivenBack::new(outbox, leased);
        let mut events = Events::of(own);
        let mut along = HashSet::new();
        for lease in others.leases() {
            if self.goes_along(tenant, webhook, lease, &mut events).await {
                along.insert(lease.task.seq);
            }
        }
        others.split(|lease| !along.contains(&lease.task.seq)).now().await;
        let (id, body) = events.whole(now);
        Batch { id, body, others }
    }

    /// Whether one more goes along.
    async fn goes_along(&self, tenant: &TenantId, webhook: &WebhookRow, lease: &Lease, events: &mut Events) -> bool {
        if lease.progress.attempts > 0 || super::carry::is_of_another(webhook, &lease.task) {
            return false;
        }
        // As the dispatcher asks before the task whose turn it is. What is held, or cannot be told, is left to it.
        if self.brake_holds(tenant, &lease.task, &lease.progress).await.unwrap_or(true) {
            return false;
        }
        match self.message(tenant, webhook, &lease.task).await {
            Ok(message) => events.push(&message),
            Err(_) => false,
        }
    }
}

impl Batch {
    /// It has arrived: those that went along are done as well.
    pub(super) async fn arrived(mut self, outbox: Arc<dyn Outbox>, at: Timestamp, took_ms: u64) {
        let leases = self.others.take();
        // It goes on if the attempt is given up meanwhile: what has arrived is not to be sent again.
        let settling = tokio::spawn(async move {
            for lease in leases {
                let done = Settled::Done(Attempt { at, took_ms, failure: None });
                if let Err(error) = outbox.settle(&lease, done).await {
                    // It will be sent once more, under the id that the receiver knows.
                    tracing::warn!(task.seq = lease.task.seq, %error, "what came of a task that went along with a batch cannot be kept");
                }
            }
        });
        // It does not panic; and if it does, what is not settled is sent once more.
        let _ = settling.await;
    }

    /// It has not: those that went along have not been tried.
    pub(super) async fn failed(self) {
        self.others.now().await;
    }
}

/// What is told in one request.
#[derive(Debug)]
struct Events {
    ids: Vec<String>,
    shown: Vec<Value>,
    bytes: usize,
}

/// What stands around the events, in bytes, generously.
const AROUND_BYTES: usize = 512;

impl Events {
    fn of(own: &Message) -> Self {
        let shown = own.shown();
        let bytes = AROUND_BYTES + shown.to_string().len();
        Self { ids: vec![own.id.clone()], shown: vec![shown], bytes }
    }

    /// Whether there is room for one more.
    fn push(&mut self, message: &Message) -> bool {
        let shown = message.shown();
        let bytes = self.bytes + shown.to_string().len() + 1;
        if bytes > MAX_WEBHOOK_BODY_BYTES {
            return false;
        }
        self.bytes = bytes;
        self.ids.push(message.id.clone());
        self.shown.push(shown);
        true
    }

    /// The request's id and body. An event that goes alone has its own id; several have one that says which they are.
    fn whole(self, now: Timestamp) -> (String, Value) {
        let id = match self.ids.as_slice() {
            [own] => own.clone(),
            [own, ..] => {
                let digest = Sha256::digest(self.ids.join("\n"));
                let which = hex::encode(digest.get(..16).unwrap_or_default());
                format!("{own}_batch-{which}")
            }
            [] => String::new(),
        };
        let body = json!({ "id": id, "type": "batch", "timestamp": now.to_string(), "data": self.shown });
        (id, body)
    }
}

// A batch is never longer than a single event can be, but for what stands around it.
const _: () = assert!(MAX_WEBHOOK_BODY_BYTES + AROUND_BYTES < muster_outbound::MAX_REQUEST_BYTES);

fn later(at: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn message(number: u32, bytes: usize) -> Message {
        let data = Map::from_iter([("x".to_owned(), json!("a".repeat(bytes)))]);
        Message::new(format!("acme_crm_event-{number}"), "user.updated", Timestamp::from_millis(0), data)
    }

    #[test]
    fn a_batch_has_an_id_by_what_is_in_it_and_one_event_keeps_its_own() {
        let now = Timestamp::from_millis(0);
        let (alone, body) = Events::of(&message(1, 1)).whole(now);
        assert_eq!((alone.as_str(), &body["type"]), ("acme_crm_event-1", &json!("batch")));
        assert_eq!(body["data"][0]["id"], "acme_crm_event-1");
        let of = |numbers: &[u32]| {
            let mut events = Events::of(&message(1, 1));
            assert!(numbers.iter().all(|number| events.push(&message(*number, 1))));
            events.whole(now).0
        };
        assert!(of(&[2]).starts_with("acme_crm_event-1_batch-"));
        assert_eq!(of(&[2, 3]), of(&[2, 3]));
        assert_ne!(of(&[2, 3]), of(&[2, 4]));
        assert_ne!(of(&[2]), of(&[2, 3]));
    }

    #[test]
    fn a_batch_is_no_longer_than_a_body_may_be() {
        let mut events = Events::of(&message(0, 1_000));
        let fit = (1..1_000).take_while(|number| events.push(&message(*number, 1_000))).count();
        let (_, body) = events.whole(Timestamp::from_millis(0));
        let bytes = body.to_string().len();
        assert!(
            bytes <= MAX_WEBHOOK_BODY_BYTES && bytes > MAX_WEBHOOK_BODY_BYTES - 3_000,
            "{fit} events, {bytes} bytes"
        );
    }
}
