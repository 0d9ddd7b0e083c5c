use muster_model::ResourceType;
use muster_protocol::filter::Filter;
use muster_protocol::list::{Page, list_response};
use muster_protocol::project::Projection;
use muster_store::Query;
use serde_json::Value;

use crate::authenticate::Caller;
use crate::{ScimError, Service};

/// Which resources, and what of them (RFC 7644 §3.4.2).
#[derive(Debug, Clone)]
pub struct ListRequest<'a> {
    /// The text of `filter`.
    pub filter: Option<&'a str>,
    /// Which page.
    pub page: Page,
    /// Which attributes.
    pub projection: Projection,
}

impl Service {
    /// A page of a tenant's resources, with the true total.
    pub async fn list(
        &self,
        caller: &Caller,
        resource_type: &ResourceType,
        request: &ListRequest<'_>,
    ) -> Result<Value, ScimError> {
        // Filters are understood by everything that a resource can have: what the plugin does not retain simply has no value.
        let def = caller.bound.accepted(resource_type)?;
        let filter = match request.filter {
            Some(text) => {
                let filter = Filter::parse(text, &|urn| def.is_schema(urn))?;
                filter.check(def)?;
                Some(filter)
            }
            None => None,
        };
        let query = Query {
            def: def.clone(),
            resource_type: resource_type.clone(),
            filter,
            offset: request.page.start_index - 1,
            limit: request.page.count,
        };
        let listing = caller.tenant.directory.list(&query).await?;
        let mut resources = Vec::with_capacity(listing.records.len());
        for record in &listing.records {
            resources.push(Value::Object(self.render(caller, record, &request.projection).await?));
        }
        Ok(list_response(listing.total, request.page.start_index, resources))
    }
}
