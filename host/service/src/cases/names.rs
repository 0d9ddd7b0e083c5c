//! Names for ids that only the server can make: `{ada}` in what an author writes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What the requests of a case have made, by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn put(&mut self, name: &str, id: String) {
        self.ids.insert(name.to_owned(), id);
    }

    /// With ids in place of names.
    pub(super) fn resolve(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
    }

    /// The same of everything in a body.
    pub(super) fn resolve_all(&self, body: &Map<String, Value>) -> Map<String, Value> {
        body.iter().map(|(name, value)| (name.clone(), each_text(value, &|text| self.resolve(text)))).collect()
    }

    /// With names in place of ids, so that what came out reads like what an author wrote.
    pub(super) fn unresolve(&self, value: &Value) -> Value {
        // A given name says more than `id`, and the request can be about what was given.
        let by_name = || self.ids.iter().filter(|(name, _)| *name != "id").chain(self.ids.get_key_value("id"));
        each_text(value, &|text| {
            by_name().fold(text.to_owned(), |text, (name, id)| text.replace(id.as_str(), &format!("{{{name}}}")))
        })
    }

    /// What was written, with one name for each id: `{id}` may be `{ada}`.
    pub(super) fn settle(&self, value: &Value) -> Value {
        self.unresolve(&each_text(value, &|text| self.resolve(text)))
    }
}

fn each_text(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(values) => values.iter().map(|value| each_text(value, change)).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), each_text(value, change))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Whether something can be written between braces.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The texts in a value, however deep.
pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// The names that a text speaks of.
pub(super) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_stand_for_ids_wherever_they_are_written() {
        let mut names = Names::default();
        names.put("ada", "0192".to_owned());
        names.put("id", "0193".to_owned());
        assert_eq!(names.resolve("/Users/{ada}"), "/Users/0192");
        let body = json!({ "members": [{ "value": "{ada}" }], "note": "{nobody} {" });
        let resolved = names.resolve_all(body.as_object().unwrap());
        assert_eq!(json!(resolved), json!({ "members": [{ "value": "0192" }], "note": "{nobody} {" }));
        assert_eq!(names.unresolve(&json!(["send:0193", 7])), json!(["send:{id}", 7]));
    }

    #[test]
    fn what_was_given_keeps_its_name_when_the_request_is_about_it() {
        let mut names = Names::default();
        names.put("ada", "0192".to_owned());
        names.put("id", "0192".to_owned());
        assert_eq!(names.unresolve(&json!("0192")), json!("{ada}"));
        assert_eq!(names.settle(&json!("{id} {ada}")), json!("{ada} {ada}"));
    }

    #[test]
    fn names_are_found_between_braces() {
        assert_eq!(names_in("/Users/{ada}").collect::<Vec<_>>(), ["ada"]);
        assert_eq!(names_in("/Users").count(), 0);
        assert!(is_name("ada_1-b") && !is_name("") && !is_name("a b"));
    }
}
