//! A write that comes twice under one `Idempotency-Key` is carried out once (draft-ietf-httpapi-idempotency-key-header).
//!
//! The keys of a tenant are told apart by a hash, and the hashes stand in a fixed number of buckets: nothing lists what is kept here, and what
//! a bucket has too long goes when it is written next. An answer stands beside them under its own name.
//!
//! That a request begins is kept before anything is done, with what the log will know it by. So of one that was cut short (a crash, a client
//! that went away) a repetition finds out whether it was done: the log has its entry, or nothing has happened.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_model::{Event, Record, RequestId, TenantId, Timestamp};
use muster_store::{LogQuery, MAX_STATE_VALUE_BYTES, PluginState, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::DirectoryError;
use crate::{AdminError, Service};

/// How long a key and its answer are kept.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_hours(24);

/// How long an `Idempotency-Key` can be, in bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 128;

/// How large an answer can be that is kept, in bytes.
pub const MAX_KEPT_ANSWER_BYTES: usize = MAX_STATE_VALUE_BYTES - 1024;

/// How many keys of one tenant are kept at most: fewer if chance puts them into the same buckets.
pub const MAX_IDEMPOTENCY_KEYS: usize = BUCKETS * MAX_KEYS_A_BUCKET;

/// Into how many buckets the keys of a tenant fall.
const BUCKETS: usize = 128;

/// How many keys a bucket holds: with each in some 120 bytes it is smaller than a value can be.
const MAX_KEYS_A_BUCKET: usize = 400;

/// Where keys and answers stand among what plugins remember: no plugin has a name with a blank in it.
const KEPT: &str = "directory keys";

/// Bytes that all of a tenant's keys and answers may take.
const QUOTA_BYTES: u64 = 1 << 30;

/// For how long after it began a request can have made its entry: none lasts longer. The clock may be set meanwhile, by as much.
const CUT_SHORT_WITHIN: Duration = Duration::from_mins(15);

/// How many entries of the log are asked for at once.
const ENTRIES_A_READ: usize = 1;

/// How often a bucket is read again because another key came into it meanwhile.
const ATTEMPTS: usize = 32;

/// A write as it was asked for, and the key that it came with.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// Of the key: it is the client's own, so its text is not kept.
    key: Option<String>,
    /// Of all that makes it another request.
    fingerprint: String,
    /// What the log knows it by.
    name: RequestId,
}

impl KeyedRequest {
    /// `key` is what the header says: a quoted string, as the draft has it, or the bare text that most clients send. `parts` are what the
    /// request consists of: method, path, conditions, body. `name` is what the log will know it by.
    pub fn new(key: Option<&str>, parts: &[&[u8]], name: RequestId) -> Result<Self, DirectoryError> {
        let key = key.map(|text| {
            let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
            let fits =
                (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
            if fits { Ok(hashed(&[text.as_bytes()])) } else { Err(bad_key()) }
        });
        Ok(Self { key: key.transpose()?, fingerprint: hashed(parts), name })
    }
}

/// The refusal of what is no key.
pub(crate) fn bad_key() -> DirectoryError {
    let says = format!("an Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY_BYTES} visible ASCII characters");
    AdminError::Wrong(says).into()
}

/// An answer as it is given again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// Its status.
    pub status: u16,
    /// Its `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its body; `null` where there is none.
    pub body: Value,
}

/// The writes with a key that are being carried out in this process.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<HashSet<(TenantId, String)>>);

/// A place among them, until it is dropped.
#[derive(Debug)]
struct Flying<'s> {
    of: &'s InFlight,
    place: (TenantId, String),
}

impl InFlight {
    fn begin(&self, tenant: &TenantId, key: &str) -> Option<Flying<'_>> {
        let place = (tenant.clone(), key.to_owned());
        let mut flying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flying.insert(place.clone()).then(|| Flying { of: self, place })
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.of.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.place);
    }
}

/// One key of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    key: String,
    request: String,
    at: Timestamp,
    /// Whether its answer stands beside the buckets.
    kept: bool,
    /// Until there is an answer: by what a repetition finds out whether it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    begun: Option<Begun>,
}

/// A request that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    /// What the log knows it by: no two requests have one.
    name: RequestId,
    /// Where the log stood.
    since: u64,
}

/// What is known of a key.
#[derive(Debug, PartialEq)]
enum Standing {
    /// Nothing, and there is room for it.
    New,
    /// Its request has begun then, and nobody knows what came of it.
    Begun(Begun, Timestamp),
    /// What it was answered.
    Answered(KeptAnswer),
}

impl Service {
    /// Carries `work` out, unless a request with the same key was: then that one's answer is given again, and `true`; also where it was cut
    /// short after its work was done. What `work` fails with is not kept: it may go better the next time.
    pub async fn once<E: From<DirectoryError>>(
        &self,
        tenant: &str,
        request: &KeyedRequest,
        work: impl Future<Output = Result<KeptAnswer, E>> + Send,
    ) -> Result<(KeptAnswer, bool), E> {
        let Some(key) = &request.key else { return Ok((work.await?, false)) };
        let tenant = self.row(tenant).map_err(DirectoryError::from)?.id;
        let _flying = self.in_flight.begin(&tenant, key).ok_or(DirectoryError::InFlight)?;
        let state = self.parts.store.plugin_state(&tenant, KEPT);
        let state = state.as_ref();
        let done = match standing(state, key, request, self.parts.clock.now()).await? {
            Standing::Answered(answer) => return Ok((answer, true)),
            Standing::Begun(begun, at) => self.done_before(&tenant, begun, at).await?,
            Standing::New => None,
        };
        let (answer, is_replayed) = if let Some(answer) = done {
            (answer, true)
        } else {
            let since = self.parts.store.log_keeper(&tenant).status().await.map_err(DirectoryError::from)?.last;
            begin(state, key, request, since, self.parts.clock.now()).await?;
            (work.await?, false)
        };
        // What was done is done: a client that is told otherwise would do it again under another key.
        if let Err(error) = remember(state, key, request, &answer, self.parts.clock.now()).await {
            tracing::warn!(tenant.id = %tenant, error = %error, "the answer to a request with an Idempotency-Key is not kept; a repetition looks for it in the log");
        }
        Ok((answer, is_replayed))
    }

    /// What a request would have answered that began then and was cut short; `None`: it has changed nothing that the log tells of.
    async fn done_before(
        &self,
        tenant: &TenantId,
        begun: Begun,
        at: Timestamp,
    ) -> Result<Option<KeptAnswer>, DirectoryError> {
        let directory = self.parts.store.directory(tenant);
        let within_ms = i64::try_from(CUT_SHORT_WITHIN.as_millis()).unwrap_or(i64::MAX);
        let to = Some(Timestamp::from_millis(at.as_millis().saturating_add(within_ms)));
        let (query, mut after) = (LogQuery { request: Some(begun.name), from: None, to }, begun.since);
        let entry = loop {
            let found = directory.find_in_log(&query, after, ENTRIES_A_READ).await?;
            match found.entries.into_iter().next() {
                Some(entry) => break entry,
                None if found.end || found.scanned_through <= after => return Ok(None),
                None => after = found.scanned_through,
            }
        };
        let (version, change) = (entry.version, entry.change);
        let Some(after) = change.after else {
            return Ok(Some(KeptAnswer { status: 204, etag: None, body: Value::Null }));
        };
        let record = Record {
            id: change.id,
            resource_type: change.resource_type,
            created: after.created.unwrap_or(change.at),
            modified: change.at,
            version,
            document: after.document,
            account: after.account,
            plugin: change.plugin,
            keys: Vec::new(),
            index: Vec::new(),
        };
        let status = if change.event == Event::Created { 201 } else { 200 };
        let body = self.account_shown(tenant, &record).await?;
        Ok(Some(KeptAnswer { status, etag: Some(version.etag()), body }))
    }
}

impl Known {
    fn is_kept(&self, now: Timestamp) -> bool {
        now.as_millis() < self.until_ms()
    }

    fn until_ms(&self) -> i64 {
        let kept_ms = i64::try_from(IDEMPOTENCY_KEPT.as_millis()).unwrap_or(i64::MAX);
        self.at.as_millis().saturating_add(kept_ms)
    }
}

/// What is known of this key.
async fn standing(
    state: &dyn PluginState,
    key: &str,
    request: &KeyedRequest,
    now: Timestamp,
) -> Result<Standing, DirectoryError> {
    let (mut known, _) = bucket(state, key).await?;
    known.retain(|known| known.is_kept(now));
    if let Some(known) = known.iter().find(|known| known.key == *key) {
        return known_to(state, known, request).await;
    }
    if known.len() < MAX_KEYS_A_BUCKET { Ok(Standing::New) } else { Err(no_room(&known, now)) }
}

/// The refusal of one more key, which says when the first of the others goes.
fn no_room(known: &[Known], now: Timestamp) -> DirectoryError {
    let first = known.iter().map(Known::until_ms).min().unwrap_or_default();
    let ms = u64::try_from(first.saturating_sub(now.as_millis())).unwrap_or_default();
    DirectoryError::NoRoomForKeys { after_s: ms.div_ceil(1000).max(1) }
}

/// What the bucket of a key holds, and its version.
async fn bucket(state: &dyn PluginState, key: &str) -> Result<(Vec<Known>, u64), StoreError> {
    let Some(entry) = state.get(&bucket_of(key)).await? else { return Ok((Vec::new(), 0)) };
    let known = serde_json::from_slice(&entry.value);
    let known = known.map_err(|_| StoreError::Damaged("a bucket of idempotency keys".to_owned()))?;
    Ok((known, entry.version))
}

/// Keeps an answer, and forgets those of its bucket that were kept for long enough.
async fn remember(
    state: &dyn PluginState,
    key: &str,
    request: &KeyedRequest,
    answer: &KeptAnswer,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let bytes = serde_json::to_vec(answer).map_err(|error| unwritten(&error))?;
    let kept = bytes.len() <= MAX_KEPT_ANSWER_BYTES;
    if kept {
        state.put(&answer_key(key), &bytes, None, QUOTA_BYTES).await?;
    }
    let (key, request) = (key.to_owned(), request.fingerprint.clone());
    note(state, Known { key, request, at: now, kept, begun: None }, now).await
}

/// Keeps that a request begins, and where the log stands.
async fn begin(
    state: &dyn PluginState,
    key: &str,
    request: &KeyedRequest,
    since: u64,
    now: Timestamp,
) -> Result<(), DirectoryError> {
    let begun = Some(Begun { name: request.name.clone(), since });
    let (key, request) = (key.to_owned(), request.fingerprint.clone());
    note(state, Known { key, request, at: now, kept: false, begun }, now).await
}

/// Puts a key into its bucket, in place of what stood there of it, and forgets those that were kept for long enough.
async fn note(state: &dyn PluginState, new: Known, now: Timestamp) -> Result<(), DirectoryError> {
    for _ in 0..ATTEMPTS {
        let (known, version) = bucket(state, &new.key).await?;
        let is_other = |known: &Known| known.key != new.key && known.is_kept(now);
        let (mut known, gone): (Vec<_>, Vec<_>) = known.into_iter().partition(is_other);
        known.push(new.clone());
        let bytes = serde_json::to_vec(&known).map_err(|error| unwritten(&error))?;
        // Requests that have begun take more room than those that were answered.
        if known.len() > MAX_KEYS_A_BUCKET || bytes.len() > MAX_STATE_VALUE_BYTES {
            return Err(no_room(&known, now));
        }
        match state.put(&bucket_of(&new.key), &bytes, Some(version), QUOTA_BYTES).await {
            Err(StoreError::Stale) => {}
            put => {
                put?;
                for gone in gone.iter().filter(|gone| gone.kept && gone.key != new.key) {
                    state.delete(&answer_key(&gone.key), None).await?;
                }
                return Ok(());
            }
        }
    }
    Err(StoreError::Stale.into())
}

fn unwritten(error: &serde_json::Error) -> StoreError {
    StoreError::Damaged(format!("an answer: {error}"))
}

/// How it stands with a key, if it came with the same request.
async fn known_to(state: &dyn PluginState, known: &Known, request: &KeyedRequest) -> Result<Standing, DirectoryError> {
    if known.request != request.fingerprint {
        return Err(DirectoryError::KeyReused);
    }
    if let Some(begun) = &known.begun {
        return Ok(Standing::Begun(begun.clone(), known.at));
    }
    let entry = if known.kept { state.get(&answer_key(&known.key)).await? } else { None };
    let kept = entry.ok_or(DirectoryError::NotKept)?;
    let damaged = |_| StoreError::Damaged("the answer to a request with an idempotency key".to_owned());
    Ok(Standing::Answered(serde_json::from_slice(&kept.value).map_err(damaged)?))
}

/// 128 bits of a hash tell a tenant's keys apart.
fn hashed(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    hex::encode(digest.first_chunk::<16>().unwrap_or(&[0; 16]))
}

fn bucket_of(key: &str) -> String {
    let number = key.get(..2).and_then(|hex| usize::from_str_radix(hex, 16).ok()).unwrap_or(0);
    format!("bucket {}", number % BUCKETS)
}

fn answer_key(key: &str) -> String {
    format!("answer {key}")
}

#[cfg(test)]
mod tests;
