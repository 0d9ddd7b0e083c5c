use std::time::Instant;

use muster_model::{
    Account, Change, Event, Key, NewTask, Record, ResourceId, ResourceType, Snapshot, Timestamp, Version,
};
use muster_protocol::normalise::{self, Normalised};
use muster_protocol::project::Projection;
use muster_store::{Commit, Committed, Write};
use serde_json::Value;

use crate::authenticate::Caller;
use crate::brake::Brakes;
use crate::directory::not_by_hand;
use crate::mapped::{map, plan, plan_members, update_event};
use crate::members::RowChanges;
use crate::reply::Reply;
use crate::retry::Attempt;
use crate::standard::STANDARD;
use crate::trial::Shadowed;
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
        self.add(caller, resource_type, (None, TakesOver::Yes), body, projection).await
    }

    /// The same, under an id that was chosen before.
    pub(crate) async fn create_as(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: Option<ResourceId>,
        body: Value,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        self.add(caller, resource_type, (id, TakesOver::Yes), body, projection).await
    }

    /// The same, by a client that may have meant another account than the one that has the name.
    pub(crate) async fn add(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        (id, takes_over): (Option<ResourceId>, TakesOver),
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
            if let Some(record) = retries.settle(self.insert(caller, resource_type, (id, takes_over), &sent).await)? {
                break record;
            }
        };
        Ok(Reply { created: true, ..self.reply(caller, &record, projection).await? })
    }

    /// One attempt at adding it.
    async fn insert(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        (id, takes_over): (Option<ResourceId>, TakesOver),
        sent: &Normalised,
    ) -> Result<Record, Attempt> {
        let id = id.unwrap_or_else(|| self.parts.ids.next());
        let (created, version) = (caller.now, Version::FIRST);
        let new = New { resource_type, id, created, version, sent, earlier: None, adopted: None };
        let decided = self.decide_new(caller, new).await?;
        let decided = match self.holder_by_hand(caller, &decided.record, &[]).await? {
            None => decided,
            Some(by_hand) if takes_over == TakesOver::No => return Err(by_hand.refused().into()),
            Some(by_hand) => self.decide_adopted(caller, &by_hand, sent).await?,
        };
        Ok(self.commit(caller, decided).await?.record)
    }

    /// What adding a resource means, by the plugin of this caller: nothing is written yet.
    pub(crate) async fn decide_new_by(&self, caller: &Caller, new: New<'_>) -> Result<Decided, Attempt> {
        let New { resource_type, id, created, version, sent, earlier, adopted } = new;
        let mapped = map(caller, resource_type, id, &sent.document, earlier)?;
        caller.note(&mapped.left_out);
        // Whoever takes an account over and ends its access in one write deactivates somebody: it is told, counted and proved as that.
        let switched = adopted.map(|old| update_event(&old.document, &mapped.document));
        let ends = switched == Some(Event::Deactivated);
        let event = if ends { Event::Deactivated } else { Event::Created };
        // Whoever gives access back with it creates, for everybody but the plugin: what was barred at the product is to be let in again.
        let planned = if switched == Some(Event::Reactivated) { Event::Reactivated } else { event };
        let before = adopted.map(|old| &old.account);
        let mut tasks = plan(caller, resource_type, id, planned, (before, Some(&mapped.account)), None)?;
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
            created,
            modified: caller.now,
            version,
            document: mapped.document,
            account: mapped.account,
            plugin: mapped.plugin,
            keys: mapped.keys,
            index: mapped.index,
        };
        let change = Change {
            members_added: rows.added.iter().map(|member| member.id).collect(),
            rewrites: [sent.rewrites.as_slice(), &mapped.left_out].concat(),
            ..change_of(caller, event, adopted.filter(|_| ends), Some(&record), &record)
        };
        let writes = std::iter::once(Write::Insert(Box::new(record.clone()))).chain(rows.writes(id)).collect();
        let free = not_by_hand(&record, &[]);
        Ok(Decided { record, writes, free, gone: None, change, tasks, shadowed: None })
    }

    /// Commits what was decided of one resource: its writes, its change and its tasks.
    pub(crate) async fn commit(&self, caller: &Caller, decided: Decided) -> Result<Made, Attempt> {
        let Decided { record, writes, free, gone, change, tasks, shadowed } = decided;
        caller.notes.touches(&change);
        let is_counted = Brakes::counts(&change);
        let changes: Vec<Change> = gone.map(|gone| *gone).into_iter().chain([change]).collect();
        let own = changes.len() - 1;
        let tasks = tasks.into_iter().map(|task| (own, task)).collect();
        let commit = Commit { at: caller.now, writes, free, changes, tasks };
        let began = Instant::now();
        let committed = caller.tenant.directory.commit(commit).await;
        let committed = committed.map(|made| Committed { seq: made.seq + own as u64, ..made });
        caller.notes.committed(began.elapsed(), committed.as_ref().map(|committed| committed.seq));
        let canonical = |attribute: &str| caller.bound.canonical(&record.resource_type, attribute);
        let Committed { seq, touched } = committed.map_err(|error| Attempt::of(error, canonical))?;
        self.has_news(&caller.tenant);
        if is_counted {
            self.brakes.wake(&caller.tenant.id);
        }
        if let Some(shadowed) = shadowed {
            shadowed.committed(seq);
        }
        // A record that was touched has a version that only the store knows.
        let touched = touched.into_iter().find(|touched| touched.id == record.id);
        Ok(Made { seq, record: touched.unwrap_or(record) })
    }
}

/// Whether an account made by hand that has the name is taken over where the plugin says so, or refuses the write whatever it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakesOver {
    /// The client asks for a new user.
    Yes,
    /// The client asks for another one.
    No,
}

/// A resource that shall be added.
#[derive(Debug)]
pub(crate) struct New<'a> {
    pub resource_type: &'a ResourceType,
    pub id: ResourceId,
    pub created: Timestamp,
    pub version: Version,
    pub sent: &'a Normalised,
    /// The account of one that comes back, as it was when it went.
    pub earlier: Option<&'a Account>,
    /// The account that it takes over: the plugin is told of it as what was there before, and so is the log where its access ends.
    pub adopted: Option<&'a Record>,
}

/// A write of one resource that every plugin has agreed to, and that is not made yet.
#[derive(Debug)]
pub(crate) struct Decided {
    /// The resource as it will be; of one that goes, as it was.
    pub record: Record,
    pub writes: Vec<Write>,
    /// Keys that nobody of another kind may hold.
    pub free: Vec<(ResourceType, Key)>,
    /// What the log says of the account made by hand that it takes over, before its own change.
    pub gone: Option<Box<Change>>,
    pub change: Change,
    pub tasks: Vec<NewTask>,
    /// What a candidate is told of it, if one is tried beside the plugin.
    pub shadowed: Option<Box<Shadowed>>,
}

/// A write that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its place in the log.
    pub seq: u64,
    /// The resource as it is now; of one that went, as it was.
    pub record: Record,
}

/// What the log will say of a write.
pub(crate) fn change_of(
    caller: &Caller,
    event: Event,
    before: Option<&Record>,
    after: Option<&Record>,
    of: &Record,
) -> Change {
    let snapshot = |record: &Record| Snapshot {
        document: record.document.clone(),
        account: record.account.clone(),
        created: Some(record.created),
    };
    Change {
        at: caller.now,
        actor: caller.actor.clone(),
        request: caller.request.clone(),
        // The record and the log agree on who made the account.
        plugin: if after.is_some_and(|record| record.plugin == STANDARD) {
            STANDARD
        } else {
            caller.bound.plugin.digest()
        },
        event,
        resource_type: of.resource_type.clone(),
        id: of.id,
        before: before.map(snapshot),
        after: after.map(snapshot),
        members_added: Vec::new(),
        members_removed: Vec::new(),
        rewrites: Vec::new(),
        undoes: Vec::new(),
    }
}
