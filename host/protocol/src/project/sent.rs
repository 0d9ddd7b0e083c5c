//! Which attributes of a body are returned because they were sent.

use serde_json::{Map, Value};

use super::Selected;
use crate::{
    path::{AttrPath, PatchPath},
    schema::{Attribute, ResourceTypeDef, Returned},
};

/// The attributes and sub-attributes in a resource, or in the operations of a PATCH, that are returned on request. Most resource
/// types have none, and then nothing is looked at.
pub(super) fn on_request(def: &ResourceTypeDef, body: &Value) -> Vec<Selected> {
    let is = |attribute: &Attribute| attribute.returned == Returned::Request;
    let any = |attribute: &Attribute| is(attribute) || attribute.sub_attributes.iter().any(is);
    let extensions = def.extensions.iter().flat_map(|schema| &schema.attributes);
    if !def.schema.attributes.iter().chain(extensions).any(any) {
        return Vec::new();
    }
    let mut found = Found { def, selected: Vec::new() };
    let Value::Object(body) = body else { return Vec::new() };
    match body.iter().find(|(key, _)| key.eq_ignore_ascii_case("Operations")) {
        Some((_, Value::Array(operations))) => operations.iter().for_each(|operation| found.operation(operation)),
        Some(_) => {}
        None => found.resource(None, body),
    }
    found.selected
}

struct Found<'a> {
    def: &'a ResourceTypeDef,
    selected: Vec<Selected>,
}

impl Found<'_> {
    fn operation(&mut self, operation: &Value) {
        let Value::Object(operation) = operation else { return };
        let member =
            |name: &str| operation.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        match (member("path").and_then(Value::as_str), member("value")) {
            (Some(path), value) => self.path(path.trim(), value.unwrap_or(&Value::Null)),
            (None, Some(Value::Object(attributes))) => self.resource(None, attributes),
            (None, _) => {}
        }
    }

    fn resource(&mut self, urn: Option<&str>, attributes: &Map<String, Value>) {
        for (name, value) in attributes {
            match urn {
                Some(urn) => self.path(&format!("{urn}:{name}"), value),
                None => self.path(name, value),
            }
        }
    }

    fn path(&mut self, text: &str, value: &Value) {
        let def = self.def;
        let Ok(PatchPath { attr, sub, .. }) = PatchPath::parse(text, &|urn| def.is_schema(urn)) else { return };
        let attr = AttrPath { sub: sub.or(attr.sub), ..attr };
        let Some(resolved) = def.resolve(&attr) else { return };
        let extension = resolved.extension.map(|schema| schema.id.as_str());
        let Some(attribute) = resolved.attribute else {
            if let Value::Object(attributes) = value {
                self.resource(extension, attributes);
            }
            return;
        };
        self.note(extension, attribute, None);
        match resolved.sub {
            Some(sub) => self.note(extension, attribute, Some(sub)),
            None => self.parts(extension, attribute, value),
        }
    }

    /// The sub-attributes in a complex value, or in a list of them.
    fn parts(&mut self, extension: Option<&str>, attribute: &Attribute, value: &Value) {
        match value {
            Value::Array(elements) => elements
                .iter()
                .filter(|element| element.is_object())
                .for_each(|element| self.parts(extension, attribute, element)),
            Value::Object(parts) => {
                for sub in parts.keys().filter_map(|name| attribute.sub(name)) {
                    self.note(extension, attribute, Some(sub));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn note(&mut self, extension: Option<&str>, attribute: &Attribute, sub: Option<&Attribute>) {
        let known = self.selected.iter().any(|selected| selected.is(extension, attribute, sub));
        if sub.unwrap_or(attribute).returned == Returned::Request && !known {
            self.selected.push(Selected {
                extension: extension.map(str::to_owned),
                attribute: Some(attribute.name.clone()),
                sub: sub.map(|sub| sub.name.clone()),
            });
        }
    }
}
