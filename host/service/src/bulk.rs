use std::collections::HashMap;
use std::time::Instant;

use http::StatusCode;
use muster_model::{ResourceId, ResourceType, Version};
use muster_protocol::bulk::{
    self, Action, Ask, BulkOperation, BulkRequest, MAX_BULK_OPERATIONS, Step, Target, Unreadable,
};
use muster_protocol::project::Projection;
use muster_protocol::{BULK_RESPONSE, Invalid};
use serde_json::{Map, Value, json};

use crate::asynchronous::Before;
use crate::authenticate::Caller;
use crate::expected::Expected;
use crate::reply::{Reply, location};
use crate::trail::Operation;
use crate::{ScimError, Service};

impl Service {
    /// Performs many operations, each as if it had been sent alone (RFC 7644 §3.7): the same use cases, each with its own commit.
    ///
    /// One that fails takes nothing from the others but those that refer to it. Until `until` operations are begun; what is left then
    /// is told 503, so that the answer for those that were made is not lost with the time of the request.
    pub async fn bulk(&self, caller: &Caller, body: Value, until: Instant) -> Result<Value, ScimError> {
        let request = request(caller, body)?;
        let told = self.perform_all(caller, request, None, until).await;
        count(&told);
        let mut answer = Map::new();
        answer.insert("schemas".into(), json!([BULK_RESPONSE]));
        answer.insert("Operations".into(), told.into_iter().map(|(_, told)| told).collect());
        Ok(Value::Object(answer))
    }

    /// Performs the operations; what is told of each that was attempted, with its place in the request. `before` is what an earlier attempt at
    /// the same request has done.
    pub(crate) async fn perform_all(
        &self,
        caller: &Caller,
        request: BulkRequest,
        before: Option<&Before>,
        until: Instant,
    ) -> Vec<(usize, Value)> {
        let mut operations = request.operations;
        let steps = bulk::plan(&mut operations);
        let fail_on_errors = request.fail_on_errors.unwrap_or(usize::MAX);
        let mut job = Job::new(self, caller, operations, before);
        for step in steps {
            if job.errors >= fail_on_errors {
                break;
            }
            job.take(step, Instant::now() < until).await;
        }
        job.told()
    }
}

/// Reads a bulk request.
pub(crate) fn request(caller: &Caller, body: Value) -> Result<BulkRequest, ScimError> {
    if !caller.bound.settings.bulk_served {
        return Err(ScimError::NotImplemented { what: "/Bulk" });
    }
    let request = bulk::parse(body, &caller.base, &caller.bound.profile).map_err(|unreadable| match unreadable {
        Unreadable::Invalid(invalid) => ScimError::Invalid(invalid),
        Unreadable::TooManyOperations => ScimError::TooManyOperations { limit: MAX_BULK_OPERATIONS },
    })?;
    caller.note(&request.rewrites);
    Ok(request)
}

/// Counts what became of operations.
pub(crate) fn count(told: &[(usize, Value)]) {
    for (_, told) in told {
        let status = told["status"].as_str().unwrap_or_default().to_owned();
        metrics::counter!("muster_bulk_operations_total", "status" => status).increment(1);
    }
}

/// A bulk request that is being performed.
struct Job<'a> {
    service: &'a Service,
    caller: &'a Caller,
    before: Option<&'a Before>,
    operations: Vec<BulkOperation>,
    /// The endpoint of each, as a path.
    endpoints: Vec<String>,
    /// What became of each operation; `None`: it was not attempted.
    outcomes: Vec<Option<Outcome>>,
    /// The id behind each `bulkId`; `None`: it was not created.
    created: HashMap<String, Option<String>>,
    errors: usize,
    /// Operations that were begun.
    begun: usize,
}

/// What became of one operation.
struct Outcome {
    location: Option<String>,
    etag: Option<String>,
    status: StatusCode,
    error: Option<Value>,
    /// What was created without that which refers to others in a circle, until that is added.
    incomplete: Option<(ResourceType, String)>,
}

impl Outcome {
    fn done(reply: &Reply) -> Self {
        let status = match &reply.resource {
            Some(_) if reply.created => StatusCode::CREATED,
            Some(_) => StatusCode::OK,
            None => StatusCode::NO_CONTENT,
        };
        Self {
            location: Some(reply.location.clone()),
            etag: Some(reply.etag.clone()),
            status,
            error: None,
            incomplete: None,
        }
    }

    fn failed(location: Option<String>, error: &ScimError) -> Self {
        error.log();
        Self { location, etag: None, status: error.wire().status, error: Some(error.body()), incomplete: None }
    }
}

impl<'a> Job<'a> {
    fn new(
        service: &'a Service,
        caller: &'a Caller,
        operations: Vec<BulkOperation>,
        before: Option<&'a Before>,
    ) -> Self {
        let posts = |operation: &&BulkOperation| operation.method.as_deref() == Some("POST");
        let names = operations.iter().filter(posts).filter_map(|operation| operation.bulk_id.clone());
        let created = names.map(|name| (name, None)).collect();
        let outcomes = operations.iter().map(|_| None).collect();
        let endpoint = |operation: &BulkOperation| match &operation.ask {
            Ok(ask) => format!("/{}", ask.endpoint),
            Err(_) => String::new(),
        };
        let endpoints = operations.iter().map(endpoint).collect();
        Self { service, caller, before, operations, endpoints, outcomes, created, errors: 0, begun: 0 }
    }

    /// Takes one step, if there is time for it.
    async fn take(&mut self, step: Step, in_time: bool) {
        match step {
            Step::Perform { operation, in_circle } => {
                let Some(entry) = self.operations.get_mut(operation) else { return };
                let bulk_id = entry.bulk_id.clone();
                // Taken, so that a thousand resources are not copied.
                let ask = std::mem::replace(&mut entry.ask, Err(Invalid::syntax("")));
                let outcome = self.perform(operation, ask, bulk_id, in_circle, in_time).await;
                self.note(operation, outcome);
            }
            Step::Complete { operation, patch } => {
                let Some(Some(created)) = self.outcomes.get_mut(operation) else { return };
                // Otherwise it was not created, and that has been told.
                let Some((kind, id)) = created.incomplete.take() else { return };
                let place = created.location.clone();
                let outcome = self.complete(&kind, &id, patch, place, in_time).await;
                self.note(operation, outcome);
            }
        }
    }

    fn note(&mut self, operation: usize, outcome: Outcome) {
        let place = outcome.location.as_deref().and_then(|location| location.strip_prefix(&self.caller.base));
        if self.before.is_none_or(|before| before.is_bulk) {
            self.caller.notes.operation(&Operation {
                index: operation,
                was_told: matches!(self.outcomes.get(operation), Some(Some(_))),
                method: self.operations.get(operation).and_then(|operation| operation.method.as_deref()),
                path: place.or(self.endpoints.get(operation).map(String::as_str)).unwrap_or_default(),
                status: outcome.status,
                error: outcome.error.as_ref(),
            });
        }
        if let Some(place) = self.outcomes.get_mut(operation) {
            self.errors += usize::from(outcome.error.is_some());
            *place = Some(outcome);
        }
    }

    /// One operation, as if it had been sent alone.
    async fn perform(
        &mut self,
        index: usize,
        ask: Result<Ask, Invalid>,
        bulk_id: Option<String>,
        in_circle: bool,
        in_time: bool,
    ) -> Outcome {
        let ask = match ask {
            Ok(ask) => ask,
            Err(invalid) => return Outcome::failed(None, &invalid.into()),
        };
        let target = match ask.action.target().map(|target| self.id_of(target)).transpose() {
            Ok(target) => target,
            Err(error) => return Outcome::failed(None, &error),
        };
        let kind = self.caller.bound.kind(&ask.endpoint);
        let place = target.as_deref().map(|id| match &kind {
            Ok(kind) => location(self.caller, kind, id),
            Err(_) => format!("{}/{}/{id}", self.caller.base, ask.endpoint),
        });
        if let Ok(kind) = &kind
            && let Some((id, version)) =
                self.before.and_then(|before| before.done(index, &ask.action, target.as_deref()))
        {
            return self.done_before(kind, id, version, &ask.action, bulk_id, in_circle);
        }
        let begun = kind.and_then(|kind| self.begin(in_time).map(|()| kind));
        let done = match begun {
            Ok(kind) => self.single(index, &kind, target.as_deref(), ask).await.map(|reply| (kind, reply)),
            Err(error) => Err(error),
        };
        match done {
            Ok((kind, Some(reply))) => {
                let id = reply.resource.as_ref().and_then(|resource| resource.get("id")?.as_str()).map(str::to_owned);
                let incomplete = id.clone().filter(|_| in_circle).map(|id| (kind, id));
                if let Some(known) = bulk_id.and_then(|name| self.created.get_mut(&name)).filter(|_| target.is_none()) {
                    *known = id;
                }
                Outcome { incomplete, ..Outcome::done(&reply) }
            }
            Ok((_, None)) => {
                Outcome { location: place, etag: None, status: StatusCode::NO_CONTENT, error: None, incomplete: None }
            }
            Err(error @ (ScimError::Invalid(_) | ScimError::Rejected(_))) if in_circle => {
                let detail =
                    format!("the operation refers to others in a circle, and cannot be created before them: {error}");
                Outcome::failed(place, &ScimError::Unresolved { detail })
            }
            Err(error) => Outcome::failed(place, &error),
        }
    }

    /// What an earlier attempt has done, as it was done then.
    fn done_before(
        &mut self,
        kind: &ResourceType,
        id: ResourceId,
        version: Version,
        action: &Action,
        bulk_id: Option<String>,
        in_circle: bool,
    ) -> Outcome {
        let place = Some(location(self.caller, kind, &id.to_string()));
        let done = |status, etag| Outcome { location: place, etag, status, error: None, incomplete: None };
        match action {
            Action::Create => {
                if let Some(known) = bulk_id.and_then(|name| self.created.get_mut(&name)) {
                    *known = Some(id.to_string());
                }
                let incomplete = in_circle.then(|| (kind.clone(), id.to_string()));
                Outcome { incomplete, ..done(StatusCode::CREATED, Some(version.etag())) }
            }
            Action::Replace(_) | Action::Patch(_) => done(StatusCode::OK, Some(version.etag())),
            Action::Delete(_) => done(StatusCode::NO_CONTENT, None),
        }
    }

    /// Whether there is time and room for one more operation. Each counts as a request of the tenant; the first was counted when the
    /// request came.
    fn begin(&mut self, in_time: bool) -> Result<(), ScimError> {
        if !in_time {
            return Err(ScimError::OutOfTime);
        }
        self.begun += 1;
        if self.begun > 1 { self.service.admit(&self.caller.tenant) } else { Ok(()) }
    }

    /// The single request; `None`: it was a DELETE.
    async fn single(
        &self,
        index: usize,
        kind: &ResourceType,
        id: Option<&str>,
        ask: Ask,
    ) -> Result<Option<Reply>, ScimError> {
        let Ask { action, version, mut data, .. } = ask;
        // Only in bulk is there anything that `bulkId:` could refer to.
        if self.before.is_none_or(|before| before.is_bulk) {
            bulk::resolve(&mut data, &mut |name| self.created(name))?;
        }
        let (service, caller) = (self.service, self.caller);
        let expected = version.as_deref().map(Expected::version).unwrap_or_default();
        let projection = projection(caller, kind)?;
        let id = id.unwrap_or_default();
        // On the heap: each of the four is large, and one at most is alive.
        match action {
            Action::Create => {
                let id = self.before.map(|before| before.new_id(index));
                Box::pin(service.create_as(caller, kind, id, data, &projection)).await.map(Some)
            }
            Action::Replace(_) => {
                Box::pin(service.replace(caller, kind, id, data, &expected, &projection)).await.map(Some)
            }
            Action::Patch(_) => Box::pin(service.patch(caller, kind, id, data, &expected, &projection)).await.map(Some),
            Action::Delete(_) => Box::pin(service.delete(caller, kind, id, &expected)).await.map(|()| None),
        }
    }

    /// Adds what a resource was created without. What it is told as is the outcome of the operation that created it.
    async fn complete(
        &self,
        kind: &ResourceType,
        id: &str,
        mut patch: Value,
        place: Option<String>,
        in_time: bool,
    ) -> Outcome {
        let added = async {
            if !in_time {
                return Err(ScimError::OutOfTime);
            }
            bulk::resolve(&mut patch, &mut |name| self.created(name))?;
            let projection = projection(self.caller, kind)?;
            Box::pin(self.service.patch(self.caller, kind, id, patch, &Expected::default(), &projection)).await
        };
        match added.await {
            Ok(reply) => Outcome { status: StatusCode::CREATED, ..Outcome::done(&reply) },
            Err(error) => Outcome::failed(place, &incomplete(&error.to_string())),
        }
    }

    fn id_of(&self, target: &Target) -> Result<String, ScimError> {
        match target {
            Target::Id(id) => Ok(id.clone()),
            Target::Created(name) => self.created(name),
        }
    }

    /// The id of what an operation of this request created.
    fn created(&self, name: &str) -> Result<String, ScimError> {
        let shown = || name.chars().filter(|c| !c.is_control()).take(64).collect::<String>();
        match self.created.get(name) {
            Some(Some(id)) => Ok(id.clone()),
            Some(None) => {
                let detail = format!("the operation refers to bulkId:{}, which was not created", shown());
                Err(ScimError::Unresolved { detail })
            }
            None => {
                let detail = format!("the operation refers to bulkId:{}, which no POST of this request has", shown());
                Err(Invalid::value(detail).into())
            }
        }
    }

    /// What is told of every operation that was attempted, in the order of the request (RFC 7644 §3.7.3).
    fn told(self) -> Vec<(usize, Value)> {
        let told =
            self.operations.into_iter().zip(self.outcomes).enumerate().filter_map(|(index, (operation, outcome))| {
                let mut outcome = outcome?;
                if outcome.incomplete.is_some() {
                    outcome = Outcome::failed(outcome.location, &incomplete("the request ended before it was added"));
                }
                Some((index, outcome.told(operation)))
            });
        told.collect()
    }
}

impl Outcome {
    fn told(self, of: BulkOperation) -> Value {
        let mut told = Map::new();
        let mut tell = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                told.insert(name.into(), value);
            }
        };
        tell("location", self.location.map(Value::String));
        tell("method", of.method.map(Value::String));
        tell("bulkId", of.bulk_id.map(Value::String));
        tell("version", self.etag.map(Value::String));
        tell("status", Some(self.status.as_str().into()));
        tell("response", self.error);
        Value::Object(told)
    }
}

fn incomplete(reason: &str) -> ScimError {
    ScimError::Unresolved {
        detail: format!("the resource was created, but not with what refers to others in a circle: {reason}"),
    }
}

/// The answer has no bodies, so they are not made: a group may have many members. A user's version is that of the whole of it.
fn projection(caller: &Caller, kind: &ResourceType) -> Result<Projection, ScimError> {
    if kind == &ResourceType::USER {
        return Ok(Projection::default());
    }
    Ok(Projection::parse(caller.bound.accepted(kind)?, Some("id"), None)?)
}
