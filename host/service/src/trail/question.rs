//! What a list is asked for, in a query string or in the body of a `/.search`.

use serde_json::Value;

use super::redact::{Redactor, SECRET};
use super::rules::names_a_secret;

/// Parameters of a query string that are kept.
const MAX_PARAMETERS_KEPT: usize = 32;

/// Digits of a number that is kept.
const MAX_DIGITS_KEPT: usize = 20;

/// Entra's feature flag, in lower case: the one parameter beside those of RFC 7644 that is told by its name.
const FLAG: &str = "aadoptscim062020";

/// A query string, parameter by parameter.
pub(super) fn question(redactor: &mut Redactor<'_>, query: &str) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(query.trim_matches(['?', '&']).as_bytes());
    let mut told = Vec::new();
    for (name, value) in pairs.take(MAX_PARAMETERS_KEPT) {
        if !redactor.has_room() {
            break;
        }
        let name = name.trim_start_matches('?');
        told.push((redactor.parameter_name(name), redactor.parameter(name, &value)));
    }
    told
}

impl Redactor<'_> {
    /// One member of a search request.
    pub(super) fn asked(&mut self, name: &str, value: &Value) -> Value {
        match (name.to_ascii_lowercase().as_str(), value) {
            ("schemas", _) => self.schemas(value),
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
        const KNOWN: [&str; 9] = [
            "attributes",
            "excludedattributes",
            "filter",
            "sortby",
            "sortorder",
            "startindex",
            "count",
            "cursor",
            FLAG,
        ];
        let lower = name.to_ascii_lowercase();
        // Of other parameters the name is kept where it is one that people write: a credential can stand there, too.
        let is_plain =
            name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if KNOWN.contains(&lower.as_str()) || is_plain && !super::rules::looks_like_a_credential(name) {
            name.to_owned()
        } else {
            self.hide(name)
        }
    }
}
