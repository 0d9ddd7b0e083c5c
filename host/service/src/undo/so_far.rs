//! What an undo has done up to now; in a dry run, what it would have done.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use muster_model::{Key, Record, ResourceId, ResourceType};

use crate::ScimError;
use crate::authenticate::Caller;

/// How things are by now.
#[derive(Debug, Default)]
pub(super) struct SoFar {
    /// Who is gone.
    gone: BTreeSet<ResourceId>,
    /// In a dry run: what would have been written.
    records: BTreeMap<ResourceId, Record>,
    /// In a dry run: whose these names would be.
    names: HashMap<(ResourceType, Key), ResourceId>,
}

impl SoFar {
    /// It goes, or would.
    pub(super) fn goes(&mut self, id: ResourceId) {
        self.forget(id);
        self.gone.insert(id);
    }

    pub(super) fn is_gone(&self, id: ResourceId) -> bool {
        self.gone.contains(&id)
    }

    /// In a dry run what would have been committed is supposed from here on.
    pub(super) fn suppose(&mut self, record: Record) {
        self.forget(record.id);
        let names = record.keys.iter().map(|key| ((record.resource_type.clone(), key.clone()), record.id));
        self.names.extend(names);
        self.records.insert(record.id, record);
    }

    /// It would not have been written after all.
    pub(super) fn forget(&mut self, id: ResourceId) {
        if let Some(record) = self.records.remove(&id) {
            for key in record.keys {
                self.names.remove(&(record.resource_type.clone(), key));
            }
        }
    }

    /// The resource, if it would have been written.
    pub(super) fn supposed(&self, id: ResourceId) -> Option<&Record> {
        self.records.get(&id)
    }

    /// Who has this name by now.
    pub(super) async fn holder(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        key: &Key,
    ) -> Result<Option<ResourceId>, ScimError> {
        if let Some(id) = self.names.get(&(resource_type.clone(), key.clone())) {
            return Ok(Some(*id));
        }
        let found = caller.tenant.directory.find(resource_type, key).await?.map(|record| record.id);
        // Whoever was taken back before has given it up.
        Ok(found.filter(|id| !self.gone.contains(id) && !self.records.contains_key(id)))
    }
}
