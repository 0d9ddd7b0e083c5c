use muster_model::{Change, Event, Record, ResourceType, Snapshot, Version};
use muster_protocol::normalise::{self, Normalised};
use muster_protocol::project::Projection;
use muster_store::{Commit, Write};
use serde_json::Value;

use crate::authenticate::Caller;
use crate::mapped::{map, plan, plan_members};
use crate::members::RowChanges;
use crate::reply::Reply;
use crate::retry::Attempt;
use crate::{ScimError, Service};

impl Service {
    /// Adds a resource, the change that tells of it and the tasks that follow, in one commit (RFC 7644 §3.3).
    ///
    /// Every plugin call comes before the commit: a slow or trapping plugin holds no lock, and what was committed can
    /// always be answered.
    pub async fn create(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        body: Value,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let accepted = caller.bound.accepted(resource_type)?;
        let projection = &projection.with_sent(accepted, &body);
        let mut sent = normalise::create(accepted, &caller.bound.profile, body)?;
        normalise::active_by_default(accepted, &mut sent.document);
        caller.note(&sent.rewrites);
        let mut retries = self.retries();
        let record = loop {
            if let Some(record) = retries.settle(self.insert(caller, resource_type, &sent).await)? {
                break record;
            }
        };
        Ok(Reply { created: true, ..self.reply(caller, &record, projection).await? })
    }

    /// One attempt at adding it.
    pub(crate) async fn insert(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        sent: &Normalised,
    ) -> Result<Record, Attempt> {
        let id = self.parts.ids.next();
        let mapped = map(caller, resource_type, id, &sent.document, None)?;
        caller.note(&mapped.left_out);
        let mut tasks = plan(caller, resource_type, id, Event::Created, (None, Some(&mapped.account)), None)?;
        let mut added = self.known_members(caller, sent.members.as_deref().unwrap_or_default()).await?;
        added.sort();
        added.dedup();
        let gained = added.iter().map(|member| (Event::MemberAdded, member.id));
        let (of, sides) = ((resource_type, id), (None, Some(&mapped.account)));
        tasks.extend(plan_members(&self.parts.limits, caller, of, sides, gained).await?);
        let rows = RowChanges { added, ..RowChanges::default() };

        let record = Record {
            id,
            resource_type: resource_type.clone(),
            created: caller.now,
            modified: caller.now,
            version: Version::FIRST,
            document: mapped.document,
            account: mapped.account,
            plugin: caller.bound.plugin.digest(),
            keys: mapped.keys,
            index: mapped.index,
        };
        let change = Change {
            members_added: rows.added.iter().map(|member| member.id).collect(),
            rewrites: [sent.rewrites.as_slice(), &mapped.left_out].concat(),
            ..change_of(caller, Event::Created, None, Some(&record), &record)
        };
        let writes = std::iter::once(Write::Insert(Box::new(record.clone()))).chain(rows.writes(id)).collect();
        self.commit(caller, resource_type, writes, change, tasks).await?;
        Ok(record)
    }

    /// Commits the writes of one resource with its change and its tasks; answers the records that were touched.
    pub(crate) async fn commit(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        writes: Vec<Write>,
        change: Change,
        tasks: Vec<muster_model::NewTask>,
    ) -> Result<Vec<Record>, Attempt> {
        let tasks = tasks.into_iter().map(|task| (0, task)).collect();
        let commit = Commit { at: caller.now, writes, changes: vec![change], tasks };
        let committed = caller.tenant.directory.commit(commit).await;
        let canonical = |attribute: &str| caller.bound.canonical(resource_type, attribute);
        Ok(committed.map_err(|error| Attempt::of(error, canonical))?.touched)
    }
}

/// What the log will say of a write.
pub(crate) fn change_of(
    caller: &Caller,
    event: Event,
    before: Option<&Record>,
    after: Option<&Record>,
    of: &Record,
) -> Change {
    let snapshot = |record: &Record| Snapshot { document: record.document.clone(), account: record.account.clone() };
    Change {
        at: caller.now,
        actor: caller.actor(),
        request: caller.request.clone(),
        plugin: caller.bound.plugin.digest(),
        event,
        resource_type: of.resource_type.clone(),
        id: of.id,
        before: before.map(snapshot),
        after: after.map(snapshot),
        members_added: Vec::new(),
        members_removed: Vec::new(),
        rewrites: Vec::new(),
    }
}
