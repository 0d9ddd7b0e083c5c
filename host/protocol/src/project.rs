//! Documents become answers: [`render`] adds what the server knows, [`Projection`] leaves out what was not asked for
//! (RFC 7644 §3.9).

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::{
    Document,
    error::Invalid,
    path::AttrPath,
    schema::{Attribute, ResourceTypeDef, Returned},
    time::Timestamp,
};

/// What the server knows about a resource (RFC 7643 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// `User`
    pub resource_type: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub last_modified: Timestamp,
    /// As in the `ETag` header: `W/"3"`.
    pub version: String,
    /// The full URI.
    pub location: String,
}

/// The whole resource as JSON: `schemas`, `id`, the core attributes in the order of their schema, `rows`, the extensions, `meta`.
///
/// `rows` is what the document does not hold: `members` of a group, `groups` of a user. `active` is always told (Q20).
pub fn render(
    def: &ResourceTypeDef,
    id: &str,
    document: &Document,
    meta: &Meta,
    rows: Option<(&str, Vec<Value>)>,
) -> Map<String, Value> {
    let extensions = || {
        let stored = def.extensions.iter().filter_map(|schema| Some((&schema.id, document.get(&schema.id)?)));
        stored.filter(|(_, value)| value.as_object().is_some_and(|object| !object.is_empty()))
    };
    let urns: Vec<&String> = std::iter::once(&def.schema.id).chain(extensions().map(|(urn, _)| urn)).collect();
    let mut resource = Map::new();
    resource.insert("schemas".into(), json!(urns));
    resource.insert("id".into(), id.into());
    for attribute in def.core_attributes() {
        match document.get(&attribute.name) {
            Some(value) => _ = resource.insert(attribute.name.clone(), value.clone()),
            None if attribute.name == "active" => _ = resource.insert("active".into(), Value::Bool(true)),
            None => {}
        }
    }
    if let Some((name, rows)) = rows {
        resource.insert(name.into(), Value::Array(rows));
    }
    for (urn, value) in extensions() {
        resource.insert(urn.clone(), value.clone());
    }
    let meta = json!({
        "resourceType": meta.resource_type,
        "created": meta.created.to_string(),
        "lastModified": meta.last_modified.to_string(),
        "location": meta.location,
        "version": meta.version,
    });
    resource.insert("meta".into(), meta);
    resource
}

/// Which attributes an answer has: `attributes` and `excludedAttributes` of the query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection(Selection);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Selection {
    /// What is returned by default.
    #[default]
    Default,
    /// These, and what is always returned.
    Only(Vec<Selected>),
    /// What is returned by default, without these.
    Except(Vec<Selected>),
}

/// A path with canonical names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Selected {
    /// The URN of the extension.
    extension: Option<String>,
    /// `None`: the whole extension.
    attribute: Option<String>,
    sub: Option<String>,
}

impl Projection {
    /// Reads the two query parameters. They exclude one another (RFC 7644 §3.9); a client that sends both gets `attributes`.
    ///
    /// Names that lead nowhere are ignored, and `emails[type eq "work"]` means `emails` (2.11).
    pub fn parse(def: &ResourceTypeDef, attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, Invalid> {
        let given = |text: Option<&str>| text.filter(|text| !text.trim().is_empty()).map(|text| select(def, text));
        Ok(Self(match (given(attributes), given(excluded)) {
            (Some(only), _) => Selection::Only(only),
            (None, Some(except)) => Selection::Except(except),
            (None, None) => Selection::Default,
        }))
    }

    /// Whether the client said which attributes it wants.
    pub fn is_explicit(&self) -> bool {
        self.0 != Selection::Default
    }

    /// Whether anything of this core attribute is wanted: rows that nobody wants need not be read.
    pub fn wants(&self, name: &str) -> bool {
        let is_named =
            |selected: &&Selected| selected.extension.is_none() && selected.attribute.as_deref() == Some(name);
        match &self.0 {
            Selection::Default => true,
            Selection::Only(only) => only.iter().any(|selected| is_named(&selected)),
            Selection::Except(except) => !except.iter().filter(is_named).any(|selected| selected.sub.is_none()),
        }
    }

    /// Cuts a rendered resource down. `schemas` and `id` always stay.
    pub fn apply(&self, def: &ResourceTypeDef, resource: &mut Map<String, Value>) {
        resource.retain(|key, value| {
            if let (Some(schema), Value::Object(parts)) = (def.extension(key), &mut *value) {
                parts.retain(|name, part| {
                    schema.attribute(name).is_some_and(|attribute| self.keep(Some(&schema.id), attribute, part))
                });
                return !parts.is_empty();
            }
            match def.core_attribute(key) {
                Some(attribute) => self.keep(None, attribute, value),
                None => !matches!(self.0, Selection::Only(_)),
            }
        });
    }

    /// Whether anything of an attribute stays; the sub-attributes that do not are taken out of `value`.
    fn keep(&self, extension: Option<&str>, attribute: &Attribute, value: &mut Value) -> bool {
        match attribute.returned {
            Returned::Always => return true,
            Returned::Never => return false,
            Returned::Default | Returned::Request => {}
        }
        let by_default = attribute.returned == Returned::Default;
        match &self.0 {
            Selection::Default => by_default,
            Selection::Only(only) => match subs(only, extension, attribute) {
                Named::Whole => true,
                Named::Not => false,
                Named::Parts(parts) => keep_parts(value, &|name| {
                    let always = attribute.sub(name).is_some_and(|sub| sub.returned == Returned::Always);
                    always || parts.contains(&name)
                }),
            },
            Selection::Except(except) => match subs(except, extension, attribute) {
                Named::Whole => false,
                Named::Not => by_default,
                Named::Parts(parts) => by_default && keep_parts(value, &|name| !parts.contains(&name)),
            },
        }
    }
}

/// What a list of paths names of one attribute.
enum Named<'a> {
    Not,
    Whole,
    Parts(Vec<&'a str>),
}

fn subs<'a>(list: &'a [Selected], extension: Option<&str>, attribute: &Attribute) -> Named<'a> {
    let named = list.iter().filter(|selected| {
        selected.extension.as_deref() == extension
            && selected.attribute.as_ref().is_none_or(|name| *name == attribute.name)
    });
    let mut parts = Vec::new();
    for selected in named {
        match &selected.sub {
            Some(sub) => parts.push(sub.as_str()),
            None => return Named::Whole,
        }
    }
    if parts.is_empty() { Named::Not } else { Named::Parts(parts) }
}

/// Keeps the parts of an object, or of each object in a list; whether anything is left.
fn keep_parts(value: &mut Value, keep: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Object(parts) => {
            parts.retain(|name, _| keep(name));
            !parts.is_empty()
        }
        Value::Array(values) => {
            values.retain_mut(|value| keep_parts(value, keep));
            !values.is_empty()
        }
        _ => true,
    }
}

fn select(def: &ResourceTypeDef, text: &str) -> Vec<Selected> {
    let selected = |name: String| {
        let path = AttrPath::parse(name.trim(), &|urn| def.is_schema(urn)).ok()?;
        let resolved = def.resolve(&path)?;
        Some(Selected {
            extension: resolved.extension.map(|schema| schema.id.clone()),
            attribute: resolved.attribute.map(|attribute| attribute.name.clone()),
            sub: resolved.sub.map(|sub| sub.name.clone()),
        })
    };
    names(text).into_iter().filter_map(selected).collect()
}

/// The names between the commas, without what stands in brackets.
fn names(text: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let (mut depth, mut quoted) = (0_usize, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            ',' if depth == 0 => names.push(String::new()),
            _ if depth > 0 => {}
            c => names.last_mut().into_iter().for_each(|name| name.push(c)),
        }
    }
    names
}
