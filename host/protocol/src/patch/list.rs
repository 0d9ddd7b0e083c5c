//! The elements of a multi-valued attribute that operations name by what they hold: added once, removed by value.

use serde_json::{Map, Value};

use super::write::immutable;
use crate::{
    dialect::list::{is_primary, keep_primary},
    error::Invalid,
    schema::{Attribute, Mutability},
    text,
};

/// Adds an element unless it is there: the same `type` and `value` are the same element (RFC 7643 §2.4), whose other parts are
/// then updated. A new primary element makes the others second choices. Answers where it is.
pub(super) fn add_element(
    path: &str,
    attribute: &Attribute,
    list: &mut Vec<Value>,
    element: Value,
) -> Result<usize, Invalid> {
    let found =
        list.iter().position(|other| is_same(attribute, other, &element) || includes(attribute, other, &element));
    let index = found.unwrap_or_else(|| {
        list.push(Value::Object(Map::new()));
        list.len() - 1
    });
    let primary = is_primary(&element);
    match (list.get_mut(index), element) {
        (Some(Value::Object(slot)), Value::Object(parts)) => {
            check_immutable(path, attribute, slot, &parts)?;
            slot.extend(parts);
        }
        (Some(slot), element) => *slot = element,
        (None, _) => {}
    }
    if primary {
        keep_primary(list, index);
    }
    Ok(index)
}

/// Refuses parts of which one would change an immutable part that the element has (RFC 7644 §3.5.2).
pub(super) fn check_immutable(
    path: &str,
    attribute: &Attribute,
    element: &Map<String, Value>,
    parts: &Map<String, Value>,
) -> Result<(), Invalid> {
    let changes = |sub: &&Attribute| match (element.get(&sub.name), parts.get(&sub.name)) {
        (Some(before), Some(after)) => sub.mutability == Mutability::Immutable && before != after,
        (_, _) => false,
    };
    match attribute.sub_attributes.iter().find(changes) {
        Some(sub) => Err(immutable(&format!("{path}.{}", sub.name))),
        None => Ok(()),
    }
}

/// Whether two elements have the same `type` and the same `value`.
fn is_same(attribute: &Attribute, one: &Value, other: &Value) -> bool {
    let same = |name| equal(attribute.sub(name).unwrap_or(attribute), one.get(name), other.get(name));
    one.get("value").is_some() && same("value") && same("type")
}

/// Whether every part of `wanted` is in `element`.
pub(super) fn includes(attribute: &Attribute, element: &Value, wanted: &Value) -> bool {
    match (element, wanted) {
        (Value::Object(element), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, value)| equal(attribute.sub(name).unwrap_or(attribute), element.get(name), Some(value))),
        (element, wanted) => equal(attribute, Some(element), Some(wanted)),
    }
}

/// Equality by the attribute's rule: text without case unless it is case-exact.
fn equal(attribute: &Attribute, one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::String(one)), Some(Value::String(other))) if !attribute.case_exact => text::same(one, other),
        (one, other) => one == other,
    }
}
