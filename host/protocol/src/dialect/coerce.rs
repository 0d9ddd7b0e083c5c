//! Values bent into their schema: the one place where a type is checked, for POST, PUT and PATCH alike.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::{
    Profile, Rule, Tolerance,
    list::{check_length, drop_repeats, is_primary, keep_primary},
};
use crate::{
    error::Invalid,
    schema::{Attribute, AttributeType, Mutability, Uniqueness},
    text,
    time::Timestamp,
    uri,
};

/// The text by which one resource is told from another.
const IDENTIFIERS: [&str; 3] = ["userName", "externalId", "emails.value"];

/// Bytes of a value that names a resource: an address has at most 320 (RFC 5321 §4.5.3.1).
pub const MAX_IDENTIFIER_BYTES: usize = 1 << 10;
/// Bytes of any other value that is text: a photo belongs behind its URL.
pub const MAX_TEXT_BYTES: usize = 32 << 10;

/// Whether a client may write this value, which is no list, to an attribute: by the same code that writes it.
pub fn accepts(profile: &Profile, path: &str, attribute: &Attribute, value: &Value) -> bool {
    Tolerance::new(profile).element(path, attribute, value.clone()).is_ok()
}

impl Tolerance<'_> {
    /// What `value` means for `attribute`, with canonical names and types; `None`: no value (RFC 7643 §2.5), which is also what
    /// becomes of a read-only attribute. `path` is for sentences and notes.
    pub(crate) fn coerce(&mut self, path: &str, attribute: &Attribute, value: Value) -> Result<Option<Value>, Invalid> {
        if attribute.mutability == Mutability::ReadOnly {
            self.note(Rule::ReadOnlyIgnored, path);
            return Ok(None);
        }
        if attribute.multi_valued {
            return self.list(path, attribute, value);
        }
        match value {
            Value::Array(_) => match self.only_one(path, value)? {
                Some(value) => self.element(path, attribute, value),
                None => Ok(None),
            },
            value => self.element(path, attribute, value),
        }
    }

    /// The one value in an array that stands where one value belongs.
    pub(crate) fn only_one(&mut self, path: &str, value: Value) -> Result<Option<Value>, Invalid> {
        let Value::Array(mut values) = value else { return Ok(Some(value)) };
        if values.len() > 1 {
            return Err(Invalid::value(format!("{path} takes one value, not a list")));
        }
        if !values.is_empty() {
            self.apply(Rule::SingleAsList, path)?;
        }
        Ok(values.pop())
    }

    fn list(&mut self, path: &str, attribute: &Attribute, value: Value) -> Result<Option<Value>, Invalid> {
        let values = match value {
            Value::Array(values) => values,
            Value::Null => {
                self.note(Rule::NullDropped, path);
                return Ok(None);
            }
            Value::String(text) if text.is_empty() => {
                self.note(Rule::EmptyTextDropped, path);
                return Ok(None);
            }
            single => {
                self.apply(Rule::ListAsSingle, path)?;
                vec![single]
            }
        };
        check_length(path, values.len())?;
        let mut list = Vec::with_capacity(values.len());
        for value in values {
            list.extend(self.element(path, attribute, value)?);
        }
        drop_repeats(&mut list);
        self.one_primary(path, &mut list)?;
        Ok(if list.is_empty() { None } else { Some(Value::Array(list)) })
    }

    /// RFC 7643 §2.4: `primary` is true at most once. Of several in one list the first stays.
    fn one_primary(&mut self, path: &str, list: &mut Vec<Value>) -> Result<(), Invalid> {
        let Some(first) = list.iter().position(is_primary) else { return Ok(()) };
        if list.iter().skip(first + 1).any(is_primary) {
            self.apply(Rule::PrimaryRepeated, path)?;
            keep_primary(list, first);
            // What was told from another by being primary may be like it now.
            drop_repeats(list);
        }
        Ok(())
    }

    /// One element of a list, or the value of an attribute that is none.
    pub(crate) fn element(
        &mut self,
        path: &str,
        attribute: &Attribute,
        value: Value,
    ) -> Result<Option<Value>, Invalid> {
        match value {
            Value::Null => {
                self.note(Rule::NullDropped, path);
                Ok(None)
            }
            Value::String(text) if text.is_empty() => {
                self.note(Rule::EmptyTextDropped, path);
                Ok(None)
            }
            value if attribute.kind == AttributeType::Complex => self.complex(path, attribute, value),
            value => self.simple(path, attribute, value).map(Some),
        }
    }

    fn complex(&mut self, path: &str, attribute: &Attribute, value: Value) -> Result<Option<Value>, Invalid> {
        let mut made = Map::new();
        for (key, value) in self.object(path, attribute, value)? {
            if let Some(sub) = self.sub_of(path, attribute, &key)?
                && let Some(value) = self.coerce(&format!("{path}.{}", sub.name), sub, value)?
            {
                made.insert(sub.name.clone(), value);
            }
        }
        Ok(if made.is_empty() { None } else { Some(Value::Object(made)) })
    }

    /// The object that a complex value is; a value without an object around it is its `value` (Q8).
    pub(crate) fn object(
        &mut self,
        path: &str,
        attribute: &Attribute,
        value: Value,
    ) -> Result<Map<String, Value>, Invalid> {
        match value {
            Value::Object(map) => Ok(map),
            Value::String(_) | Value::Number(_) if attribute.sub("value").is_some() => {
                let rule = match attribute.name.as_str() {
                    "manager" => Rule::ManagerAsText,
                    _ => Rule::ElementAsText,
                };
                self.apply(rule, path)?;
                Ok(Map::from_iter([("value".to_owned(), value)]))
            }
            _ => Err(wrong_type(path, "an object")),
        }
    }

    /// The sub-attribute that a key names; one that no schema has is told and dropped.
    pub(crate) fn sub_of<'s>(
        &mut self,
        path: &str,
        attribute: &'s Attribute,
        key: &str,
    ) -> Result<Option<&'s Attribute>, Invalid> {
        let Some(sub) = attribute.sub(key) else {
            self.apply(Rule::UnknownAttributeDropped, &format!("{path}.{key}"))?;
            return Ok(None);
        };
        if sub.name != key {
            self.note(Rule::AttributeNameCase, &format!("{path}.{}", sub.name));
        }
        Ok(Some(sub))
    }

    fn simple(&mut self, path: &str, attribute: &Attribute, value: Value) -> Result<Value, Invalid> {
        match attribute.kind {
            AttributeType::String => {
                let text = self.text(path, attribute, value)?;
                self.canonical_value(path, attribute, text).map(Value::String)
            }
            AttributeType::Reference => {
                let text = self.text(path, attribute, value)?;
                self.check_reference(path, attribute, &text)?;
                Ok(Value::String(text))
            }
            AttributeType::Boolean => self.boolean(path, &value).map(Value::Bool),
            AttributeType::Integer => self.number(path, value, serde_json::Number::is_i64, "an integer"),
            AttributeType::Decimal => self.number(path, value, |_| true, "a number"),
            AttributeType::DateTime => {
                let text = self.text(path, attribute, value)?;
                Timestamp::parse(&text).ok_or_else(|| wrong_type(path, "an RFC 3339 date and time"))?;
                Ok(Value::String(text))
            }
            AttributeType::Binary => {
                let text = self.text(path, attribute, value)?;
                if is_base64(&text) { Ok(Value::String(text)) } else { Err(wrong_type(path, "base64")) }
            }
            AttributeType::Complex => Err(wrong_type(path, "an object")),
        }
    }

    /// RFC 7643 §7: canonical values are suggestions, to which a server may restrict what it accepts. A value that differs from
    /// one in case alone is that value, unless case counts.
    fn canonical_value(&mut self, path: &str, attribute: &Attribute, text: String) -> Result<String, Invalid> {
        let values = &attribute.canonical_values;
        if values.is_empty() || values.contains(&text) {
            return Ok(text);
        }
        if let Some(canonical) = values.iter().find(|value| !attribute.case_exact && text::same(value, &text)) {
            self.note(Rule::CanonicalCase, path);
            return Ok(canonical.clone());
        }
        self.apply(Rule::NotCanonical, path)?;
        Ok(text)
    }

    /// RFC 7643 §2.3.7: a reference is a URI, absolute or relative, and leads to what `referenceTypes` names.
    fn check_reference(&mut self, path: &str, attribute: &Attribute, text: &str) -> Result<(), Invalid> {
        if !uri::is_reference(text) {
            return self.apply(Rule::NotAUri, path);
        }
        if uri::leads_to(text, attribute) { Ok(()) } else { self.apply(Rule::ReferenceElsewhere, path) }
    }

    fn text(&mut self, path: &str, attribute: &Attribute, value: Value) -> Result<String, Invalid> {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => {
                self.apply(Rule::TextAsNumber, path)?;
                number.to_string()
            }
            _ => return Err(wrong_type(path, "a string")),
        };
        // What is unique is a name, whatever the schema calls it.
        let limit = if IDENTIFIERS.contains(&path) || attribute.uniqueness != Uniqueness::None {
            text::check_identifier(path, &text)?;
            MAX_IDENTIFIER_BYTES
        } else {
            text::check(path, &text)?;
            MAX_TEXT_BYTES
        };
        if text.len() > limit {
            return Err(Invalid::value(format!("{path} is longer than {limit} bytes")));
        }
        if path == "roles.value" && text.starts_with('{') && serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            self.note(Rule::JsonAsText, path);
        }
        Ok(text)
    }

    fn boolean(&mut self, path: &str, value: &Value) -> Result<bool, Invalid> {
        let (rule, boolean) = match value {
            Value::Bool(boolean) => return Ok(*boolean),
            Value::String(text) if text.eq_ignore_ascii_case("true") => (Rule::BooleanAsText, true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => (Rule::BooleanAsText, false),
            Value::Number(number) if number.as_i64() == Some(1) => (Rule::BooleanAsNumber, true),
            Value::Number(number) if number.as_i64() == Some(0) => (Rule::BooleanAsNumber, false),
            _ => return Err(wrong_type(path, "a boolean")),
        };
        match value {
            Value::String(word) => self.apply_to_word(rule, path, word)?,
            _ => self.apply(rule, path)?,
        }
        Ok(boolean)
    }

    fn number(
        &mut self,
        path: &str,
        value: Value,
        fits: fn(&serde_json::Number) -> bool,
        expected: &str,
    ) -> Result<Value, Invalid> {
        let number = match value {
            Value::Number(number) => Some(number),
            Value::String(text) => {
                self.apply(Rule::NumberAsText, path)?;
                text.parse().ok()
            }
            _ => None,
        };
        number.filter(fits).map(Value::Number).ok_or_else(|| wrong_type(path, expected))
    }
}

/// RFC 4648 §4 or §5, perhaps in lines, perhaps without the padding.
fn is_base64(text: &str) -> bool {
    let plain: Vec<u8> = text.bytes().filter(|byte| !b"\r\n".contains(byte)).collect();
    let digits = plain.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)).count();
    let padding = plain.len() - digits;
    plain.iter().skip(digits).all(|byte| *byte == b'=')
        && match digits % 4 {
            0 => padding == 0,
            1 => false,
            rest => padding == 0 || padding == 4 - rest,
        }
}

fn wrong_type(path: &str, expected: &str) -> Invalid {
    Invalid::value(format!("{path} must be {expected}"))
}
