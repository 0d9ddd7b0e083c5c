//! Values by the table of `rules.rs`, whatever message they stand in.

use muster_protocol::filter::{Filter, Literal};
use muster_protocol::path::{AttrPath, PatchPath};
use muster_protocol::schema::{Attribute, AttributeType, ResourceTypeDef};
use serde_json::{Map, Value};

use super::rules::{Keeps, Place, looks_like_a_credential, names_a_secret, rule_for};
use super::unsaid::Unsaid;
use crate::binding::Bound;

/// Bytes that are kept of a body or of a query, as JSON.
pub(super) const MAX_JSON_KEPT_BYTES: usize = 16 << 10;

/// Characters of a text that is kept whole; of a longer one its beginning is.
const MAX_TEXT_KEPT: usize = 200;

/// Characters of a longer text that are kept.
const BEGINNING_KEPT: usize = 100;

/// Elements of a list, and members of an object, that are kept.
const MAX_ELEMENTS_KEPT: usize = 50;

/// Characters of a name that is kept.
const MAX_NAME_KEPT: usize = 128;

/// What stands for a value of which nothing is kept.
pub(super) const SECRET: &str = "<secret>";

/// Redacts the values of one request.
pub(super) struct Redactor<'a> {
    bound: Option<&'a Bound>,
    /// The kinds of resource that the values may belong to.
    kinds: Vec<&'a ResourceTypeDef>,
    hides_values: bool,
    left: usize,
    /// What is not kept, so that no sentence repeats it.
    pub(super) unsaid: Unsaid,
}

/// Where a value stands: which attribute it is a value of, and the names that lead there.
#[derive(Debug, Clone, Default)]
pub(super) struct At<'v> {
    level: Level,
    names: Vec<&'v str>,
}

#[derive(Debug, Clone, Default)]
enum Level {
    /// A whole resource.
    #[default]
    Resource,
    /// An extension, by its URN.
    Extension(String),
    /// An attribute or a sub-attribute.
    Attribute(AttrPath),
    /// Nobody knows it.
    Unknown,
}

impl<'a> Redactor<'a> {
    /// For the values of a request of which these sentences are told.
    pub(super) fn new<'s>(
        bound: Option<&'a Bound>,
        hides_values: bool,
        sentences: impl IntoIterator<Item = &'s str>,
    ) -> Self {
        Self { bound, kinds: Vec::new(), hides_values, left: MAX_JSON_KEPT_BYTES, unsaid: Unsaid::new(sentences) }
    }

    /// The values that follow belong to the kind behind this segment of a path; `None`: to any kind.
    pub(super) fn set_endpoint(&mut self, endpoint: Option<&str>) {
        let Some(bound) = self.bound else { return };
        self.kinds = match endpoint {
            Some("Me") => bound.accepted.get("User").map(AsRef::as_ref).into_iter().collect(),
            Some(endpoint) => bound.accepted.by_endpoint(endpoint).map(AsRef::as_ref).into_iter().collect(),
            None => bound.accepted.types.iter().map(AsRef::as_ref).collect(),
        };
    }

    /// Whether this segment of a path names a kind of resource.
    pub(super) fn serves(&self, segment: &str) -> bool {
        self.bound.is_some_and(|bound| bound.accepted.by_endpoint(segment).is_some())
    }

    /// Whether there is room for more.
    pub(super) const fn has_room(&self) -> bool {
        self.left > 0
    }

    /// What stands in an object, each under its name.
    pub(super) fn object<'v>(&mut self, at: &At<'v>, object: &'v Map<String, Value>) -> Value {
        self.members(object, |redactor, name, value| redactor.value(&redactor.below(at, name), value))
    }

    /// As [`Self::object`]; what becomes of a value is for `each` to say.
    pub(super) fn members<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        mut each: impl FnMut(&mut Self, &'v str, &'v Value) -> Value,
    ) -> Value {
        let mut kept = Map::new();
        for (place, (name, value)) in object.iter().enumerate() {
            if place == MAX_ELEMENTS_KEPT || !self.has_room() {
                kept.insert("...".to_owned(), Value::String(more(object.len() - place)));
                object.iter().skip(place).for_each(|(name, value)| self.unsaid.note_member(name, value));
                break;
            }
            let value = each(self, name, value);
            let name = self.name(name);
            self.spend(name.len());
            kept.insert(name, value);
        }
        Value::Object(kept)
    }

    /// The elements of a list; what becomes of each is for `each` to say.
    pub(super) fn elements<'v>(
        &mut self,
        list: &'v [Value],
        mut each: impl FnMut(&mut Self, &'v Value) -> Value,
    ) -> Value {
        let mut kept = Vec::new();
        for (place, element) in list.iter().enumerate() {
            if place == MAX_ELEMENTS_KEPT || !self.has_room() {
                kept.push(Value::String(more(list.len() - place)));
                list.iter().skip(place).for_each(|element| self.unsaid.note_all(element));
                break;
            }
            kept.push(each(self, element));
        }
        Value::Array(kept)
    }

    /// One value, whatever it is.
    pub(super) fn value<'v>(&mut self, at: &At<'v>, value: &'v Value) -> Value {
        // What nobody knows is not looked into: names can be anything, too.
        let is_open = !matches!(at.level, Level::Unknown) && !at.names.iter().any(|name| names_a_secret(name));
        match value {
            Value::Object(object) if is_open => self.object(at, object),
            Value::Array(list) if is_open => self.elements(list, |redactor, element| redactor.value(at, element)),
            Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let keeps = self.keeps(at, value, false);
                self.kept(keeps, value)
            }
        }
    }

    /// A word of the protocol: kept if it is one of those that it can be, and of the directory otherwise, which knows it not.
    pub(super) fn word(&mut self, name: &str, value: &Value, is_known: impl FnOnce(&str) -> bool) -> Value {
        let is_protocol = match value {
            Value::String(text) => is_known(text),
            Value::Number(_) | Value::Bool(_) | Value::Null => true,
            Value::Array(_) | Value::Object(_) => false,
        };
        let at = At { level: Level::Unknown, names: vec![name] };
        let keeps = self.keeps(&at, value, is_protocol);
        self.kept(keeps, value)
    }

    /// The URNs under `schemas`.
    pub(super) fn schemas(&mut self, value: &Value) -> Value {
        let is_urn = |text: &str| text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:"));
        match value {
            Value::Array(list) => self.elements(list, |redactor, element| redactor.word("schemas", element, is_urn)),
            other => self.word("schemas", other, is_urn),
        }
    }

    /// The path of a PATCH operation, and where its value stands then.
    pub(super) fn path<'v>(&mut self, text: &'v str) -> (String, At<'v>) {
        let unknown = At { level: Level::Unknown, names: vec![text] };
        let Ok(path) = PatchPath::parse(text, &|urn| self.is_schema(urn)) else {
            return (self.hide(text), unknown);
        };
        let mut shown = path.attr.to_string();
        if let Some(filter) = &path.filter {
            shown = format!("{shown}[{}]", self.filter(filter, Some(&path.attr)));
        }
        let mut attr = path.attr;
        if let Some(sub) = path.sub {
            shown = format!("{shown}.{sub}");
            attr.sub = Some(sub);
        }
        let level = match &attr {
            AttrPath { urn: Some(urn), name, .. } if name.is_empty() => Level::Extension(urn.clone()),
            _ => Level::Attribute(attr),
        };
        (self.sentence(shown), At { level, names: vec![text] })
    }

    /// A filter as a client wrote it, without what it compares with where that is not kept.
    pub(super) fn filter_text(&mut self, text: &str) -> String {
        let profile = self.bound.map(|bound| bound.profile).unwrap_or_default();
        match Filter::parse(text, &|urn| self.is_schema(urn), &profile) {
            Ok((filter, _)) => {
                let shown = self.filter(&filter, None).to_string();
                self.sentence(shown)
            }
            Err(_) => self.hide(text),
        }
    }

    /// The name of an attribute as a client wrote it, if the tenant has such a one.
    pub(super) fn attribute_name(&mut self, text: &str) -> String {
        let path = AttrPath::parse(text, &|urn| self.is_schema(urn));
        match path {
            Ok(path) if path.name.is_empty() || self.resolve(&path).is_some() => text.to_owned(),
            Ok(_) | Err(_) => self.hide(text),
        }
    }

    /// A text of which only the shape is kept.
    pub(super) fn hide(&mut self, text: &str) -> String {
        self.unsaid.note(text);
        self.spend(text.len().min(MAX_TEXT_KEPT));
        if looks_like_a_credential(text) { SECRET.to_owned() } else { shape_of_text(text) }
    }

    fn filter(&mut self, filter: &Filter, within: Option<&AttrPath>) -> Filter {
        match filter {
            Filter::And(all) => Filter::And(all.iter().map(|one| self.filter(one, within)).collect()),
            Filter::Or(any) => Filter::Or(any.iter().map(|one| self.filter(one, within)).collect()),
            Filter::Not(one) => Filter::Not(Box::new(self.filter(one, within))),
            Filter::Present(path) => Filter::Present(path.clone()),
            Filter::Element { path, filter } => {
                Filter::Element { path: path.clone(), filter: Box::new(self.filter(filter, Some(path))) }
            }
            Filter::Compare { path, op, literal } => {
                let asked = match within {
                    Some(list) => AttrPath { sub: Some(path.name.clone()), ..list.clone() },
                    None => path.clone(),
                };
                let literal = self.literal(&asked, literal);
                Filter::Compare { path: path.clone(), op: *op, literal }
            }
        }
    }

    fn literal(&mut self, path: &AttrPath, literal: &Literal) -> Literal {
        let value = match literal {
            Literal::Text(text) => Value::String(text.clone()),
            Literal::Number(number) => Value::Number(number.clone()),
            Literal::Boolean(boolean) => Value::Bool(*boolean),
            Literal::Null => Value::Null,
        };
        let names = [path.name.as_str(), path.sub.as_deref().unwrap_or_default()];
        let at = At { level: Level::Attribute(path.clone()), names: names.to_vec() };
        let keeps = self.keeps(&at, &value, false);
        match self.kept(keeps, &value) {
            Value::String(text) => Literal::Text(text),
            _ => literal.clone(),
        }
    }

    /// Where what stands under a name stands.
    pub(super) fn below<'v>(&self, at: &At<'v>, name: &'v str) -> At<'v> {
        let attribute = |urn: Option<String>| {
            let (name, sub) = name.split_once('.').map_or((name, None), |(name, sub)| (name, Some(sub.to_owned())));
            Level::Attribute(AttrPath { urn, name: name.to_owned(), sub })
        };
        let level = match &at.level {
            Level::Resource => match AttrPath::parse(name, &|urn| self.is_schema(urn)) {
                Ok(AttrPath { urn: Some(urn), name, .. }) if name.is_empty() => Level::Extension(urn),
                Ok(path) => Level::Attribute(path),
                Err(_) => Level::Unknown,
            },
            Level::Extension(urn) => attribute(Some(urn.clone())),
            Level::Attribute(path) if path.sub.is_none() => {
                Level::Attribute(AttrPath { sub: Some(name.to_owned()), ..path.clone() })
            }
            Level::Attribute(_) | Level::Unknown => Level::Unknown,
        };
        let level = match level {
            Level::Attribute(path) if self.resolve(&path).is_none() => Level::Unknown,
            Level::Extension(urn) if !self.is_schema(&urn) => Level::Unknown,
            known => known,
        };
        At { level, names: at.names.iter().copied().chain([name]).collect() }
    }

    fn is_schema(&self, urn: &str) -> bool {
        self.kinds.iter().any(|def| def.is_schema(urn))
    }

    /// The attribute that a path leads to, and whether every kind that has it keeps it. A plain value of an attribute with parts is its
    /// part `value`.
    fn resolve(&self, path: &AttrPath) -> Option<(&'a Attribute, bool)> {
        let mut found = None;
        for def in &self.kinds {
            let Some(resolved) = def.resolve(path) else { continue };
            let served = self.bound.and_then(|bound| bound.served.get(&def.name));
            let is_kept = served.is_some_and(|served| served.resolve(path).is_some());
            let attribute = resolved.sub.or(resolved.attribute)?;
            let (_, all_keep) = found.unwrap_or((attribute, true));
            found = Some((attribute, all_keep && is_kept));
        }
        found
    }

    fn keeps(&self, at: &At<'_>, value: &Value, is_protocol: bool) -> Keeps {
        let mut attribute = match &at.level {
            Level::Attribute(path) => self.resolve(path),
            Level::Resource | Level::Extension(_) | Level::Unknown => None,
        };
        if let (Level::Attribute(path), Some((whole, _))) = (&at.level, attribute)
            && whole.kind == AttributeType::Complex
            && !value.is_array()
            && !value.is_object()
        {
            attribute = self.resolve(&AttrPath { sub: Some("value".to_owned()), ..path.clone() });
        }
        rule_for(&Place {
            names: &at.names,
            text: value.as_str(),
            is_protocol,
            attribute: attribute.map(|(attribute, _)| attribute),
            is_retained: attribute.is_some_and(|(_, is_retained)| is_retained),
            hides_values: self.hides_values,
        })
    }

    fn kept(&mut self, keeps: Keeps, value: &Value) -> Value {
        let kept = match (keeps, value) {
            (_, Value::Null) => Value::Null,
            (Keeps::Nothing, _) => {
                self.unsaid.note_all(value);
                Value::String(SECRET.to_owned())
            }
            (Keeps::Shape, _) => {
                self.unsaid.note_all(value);
                Value::String(shape(value))
            }
            (Keeps::Value, Value::String(text)) => Value::String(cut(text)),
            (Keeps::Value, Value::Bool(_) | Value::Number(_)) => value.clone(),
            (Keeps::Value, Value::Array(_) | Value::Object(_)) => Value::String(shape(value)),
        };
        self.spend(kept.as_str().map_or(8, length_as_json));
        kept
    }

    /// A name as it may be told: those that attributes can have, and those of schemas.
    fn name(&mut self, name: &str) -> String {
        if is_plain_name(name) {
            return name.to_owned();
        }
        self.unsaid.note(name);
        format!("<name of {} characters>", name.chars().count())
    }

    fn sentence(&mut self, text: String) -> String {
        self.spend(length_as_json(&text));
        if looks_like_a_credential(&text) { SECRET.to_owned() } else { text }
    }

    fn spend(&mut self, bytes: usize) {
        // Quotes, a comma, a colon.
        self.left = self.left.saturating_sub(bytes + 6);
    }
}

/// Bytes of a text in JSON, without its quotes.
fn length_as_json(text: &str) -> usize {
    let length = |byte: u8| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(length).sum()
}

/// Whether it is a name that an attribute or a schema can have.
pub(super) fn is_plain_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-$.:".contains(&byte);
    name.len() <= MAX_NAME_KEPT && name.bytes().all(fits) && !looks_like_a_credential(name)
}

fn more(count: usize) -> String {
    format!("<{count} more>")
}

fn shape(value: &Value) -> String {
    match value {
        Value::Null => "<null>".to_owned(),
        Value::Bool(_) => "<boolean>".to_owned(),
        Value::Number(_) => "<number>".to_owned(),
        Value::String(text) => shape_of_text(text),
        Value::Array(list) => format!("<list of {}>", list.len()),
        Value::Object(object) => format!("<object of {}>", object.len()),
    }
}

pub(super) fn shape_of_text(text: &str) -> String {
    match text.chars().count() {
        1 => "<text of 1 character>".to_owned(),
        characters => format!("<text of {characters} characters>"),
    }
}

/// A text, or the beginning of a long one.
fn cut(text: &str) -> String {
    let characters = text.chars().count();
    if characters <= MAX_TEXT_KEPT {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(BEGINNING_KEPT).collect();
    format!("{beginning}... <{characters} characters>")
}
