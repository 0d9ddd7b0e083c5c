use muster_protocol::list::list_response;
use muster_protocol::schema::service_provider_config_json;
use serde_json::Value;

use crate::authenticate::Caller;
use crate::{ScimError, Service};

impl Service {
    /// What the server can do (RFC 7643 §5).
    pub fn service_provider_config(&self, caller: &Caller) -> Value {
        service_provider_config_json(&caller.base)
    }

    /// The kinds of resource that the tenant's plugin serves (RFC 7643 §6).
    pub fn resource_types(&self, caller: &Caller) -> Value {
        all(caller.bound.served.resource_types_json(&caller.base))
    }

    /// One of them, by name.
    pub fn resource_type(&self, caller: &Caller, name: &str) -> Result<Value, ScimError> {
        let types = caller.bound.served.resource_types_json(&caller.base);
        let is = |item: &Value| item["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(name));
        types.into_iter().find(is).ok_or_else(|| not_found("ResourceTypes", name))
    }

    /// Their schemas, narrowed to what the plugin retains (RFC 7643 §7).
    pub fn schemas(&self, caller: &Caller) -> Value {
        all(caller.bound.served.schemas_json(&caller.base))
    }

    /// One of them, by URN, or one of those that describe the discovery answers.
    pub fn schema(&self, caller: &Caller, urn: &str) -> Result<Value, ScimError> {
        caller.bound.served.schema_json(urn, &caller.base).ok_or_else(|| not_found("Schemas", urn))
    }
}

fn all(items: Vec<Value>) -> Value {
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    list_response(total, 1, items)
}

fn not_found(endpoint: &str, id: &str) -> ScimError {
    let shown: String = id.chars().filter(|c| !c.is_control()).take(128).collect();
    ScimError::NotFound { detail: format!("{endpoint}/{shown} not found") }
}
