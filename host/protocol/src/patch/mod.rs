//! PATCH (RFC 7644 §3.5.2), as identity providers use it.
//!
//! [`parse`] reads the message, [`apply`] makes the new document; `write::Writer` is what an operation does to a document, and
//! also how a POST or PUT body becomes one. Memberships are rows, so changes to `members` come back as [`MemberEdit`]s.

mod element;
mod list;
mod members;
mod place;
mod request;
mod slot;
#[cfg(test)]
mod tests;
mod whole;
pub(crate) mod write;

pub use element::MAX_COMPARISONS;
pub use members::MAX_MEMBER_COMPARISONS;
pub use request::{MAX_OPERATIONS, OpKind, Operation, PatchRequest, parse};
use serde_json::Value;
pub use whole::MAX_RESOURCE_TEXT_BYTES;

use crate::normalise::once;
use crate::{
    Document, MemberRef,
    dialect::{Profile, Rewrite, Rule},
    error::{Invalid, ScimType},
    filter::Filter,
    schema::ResourceTypeDef,
};
use place::Located;
use write::{Mode, Writer, is_no_value};

/// What a PATCH makes of a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Patched {
    /// The new document.
    pub document: Document,
    /// What happens to the memberships, in the order of the operations.
    pub members: Vec<MemberEdit>,
    /// The leniencies that were needed.
    pub rewrites: Vec<Rewrite>,
}

/// One change to the members of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberEdit {
    /// These are members too.
    Add(Vec<MemberRef>),
    /// These ids are no longer members; ids that are none change nothing.
    Remove(Vec<String>),
    /// Members for which the filter holds, as an answer shows them, are no longer members.
    RemoveWhere(Filter),
    /// Nobody of those whom the client is shown is a member. Of what was to happen before it, only removals stand before it.
    Clear,
    /// These, and nobody else of those whom the client is shown, are members. Otherwise as [`MemberEdit::Clear`].
    Set(Vec<MemberRef>),
}

/// Applies every operation to a copy of `current`, in their order, or none of them: "A PATCH request, regardless of the number
/// of operations, SHALL be treated as atomic" (RFC 7644 §3.5.2). A refusal tells which operation it is about.
///
/// The default profile ignores writes to read-only and unknown attributes (Q4, Q19) and makes the element that a value path does
/// not find (Q7).
pub fn apply(
    def: &ResourceTypeDef,
    profile: &Profile,
    current: &Document,
    request: &PatchRequest,
) -> Result<Patched, Invalid> {
    let mut writer = Writer::patching(def, profile, current);
    for rewrite in &request.rewrites {
        writer.needs(rewrite)?;
    }
    for (index, operation) in request.operations.iter().enumerate() {
        perform(&mut writer, operation).map_err(|invalid| in_operation(index, &invalid))?;
    }
    let recomputed = !writer.formatted_written && recompute_formatted(&mut writer, current);
    if recomputed {
        writer.tolerance.note(Rule::FormattedRecomputed, "name.formatted");
    }
    writer.check_whole(Some(current))?;
    once::check(def, &current.0, &writer.document)?;
    Ok(Patched { document: writer.canonical(), members: writer.members, rewrites: writer.tolerance.rewrites })
}

/// The refusal of one operation.
fn in_operation(index: usize, invalid: &Invalid) -> Invalid {
    Invalid::new(invalid.scim_type, format!("Operations[{index}]: {}", invalid.detail))
}

fn perform(writer: &mut Writer<'_>, operation: &Operation) -> Result<(), Invalid> {
    let mode = match operation.op {
        OpKind::Add => Mode::Add,
        OpKind::Replace => Mode::Replace,
        OpKind::Remove => return remove(writer, operation),
    };
    let value = match (&operation.value, mode) {
        (Some(value), _) => value.clone(),
        (None, Mode::Replace) => {
            writer.tolerance.apply(Rule::ReplaceWithoutValue, "value")?;
            Value::Null
        }
        // §3.5.2.1: "The operation MUST contain a "value" member".
        (None, Mode::Add) => return Err(Invalid::value("value is required for an add operation")),
    };
    let Some(path) = &operation.path else {
        // §3.5.2.1, §3.5.2.3: without a path, "the target is assumed to be the resource itself".
        writer.tolerance.apply(Rule::PathlessPatch, "path")?;
        let value = writer.tolerance.only_one("value", value)?.unwrap_or(Value::Null);
        return writer.merge(mode, value);
    };
    match writer.locate_path(path)? {
        Some(Located::Core) => writer.merge(mode, value),
        Some(Located::Extension(extension)) => writer.write_extension(mode, extension, value),
        // Entra empties an attribute with "" or null (2.11, `SCIM_Null_Update`).
        Some(Located::Attribute(place)) if Writer::is_active(&place) && is_no_value(&value) => {
            let rule = if value.is_string() { Rule::EmptyTextDropped } else { Rule::NullDropped };
            writer.tolerance.note(rule, "active");
            writer.remove(&place, None)
        }
        Some(Located::Attribute(place)) => writer.write(mode, &place, value),
        None => Ok(()),
    }
}

fn remove(writer: &mut Writer<'_>, operation: &Operation) -> Result<(), Invalid> {
    // §3.5.2.2: "If "path" is unspecified, the operation fails with HTTP status code 400 and a "scimType" error code of "noTarget"."
    let Some(path) = &operation.path else {
        return Err(Invalid::new(ScimType::NoTarget, "path is required for a remove operation"));
    };
    match writer.locate_path(path)? {
        Some(Located::Extension(extension)) => writer.remove_extension(extension),
        Some(Located::Attribute(place)) => writer.remove(&place, operation.value.clone()),
        Some(Located::Core) | None => Ok(()),
    }
}

/// A `name.formatted` that was "given family" before stays so when one of the two changes and nobody wrote the whole.
fn recompute_formatted(writer: &mut Writer<'_>, current: &Document) -> bool {
    let (Some(before), Some(after)) = (current.get("name"), writer.document.get("name")) else { return false };
    let stale = before.get("formatted") == after.get("formatted")
        && before.get("formatted").and_then(Value::as_str).map(str::to_owned) == given_and_family(before)
        && given_and_family(before) != given_and_family(after);
    if stale {
        set_formatted(&mut writer.document);
    }
    stale
}

/// Writes `name.formatted` anew from the given and the family name, or drops it where there is neither.
pub(crate) fn set_formatted(document: &mut serde_json::Map<String, Value>) {
    let Some(Value::Object(name)) = document.get_mut("name") else { return };
    match given_and_family(&Value::Object(name.clone())) {
        Some(text) => name.insert("formatted".into(), Value::String(text)),
        None => name.remove("formatted"),
    };
}

/// "given family", or the one that is there.
pub(crate) fn given_and_family(name: &Value) -> Option<String> {
    let parts: Vec<&str> = ["givenName", "familyName"].iter().filter_map(|part| name.get(part)?.as_str()).collect();
    if parts.is_empty() { None } else { Some(parts.join(" ")) }
}
