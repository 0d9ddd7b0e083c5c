//! The elements of a multi-valued attribute (RFC 7643 §2.4): how many, which is primary, when two are one.

use std::collections::HashSet;

use serde_json::Value;

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
