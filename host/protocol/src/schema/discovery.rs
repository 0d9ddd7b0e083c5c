use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Registry, ResourceTypeDef, Schema, definition};

const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// The schemas of the discovery answers themselves (RFC 7643 §8.7.2).
pub(super) static OF_DISCOVERY: LazyLock<[Schema; 3]> = LazyLock::new(|| {
    [
        definition(include_str!("service_provider_config.json")),
        definition(include_str!("resource_type.json")),
        definition(include_str!("schema.json")),
    ]
});

impl Registry {
    /// The `Resources` of `GET {base}/Schemas` (RFC 7643 §7).
    ///
    /// Only what resources are made of: Entra derives the paths of its PATCH operations from this answer, so that it must not
    /// list what nobody can write, such as the schemas of the discovery answers themselves.
    pub fn schemas_json(&self, base: &str) -> Vec<Value> {
        let mut announced: Vec<&Schema> = Vec::new();
        for schema in self.schemas() {
            if announced.iter().all(|other| other.id != schema.id) {
                announced.push(schema);
            }
        }
        announced.into_iter().map(|schema| schema_json(schema, base)).collect()
    }

    /// `GET {base}/Schemas/{urn}`: a schema of this tenant, or one of the three that describe the discovery answers.
    pub fn schema_json(&self, urn: &str, base: &str) -> Option<Value> {
        let mut known = self.schemas().chain(OF_DISCOVERY.iter());
        known.find(|schema| schema.id.eq_ignore_ascii_case(urn)).map(|schema| schema_json(schema, base))
    }

    /// `GET {base}/ResourceTypes/{name}`
    pub fn resource_type_json(&self, name: &str, base: &str) -> Option<Value> {
        self.get(name).map(|def| resource_type_json(def, base))
    }

    /// The `Resources` of `GET {base}/ResourceTypes` (RFC 7643 §6).
    pub fn resource_types_json(&self, base: &str) -> Vec<Value> {
        self.types.iter().map(|def| resource_type_json(def, base)).collect()
    }

    pub(super) fn schemas(&self) -> impl Iterator<Item = &Schema> {
        self.types.iter().flat_map(|def| std::iter::once(&def.schema).chain(&def.extensions)).map(AsRef::as_ref)
    }
}

fn schema_json(schema: &Schema, base: &str) -> Value {
    json!({
        "schemas": [SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": schema.attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{}", schema.id) },
    })
}

fn resource_type_json(def: &ResourceTypeDef, base: &str) -> Value {
    let extensions =
        def.extensions.iter().map(|schema| json!({ "schema": schema.id, "required": def.requires(schema) }));
    json!({
        "schemas": [RESOURCE_TYPE],
        "id": def.name,
        "name": def.name,
        "endpoint": def.endpoint,
        "description": def.description,
        "schema": def.schema.id,
        "schemaExtensions": extensions.collect::<Vec<_>>(),
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", def.name) },
    })
}

/// What a server can do, as `/ServiceProviderConfig` tells it (RFC 7643 §5, RFC 9865 §4): from the constants that it enforces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Where people read about the service.
    pub documentation_uri: Option<String>,
    /// The limits of `/Bulk`; `None`: it is not supported.
    pub bulk: Option<BulkLimits>,
    /// The most resources in one list answer.
    pub max_results: u64,
    /// Whether a `password` is passed on.
    pub change_password: bool,
    /// Whether lists can be sorted.
    pub sort: bool,
    /// Whether versions are told and compared.
    pub etag: bool,
    /// How clients go through lists.
    pub pagination: Pagination,
}

/// The limits of `/Bulk` (RFC 7644 §3.7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BulkLimits {
    /// The most operations in one request.
    pub max_operations: u64,
    /// The largest request, in bytes.
    pub max_payload_bytes: u64,
}

/// How clients go through lists: always by index, which is the default, and perhaps by cursor (RFC 9865 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pagination {
    /// For how many seconds a cursor is valid; `None`: there are no cursors.
    pub cursor_timeout_seconds: Option<u64>,
    /// Resources on a page if the client does not say how many.
    pub default_page_size: u64,
    /// Resources on a page at most.
    pub max_page_size: u64,
}

/// The answer of `GET {base}/ServiceProviderConfig` (RFC 7643 §5).
pub fn service_provider_config_json(base: &str, can: &Capabilities) -> Value {
    let bulk = can.bulk.map_or((0, 0), |bulk| (bulk.max_operations, bulk.max_payload_bytes));
    let mut pagination = json!({
        "cursor": can.pagination.cursor_timeout_seconds.is_some(),
        "index": true,
        "defaultPaginationMethod": "index",
        "defaultPageSize": can.pagination.default_page_size,
        "maxPageSize": can.pagination.max_page_size,
    });
    if let Some(seconds) = can.pagination.cursor_timeout_seconds {
        pagination["cursorTimeout"] = seconds.into();
    }
    let mut config = json!({
        "schemas": [SERVICE_PROVIDER_CONFIG],
        "patch": { "supported": true },
        "bulk": { "supported": can.bulk.is_some(), "maxOperations": bulk.0, "maxPayloadSize": bulk.1 },
        "filter": { "supported": true, "maxResults": can.max_results },
        "changePassword": { "supported": can.change_password },
        "sort": { "supported": can.sort },
        "etag": { "supported": can.etag },
        "pagination": pagination,
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A token of this tenant in the Authorization header",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    });
    if let Some(uri) = &can.documentation_uri {
        config["documentationUri"] = uri.as_str().into();
    }
    config
}
