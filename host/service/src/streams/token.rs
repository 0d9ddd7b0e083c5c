use muster_model::{Event, LogEntry, ResourceId, ResourceType, Snapshot, StreamRow, Task, TenantRow, Timestamp};
use muster_protocol::Document;
use muster_protocol::project::{Meta, Projection, render};
use muster_protocol::schema::ResourceTypeDef;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::told::state;
use super::{Passage, Scope, SetKind, SigningKey, Told, Unsaid, told_by};
use crate::Service;
use crate::binding::Bound;
use crate::difference::{Difference, differences};

/// How large the claims of a token can be, in bytes of JSON: what would be larger is told as a notice.
pub const MAX_CLAIMS_BYTES: usize = 64 << 10;

/// The schema of a PATCH (RFC 7644 §3.5.2).
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// How much of the hash stands in a token's name, in bytes.
const JTI_HASH_BYTES: usize = 16;

/// A token that is not signed yet.
#[derive(Debug)]
pub(crate) struct Set {
    /// By which its receiver knows it again.
    pub(crate) jti: String,
    claims: Value,
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum Untold {
    /// The stream does not take it (any more).
    Unwanted,
    /// One sentence; it may go better later.
    Later(String),
    /// One sentence; it never will.
    Never(String),
}

impl Untold {
    pub(super) fn of(unsaid: &Unsaid) -> Self {
        match unsaid {
            Unsaid::Now(says) => Self::Later(says.clone()),
            Unsaid::ByPlugin(says) => Self::Never(format!(
                "{says}; with another filter (`muster stream set`), or another plugin, it can be told by a replay"
            )),
        }
    }
}

/// The name of a task's token: the same whenever it is made, and another one for each stream, be it of the same name.
pub(crate) fn jti(row: &TenantRow, stream: &StreamRow, task: &Task) -> String {
    let (queue, created) = (stream.receiver().queue(), stream.created.as_millis());
    // None of the first five has a space in it.
    let (tenant, seq, change, key) = (&row.id, task.seq, task.change, &task.task.idempotency_key);
    let hash = Sha256::digest(format!("muster jti 1 {tenant} {queue} {created} {seq} {change} {key}"));
    format!("{seq:x}-{}", hex::encode(hash.get(..JTI_HASH_BYTES).unwrap_or_default()))
}

/// The number of the task whose token has this name, if it is written as one.
pub(crate) fn seq_of(jti: &str) -> Option<u64> {
    let (seq, _) = jti.split_once('-')?;
    u64::from_str_radix(seq, 16).ok()
}

impl Service {
    /// What a stream is told by a task, made from the log's entry as it is now.
    pub(crate) async fn set_of(&self, row: &TenantRow, stream: &StreamRow, task: &Task) -> Result<Set, Untold> {
        let issuer = self.issuer(&row.id);
        let said = if task.change == 0 {
            self.told_of_announcement(row, stream, task).await?
        } else {
            self.told_of_change(row, stream, task, &issuer).await?
        };
        let audience = if stream.audience.is_empty() {
            vec![format!("{issuer}/events/{}", stream.name)]
        } else {
            stream.audience.clone()
        };
        let jti = jti(row, stream, task);
        // `iat` is when the task was planned, so that the same token says the same each time it is sent. No `sub`, no `exp` (RFC 8417 §3).
        let mut claims = json!({ "iss": issuer, "jti": jti, "iat": seconds(task.at), "aud": audience });
        if let Some(txn) = said.txn {
            claims["txn"] = json!(txn);
        }
        claims["toe"] = json!(seconds(said.at));
        claims["sub_id"] = said.subject;
        claims["events"] = said.events;
        Ok(Set { jti, claims })
    }

    /// The token as it is sent.
    pub(crate) fn signed(&self, row: &TenantRow, set: &Set) -> Result<String, Untold> {
        let key = row.delivery.events.keys.first();
        let key = key.and_then(|key| SigningKey::open(&self.parts.secrets_key, &row.id, key));
        let key = key.ok_or_else(|| Untold::Later(UNSIGNED.to_owned()))?;
        key.sign(&set.claims).ok_or_else(|| Untold::Later("the system has no random numbers".to_owned()))
    }

    async fn told_of_change(
        &self,
        row: &TenantRow,
        stream: &StreamRow,
        task: &Task,
        issuer: &str,
    ) -> Result<Said, Untold> {
        let kind = SetKind::of(&task.task.action);
        let later = |error: &dyn std::fmt::Display| Untold::Later(format!("what it is about cannot be read: {error}"));
        let entries = self.parts.store.directory(&row.id).log(task.change.saturating_sub(1), 1).await;
        let entry = entries.map_err(|error| later(&error))?.into_iter().next().filter(|it| it.seq == task.change);
        let bound = self.tenants.view().tenant(&row.id).and_then(|tenant| tenant.bound.load_full());
        let passage = match &entry {
            Some(entry) => self.passage(row, stream, bound.as_deref(), entry).await?,
            // It was judged when it was planned, and nobody can any more.
            None => Passage::Within,
        };
        if passage == Passage::Outside {
            return Err(Untold::Unwanted);
        }
        let def = bound.as_ref().and_then(|bound| bound.accepted(&task.task.resource_type).ok());
        let about = About { def: def.map(AsRef::as_ref), task, base: format!("{issuer}/scim/v2") };
        let said = |events, entry: Option<&LogEntry>| Said {
            txn: entry.map(|entry| entry.change.request.0.to_string()),
            at: entry.map_or(task.at, |entry| entry.change.at),
            subject: match kind {
                SetKind::Change => about.subject(entry, passage),
                // Of the formats of RFC 9493 the one that names who gave the name.
                SetKind::AccountDisabled | SetKind::SessionRevoked => {
                    json!({ "format": "iss_sub", "iss": issuer, "sub": task.task.id })
                }
            },
            events,
        };
        let told = told_by(stream);
        match (kind, &entry) {
            // It was listed when it was planned.
            (SetKind::AccountDisabled, _) if !told.contains(&Told::AccountDisabled) => Err(Untold::Unwanted),
            (SetKind::SessionRevoked, _) if !told.contains(&Told::SessionRevoked) => Err(Untold::Unwanted),
            (SetKind::AccountDisabled, _) => Ok(said(one(Told::AccountDisabled, &json!({})), entry.as_ref())),
            (SetKind::SessionRevoked, _) => {
                let at = seconds(entry.as_ref().map_or(task.at, |entry| entry.change.at));
                let payload = json!({ "event_timestamp": at, "initiating_entity": "admin" });
                Ok(said(one(Told::SessionRevoked, &payload), entry.as_ref()))
            }
            (SetKind::Change, Some(entry)) => {
                let mut events = about.events(&told, entry, passage, true);
                if events.to_string().len() > MAX_CLAIMS_BYTES {
                    events = about.events(&told, entry, passage, false);
                }
                if events.as_object().is_none_or(Map::is_empty) {
                    Err(Untold::Unwanted)
                } else {
                    Ok(said(events, Some(entry)))
                }
            }
            // An access that ended is told even where nothing but the task is left.
            (SetKind::Change, None) => match bare(&task.task.action) {
                Some(bare) if told.contains(&bare) => Ok(said(one(bare, &json!({})), None)),
                Some(_) => Err(Untold::Unwanted),
                None => Err(Untold::Never(format!(
                    "entry {} of the log, which it tells of, is not kept any more",
                    task.change
                ))),
            },
        }
    }

    /// What an entry is to a stream as it is now.
    async fn passage(
        &self,
        row: &TenantRow,
        stream: &StreamRow,
        bound: Option<&Bound>,
        entry: &LogEntry,
    ) -> Result<Passage, Untold> {
        let scope = Scope::of(stream, bound);
        let passage = scope.passage(&entry.change).map_err(Untold::of)?;
        if passage != Passage::ByNow {
            return Ok(passage);
        }
        let (kind, id) = (&entry.change.resource_type, entry.change.id);
        let record = self.parts.store.directory(&row.id).get(kind, id).await;
        let record = record.map_err(|error| Untold::Later(format!("what it is about cannot be read: {error}")))?;
        // That it is gone is told by itself.
        record.map_or(Ok(Passage::Outside), |record| scope.passage_of(&record).map_err(Untold::of))
    }
}

/// What stands where no key opens.
const UNSIGNED: &str = "the key that the tenant's tokens are signed with was sealed with another key than keys/secrets.key, so it has to be \
                        made anew (`muster stream rotate-key`)";

/// What a token says.
pub(super) struct Said {
    pub(super) txn: Option<String>,
    pub(super) at: Timestamp,
    pub(super) subject: Value,
    pub(super) events: Value,
}

/// What a token is about.
struct About<'a> {
    /// The kind, if the tenant's plugin is there to say.
    def: Option<&'a ResourceTypeDef>,
    task: &'a Task,
    base: String,
}

impl About<'_> {
    fn uri(&self) -> String {
        let new = &self.task.task;
        let endpoint = self.def.map_or_else(|| format!("/{}s", new.resource_type), |def| def.endpoint.clone());
        format!("{endpoint}/{}", new.id)
    }

    /// RFC 9967 §2.1.
    fn subject(&self, entry: Option<&LogEntry>, passage: Passage) -> Value {
        let mut subject = json!({ "format": "scim", "uri": self.uri(), "id": self.task.task.id });
        let sides = entry.map(|entry| (entry.change.before.as_ref(), entry.change.after.as_ref()));
        let side = sides.and_then(|(before, after)| match passage {
            // What has become of it is none of the stream's business any more.
            Passage::Left => before,
            Passage::Within | Passage::Entered | Passage::Outside | Passage::ByNow => after.or(before),
        });
        if let Some(external) = side.and_then(|side| side.document.text("externalId")) {
            subject["externalId"] = json!(external);
        }
        subject
    }

    /// RFC 9967 §2.4: all that the stream takes of what this one change was. `may_be_full`: values may be told.
    fn events(&self, told: &[Told], entry: &LogEntry, passage: Passage, may_be_full: bool) -> Value {
        let takes = |it: &Told| told.contains(it);
        let event = entry.change.event;
        let mut events = Map::new();
        if let Some(state) = state(event).filter(takes) {
            events.insert(state.uri().to_owned(), json!({}));
        }
        // Beside that it is told what became of the feed, and no more: whoever takes it reads the resource, or forgets it.
        let of_the_feed = match passage {
            Passage::Within | Passage::ByNow => None,
            Passage::Entered => Some(Told::FeedAdd),
            Passage::Left => Some(Told::FeedRemove),
            Passage::Outside => return Value::Object(Map::new()),
        };
        if let Some(of_the_feed) = of_the_feed {
            if takes(&of_the_feed) {
                events.insert(of_the_feed.uri().to_owned(), json!({}));
            }
            return Value::Object(events);
        }
        let (full, notice) = match event {
            Event::Created => (Told::CreateFull, Told::CreateNotice),
            Event::Deleted => return Value::Object(events),
            Event::Deactivated
            | Event::Reactivated
            | Event::Updated
            | Event::Signalled
            | Event::MemberAdded
            | Event::MemberRemoved => (Told::PatchFull, Told::PatchNotice),
        };
        let attributes = self.attributes(entry);
        if attributes.is_empty() || !(takes(&full) || takes(&notice)) {
            return Value::Object(events);
        }
        let mut payload = json!({ "version": entry.version.etag() });
        let is_full = may_be_full && takes(&full) && self.def.is_some();
        if !is_full {
            payload["attributes"] = json!(attributes);
        } else if event == Event::Created {
            payload["data"] = self.resource(entry);
        } else {
            payload["data"] = json!({ "schemas": [PATCH_OP], "Operations": self.operations(entry) });
        }
        events.insert(if is_full { full } else { notice }.uri().to_owned(), payload);
        Value::Object(events)
    }

    /// One side of a change as a client may see it.
    fn shown(&self, side: Option<&Snapshot>) -> Option<Document> {
        let mut shown = side?.document.clone();
        if let Some(def) = self.def {
            Projection::default().apply(def, &mut shown.0);
        }
        Some(shown)
    }

    fn differences(&self, entry: &LogEntry) -> Vec<Difference> {
        let (before, after) = (self.shown(entry.change.before.as_ref()), self.shown(entry.change.after.as_ref()));
        differences(before.as_ref(), after.as_ref())
    }

    /// The paths of what has changed; of a new resource of all that it has.
    fn attributes(&self, entry: &LogEntry) -> Vec<String> {
        let change = &entry.change;
        let has_members = !change.members_added.is_empty() || !change.members_removed.is_empty();
        let id = (change.event == Event::Created).then(|| "id".to_owned());
        let paths = self.differences(entry).into_iter().map(|difference| difference.place.to_string());
        id.into_iter().chain(paths).chain(has_members.then(|| "members".to_owned())).collect()
    }

    /// The whole resource, as the answer to its POST had it.
    fn resource(&self, entry: &LogEntry) -> Value {
        let (Some(def), Some(after)) = (self.def, &entry.change.after) else { return Value::Null };
        let document = self.shown(Some(after)).unwrap_or_default();
        let created = after.created.unwrap_or(entry.change.at);
        let meta = Meta {
            resource_type: self.task.task.resource_type.as_str().to_owned(),
            created,
            last_modified: entry.change.at,
            version: entry.version.etag(),
            location: format!("{}{}", self.base, self.uri()),
        };
        let members = (entry.change.resource_type == ResourceType::GROUP)
            .then(|| ("members", members(&entry.change.members_added)));
        let members = members.filter(|(_, members)| !members.is_empty());
        Value::Object(render(def, &self.task.task.id.to_string(), &document, &meta, members))
    }

    /// What makes of the resource as it was the resource as it is.
    fn operations(&self, entry: &LogEntry) -> Vec<Value> {
        let of = |difference: Difference| {
            let path = difference.place.to_string();
            match difference.became {
                Some(value) => json!({ "op": "replace", "path": path, "value": value }),
                None => json!({ "op": "remove", "path": path }),
            }
        };
        let (added, removed) = (&entry.change.members_added, &entry.change.members_removed);
        let gained = (!added.is_empty()).then(|| json!({ "op": "add", "path": "members", "value": members(added) }));
        let lost = removed.iter().map(|id| json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }));
        self.differences(entry).into_iter().map(of).chain(gained).chain(lost).collect()
    }
}

fn members(ids: &[ResourceId]) -> Vec<Value> {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

/// The event of a task whose entry is not kept any more, if it can be told without it.
fn bare(action: &str) -> Option<Told> {
    let (_, event) = action.rsplit_once('.')?;
    serde_json::from_value(json!(event)).ok().and_then(state)
}

pub(super) fn one(told: Told, payload: &Value) -> Value {
    json!({ told.uri(): payload })
}

/// A time as tokens have it (RFC 7519 §2, `NumericDate`).
fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1_000)
}
