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
        one(caller.bound.served.resource_types_json(&caller.base), name, "ResourceTypes")
    }

    /// Their schemas, narrowed to what the plugin retains (RFC 7643 §7).
    pub fn schemas(&self, caller: &Caller) -> Value {
        all(caller.bound.served.schemas_json(&caller.base))
    }

    /// One of them, by URN.
    pub fn schema(&self, caller: &Caller, urn: &str) -> Result<Value, ScimError> {
        one(caller.bound.served.schemas_json(&caller.base), urn, "Schemas")
    }
}

fn all(items: Vec<Value>) -> Value {
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    list_response(total, 1, items)
}

fn one(items: Vec<Value>, id: &str, endpoint: &str) -> Result<Value, ScimError> {
    let is = |item: &Value| {
        let same = |name: &str| item[name].as_str().is_some_and(|text| text.eq_ignore_ascii_case(id));
        same("id") || same("name") && endpoint == "ResourceTypes"
    };
    let shown: String = id.chars().filter(|c| !c.is_control()).take(128).collect();
    items.into_iter().find(is).ok_or_else(|| ScimError::NotFound { detail: format!("{endpoint}/{shown} not found") })
}
