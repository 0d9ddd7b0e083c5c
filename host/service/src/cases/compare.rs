use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MAX_DIFFERENCES;

/// One place where what came out is not what was expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where in `expect` (RFC 6901), or which part of the case failed before that: `/given/0`, `/config`.
    pub pointer: String,
    /// What was expected; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What came out; absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, expected, actual } = self;
        if let Some(actual) = actual {
            let given = pointer.strip_prefix("/given/").and_then(|number| number.parse::<usize>().ok());
            let said = Said(actual);
            match (pointer.as_str(), given, expected) {
                ("", _, None) => return write!(f, "the case cannot be run: {said}"),
                ("/config", _, None) => return write!(f, "its configuration is refused: {said}"),
                ("/request", _, None) => return write!(f, "the request: {said}"),
                ("/error", _, None) => return write!(f, "the request is refused, and should not be: {said}"),
                ("/error", _, Some(wanted)) => return write!(f, "the request should get {}; {said}", Said(wanted)),
                ("/error/cause", _, None) => return write!(f, "this is no refusal of the plugin: {said}"),
                (_, Some(n), None) => return write!(f, "given request {}: {said}", n.saturating_add(1)),
                (_, Some(n), Some(_)) => {
                    return write!(f, "given request {} is refused, and must succeed: {said}", n.saturating_add(1));
                }
                (_, None, _) => {}
            }
        }
        match (expected, actual) {
            (Some(expected), Some(actual)) => {
                write!(f, "{pointer}: expected {}, got {}", Shown(expected), Shown(actual))
            }
            (Some(expected), None) => write!(f, "{pointer}: expected {}, got nothing", Shown(expected)),
            (None, Some(actual)) => write!(f, "{pointer}: expected nothing, got {}", Shown(actual)),
            (None, None) => write!(f, "{pointer}: failed"),
        }
    }
}

/// Characters of a value that are shown in a sentence.
const SHOWN_CHARS: usize = 300;

struct Shown<'v>(&'v Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match text.char_indices().nth(SHOWN_CHARS) {
            Some((end, _)) => write!(f, "{}…", text.get(..end).unwrap_or_default()),
            None => f.write_str(&text),
        }
    }
}

/// What speaks for itself: a sentence without quotes, a refusal by its status, its type and its sentence.
struct Said<'v>(&'v Value);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str);
        match (self.0, self.0.get("status").and_then(Value::as_u64), text("detail")) {
            (Value::String(sentence), _, _) => f.write_str(sentence),
            (_, Some(status), Some(detail)) => {
                write!(f, "{status}")?;
                text("scimType").map_or(Ok(()), |scim_type| write!(f, " {scim_type}"))?;
                write!(f, ": {detail}")?;
                text("cause").map_or(Ok(()), |cause| write!(f, " ({cause})"))
            }
            (other, _, _) => Shown(other).fmt(f),
        }
    }
}

/// Gathers what is not as expected, up to [`MAX_DIFFERENCES`].
#[derive(Debug, Default)]
pub(super) struct Differences {
    found: Vec<Difference>,
}

impl Differences {
    pub(super) fn tell(&mut self, pointer: &str, expected: Option<Value>, actual: Option<Value>) {
        if self.found.len() < MAX_DIFFERENCES {
            self.found.push(Difference { pointer: pointer.to_owned(), expected, actual });
        }
    }

    /// Compares two values member by member, element by element.
    pub(super) fn compare(&mut self, pointer: &str, expected: &Value, actual: &Value) {
        match (expected, actual) {
            (Value::Object(expected), Value::Object(actual)) => {
                for (name, value) in expected {
                    let place = format!("{pointer}/{}", escaped(name));
                    match actual.get(name) {
                        Some(found) => self.compare(&place, value, found),
                        None => self.tell(&place, Some(value.clone()), None),
                    }
                }
                for (name, value) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                    self.tell(&format!("{pointer}/{}", escaped(name)), None, Some(value.clone()));
                }
            }
            (Value::Array(expected), Value::Array(actual)) => {
                for n in 0..expected.len().max(actual.len()) {
                    let place = format!("{pointer}/{n}");
                    match (expected.get(n), actual.get(n)) {
                        (Some(expected), Some(actual)) => self.compare(&place, expected, actual),
                        (expected, actual) => self.tell(&place, expected.cloned(), actual.cloned()),
                    }
                }
            }
            (expected, actual) if expected == actual => {}
            _ => self.tell(pointer, Some(expected.clone()), Some(actual.clone())),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_found(self) -> Vec<Difference> {
        self.found
    }
}

/// A name as a part of a pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(expected: &Value, actual: &Value) -> Vec<String> {
        let mut differences = Differences::default();
        differences.compare("", expected, actual);
        differences.into_found().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_equal_has_no_differences() {
        let value = json!({ "a": [1, { "b": null }], "c": "d" });
        assert_eq!(told(&value, &json!({ "c": "d", "a": [1, { "b": null }] })), [""; 0]);
    }

    #[test]
    fn each_difference_has_its_place() {
        let expected = json!({ "state": "active", "fields": { "email": "a@x.org", "role": "admin" }, "list": [1, 2] });
        let actual = json!({ "state": "invited", "fields": { "email": "a@x.org", "a/b": true }, "list": [1] });
        assert_eq!(
            told(&expected, &actual),
            [
                r#"/state: expected "active", got "invited""#,
                r#"/fields/role: expected "admin", got nothing"#,
                "/fields/a~1b: expected nothing, got true",
                "/list/1: expected 2, got nothing",
            ]
        );
    }

    #[test]
    fn what_failed_before_anything_could_be_compared_is_told_in_words() {
        let told = |pointer: &str, expected: Option<Value>, actual: Value| {
            Difference { pointer: pointer.to_owned(), expected, actual: Some(actual) }.to_string()
        };
        let refusal = json!({ "status": 503, "detail": "try again later", "cause": "the plugin trapped" });
        let says = "503: try again later (the plugin trapped)";
        let given = told("/given/1", Some(json!("a success")), refusal.clone());
        assert_eq!(given, format!("given request 2 is refused, and must succeed: {says}"));
        assert_eq!(told("/given/0", None, json!("it is late")), "given request 1: it is late");
        assert_eq!(told("/config", None, json!("/a: no")), "its configuration is refused: /a: no");
        assert_eq!(told("", None, json!("it is late")), "the case cannot be run: it is late");
        assert_eq!(told("/error", None, refusal), format!("the request is refused, and should not be: {says}"));
        let read: Difference = serde_json::from_value(json!({ "pointer": "/a", "actual": 1 })).unwrap();
        assert_eq!(read.to_string(), "/a: expected nothing, got 1");
    }

    #[test]
    fn neither_a_long_value_nor_many_differences_fill_a_screen() {
        let one = told(&json!("x"), &json!("y".repeat(10_000)));
        assert!(one[0].chars().count() < 400, "{one:?}");
        assert_eq!(told(&json!(vec![0; 1000]), &json!(vec![1; 1000])).len(), MAX_DIFFERENCES);
    }
}
