//! A candidate that is tried on live requests: beside the plugin that decides (shadow), or in its place for a share of the users (canary).
//!
//! A trial hangs on the binding that it is tried against, so another binding ends it, and a request that is under way when it ends is
//! decided as it began. Every write of a resource is decided by one of the three functions below; where nothing is tried they cost one look
//! at a pointer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use muster_model::{Account, Actor, Event, Record, ResourceId, ResourceType, RolloutId};
use muster_protocol::Document;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::authenticate::Caller;
use crate::binding::Bound;
use crate::create::{Decided, New};
use crate::patch::Shall;
use crate::retry::Attempt;
use crate::rollout::{Came, Past, is_in_sample, record_of_new};
use crate::{ScimError, Service};

/// How many writes wait to be compared; one more is not compared, and counted.
pub const SHADOW_QUEUE: usize = 1_000;

/// How much memory they take together, in bytes: roughly.
pub const SHADOW_QUEUE_BYTES: usize = 16 << 20;

/// Bytes that a write takes besides its documents, and a value besides its text: roughly.
const PAST_BYTES: usize = 512;
const VALUE_BYTES: usize = 48;

/// What is tried on the requests of a tenant.
#[derive(Debug)]
pub(crate) enum Trial {
    Shadow(Shadow),
    Canary(Canary),
}

/// Every write is told to a candidate as well, after it is committed.
#[derive(Debug)]
pub(crate) struct Shadow {
    rollout: RolloutId,
    queue: mpsc::Sender<Queued>,
    bytes: Arc<AtomicUsize>,
    dropped: AtomicU64,
}

/// A candidate decides for a share of the users.
#[derive(Debug)]
pub(crate) struct Canary {
    pub rollout: RolloutId,
    pub candidate: Arc<Bound>,
    pub percent: u8,
}

/// A write that waits to be compared.
#[derive(Debug)]
pub(crate) struct Queued {
    pub past: Past,
    /// Gives its room back.
    _room: Room,
}

#[derive(Debug)]
struct Room {
    bytes: usize,
    taken: Arc<AtomicUsize>,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A write that goes to a candidate as soon as it is committed.
#[derive(Debug)]
pub(crate) struct Shadowed {
    trial: Arc<Trial>,
    past: Past,
}

impl Trial {
    pub(crate) const fn rollout(&self) -> RolloutId {
        match self {
            Self::Shadow(shadow) => shadow.rollout,
            Self::Canary(canary) => canary.rollout,
        }
    }

    /// How many writes were not compared, because too many waited already.
    pub(crate) fn dropped(&self) -> u64 {
        match self {
            Self::Shadow(shadow) => shadow.dropped.load(Ordering::Relaxed),
            Self::Canary(_) => 0,
        }
    }

    fn offer(&self, past: Past) {
        match self {
            Self::Shadow(shadow) => shadow.offer(past),
            Self::Canary(_) => {}
        }
    }
}

impl Shadow {
    /// And where its writes come out.
    pub(crate) fn new(rollout: RolloutId) -> (Self, mpsc::Receiver<Queued>) {
        let (queue, queued) = mpsc::channel(SHADOW_QUEUE);
        (Self { rollout, queue, bytes: Arc::default(), dropped: AtomicU64::new(0) }, queued)
    }

    /// Never waits: where there is no room, the write is not compared.
    fn offer(&self, past: Past) {
        let bytes = size(&past);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let room = Room { bytes, taken: self.bytes.clone() };
        let is_taken =
            before + bytes <= SHADOW_QUEUE_BYTES && self.queue.try_send(Queued { past, _room: room }).is_ok();
        if !is_taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Canary {
    /// Whether the candidate decides about this resource: a user is always decided by the same one, whatever becomes of him. Groups are not
    /// divided: what is done to one concerns users of both sides.
    fn decides(&self, resource_type: &ResourceType, id: ResourceId) -> bool {
        decides(self.percent, resource_type, id)
    }
}

fn decides(percent: u8, resource_type: &ResourceType, id: ResourceId) -> bool {
    resource_type == &ResourceType::USER && is_in_sample(id, percent)
}

impl Shadowed {
    /// It is committed, at this place in the log.
    pub(crate) fn committed(self, seq: u64) {
        self.trial.offer(Past { seq: Some(seq), ..self.past });
    }
}

impl Caller {
    fn trial(&self) -> Option<Arc<Trial>> {
        self.bound.trial.load_full()
    }

    /// The same request, decided by a candidate.
    fn decided_by(&self, candidate: &Arc<Bound>) -> Self {
        self.notes.decided_by(candidate);
        Self { bound: candidate.clone(), ..self.clone() }
    }
}

impl Service {
    /// What adding a resource means: nothing is written yet.
    pub(crate) async fn decide_new(&self, caller: &Caller, new: New<'_>) -> Result<Decided, Attempt> {
        let Some(trial) = caller.trial() else { return self.decide_new_by(caller, new).await };
        match &*trial {
            Trial::Canary(canary) if canary.decides(new.resource_type, new.id) => {
                self.decide_new_by(&caller.decided_by(&canary.candidate), new).await
            }
            Trial::Canary(_) => self.decide_new_by(caller, new).await,
            Trial::Shadow(_) => {
                let asked = Asked {
                    current: record_of_new(new.resource_type, new.id, &new.sent.document),
                    sent: Some(new.sent.document.clone()),
                    before: new.earlier.cloned(),
                    event: Event::Created,
                };
                let decided = self.decide_new_by(caller, new).await;
                asked.shadowed(caller, trial, decided.map(Some)).and_then(|decided| decided.ok_or(Attempt::Stale))
            }
        }
    }

    /// What making a resource what it shall be means; `None`: it is so already. Nothing is written yet.
    pub(crate) async fn decide(
        &self,
        caller: &Caller,
        current: &Record,
        shall: Shall,
    ) -> Result<Option<Decided>, Attempt> {
        let Some(trial) = caller.trial() else { return self.decide_by(caller, current, shall).await };
        match &*trial {
            Trial::Canary(canary) if canary.decides(&current.resource_type, current.id) => {
                self.decide_by(&caller.decided_by(&canary.candidate), current, shall).await
            }
            Trial::Canary(_) => self.decide_by(caller, current, shall).await,
            Trial::Shadow(_) => {
                let asked = Asked {
                    current: current.clone(),
                    sent: shall.document.clone(),
                    before: Some(current.account.clone()),
                    event: Event::Updated,
                };
                let decided = self.decide_by(caller, current, shall).await;
                asked.shadowed(caller, trial, decided)
            }
        }
    }

    /// What removing a resource means: nothing is written yet.
    pub(crate) async fn decide_gone(&self, caller: &Caller, current: Record) -> Result<Decided, Attempt> {
        let Some(trial) = caller.trial() else { return self.decide_gone_by(caller, current).await };
        match &*trial {
            Trial::Canary(canary) if canary.decides(&current.resource_type, current.id) => {
                self.decide_gone_by(&caller.decided_by(&canary.candidate), current).await
            }
            Trial::Canary(_) => self.decide_gone_by(caller, current).await,
            Trial::Shadow(_) => {
                let before = Some(current.account.clone());
                let asked = Asked { current: current.clone(), sent: None, before, event: Event::Deleted };
                let decided = self.decide_gone_by(caller, current).await;
                asked.shadowed(caller, trial, decided.map(Some)).and_then(|decided| decided.ok_or(Attempt::Stale))
            }
        }
    }
}

/// What a plugin is about to be asked, and a candidate after it.
struct Asked {
    current: Record,
    sent: Option<Document>,
    before: Option<Account>,
    /// What it is if nothing comes of it.
    event: Event,
}

impl Asked {
    /// What the plugin has made of it goes to the candidate: with the commit, or at once if there will be none. Only what identity providers
    /// ask for is compared.
    fn shadowed(
        self,
        caller: &Caller,
        trial: Arc<Trial>,
        decided: Result<Option<Decided>, Attempt>,
    ) -> Result<Option<Decided>, Attempt> {
        if !matches!(caller.actor, Actor::Token(_)) {
            return decided;
        }
        match decided {
            Ok(Some(mut decided)) => {
                let past = self.decided(caller, &decided);
                decided.shadowed = Some(Box::new(Shadowed { trial, past }));
                Ok(Some(decided))
            }
            Ok(None) => {
                trial.offer(self.past(caller, Came::Unchanged));
                Ok(None)
            }
            Err(Attempt::Failed(error)) if is_the_plugins(&error) => {
                trial.offer(self.past(caller, Came::Refused(error.to_string())));
                Err(Attempt::Failed(error))
            }
            Err(other) => Err(other),
        }
    }

    fn decided(self, caller: &Caller, decided: &Decided) -> Past {
        let Decided { record, change, tasks, .. } = decided;
        let is_gone = change.event == Event::Deleted;
        let gained = change.members_added.iter().map(|member| (Event::MemberAdded, *member));
        let lost = change.members_removed.iter().map(|member| (Event::MemberRemoved, *member));
        let members = if is_gone { Vec::new() } else { lost.chain(gained).collect() };
        let came = Came::Stored(Some(tasks.clone()));
        Past { record: record.clone(), event: change.event, members, ..self.past(caller, came) }
    }

    fn past(self, caller: &Caller, came: Came) -> Past {
        Past {
            record: self.current,
            event: self.event,
            at: caller.now,
            request: caller.request.clone(),
            seq: None,
            sent: self.sent,
            before: self.before,
            members: Vec::new(),
            came,
        }
    }
}

/// Whether it was the plugin that did not let it through.
const fn is_the_plugins(error: &ScimError) -> bool {
    matches!(error, ScimError::Rejected(_) | ScimError::Plugin(_))
}

/// Roughly how many bytes a write takes while it waits.
fn size(past: &Past) -> usize {
    let document =
        |document: &Document| document.0.iter().map(|(name, value)| name.len() + size_of(value)).sum::<usize>();
    PAST_BYTES
        + document(&past.record.document)
        + past.sent.as_ref().map_or(0, document)
        + past.members.len() * VALUE_BYTES
}

fn size_of(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len(),
            Value::Array(list) => list.iter().map(size_of).sum(),
            Value::Object(object) => object.iter().map(|(name, value)| name.len() + size_of(value)).sum(),
        }
}

#[cfg(test)]
mod tests {
    use muster_model::{RequestId, Timestamp};
    use serde_json::json;

    use super::*;

    fn past(title: &str) -> Past {
        let Value::Object(map) = json!({ "userName": "ada", "title": title }) else { unreachable!() };
        let document = Document(map);
        Past {
            record: record_of_new(&ResourceType::USER, ResourceId::from_bytes([7; 16]), &document),
            event: Event::Created,
            at: Timestamp::from_millis(0),
            request: RequestId("one".into()),
            seq: None,
            sent: Some(document),
            before: None,
            members: Vec::new(),
            came: Came::Unchanged,
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_not_compared_and_counted() {
        let (shadow, mut queued) = Shadow::new(RolloutId(ResourceId::from_bytes([1; 16])));
        let trial = Trial::Shadow(shadow);
        for _ in 0..SHADOW_QUEUE + 3 {
            trial.offer(past("Countess"));
        }
        assert_eq!((trial.dropped(), queued.len()), (3, SHADOW_QUEUE));
        while queued.try_recv().is_ok() {}

        // The document is there twice: as it was sent, and as it is.
        let large = "x".repeat(SHADOW_QUEUE_BYTES / 8);
        for _ in 0..5 {
            trial.offer(past(&large));
        }
        assert_eq!((trial.dropped(), queued.len()), (5, 3));
        while queued.try_recv().is_ok() {}
        trial.offer(past(&large));
        assert_eq!((trial.dropped(), queued.len()), (5, 1), "whatever was compared gives its room back");
    }

    #[test]
    fn a_canary_decides_for_about_its_share_of_the_users_and_for_no_group() {
        let id = |n: u64| {
            let mut bytes = [0; 16];
            bytes[8..].copy_from_slice(&n.to_be_bytes());
            ResourceId::from_bytes(bytes)
        };
        let share = |kind: &ResourceType| (0..10_000).filter(|n| decides(20, kind, id(*n))).count();
        assert!((1_850..2_150).contains(&share(&ResourceType::USER)), "{}", share(&ResourceType::USER));
        assert_eq!(share(&ResourceType::GROUP), 0);
    }
}
