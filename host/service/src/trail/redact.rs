//! Values by the table of `rules.rs`, whatever message they stand in.

use muster_model::ResourceId;
use muster_protocol::dialect::{Profile, accepts};
use muster_protocol::path::AttrPath;
use muster_protocol::schema::{Attribute, AttributeType, ResourceTypeDef};
use muster_protocol::{BULK_REQUEST, ENTERPRISE_USER, GROUP, PATCH_OP, SEARCH_REQUEST, USER};
use serde_json::{Map, Value};

use super::headers::MAX_DIGITS_KEPT;
use super::rules::{Fate, Keeps, Place, looks_like_a_credential, names_a_secret, rule_for};
use super::unsaid::{Unsaid, is_common};
use crate::binding::Bound;

/// Bytes that are kept of a body or of a query, as JSON.
pub(super) const MAX_JSON_KEPT_BYTES: usize = 16 << 10;

/// Characters of a text that is kept whole; of a longer one its beginning is.
const MAX_TEXT_KEPT: usize = 200;

/// Characters of a longer text that are kept.
const BEGINNING_KEPT: usize = 100;

/// Elements of a list, and members of an object, that are kept.
const MAX_ELEMENTS_KEPT: usize = 50;

/// What a body may say that it is, whatever the tenant serves.
const MESSAGES: [&str; 6] = [USER, GROUP, ENTERPRISE_USER, PATCH_OP, SEARCH_REQUEST, BULK_REQUEST];

/// What stands for a value of which nothing is kept.
pub(super) const SECRET: &str = "<secret>";

/// Redacts the values of one request.
pub(super) struct Redactor<'a> {
    pub(super) bound: Option<&'a Bound>,
    /// The kinds of resource that the values may belong to.
    kinds: Vec<&'a ResourceTypeDef>,
    hides_values: bool,
    left: usize,
    /// What is not kept, so that no sentence repeats it.
    pub(super) unsaid: Unsaid,
}

/// An attribute, as all kinds that may be meant have it.
struct Known<'a> {
    attribute: &'a Attribute,
    /// Its canonical name, with that of what it is a part of.
    path: String,
    /// Whether every kind that has it keeps it.
    is_retained: bool,
}

/// What becomes of a member of an object.
pub(super) struct Member {
    /// Of what stands there.
    pub value: Value,
    /// Whether its name is one that the protocol or the tenant has.
    pub is_known: bool,
}

/// Where a value stands: which attribute it is a value of, and the names that lead there.
#[derive(Debug, Clone, Default)]
pub(super) struct At<'v> {
    pub(super) level: Level,
    pub(super) names: Vec<&'v str>,
}

#[derive(Debug, Clone, Default)]
pub(super) enum Level {
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

impl At<'_> {
    /// Whether anybody knows what stands there.
    pub(super) const fn is_known(&self) -> bool {
        !matches!(self.level, Level::Unknown)
    }
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
        self.members(object, |redactor, name, value| {
            let below = redactor.below(at, name);
            Member { is_known: below.is_known() || is_common(name), value: redactor.value(&below, value) }
        })
    }

    /// As [`Self::object`]; what becomes of a value is for `each` to say.
    pub(super) fn members<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        mut each: impl FnMut(&mut Self, &'v str, &'v Value) -> Member,
    ) -> Value {
        let mut kept = Map::new();
        for (place, (name, value)) in object.iter().enumerate() {
            if place == MAX_ELEMENTS_KEPT || !self.has_room() {
                kept.insert("...".to_owned(), Value::String(more(object.len() - place)));
                object.iter().skip(place).for_each(|(name, value)| self.unsaid.note_member(name, value));
                break;
            }
            let Member { value, is_known } = each(self, name, value);
            let mut told = name.to_owned();
            if !is_known {
                self.unsaid.note(name);
                told = name_of(name);
            }
            // Two of them can look the same.
            while kept.contains_key(&told) {
                told.push('\'');
            }
            self.spend(told.len());
            kept.insert(told, value);
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
        let is_open = at.is_known() && !at.names.iter().any(|name| names_a_secret(name));
        match value {
            Value::Object(object) if is_open => self.object(at, object),
            Value::Array(list) if is_open && self.takes(at, list.len()) => {
                self.elements(list, |redactor, element| match element {
                    Value::Array(_) => redactor.kept(Keeps::Shape, element),
                    other => redactor.value(at, other),
                })
            }
            _ => self.simple(at, value),
        }
    }

    /// Whether so many values can stand there.
    fn takes(&self, at: &At<'_>, count: usize) -> bool {
        match &at.level {
            Level::Attribute(path) => {
                count <= 1 || self.resolve(path).is_some_and(|known| known.attribute.multi_valued)
            }
            Level::Resource | Level::Extension(_) => true,
            Level::Unknown => false,
        }
    }

    /// A value into which nobody looks.
    pub(super) fn simple(&mut self, at: &At<'_>, value: &Value) -> Value {
        let keeps = self.keeps(at, value, false);
        self.kept(keeps, value)
    }

    /// A word of the protocol: kept if it is one of those that it can be, and of the directory otherwise, which knows it not.
    pub(super) fn word(&mut self, name: &str, value: &Value, is_known: impl FnOnce(&str) -> bool) -> Value {
        let is_protocol = value.as_str().is_some_and(is_known);
        let at = At { level: Level::Unknown, names: vec![name] };
        let keeps = self.keeps(&at, value, is_protocol);
        self.kept(keeps, value)
    }

    /// A number of the protocol.
    pub(super) fn count(&mut self, name: &str, value: &Value) -> Value {
        if value.as_i64().is_some_and(|number| number.unsigned_abs().to_string().len() <= MAX_DIGITS_KEPT) {
            return self.kept(Keeps::Value, value);
        }
        self.word(name, value, |_| false)
    }

    /// The URNs under `schemas`.
    pub(super) fn schemas(&mut self, value: &Value) -> Value {
        match value {
            Value::Array(list) => self.elements(list, Self::schema),
            other => self.schema(other),
        }
    }

    fn schema(&mut self, value: &Value) -> Value {
        let kinds = self.kinds.clone();
        let is_known = |urn: &str| {
            MESSAGES.iter().any(|known| known.eq_ignore_ascii_case(urn)) || kinds.iter().any(|def| def.is_schema(urn))
        };
        self.word("schemas", value, is_known)
    }

    /// A text of which only the shape is kept.
    pub(super) fn hide(&mut self, text: &str) -> String {
        self.unsaid.note(text);
        self.spend(text.len().min(MAX_TEXT_KEPT));
        if looks_like_a_credential(text) { SECRET.to_owned() } else { shape_of_text(text) }
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
            known @ (Level::Resource | Level::Extension(_) | Level::Attribute(_) | Level::Unknown) => known,
        };
        At { level, names: at.names.iter().copied().chain([name]).collect() }
    }

    pub(super) fn is_schema(&self, urn: &str) -> bool {
        self.kinds.iter().any(|def| def.is_schema(urn))
    }

    pub(super) fn profile(&self) -> Profile {
        self.bound.map(|bound| bound.profile).unwrap_or_default()
    }

    /// Whether a path leads to an attribute.
    pub(super) fn has(&self, path: &AttrPath) -> bool {
        self.resolve(path).is_some()
    }

    /// The attribute that a path leads to.
    fn resolve(&self, path: &AttrPath) -> Option<Known<'a>> {
        let mut found: Option<Known<'a>> = None;
        for def in &self.kinds {
            let Some(resolved) = def.resolve(path) else { continue };
            let served = self.bound.and_then(|bound| bound.served.get(&def.name));
            let is_kept = served.is_some_and(|served| served.resolve(path).is_some());
            let whole = resolved.attribute?;
            let (attribute, path) = match resolved.sub {
                Some(sub) => (sub, format!("{}.{}", whole.name, sub.name)),
                None => (whole, whole.name.clone()),
            };
            let known = found.get_or_insert(Known { attribute, path, is_retained: true });
            known.is_retained &= is_kept;
        }
        found
    }

    fn keeps(&self, at: &At<'_>, value: &Value, is_protocol: bool) -> Keeps {
        let mut known = match &at.level {
            Level::Attribute(path) => self.resolve(path),
            Level::Resource | Level::Extension(_) | Level::Unknown => None,
        };
        // A plain value of an attribute with parts is its part `value`.
        if let (Level::Attribute(path), Some(Known { attribute, .. })) = (&at.level, &known)
            && attribute.kind == AttributeType::Complex
            && !value.is_array()
            && !value.is_object()
        {
            known = self.resolve(&AttrPath { sub: Some("value".to_owned()), ..path.clone() });
        }
        rule_for(&Place {
            names: &at.names,
            text: value.as_str(),
            is_protocol,
            attribute: known.as_ref().map(|known| known.attribute),
            fate: match known {
                Some(known) if known.is_retained && self.is_acceptable(&known, value) => Fate::Kept,
                Some(known) if known.is_retained => Fate::Refused,
                Some(_) | None => Fate::Dropped,
            },
            hides_values: self.hides_values,
        })
    }

    /// Whether a client may write it there: by the code that does, and for members by what it stores of them.
    fn is_acceptable(&self, known: &Known<'_>, value: &Value) -> bool {
        let Known { attribute, path, .. } = known;
        match value.as_str() {
            // `meta` and the names of members are not stored as they were sent.
            Some(text) if path.starts_with("members.") => {
                ResourceId::parse(text).is_some() || attribute.canonical_values.iter().any(|known| known == text)
            }
            Some(text) if attribute.kind == AttributeType::Boolean => {
                ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(text))
            }
            Some(_) | None => accepts(&self.profile(), path, attribute, value),
        }
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

    pub(super) fn sentence(&mut self, text: String) -> String {
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

/// What stands for a name that nobody knows.
pub(super) fn name_of(name: &str) -> String {
    format!("<name of {} characters>", name.chars().count())
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

/// Whether a value came as it is kept: nothing of it was replaced by what it looked like, and nothing was cut off. What looks replaced counts
/// as replaced.
pub(crate) fn is_whole(kept: &Value) -> bool {
    let is_told = |text: &str| !(text.starts_with('<') && text.ends_with('>') || text.ends_with(" characters>"));
    match kept {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => is_told(text),
        Value::Array(list) => list.iter().all(is_whole),
        Value::Object(object) => {
            object.iter().all(|(name, value)| is_told(name.trim_end_matches('\'')) && is_whole(value))
        }
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
