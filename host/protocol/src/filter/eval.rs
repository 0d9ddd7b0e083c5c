use std::borrow::Cow;
use std::slice;

use serde_json::{Value, json};

use super::plan::{MANAGER, canonical_path, is_row_id, linked, shown_attribute};
use super::value::{Rule, is_present};
use super::{Asked, Filter, Literal, Op, Subject};
use crate::path::AttrPath;
use crate::schema::{Attribute, AttributeType, Resolved, ResourceTypeDef};
use crate::text;

impl Filter {
    /// Whether the filter selects this resource.
    ///
    /// A comparison of several values holds if it holds for one of them; `ne` if `eq` holds for none, so it also holds where
    /// there is no value at all. `eq null` is "not `pr`". A path that leads nowhere has no value. A complex attribute on its
    /// own stands for its `value`. `eq` at the top level also finds a resource by the keys that its plugin gave it, and so does a value
    /// path where the resource itself has no such element.
    ///
    /// Presumes that [`Self::check`] let the filter through.
    pub fn matches(&self, def: &ResourceTypeDef, subject: &dyn Subject) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.matches(def, subject)),
            Self::Or(filters) => filters.iter().any(|filter| filter.matches(def, subject)),
            Self::Not(filter) => !filter.matches(def, subject),
            Self::Compare { path, op, literal } => compare(def, subject, path, *op, literal),
            Self::Present(path) => present(def, subject, path),
            Self::Element { path, filter } => element(def, subject, path, filter),
        }
    }

    /// Whether the filter between the brackets of a value path selects this element of `attribute`.
    ///
    /// Its paths are sub-attributes; `value` is also the element itself where that is no object.
    pub fn matches_element(&self, attribute: &Attribute, element: &Value) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.matches_element(attribute, element)),
            Self::Or(filters) => filters.iter().any(|filter| filter.matches_element(attribute, element)),
            Self::Not(filter) => !filter.matches_element(attribute, element),
            Self::Compare { path, op, literal } => {
                let part = part(attribute, path, element);
                let is_there = part.is_some_and(|(_, value)| value.is_some_and(is_present));
                decide(
                    *op,
                    literal,
                    || is_there,
                    |op| part.is_some_and(|(part, value)| any_value(part, value.or(default_of(part)), op, literal)),
                )
            }
            Self::Present(path) => {
                part(attribute, path, element).is_some_and(|(_, value)| value.is_some_and(is_present))
            }
            Self::Element { .. } => false,
        }
    }

    /// The same, where it also says which `value` the element has: it names this one, and is not about several.
    pub fn names_element(&self, attribute: &Attribute, element: &Value) -> bool {
        match self {
            Self::And(filters) => {
                self.matches_element(attribute, element)
                    && filters.iter().any(|filter| filter.names_element(attribute, element))
            }
            Self::Or(filters) => filters.iter().any(|filter| filter.names_element(attribute, element)),
            Self::Compare { path, op: Op::Eq, .. } if is_plain(path) && is_row_id(&path.name) => {
                self.matches_element(attribute, element)
            }
            Self::Compare { .. } | Self::Not(_) | Self::Present(_) | Self::Element { .. } => false,
        }
    }
}

/// What `op` means beyond one value: negation and `null`. `any` says whether one value is `op` to the literal.
fn decide(op: Op, literal: &Literal, is_there: impl FnOnce() -> bool, any: impl FnOnce(Op) -> bool) -> bool {
    match (op, literal) {
        (Op::Eq, Literal::Null) => !is_there(),
        (Op::Ne, Literal::Null) => is_there(),
        (Op::Ne, _) => !any(Op::Eq),
        (op, _) => any(op),
    }
}

fn compare(def: &ResourceTypeDef, subject: &dyn Subject, path: &AttrPath, op: Op, literal: &Literal) -> bool {
    let resolved = def.resolve(path);
    if let Some((name, _, leaf)) = resolved.and_then(shown_attribute) {
        return compare_shown(subject, name, leaf, op, literal);
    }
    let is_key = || {
        op == Op::Eq
            && literal.as_text().is_some_and(|text| subject.holds_key(&canonical_path(def, path), &text::fold(&text)))
    };
    decide(
        op,
        literal,
        || present(def, subject, path),
        |op| resolved.is_some_and(|resolved| any_in_resource(def, subject, resolved, op, literal)) || is_key(),
    )
}

/// A part of what is not in the document. A row is asked for by its id; for everything else one after the other is shown.
fn compare_shown(subject: &dyn Subject, name: &str, leaf: &Attribute, op: Op, literal: &Literal) -> bool {
    decide(
        op,
        literal,
        || present_shown(subject, name, leaf),
        |op| match literal.as_text() {
            Some(id) if op == Op::Eq && is_row_id(&leaf.name) => subject.has_row(name, &id),
            _ => {
                let asked = Asked { id: None, parts: vec![&leaf.name] };
                subject.any_shown(name, &asked, &mut |shown| any_value(leaf, shown.get(&leaf.name), op, literal))
            }
        },
    )
}

fn present_shown(subject: &dyn Subject, name: &str, leaf: &Attribute) -> bool {
    if is_row_id(&leaf.name) {
        return subject.has_any_row(name);
    }
    let asked = Asked { id: None, parts: vec![&leaf.name] };
    subject.any_shown(name, &asked, &mut |shown| shown.get(&leaf.name).is_some_and(is_present))
}

fn any_in_resource(
    def: &ResourceTypeDef,
    subject: &dyn Subject,
    resolved: Resolved<'_>,
    op: Op,
    literal: &Literal,
) -> bool {
    let Some(attribute) = resolved.attribute else { return false };
    match (resolved.extension, attribute.name.as_str()) {
        (None, "id") => subject.common("id").is_some_and(|id| any_value(attribute, Some(&id), op, literal)),
        (None, "meta") => resolved
            .sub
            .is_some_and(|sub| any_value(sub, subject.common(&format!("meta.{}", sub.name)).as_ref(), op, literal)),
        (None, "schemas") => schemas(def, subject).any(|urn| Rule::URN.holds(&Value::from(urn), op, literal)),
        (extension, _) => {
            let stored = stored(subject, extension.map(|schema| schema.id.as_str()), attribute);
            match resolved.sub {
                None => any_value(attribute, stored, op, literal),
                Some(sub) => elements(stored)
                    .iter()
                    .any(|element| any_value(sub, element.get(&sub.name).or(default_of(sub)), op, literal)),
            }
        }
    }
}

fn present(def: &ResourceTypeDef, subject: &dyn Subject, path: &AttrPath) -> bool {
    let Some(resolved) = def.resolve(path) else { return false };
    if let Some((name, _, leaf)) = shown_attribute(resolved) {
        return present_shown(subject, name, leaf);
    }
    let extension = resolved.extension.map(|schema| schema.id.as_str());
    let Some(attribute) = resolved.attribute else {
        return extension.and_then(|urn| subject.document().get(urn)).is_some_and(is_present);
    };
    match (extension, attribute.name.as_str(), resolved.sub) {
        (None, "id" | "schemas", _) | (None, "meta", None) => true,
        (None, "meta", Some(sub)) => subject.common(&format!("meta.{}", sub.name)).is_some(),
        (_, _, None) => stored(subject, extension, attribute).is_some_and(is_present),
        (_, _, Some(sub)) => elements(stored(subject, extension, attribute))
            .iter()
            .any(|element| element.get(&sub.name).is_some_and(is_present)),
    }
}

fn element(def: &ResourceTypeDef, subject: &dyn Subject, path: &AttrPath, filter: &Filter) -> bool {
    let Some(resolved) = def.resolve(path) else { return false };
    let (Some(attribute), None) = (resolved.attribute, resolved.sub) else { return false };
    if let Some(name) = linked(resolved) {
        return any_shown(subject, name, attribute, filter);
    }
    let extension = resolved.extension.map(|schema| schema.id.as_str());
    match elements(stored(subject, extension, attribute)) {
        [] => key_as_element(def, subject, (path, attribute), filter),
        elements => elements.iter().any(|element| filter.matches_element(attribute, element)),
    }
}

/// `emails[type eq "work" and value eq "x"]`, asked of a resource without elements that its plugin knows by one: whom a product knows by an
/// address is known by the one of work.
fn key_as_element(
    def: &ResourceTypeDef,
    subject: &dyn Subject,
    (path, attribute): (&AttrPath, &Attribute),
    filter: &Filter,
) -> bool {
    let Some(sub) = attribute.sub("value") else { return false };
    let whole = AttrPath { sub: Some(sub.name.clone()), ..path.clone() };
    let mut asked = Vec::new();
    // A key is found whole: what else is asked of the value, no index of keys answers.
    filter.values(&mut asked).is_some()
        && asked.iter().filter_map(|literal| literal.as_text()).any(|text| {
            subject.holds_key(&canonical_path(def, &whole), &text::fold(&text))
                && filter.matches_element(attribute, &element_of_key(&text))
        })
}

/// What a key is taken for where its resource has no element. Of an attribute without `type` or `primary` a filter finds neither.
pub fn element_of_key(value: &str) -> Value {
    json!({ "value": value, "type": "work", "primary": true })
}

/// `members[value eq "a" or display sw "b"]`: by id where that is all that is asked for.
fn any_shown(subject: &dyn Subject, name: &str, attribute: &Attribute, filter: &Filter) -> bool {
    let is_id = |path: &AttrPath| name != MANAGER && is_plain(path) && is_row_id(&path.name);
    match filter {
        Filter::Or(filters) => filters.iter().any(|filter| any_shown(subject, name, attribute, filter)),
        Filter::Compare { path, op: Op::Eq, literal } if is_id(path) => match literal.as_text() {
            Some(id) => subject.has_row(name, &id),
            // Every row has an id.
            None => false,
        },
        Filter::Present(path) if is_id(path) => subject.has_any_row(name),
        Filter::And(_) | Filter::Not(_) | Filter::Compare { .. } | Filter::Present(_) | Filter::Element { .. } => {
            let mut parts = Vec::new();
            filter.parts(&mut parts);
            let id = if name == MANAGER { None } else { filter.row_id() };
            let asked = Asked { id: id.as_deref(), parts };
            subject.any_shown(name, &asked, &mut |shown| filter.matches_element(attribute, shown))
        }
    }
}

impl Filter {
    /// Which sub-attributes a filter between brackets looks at.
    fn parts<'a>(&'a self, parts: &mut Vec<&'a str>) {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().for_each(|filter| filter.parts(parts)),
            Self::Not(filter) => filter.parts(parts),
            Self::Compare { path, .. } | Self::Present(path) => parts.push(&path.name),
            Self::Element { .. } => {}
        }
    }

    /// What the `value` of an element is compared with between brackets; `None`: also otherwise than by `eq`.
    fn values<'a>(&'a self, values: &mut Vec<&'a Literal>) -> Option<()> {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().try_for_each(|filter| filter.values(values)),
            Self::Compare { path, op, literal } if path.name.eq_ignore_ascii_case("value") => {
                values.push(literal);
                (*op == Op::Eq).then_some(())
            }
            Self::Compare { .. } | Self::Present(_) => Some(()),
            Self::Not(_) | Self::Element { .. } => None,
        }
    }

    /// The only row that can satisfy a filter between brackets, if it says which.
    fn row_id(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::And(filters) => filters.iter().find_map(Self::row_id),
            Self::Compare { path, op: Op::Eq, literal } if is_plain(path) && is_row_id(&path.name) => literal.as_text(),
            Self::Or(_) | Self::Not(_) | Self::Compare { .. } | Self::Present(_) | Self::Element { .. } => None,
        }
    }
}

const fn is_plain(path: &AttrPath) -> bool {
    path.urn.is_none() && path.sub.is_none()
}

/// The schemas of the resource, as its `schemas` tells them.
fn schemas<'a>(def: &'a ResourceTypeDef, subject: &'a dyn Subject) -> impl Iterator<Item = &'a str> {
    let extensions = def.extensions.iter().filter(|schema| subject.document().get(&schema.id).is_some_and(is_present));
    std::iter::once(&def.schema).chain(extensions).map(|schema| schema.id.as_str())
}

fn stored<'a>(subject: &'a dyn Subject, extension: Option<&str>, attribute: &Attribute) -> Option<&'a Value> {
    match extension {
        None => subject.document().get(&attribute.name),
        Some(urn) => subject.document().get(urn)?.get(&attribute.name),
    }
}

/// One or several values, as a slice.
fn elements(value: Option<&Value>) -> &[Value] {
    match value {
        None => &[],
        Some(Value::Array(elements)) => elements,
        Some(value) => slice::from_ref(value),
    }
}

/// Whether one of an attribute's values is `op` to the literal. A complex value stands for its `value`.
fn any_value(attribute: &Attribute, value: Option<&Value>, op: Op, literal: &Literal) -> bool {
    elements(value).iter().any(|value| match value {
        Value::Object(members) => attribute
            .sub("value")
            .is_some_and(|sub| members.get(&sub.name).is_some_and(|value| Rule::of(sub).holds(value, op, literal))),
        value => Rule::of(attribute).holds(value, op, literal),
    })
}

/// What a filter between brackets names: the sub-attribute (or the attribute itself) with its value in this element.
fn part<'a>(
    attribute: &'a Attribute,
    path: &AttrPath,
    element: &'a Value,
) -> Option<(&'a Attribute, Option<&'a Value>)> {
    if path.urn.is_some() || path.sub.is_some() {
        return None;
    }
    if !element.is_object() {
        let is_whole = path.name.eq_ignore_ascii_case("value");
        return is_whole.then(|| (attribute.sub("value").unwrap_or(attribute), Some(element)));
    }
    let sub = attribute.sub(&path.name)?;
    Some((sub, element.get(&sub.name)))
}

/// What a sub-attribute is compared as where an element does not have it: `primary` is `false` then (RFC 7643 §2.4).
fn default_of(sub: &Attribute) -> Option<&'static Value> {
    (sub.kind == AttributeType::Boolean && sub.name == "primary").then_some(&Value::Bool(false))
}
