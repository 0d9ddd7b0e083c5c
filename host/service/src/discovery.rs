use muster_protocol::bulk::MAX_BULK_OPERATIONS;
use muster_protocol::list::{DEFAULT_COUNT, MAX_COUNT, list_response};
use muster_protocol::schema::{BulkLimits, Capabilities, Pagination, service_provider_config_json};
use serde_json::Value;

use crate::authenticate::Principal;
use crate::streams::security_events;
use crate::{ScimError, Service};

impl Service {
    /// What the server can do (RFC 7643 §5).
    pub fn service_provider_config(&self, who: &Principal) -> Value {
        let bulk = BulkLimits {
            max_operations: u64::try_from(MAX_BULK_OPERATIONS).unwrap_or(u64::MAX),
            max_payload_bytes: u64::try_from(self.parts.limits.body_bytes).unwrap_or(u64::MAX),
        };
        let can = Capabilities {
            documentation_uri: None,
            bulk: who.caller().bound.settings.bulk_served.then_some(bulk),
            max_results: MAX_COUNT,
            change_password: who.caller().bound.reads_password(),
            sort: true,
            etag: true,
            pagination: Pagination {
                cursor_timeout_seconds: Some(self.parts.limits.cursor_timeout_s),
                default_page_size: DEFAULT_COUNT,
                max_page_size: MAX_COUNT,
            },
        };
        let mut config = service_provider_config_json(&who.caller().base, &can);
        if let Some(events) = self.tenants.view().row(&who.tenant().id).and_then(security_events) {
            config["securityEvents"] = events;
        }
        config
    }

    /// The kinds of resource that the tenant's plugin serves (RFC 7643 §6).
    pub fn resource_types(&self, who: &Principal) -> Value {
        all(who.caller().bound.announced.resource_types_json(&who.caller().base))
    }

    /// One of them, by name.
    pub fn resource_type(&self, who: &Principal, name: &str) -> Result<Value, ScimError> {
        let types = who.caller().bound.announced.resource_types_json(&who.caller().base);
        let is = |item: &Value| item["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(name));
        types.into_iter().find(is).ok_or_else(|| not_found("ResourceTypes", name))
    }

    /// Their schemas, narrowed to what the plugin retains (RFC 7643 §7).
    pub fn schemas(&self, who: &Principal) -> Value {
        all(who.caller().bound.announced.schemas_json(&who.caller().base))
    }

    /// One of them, by URN, or one of those that describe the discovery answers.
    pub fn schema(&self, who: &Principal, urn: &str) -> Result<Value, ScimError> {
        who.caller().bound.announced.schema_json(urn, &who.caller().base).ok_or_else(|| not_found("Schemas", urn))
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
