//! The import `config`: the tenant's configuration by pointer.

use serde_json::Value;

use crate::bindings::v1::muster::plugin::config::Host;
use crate::instance::CallState;

impl Host for CallState {
    fn get(&mut self, pointer: String) -> wasmtime::Result<Option<String>> {
        Ok(at(&self.config, &pointer))
    }
}

/// What stands at an RFC 6901 pointer: a string's text, of anything else its JSON.
pub(crate) fn at(config: &Value, pointer: &str) -> Option<String> {
    match find(config, pointer)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// As [`Value::pointer`], which makes two texts of each part of the pointer: a plugin asks in every call, and nearly always for a property whose
/// name says nothing special.
fn find<'v>(config: &'v Value, pointer: &str) -> Option<&'v Value> {
    let Some(names) = pointer.strip_prefix('/') else { return config.pointer(pointer) };
    let mut found = config;
    for name in names.split('/') {
        found = match found {
            Value::Object(properties) if !name.contains('~') => properties.get(name)?,
            _ => return config.pointer(pointer),
        };
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::at;

    #[test]
    fn a_pointer_leads_to_text_or_to_json_or_nowhere() {
        let config = json!({ "a/b": { "m~n": ["text", 7, true, { "x": null }] }, "": "empty", "plain": { "text": "plain", "list": [1, 2] } });
        let cases = [
            ("/a~1b/m~0n/0", Some("text")),
            ("/a~1b/m~0n/1", Some("7")),
            ("/a~1b/m~0n/2", Some("true")),
            ("/a~1b/m~0n/3", Some(r#"{"x":null}"#)),
            ("/a~1b/m~0n/3/x", Some("null")),
            ("/", Some("empty")),
            ("/a~1b/m~0n/4", None),
            ("/a~1b/m~0n/-", None),
            ("/a~1b/m~0n/00", None),
            ("a", None),
            ("/nowhere", None),
            ("/nowhere/else", None),
            ("/plain/text", Some("plain")),
            ("/plain/list/1", Some("2")),
            ("/plain/text/more", None),
        ];
        for (pointer, expected) in cases {
            assert_eq!(at(&config, pointer).as_deref(), expected, "{pointer}");
        }
        assert_eq!(at(&json!({}), "").as_deref(), Some("{}"));
    }
}
