use muster_model::{Record, ResourceId, ResourceType};
use muster_protocol::filter::{Asked, Subject};
use muster_protocol::{Document, ENTERPRISE_USER};
use serde_json::{Value, json};

use crate::{Called, Locations, Member, MembersShown};

/// Membership rows, as a filter asks for them. An adapter whose look-up fails keeps the error and fails the query with
/// it.
pub trait Rows {
    /// Whether `member` is a direct member of `group`.
    fn is_member(&self, group: ResourceId, member: ResourceId) -> bool;

    /// Whether a group has any member.
    fn has_members(&self, group: ResourceId) -> bool;

    /// Whether a resource is a direct member of any group.
    fn has_groups(&self, member: ResourceId) -> bool;

    /// One row of a group.
    fn member(&self, group: ResourceId, member: ResourceId) -> Option<Member>;

    /// Whether `holds` for one of the members of a group, which are given in order of their ids.
    fn any_member(&self, group: ResourceId, holds: &mut dyn FnMut(&Member) -> bool) -> bool;

    /// Whether `holds` for one of the groups of a resource, which are given in order of their ids.
    fn any_group(&self, member: ResourceId, holds: &mut dyn FnMut(ResourceId) -> bool) -> bool;

    /// What people call a resource, as [`crate::Directory::names`] has it.
    fn name(&self, resource_type: &ResourceType, id: ResourceId) -> Option<Called>;

    /// Whether the product lists an account, as [`crate::Directory::are_listed`] has it.
    fn is_listed(&self, resource_type: &ResourceType, id: ResourceId) -> bool;
}

/// A stored record as a filter sees it.
#[expect(missing_debug_implementations, reason = "`rows` is the adapter's own")]
#[derive(Clone, Copy)]
pub struct RecordSubject<'a> {
    /// The record.
    pub record: &'a Record,
    /// Where its memberships are looked up.
    pub rows: &'a dyn Rows,
    /// Where it is found by the client that asks.
    pub locations: &'a Locations,
    /// Which members of a group that client is shown. The groups of a user are told whatever this is.
    pub members_shown: MembersShown,
}

impl Subject for RecordSubject<'_> {
    fn document(&self) -> &Document {
        &self.record.document
    }

    fn common(&self, path: &str) -> Option<Value> {
        let text = match path {
            "meta.version" => return Some(self.versions()),
            "id" => self.record.id.to_string(),
            "meta.resourceType" => self.record.resource_type.to_string(),
            "meta.created" => self.record.created.to_string(),
            "meta.lastModified" => self.record.modified.to_string(),
            "meta.location" => self.locations.of(&self.record.resource_type, &self.record.id.to_string()),
            _ => return None,
        };
        Some(Value::String(text))
    }

    fn holds_key(&self, attribute: &str, folded: &str) -> bool {
        self.record.keys.iter().any(|key| key.attribute == attribute && key.folded == folded)
    }

    fn has_row(&self, attribute: &str, id: &str) -> bool {
        let Some(other) = ResourceId::parse(id) else { return false };
        match attribute {
            "members" => match self.members_shown {
                MembersShown::All => self.rows.is_member(self.record.id, other),
                MembersShown::Listed => self.member(other).is_some(),
            },
            "groups" => self.rows.is_member(other, self.record.id),
            _ => false,
        }
    }

    fn has_any_row(&self, attribute: &str) -> bool {
        match attribute {
            "members" => match self.members_shown {
                MembersShown::All => self.rows.has_members(self.record.id),
                MembersShown::Listed => self.any_member(&mut |_| true),
            },
            "groups" => self.rows.has_groups(self.record.id),
            _ => false,
        }
    }

    fn any_shown(&self, attribute: &str, asked: &Asked<'_>, holds: &mut dyn FnMut(&Value) -> bool) -> bool {
        let own = self.record.id;
        // What is no id is the id of no row.
        let only = asked.id.map(ResourceId::parse);
        match (attribute, only) {
            ("members", None) => self.any_member(&mut |member| holds(&self.member_shown(member, asked))),
            ("members", Some(Some(id))) => {
                self.member(id).is_some_and(|member| holds(&self.member_shown(&member, asked)))
            }
            ("groups", None) => self.rows.any_group(own, &mut |group| holds(&self.group_shown(group, asked))),
            ("groups", Some(Some(id))) => self.rows.is_member(id, own) && holds(&self.group_shown(id, asked)),
            ("manager", _) => self.manager_shown().is_some_and(|manager| holds(&manager)),
            _ => false,
        }
    }
}

/// As the answers of the service show them.
impl RecordSubject<'_> {
    fn is_shown(&self, member: &Member) -> bool {
        self.members_shown == MembersShown::All || self.rows.is_listed(&member.resource_type, member.id)
    }

    fn member(&self, id: ResourceId) -> Option<Member> {
        self.rows.member(self.record.id, id).filter(|member| self.is_shown(member))
    }

    fn any_member(&self, holds: &mut dyn FnMut(&Member) -> bool) -> bool {
        self.rows.any_member(self.record.id, &mut |member| self.is_shown(member) && holds(member))
    }

    fn member_shown(&self, member: &Member, asked: &Asked<'_>) -> Value {
        let mut shown = self.linked(&member.resource_type, member.id, asked);
        shown["type"] = json!(member.resource_type);
        shown
    }

    fn group_shown(&self, group: ResourceId, asked: &Asked<'_>) -> Value {
        let mut shown = self.linked(&ResourceType::GROUP, group, asked);
        shown["type"] = json!("direct");
        shown
    }

    fn linked(&self, resource_type: &ResourceType, id: ResourceId, asked: &Asked<'_>) -> Value {
        let mut shown = json!({ "value": id });
        if asked.wants("$ref") {
            shown["$ref"] = json!(self.locations.of(resource_type, &id.to_string()));
        }
        if asked.wants("display")
            && let Some(Called(Some(name))) = self.rows.name(resource_type, id)
        {
            shown["display"] = json!(name);
        }
        shown
    }

    /// The stored one, and what the server knows of that user, if it is one of ours.
    fn manager_shown(&self) -> Option<Value> {
        let mut shown = self.record.document.get(ENTERPRISE_USER)?.get("manager")?.clone();
        let id = shown.get("value").and_then(Value::as_str).and_then(ResourceId::parse);
        if let Some(id) = id
            && let Some(Called(name)) = self.rows.name(&ResourceType::USER, id)
        {
            shown["$ref"] = json!(self.locations.of(&ResourceType::USER, &id.to_string()));
            if let Some(name) = name {
                shown["displayName"] = json!(name);
            }
        }
        Some(shown)
    }

    /// The version as it is told with the rows of a user or a group, and as it is told without them (decision record 3).
    fn versions(&self) -> Value {
        let Record { id, version, resource_type, .. } = self.record;
        let mut covered = Vec::new();
        if *resource_type == ResourceType::USER {
            self.rows.any_group(*id, &mut |group| {
                covered.push(group);
                false
            });
        }
        if *resource_type == ResourceType::GROUP && self.members_shown == MembersShown::Listed {
            self.rows.any_member(*id, &mut |member| {
                covered.extend((!self.is_shown(member)).then_some(member.id));
                false
            });
        }
        json!([version.etag_with(&covered), version.etag()])
    }
}
