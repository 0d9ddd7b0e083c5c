use std::sync::Arc;

use muster_model::{
    Account, Event, Field, FieldValue, LogEntry, Payload, ResourceId, Snapshot, Task, TenantId, Timestamp, WebhookRow,
};
use muster_protocol::project::{Meta, Projection, render};
use muster_store::StoreError;
use serde_json::{Map, Value, json};

use super::MAX_WEBHOOK_MEMBERS;
use crate::Service;
use crate::binding::Bound;

/// How long the body of a webhook is, in bytes: an event whose full form is longer goes out in its thin one.
pub const MAX_WEBHOOK_BODY_BYTES: usize = 256 << 10;

/// One event, as it is told to one webhook.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// By which the receiver knows it: the same in each attempt, and in a batch. It has names in it that operators gave, and a number.
    pub(super) id: String,
    /// `user.deactivated`
    kind: String,
    /// When it happened.
    at: Timestamp,
    thin: Map<String, Value>,
    /// What the full form has beside that; `None`: it is not asked for, or there is nothing more.
    more: Option<Map<String, Value>>,
}

/// Why an event is told in its thin form to whom the full one was promised; as it is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ThinBecause {
    /// The entry of the log is not kept any more.
    Pruned,
    /// There would be too much of it.
    TooLarge,
    /// The plugin is not loaded, or its kind of resource is gone: which attributes may be shown is not known.
    Unreadable,
}

impl ThinBecause {
    const fn word(self) -> &'static str {
        match self {
            Self::Pruned => "pruned",
            Self::TooLarge => "too-large",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Service {
    /// What is told of a task: made now, of the entry of the log that it follows from, or of what it brings with it.
    pub(super) async fn message(
        &self,
        tenant: &TenantId,
        webhook: &WebhookRow,
        task: &Task,
    ) -> Result<Message, StoreError> {
        let new = &task.task;
        let id = message_id(tenant, webhook, &new.idempotency_key);
        let kind = new.action.clone();
        if task.change == 0 {
            let mut thin = fields(&new.arguments);
            thin.insert("tenant".to_owned(), json!(tenant));
            return Ok(Message { id, kind, at: task.at, thin, more: None });
        }
        let bound = self.tenants.view().tenant(tenant).and_then(|tenant| tenant.bound.load_full());
        let endpoint = bound.as_ref().and_then(|bound| bound.accepted(&new.resource_type).ok());
        let endpoint = endpoint.map(|def| def.endpoint.clone());
        let location = endpoint.map(|endpoint| format!("{}/scim/v2{endpoint}/{}", self.issuer(tenant), new.id));
        let about = json!({ "type": new.resource_type, "id": new.id, "location": location });
        let mut thin = Map::new();
        thin.insert("tenant".to_owned(), json!(tenant));
        thin.insert("seq".to_owned(), json!(task.change));

        let entries = self.parts.store.directory(tenant).log(task.change.saturating_sub(1), 1).await?;
        let Some(entry) = entries.into_iter().next().filter(|entry| entry.seq == task.change) else {
            thin.insert("event".to_owned(), json!(kind.split_once('.').map_or(kind.as_str(), |(_, event)| event)));
            thin.insert("resource".to_owned(), about);
            thin.insert("thin_because".to_owned(), json!(ThinBecause::Pruned.word()));
            return Ok(Message { id, kind, at: task.at, thin, more: None });
        };
        let change = &entry.change;
        thin.insert("request".to_owned(), json!(change.request));
        thin.insert("event".to_owned(), json!(change.event));
        thin.insert("resource".to_owned(), about);
        for (name, members) in [("members_added", &change.members_added), ("members_removed", &change.members_removed)]
        {
            if !members.is_empty() {
                thin.insert(name.to_owned(), counted(members));
            }
        }
        let more = match webhook.payload {
            Payload::Thin => None,
            Payload::Full => {
                let more = full(&entry, bound.as_ref(), location.as_deref());
                if more.is_none() {
                    thin.insert("thin_because".to_owned(), json!(ThinBecause::Unreadable.word()));
                }
                more
            }
        };
        Ok(Message { id, kind, at: change.at, thin, more })
    }
}

/// The id of an event, of whatever is told to this webhook under this key.
pub(super) fn message_id(tenant: &TenantId, webhook: &WebhookRow, key: &str) -> String {
    // None of the first two has an underscore.
    format!("{tenant}_{}_{key}", webhook.name)
}

/// How many members, and which: all of them or none, so that nobody takes some for all.
fn counted(members: &[ResourceId]) -> Value {
    match members.len() {
        count if count <= MAX_WEBHOOK_MEMBERS => json!({ "count": count, "ids": members }),
        count => json!({ "count": count }),
    }
}

/// What the full form has beside the thin one; `None`: what may be shown is not known.
fn full(entry: &LogEntry, bound: Option<&Arc<Bound>>, location: Option<&str>) -> Option<Map<String, Value>> {
    let change = &entry.change;
    let mut more = Map::new();
    let (name, side) = match change.event {
        Event::Deleted => ("before", &change.before),
        Event::Created
        | Event::Updated
        | Event::Deactivated
        | Event::Reactivated
        | Event::MemberAdded
        | Event::MemberRemoved
        | Event::Signalled => ("after", &change.after),
    };
    if let Some(side) = side {
        more.insert(name.to_owned(), shown(entry, side, bound?, location?)?);
    }
    for (name, members) in [("members_added", &change.members_added), ("members_removed", &change.members_removed)] {
        if !members.is_empty() {
            more.insert(name.to_owned(), json!({ "count": members.len(), "ids": members }));
        }
    }
    Some(more)
}

/// One side of a change, without what is never returned.
fn shown(entry: &LogEntry, side: &Snapshot, bound: &Bound, location: &str) -> Option<Value> {
    let change = &entry.change;
    let def = bound.accepted(&change.resource_type).ok()?;
    let meta = Meta {
        resource_type: change.resource_type.as_str().to_owned(),
        created: side.created.unwrap_or(change.at),
        last_modified: change.at,
        version: entry.version.etag(),
        location: location.to_owned(),
    };
    let mut resource = render(def, &change.id.to_string(), &side.document, &meta, None);
    Projection::default().apply(def, &mut resource);
    let Account { state, listed, keys, fields: own } = &side.account;
    let account = json!({ "state": state, "listed": listed, "keys": keys, "fields": fields(own) });
    Some(json!({ "resource": resource, "account": account }))
}

/// Fields as an object, each value as what it is.
pub(crate) fn fields(fields: &[Field]) -> Map<String, Value> {
    let plain = |value: &FieldValue| match value {
        FieldValue::Boolean(value) => json!(value),
        FieldValue::Integer(value) => json!(value),
        FieldValue::Decimal(value) => json!(value),
        FieldValue::Text(value) => json!(value),
        FieldValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    };
    fields.iter().map(|field| (field.name.clone(), plain(&field.value))).collect()
}

impl Message {
    /// An event that is told now, of nothing that has happened.
    pub(super) fn new(id: String, kind: &str, at: Timestamp, data: Map<String, Value>) -> Self {
        Self { id, kind: kind.to_owned(), at, thin: data, more: None }
    }

    /// What is sent of it alone, or as one of several.
    pub(super) fn shown(&self) -> Value {
        let form = |data: Map<String, Value>| json!({ "id": self.id, "type": self.kind, "timestamp": self.at.to_string(), "data": data });
        let mut data = self.thin.clone();
        let Some(more) = &self.more else { return form(data) };
        data.extend(more.clone());
        let full = form(data);
        if full.to_string().len() <= MAX_WEBHOOK_BODY_BYTES {
            return full;
        }
        let mut data = self.thin.clone();
        data.insert("thin_because".to_owned(), json!(ThinBecause::TooLarge.word()));
        form(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(thin: Value, more: Option<Value>) -> Message {
        let map = |value: Value| value.as_object().cloned().unwrap();
        Message {
            id: "acme_crm_event-7".to_owned(),
            kind: "user.updated".to_owned(),
            at: Timestamp::from_millis(1_793_714_580_000),
            thin: map(thin),
            more: more.map(map),
        }
    }

    #[test]
    fn a_full_event_is_the_thin_one_and_more_as_long_as_it_is_not_too_large() {
        let thin = message(json!({ "seq": 7 }), None).shown();
        let head = json!({ "id": "acme_crm_event-7", "type": "user.updated", "timestamp": "2026-11-03T14:03:00.000Z", "data": { "seq": 7 } });
        assert_eq!(thin, head);
        let room = MAX_WEBHOOK_BODY_BYTES - thin.to_string().len() - r#","x":"""#.len();
        for (length, is_full) in [(0, true), (room, true), (room + 1, false)] {
            let shown = message(json!({ "seq": 7 }), Some(json!({ "x": "a".repeat(length) }))).shown();
            assert_eq!(shown["data"]["x"].is_string(), is_full, "{length}");
            assert_eq!(shown["data"]["thin_because"] == "too-large", !is_full, "{length}");
            assert!(shown.to_string().len() <= MAX_WEBHOOK_BODY_BYTES);
        }
    }

    #[test]
    fn members_are_named_all_or_not_at_all() {
        let members = |count: usize| vec![ResourceId::from_bytes([7; 16]); count];
        assert_eq!(counted(&members(1))["ids"].as_array().unwrap().len(), 1);
        assert_eq!(counted(&members(MAX_WEBHOOK_MEMBERS))["ids"].as_array().unwrap().len(), MAX_WEBHOOK_MEMBERS);
        assert_eq!(
            counted(&members(MAX_WEBHOOK_MEMBERS + 1)),
            json!({ "count": MAX_WEBHOOK_MEMBERS + 1 }),
            "some are not taken for all"
        );
    }

    #[test]
    fn fields_are_told_as_what_they_are() {
        let field = |name: &str, value: FieldValue| Field { name: name.to_owned(), value };
        let told = fields(&[
            field("a", FieldValue::Boolean(true)),
            field("b", FieldValue::Integer(-1)),
            field("c", FieldValue::Decimal(0.5)),
            field("d", FieldValue::Text("x".to_owned())),
            field("e", FieldValue::Json(r#"[{"y":null}]"#.to_owned())),
            field("f", FieldValue::Json("{".to_owned())),
        ]);
        assert_eq!(
            Value::Object(told),
            json!({ "a": true, "b": -1, "c": 0.5, "d": "x", "e": [{ "y": null }], "f": "{" })
        );
    }
}
