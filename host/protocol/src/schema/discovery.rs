use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Registry, ResourceTypeDef, Schema, definition};

/// The most resources in one list answer.
pub const MAX_RESULTS: u32 = 1000;

const SERVICE_PROVIDER_CONFIG: &str = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
const RESOURCE_TYPE: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// The schemas of the discovery answers themselves (RFC 7643 §8.7.2).
static OF_DISCOVERY: LazyLock<[Schema; 3]> = LazyLock::new(|| {
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

    fn schemas(&self) -> impl Iterator<Item = &Schema> {
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
    let extensions = def.extensions.iter().map(|schema| json!({ "schema": schema.id, "required": false }));
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

/// The answer of `GET {base}/ServiceProviderConfig` (RFC 7643 §5).
pub fn service_provider_config_json(base: &str) -> Value {
    json!({
        "schemas": [SERVICE_PROVIDER_CONFIG],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MAX_RESULTS },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": true },
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
    })
}
