//! What each write means, row by row. Every precondition of the port is checked here, and nowhere else.

use muster_model::{ResourceId, ResourceType, TenantRow, Timestamp, Version};
use muster_store::{COVERED, Member, StoreError};

use crate::codec::{self, Names, Value};
use crate::keys::Space;
use crate::prepared::{Prepared, PreparedRecord, PreparedWrite, Work};
use crate::staging::{Made, Staging};

impl Work {
    /// Writes all of it, or says why not; then the staging must be dropped.
    pub(crate) fn apply(&self, staging: &mut Staging<'_>) -> Result<Made, StoreError> {
        let deployment = Space::deployment();
        match self {
            Self::Commit(commit) => return commit.apply(staging),
            Self::AddTenant(id, row) => {
                let key = deployment.tenant(id);
                if staging.has(&key)? {
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
            Self::PutToken { key, row } => staging.put_value(key.clone(), row)?,
            Self::PutPlugin { digest, row, bytes } => {
                let key = deployment.plugin(digest);
                if !staging.has(&key)? {
                    staging.put_value(deployment.plugin_bytes(digest), bytes)?;
                    staging.put_value(key, row)?;
                }
            }
        }
        Ok(Made::default())
    }
}

impl Prepared {
    fn apply(&self, staging: &mut Staging<'_>) -> Result<Made, StoreError> {
        let mut step = Step { space: &self.space, at: self.at, staging, touched: Vec::new() };
        for write in &self.writes {
            step.write(write)?;
        }
        let touched = step.touched()?;
        let seq = self.append(staging)?;
        Ok(Made { seq, touched })
    }

    /// Numbers the changes and the tasks, and gives the number of the first change.
    fn append(&self, staging: &mut Staging<'_>) -> Result<u64, StoreError> {
        let (changes, tasks) = codec::heads(staging.get(&self.space.heads())?)?;
        if self.changes.is_empty() {
            return Ok(changes);
        }
        for (seq, change) in (changes + 1..).zip(&self.changes) {
            staging.put_value(self.space.change(seq), change)?;
        }
        for (seq, (position, task)) in (tasks + 1..).zip(&self.tasks) {
            staging.put_value(self.space.task(seq), &codec::task_row(changes + 1 + position, task))?;
        }
        let heads = [changes + self.changes.len() as u64, tasks + self.tasks.len() as u64];
        staging.put(self.space.heads(), &heads.map(u64::to_be_bytes).concat()[..]);
        Ok(changes + 1)
    }
}

/// The writes of one commit, one after the other.
struct Step<'a, 'b> {
    space: &'a Space,
    at: Timestamp,
    staging: &'a mut Staging<'b>,
    touched: Vec<(ResourceType, ResourceId)>,
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
        self.staging.put_value(key, &record.bytes)?;
        self.staging.count(self.space.record_count(&record.kind), 1)?;
        self.staging.turn(self.space.records(&record.kind), record.id, true);
        Ok(())
    }

    fn replace(&mut self, record: &PreparedRecord, expected: Version) -> Result<(), StoreError> {
        let (key, old) = self.current(&record.kind, record.id, Some(expected))?;
        self.release(&record.kind, record.id, &codec::record_names(&old)?)?;
        self.claim(record)?;
        self.staging.put_value(key, &record.bytes)
    }

    fn remove(&mut self, kind: &ResourceType, id: ResourceId, expected: Option<Version>) -> Result<(), StoreError> {
        let (key, old) = self.current(kind, id, expected)?;
        self.release(kind, id, &codec::record_names(&old)?)?;
        self.staging.delete_value(key)?;
        self.staging.count(self.space.record_count(kind), -1)?;
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
                self.touch(&ResourceType::GROUP, group, None)?;
            }
        }
        Ok(())
    }

    fn touch(&mut self, kind: &ResourceType, id: ResourceId, expected: Option<Version>) -> Result<(), StoreError> {
        let (key, old) = self.current(kind, id, expected)?;
        let next = codec::record_version(&old)?.next();
        self.staging.put_value(key, &codec::touched(&old, next, self.at)?)?;
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

    fn claim(&mut self, record: &PreparedRecord) -> Result<(), StoreError> {
        let PreparedRecord { kind, id, names, .. } = record;
        for name in &names.keys {
            let key = self.space.unique(kind, &name.attribute, &name.folded);
            // The plugin may give the same key that the document gives.
            if self.staging.get(&key)?.is_some_and(|holder| *holder != *id.as_bytes()) {
                return Err(StoreError::Taken { attribute: name.attribute.clone() });
            }
            self.staging.put(key, id.as_bytes());
        }
        for entry in &names.index {
            if entry.attribute == COVERED {
                self.staging.count(self.space.covered(kind, &entry.value), 1)?;
            } else {
                self.staging.put(self.space.index(kind, &entry.attribute, &entry.value, *id), &[]);
            }
        }
        Ok(())
    }

    fn release(&mut self, kind: &ResourceType, id: ResourceId, names: &Names) -> Result<(), StoreError> {
        for name in &names.keys {
            self.staging.delete(self.space.unique(kind, &name.attribute, &name.folded));
        }
        for entry in &names.index {
            if entry.attribute == COVERED {
                self.staging.count(self.space.covered(kind, &entry.value), -1)?;
            } else {
                self.staging.delete(self.space.index(kind, &entry.attribute, &entry.value, id));
            }
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
