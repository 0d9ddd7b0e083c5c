use muster_model::ResourceType;
use muster_protocol::list::ListRequest;
use serde_json::Value;

use crate::authenticate::Caller;
use crate::{ScimError, Service};

impl Service {
    /// As [`Service::list`], asked for in a body (RFC 7644 §3.4.3).
    pub async fn search(&self, caller: &Caller, resource_type: &ResourceType, body: Value) -> Result<Value, ScimError> {
        self.list(caller, resource_type, &read(caller, body)?).await
    }

    /// As [`Service::list_all`], asked for in a body.
    pub async fn search_all(&self, caller: &Caller, body: Value) -> Result<Value, ScimError> {
        self.list_all(caller, &read(caller, body)?).await
    }
}

fn read(caller: &Caller, body: Value) -> Result<ListRequest, ScimError> {
    let (request, rewrites) = ListRequest::from_body(body, &caller.bound.profile)?;
    caller.note(&rewrites);
    Ok(request)
}
