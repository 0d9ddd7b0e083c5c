//! What only the whole document shows: whether something required is missing, and how large it is.

use serde_json::{Map, Value};

use super::write::Writer;
use crate::{
    Document,
    error::Invalid,
    schema::{Attribute, Mutability, ResourceTypeDef},
};

/// Bytes of text in all attributes of a resource: what the plugin makes of it has to fit into its answer.
pub const MAX_RESOURCE_TEXT_BYTES: usize = 96 << 10;

impl Writer<'_> {
    /// Refuses a document that lacks what is required (RFC 7643 §2.2, §6), or is larger than a resource can be.
    ///
    /// What `before` lacked as well is no reason: an attribute that became required after the resource was stored must not keep
    /// a user from being disabled.
    pub(crate) fn check_whole(&self, before: Option<&Document>) -> Result<(), Invalid> {
        check_size(self.document.iter().flat_map(|(name, value)| heeded(self.def, name, value)))?;
        let known = before.map(|before| missing(self.def, &before.0)).unwrap_or_default();
        match missing(self.def, &self.document).into_iter().find(|path| !known.contains(path)) {
            Some(path) => Err(Invalid::value(format!("{path} is required"))),
            None => Ok(()),
        }
    }
}

/// What counts of an attribute, or of a whole extension: the values that somebody reads or keeps.
fn heeded<'v>(def: &ResourceTypeDef, name: &str, value: &'v Value) -> Vec<&'v Value> {
    let own = match value {
        Value::Object(parts) if def.extension(name).is_some() => {
            parts.iter().map(|(part, value)| (format!("{name}:{part}"), value)).collect()
        }
        value => vec![(name.to_owned(), value)],
    };
    own.into_iter().filter(|(path, _)| def.heeds(path)).map(|(_, value)| value).collect()
}

/// Refuses more text than a resource can have.
pub(super) fn check_size<'v>(values: impl IntoIterator<Item = &'v Value>) -> Result<(), Invalid> {
    if values.into_iter().map(text_bytes).sum::<usize>() > MAX_RESOURCE_TEXT_BYTES {
        return Err(too_large());
    }
    Ok(())
}

pub(super) fn too_large() -> Invalid {
    let limit = MAX_RESOURCE_TEXT_BYTES;
    Invalid::value(format!("the resource has more than {limit} bytes of text in its attributes"))
}

pub(super) fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_bytes).sum(),
        Value::Object(parts) => parts.values().map(text_bytes).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// The paths of what is required and not there. An attribute of an extension is required where the extension is there, a
/// sub-attribute where its attribute is.
fn missing(def: &ResourceTypeDef, document: &Map<String, Value>) -> Vec<String> {
    let mut paths = Vec::new();
    for attribute in def.schema.attributes.iter().filter(|attribute| def.heeds(&attribute.name)) {
        missing_of(&attribute.name, attribute, document.get(&attribute.name), &mut paths);
    }
    for schema in &def.extensions {
        match document.get(&schema.id) {
            Some(Value::Object(parts)) if !parts.is_empty() => {
                for attribute in &schema.attributes {
                    let path = format!("{}:{}", schema.id, attribute.name);
                    if def.heeds(&path) {
                        missing_of(&path, attribute, parts.get(&attribute.name), &mut paths);
                    }
                }
            }
            _ if def.requires(schema) => paths.push(schema.id.clone()),
            _ => {}
        }
    }
    paths
}

fn missing_of(path: &str, attribute: &Attribute, value: Option<&Value>, paths: &mut Vec<String>) {
    let Some(value) = value.filter(|value| !is_blank(value)) else {
        // What only the server writes is not a client's to leave out.
        if attribute.required && attribute.mutability != Mutability::ReadOnly {
            paths.push(path.to_owned());
        }
        return;
    };
    for sub in attribute.sub_attributes.iter().filter(|sub| sub.required && sub.mutability != Mutability::ReadOnly) {
        let lacks = |part: &Value| part.get(&sub.name).is_none_or(is_blank);
        let is_missing = match value {
            Value::Array(elements) => elements.iter().any(lacks),
            whole => lacks(whole),
        };
        if is_missing {
            paths.push(format!("{path}.{}", sub.name));
        }
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
