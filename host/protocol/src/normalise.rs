//! POST and PUT bodies become documents (RFC 7644 §3.3, §3.5.1), in whatever dialect they came.
//!
//! The definition handed in is that of the whole registry, since a plugin may read what it does not retain; [`retain`] then cuts the
//! document down to the tenant's.

pub(crate) mod once;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::{
    Document, MemberRef, USER,
    dialect::{Profile, Rewrite, Rule, Tolerance},
    error::Invalid,
    patch::{
        MemberEdit, given_and_family, set_formatted,
        write::{Mode, Writer},
    },
    schema::{Attribute, ResourceTypeDef},
};

/// What a POST or PUT body says.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalised {
    /// The canonical document; a password is in it where the resource type has one, until [`retain`] leaves it out.
    pub document: Document,
    /// The members, if the body tells of them: `[]` is nobody; absent and `null` are `None`.
    pub members: Option<Vec<MemberRef>>,
    /// The leniencies that were needed.
    pub rewrites: Vec<Rewrite>,
}

/// The document that a POST body describes.
pub fn create(def: &ResourceTypeDef, profile: &Profile, body: Value) -> Result<Normalised, Invalid> {
    let writer = read(def, profile, body)?;
    writer.check_whole(None)?;
    Ok(finish(writer))
}

/// The server's default (RFC 7643 §2.2): a user of whom a POST does not say so is active, and every answer tells it as a boolean (Q20) until
/// somebody takes the attribute away. A PUT has no such default: it would let in whom it was taken away from.
pub fn active_by_default(def: &ResourceTypeDef, document: &mut Document) {
    if def.is_core(USER) {
        document.0.entry("active").or_insert(Value::Bool(true));
    }
}

/// The document that a PUT body describes, in place of `current`.
///
/// What is absent is cleared, save `active`: its absence must not let a disabled user in again (Q16). A `name.formatted` that
/// is an echo of ours while a name beside it changed is made anew (1.5).
pub fn replace(
    def: &ResourceTypeDef,
    profile: &Profile,
    current: &Document,
    body: Value,
) -> Result<Normalised, Invalid> {
    let mut writer = read(def, profile, body)?;
    once::keep_immutable(def, &current.0, &mut writer.document)?;
    writer.check_whole(None)?;
    if let (true, Some(active)) = (def.is_core(USER), current.get("active")) {
        writer.document.entry("active").or_insert_with(|| active.clone());
    }
    if echoes_formatted(current, &writer.document) {
        set_formatted(&mut writer.document);
        writer.tolerance.note(Rule::FormattedRecomputed, "name.formatted");
    }
    Ok(finish(writer))
}

/// What is stored of a document: the part that a definition knows, without a user's `password`, whoever asks for it.
pub fn retain(narrowed: &ResourceTypeDef, document: &Document) -> Document {
    let mut kept = canonical(narrowed, document);
    if narrowed.name == "User" {
        kept.0.remove("password");
    }
    kept
}

/// The part of a document that a definition knows, in the order of its schema, without what is empty.
pub(crate) fn canonical(def: &ResourceTypeDef, document: &Document) -> Document {
    let mut kept = Map::new();
    retain_into(&mut kept, def.core_attributes(), &document.0);
    for schema in &def.extensions {
        let mut extension = Map::new();
        if let Some(Value::Object(stored)) = document.0.get(&schema.id) {
            retain_into(&mut extension, &schema.attributes, stored);
        }
        if !extension.is_empty() {
            kept.insert(schema.id.clone(), Value::Object(extension));
        }
    }
    Document(kept)
}

fn retain_into<'a>(
    kept: &mut Map<String, Value>,
    attributes: impl IntoIterator<Item = &'a Attribute>,
    stored: &Map<String, Value>,
) {
    for attribute in attributes {
        if let Some(value) = stored.get(&attribute.name).and_then(|value| retain_value(attribute, value)) {
            kept.insert(attribute.name.clone(), value);
        }
    }
}

fn retain_value(attribute: &Attribute, value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(values) => {
            let kept: Vec<Value> = values.iter().filter_map(|value| retain_value(attribute, value)).collect();
            if kept.is_empty() { None } else { Some(Value::Array(kept)) }
        }
        Value::Object(parts) => {
            let mut kept = Map::new();
            retain_into(&mut kept, &attribute.sub_attributes, parts);
            if kept.is_empty() { None } else { Some(Value::Object(kept)) }
        }
        simple => Some(simple.clone()),
    }
}

fn read<'a>(def: &'a ResourceTypeDef, profile: &'a Profile, body: Value) -> Result<Writer<'a>, Invalid> {
    let Value::Object(mut body) = body else { return Err(Invalid::syntax("the body must be an object")) };
    let mut writer = Writer::new(def, profile);
    // `null` is what some serialisers make of members that were not loaded: it must not empty a group. `[]` does.
    body.retain(|key, value| {
        let is_unloaded = value.is_null() && key.eq_ignore_ascii_case("members");
        if is_unloaded {
            writer.tolerance.note(Rule::NullDropped, "members");
        }
        !is_unloaded
    });
    note_schemas(def, &body, &mut writer.tolerance)?;
    writer.merge(Mode::Replace, Value::Object(body))?;
    Ok(writer)
}

/// RFC 7643 §3 wants `schemas` in every resource, with the core schema and each extension that the resource has in it. Neither is needed
/// to read one.
fn note_schemas(
    def: &ResourceTypeDef,
    body: &Map<String, Value>,
    tolerance: &mut Tolerance<'_>,
) -> Result<(), Invalid> {
    let listed =
        body.iter().find(|(key, _)| key.eq_ignore_ascii_case("schemas")).and_then(|(_, value)| value.as_array());
    let listed = listed.map_or(&[][..], Vec::as_slice);
    let is_listed = |urn: &str| listed.iter().filter_map(Value::as_str).any(|listed| listed.eq_ignore_ascii_case(urn));
    if !is_listed(&def.schema.id) {
        tolerance.apply(Rule::SchemasOmitted, "schemas")?;
        if listed.is_empty() {
            return Ok(());
        }
    }
    for extension in body.keys().filter(|key| def.extension(key).is_some() && !is_listed(key)) {
        tolerance.note(Rule::ExtensionUnlisted, extension);
    }
    Ok(())
}

fn finish(mut writer: Writer<'_>) -> Normalised {
    let document = writer.canonical();
    let members = writer.members.into_iter().rev().find_map(|edit| match edit {
        MemberEdit::Set(members) | MemberEdit::Add(members) => Some(members),
        MemberEdit::Remove(_) | MemberEdit::RemoveWhere(_) | MemberEdit::Clear => None,
    });
    Normalised { document, members, rewrites: writer.tolerance.rewrites }
}

/// Whether `name.formatted` is the stored one, although the names beside it are not.
fn echoes_formatted(current: &Document, document: &Map<String, Value>) -> bool {
    let (Some(before), Some(after)) = (current.get("name"), document.get("name")) else { return false };
    after.get("formatted").is_some()
        && before.get("formatted") == after.get("formatted")
        && given_and_family(before) != given_and_family(after)
}
