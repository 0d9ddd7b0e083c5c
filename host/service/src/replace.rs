use muster_model::{Record, ResourceId, ResourceType};
use muster_protocol::patch::MemberEdit;
use muster_protocol::project::Projection;
use muster_protocol::{Document, normalise};
use serde_json::Value;

use crate::authenticate::Caller;
use crate::create::TakesOver;
use crate::expected::Expected;
use crate::patch::Update;
use crate::reply::Reply;
use crate::retry::Attempt;
use crate::settings::WithoutMembers;
use crate::{ScimError, Service};

impl Service {
    /// Replaces a resource's attributes (RFC 7644 §3.5.1); what the server makes and what only it may change stays.
    ///
    /// Creates it if there is none and the tenant's plugin wants that.
    pub async fn replace(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: &str,
        body: Value,
        expected: &Expected,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let projection = &projection.with_sent(caller.bound.accepted(resource_type)?, &body);
        let known = match ResourceId::parse(id) {
            Some(id) if caller.tenant.directory.get(resource_type, id).await?.is_some() => Some(id),
            Some(id) => self.by_hand(caller, resource_type, id).await?.map(|_| id),
            None => None,
        };
        let Some(known) = known else {
            return self.put_unknown(caller, resource_type, id, body, expected, projection).await;
        };
        let mut retries = self.retries();
        let record = loop {
            let attempt = self.put_known(caller, resource_type, known, body.clone(), expected).await;
            if let Some(record) = retries.settle(attempt)? {
                break record;
            }
        };
        self.reply(caller, &record, projection).await
    }

    /// One attempt at replacing it.
    async fn put_known(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: ResourceId,
        body: Value,
        expected: &Expected,
    ) -> Result<Record, Attempt> {
        let accepted = caller.bound.accepted(resource_type)?;
        let current = match self.current(caller, resource_type, id, expected).await {
            Err(Attempt::Failed(ScimError::NotFound { detail })) => {
                let read = |by_hand: &Document| Ok(normalise::replace(accepted, &caller.bound.profile, by_hand, body)?);
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
        let sent = normalise::replace(accepted, &caller.bound.profile, &current.document, body)?;
        caller.note(&sent.rewrites);
        let members = match (sent.members, caller.bound.settings.without_members) {
            (Some(members), _) => vec![MemberEdit::Set(members)],
            (None, WithoutMembers::Empty) if resource_type == &ResourceType::GROUP => vec![MemberEdit::Clear],
            (None, WithoutMembers::Empty | WithoutMembers::Keep) => Vec::new(),
        };
        let update = Update { document: Some(sent.document), members, rewrites: sent.rewrites, expected };
        self.update(caller, current, update).await
    }

    /// A PUT to an id that does not exist: 404, unless the plugin wants it to create. Then the new resource gets an id of its own; if it
    /// would take another's name, be that one's an account made by hand or a user's, the client's link is stale and it is told 404, so that
    /// it looks the user up again.
    async fn put_unknown(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: &str,
        body: Value,
        expected: &Expected,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let creates = caller.bound.settings.users_put_creates && resource_type == &ResourceType::USER;
        if !creates || expected.wants_one() {
            return Err(caller.bound.not_found(resource_type, id));
        }
        match self.add(caller, resource_type, (None, TakesOver::No), body, projection).await {
            Err(ScimError::Uniqueness { .. } | ScimError::ByHand { .. }) => {
                Err(caller.bound.not_found(resource_type, id))
            }
            other => other,
        }
    }

    /// The record as it is now, at the version that the client expects.
    pub(crate) async fn current(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: ResourceId,
        expected: &Expected,
    ) -> Result<Record, Attempt> {
        let found = caller.tenant.directory.get(resource_type, id).await?;
        let record = found.ok_or_else(|| caller.bound.not_found(resource_type, &id.to_string()))?;
        expected.check(record.version)?;
        Ok(record)
    }
}
