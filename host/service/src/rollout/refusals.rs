//! What a plugin had refused, or given no answer to, put to a candidate: as far as the request log has kept the values.

use muster_model::{Account, Event, RequestId, ResourceId, ResourceType, Snapshot, Timestamp, Version};
use muster_protocol::{normalise, patch};
use muster_store::request_log::{Decision, Item, Outcome, RequestEntry, RequestQuery};
use serde_json::Value;

use super::frame::Ended;
use super::past::{Came, Past, record_of};
use super::replay::Replay;
use crate::mapped::update_event;
use crate::trail::is_whole;
use crate::{ScimError, Service};

/// How many requests are read at once.
const REQUESTS_A_READ: usize = 100;

/// How many entries of a resource's history are gone through to find how it was when a request about it was refused.
const MAX_HISTORY_WALKED: usize = 1_000;

/// How many of them are read at once.
const HISTORY_A_READ: usize = 50;

/// Why a request cannot be put to anybody.
const NOT_KEPT: &str = "their values were not kept";
const IN_BULK: &str = "they were refused as operations of a bulk request";
const OF_ME: &str = "they were sent to /Me";
const NOT_THERE: &str = "how their resource was then is not known";
const NOT_READ: &str = "they cannot be read by the rules that hold now";
const MEMBERS_ONLY: &str = "they were about members only";

impl Service {
    /// Goes through the requests that a plugin had not let through, the latest first.
    pub(super) async fn replay_refusals(&self, replay: &mut Replay<'_>) -> Result<(), Ended> {
        let tenant = replay.caller.tenant.id.clone();
        let mut query = RequestQuery {
            limit: REQUESTS_A_READ,
            status: Some((400, 599)),
            from: Some(replay.since),
            ..RequestQuery::default()
        };
        loop {
            let page = self.parts.requests.read(&tenant, &query).await?;
            for kept in page.found {
                self.go_on(replay.work)?;
                if let Item::Request(entry) = kept.item {
                    self.replay_refusal(replay, *entry).await?;
                }
                replay.pace.rest().await;
            }
            query.before = page.next;
            if query.before.is_none() {
                return Ok(());
            }
        }
    }

    async fn replay_refusal(&self, replay: &mut Replay<'_>, entry: RequestEntry) -> Result<(), Ended> {
        let lines = entry.operations.iter().flat_map(|operations| &operations.shown);
        let in_bulk = lines.filter(|line| line.status >= 400 && refusal(line.decision.as_ref()).is_some()).count();
        for _ in 0..in_bulk {
            replay.refused.count += 1;
            replay.cannot(IN_BULK);
        }
        let Some(says) = refusal(entry.decision.as_ref()) else { return Ok(()) };
        replay.refused.count += 1;
        match self.refused_past(replay, entry, says).await? {
            Ok(past) => {
                replay.refused.replayed += 1;
                self.put(replay, &past).await
            }
            Err(why) => {
                replay.cannot(why);
                Ok(())
            }
        }
    }

    /// A refused request, as the plugin was asked about it; or why nobody knows.
    async fn refused_past(
        &self,
        replay: &Replay<'_>,
        entry: RequestEntry,
        says: String,
    ) -> Result<Result<Past, &'static str>, Ended> {
        let present = &replay.present;
        let mut segments = entry.path.split('/').filter(|segment| !segment.is_empty());
        let (endpoint, id) = (segments.next().unwrap_or_default(), segments.next());
        if endpoint.eq_ignore_ascii_case("Me") {
            return Ok(Err(OF_ME));
        }
        let Ok(kind) = present.bound.kind(endpoint) else { return Ok(Err(NOT_READ)) };
        let body = match entry.sent.body.and_then(|body| body.json) {
            Some(body) if is_whole(&body) => Some(body),
            None if entry.method == "DELETE" => None,
            Some(_) | None => return Ok(Err(NOT_KEPT)),
        };
        let request = Refused { kind, at: entry.at, request: entry.request, says };
        let Some(id) = id else {
            let body = body.unwrap_or_default();
            return Ok(self.refused_creation(replay, request, body));
        };
        let Some(id) = ResourceId::parse(id) else { return Ok(Err(NOT_THERE)) };
        let Some(was) = self.side_at(replay, &request.kind, id, request.at).await? else { return Ok(Err(NOT_THERE)) };
        let Some(body) = body else { return Ok(Ok(request.past(id, &was, Event::Deleted, None))) };
        let accepted = present.bound.accepted(&request.kind)?;
        let profile = &present.bound.profile;
        let sent = match entry.method.as_str() {
            "PUT" => normalise::replace(accepted, profile, &was.document, body).map(|sent| sent.document),
            "PATCH" => {
                let patched =
                    patch::parse(body).and_then(|asked| patch::apply(accepted, profile, &was.document, &asked));
                match patched {
                    Ok(patched) if !patched.members.is_empty() && patched.document == was.document => {
                        return Ok(Err(MEMBERS_ONLY));
                    }
                    other => other.map(|patched| patched.document),
                }
            }
            _ => return Ok(Err(NOT_READ)),
        };
        let Ok(sent) = sent else { return Ok(Err(NOT_READ)) };
        let event = update_event(&was.document, &sent);
        Ok(Ok(request.past(id, &was, event, Some(sent))))
    }

    fn refused_creation(&self, replay: &Replay<'_>, request: Refused, body: Value) -> Result<Past, &'static str> {
        let bound = &replay.present.bound;
        let accepted = bound.accepted(&request.kind).map_err(|_| NOT_READ)?;
        let mut sent = normalise::create(accepted, &bound.profile, body).map_err(|_| NOT_READ)?;
        normalise::active_by_default(accepted, &mut sent.document);
        let was = Snapshot { document: sent.document.clone(), account: Account::unmapped(), created: None };
        let past = request.past(self.parts.ids.next(), &was, Event::Created, Some(sent.document));
        Ok(Past { before: None, ..past })
    }

    /// How a resource was at a time; `None` if it was not there, or that lies too far back.
    async fn side_at(
        &self,
        replay: &Replay<'_>,
        kind: &ResourceType,
        id: ResourceId,
        at: Timestamp,
    ) -> Result<Option<Snapshot>, ScimError> {
        let directory = &replay.present.tenant.directory;
        let present = directory.get(kind, id).await?;
        let mut was = present.map(|record| Snapshot {
            document: record.document,
            account: record.account,
            created: Some(record.created),
        });
        let (mut before, mut seen) = (None, 0);
        while seen < MAX_HISTORY_WALKED {
            let entries = directory.history(id, before, HISTORY_A_READ).await?;
            let Some(oldest) = entries.last() else { return Ok(was) };
            before = Some(oldest.seq);
            seen += entries.len();
            for entry in entries.into_iter().filter(|entry| entry.change.id == id) {
                let change = entry.change;
                if change.at <= at {
                    // What an entry of the same moment left is what the request met, or nothing has changed in between.
                    return Ok(if change.before.is_none() && change.after.is_none() { was } else { change.after });
                }
                if change.before.is_some() || change.after.is_some() {
                    was = change.before;
                }
            }
        }
        Ok(None)
    }
}

/// What is known of a refused request besides what it was about.
struct Refused {
    kind: ResourceType,
    at: Timestamp,
    request: RequestId,
    says: String,
}

impl Refused {
    fn past(self, id: ResourceId, was: &Snapshot, event: Event, sent: Option<muster_protocol::Document>) -> Past {
        let by = (self.at, Version::FIRST, crate::standard::STANDARD);
        Past {
            record: record_of(was, (&self.kind, id), by),
            event,
            at: self.at,
            request: self.request,
            seq: None,
            sent,
            before: Some(was.account.clone()),
            members: Vec::new(),
            came: Came::Refused(self.says),
        }
    }
}

/// In which words a plugin did not let a request through; `None` if it did, or was not asked.
fn refusal(decision: Option<&Decision>) -> Option<String> {
    match &decision?.outcome {
        Outcome::Rejected { detail, .. } | Outcome::Vetoed { detail, .. } => Some(detail.clone()),
        Outcome::Failed { class } => Some(format!("no answer: {class}")),
        Outcome::Mapped { .. } | Outcome::Planned => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_replaced_or_cut_off_is_not_whole() {
        let whole = json!({ "schemas": ["urn:example"], "active": true, "age": 7, "name": { "familyName": "Byron <3" }, "no": null });
        assert!(is_whole(&whole));
        for kept in [
            json!({ "password": "<secret>" }),
            json!({ "name": { "givenName": "<text of 3 characters>" } }),
            json!({ "emails": [{ "value": "a" }, "<1 more>"] }),
            json!({ "...": "<3 more>" }),
            json!({ "title": "the beginning... <300 characters>" }),
            json!({ "<name of 5 characters>'": 7 }),
            json!({ "meta": "<object of 2>" }),
        ] {
            assert!(!is_whole(&kept), "{kept}");
        }
    }
}
