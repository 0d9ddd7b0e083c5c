//! The messages that a body can be.

use muster_protocol::json;
use muster_store::request_log::Body;
use serde_json::Value;

use super::entry::shown_path;
use super::headers::is_an_etag;
use super::redact::{At, Member, Redactor};
use super::unsaid::is_common;

/// What a body is, by the verb and the path that it came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    /// A resource (RFC 7643).
    Resource,
    /// Operations on one (RFC 7644 §3.5.2).
    Patch,
    /// Operations on many (§3.7).
    Bulk,
    /// A question (§3.4.3).
    Search,
}

impl Message {
    /// The message of a request, and the segment of its path that names the kind of resource.
    pub(super) fn of<'p>(method: &str, path: &'p str) -> (Self, Option<&'p str>) {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let first = segments.next().filter(|segment| *segment != ".search");
        let message = match (method, first) {
            _ if path.ends_with("/.search") => Self::Search,
            (_, Some("Bulk")) => return (Self::Bulk, None),
            ("PATCH", _) => Self::Patch,
            _ => Self::Resource,
        };
        (message, first)
    }
}

/// The beginning and the end of a body that is no JSON say too much of what it is; its length and the mistake have to do.
pub(super) fn body(redactor: &mut Redactor<'_>, message: Message, bytes: &[u8]) -> Body {
    let length = bytes.len() as u64;
    match json::parse(bytes) {
        Ok(value) => Body { bytes: length, json: Some(redactor.message(message, &value)), problem: None },
        Err(invalid) => {
            // A sentence about a name has it between quotes.
            if let (Some(first), Some(last)) = (invalid.detail.find('"'), invalid.detail.rfind('"')) {
                redactor.unsaid.note(invalid.detail.get(first + 1..last).unwrap_or_default());
            }
            Body { bytes: length, json: None, problem: Some(redactor.unsaid.scrub(&invalid.detail)) }
        }
    }
}

impl Redactor<'_> {
    fn message(&mut self, message: Message, value: &Value) -> Value {
        let Value::Object(object) = value else { return self.word("body", value, |_| false) };
        match message {
            Message::Resource => self.members(object, |redactor, name, value| {
                if name.eq_ignore_ascii_case("schemas") {
                    return known(redactor.schemas(value));
                }
                let below = redactor.below(&At::default(), name);
                Member { is_known: below.is_known() || is_common(name), value: redactor.value(&below, value) }
            }),
            Message::Search => self.members(object, Self::asked),
            Message::Patch => self.operations(object, Self::patch_operation),
            Message::Bulk => self.operations(object, Self::bulk_operation),
        }
    }

    /// `Operations`, and what may stand beside it.
    fn operations(
        &mut self,
        object: &serde_json::Map<String, Value>,
        mut each: impl FnMut(&mut Self, &Value) -> Value,
    ) -> Value {
        self.members(object, |redactor, name, value| match (name.to_ascii_lowercase().as_str(), value) {
            ("schemas", _) => known(redactor.schemas(value)),
            ("operations", Value::Array(operations)) => known(redactor.elements(operations, &mut each)),
            ("operations", _) => known(redactor.hidden(name, value)),
            ("failonerrors", _) => known(redactor.count(name, value)),
            _ => unknown(redactor.hidden(name, value)),
        })
    }

    fn patch_operation(&mut self, operation: &Value) -> Value {
        let Value::Object(operation) = operation else { return self.hidden("Operations", operation) };
        let path = operation.iter().find(|(name, _)| name.eq_ignore_ascii_case("path"));
        let (path, at) = match path {
            Some((_, Value::String(text))) if !text.is_empty() => {
                let (path, at) = self.path(text);
                (Some(path), at)
            }
            Some(_) | None => (None, At::default()),
        };
        self.members(operation, |redactor, name, value| match name.to_ascii_lowercase().as_str() {
            "op" => known(redactor.word(name, value, |op| {
                ["add", "remove", "replace"].iter().any(|known| known.eq_ignore_ascii_case(op))
            })),
            "path" => known(match &path {
                Some(path) => Value::String(path.clone()),
                None => redactor.word(name, value, str::is_empty),
            }),
            "value" => known(redactor.value(&at, value)),
            _ => unknown(redactor.hidden(name, value)),
        })
    }

    fn bulk_operation(&mut self, operation: &Value) -> Value {
        let Value::Object(operation) = operation else { return self.hidden("Operations", operation) };
        let text = |wanted: &str| {
            let found = operation.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.and_then(|(_, value)| value.as_str()).unwrap_or_default().to_owned()
        };
        // Clients may write the whole URL; the last two segments say what is meant.
        let path = text("path");
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let endpoint = segments.iter().rposition(|segment| self.serves(segment)).unwrap_or(segments.len());
        for segment in &segments {
            self.unsaid.note_segment(segment);
        }
        let rest = segments.get(endpoint..).unwrap_or_default().join("/");
        let (message, kind) = Message::of(&text("method").to_ascii_uppercase(), &rest);
        self.set_endpoint(Some(kind.unwrap_or_default()));
        let told = self.members(operation, |redactor, name, value| match name.to_ascii_lowercase().as_str() {
            "method" => known(redactor.word(name, value, is_a_verb)),
            "path" if !rest.is_empty() => known(Value::String(shown_path(redactor.bound, &rest))),
            "version" => known(redactor.word(name, value, is_an_etag)),
            "data" => known(redactor.message(message, value)),
            "path" | "bulkid" => known(redactor.hidden(name, value)),
            _ => unknown(redactor.hidden(name, value)),
        });
        self.set_endpoint(None);
        told
    }

    fn hidden(&mut self, name: &str, value: &Value) -> Value {
        self.word(name, value, |_| false)
    }
}

/// A verb that an operation of a bulk request can have.
pub(super) fn is_a_verb(method: &str) -> bool {
    ["POST", "PUT", "PATCH", "DELETE"].iter().any(|known| known.eq_ignore_ascii_case(method))
}

/// Under a name of the protocol.
const fn known(value: Value) -> Member {
    Member { value, is_known: true }
}

/// Under a name that the protocol has not.
const fn unknown(value: Value) -> Member {
    Member { value, is_known: false }
}
