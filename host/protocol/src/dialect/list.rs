//! The elements of a multi-valued attribute (RFC 7643 §2.4): how many, which is primary, when two are one.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::error::Invalid;

/// The most elements that one multi-valued attribute may hold. `members` is not one: memberships are rows.
pub const MAX_ELEMENTS: usize = 500;

/// Refuses a list that is longer than [`MAX_ELEMENTS`].
pub(crate) fn check_length(path: &str, length: usize) -> Result<(), Invalid> {
    if length > MAX_ELEMENTS {
        return Err(Invalid::value(format!("{path} takes at most {MAX_ELEMENTS} values")));
    }
    Ok(())
}

/// Whether this element is the preferred one of its list.
pub(crate) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Makes every element but one a second choice (RFC 7644 §3.5.2).
pub(crate) fn keep_primary(list: &mut [Value], keep: usize) {
    for (index, element) in list.iter_mut().enumerate() {
        if index != keep && is_primary(element) {
            element["primary"] = Value::Bool(false);
        }
    }
}

/// Drops elements that are there already.
pub(crate) fn drop_repeats(list: &mut Vec<Value>) {
    let mut seen = HashSet::new();
    let first: Vec<bool> = list.iter().map(|element| seen.insert(element)).collect();
    let mut first = first.into_iter();
    list.retain(|_| first.next().unwrap_or(true));
}

/// Adds an element unless it is there: the same `type` and `value` are the same element (RFC 7643 §2.4), whose other parts are
/// then updated. A new primary element makes the others second choices. Answers where it is.
pub(crate) fn add_element(list: &mut Vec<Value>, element: Value) -> usize {
    let (value, kind) = (element.get("value"), element.get("type"));
    let same = |other: &Value| value.is_some() && value == other.get("value") && kind == other.get("type");
    let found = list.iter().position(|other| same(other) || includes(other, &element));
    let index = found.unwrap_or_else(|| {
        list.push(Value::Object(Map::new()));
        list.len() - 1
    });
    let primary = is_primary(&element);
    match (list.get_mut(index), element) {
        (Some(Value::Object(slot)), Value::Object(parts)) => slot.extend(parts),
        (Some(slot), element) => *slot = element,
        (None, _) => {}
    }
    if primary {
        keep_primary(list, index);
    }
    index
}

/// Whether every part of `wanted` is in `element`.
pub(crate) fn includes(element: &Value, wanted: &Value) -> bool {
    match (element, wanted) {
        (Value::Object(element), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| element.get(key) == Some(value))
        }
        (element, wanted) => element == wanted,
    }
}
