use std::str::FromStr;

use muster_model::{RequestId, ResourceId, TenantId, Timestamp};
use muster_store::request_log::{Item, Kept, RequestEntry, RequestQuery};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::told;
use crate::undo::REQUESTS_OF_UNDOS;
use crate::{AdminError, Service};

/// How many requests are told at once.
pub const MAX_REQUESTS_A_PAGE: usize = 1000;

/// Which requests an operator asks for, as they are written in a query.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestsAsked {
    /// How many at most; 100 without it.
    pub limit: Option<usize>,
    /// Those before this `seq`: the `next` of the page before.
    pub before: Option<u64>,
    /// `404`, `4xx`, or `failed` for both `4xx` and `5xx`.
    pub status: Option<String>,
    /// The verb.
    pub method: Option<String>,
    /// The id of a resource.
    pub resource: Option<String>,
    /// The id of a request.
    pub request: Option<String>,
    /// Not before this time (RFC 3339).
    pub from: Option<String>,
    /// Before this time (RFC 3339).
    pub to: Option<String>,
}

/// The first and the last of the statuses that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange(pub u16, pub u16);

impl FromStr for StatusRange {
    type Err = AdminError;

    fn from_str(text: &str) -> Result<Self, AdminError> {
        let number = |text: &str| text.parse().ok().filter(|status| (100..600).contains(status));
        let range = match text.as_bytes() {
            b"failed" => Some(Self(400, 599)),
            [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => {
                let first = u16::from(class - b'0') * 100;
                Some(Self(first, first + 99))
            }
            _ => number(text).map(|status| Self(status, status)),
        };
        range.ok_or_else(|| AdminError::Wrong("status is 404, 4xx or failed".to_owned()))
    }
}

impl RequestsAsked {
    fn query(&self) -> Result<RequestQuery, AdminError> {
        let time = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => match Timestamp::parse(text) {
                Some(time) => Ok(Some(time)),
                None => Err(AdminError::Wrong(format!("{name} is a time such as 2026-11-03T14:03:00Z"))),
            },
        };
        let resource = |text: &String| {
            ResourceId::parse(text).ok_or_else(|| AdminError::Wrong("resource is the id of a resource".to_owned()))
        };
        Ok(RequestQuery {
            before: self.before,
            limit: self.limit.unwrap_or(100).clamp(1, MAX_REQUESTS_A_PAGE),
            status: self.status.as_deref().map(StatusRange::from_str).transpose()?.map(|StatusRange(a, b)| (a, b)),
            method: self.method.clone(),
            resource: self.resource.as_ref().map(resource).transpose()?,
            request: self.request.as_deref().map(|id| RequestId(id.into())),
            from: time("from", &self.from)?,
            to: time("to", &self.to)?,
        })
    }
}

impl Service {
    /// A tenant's requests, newest first, a short form of each.
    pub async fn read_requests(&self, tenant: &str, asked: &RequestsAsked) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        // So that nothing is told that has become too old since.
        let _ = self.removal_time();
        let page = self.parts.requests.read(&id, &asked.query()?).await?;
        let mut told = Map::new();
        told.insert("requests".to_owned(), page.found.iter().map(line).collect());
        if let Some(next) = page.next {
            told.insert("next".to_owned(), json!(next));
        }
        if page.unreadable > 0 {
            told.insert("unreadable".to_owned(), json!(page.unreadable));
        }
        Ok(Value::Object(told))
    }

    /// One request, whole.
    pub async fn show_request(&self, tenant: &str, request: &str) -> Result<Value, AdminError> {
        let id = self.row(tenant)?.id;
        let _ = self.removal_time();
        let mut query = RequestQuery { limit: 1, request: Some(RequestId(request.into())), ..RequestQuery::default() };
        loop {
            let page = self.parts.requests.read(&id, &query).await?;
            if let Some(Kept { seq, item: Item::Request(entry) }) = page.found.into_iter().next() {
                return Ok(whole(&id, seq, &entry));
            }
            let shown: String = request.chars().filter(|c| !c.is_control()).take(64).collect();
            query.before = Some(page.next.ok_or_else(|| {
                let why = if request.starts_with(REQUESTS_OF_UNDOS) {
                    "because it is an undo, which no client sent; `muster log show --request` tells what it did"
                } else {
                    "or it is no longer kept"
                };
                AdminError::NotFound(format!("request {shown} in the request log of tenant {id}, {why}"))
            })?);
        }
    }
}

/// A line of a list.
fn line(kept: &Kept) -> Value {
    let entry = match &kept.item {
        Item::Request(entry) => entry,
        Item::Lost { at, count } => return json!({ "seq": kept.seq, "at": at.to_string(), "lost": count }),
    };
    let mut line = head(kept.seq, entry);
    line.insert("rewrites".to_owned(), told(&entry.rewrites));
    Value::Object(line)
}

fn head(seq: u64, entry: &RequestEntry) -> Map<String, Value> {
    let mut head = Map::new();
    let mut tell = |name: &str, value: Value| head.insert(name.to_owned(), value);
    tell("seq", json!(seq));
    tell("request", json!(entry.request));
    tell("at", json!(entry.at.to_string()));
    tell("method", json!(entry.method));
    tell("path", json!(entry.path));
    tell("status", json!(entry.status));
    if let Some(scim_type) = &entry.scim_type {
        tell("scimType", json!(scim_type));
    }
    if let Some(detail) = &entry.detail {
        tell("detail", json!(detail));
    }
    tell("duration_us", json!(entry.took.all_us));
    if let Some(decision) = &entry.decision {
        tell("outcome", json!(decision.outcome));
    }
    if let Some(operations) = &entry.operations {
        tell("operations", json!({ "attempted": operations.attempted, "failed": operations.failed }));
    }
    head
}

/// Everything that is kept of one.
fn whole(tenant: &TenantId, seq: u64, entry: &RequestEntry) -> Value {
    let mut whole = head(seq, entry);
    let mut tell = |name: &str, value: Value| whole.insert(name.to_owned(), value);
    tell("actor", json!(entry.actor));
    tell("resources", json!(entry.about));
    tell("sent", json!(entry.sent));
    tell("rewrites", told(&entry.rewrites));
    tell("decision", json!(entry.decision));
    if let Some(operations) = &entry.operations {
        tell("operations", json!(operations));
    }
    tell("answer", json!(entry.answer));
    tell("took", json!(entry.took));
    tell("changes", json!(entry.changes));
    if let (Some(first), Some(last)) = (entry.changes.iter().min(), entry.changes.iter().max()) {
        let (after, limit) = (first.saturating_sub(1), last - first + 1);
        tell("log", json!(format!("/admin/v1/tenants/{tenant}/log?after={after}&limit={limit}")));
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_asked_for_one_by_one_or_by_class() {
        let range = |text: &str| text.parse::<StatusRange>().ok();
        assert_eq!(range("404"), Some(StatusRange(404, 404)));
        assert_eq!(range("4xx"), Some(StatusRange(400, 499)));
        assert_eq!(range("failed"), Some(StatusRange(400, 599)));
        for text in ["", "4x", "xxx", "9xx", "40", "1000", "-1"] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
