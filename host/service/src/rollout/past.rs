//! A write that one plugin has decided, put to another one: what that would have made of it. Nothing is written.

use muster_model::{
    Account, Event, NewTask, PluginDigest, Record, RequestId, ResourceId, ResourceType, Snapshot, Timestamp, Version,
};
use muster_protocol::Document;
use serde_json::{Value, json};

use super::MAX_FAILURES;
use super::tally::Seen;
use super::weigh::Patience;
use crate::authenticate::Caller;
use crate::create::{Decided, change_of};
use crate::mapped::{Mapped, map, plan, plan_members};
use crate::retry::Attempt;
use crate::standard::STANDARD;
use crate::{ScimError, Service};

/// A write, with everything that a plugin was told of it.
#[derive(Debug)]
pub(crate) struct Past {
    /// The resource as it became; of one that went, or whose write was refused, as it was or as it was sent.
    pub record: Record,
    pub event: Event,
    pub at: Timestamp,
    pub request: RequestId,
    /// Its place in the log, if it has one.
    pub seq: Option<u64>,
    /// As it was sent, normalised and not narrowed; `None`: the mapping was not asked.
    pub sent: Option<Document>,
    /// What the mapping was told of the account.
    pub before: Option<Account>,
    /// Members that a group gained or lost.
    pub members: Vec<(Event, ResourceId)>,
    pub came: Came,
}

/// What the plugin made of it.
#[derive(Debug)]
pub(crate) enum Came {
    /// What the record is, and these tasks; `None`: they are not known.
    Stored(Option<Vec<NewTask>>),
    /// Nothing: it was so already.
    Unchanged,
    /// Nothing, for this reason.
    Refused(String),
}

/// What another plugin makes of it.
#[derive(Debug)]
pub(super) enum Compared {
    /// The same.
    Same,
    /// Something else.
    Different(Box<Seen>),
    /// It was refused, and this one accepts it, with this account.
    Accepted(Option<Box<Account>>),
    /// It does not serve such resources.
    NotServed,
    /// It does not want it.
    Rejected(ScimError),
    /// It gave no answer.
    Failed(ScimError),
}

/// What a plugin said to a write.
struct Said {
    mapped: Option<Mapped>,
    tasks: Vec<NewTask>,
}

impl Past {
    /// Why it was refused, if it was.
    pub(super) fn refused(&self) -> Option<&str> {
        match &self.came {
            Came::Stored(_) | Came::Unchanged => None,
            Came::Refused(says) => Some(says),
        }
    }

    /// Says in what is told of it which write it was.
    pub(super) fn name_in(&self, told: &mut Value) {
        told["request"] = json!(self.request);
        told["at"] = json!(self.at.to_string());
        if let Some(seq) = self.seq {
            told["seq"] = json!(seq);
        }
    }
}

/// Why a candidate that keeps failing is not asked for ever.
pub(super) fn no_answers() -> String {
    format!("the plugin gave no answer for {MAX_FAILURES} writes; it was not asked any more")
}

/// A resource that is to be added, as it was sent.
pub(crate) fn record_of_new(resource_type: &ResourceType, id: ResourceId, sent: &Document) -> Record {
    let side = Snapshot { document: sent.clone(), account: Account::unmapped(), created: None };
    record_of(&side, (resource_type, id), (Timestamp::from_millis(0), Version::FIRST, STANDARD))
}

/// The resource of one side of a change, as far as the log keeps it.
pub(super) fn record_of(
    side: &Snapshot,
    (resource_type, id): (&ResourceType, ResourceId),
    (at, version, plugin): (Timestamp, Version, PluginDigest),
) -> Record {
    Record {
        id,
        resource_type: resource_type.clone(),
        created: side.created.unwrap_or(at),
        modified: at,
        version,
        document: side.document.clone(),
        account: side.account.clone(),
        plugin,
        keys: Vec::new(),
        index: Vec::new(),
    }
}

impl Service {
    /// Puts a write to the plugin of `caller`, which is told the time of the write. `present`: who can say which tasks followed from it, where
    /// that is not known. What is not about this one write is an error.
    pub(super) async fn compare(
        &self,
        caller: &mut Caller,
        mut present: Option<&mut Caller>,
        past: &Past,
    ) -> Result<Compared, Attempt> {
        if caller.bound.served(&past.record.resource_type).is_err() {
            return Ok(Compared::NotServed);
        }
        caller.now = past.at;
        let said = match self.patiently(caller, past).await {
            Ok(said) => said,
            Err(error) => return without(past, error),
        };
        let were = match &past.came {
            Came::Refused(_) => {
                return Ok(Compared::Accepted(said.mapped.map(|mapped| Box::new(mapped.account))));
            }
            Came::Stored(Some(tasks)) => Some(tasks.clone()),
            // Whoever changes nothing is not asked what is to follow.
            Came::Unchanged => None,
            Came::Stored(None) => match &mut present {
                Some(present) => {
                    present.now = past.at;
                    self.planned_then(present, past).await
                }
                None => None,
            },
        };
        Ok(compared(caller, past, said, were))
    }

    async fn patiently(&self, caller: &Caller, past: &Past) -> Result<Said, ScimError> {
        let mut patience = Patience::default();
        loop {
            match self.ask(caller, past).await {
                Err(error) if patience.tries_again(&error).await => {}
                said => return said,
            }
        }
    }

    async fn ask(&self, caller: &Caller, past: &Past) -> Result<Said, ScimError> {
        let (resource_type, id) = (&past.record.resource_type, past.record.id);
        let mapped = match &past.sent {
            Some(sent) => Some(map(caller, resource_type, id, sent, past.before.as_ref())?),
            None => None,
        };
        let account = mapped.as_ref().map_or(&past.record.account, |mapped| &mapped.account);
        let tasks = self.plan_of(caller, past, account).await?;
        Ok(Said { mapped, tasks })
    }

    /// What would follow from a write that gives this account.
    async fn plan_of(&self, caller: &Caller, past: &Past, account: &Account) -> Result<Vec<NewTask>, ScimError> {
        let of = (&past.record.resource_type, past.record.id);
        let before = past.before.as_ref().filter(|_| past.event != Event::Created);
        let mut tasks = match (past.event, &past.sent) {
            (Event::Deleted, _) => plan(caller, of.0, of.1, Event::Deleted, (before, None), None)?,
            (event, Some(_)) => plan(caller, of.0, of.1, event, (before, Some(account)), None)?,
            (_, None) => Vec::new(),
        };
        let (members, sides) = (past.members.iter().copied(), (before, Some(account)));
        tasks.extend(plan_members(&self.parts.limits, caller, of, sides, members).await?);
        Ok(tasks)
    }

    /// What the plugin that decides now would plan for what was stored then; `None` if it cannot say.
    async fn planned_then(&self, present: &Caller, past: &Past) -> Option<Vec<NewTask>> {
        let mut patience = Patience::default();
        loop {
            match self.plan_of(present, past, &past.record.account).await {
                Ok(tasks) => return Some(tasks),
                Err(error) if patience.tries_again(&error).await => {}
                Err(_) => return None,
            }
        }
    }
}

/// What it is that a plugin has not decided a write.
fn without(past: &Past, error: ScimError) -> Result<Compared, Attempt> {
    if matches!(error, ScimError::Plugin(_)) {
        return Ok(Compared::Failed(error));
    }
    if !error.wire().status.is_client_error() {
        return Err(Attempt::Failed(error));
    }
    Ok(match past.came {
        Came::Refused(_) => Compared::Same,
        Came::Stored(_) | Came::Unchanged => Compared::Rejected(error),
    })
}

fn compared(caller: &Caller, past: &Past, said: Said, were: Option<Vec<NewTask>>) -> Compared {
    let then = &past.record;
    let next = match said.mapped {
        Some(mapped) => Record {
            document: mapped.document,
            account: mapped.account,
            plugin: mapped.plugin,
            keys: then.keys.clone(),
            ..then.clone()
        },
        None => then.clone(),
    };
    let same_tasks = were.as_ref().is_none_or(|were| asks_for_the_same(were, &said.tasks));
    if next.document == then.document && next.account == then.account && same_tasks {
        return Compared::Same;
    }
    let change = change_of(caller, past.event, Some(then), Some(&next), &next);
    let decided = Decided {
        record: next,
        writes: Vec::new(),
        free: Vec::new(),
        gone: None,
        change,
        tasks: said.tasks,
        shadowed: None,
    };
    Compared::Different(Box::new(Seen::of(then, &decided).instead_of(past, &were.unwrap_or_default())))
}

/// Whether two plugins want the same to be done, in this order; which of them asks is all that may differ.
fn asks_for_the_same(one: &[NewTask], other: &[NewTask]) -> bool {
    let same = |(one, other): (&NewTask, &NewTask)| {
        (&one.action, &one.idempotency_key, &one.arguments, one.destructive)
            == (&other.action, &other.idempotency_key, &other.arguments, other.destructive)
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}
