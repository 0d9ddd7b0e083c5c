//! What each write means, row by row. Every precondition of the port is checked here, and nowhere else.

use std::collections::BTreeMap;

use muster_model::{Change, ResourceId, ResourceType, Rollout, TenantRow, Timestamp, Trust, Version};
use muster_store::{Member, StoreError};

use crate::TRUST;
use crate::codec::{self, Value};
use crate::entry;
use crate::index_rows::{IndexRows, of_names};
use crate::keys::Space;
use crate::prepared::{Prepared, PreparedChange, PreparedRecord, PreparedWrite, Work};
use crate::staging::{Made, Staging};
use crate::tasks::{self, Place};

impl Work {
    /// Writes all of it, or says why not; then the staging must be dropped.
    pub(crate) fn apply(&self, staging: &mut Staging<'_>) -> Result<Made, StoreError> {
        let deployment = Space::deployment();
        match self {
            Self::Commit(commit) => return commit.apply(staging),
            Self::Seal(sealing) => sealing.apply(staging)?,
            Self::Prune(pruning) => pruning.apply(staging)?,
            Self::Move(moving) => moving.apply(staging)?,
            Self::Task { space, work } => return Ok(Made { seq: work.apply(space, staging)?, ..Made::default() }),
            Self::State(state) => return Ok(Made { seq: state.apply(staging)?, ..Made::default() }),
            Self::AddTenant(id, row) => {
                let key = deployment.tenant(id);
                if staging.has(&key)? || staging.has(&deployment.reserved(id))? {
                    return Err(StoreError::Taken { attribute: "tenant".to_owned() });
                }
                staging.put_value(key, row)?;
            }
            Self::ReplaceTenant { id, row, expected } => {
                let key = deployment.tenant(id);
                let current = staging.value(&key)?.ok_or(StoreError::Stale)?;
                if codec::decode::<TenantRow>(&current, "a tenant")?.binding.revision != *expected {
                    return Err(StoreError::Stale);
                }
                staging.put_value(key, row)?;
            }
            Self::Put { key, row } => staging.put_value(key.clone(), row)?,
            Self::PutRollout { key, row, expected } => {
                let current = staging.value(key)?.map(|row| codec::decode::<Rollout>(&row, "a rollout")).transpose()?;
                if current.map(|current| current.version) != *expected {
                    return Err(StoreError::Stale);
                }
                staging.put_value(key.clone(), row)?;
            }
            Self::RemoveRollout { key } => {
                if staging.has(key)? {
                    staging.delete_value(key.clone())?;
                }
            }
            Self::PutPlugin { digest, row, bytes } => {
                let key = deployment.plugin(digest);
                if !staging.has(&key)? {
                    staging.put_value(deployment.plugin_bytes(digest), bytes)?;
                    staging.put_value(key, row)?;
                }
            }
            Self::ReplacePlugin { digest, row } => {
                let key = deployment.plugin(digest);
                if !staging.has(&key)? {
                    return Err(StoreError::Stale);
                }
                staging.put_value(key, row)?;
            }
            Self::RemovePlugin(digest) => {
                if staging.has(&deployment.plugin(digest))? {
                    staging.delete_value(deployment.plugin(digest))?;
                    staging.delete_value(deployment.plugin_bytes(digest))?;
                }
            }
            Self::PutTrust { row, expected } => {
                let current = staging.value(&deployment.trust())?;
                let current = current.map(|row| codec::decode::<Trust>(&row, TRUST)).transpose()?;
                if current.map_or(0, |current| current.version) != *expected {
                    return Err(StoreError::Stale);
                }
                staging.put_value(deployment.trust(), row)?;
            }
        }
        Ok(Made::default())
    }
}

/// Adds what another store has written: it is not logged, and stays as it is.
pub(crate) fn add(space: &Space, write: &PreparedWrite, staging: &mut Staging<'_>) -> Result<(), StoreError> {
    Step::new(space, Timestamp::from_millis(0), staging).write(write)
}

impl Prepared {
    fn apply(&self, staging: &mut Staging<'_>) -> Result<Made, StoreError> {
        let mut step = Step::new(&self.space, self.at, staging);
        for write in &self.writes {
            step.write(write)?;
        }
        for key in &self.free {
            if step.staging.has(key)? {
                return Err(StoreError::Stale);
            }
        }
        let touched = step.touched()?;
        let seq = self.append(&mut step)?;
        Ok(Made { seq, touched })
    }

    /// Numbers the changes and the tasks, and gives the number of the first change.
    fn append(&self, step: &mut Step<'_, '_>) -> Result<u64, StoreError> {
        let (before, tasks) = codec::heads(step.staging.get(&self.space.heads())?)?;
        if self.changes.is_empty() {
            return Ok(before);
        }
        let mut last = before;
        for change in &self.changes {
            last += 1;
            step.append(last, change)?;
        }
        if let Some(loss) = &self.loss {
            for change in step.losses(loss)? {
                last += 1;
                step.append(last, &change)?;
            }
        }
        for (seq, task) in (tasks + 1..).zip(&self.tasks) {
            let (id, queue) = (task.id, task.queue.clone());
            let place = Place { seq, change: before + 1 + task.change, id, queue };
            tasks::add(&self.space, step.staging, &place, self.at, &task.encoded)?;
        }
        let heads = [last, tasks + self.tasks.len() as u64];
        step.staging.put(self.space.heads(), &heads.map(u64::to_be_bytes).concat()[..]);
        Ok(before + 1)
    }
}

/// The writes of one commit, one after the other.
struct Step<'a, 'b> {
    space: &'a Space,
    at: Timestamp,
    staging: &'a mut Staging<'b>,
    touched: Vec<(ResourceType, ResourceId)>,
    /// What was written, at the version that it has now; of what was removed, the last one.
    versions: BTreeMap<(ResourceId, ResourceType), Version>,
    /// Groups that lost members because those were removed.
    losses: BTreeMap<ResourceId, Vec<ResourceId>>,
}

impl<'a, 'b> Step<'a, 'b> {
    fn new(space: &'a Space, at: Timestamp, staging: &'a mut Staging<'b>) -> Self {
        let (touched, versions, losses) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { space, at, staging, touched, versions, losses }
    }

    /// An entry of the log, with the way to it from the resources that it tells of.
    fn append(&mut self, seq: u64, change: &PreparedChange) -> Result<(), StoreError> {
        let version = match self.versions.get(&(change.id, change.kind.clone())) {
            Some(version) => *version,
            None => codec::record_version(&self.current(&change.kind, change.id, None)?.1)?,
        };
        self.staging.put_value(self.space.change(seq), &entry::row(version, &change.encoded))?;
        for key in entry::history_keys(self.space, seq, &change.tells_of) {
            self.staging.put(key, &[]);
        }
        Ok(())
    }

    /// What the log says of the groups that lost members because those were removed; not of those that are gone themselves.
    fn losses(&self, loss: &Change) -> Result<Vec<PreparedChange>, StoreError> {
        let mut changes = Vec::new();
        for (group, members) in &self.losses {
            if self.staging.has(&self.space.record(&ResourceType::GROUP, *group))? {
                let change = Change { id: *group, members_removed: members.clone(), ..loss.clone() };
                changes.push(PreparedChange::new(&change)?);
            }
        }
        Ok(changes)
    }
}

impl Step<'_, '_> {
    fn write(&mut self, write: &PreparedWrite) -> Result<(), StoreError> {
        match write {
            PreparedWrite::Insert(record) => self.insert(record),
            PreparedWrite::Replace { record, expected } => self.replace(record, *expected),
            PreparedWrite::Remove { kind, id, expected } => self.remove(kind, *id, *expected),
            PreparedWrite::Touch { kind, id, expected } => self.touch(kind, *id, *expected),
            PreparedWrite::AddMember { group, member } => self.add_member(*group, member),
            PreparedWrite::RemoveMember { group, member } => self.remove_member(*group, *member),
        }
    }

    fn insert(&mut self, record: &PreparedRecord) -> Result<(), StoreError> {
        let key = self.space.record(&record.kind, record.id);
        if self.staging.has(&key)? {
            return Err(StoreError::Stale);
        }
        self.claim(record)?;
        self.lead(&IndexRows::default(), &record.index)?;
        self.staging.put_value(key, &record.bytes)?;
        self.versions.insert((record.id, record.kind.clone()), record.version);
        self.staging.turn(self.space.records(&record.kind), record.id, true);
        Ok(())
    }

    fn replace(&mut self, record: &PreparedRecord, expected: Version) -> Result<(), StoreError> {
        let (key, old) = self.current(&record.kind, record.id, Some(expected))?;
        self.claim(record)?;
        self.lead(&self.index_of(&record.kind, record.id, &old)?, &record.index)?;
        self.versions.insert((record.id, record.kind.clone()), record.version);
        self.staging.put_value(key, &record.bytes)
    }

    fn remove(&mut self, kind: &ResourceType, id: ResourceId, expected: Option<Version>) -> Result<(), StoreError> {
        let (key, old) = self.current(kind, id, expected)?;
        self.lead(&self.index_of(kind, id, &old)?, &IndexRows::default())?;
        self.versions.insert((id, kind.clone()), codec::record_version(&old)?);
        self.staging.delete_value(key)?;
        self.staging.turn(self.space.records(kind), id, false);
        if *kind == ResourceType::GROUP {
            for member in self.staging.ids(&self.space.members(id))? {
                self.staging.delete(self.space.member(id, member));
                self.staging.delete(self.space.group(member, id));
            }
            self.staging.delete(self.space.member_count(id));
        }
        for group in self.staging.ids(&self.space.groups(id))? {
            // A group may have a member of another kind with the same id.
            if self.staging.get(&self.space.member(group, id))?.is_some_and(|row| *row == *kind.as_str().as_bytes()) {
                self.remove_member(group, id)?;
                self.losses.entry(group).or_default().push(id);
                self.touch(&ResourceType::GROUP, group, None)?;
            }
        }
        Ok(())
    }

    fn touch(&mut self, kind: &ResourceType, id: ResourceId, expected: Option<Version>) -> Result<(), StoreError> {
        let (key, old) = self.current(kind, id, expected)?;
        let next = codec::record_version(&old)?.next();
        self.staging.put_value(key, &codec::touched(&old, next, self.at)?)?;
        let modified = codec::record_modified(&old)?;
        if modified != self.at {
            self.staging.delete(self.space.modified(kind, modified, id));
            self.staging.put(self.space.modified(kind, self.at, id), &[]);
        }
        self.versions.insert((id, kind.clone()), next);
        let touched = (kind.clone(), id);
        if !self.touched.contains(&touched) {
            self.touched.push(touched);
        }
        Ok(())
    }

    fn add_member(&mut self, group: ResourceId, member: &Member) -> Result<(), StoreError> {
        let row = self.space.member(group, member.id);
        let ends =
            [self.space.record(&ResourceType::GROUP, group), self.space.record(&member.resource_type, member.id)];
        if self.staging.has(&row)? || !self.staging.has(&ends[0])? || !self.staging.has(&ends[1])? {
            return Err(StoreError::Stale);
        }
        self.staging.put(row, member.resource_type.as_str());
        self.staging.put(self.space.group(member.id, group), &[]);
        self.staging.count(self.space.member_count(group), 1)
    }

    fn remove_member(&mut self, group: ResourceId, member: ResourceId) -> Result<(), StoreError> {
        let row = self.space.member(group, member);
        if !self.staging.has(&row)? {
            return Err(StoreError::Stale);
        }
        self.staging.delete(row);
        self.staging.delete(self.space.group(member, group));
        self.staging.count(self.space.member_count(group), -1)
    }

    /// The record as this commit finds it, if it is what the write relies on.
    fn current(
        &self,
        kind: &ResourceType,
        id: ResourceId,
        expected: Option<Version>,
    ) -> Result<(Vec<u8>, Value), StoreError> {
        let key = self.space.record(kind, id);
        let record = self.staging.value(&key)?.ok_or(StoreError::Stale)?;
        match expected {
            Some(expected) if codec::record_version(&record)? != expected => Err(StoreError::Stale),
            Some(_) | None => Ok((key, record)),
        }
    }

    /// Whether no other record of its kind holds one of its keys.
    fn claim(&self, record: &PreparedRecord) -> Result<(), StoreError> {
        for name in &record.keys {
            let key = self.space.unique(&record.kind, &name.attribute, &name.folded);
            if self.staging.get(&key)?.is_some_and(|holder| *holder != *record.id.as_bytes()) {
                return Err(StoreError::Taken { attribute: name.attribute.clone() });
            }
        }
        Ok(())
    }

    /// What leads to a record as this commit finds it.
    fn index_of(&self, kind: &ResourceType, id: ResourceId, record: &[u8]) -> Result<IndexRows, StoreError> {
        let names = codec::record_names(record)?;
        Ok(of_names(self.space, kind, id, codec::record_modified(record)?, &names))
    }

    /// Makes what shall lead to a record out of what led to it. Rows that stay are not written.
    fn lead(&mut self, from: &IndexRows, to: &IndexRows) -> Result<(), StoreError> {
        for key in from.rows.keys().filter(|key| !to.rows.contains_key(*key)) {
            self.staging.delete(key.clone());
        }
        for (key, row) in to.rows.iter().filter(|(key, _)| !from.rows.contains_key(*key)) {
            self.staging.put(key.clone(), row.clone());
        }
        for counter in from.counters.difference(&to.counters) {
            self.staging.count(counter.clone(), -1)?;
        }
        for counter in to.counters.difference(&from.counters) {
            self.staging.count(counter.clone(), 1)?;
        }
        Ok(())
    }

    /// The touched records as they are at the end of the commit; not those that it removed as well.
    fn touched(&mut self) -> Result<Vec<(ResourceType, ResourceId, Value)>, StoreError> {
        let mut records = Vec::new();
        for (kind, id) in std::mem::take(&mut self.touched) {
            let record = self.staging.value(&self.space.record(&kind, id))?;
            records.extend(record.map(|record| (kind, id, record)));
        }
        Ok(records)
    }
}
