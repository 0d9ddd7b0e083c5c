//! Filters (RFC 7644 §3.4.2.2): a lexer and parser with limits, a printer, and the exact evaluator.
//!
//! A filter goes this way: [`Filter::parse`] -> [`Filter::check`] (what cannot be compared is told, not guessed) ->
//! [`Filter::equalities`] (the store looks up candidates) -> [`Filter::matches`] (each candidate is judged exactly).

mod check;
mod eval;
mod lexer;
mod parser;
mod plan;
mod print;
#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod tests;
mod value;

use serde_json::Value;

use crate::error::{Invalid, ScimType};
use crate::path::AttrPath;

pub use eval::element_of_key;
pub use plan::canonical_path;
pub(crate) use plan::shown_attribute;

/// How long a filter may be.
pub const MAX_FILTER_BYTES: usize = 8192;

/// How deeply parentheses, `not` and value paths may nest.
pub const MAX_FILTER_DEPTH: usize = 16;

/// How many comparisons a filter may have.
pub const MAX_FILTER_TERMS: usize = 128;

/// A parsed filter. `emails[type eq "work"].value eq "x"` is told as the element filter
/// `emails[type eq "work" and value eq "x"]`, which means the same.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these; never empty.
    And(Vec<Filter>),
    /// Any of these; never empty.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// `path op literal`
    Compare {
        /// What is compared.
        path: AttrPath,
        /// How.
        op: Op,
        /// With what.
        literal: Literal,
    },
    /// `path pr`
    Present(AttrPath),
    /// `path[filter]`: one element of a multi-valued attribute for which `filter` holds; its paths are sub-attributes.
    Element {
        /// The multi-valued attribute.
        path: AttrPath,
        /// What one element must satisfy.
        filter: Box<Filter>,
    },
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// equal
    Eq,
    /// not equal
    Ne,
    /// contains
    Co,
    /// starts with
    Sw,
    /// ends with
    Ew,
    /// greater than
    Gt,
    /// greater than or equal
    Ge,
    /// less than
    Lt,
    /// less than or equal
    Le,
}

impl Op {
    const ALL: [Self; 9] = [Self::Eq, Self::Ne, Self::Co, Self::Sw, Self::Ew, Self::Gt, Self::Ge, Self::Lt, Self::Le];

    /// The word in a filter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Co => "co",
            Self::Sw => "sw",
            Self::Ew => "ew",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.as_str().eq_ignore_ascii_case(word))
    }
}

/// What a filter compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A JSON string, or a bare word (Q10).
    Text(String),
    /// A JSON number.
    Number(serde_json::Number),
    /// `true` or `false`
    Boolean(bool),
    /// `null`
    Null,
}

/// What a filter is evaluated against: a stored resource together with what the server makes of it.
pub trait Subject {
    /// The stored attributes.
    fn document(&self) -> &crate::Document;

    /// An attribute that the server makes: `id`, `meta.resourceType`, `meta.created`, `meta.lastModified`, `meta.version`, `meta.location`.
    /// Several values where it is told in several ways, the usual one first.
    fn common(&self, path: &str) -> Option<Value>;

    /// Whether the plugin gave the record the key `attribute` = `folded` (see [`crate::text::fold`]). `attribute` is the canonical
    /// path in lower case: `username`, `emails.value`.
    fn holds_key(&self, attribute: &str, folded: &str) -> bool;

    /// Whether there is a membership row: `attribute` is `members` (the id of a member) or `groups` (the id of a group).
    fn has_row(&self, attribute: &str, id: &str) -> bool;

    /// Whether there is any membership row.
    fn has_any_row(&self, attribute: &str) -> bool;

    /// Whether `holds` for one of the elements of `members` or `groups`, or for `manager`, as an answer shows them.
    fn any_shown(&self, attribute: &str, asked: &Asked<'_>, holds: &mut dyn FnMut(&Value) -> bool) -> bool;
}

/// What is asked of elements that must be made before they can be looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The only element that matters, by its `value`; `None`: all of them do.
    pub id: Option<&'a str>,
    /// The sub-attributes that are looked at, in any case; others need not be there.
    pub parts: Vec<&'a str>,
}

impl Asked<'_> {
    /// Whether this sub-attribute is looked at.
    pub fn wants(&self, part: &str) -> bool {
        self.parts.iter().any(|asked| asked.eq_ignore_ascii_case(part))
    }
}

/// A filter that stops making sense at this byte, which the sentence counts as a character.
fn invalid(text: &str, at: usize, what: &str) -> Invalid {
    let character = text.get(..at).unwrap_or(text).chars().count() + 1;
    Invalid::new(ScimType::InvalidFilter, format!("the filter is not valid: {what} at character {character}"))
}
