//! What may be written once (RFC 7643 §7, `immutable`), where a whole resource is replaced.

use serde_json::{Map, Value};

use crate::{
    error::Invalid,
    patch::write::immutable,
    schema::{Attribute, Mutability, ResourceTypeDef},
    text,
};

/// Keeps the immutable values of `before` in `after`: "if one or more values are already set for the attribute, the input value(s)
/// MUST match" (RFC 7644 §3.5.1), and what a client leaves out stays.
///
/// The same goes for the immutable parts of a complex value that is there before and after. The elements of a list have no
/// identity in a PUT: another one is another element.
pub(super) fn keep_immutable(
    def: &ResourceTypeDef,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
) -> Result<(), Invalid> {
    keep("", &def.schema.attributes, before, after)?;
    for schema in &def.extensions {
        let Some(Value::Object(stored)) = before.get(&schema.id) else { continue };
        let mut parts = match after.remove(&schema.id) {
            Some(Value::Object(parts)) => parts,
            Some(_) | None => Map::new(),
        };
        keep(&format!("{}:", schema.id), &schema.attributes, stored, &mut parts)?;
        if !parts.is_empty() {
            after.insert(schema.id.clone(), Value::Object(parts));
        }
    }
    Ok(())
}

/// Whether a PATCH as a whole leaves the immutable parts of `before` as they were, also where it takes their attribute away and gives
/// another one (RFC 7644 §3.5.2: "a client MUST NOT modify an attribute that has mutability "readOnly" or "immutable"").
pub(crate) fn check(
    def: &ResourceTypeDef,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), Invalid> {
    let is_immutable = |attribute: &Attribute| attribute.mutability == Mutability::Immutable;
    let has_such = |attribute: &Attribute| is_immutable(attribute) || attribute.sub_attributes.iter().any(is_immutable);
    let schemas = || std::iter::once(&def.schema).chain(&def.extensions);
    // Most types have none, and need no copy.
    if schemas()
        .any(|schema| schema.attributes.iter().any(|attribute| attribute.name != "members" && has_such(attribute)))
    {
        keep_immutable(def, before, &mut after.clone())?;
    }
    Ok(())
}

fn keep(
    path: &str,
    attributes: &[Attribute],
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
) -> Result<(), Invalid> {
    for attribute in attributes {
        let Some(stored) = before.get(&attribute.name) else { continue };
        if attribute.mutability == Mutability::Immutable {
            // As it was stored: a value that differs in case alone is the same one.
            match after.insert(attribute.name.clone(), stored.clone()) {
                Some(sent) if !same(attribute, stored, &sent) => {
                    return Err(immutable(&format!("{path}{}", attribute.name)));
                }
                Some(_) | None => {}
            }
        } else if let (Value::Object(stored), Some(Value::Object(sent))) = (stored, after.get_mut(&attribute.name)) {
            keep(&format!("{path}{}.", attribute.name), &attribute.sub_attributes, stored, sent)?;
        }
    }
    Ok(())
}

/// Whether two values of an attribute are the same: lists in any order, text without case unless it is case-exact.
pub(crate) fn same(attribute: &Attribute, one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().all(|one| other.iter().any(|other| same(attribute, one, other)))
        }
        (Value::Object(one), Value::Object(other)) => {
            let part = |(name, one): (&String, &Value)| {
                let sub = attribute.sub(name).unwrap_or(attribute);
                other.get(name).is_some_and(|other| same(sub, one, other))
            };
            one.len() == other.len() && one.iter().all(part)
        }
        (Value::String(one), Value::String(other)) if !attribute.case_exact => text::same(one, other),
        (one, other) => one == other,
    }
}
