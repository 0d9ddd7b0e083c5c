use muster_model::{Change, Event, Record, ResourceId, ResourceType};
use muster_store::Write;

use crate::authenticate::Caller;
use crate::create::{Decided, change_of};
use crate::directory::ByHand;
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
        let current = match self.current(caller, resource_type, id, expected).await {
            Err(Attempt::Failed(ScimError::NotFound { detail })) => {
                // What SCIM has never managed is not its to remove, whatever the policy.
                let by_hand = self.by_hand(caller, resource_type, id).await?;
                let refused = match by_hand.as_ref().map(ByHand::refused_by_id) {
                    None if !self.is_nobody(caller, resource_type, id).await? => return Err(Attempt::Stale),
                    None => ScimError::NotFound { detail },
                    Some(ScimError::ByHand { detail }) => ScimError::NotManaged { detail },
                    Some(other) => other,
                };
                return Err(refused.into());
            }
            current => current?,
        };
        let decided = self.decide_gone(caller, current).await?;
        self.commit(caller, decided).await?;
        Ok(())
    }

    /// What removing a resource means, by the plugin of this caller: nothing is written yet.
    ///
    /// The log tells every row that goes with it. A group's are read here, after its version, which each of them changes: at that version
    /// the group has these members. The groups that lose a user are the store's to tell.
    pub(crate) async fn decide_gone_by(&self, caller: &Caller, current: Record) -> Result<Decided, Attempt> {
        let (resource_type, id) = (&current.resource_type, current.id);
        let members = match resource_type.as_str() {
            "Group" => self.all_members(caller, id).await?,
            _ => Vec::new(),
        };
        let tasks = plan(caller, resource_type, id, Event::Deleted, (Some(&current.account), None), None)?;
        let change = Change {
            members_removed: members.into_iter().map(|member| member.id).collect(),
            ..change_of(caller, Event::Deleted, Some(&current), None, &current)
        };
        let expected = Some(current.version);
        let writes = vec![Write::Remove { resource_type: resource_type.clone(), id, expected }];
        Ok(Decided { record: current, writes, free: Vec::new(), gone: None, change, tasks, shadowed: None })
    }
}
