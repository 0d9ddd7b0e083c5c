//! Documents become answers: [`render`] adds what the server knows, [`Projection`] leaves out what was not asked for
//! (RFC 7644 §3.9).

mod sent;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::{
    Document,
    error::Invalid,
    patch::given_and_family,
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
/// `rows` is what the document does not hold: `members` of a group, `groups` of a user.
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
        if let Some(value) = document.get(&attribute.name) {
            resource.insert(attribute.name.clone(), value.clone());
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

/// What people call a resource: `display` of a member or a group, `displayName` of a manager.
///
/// `displayName`, else `name.formatted`, else the given and the family name. What somebody signs in with is no name to show to others: who
/// has none of these is shown without one.
pub fn display_name(document: &Document) -> Option<String> {
    let name = document.get("name");
    let text = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    let formatted = || text(name?.get("formatted")?.as_str()?);
    document.text("displayName").and_then(text).or_else(formatted).or_else(|| text(&given_and_family(name?)?))
}

/// Which attributes an answer has: `attributes` and `excludedAttributes` of the query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Projection {
    selection: Selection,
    /// What is returned on request, and was sent in the request.
    sent: Vec<Selected>,
}

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Selected {
    /// The URN of the extension; `None`: the core schema.
    extension: Option<String>,
    /// `None`: the whole schema.
    attribute: Option<String>,
    sub: Option<String>,
}

impl Selected {
    /// Whether this is the path of exactly that.
    fn is(&self, extension: Option<&str>, attribute: &Attribute, sub: Option<&Attribute>) -> bool {
        self.extension.as_deref() == extension
            && self.attribute.as_ref() == Some(&attribute.name)
            && self.sub.as_ref() == sub.map(|sub| &sub.name)
    }
}

impl Projection {
    /// Reads the two query parameters. They exclude one another (RFC 7644 §3.9); a client that sends both gets `attributes`.
    ///
    /// Names that lead nowhere are ignored, and `emails[type eq "work"]` means `emails` (2.11).
    pub fn parse(def: &ResourceTypeDef, attributes: Option<&str>, excluded: Option<&str>) -> Result<Self, Invalid> {
        let given = |text: Option<&str>| text.filter(|text| !text.trim().is_empty()).map(|text| select(def, text));
        let selection = match (given(attributes), given(excluded)) {
            (Some(only), _) => Selection::Only(only),
            (None, Some(except)) => Selection::Except(except),
            (None, None) => Selection::Default,
        };
        Ok(Self { selection, sent: Vec::new() })
    }

    /// The same for the answer to this POST, PUT or PATCH: what is returned on request is also "returned in response to any PUT, POST,
    /// or PATCH operations if the attribute was specified by the client" (RFC 7643 §7).
    #[must_use]
    pub fn with_sent(&self, def: &ResourceTypeDef, body: &Value) -> Self {
        Self { selection: self.selection.clone(), sent: sent::on_request(def, body) }
    }

    /// Whether the client said which attributes it wants.
    pub fn is_explicit(&self) -> bool {
        self.selection != Selection::Default
    }

    /// Whether anything of this core attribute is wanted: rows that nobody wants need not be read.
    pub fn wants(&self, name: &str) -> bool {
        let is_named = |selected: &&Selected| {
            selected.extension.is_none() && selected.attribute.as_ref().is_none_or(|attribute| attribute == name)
        };
        match &self.selection {
            Selection::Default => true,
            Selection::Only(only) => only.iter().any(|selected| is_named(&selected)),
            Selection::Except(except) => !except.iter().filter(is_named).any(|selected| selected.sub.is_none()),
        }
    }

    /// Whether this sub-attribute is wanted, which is returned by default: what nobody wants need not be looked up.
    pub fn wants_part(&self, extension: Option<&str>, name: &str, sub: &str) -> bool {
        let is_named = |selected: &Selected| {
            selected.extension.as_deref() == extension
                && selected.attribute.as_ref().is_none_or(|attribute| attribute == name)
                && selected.sub.as_ref().is_none_or(|part| part == sub)
        };
        match &self.selection {
            Selection::Default => true,
            Selection::Only(only) => only.iter().any(is_named),
            Selection::Except(except) => !except.iter().any(is_named),
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
                None => !matches!(self.selection, Selection::Only(_)),
            }
        });
    }

    /// Whether anything of an attribute stays; the sub-attributes that do not are taken out of `value` (RFC 7643 §7, `returned`,
    /// which sub-attributes have as well).
    fn keep(&self, extension: Option<&str>, attribute: &Attribute, value: &mut Value) -> bool {
        let always = match attribute.returned {
            Returned::Always => true,
            Returned::Never => return false,
            Returned::Default | Returned::Request => false,
        };
        let was_sent = || self.sent.iter().any(|sent| sent.is(extension, attribute, None));
        let by_default = attribute.returned != Returned::Request || was_sent();
        let (stays, named) = match &self.selection {
            Selection::Default => (by_default, Named::Not),
            Selection::Only(only) => match subs(only, extension, attribute) {
                Named::Not => (always, Named::Not),
                named => (true, named),
            },
            Selection::Except(except) => match subs(except, extension, attribute) {
                Named::Whole => (always, Named::Not),
                named => (by_default, named),
            },
        };
        if !stays {
            return false;
        }
        let wants_named = matches!(self.selection, Selection::Only(_));
        let is_named = |sub: &Attribute| match &named {
            Named::Parts(parts) => Some(parts.contains(&sub.name.as_str())),
            Named::Not | Named::Whole => None,
        };
        let keep_part = |sub: &Attribute| match (sub.returned, is_named(sub)) {
            (Returned::Always, _) => true,
            (Returned::Default | Returned::Request, Some(named)) if wants_named => named,
            (Returned::Default, named) => named != Some(true),
            (Returned::Request, _) if self.sent.iter().any(|sent| sent.is(extension, attribute, Some(sub))) => true,
            (Returned::Never | Returned::Request, _) => false,
        };
        let all_stay = attribute.sub_attributes.iter().all(keep_part);
        all_stay || keep_parts(value, &|name| attribute.sub(name).is_some_and(keep_part)) || always
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
    let selected = |name: &String| {
        let path = AttrPath::parse(name.trim(), &|urn| def.is_schema(urn)).ok()?;
        if path.name.is_empty() && path.urn.as_deref().is_some_and(|urn| def.is_core(urn)) {
            return Some(Selected { extension: None, attribute: None, sub: None });
        }
        let resolved = def.resolve(&path)?;
        Some(Selected {
            extension: resolved.extension.map(|schema| schema.id.clone()),
            attribute: resolved.attribute.map(|attribute| attribute.name.clone()),
            sub: resolved.sub.map(|sub| sub.name.clone()),
        })
    };
    // Each once: a client may name the same thing as often as its request has room, and every attribute looks at all of them.
    let mut seen = HashSet::new();
    let all = names(text);
    all.iter().filter_map(selected).filter(|selected| seen.insert(selected.clone())).collect()
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
