use muster_model::{Record, ResourceType, Version};
use muster_protocol::project::{Meta, Projection, render};
use serde_json::{Map, Value, json};

use crate::authenticate::Caller;
use crate::{ScimError, Service};

/// An answer that carries one resource, or says that it is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The resource as the client asked for it; `None`: there is nothing to show (204).
    pub resource: Option<Map<String, Value>>,
    /// Its version.
    pub version: Version,
    /// Its URL.
    pub location: String,
    /// Whether it came to be by this request.
    pub created: bool,
}

impl Service {
    /// A record as an answer.
    pub(crate) async fn reply(
        &self,
        caller: &Caller,
        record: &Record,
        projection: &Projection,
    ) -> Result<Reply, ScimError> {
        let resource = self.render(caller, record, projection).await?;
        let location = location(caller, &record.resource_type, &record.id.to_string());
        Ok(Reply { resource: Some(resource), version: record.version, location, created: false })
    }

    /// A record as it was stored: what an earlier version of the plugin retained is shown until it is mapped anew.
    pub(crate) async fn render(
        &self,
        caller: &Caller,
        record: &Record,
        projection: &Projection,
    ) -> Result<Map<String, Value>, ScimError> {
        let def = caller.bound.accepted(&record.resource_type)?;
        let id = record.id.to_string();
        let rows = if record.resource_type == ResourceType::GROUP {
            if projection.wants("members") {
                Some(("members", self.members_shown(caller, record).await?))
            } else {
                None
            }
        } else if caller.bound.has_groups() && projection.wants("groups") {
            Some(("groups", self.groups_shown(caller, record).await?))
        } else {
            None
        };
        let meta = meta(caller, record, &id);
        let mut resource = render(def, &id, &record.document, &meta, rows);
        projection.apply(def, &mut resource);
        Ok(resource)
    }

    async fn members_shown(&self, caller: &Caller, group: &Record) -> Result<Vec<Value>, ScimError> {
        let members = self.all_members(caller, group.id).await?;
        let shown = members.iter().map(|member| {
            let id = member.id.to_string();
            let reference = location(caller, &member.resource_type, &id);
            json!({ "value": id, "$ref": reference, "type": member.resource_type.as_str() })
        });
        Ok(shown.collect())
    }

    async fn groups_shown(&self, caller: &Caller, user: &Record) -> Result<Vec<Value>, ScimError> {
        let mut shown = Vec::new();
        for id in caller.tenant.directory.groups_of(user.id).await? {
            // A group that went away since the row was read is not shown.
            let Some(group) = caller.tenant.directory.get(&ResourceType::GROUP, id).await? else { continue };
            let id = id.to_string();
            let reference = location(caller, &ResourceType::GROUP, &id);
            let mut entry = json!({ "value": id, "$ref": reference });
            if let Some(name) = group.document.text("displayName") {
                entry["display"] = json!(name);
            }
            entry["type"] = json!("direct");
            shown.push(entry);
        }
        Ok(shown)
    }
}

fn meta(caller: &Caller, record: &Record, id: &str) -> Meta {
    Meta {
        resource_type: record.resource_type.as_str().to_owned(),
        created: record.created,
        last_modified: record.modified,
        version: record.version.etag(),
        location: location(caller, &record.resource_type, id),
    }
}

/// The URL of a resource, as this client knows the server.
pub(crate) fn location(caller: &Caller, resource_type: &ResourceType, id: &str) -> String {
    let endpoint = caller.bound.accepted.get(resource_type.as_str()).map_or("", |def| def.endpoint.as_str());
    format!("{}{endpoint}/{id}", caller.base)
}
