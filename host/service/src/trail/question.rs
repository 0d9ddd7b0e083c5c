//! What a list is asked for, in a query string or in the body of a `/.search`.

use serde_json::Value;

use super::headers::MAX_DIGITS_KEPT;
use super::redact::{Member, Redactor, SECRET};
use super::rules::names_a_secret;

/// Parameters of a query string that are kept.
const MAX_PARAMETERS_KEPT: usize = 32;

/// Parameters that are told by their names, in lower case: those of RFC 7644 and RFC 9865, Entra's feature flag, and what should not be
/// there at all (RFC 6750 §2.3).
const KNOWN: [&str; 10] = [
    "attributes",
    "excludedattributes",
    "filter",
    "sortby",
    "sortorder",
    "startindex",
    "count",
    "cursor",
    "aadoptscim062020",
    "access_token",
];

/// A query string, parameter by parameter.
pub(super) fn question(redactor: &mut Redactor<'_>, query: &str) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(query.trim_matches(['?', '&']).as_bytes());
    let mut told = Vec::new();
    for (name, value) in pairs {
        if told.len() == MAX_PARAMETERS_KEPT || !redactor.has_room() {
            redactor.unsaid.note_all(&Value::String(name.into_owned()));
            redactor.unsaid.note_all(&Value::String(value.into_owned()));
            continue;
        }
        let name = name.trim_start_matches('?');
        told.push((redactor.parameter_name(name), redactor.parameter(name, &value)));
    }
    told
}

impl Redactor<'_> {
    /// One member of a search request.
    pub(super) fn asked(&mut self, name: &str, value: &Value) -> Member {
        let lower = name.to_ascii_lowercase();
        Member { is_known: lower == "schemas" || KNOWN.contains(&&*lower), value: self.asked_for(&lower, value) }
    }

    fn asked_for(&mut self, name: &str, value: &Value) -> Value {
        match (name, value) {
            ("schemas", _) => self.schemas(value),
            ("startindex" | "count", Value::Number(_)) => self.count(name, value),
            (_, Value::String(text)) => Value::String(self.parameter(name, text)),
            ("attributes" | "excludedattributes", Value::Array(names)) => {
                self.elements(names, |redactor, one| match one {
                    Value::String(text) => Value::String(redactor.parameter(name, text)),
                    other => redactor.word(name, other, |_| false),
                })
            }
            _ => self.word(name, value, |_| false),
        }
    }

    fn parameter(&mut self, name: &str, value: &str) -> String {
        match name.to_ascii_lowercase().as_str() {
            "filter" => self.filter_text(value),
            "attributes" | "excludedattributes" | "sortby" => {
                let names: Vec<String> = value.split(',').map(|name| self.attribute_name(name.trim())).collect();
                names.join(",")
            }
            "sortorder" if ["ascending", "descending"].iter().any(|order| order.eq_ignore_ascii_case(value)) => {
                value.to_owned()
            }
            "startindex" | "count"
                if value.len() <= MAX_DIGITS_KEPT && value.bytes().all(|b| b.is_ascii_digit() || b == b'-') =>
            {
                value.to_owned()
            }
            _ if value.is_empty() => String::new(),
            other if names_a_secret(other) => {
                self.unsaid.note(value);
                SECRET.to_owned()
            }
            _ => self.hide(value),
        }
    }

    fn parameter_name(&mut self, name: &str) -> String {
        // A credential can stand there, too.
        if KNOWN.contains(&name.to_ascii_lowercase().as_str()) { name.to_owned() } else { self.hide(name) }
    }
}
