use muster_model::Record;
use muster_protocol::project::Projection;
use serde_json::{Map, Value};

use crate::authenticate::Caller;
pub(crate) use crate::render::location;
use crate::{ScimError, Service};

/// An answer that carries one resource, or says that it is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The resource as the client asked for it; `None`: there is nothing to show (204), or nothing new (304).
    pub resource: Option<Map<String, Value>>,
    /// Its `ETag`, the same as `meta.version` in the resource.
    pub etag: String,
    /// Its URL.
    pub location: String,
    /// Whether it came to be by this request.
    pub created: bool,
    /// The client has this representation already.
    pub not_modified: bool,
}

impl Reply {
    /// Says that it is done, and which version there is now.
    pub(crate) fn without_body(caller: &Caller, record: &Record) -> Self {
        let location = location(caller, &record.resource_type, &record.id.to_string());
        Self { resource: None, etag: record.version.etag(), location, created: false, not_modified: false }
    }
}

impl Service {
    /// A record as an answer.
    pub(crate) async fn reply(
        &self,
        caller: &Caller,
        record: &Record,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let shown = self.render(caller, &[(record, projection)]).await?.pop();
        let without_body = Reply::without_body(caller, record);
        Ok(match shown {
            Some(shown) => Reply { resource: Some(shown.resource), etag: shown.etag, ..without_body },
            None => without_body,
        })
    }
}
