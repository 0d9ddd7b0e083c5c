//! The carrying out of a request that was accepted: by the ordinary use cases, for the token that it came with and by the plugin of now.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use muster_model::{Actor, Progress, ResourceId, Standing, Task, TenantId, TokenId};
use muster_plugin::Outcome;
use muster_protocol::bulk::{Action, Ask, BulkOperation, BulkRequest, Target};
use muster_protocol::json;
use muster_store::{Outbox, StoreError};
use serde_json::Value;

use super::before::{Before, request_of};
use super::body::Body;
use super::response::{Answer, answer_of};
use super::{REQUEST, RESPONSE, key, number, text, txn};
use crate::authenticate::Caller;
use crate::bulk;
use crate::trail::{Answered, Head, Notes};
use crate::{ScimError, Service};

/// For which part of an attempt's time its operations may be begun, in hundredths: the rest is for the one that is begun last, and for the
/// answer.
const WORK_PERCENT: u64 = 75;

/// How often a bulk request is tried while some of its operations fail for the moment only; then what came of each is its answer.
const MAX_BULK_ATTEMPTS: u32 = 5;

/// A request, as its task tells it.
pub(super) struct Stored {
    pub(super) txn: ResourceId,
    method: &'static str,
    path: String,
    token: String,
    base: String,
    if_match: Option<String>,
    since: u64,
    pub(super) bytes: usize,
}

impl Stored {
    pub(super) fn of(task: &Task) -> Option<Self> {
        let method = ["POST", "PUT", "PATCH", "DELETE"].into_iter().find(|it| text(task, "method") == Some(it))?;
        Some(Self {
            txn: txn(task)?,
            method,
            path: text(task, "path")?.to_owned(),
            token: text(task, "token")?.to_owned(),
            base: text(task, "base")?.to_owned(),
            if_match: text(task, "if-match").map(str::to_owned),
            since: number(task, "since")?,
            bytes: usize::try_from(number(task, "bytes")?).ok()?,
        })
    }

    fn is_bulk(&self) -> bool {
        self.path == "/Bulk"
    }

    /// What it asks for, by the plugin of this caller.
    fn request(&self, caller: &Caller, body: &[u8]) -> Result<BulkRequest, ScimError> {
        let data = if body.is_empty() { Value::Null } else { json::parse(body)? };
        if self.is_bulk() {
            return bulk::request(caller, data);
        }
        let operation = self.operation(data);
        let operation = operation.ok_or_else(|| ScimError::NoSuchEndpoint { path: self.path.clone() })?;
        Ok(BulkRequest { fail_on_errors: None, operations: vec![operation], rewrites: Vec::new() })
    }

    /// The one operation that it is.
    fn operation(&self, data: Value) -> Option<BulkOperation> {
        let (endpoint, id) = match self.path.strip_prefix('/')?.split_once('/') {
            Some((endpoint, id)) => (endpoint, Some(id)),
            None => (self.path.strip_prefix('/')?, None),
        };
        let action = match (self.method, id.map(|id| Target::Id(id.to_owned()))) {
            ("POST", None) => Action::Create,
            ("PUT", Some(target)) => Action::Replace(target),
            ("PATCH", Some(target)) => Action::Patch(target),
            ("DELETE", Some(target)) => Action::Delete(target),
            _ => return None,
        };
        let ask = Ask { endpoint: endpoint.to_owned(), action, version: self.if_match.clone(), data };
        Some(BulkOperation { method: Some(self.method.to_owned()), bulk_id: None, ask: Ok(ask) })
    }
}

/// What came of an attempt at a request.
enum Came {
    /// It is answered.
    To(Answer),
    /// It is to be tried again.
    Again(String),
}

impl From<ScimError> for Came {
    fn from(error: ScimError) -> Self {
        if is_for_now(error.wire().status) { Self::Again(error.to_string()) } else { Self::To(Answer::refused(&error)) }
    }
}

impl Service {
    /// Carries a task of the queue `async` out, once. `attempt` counts from 1.
    pub async fn carry_request(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Outcome {
        // Whoever accepts requests at this moment has them whole when this is had, or will not have accepted them yet.
        self.accepting.settled().await;
        let carried = match task.task.action.as_str() {
            REQUEST => self.carry_one(tenant, task, attempt).await,
            RESPONSE => self.tell_response(tenant, task).await,
            _ => Ok(Outcome::Failed { reason: "it is neither a request nor the response to one".to_owned() }),
        };
        carried.unwrap_or_else(|error| Outcome::Again { reason: ScimError::from(error).to_string(), after: None })
    }

    async fn carry_one(&self, tenant: &TenantId, task: &Task, attempt: u32) -> Result<Outcome, StoreError> {
        let failed = |reason: &str| Ok(Outcome::Failed { reason: reason.to_owned() });
        let Some(stored) = Stored::of(task) else { return failed("what was asked for cannot be read") };
        let outbox = self.parts.store.outbox(tenant);
        let Some((response, progress)) = response_to(outbox.as_ref(), task.seq, stored.txn).await? else {
            return failed("there is no task for its response");
        };
        let mut outcome = Outcome::Done;
        if answer_of(&progress)?.is_none() {
            if progress.standing == Standing::Done {
                return failed("its client was told that it failed, and is to send it again");
            }
            let came = match self.body(tenant, stored.txn, stored.bytes).await? {
                Body::Whole(body) => self.attempt(tenant, &stored, body, attempt).await?,
                Body::Closed => Came::To(Answer::of_the_host(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the request was sealed with another key than keys/secrets.key; send it again",
                )),
                // The server ended before it had accepted it: nobody was told anything, and nobody is.
                Body::Missing => {
                    let next = Progress { standing: Standing::Cancelled, revision: progress.revision + 1, ..progress };
                    outbox.decide(response.seq, next.revision - 1, next).await?;
                    self.forget_body(tenant, stored.txn, stored.bytes).await?;
                    return Ok(Outcome::Done);
                }
            };
            match came {
                Came::To(answer) => self.keep_answer(tenant, &response, progress, &answer).await?,
                Came::Again(reason) => outcome = Outcome::Again { reason, after: None },
            }
        }
        if outcome == Outcome::Done {
            self.forget_body(tenant, stored.txn, stored.bytes).await?;
        }
        Ok(outcome)
    }

    /// One attempt, and what the tenant's trail says of it when it is the last one.
    async fn attempt(
        &self,
        tenant: &TenantId,
        stored: &Stored,
        body: Vec<u8>,
        attempt: u32,
    ) -> Result<Came, StoreError> {
        let began = Instant::now();
        let notes = Notes::default();
        // What was begun while its token opened the tenant is finished: to say that nothing was done would not be true.
        let is_live = self.is_live(tenant, stored);
        if !is_live && self.before(tenant, stored.txn, stored.since, &[], false).await?.is_empty() {
            return Ok(ScimError::Unauthorized.into());
        }
        let caller = match self.later_caller(tenant, stored, &notes) {
            Ok(caller) => caller,
            Err(error) => return Ok(error.into()),
        };
        notes.at(&stored.path);
        notes.head(|| head(stored));
        let body = Bytes::from(body);
        if !body.is_empty() {
            notes.body(&body, Duration::ZERO);
        }
        let came = match stored.request(&caller, &body) {
            Ok(request) => self.answer(&caller, stored, request, attempt).await?,
            Err(error) => error.into(),
        };
        if let Came::To(answer) = &came {
            notes.answered(|| Answered {
                request: caller.request.clone(),
                method: stored.method,
                status: if stored.is_bulk() { 200 } else { answer.status() },
                refused: answer.detail().filter(|_| !stored.is_bulk()).map(|detail| (None, detail.to_owned())),
                headers: Vec::new(),
                bytes: None,
                took: began.elapsed(),
            });
        }
        Ok(came)
    }

    /// Whether the token that a request came with opens the tenant now.
    fn is_live(&self, tenant: &TenantId, stored: &Stored) -> bool {
        let (now, view) = (self.parts.clock.now(), self.tenants.view());
        let mut tokens = view.tokens().filter(|row| row.tenant == *tenant && row.user.is_none() && row.is_live(now));
        tokens.any(|row| row.id.0 == stored.token)
    }

    /// Who asks: the token that the request came with.
    fn later_caller(&self, tenant: &TenantId, stored: &Stored, notes: &Notes) -> Result<Caller, ScimError> {
        let (now, view) = (self.parts.clock.now(), self.tenants.view());
        let tenant = view.tenant(tenant).ok_or(ScimError::PluginNotLoaded)?.clone();
        let actor = Actor::Token(TokenId(stored.token.clone()));
        notes.enter(&tenant, actor.clone(), now);
        let bound = tenant.bound.load_full().ok_or(ScimError::PluginNotLoaded)?;
        notes.bind(&bound);
        let (request, base, notes) = (request_of(stored.txn), stored.base.clone(), notes.clone());
        Ok(Caller { tenant, bound, actor, request, now, base, notes })
    }

    async fn answer(
        &self,
        caller: &Caller,
        stored: &Stored,
        request: BulkRequest,
        attempt: u32,
    ) -> Result<Came, StoreError> {
        let until =
            Instant::now() + Duration::from_millis(self.parts.limits.attempt_s.saturating_mul(10 * WORK_PERCENT));
        let before = self.before_of(caller, stored, &request).await?;
        let again = (!stored.is_bulk() && before.is_empty()).then(|| request.clone());
        let mut told = self.perform_all(caller, request, Some(&before), until).await;
        // An attempt that was given up may have had its commit under way: then the one after it was refused because of what it did itself.
        if let (Some(request), Some((_, of))) = (again, told.first())
            && status_of(of).is_client_error()
        {
            let before = self.before_of(caller, stored, &request).await?;
            if !before.is_empty() {
                told = self.perform_all(caller, request, Some(&before), until).await;
            }
        }
        let for_now = told.iter().find(|(_, told)| is_for_now(status_of(told)));
        if let Some((_, told)) = for_now.filter(|_| !stored.is_bulk() || attempt < MAX_BULK_ATTEMPTS) {
            return Ok(Came::Again(told["response"]["detail"].as_str().unwrap_or_default().to_owned()));
        }
        if stored.is_bulk() {
            bulk::count(&told);
        }
        Ok(Came::To(Answer::new(told, &caller.base, stored.is_bulk())))
    }

    async fn before_of(&self, caller: &Caller, stored: &Stored, request: &BulkRequest) -> Result<Before, StoreError> {
        self.before(&caller.tenant.id, stored.txn, stored.since, &request.operations, stored.is_bulk()).await
    }
}

/// The task behind that of a request: its response. They were added together.
async fn response_to(outbox: &dyn Outbox, seq: u64, txn: ResourceId) -> Result<Option<(Task, Progress)>, StoreError> {
    let behind = outbox.task(seq + 1).await?;
    Ok(behind.filter(|(task, _)| task.task.idempotency_key == key(RESPONSE, txn)))
}

/// As much of the request's head as was kept.
fn head(stored: &Stored) -> Head {
    let base = stored.base.parse::<Uri>().map_or_else(|_| String::new(), |uri| uri.path().to_owned());
    let mut headers = HeaderMap::new();
    if let Some(Ok(tags)) = stored.if_match.as_deref().map(HeaderValue::from_str) {
        headers.insert(header::IF_MATCH, tags);
    }
    Head { http: http::Version::HTTP_11, base, uri: stored.path.parse().unwrap_or_default(), headers }
}

fn status_of(told: &Value) -> StatusCode {
    let status = told["status"].as_str().and_then(|status| status.parse().ok());
    status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Whether it may go better later: what an identity provider would send again.
fn is_for_now(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED || status == StatusCode::TOO_MANY_REQUESTS
}
