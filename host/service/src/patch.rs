use muster_model::{Change, Event, Record, ResourceId, ResourceType};
use muster_protocol::Document;
use muster_protocol::dialect::Rewrite;
use muster_protocol::normalise::Normalised;
use muster_protocol::patch::{self, MemberEdit, PatchRequest};
use muster_protocol::project::Projection;
use muster_store::Write;
use serde_json::Value;

use crate::authenticate::Caller;
use crate::create::{Decided, change_of};
use crate::directory::not_by_hand;
use crate::expected::Expected;
use crate::mapped::{give_up_old_duplicates, map, plan, plan_members, update_event};
use crate::members::RowChanges;
use crate::reply::Reply;
use crate::retry::Attempt;
use crate::{ScimError, Service};

/// A group of more members than this is answered without a body, unless the client says which attributes it wants.
const MEMBERS_IN_A_PATCH_REPLY: u64 = 100;

/// How a resource shall be.
#[derive(Debug)]
pub(crate) struct Update<'a> {
    /// The whole document as it shall be, before it is narrowed; `None`: only memberships change, and the mapping is not asked.
    pub document: Option<Document>,
    /// What happens to the members, in order.
    pub members: Vec<MemberEdit>,
    /// What was forgiven.
    pub rewrites: Vec<Rewrite>,
    /// What the client expects.
    pub expected: &'a Expected,
}

/// How a resource shall be, its members told as rows.
#[derive(Debug, Default)]
pub(crate) struct Shall {
    /// As in [`Update`].
    pub document: Option<Document>,
    /// Rows that come and go; each changes something.
    pub rows: RowChanges,
    /// What was forgiven.
    pub rewrites: Vec<Rewrite>,
    /// Whether the rows were decided from the resource at its present version.
    pub must_be_current: bool,
    /// Also where nothing but the names that it is found by, or keeps from others, would be other ones: whoever maps again makes these anew.
    pub names_too: bool,
}

impl Service {
    /// Changes parts of a resource, all of them or none (RFC 7644 §3.5.2).
    pub async fn patch(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: &str,
        body: Value,
        expected: &Expected,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let projection = &projection.with_sent(caller.bound.accepted(resource_type)?, &body);
        let id = ResourceId::parse(id).ok_or_else(|| caller.bound.not_found(resource_type, id))?;
        let request = patch::parse(body)?;
        caller.note(&request.rewrites);
        let mut retries = self.retries();
        let record = loop {
            let attempt = self.patch_known(caller, resource_type, id, &request, expected).await;
            if let Some(record) = retries.settle(attempt)? {
                break record;
            }
        };
        if resource_type == &ResourceType::GROUP
            && !projection.is_explicit()
            && caller.tenant.directory.member_count(id).await? > MEMBERS_IN_A_PATCH_REPLY
        {
            return Ok(Reply::without_body(caller, &record));
        }
        self.reply(caller, &record, projection).await
    }

    /// One attempt at applying the operations.
    async fn patch_known(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: ResourceId,
        request: &PatchRequest,
        expected: &Expected,
    ) -> Result<Record, Attempt> {
        let accepted = caller.bound.accepted(resource_type)?;
        let current = match self.current(caller, resource_type, id, expected).await {
            Err(Attempt::Failed(ScimError::NotFound { detail })) => {
                let read = |by_hand: &Document| {
                    let patched = patch::apply(accepted, &caller.bound.profile, by_hand, request)?;
                    Ok(Normalised { document: patched.document, members: None, rewrites: patched.rewrites })
                };
                let adopted = self.write_by_hand(caller, id, expected, read).await?;
                return match adopted {
                    Some(record) => Ok(record),
                    None if self.is_nobody(caller, resource_type, id).await? => {
                        Err(ScimError::NotFound { detail }.into())
                    }
                    None => Err(Attempt::Stale),
                };
            }
            current => current?,
        };
        let patched = patch::apply(accepted, &caller.bound.profile, &current.document, request)?;
        caller.note(&patched.rewrites);
        let only_members = !patched.members.is_empty() && patched.document == current.document;
        let document = (!only_members).then_some(patched.document);
        let update = Update { document, members: patched.members, rewrites: patched.rewrites, expected };
        self.update(caller, current, update).await
    }

    /// One attempt at making a resource what it shall be: one commit, or none if it is so already.
    pub(crate) async fn update(&self, caller: &Caller, current: Record, update: Update<'_>) -> Result<Record, Attempt> {
        let Update { document, members, rewrites, expected } = update;
        let rows = match members.as_slice() {
            [] => RowChanges::default(),
            edits => self.row_changes(caller, current.id, edits).await?,
        };
        if rows.from_whole {
            expected.check_members(current.version, &current.version.etag_with(&rows.hidden))?;
        }
        // Rows that were decided one by one do not care for the group's version: two requests that add different members both win.
        let must_be_current = rows.from_whole || expected.names_versions();
        let shall = Shall { document, rows, rewrites, must_be_current, names_too: false };
        match self.decide(caller, &current, shall).await? {
            Some(decided) => {
                // Whoever is a user already takes nobody else over.
                if let Some(by_hand) = self.holder_by_hand(caller, &decided.record, &current.keys).await? {
                    return Err(by_hand.refused().into());
                }
                Ok(self.commit(caller, decided).await?.record)
            }
            None => Ok(current),
        }
    }

    /// What making a resource what it shall be means, by the plugin of this caller; `None`: it is so already. Nothing is written yet.
    pub(crate) async fn decide_by(
        &self,
        caller: &Caller,
        current: &Record,
        shall: Shall,
    ) -> Result<Option<Decided>, Attempt> {
        let Shall { document, rows, mut rewrites, must_be_current, names_too } = shall;
        let (resource_type, id) = (&current.resource_type, current.id);
        let mapped = match &document {
            Some(document) => Some(map(caller, resource_type, id, document, Some(&current.account))?),
            None => None,
        };
        if let Some(mapped) = &mapped {
            caller.note(&mapped.left_out);
            rewrites.extend_from_slice(&mapped.left_out);
        }
        let mut next = mapped.filter(|mapped| names_too || !mapped.is_in(current)).map(|mapped| Record {
            modified: caller.now,
            version: current.version.next(),
            document: mapped.document,
            account: mapped.account,
            plugin: mapped.plugin,
            keys: mapped.keys,
            index: mapped.index,
            ..current.clone()
        });
        if next.is_none() && rows.is_empty() {
            return Ok(None);
        }
        if let Some(next) = &mut next {
            give_up_old_duplicates(caller, current, next).await?;
        }
        if names_too && next.as_ref().is_some_and(|next| is_stored(next, current)) {
            return Ok(None);
        }

        let after = next.as_ref().unwrap_or(current);
        let sides = (Some(&current.account), Some(&after.account));
        let mut tasks = Vec::new();
        let event = match &next {
            Some(next) => {
                let event = update_event(&current.document, &next.document);
                tasks.extend(plan(caller, resource_type, id, event, sides, None)?);
                event
            }
            None if rows.added.is_empty() => Event::MemberRemoved,
            None => Event::MemberAdded,
        };
        let lost = rows.removed.iter().map(|member| (Event::MemberRemoved, *member));
        let gained = rows.added.iter().map(|member| (Event::MemberAdded, member.id));
        let of = (resource_type, id);
        tasks.extend(plan_members(&self.parts.limits, caller, of, sides, lost.chain(gained)).await?);

        let before = next.as_ref().map(|_| current);
        let change = Change {
            members_added: rows.added.iter().map(|member| member.id).collect(),
            members_removed: rows.removed.clone(),
            rewrites,
            ..change_of(caller, event, before, next.as_ref(), current)
        };
        let own = match &next {
            Some(next) => Write::Replace { record: Box::new(next.clone()), expected: current.version },
            None => Write::Touch {
                resource_type: resource_type.clone(),
                id,
                expected: must_be_current.then_some(current.version),
            },
        };
        let writes = std::iter::once(own).chain(rows.writes(id)).collect();
        let record = next.unwrap_or_else(|| current.clone());
        let free = not_by_hand(&record, &current.keys);
        Ok(Some(Decided { record, writes, free, gone: None, change, tasks, shadowed: None }))
    }
}

/// Whether everything that mapping makes of a resource is stored already.
fn is_stored(next: &Record, current: &Record) -> bool {
    (&next.document, &next.account, &next.keys, &next.index)
        == (&current.document, &current.account, &current.keys, &current.index)
}
