//! How long checking against a schema can take at most, counted before it is ever done: references can double the work at each step,
//! and a check cannot be stopped half-way.

use std::collections::HashMap;

use serde_json::Value;

use crate::limits::MAX_SCHEMA_STEPS;

/// An error says why this schema is not used.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut counted = HashMap::new();
    match steps(schema, schema, &mut counted)? {
        0..=MAX_SCHEMA_STEPS => Ok(()),
        _ => Err(format!("config-schema takes more than {MAX_SCHEMA_STEPS} steps with its references followed")),
    }
}

/// The steps of a schema, its parts and what they refer to. `counted`: of each reference; `None` while it is being counted.
fn steps(root: &Value, schema: &Value, counted: &mut HashMap<String, Option<u64>>) -> Result<u64, String> {
    let mut sum: u64 = 1;
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                let own = match (name.as_str(), value) {
                    ("$ref", Value::String(reference)) => referred(root, reference, counted)?,
                    ("$dynamicRef" | "$id" | "$anchor" | "$dynamicAnchor", _) => {
                        return Err(format!("config-schema has {name}: only `$ref` with a JSON pointer is followed"));
                    }
                    (_, value) => steps(root, value, counted)?,
                };
                sum = sum.saturating_add(own);
            }
        }
        Value::Array(parts) => {
            for part in parts {
                sum = sum.saturating_add(steps(root, part, counted)?);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(sum)
}

fn referred(root: &Value, reference: &str, counted: &mut HashMap<String, Option<u64>>) -> Result<u64, String> {
    match counted.get(reference) {
        Some(Some(steps)) => return Ok(*steps),
        Some(None) => return Err(format!("config-schema refers to itself at {reference}")),
        None => {}
    }
    let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
    let target = target.ok_or_else(|| format!("config-schema refers to {reference}, which is not in it"))?;
    counted.insert(reference.to_owned(), None);
    let steps = steps(root, target, counted)?;
    counted.insert(reference.to_owned(), Some(steps));
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_counted_as_often_as_they_are_followed() {
        let mut definitions = serde_json::Map::new();
        for number in 0..33 {
            let next = format!("#/$defs/d{}", number + 1);
            definitions.insert(format!("d{number}"), json!({ "allOf": [{ "$ref": next }, { "$ref": next }] }));
        }
        definitions.insert("d33".to_owned(), json!({ "type": "object" }));
        let bomb = json!({ "$ref": "#/$defs/d0", "$defs": definitions });

        assert!(check(&bomb).unwrap_err().contains("more than 10000 steps"));
    }

    #[test]
    fn what_refers_to_itself_or_elsewhere_is_refused() {
        for schema in [
            json!({ "properties": { "a": { "$ref": "#" } } }),
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "not": { "$ref": "#/$defs/a" } } } }),
        ] {
            assert!(check(&schema).unwrap_err().contains("refers to itself"), "{schema}");
        }
        assert!(check(&json!({ "$ref": "https://example.com/schema" })).unwrap_err().contains("which is not in it"));
        assert!(check(&json!({ "$dynamicRef": "#a" })).unwrap_err().contains("$dynamicRef"));
    }

    #[test]
    fn an_ordinary_schema_with_shared_definitions_is_fine() {
        let schema = json!({
            "type": "object",
            "properties": { "a": { "$ref": "#/$defs/name" }, "b": { "$ref": "#/$defs/name" } },
            "$defs": { "name": { "type": "string", "maxLength": 64 } },
        });
        assert_eq!(check(&schema), Ok(()));
    }
}
