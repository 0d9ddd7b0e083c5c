use muster_model::{Event, ResourceId, ResourceType};
use muster_store::Write;

use crate::authenticate::Caller;
use crate::create::change_of;
use crate::expected::Expected;
use crate::mapped::plan;
use crate::retry::Attempt;
use crate::{ScimError, Service};

impl Service {
    /// Removes a resource and its memberships (RFC 7644 §3.6). Its names are free again at once.
    pub async fn delete(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: &str,
        expected: &Expected,
    ) -> Result<(), ScimError> {
        caller.bound.accepted(resource_type)?;
        let id = ResourceId::parse(id).ok_or_else(|| caller.bound.not_found(resource_type, id))?;
        let mut retries = self.retries();
        loop {
            if let Some(done) = retries.settle(self.remove(caller, resource_type, id, expected).await)? {
                return Ok(done);
            }
        }
    }

    /// One attempt at removing it.
    async fn remove(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: ResourceId,
        expected: &Expected,
    ) -> Result<(), Attempt> {
        let current = self.current(caller, resource_type, id, expected).await?;
        let tasks = plan(caller, resource_type, id, Event::Deleted, (Some(&current.account), None), None)?;
        let change = change_of(caller, Event::Deleted, Some(&current), None, &current);
        let expected = Some(current.version);
        let writes = vec![Write::Remove { resource_type: resource_type.clone(), id, expected }];
        self.commit(caller, resource_type, writes, change, tasks).await?;
        Ok(())
    }
}
