use muster_model::{Record, ResourceId};
use muster_protocol::Document;
use muster_protocol::filter::Subject;
use serde_json::Value;

/// Membership rows, as a filter asks for them. An adapter whose look-up fails keeps the error and fails the query with
/// it.
pub trait Rows {
    /// Whether `member` is a direct member of `group`.
    fn is_member(&self, group: ResourceId, member: ResourceId) -> bool;

    /// Whether a group has any member.
    fn has_members(&self, group: ResourceId) -> bool;

    /// Whether a resource is a direct member of any group.
    fn has_groups(&self, member: ResourceId) -> bool;
}

/// A stored record as a filter sees it.
#[expect(missing_debug_implementations, reason = "`rows` is the adapter's own")]
#[derive(Clone, Copy)]
pub struct RecordSubject<'a> {
    /// The record.
    pub record: &'a Record,
    /// Where its memberships are looked up.
    pub rows: &'a dyn Rows,
}

impl Subject for RecordSubject<'_> {
    fn document(&self) -> &Document {
        &self.record.document
    }

    fn common(&self, path: &str) -> Option<Value> {
        let text = match path {
            "id" => self.record.id.to_string(),
            "meta.resourceType" => self.record.resource_type.to_string(),
            "meta.created" => self.record.created.to_string(),
            "meta.lastModified" => self.record.modified.to_string(),
            "meta.version" => self.record.version.etag(),
            // `meta.location` depends on where the client came in; the store does not know it.
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
            "members" => self.rows.is_member(self.record.id, other),
            "groups" => self.rows.is_member(other, self.record.id),
            _ => false,
        }
    }

    fn has_any_row(&self, attribute: &str) -> bool {
        match attribute {
            "members" => self.rows.has_members(self.record.id),
            "groups" => self.rows.has_groups(self.record.id),
            _ => false,
        }
    }
}
