use muster_model::{ResourceId, ResourceType};
use muster_protocol::project::Projection;

use crate::authenticate::Caller;
use crate::reply::Reply;
use crate::{ScimError, Service};

impl Service {
    /// One resource (RFC 7644 §3.4.1). No plugin is called: what the mapping stored is what is served.
    pub async fn get(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        id: &str,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        caller.bound.served(resource_type)?;
        let not_found = || caller.bound.not_found(resource_type, id);
        let known = ResourceId::parse(id).ok_or_else(not_found)?;
        let record = caller.tenant.directory.get(resource_type, known).await?.ok_or_else(not_found)?;
        self.reply(caller, &record, projection).await
    }
}
