//! Records become what a client sees of them: with the rows that belong to them, and the names of whom they refer to.

use std::collections::HashMap;

use muster_model::{Record, ResourceId, ResourceType};
use muster_protocol::ENTERPRISE_USER;
use muster_protocol::project::{Meta, Projection, render};
use muster_store::{Called, Member, MembersShown, is_shown_inactive};
use serde_json::{Map, Value, json};

use crate::authenticate::Caller;
use crate::{ScimError, Service};

/// A record as the client asked for it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) etag: String,
    pub(crate) resource: Map<String, Value>,
}

/// What is known of an answer before the names are looked up, which is done once for a whole page.
struct Draft<'a> {
    record: &'a Record,
    projection: &'a Projection,
    rows: Rows,
    /// The id that stands as `manager`, if it is an id of ours and anything of that user is wanted.
    manager: Option<ResourceId>,
}

/// What other records have to do with this one.
enum Rows {
    /// Nothing, or nothing that is wanted.
    None,
    /// Of a group: who is shown, and the ids of those who are not.
    Members { shown: Vec<Member>, hidden: Vec<ResourceId> },
    /// Of a user.
    Groups(Vec<ResourceId>),
}

/// Who is there, and what they are called, by id: ids of users and groups are all different.
type Names = HashMap<ResourceId, Called>;

impl Service {
    /// Records as they were stored: what an earlier version of the plugin retained is shown until it is mapped anew.
    pub(crate) async fn render(&self, caller: &Caller, of: &[(&Record, &Projection)]) -> Result<Vec<Shown>, ScimError> {
        let mut drafts = Vec::with_capacity(of.len());
        for &(record, projection) in of {
            let rows = self.rows(caller, record, projection).await?;
            drafts.push(Draft { record, projection, rows, manager: manager(caller, record, projection) });
        }
        let names = names(caller, &drafts).await?;
        drafts.into_iter().map(|draft| draft.shown(caller, &names)).collect()
    }

    /// The tag of what the client asks for, without the rest of it.
    pub(crate) async fn etag(
        &self,
        caller: &Caller,
        record: &Record,
        projection: &Projection,
    ) -> Result<String, ScimError> {
        if record.resource_type == ResourceType::GROUP && caller.bound.settings.members_shown == MembersShown::All {
            return Ok(record.version.etag());
        }
        Ok(self.rows(caller, record, projection).await?.etag(record))
    }

    async fn rows(&self, caller: &Caller, record: &Record, projection: &Projection) -> Result<Rows, ScimError> {
        match record.resource_type.as_str() {
            "Group" if projection.wants("members") => {
                let members = self.all_members(caller, record.id).await?;
                let hidden = hidden(caller, &members).await?;
                let is_shown = |member: &Member| hidden.binary_search(&member.id).is_err();
                Ok(Rows::Members { shown: members.into_iter().filter(is_shown).collect(), hidden })
            }
            "User" if caller.bound.has_groups() && projection.wants("groups") => {
                Ok(Rows::Groups(caller.tenant.directory.groups_of(record.id).await?))
            }
            _ => Ok(Rows::None),
        }
    }
}

/// Which of a group's members an answer leaves out, in the order in which they are given.
pub(crate) async fn hidden(caller: &Caller, members: &[Member]) -> Result<Vec<ResourceId>, ScimError> {
    if caller.bound.settings.members_shown == MembersShown::All || members.is_empty() {
        return Ok(Vec::new());
    }
    let of: Vec<_> = members.iter().map(|member| (member.resource_type.clone(), member.id)).collect();
    let are_listed = caller.tenant.directory.are_listed(&of).await?;
    Ok(of.into_iter().zip(are_listed).filter(|(_, is_listed)| !is_listed).map(|((_, id), _)| id).collect())
}

impl Rows {
    /// A tag is of the representation: it covers the groups that are shown, and the members that are not (decision record 3).
    fn etag(&self, record: &Record) -> String {
        match self {
            Self::None => record.version.etag(),
            Self::Members { hidden, .. } => record.version.etag_with(hidden),
            Self::Groups(groups) => record.version.etag_with(groups),
        }
    }
}

impl Draft<'_> {
    /// Whose names it needs.
    fn refers_to(&self) -> Vec<(ResourceType, ResourceId)> {
        let wants = |name| self.projection.wants_part(None, name, "display");
        let mut named: Vec<_> = match &self.rows {
            Rows::Members { shown, .. } if wants("members") => {
                shown.iter().map(|member| (member.resource_type.clone(), member.id)).collect()
            }
            Rows::Groups(groups) if wants("groups") => groups.iter().map(|id| (ResourceType::GROUP, *id)).collect(),
            Rows::None | Rows::Members { .. } | Rows::Groups(_) => Vec::new(),
        };
        named.extend(self.manager.map(|id| (ResourceType::USER, id)));
        named
    }

    fn shown(self, caller: &Caller, names: &Names) -> Result<Shown, ScimError> {
        let Self { record, projection, rows, manager } = self;
        let def = caller.bound.accepted(&record.resource_type)?;
        let etag = rows.etag(record);
        let rows = match rows {
            Rows::None => None,
            Rows::Members { shown, .. } => Some((
                "members",
                shown.iter().map(|member| member_shown(caller, member, name_of(names, member.id))).collect(),
            )),
            Rows::Groups(groups) => {
                Some(("groups", groups.iter().map(|group| group_shown(caller, *group, names)).collect()))
            }
        };
        let id = record.id.to_string();
        let is_shown_inactive = is_shown_inactive(record, &caller.bound.settings.users_inactive_states);
        let meta = Meta {
            resource_type: record.resource_type.as_str().to_owned(),
            created: record.created,
            last_modified: record.modified,
            version: etag.clone(),
            location: location(caller, &record.resource_type, &id),
        };
        let mut resource = render(def, &id, &record.document, &meta, rows);
        if is_shown_inactive {
            resource.insert("active".to_owned(), Value::Bool(false));
        }
        if let Some(id) = manager
            && let Some(Called(name)) = names.get(&id)
            && let Some(Value::Object(parts)) = resource.get_mut(ENTERPRISE_USER).and_then(|it| it.get_mut("manager"))
        {
            let reference = json!(location(caller, &ResourceType::USER, &id.to_string()));
            let name = name.as_ref().map(|name| ("displayName", json!(name)));
            let filled = std::iter::once(("$ref", reference)).chain(name);
            let filled = filled.filter(|(sub, _)| is_announced(caller, record, sub));
            parts.extend(filled.map(|(sub, value)| (sub.to_owned(), value)));
        }
        projection.apply(def, &mut resource);
        Ok(Shown { etag, resource })
    }
}

/// The id that a user has as `manager`, if it may be one of ours, and if anything is wanted that the server fills in.
///
/// Identity providers write ids of their own there as well: those are kept as they came.
fn manager(caller: &Caller, record: &Record, projection: &Projection) -> Option<ResourceId> {
    let value = record.document.get(ENTERPRISE_USER)?.get("manager")?.get("value")?.as_str()?;
    let wanted =
        |sub| is_announced(caller, record, sub) && projection.wants_part(Some(ENTERPRISE_USER), "manager", sub);
    (wanted("$ref") || wanted("displayName")).then(|| ResourceId::parse(value)).flatten()
}

/// Whether the tenant's schemas have this part of `manager`: what is not announced is not filled in.
fn is_announced(caller: &Caller, record: &Record, sub: &str) -> bool {
    let served = caller.bound.served(&record.resource_type).ok();
    let manager = served.and_then(|def| def.extension(ENTERPRISE_USER)?.attribute("manager"));
    manager.is_some_and(|manager| manager.sub(sub).is_some())
}

/// The names of everybody that a page refers to, each looked up once.
async fn names(caller: &Caller, drafts: &[Draft<'_>]) -> Result<Names, ScimError> {
    let mut of: Vec<_> = drafts.iter().flat_map(Draft::refers_to).collect();
    of.sort_unstable_by_key(|(_, id)| *id);
    of.dedup();
    if of.is_empty() {
        return Ok(Names::new());
    }
    let names = caller.tenant.directory.names(&of).await?;
    Ok(of.into_iter().zip(names).filter_map(|((_, id), name)| Some((id, name?))).collect())
}

fn name_of(names: &Names, id: ResourceId) -> Option<&str> {
    names.get(&id)?.0.as_deref()
}

/// A member as an answer shows it, and as filters see it.
pub(crate) fn member_shown(caller: &Caller, member: &Member, name: Option<&str>) -> Value {
    let id = member.id.to_string();
    let reference = location(caller, &member.resource_type, &id);
    let mut entry = json!({ "value": id, "$ref": reference, "type": member.resource_type.as_str() });
    if let Some(name) = name {
        entry["display"] = json!(name);
    }
    entry
}

/// Groups in groups are not walked: whoever is in one of them is in that one only.
fn group_shown(caller: &Caller, group: ResourceId, names: &Names) -> Value {
    let id = group.to_string();
    let reference = location(caller, &ResourceType::GROUP, &id);
    let mut entry = json!({ "value": id, "$ref": reference });
    if let Some(name) = name_of(names, group) {
        entry["display"] = json!(name);
    }
    entry["type"] = json!("direct");
    entry
}

/// The URL of a resource, as this client knows the server.
pub(crate) fn location(caller: &Caller, resource_type: &ResourceType, id: &str) -> String {
    let endpoint = caller.bound.accepted.get(resource_type.as_str()).map_or("", |def| def.endpoint.as_str());
    format!("{}{endpoint}/{id}", caller.base)
}
