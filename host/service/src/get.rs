use muster_model::{ResourceId, ResourceType};
use muster_protocol::project::Projection;

use crate::authenticate::Caller;
use crate::expected::Expected;
use crate::reply::Reply;
use crate::{ScimError, Service};

impl Service {
    /// One resource (RFC 7644 §3.4.1), unless the client has it already. No plugin is called: what the mapping stored is what is served.
    pub async fn get(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: &str,
        expected: &Expected,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        caller.bound.served(resource_type)?;
        let not_found = || caller.bound.not_found(resource_type, id);
        let known = ResourceId::parse(id).ok_or_else(not_found)?;
        let record = match caller.tenant.directory.get(resource_type, known).await? {
            Some(record) => record,
            None => match self.by_hand(caller, resource_type, known).await? {
                Some(by_hand) => by_hand.as_user(),
                // Who was taken over between the two looks is a user by now.
                None => caller.tenant.directory.get(resource_type, known).await?.ok_or_else(not_found)?,
            },
        };
        // A tag costs less than what it stands for.
        if *expected != Expected::default() {
            let etag = self.etag(caller, &record, projection).await?;
            if expected.check_read(record.version, &etag)? {
                return Ok(Reply { etag, not_modified: true, ..Reply::without_body(caller, &record) });
            }
        }
        self.reply(caller, &record, projection).await
    }
}
