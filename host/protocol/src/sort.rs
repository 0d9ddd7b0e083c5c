//! The order of a list: `sortBy` and `sortOrder` (RFC 7644 §3.4.2.3).

#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::sync::Arc;

use caseless::Caseless;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use unicode_normalization::UnicodeNormalization;

use crate::error::Invalid;
use crate::filter::{Asked, Subject, shown_attribute};
use crate::path::AttrPath;
use crate::schema::{Attribute, AttributeType, ResourceTypeDef, Returned};
use crate::text::fold;
use crate::time::Timestamp;

/// How much of a text decides about its place, in bytes. Texts that begin alike for so long are in the order of their
/// ids. It bounds what a sorted list keeps of each resource, and what a cursor carries.
pub const MAX_SORT_KEY_BYTES: usize = 256;

/// By which attribute, and in which direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    path: AttrPath,
    descending: bool,
}

/// Where a resource stands in an ascending list. Resources without the attribute stand behind all others; in a
/// descending list that puts them first, as the RFC wants it.
///
/// Values of different types only meet where a search goes through several kinds of resources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SortKey {
    /// `false` before `true`.
    #[serde(rename = "b")]
    Boolean(bool),
    /// A whole number.
    #[serde(rename = "i")]
    Integer(i64),
    /// Any other number: its bits, turned so that they order as the number does.
    #[serde(rename = "d")]
    Decimal(i64),
    /// An instant.
    #[serde(rename = "t")]
    Time(Timestamp),
    /// A text, as far as it counts.
    #[serde(rename = "s")]
    Text(String),
    /// There is no value.
    #[serde(rename = "n")]
    Missing,
}

impl Sort {
    /// Reads the two query parameters, for lists of one kind of resource.
    ///
    /// `sortBy` leads to a single value, or to one of several values or elements: then it is the primary one, or else the
    /// first. A complex attribute on its own stands for its `value`, and is refused where it has none. So is an attribute
    /// that is never returned: the order would tell it. One that does not exist has no value, as in a filter.
    pub fn parse(def: &ResourceTypeDef, sort_by: &str, sort_order: Option<&str>) -> Result<Self, Invalid> {
        Self::read(&[def], sort_by, sort_order)
    }

    /// As [`Self::parse`], for a search through several kinds: what is said must be possible for each of them.
    pub fn parse_for(defs: &[Arc<ResourceTypeDef>], sort_by: &str, sort_order: Option<&str>) -> Result<Self, Invalid> {
        let defs: Vec<&ResourceTypeDef> = defs.iter().map(AsRef::as_ref).collect();
        Self::read(&defs, sort_by, sort_order)
    }

    fn read(defs: &[&ResourceTypeDef], sort_by: &str, sort_order: Option<&str>) -> Result<Self, Invalid> {
        let descending = match sort_order.map(str::trim) {
            None | Some("") => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => return Err(Invalid::value("sortOrder is neither 'ascending' nor 'descending'")),
        };
        let is_schema = |urn: &str| defs.iter().any(|def| def.is_schema(urn));
        let path = AttrPath::read(sort_by.trim(), &is_schema);
        let path = path.map_err(|rule| Invalid::value(format!("sortBy {rule}")))?;
        defs.iter().try_for_each(|def| check(def, &path))?;
        Ok(Self { path, descending })
    }

    /// Whether the greatest comes first.
    pub const fn is_descending(&self) -> bool {
        self.descending
    }

    /// Which of two resources with these keys comes first in this list; those that are equal go by kind and id.
    pub fn order(&self, one: &SortKey, other: &SortKey) -> Ordering {
        if self.descending { other.cmp(one) } else { one.cmp(other) }
    }

    /// Where this resource stands.
    pub fn key(&self, def: &ResourceTypeDef, subject: &dyn Subject) -> SortKey {
        self.find(def, subject).unwrap_or(SortKey::Missing)
    }

    fn find(&self, def: &ResourceTypeDef, subject: &dyn Subject) -> Option<SortKey> {
        let resolved = def.resolve(&self.path)?;
        let attribute = resolved.attribute?;
        if let Some((name, attribute, leaf)) = shown_attribute(resolved) {
            // Rows have no primary one among them.
            let (mut first, asked) = (None, Asked { id: None, parts: vec![&leaf.name] });
            subject.any_shown(name, &asked, &mut |shown| {
                first = key_in(attribute, Some(leaf), shown);
                true
            });
            return first;
        }
        let document = subject.document();
        match (resolved.extension, attribute.name.as_str()) {
            (None, "id") => key_in(attribute, None, &subject.common("id")?),
            (None, "meta") => {
                let sub = resolved.sub?;
                key_in(sub, None, &subject.common(&format!("meta.{}", sub.name))?)
            }
            // Every resource has the schema of its kind, and has it first.
            (None, "schemas") => Some(SortKey::Text(text(&fold(&def.schema.id)))),
            (extension, name) => {
                let of = extension.map_or(Some(&document.0), |schema| document.get(&schema.id)?.as_object())?;
                key_in(attribute, resolved.sub, of.get(name)?)
            }
        }
    }
}

/// Refuses what cannot be sorted by.
fn check(def: &ResourceTypeDef, path: &AttrPath) -> Result<(), Invalid> {
    let refuse = |why: &str| Err(Invalid::value(format!("{path} cannot be sorted by: {why}")));
    let Some(resolved) = def.resolve(path) else { return Ok(()) };
    let Some(attribute) = resolved.attribute else { return refuse("it is a whole schema") };
    let leaf = resolved.sub.unwrap_or(attribute);
    if attribute.returned == Returned::Never || leaf.returned == Returned::Never {
        return refuse("it is never returned");
    }
    if leaf.kind == AttributeType::Complex && leaf.sub("value").is_none() {
        return refuse("it has several parts, and sortBy must name one of them");
    }
    Ok(())
}

/// The key of a stored attribute, or of a part of it.
fn key_in(attribute: &Attribute, sub: Option<&Attribute>, stored: &Value) -> Option<SortKey> {
    let one = match stored {
        Value::Array(elements) => elements.iter().find(|element| is_primary(element)).or(elements.first())?,
        one => one,
    };
    match sub.or_else(|| attribute.sub("value")) {
        Some(sub) if one.is_object() => key_of(sub, one.get(&sub.name)?),
        Some(_) | None => key_of(attribute, one),
    }
}

fn is_primary(element: &Value) -> bool {
    element.get("primary").and_then(Value::as_bool) == Some(true)
}

/// The key of one value, by the type and the case rule of its attribute.
fn key_of(leaf: &Attribute, value: &Value) -> Option<SortKey> {
    match value {
        Value::Bool(value) => Some(SortKey::Boolean(*value)),
        Value::Number(number) => of_number(leaf, number),
        Value::String(value) => {
            let time = if leaf.kind == AttributeType::DateTime { Timestamp::parse(value) } else { None };
            Some(match time {
                Some(time) => SortKey::Time(time),
                None if leaf.case_exact => SortKey::Text(text(value)),
                None => SortKey::Text(alphabetic(value)),
            })
        }
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn of_number(leaf: &Attribute, number: &Number) -> Option<SortKey> {
    // A whole number where fractions are possible stands among them.
    if leaf.kind != AttributeType::Decimal
        && let Some(whole) = number.as_i64()
    {
        return Some(SortKey::Integer(whole));
    }
    // Adding nothing makes one zero of two. Of negative numbers all bits but the sign are turned around, as in
    // `f64::total_cmp`.
    let bits = (number.as_f64()? + 0.0).to_bits().cast_signed();
    Some(SortKey::Decimal(if bits < 0 { bits ^ i64::MAX } else { bits }))
}

/// The alphabetic order where case does not count: by letters first, and by their accents where the letters are the same,
/// so that `Émile` stands with `Emile` and not behind `Zoe`.
fn alphabetic(value: &str) -> String {
    let folded = fold(value);
    if folded.is_ascii() {
        return text(&folded);
    }
    let letters: String = folded.nfkd().filter(|c| !is_accent(*c)).default_case_fold().collect();
    // No text has this character in it: the shorter word comes first.
    if letters == folded { text(&folded) } else { text(&format!("{letters}\0{folded}")) }
}

/// What stands above or below a letter of the Latin, Greek or Cyrillic alphabet. Elsewhere such characters are vowels.
const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}')
}

/// As much of a text as decides.
fn text(value: &str) -> String {
    value[..value.floor_char_boundary(MAX_SORT_KEY_BYTES)].to_owned()
}
