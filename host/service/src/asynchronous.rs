//! Requests that are answered at once and carried out afterwards: `Prefer: respond-async` (RFC 9967 §2.5.1.1, RFC 7240 §4.1).
//!
//! What is accepted is two tasks of the tenant's queue `async`, one behind the other in one lane: the *request*, which is carried out by the
//! ordinary use cases (`carry.rs`), and the *response*, which keeps what came of it and tells those who take `async.response` (`response.rs`).
//! However the request ends, parked or cancelled too, the response is the next in its lane: whoever was told 202 is told the rest. The body
//! stands apart from them (`body.rs`), sealed, and is gone with the answer. `before.rs` finds what an attempt that was cut short has done.

mod accepting;
mod before;
mod body;
mod carry;
mod response;

use muster_model::{
    Actor, Field, FieldValue, NewTask, Queue, ResourceId, ResourceType, StreamRow, Task, TenantRow, WebhookRow,
};
use muster_protocol::{normalise, patch};
use muster_store::{MAX_TASKS_A_PAGE, Outbox};
use serde_json::Value;

use crate::authenticate::Caller;
use crate::bulk;
use crate::events::ASYNC_RESPONSE;
use crate::streams::{Told, told_by};
use crate::{ScimError, Service};

pub(crate) use accepting::Accepting;
pub(crate) use before::Before;
pub use response::{Later, MAX_ANSWER_BYTES};
pub(crate) use response::{Untold, is_answer};

/// How many requests of one tenant can wait to be carried out; one more is told 503. Each is two tasks, and one call finds all of them.
pub const MAX_ASYNC_WAITING: u64 = 500;

/// How long the body of a request can be that is accepted, in bytes; a longer one is carried out at once.
pub const MAX_ASYNC_BODY_BYTES: usize = 1 << 20;

/// How long the bodies of one tenant's requests that wait can be together, in bytes; beyond that the next one is told 503.
pub const MAX_ASYNC_KEPT_BYTES: u64 = 16 << 20;

/// The name of the preference (RFC 7240 §4.1).
pub const RESPOND_ASYNC: &str = "respond-async";

/// What the two tasks of a request are called.
const REQUEST: &str = "request";
const RESPONSE: &str = "response";

/// All bulk requests of a tenant are of one lane: each can be about anything, so they go in their order.
const BULK_LANE: ResourceId = ResourceId::from_bytes([0; 16]);

/// A write whose client does not wait for it.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// POST
    Create(&'a ResourceType, &'a Value),
    /// PUT
    Replace(&'a ResourceType, &'a str, &'a Value),
    /// PATCH
    Patch(&'a ResourceType, &'a str, &'a Value),
    /// DELETE
    Delete(&'a ResourceType, &'a str),
    /// POST of many
    Bulk(&'a Value),
}

/// A request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the events that tell of it are known by.
    pub txn: String,
    /// Where it is told how it stands.
    pub location: String,
}

/// Whether a tenant's requests are accepted for later: somebody is to be told what comes of them, and names that among what is told. A
/// webhook that takes everything has not asked for it.
pub(crate) fn takes_async(row: &TenantRow) -> bool {
    let names = |webhook: &WebhookRow| webhook.is_on && webhook.events.iter().any(|event| event == ASYNC_RESPONSE);
    let tells = |stream: &StreamRow| stream.is_on && told_by(stream).contains(&Told::AsyncResponse);
    row.delivery.webhooks.iter().any(names) || row.delivery.events.streams.iter().any(tells)
}

impl<'a> Asked<'a> {
    const fn method(self) -> &'static str {
        match self {
            Self::Create(..) | Self::Bulk(_) => "POST",
            Self::Replace(..) => "PUT",
            Self::Patch(..) => "PATCH",
            Self::Delete(..) => "DELETE",
        }
    }

    const fn body(self) -> Option<&'a Value> {
        match self {
            Self::Create(_, body) | Self::Replace(_, _, body) | Self::Patch(_, _, body) | Self::Bulk(body) => {
                Some(body)
            }
            Self::Delete(..) => None,
        }
    }

    /// Whether it can wait: what it is about is known now, and will be found again by that.
    fn can_wait(self, caller: &Caller) -> bool {
        match self {
            Self::Create(..) | Self::Bulk(_) => true,
            // Where a PUT to nobody creates, what it makes has an id of its own.
            Self::Replace(_, id, _) => !caller.bound.settings.users_put_creates && ResourceId::parse(id).is_some(),
            Self::Patch(_, id, _) | Self::Delete(_, id) => ResourceId::parse(id).is_some(),
        }
    }

    /// Refuses what no later time would make right: the client is told at once, as ever.
    fn check(self, caller: &Caller) -> Result<(), ScimError> {
        match self {
            Self::Create(kind, body) => {
                normalise::create(caller.bound.accepted(kind)?, &caller.bound.profile, body.clone())?;
            }
            Self::Patch(_, _, body) => {
                patch::parse(body.clone())?;
            }
            Self::Bulk(body) => {
                bulk::request(caller, body.clone())?;
            }
            Self::Replace(..) | Self::Delete(..) => {}
        }
        Ok(())
    }

    /// The resource in whose lane it stands, and the path that it is sent to.
    fn place(self, caller: &Caller, txn: ResourceId) -> Result<(ResourceType, ResourceId, String), ScimError> {
        let of = |kind: &ResourceType, id: Option<&str>| {
            let endpoint = &caller.bound.accepted(kind)?.endpoint;
            let path = id.map_or_else(|| endpoint.clone(), |id| format!("{endpoint}/{id}"));
            let id = id.and_then(ResourceId::parse).unwrap_or_else(|| before::new_id(txn, 0));
            Ok((kind.clone(), id, path))
        };
        match self {
            Self::Create(kind, _) => of(kind, None),
            Self::Replace(kind, id, _) | Self::Patch(kind, id, _) | Self::Delete(kind, id) => of(kind, Some(id)),
            Self::Bulk(_) => Ok((ResourceType::new("Bulk"), BULK_LANE, "/Bulk".to_owned())),
        }
    }
}

impl Service {
    /// Accepts a write for later, durably. `None`: it is to be carried out now, because its tenant tells nobody what comes of such requests,
    /// or because it cannot wait; a preference may be ignored (RFC 7240 §2).
    ///
    /// What no store is needed for is refused here: what is accepted can fail only by what is stored, or by the plugin. `if_match` is what
    /// the header says.
    pub async fn accept(
        &self,
        caller: &Caller,
        asked: Asked<'_>,
        if_match: Option<&str>,
    ) -> Result<Option<Accepted>, ScimError> {
        let tenant = &caller.tenant.id;
        let Actor::Token(token) = &caller.actor else { return Ok(None) };
        if !self.tenants.view().row(tenant).is_some_and(takes_async) || !asked.can_wait(caller) {
            return Ok(None);
        }
        let body =
            asked.body().map(serde_json::to_vec).transpose().map_err(|error| ScimError::Internal(error.into()))?;
        let body = body.unwrap_or_default();
        if body.len() > MAX_ASYNC_BODY_BYTES {
            return Ok(None);
        }
        asked.check(caller)?;

        // Whoever is to be told has more to take than it takes: nothing is accepted for later until that is otherwise.
        if !self.full_of(tenant).await?.is_empty() {
            return Ok(None);
        }
        let outbox = self.parts.store.outbox(tenant);
        let begun = self.accepting.begin(tenant);
        // Each is two tasks.
        if waiting(outbox.as_ref()).await? + 2 * begun.together > 2 * MAX_ASYNC_WAITING {
            return Err(ScimError::Overloaded);
        }
        let txn = self.parts.ids.next();
        let (resource_type, id, path) = asked.place(caller, txn)?;
        let since = self.parts.store.log_keeper(tenant).status().await?.last;
        let text = |name: &str, value: &str| Field { name: name.to_owned(), value: FieldValue::Text(value.to_owned()) };
        let number = |name: &str, value: u64| Field {
            name: name.to_owned(),
            value: FieldValue::Integer(i64::try_from(value).unwrap_or(i64::MAX)),
        };
        let mut arguments = vec![
            text("txn", &txn.to_string()),
            text("method", asked.method()),
            text("path", &path),
            text("token", &token.0),
            text("base", &caller.base),
            number("since", since),
            number("bytes", u64::try_from(body.len()).unwrap_or(u64::MAX)),
        ];
        arguments.extend(if_match.map(|tags| text("if-match", tags)));
        let task = |action: &str, arguments| NewTask {
            resource_type: resource_type.clone(),
            id,
            idempotency_key: key(action, txn),
            action: action.to_owned(),
            arguments,
            destructive: false,
            plugin: caller.bound.plugin.digest(),
            queue: queue(),
        };
        let tasks = vec![task(REQUEST, arguments), task(RESPONSE, vec![text("txn", &txn.to_string())])];

        // Nobody carries it out before it is all there; if this is cut short, nobody ever does.
        let _writing = self.accepting.writing().await;
        outbox.announce(caller.now, tasks).await?;
        drop(begun);
        self.keep_body(tenant, txn, &body).await?;
        let lane = outbox.lanes_of(id, MAX_TASKS_A_PAGE).await?;
        let own = key(RESPONSE, txn);
        let seq = lane.iter().find(|(task, _)| task.task.idempotency_key == own).map(|(task, _)| task.seq);
        let Some(seq) = seq else { return Err(ScimError::Contended) };
        Ok(Some(Accepted { txn: txn.to_string(), location: format!("{}/.async/{seq}-{txn}", caller.base) }))
    }
}

/// How many tasks of such requests wait.
async fn waiting(outbox: &dyn Outbox) -> Result<u64, ScimError> {
    let own = queue();
    let counts = outbox.counts().await?;
    Ok(counts.iter().filter(|(queue, standing, _)| *queue == own && standing.blocks()).map(|(_, _, count)| count).sum())
}

/// The queue of requests that are carried out later.
fn queue() -> Queue {
    Queue::requests()
}

fn key(action: &str, txn: ResourceId) -> String {
    format!("{action}-{txn}")
}

/// An argument that is a text.
fn text<'t>(task: &'t Task, name: &str) -> Option<&'t str> {
    match &task.task.arguments.iter().find(|field| field.name == name)?.value {
        FieldValue::Text(text) => Some(text),
        FieldValue::Boolean(_) | FieldValue::Integer(_) | FieldValue::Decimal(_) | FieldValue::Json(_) => None,
    }
}

/// An argument that is a number.
fn number(task: &Task, name: &str) -> Option<u64> {
    match &task.task.arguments.iter().find(|field| field.name == name)?.value {
        FieldValue::Integer(number) => u64::try_from(*number).ok(),
        FieldValue::Boolean(_) | FieldValue::Text(_) | FieldValue::Decimal(_) | FieldValue::Json(_) => None,
    }
}

fn txn(task: &Task) -> Option<ResourceId> {
    text(task, "txn").and_then(ResourceId::parse)
}
