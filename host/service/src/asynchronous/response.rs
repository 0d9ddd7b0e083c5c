//! What came of a request that was accepted: kept with the task of its response, told to those who take `async.response`, and to whoever asks
//! where the answer 202 has said.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use http::StatusCode;
use muster_model::{Actor, Decision, Field, FieldValue, Progress, Queue, ResourceId, Standing, Task, TenantId};
use muster_plugin::Outcome;
use muster_protocol::BULK_RESPONSE;
use muster_store::{MAX_DECISION_BYTES, MAX_TASKS_A_PAGE, Outbox, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::carry::Stored;
use super::{RESPONSE, key, queue, txn};
use crate::authenticate::Caller;
use crate::events::{ASYNC_RESPONSE, Announcement, MAX_ANNOUNCED_WAITING};
use crate::{ScimError, Service};

/// How long an answer can be that is kept, in bytes. A longer one is kept without the sentences of its errors and without `bulkId`s; one that
/// is too long even so, with the status of each operation alone.
pub const MAX_ANSWER_BYTES: usize = MAX_DECISION_BYTES;

/// How many requests are known at once to have been carried out by this process and not told of; the others are looked for.
const MAX_UNTOLD: usize = 10_000;

/// Who has decided what the answer is.
const ANSWERED_BY: &str = "async";

/// How a request stands that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum Later {
    /// It is not answered yet.
    Waits {
        /// What the events that tell of it are known by.
        txn: String,
    },
    /// What came of it: each operation as in the answer to a bulk request (RFC 7644 §3.7.3), of one that was sent alone as well.
    Answered(Value),
}

/// The requests that this process has answered and has not begun to tell of. Of each other one an attempt may have told before, which was cut
/// short, or another process.
#[derive(Debug, Default)]
pub(crate) struct Untold(Mutex<HashSet<(TenantId, ResourceId)>>);

impl Untold {
    fn put(&self, tenant: &TenantId, txn: ResourceId) {
        let mut untold = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if untold.len() < MAX_UNTOLD {
            untold.insert((tenant.clone(), txn));
        }
    }

    /// Whether it is one of them; it is none from now on.
    fn take(&self, tenant: &TenantId, txn: ResourceId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(tenant.clone(), txn))
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    is_bulk: bool,
    /// What is told of each operation that was attempted, with its place in the request.
    operations: Vec<(usize, Value)>,
}

impl Answer {
    /// Of what was told, with paths instead of the URLs that one client has.
    pub(super) fn new(mut operations: Vec<(usize, Value)>, base: &str, is_bulk: bool) -> Self {
        for (_, told) in operations.iter_mut().filter_map(|(index, told)| Some((index, told.as_object_mut()?))) {
            let path = told.remove("location").and_then(|url| Some(url.as_str()?.strip_prefix(base)?.to_owned()));
            told.extend(path.map(|path| ("uri".to_owned(), path.into())));
        }
        Self { is_bulk, operations }
    }

    /// The refusal of the whole.
    pub(super) fn refused(error: &ScimError) -> Self {
        let told = json!({ "status": error.wire().status.as_str(), "response": error.body() });
        Self { is_bulk: false, operations: vec![(0, told)] }
    }

    /// The same in other words of the host's.
    pub(super) fn of_the_host(status: StatusCode, detail: &str) -> Self {
        let response = json!({ "schemas": [muster_protocol::ERROR], "status": status.as_str(), "detail": detail });
        Self { is_bulk: false, operations: vec![(0, json!({ "status": status.as_str(), "response": response }))] }
    }

    /// The status of a request that was sent alone.
    pub(super) fn status(&self) -> u16 {
        let status = self.operations.first().and_then(|(_, told)| told["status"].as_str()?.parse().ok());
        status.unwrap_or(500)
    }

    /// Why it was refused, if it was.
    pub(super) fn detail(&self) -> Option<&str> {
        self.operations.first().and_then(|(_, told)| told["response"]["detail"].as_str())
    }

    fn kept(&self) -> Result<String, StoreError> {
        let written =
            |answer: &Self| serde_json::to_string(answer).map_err(|error| StoreError::Unavailable(error.into()));
        let whole = written(self)?;
        if whole.len() <= MAX_ANSWER_BYTES {
            return Ok(whole);
        }
        let mut short = self.clone();
        for told in short.operations.iter_mut().filter_map(|(_, told)| told.as_object_mut()) {
            told.remove("bulkId");
            if let Some(Value::Object(error)) = told.get_mut("response") {
                error.remove("detail");
            }
        }
        let without_words = written(&short)?;
        if without_words.len() <= MAX_ANSWER_BYTES {
            return Ok(without_words);
        }
        for told in short.operations.iter_mut().filter_map(|(_, told)| told.as_object_mut()) {
            told.retain(|name, _| name == "status");
        }
        written(&short)
    }

    /// As whoever knows the server by `base` reads it.
    fn shown(self, base: &str) -> Value {
        let operations = self.operations.into_iter().map(|(_, mut told)| {
            if let Some(uri) = told.as_object_mut().and_then(|told| told.remove("uri")) {
                told["location"] = json!(format!("{base}{}", uri.as_str().unwrap_or_default()));
            }
            told
        });
        let operations: Vec<Value> = operations.collect();
        json!({ "schemas": [BULK_RESPONSE], "Operations": operations })
    }
}

/// The answer that is kept with a response; `None`: there is none yet.
pub(super) fn answer_of(progress: &Progress) -> Result<Option<Answer>, StoreError> {
    let answered = progress.decisions.iter().find(|decision| is_answer(decision));
    let read = |decision: &Decision| serde_json::from_str(&decision.what);
    answered.map(read).transpose().map_err(|_| StoreError::Damaged("the answer to a request".to_owned()))
}

/// Whether a decision is none that anybody made, but the answer to a request.
pub(crate) fn is_answer(decision: &Decision) -> bool {
    decision.by == Actor::Job(ANSWERED_BY.to_owned())
}

/// What is told of a request that ended without an answer of its own.
fn given_up(request: &Progress) -> Option<Answer> {
    match request.standing {
        Standing::Waiting | Standing::Held => None,
        Standing::Parked | Standing::Done => {
            let failure = request.told.last().and_then(|attempt| attempt.failure.as_deref());
            let detail = failure.unwrap_or("the request could not be carried out; send it again");
            Some(Answer::of_the_host(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
        Standing::Skipped | Standing::Cancelled => Some(Answer::of_the_host(
            StatusCode::FORBIDDEN,
            "an operator has decided that the request is not carried out",
        )),
    }
}

impl Service {
    /// Keeps the answer to a request, durably.
    pub(super) async fn keep_answer(
        &self,
        tenant: &TenantId,
        response: &Task,
        mut progress: Progress,
        answer: &Answer,
    ) -> Result<(), StoreError> {
        let at = self.parts.clock.now();
        progress.decisions.push(Decision { at, by: Actor::Job(ANSWERED_BY.to_owned()), what: answer.kept()? });
        progress.revision += 1;
        self.parts.store.outbox(tenant).decide(response.seq, progress.revision - 1, progress).await?;
        if let Some(txn) = txn(response) {
            self.untold.put(tenant, txn);
        }
        Ok(())
    }

    /// Tells what came of the request before this response: its turn comes when that is over.
    pub(super) async fn tell_response(&self, tenant: &TenantId, task: &Task) -> Result<Outcome, StoreError> {
        let failed = |reason: &str| Ok(Outcome::Failed { reason: reason.to_owned() });
        let outbox = self.parts.store.outbox(tenant);
        let Some(txn) = txn(task) else { return failed("the request that it answers is not named") };
        let Some((_, progress)) = outbox.task(task.seq).await? else { return failed("it is not there any more") };
        let request = outbox.task(task.seq.saturating_sub(1)).await?;
        let Some((request, came)) = request.filter(|(task, _)| super::txn(task) == Some(txn)) else {
            return failed("the request that it answers is not there any more");
        };
        let Some(answer) = answer_of(&progress)?.or_else(|| given_up(&came)) else {
            return Ok(Outcome::Again { reason: "its request is not answered yet".to_owned(), after: None });
        };
        let before = if self.untold.take(tenant, txn) {
            HashSet::new()
        } else {
            told_before(outbox.as_ref(), task.seq, txn).await?
        };
        let announcements = answer.operations.iter().map(|(index, told)| {
            // RFC 9967 §2.5.1.2: of many operations each has an event, which names its place in the request.
            let txn = if answer.is_bulk { format!("{txn}:{index}") } else { txn.to_string() };
            let data = fields(&txn, told, super::text(&request, "method"));
            Announcement { name: ASYNC_RESPONSE, key: told_as(&txn), data, to: None }
        });
        let full = self.full_of(tenant).await?;
        self.announce_all(tenant, &announcements.collect::<Vec<_>>(), &before, &full).await?;
        if let Some(stored) = Stored::of(&request) {
            self.forget_body(tenant, stored.txn, stored.bytes).await?;
        }
        // Who was told is found by the next attempt, and is not told again.
        Ok(full.iter().min().map_or(Outcome::Done, |queue| Outcome::Again {
            reason: format!("{MAX_ANNOUNCED_WAITING} tasks wait for {queue}, which is told of it when there are fewer"),
            after: None,
        }))
    }

    /// How a request stands that was accepted; `name` is what its `Location` ends with.
    pub async fn later(&self, caller: &Caller, name: &str) -> Result<Later, ScimError> {
        let unknown = || ScimError::NotFound {
            detail: "there is no such request, or what came of it is not kept any more".to_owned(),
        };
        let (seq, txn) = name.split_once('-').ok_or_else(unknown)?;
        let seq: u64 = seq.parse().map_err(|_| unknown())?;
        let outbox = self.parts.store.outbox(&caller.tenant.id);
        let found = outbox.task(seq).await?;
        let own = |task: &Task| {
            let parsed = super::txn(task);
            let is_response = task.task.queue == queue() && task.task.action == RESPONSE;
            let parsed = parsed.filter(|it| is_response && task.task.idempotency_key == key(RESPONSE, *it));
            parsed.is_some_and(|it| it.to_string() == txn)
        };
        let (task, progress) = found.filter(|(task, _)| own(task)).ok_or_else(unknown)?;
        let mut answer = answer_of(&progress)?;
        if answer.is_none() {
            let request = outbox.task(task.seq.saturating_sub(1)).await?;
            answer = request.and_then(|(_, came)| given_up(&came));
        }
        Ok(match answer {
            Some(answer) => Later::Answered(answer.shown(&caller.base)),
            None => Later::Waits { txn: txn.to_owned() },
        })
    }
}

/// What was announced of a request before, by an attempt that ended without having said so: to which queues, by which keys. What tells of it
/// stands behind its response.
async fn told_before(outbox: &dyn Outbox, seq: u64, txn: ResourceId) -> Result<HashSet<(Queue, String)>, StoreError> {
    let whole = told_as(&txn.to_string());
    let is_own = |key: &str| key.strip_prefix(&whole).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    let (mut found, mut after) = (HashSet::new(), seq);
    // To the end, page by page: what is not found would be told twice.
    loop {
        let page = outbox.tasks_of(0, after, MAX_TASKS_A_PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(found) };
        after = last.seq;
        let own = page.into_iter().map(|(task, _)| task.task).filter(|task| is_own(&task.idempotency_key));
        found.extend(own.map(|task| (task.queue, task.idempotency_key)));
    }
}

fn told_as(txn: &str) -> String {
    format!("{ASYNC_RESPONSE}-{txn}")
}

/// What an event says of an operation: what the answer to a bulk request would say of it, with its `txn`, and with a path, because the URLs of
/// one client are no others'.
fn fields(txn: &str, told: &Value, method: Option<&str>) -> Vec<Field> {
    let told: Map<String, Value> = told.as_object().cloned().unwrap_or_default();
    let text = |name: &str, value: &str| Field { name: name.to_owned(), value: FieldValue::Text(value.to_owned()) };
    let of = |name: &str| told.get(name).and_then(Value::as_str).map(|value| text(name, value));
    let method = of("method").or_else(|| method.map(|method| text("method", method)));
    let response = told
        .get("response")
        .map(|response| Field { name: "response".to_owned(), value: FieldValue::Json(response.to_string()) });
    let own = [Some(text("txn", txn)), method, of("uri"), of("bulkId"), of("version"), of("status"), response];
    own.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(count: usize, detail: &str) -> Vec<(usize, Value)> {
        let one = |index| {
            let response = json!({ "schemas": [muster_protocol::ERROR], "status": "400", "detail": detail });
            (index, json!({ "method": "POST", "bulkId": "b", "status": "400", "response": response }))
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn an_answer_is_read_back_with_the_urls_of_whoever_reads_it() {
        let url = "https://one.example/scim/v2/Users/42";
        let told = vec![(0, json!({ "method": "PUT", "location": url, "status": "200" }))];
        let answer = Answer::new(told, "https://one.example/scim/v2", false);
        let read: Answer = serde_json::from_str(&answer.kept().unwrap()).unwrap();
        assert_eq!(read, answer);
        let shown = read.shown("https://other.example/scim/v2");
        assert_eq!(shown["Operations"][0]["location"], "https://other.example/scim/v2/Users/42");
    }

    #[test]
    fn an_answer_that_is_too_long_is_kept_without_its_sentences() {
        let most = muster_protocol::bulk::MAX_BULK_OPERATIONS;
        let short = Answer::new(told(3, "no"), "", true).kept().unwrap();
        assert!(short.contains("\"detail\":\"no\""));
        let long = Answer::new(told(most, &"x".repeat(200)), "", true).kept().unwrap();
        let read: Answer = serde_json::from_str(&long).unwrap();
        assert_eq!(read.operations.len(), most);
        assert!(!long.contains("detail") && !long.contains("bulkId"));
        assert!(long.len() <= MAX_ANSWER_BYTES, "{}", long.len());
        assert_eq!(read.operations[most - 1].1["response"]["status"], "400");
    }

    #[test]
    fn of_an_answer_that_is_too_long_even_so_each_status_is_kept() {
        let most = muster_protocol::bulk::MAX_BULK_OPERATIONS;
        let mut long = told(most, "no");
        for (_, told) in &mut long {
            told["location"] = json!("/".repeat(MAX_ANSWER_BYTES / most));
        }
        let kept = Answer::new(long, "", true).kept().unwrap();
        assert!(kept.len() <= MAX_ANSWER_BYTES, "{}", kept.len());
        let read: Answer = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.operations[most - 1], (most - 1, json!({ "status": "400" })));
    }

    #[test]
    fn a_request_is_untold_once_and_only_so_many_are_remembered() {
        let (untold, acme) = (Untold::default(), TenantId::parse("acme").unwrap());
        let id = |number: usize| ResourceId::from_bytes((number as u128).to_be_bytes());
        for number in 0..=MAX_UNTOLD {
            untold.put(&acme, id(number));
        }
        assert!(untold.take(&acme, id(0)) && !untold.take(&acme, id(0)));
        assert!(!untold.take(&TenantId::parse("globex").unwrap(), id(1)));
        assert!(!untold.take(&acme, id(MAX_UNTOLD)), "it is looked for");
    }
}
