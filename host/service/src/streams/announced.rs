//! What is told that is no change: what a task brings with it is all that there is.

use muster_model::{Field, FieldValue, ResourceId, ResourceType, StreamRow, Task, TenantRow};
use serde_json::{Map, Value, json};

use super::token::{Said, Untold, one};
use super::{Passage, Scope, Told, told_by};
use crate::Service;
use crate::events::{ASYNC_RESPONSE, LOG_GAP, STREAM_VERIFICATION};

/// That a stream works (the Shared Signals Framework 1.0 of the `OpenID` Foundation).
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/// How much of what came of a request is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Whole,
    /// That it came to its end, and nothing that says of whom it was.
    Unnamed,
}

impl Service {
    /// What a stream is told that is no change.
    pub(super) async fn told_of_announcement(
        &self,
        row: &TenantRow,
        stream: &StreamRow,
        task: &Task,
    ) -> Result<Said, Untold> {
        let shown = match task.task.action.as_str() {
            ASYNC_RESPONSE if !stream.scope.is_empty() => self.shown_to(row, stream, task).await?,
            _ => Shown::Whole,
        };
        announced(stream, task, shown)
    }

    /// What a stream that tells of some resources is told of a request: nothing, if what it was about is none of them now; and nothing that
    /// names it, where it is not there to be judged.
    async fn shown_to(&self, row: &TenantRow, stream: &StreamRow, task: &Task) -> Result<Shown, Untold> {
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        let Some(bound) = bound else { return Ok(Shown::Unnamed) };
        let uri = text(&task.task.arguments, "uri").unwrap_or_default();
        let about = uri.rsplit_once('/').and_then(|(endpoint, id)| {
            let def = bound.served.types.iter().find(|def| def.endpoint == endpoint)?;
            Some((ResourceType::new(&def.name), ResourceId::parse(id)?))
        });
        let Some((kind, id)) = about else { return Ok(Shown::Unnamed) };
        let scope = Scope::of(stream, Some(&bound));
        if !scope.narrows(&kind) {
            return Ok(Shown::Whole);
        }
        let record = self.parts.store.directory(&row.id).get(&kind, id).await;
        let record = record.map_err(|error| Untold::Later(format!("what it is about cannot be read: {error}")))?;
        match record.as_ref().map(|record| scope.passage_of(record)) {
            Some(Ok(Passage::Within)) => Ok(Shown::Whole),
            Some(Ok(Passage::Entered | Passage::Left | Passage::Outside | Passage::ByNow)) => Err(Untold::Unwanted),
            Some(Err(_)) | None => Ok(Shown::Unnamed),
        }
    }
}

fn announced(stream: &StreamRow, task: &Task, shown: Shown) -> Result<Said, Untold> {
    let fields = &task.task.arguments;
    match task.task.action.as_str() {
        STREAM_VERIFICATION => {
            let state = text(fields, "state").map_or_else(|| json!({}), |state| json!({ "state": state }));
            Ok(Said {
                txn: None,
                at: task.at,
                subject: json!({ "format": "opaque", "id": stream.name.as_str() }),
                events: json!({ VERIFICATION: state }),
            })
        }
        // Of the words of the Shared Signals Framework the one that says something of a stream: it is on as before, and why it is told.
        LOG_GAP if told_by(stream).contains(&Told::StreamUpdated) => {
            let first = number(fields, "first").unwrap_or_default();
            let last = number(fields, "last").unwrap_or_default();
            let reason = format!(
                "entries {first} to {last} of the log were removed before they were told; read the directory once more"
            );
            Ok(Said {
                txn: None,
                at: task.at,
                subject: json!({ "format": "opaque", "id": stream.name.as_str() }),
                events: one(Told::StreamUpdated, &json!({ "status": "enabled", "reason": reason })),
            })
        }
        ASYNC_RESPONSE if told_by(stream).contains(&Told::AsyncResponse) => {
            let is_told = |name: &str| match shown {
                Shown::Whole => !matches!(name, "txn" | "uri" | "tenant"),
                Shown::Unnamed => matches!(name, "method" | "status"),
            };
            let payload: Map<String, Value> = fields
                .iter()
                .filter(|field| is_told(&field.name))
                .map(|field| (field.name.clone(), plain(&field.value)))
                .collect();
            // What was to be created and was not has no path.
            let uri = text(fields, "uri").filter(|_| shown == Shown::Whole).unwrap_or_else(|| "/".to_owned());
            Ok(Said {
                txn: text(fields, "txn"),
                at: task.at,
                subject: json!({ "format": "scim", "uri": uri }),
                events: one(Told::AsyncResponse, &Value::Object(payload)),
            })
        }
        // What was listed when it was announced, and is not any more, too.
        _ => Err(Untold::Unwanted),
    }
}

fn text(fields: &[Field], name: &str) -> Option<String> {
    fields.iter().find(|field| field.name == name).and_then(|field| match &field.value {
        FieldValue::Text(text) => Some(text.clone()),
        FieldValue::Boolean(_) | FieldValue::Integer(_) | FieldValue::Decimal(_) | FieldValue::Json(_) => None,
    })
}

fn number(fields: &[Field], name: &str) -> Option<i64> {
    fields.iter().find(|field| field.name == name).and_then(|field| match &field.value {
        FieldValue::Integer(number) => Some(*number),
        FieldValue::Boolean(_) | FieldValue::Text(_) | FieldValue::Decimal(_) | FieldValue::Json(_) => None,
    })
}

fn plain(value: &FieldValue) -> Value {
    match value {
        FieldValue::Text(text) => json!(text),
        FieldValue::Boolean(value) => json!(value),
        FieldValue::Integer(value) => json!(value),
        FieldValue::Decimal(value) => json!(value),
        FieldValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}
