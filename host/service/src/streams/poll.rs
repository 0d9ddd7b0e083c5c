mod asked;
mod places;

use std::sync::Arc;
use std::time::Duration;

use muster_model::{
    Attempt, Method, PollToken, Progress, Queue, ReceiverName, Standing, StreamRow, TenantId, TenantRow, Timestamp,
    Token, TokenHash,
};
use muster_store::{Lease, Outbox, Settled, StoreError};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

pub(crate) use places::Polls;

use asked::Poll;

use super::token::{Untold, jti, seq_of};
use super::{is_of_another, stream};
use crate::Service;

/// How large the body of a poll can be, in bytes.
pub const MAX_POLL_BYTES: usize = 256 << 10;

/// How many tokens one poll acknowledges at most, and how many it refuses.
pub const MAX_ACKNOWLEDGED_AT_ONCE: usize = 1_000;

/// How many tokens one answer has at most, whatever `maxEvents` says; and how many it has if that says nothing.
pub const MAX_SETS_A_POLL: usize = 100;

/// How large the tokens of one answer are together, in bytes: then the answer ends. One token is always told, however large.
pub const MAX_POLLED_BYTES: usize = 1 << 20;

/// How long a token that was handed out is not handed out again, unless it is acknowledged: then it never is.
pub const POLL_LEASE: Duration = Duration::from_mins(1);

/// How long a poll waits for the first token.
pub const LONG_POLL: Duration = Duration::from_secs(20);

/// How many polls of one stream wait at a time; one more is answered at once.
pub const MAX_POLLS_WAITING_A_STREAM: usize = 4;

/// How many polls wait at a time, of all streams; one more is answered at once.
pub const MAX_POLLS_WAITING: usize = 256;

/// How long a poll waits at most until it looks again, whether or not it is woken: a clock can be set, and a lease can run out.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How soon a token that could not be made is made again.
const MAKE_AGAIN: Duration = Duration::from_secs(30);

/// How many acknowledgements are written at a time: they share a flush of the disk.
const WRITTEN_AT_ONCE: usize = 64;

/// How often an acknowledgement is written again because the task went on meanwhile.
const ATTEMPTS: u32 = 8;

/// Why a poll gets no tokens.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    /// The body is no poll (RFC 8936 §2.2).
    #[error("{0}")]
    Invalid(String),
    /// There is no such stream, or it is not open to this token: which of the two is not told.
    #[error("the bearer token is missing or not valid for this stream")]
    Unauthorized,
    /// The tenant asks too often.
    #[error("more requests than the tenant may make; try again in {retry_after_s} s")]
    TooMany {
        /// When to come back, in seconds.
        retry_after_s: u64,
    },
    /// The store cannot be used: nothing that was acknowledged may count.
    #[error("temporarily unavailable; acknowledge again what was acknowledged")]
    Unavailable(#[source] StoreError),
}

impl From<StoreError> for PollError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

/// Whether a token of a stream opens it at this time.
pub(crate) fn is_open(token: &PollToken, now: Timestamp) -> bool {
    token.until.is_none_or(|until| now < until)
}

/// What an answer says (RFC 8936 §2.3).
#[derive(Debug, Default)]
struct Polled {
    sets: Map<String, Value>,
    has_more: bool,
}

impl Polled {
    fn shown(self) -> Value {
        let mut shown = json!({ "sets": self.sets });
        if self.has_more {
            shown["moreAvailable"] = json!(true);
        }
        shown
    }
}

impl Service {
    /// Takes what a stream's receiver acknowledges and refuses, which is durable before it is answered, and hands out what waits for it
    /// (RFC 8936 §2). Whoever does not acknowledge a token gets it again.
    pub async fn poll(&self, tenant: &str, named: &str, token: Option<&str>, body: &Value) -> Result<Value, PollError> {
        let presented = token.map(|token| self.parts.token_key.hash(&Token::presented(token)));
        let presented = presented.ok_or(PollError::Unauthorized)?;
        let (row, found) = self.opened_stream(tenant, named, &presented)?;
        self.admit_poll(&row.id)?;
        let poll = Poll::read(body)?;
        let outbox = self.parts.store.outbox(&row.id);
        self.note_taken(&row, &found, &outbox, poll.acknowledged, poll.refused).await?;
        if poll.most == 0 {
            let has_more = found.is_on && self.has_more(outbox.as_ref(), &found.receiver().queue()).await?;
            return Ok(Polled { has_more, ..Polled::default() }.shown());
        }
        let news = self.polled(&row.id, &found.name);
        let polled = self.hand_out(&row, &found, outbox.as_ref(), poll.most).await?;
        let place = poll.is_patient.then(|| self.polls.place(&row.id, &found.name)).flatten();
        if !polled.sets.is_empty() || place.is_none() {
            return Ok(polled.shown());
        }
        let waiting = async {
            loop {
                // What came before this is met by looking, at the latest after that time.
                let _ = tokio::time::timeout(LOOK_AGAIN, news.notified()).await;
                // The stream may be off by now, or another one, which this token does not open.
                let (row, found) = self.opened_stream(tenant, named, &presented)?;
                let polled = self.hand_out(&row, &found, outbox.as_ref(), poll.most).await?;
                if !polled.sets.is_empty() {
                    return Ok::<_, PollError>(polled);
                }
            }
        };
        tokio::select! {
            polled = waiting => Ok(polled?.shown()),
            () = tokio::time::sleep(LONG_POLL) => Ok(Polled::default().shown()),
            () = self.told_to_stop() => Ok(Polled::default().shown()),
        }
    }

    /// Refuses a token that does not open this stream, before anything else of a poll is read.
    pub fn may_poll(&self, tenant: &str, named: &str, token: &str) -> Result<(), PollError> {
        let presented = self.parts.token_key.hash(&Token::presented(token));
        self.opened_stream(tenant, named, &presented).map(|_| ())
    }

    /// The stream of this name, if what was presented opens it.
    fn opened_stream(
        &self,
        tenant: &str,
        named: &str,
        presented: &TokenHash,
    ) -> Result<(TenantRow, StreamRow), PollError> {
        let row = self.row(tenant).map_err(|_| PollError::Unauthorized)?;
        let name = ReceiverName::parse(named).map_err(|_| PollError::Unauthorized)?;
        let found = stream(&row, &name).cloned().ok_or(PollError::Unauthorized)?;
        let now = self.parts.clock.now();
        match &found.method {
            Method::Poll { tokens } if tokens.iter().any(|it| it.hash.matches(presented) && is_open(it, now)) => {
                Ok((row, found))
            }
            Method::Poll { .. } | Method::Push { .. } => Err(PollError::Unauthorized),
        }
    }

    /// Polls count as requests of the tenant's.
    fn admit_poll(&self, tenant: &TenantId) -> Result<(), PollError> {
        let known = self.tenants.view().tenant(tenant).cloned().ok_or(PollError::Unauthorized)?;
        known.admit().map_err(|retry_after_s| PollError::TooMany { retry_after_s: retry_after_s.max(1) })
    }

    async fn has_more(&self, outbox: &dyn Outbox, queue: &Queue) -> Result<bool, StoreError> {
        let now = self.parts.clock.now();
        let leases = outbox.lease(queue, now, later(now, POLL_LEASE), 1).await?;
        for lease in &leases.tasks {
            outbox.let_go(lease).await;
        }
        Ok(!leases.tasks.is_empty())
    }

    /// Tokens that nobody else has been handed lately.
    async fn hand_out(
        &self,
        row: &TenantRow,
        found: &StreamRow,
        outbox: &dyn Outbox,
        most: usize,
    ) -> Result<Polled, PollError> {
        let mut polled = Polled::default();
        if !found.is_on {
            return Ok(polled);
        }
        let queue = found.receiver().queue();
        let mut bytes = 0;
        while polled.sets.len() < most && !polled.has_more {
            let now = self.parts.clock.now();
            let leases = outbox.lease(&queue, now, later(now, POLL_LEASE), most - polled.sets.len()).await?;
            if leases.tasks.is_empty() {
                break;
            }
            for lease in &leases.tasks {
                if polled.has_more {
                    outbox.let_go(lease).await;
                    continue;
                }
                let Some((jti, token)) = self.handed_out(row, found, outbox, lease).await? else { continue };
                if bytes > 0 && bytes + token.len() > MAX_POLLED_BYTES {
                    outbox.let_go(lease).await;
                    polled.has_more = true;
                    continue;
                }
                bytes += token.len();
                polled.sets.insert(jti, json!(token));
            }
        }
        if polled.sets.len() >= most && !polled.has_more {
            polled.has_more = self.has_more(outbox, &queue).await?;
        }
        Ok(polled)
    }

    /// The token of a task that is leased; `None`: it is not to be handed out, and somebody knows why.
    async fn handed_out(
        &self,
        row: &TenantRow,
        found: &StreamRow,
        outbox: &dyn Outbox,
        lease: &Lease,
    ) -> Result<Option<(String, String)>, StoreError> {
        let at = self.parts.clock.now();
        if self.brake_holds(&row.id, &lease.task, &lease.progress).await? {
            self.hold(&row.id, outbox, lease).await?;
            return Ok(None);
        }
        let untold = if is_of_another(found, &lease.task) {
            Untold::Never(format!("the stream {} that it was for is removed", found.name))
        } else {
            let made = self.set_of(row, found, &lease.task).await;
            match made.and_then(|set| Ok((self.signed(row, &set)?, set.jti))) {
                Ok((token, jti)) => return Ok(Some((jti, token))),
                Err(untold) => untold,
            }
        };
        let attempt = |why: String| Attempt { at, took_ms: 0, failure: Some(why) };
        let what = match untold {
            Untold::Unwanted => {
                self.give_up_unwanted(outbox, found, lease.task.seq).await?;
                return Ok(None);
            }
            Untold::Later(why) => Settled::Again { attempt: attempt(why), due: later(at, MAKE_AGAIN) },
            Untold::Never(why) => Settled::Parked(attempt(why)),
        };
        settled(outbox, lease, what).await
    }

    /// Gives up a token that a stream has been set not to take since it was planned: nobody has confirmed it, so it is not done.
    pub(super) async fn give_up_unwanted(
        &self,
        outbox: &dyn Outbox,
        found: &StreamRow,
        seq: u64,
    ) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let at = self.parts.clock.now();
            let Some((_, mut progress)) = outbox.task(seq).await? else { return Ok(()) };
            if !progress.standing.blocks() {
                return Ok(());
            }
            progress.revision += 1;
            progress.standing = Standing::Skipped;
            let failure = format!("the stream {} does not take it any more, and had not confirmed it", found.name);
            progress.note(Attempt { at, took_ms: 0, failure: Some(failure) });
            match outbox.decide(seq, progress.revision - 1, progress).await {
                // It went on meanwhile.
                Err(StoreError::Stale) => {}
                other => return other,
            }
        }
        Ok(())
    }

    /// Writes down what the receiver has, and what it does not want.
    async fn note_taken(
        &self,
        row: &TenantRow,
        found: &StreamRow,
        outbox: &Arc<dyn Outbox>,
        acknowledged: Vec<String>,
        refused: Vec<(String, String)>,
    ) -> Result<(), StoreError> {
        let acknowledged = acknowledged.into_iter().map(|name| (name, None));
        let mut all = acknowledged.chain(refused.into_iter().map(|(name, says)| (name, Some(says))));
        let of = Arc::new((row.clone(), found.clone()));
        let mut writing = JoinSet::new();
        loop {
            while writing.len() < WRITTEN_AT_ONCE
                && let Some((name, failure)) = all.next()
            {
                let (of, outbox, at) = (of.clone(), outbox.clone(), self.parts.clock.now());
                writing.spawn(async move { taken(&of.0, &of.1, outbox.as_ref(), &name, failure, at).await });
            }
            match writing.join_next().await {
                None => return Ok(()),
                Some(Ok(written)) => written?,
                Some(Err(ended)) => return Err(StoreError::Unavailable(Box::new(ended))),
            }
        }
    }
}

/// Nothing is handed out.
async fn settled<T>(outbox: &dyn Outbox, lease: &Lease, what: Settled) -> Result<Option<T>, StoreError> {
    match outbox.settle(lease, what).await {
        // Somebody has decided over it meanwhile.
        Ok(()) | Err(StoreError::Stale) => Ok(None),
        Err(error) => Err(error),
    }
}

/// One token is taken, or refused. What is no token of this stream, or was taken before, changes nothing (RFC 8936 §2.4).
async fn taken(
    row: &TenantRow,
    found: &StreamRow,
    outbox: &dyn Outbox,
    name: &str,
    failure: Option<String>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let Some(seq) = seq_of(name) else { return Ok(()) };
    for _ in 0..ATTEMPTS {
        let Some((task, progress)) = outbox.task(seq).await? else { return Ok(()) };
        if task.task.queue != found.receiver().queue() || jti(row, found, &task) != name {
            return Ok(());
        }
        let Some(progress) = became(progress, failure.as_ref(), at) else { return Ok(()) };
        match outbox.decide(seq, progress.revision - 1, progress).await {
            Err(StoreError::Stale) => {}
            other => return other,
        }
    }
    // It goes on all the time: then it is handed out again, and acknowledged again.
    Ok(())
}

fn became(mut progress: Progress, failure: Option<&String>, at: Timestamp) -> Option<Progress> {
    if !progress.standing.blocks() {
        return None;
    }
    progress.revision += 1;
    progress.standing = if failure.is_some() { Standing::Parked } else { Standing::Done };
    progress.note(Attempt { at, took_ms: 0, failure: failure.cloned() });
    Some(progress)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}
