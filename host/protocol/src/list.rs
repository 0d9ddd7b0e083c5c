//! What a client asks of a list: in a query string (RFC 7644 §3.4.2) or in the body of a `/.search` (§3.4.3), by index or by
//! cursor (RFC 9865); and the body that carries a page of it.

use serde_json::{Map, Value, json};

use crate::dialect::{Profile, Rewrite, Rule, Tolerance};
use crate::error::{Invalid, ScimType};
use crate::{LIST_RESPONSE, SEARCH_REQUEST};

#[cfg(test)]
mod tests;

/// How many resources a page has when the client does not say; `pagination.defaultPageSize` announces it.
pub const DEFAULT_COUNT: u64 = 100;

/// How many resources a page has at most, whatever the client says; `filter.maxResults` and `pagination.maxPageSize` announce it.
pub const MAX_COUNT: u64 = 1000;

/// How long `attributes` and `excludedAttributes` may be: a body could name more of them than any URI.
pub const MAX_NAMES_BYTES: usize = 16 << 10;

/// Everything that a list can be asked for, as it was written: what it means depends on the kinds of resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// `filter`
    pub filter: Option<String>,
    /// `sortBy`
    pub sort_by: Option<String>,
    /// `sortOrder`
    pub sort_order: Option<String>,
    /// Which part of the list.
    pub paging: Paging,
    /// `attributes`, with commas between them.
    pub attributes: Option<String>,
    /// `excludedAttributes`, with commas between them.
    pub excluded_attributes: Option<String>,
}

/// How a client goes through a list. Index is the default: whoever knows nothing of cursors meets none (RFC 9865 §2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paging {
    /// By position (RFC 7644 §3.4.2.4).
    Index(Page),
    /// By cursor (RFC 9865 §2): the client sent one, if only an empty one.
    Cursor {
        /// What an earlier page gave as `nextCursor`; `None`: the first page.
        after: Option<String>,
        /// How many resources at most; 0 asks for the total alone.
        count: u64,
    },
}

/// Which part of a list is asked for, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The position of the first resource; counts from 1.
    pub start_index: u64,
    /// How many resources at most; 0 asks for the total alone.
    pub count: u64,
}

impl Default for Page {
    fn default() -> Self {
        Self { start_index: 1, count: DEFAULT_COUNT }
    }
}

impl Default for Paging {
    fn default() -> Self {
        Self::Index(Page::default())
    }
}

impl Page {
    /// Reads the query parameters `startIndex` and `count`; a missing or empty one has its default.
    ///
    /// Numbers out of range are moved into it (RFC 7644 §3.4.2.4: a `startIndex` below 1 is 1, a negative `count` is 0);
    /// what is no number is refused with [`ScimType::InvalidValue`].
    pub fn new(start_index: Option<&str>, count: Option<&str>) -> Result<Self, Invalid> {
        let start_index = integer("startIndex", start_index)?.unwrap_or(1);
        Ok(Self { start_index: u64::try_from(start_index).unwrap_or(0).max(1), count: count_of(count)? })
    }
}

impl Paging {
    /// Reads `cursor`, `startIndex` and `count`. Whoever sends a cursor pages by cursor: `startIndex` is not looked at then.
    ///
    /// `count` is moved into its range as in [`Page::new`] (RFC 9865 §2: a negative one is 0, and `maxPageSize` holds "regardless of
    /// what is specified"); under a cursor, what is no number is [`ScimType::InvalidCount`].
    pub fn new(cursor: Option<&str>, start_index: Option<&str>, count: Option<&str>) -> Result<Self, Invalid> {
        let Some(cursor) = cursor else { return Page::new(start_index, count).map(Self::Index) };
        let count = count_of(count).map_err(|refused| Invalid::new(ScimType::InvalidCount, refused.detail))?;
        Ok(Self::Cursor { after: Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty()), count })
    }
}

impl ListRequest {
    /// Reads a query string; `get` gives the value of a parameter.
    pub fn from_query<'q>(get: impl Fn(&str) -> Option<&'q str>) -> Result<Self, Invalid> {
        let text = |name: &str| get(name).map(str::to_owned);
        Self {
            filter: text("filter"),
            sort_by: text("sortBy"),
            sort_order: text("sortOrder"),
            paging: Paging::new(get("cursor"), get("startIndex"), get("count"))?,
            attributes: text("attributes"),
            excluded_attributes: text("excludedAttributes"),
        }
        .limited()
    }

    /// Reads a `SearchRequest` (RFC 7644 §3.4.3), and answers what that needed. `null` is as good as nothing; and as far as `profile`
    /// tolerates it, `schemas` may be missing, a member unknown, a number in quotes, and a list of names one text with commas: all of
    /// that could stand in a query string.
    pub fn from_body(body: Value, profile: &Profile) -> Result<(Self, Vec<Rewrite>), Invalid> {
        let Value::Object(body) = body else { return Err(Invalid::syntax("a search request must be an object")) };
        let mut body = Body { members: body, tolerance: Tolerance::new(profile) };
        if !body.take("schemas").is_some_and(|schemas| names_message(&schemas)) {
            body.tolerance.apply(Rule::MessageWithoutSchemas, "schemas")?;
        }
        let (cursor, start_index, count) = (body.text("cursor")?, body.number("startIndex")?, body.number("count")?);
        let request = Self {
            filter: body.text("filter")?,
            sort_by: body.text("sortBy")?,
            sort_order: body.text("sortOrder")?,
            paging: Paging::new(cursor.as_deref(), start_index.as_deref(), count.as_deref())?,
            attributes: body.names("attributes")?,
            excluded_attributes: body.names("excludedAttributes")?,
        };
        for extra in body.members.keys() {
            body.tolerance.apply(Rule::ExtraMember, extra)?;
        }
        Ok((request.limited()?, body.tolerance.rewrites))
    }

    fn limited(self) -> Result<Self, Invalid> {
        for (name, names) in [("attributes", &self.attributes), ("excludedAttributes", &self.excluded_attributes)] {
            if names.as_ref().is_some_and(|names| names.len() > MAX_NAMES_BYTES) {
                return Err(Invalid::value(format!("{name} is longer than {MAX_NAMES_BYTES} bytes")));
            }
        }
        // Parameters without a value ask for nothing. An empty filter is not among them: what it leaves out would be guessed.
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        Ok(Self { sort_by: given(self.sort_by), sort_order: given(self.sort_order), ..self })
    }
}

fn count_of(text: Option<&str>) -> Result<u64, Invalid> {
    let count = integer("count", text)?;
    Ok(count.map_or(DEFAULT_COUNT, |count| u64::try_from(count).unwrap_or(0).min(MAX_COUNT)))
}

fn integer(parameter: &str, text: Option<&str>) -> Result<Option<i64>, Invalid> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::value(format!("{parameter} is not a whole number")));
    }
    // A number with too many digits is still a number: it lies beyond every list, on its own side.
    let beyond = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(Some(text.parse().unwrap_or(beyond)))
}

/// A search request that is being read.
struct Body<'p> {
    members: Map<String, Value>,
    tolerance: Tolerance<'p>,
}

impl Body<'_> {
    /// The member of this name, in any case; `None` also for `null`.
    fn take(&mut self, name: &str) -> Option<Value> {
        let key = self.members.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
        if key != name {
            self.tolerance.note(Rule::AttributeNameCase, name);
        }
        self.members.remove(&key).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Invalid::syntax(format!("{name} must be a string"))),
        }
    }

    /// A number as it would stand in a query string: there it is read.
    fn number(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => {
                self.tolerance.apply(Rule::NumberAsText, name)?;
                Ok(Some(text))
            }
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(Invalid::syntax(format!("{name} must be a number"))),
        }
    }

    /// A list of names as it would stand in a query string.
    fn names(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        let refused = || Invalid::syntax(format!("{name} must be an array of strings"));
        let names = match self.take(name) {
            None => return Ok(None),
            Some(Value::String(names)) => {
                self.tolerance.apply(Rule::ListAsSingle, name)?;
                names
            }
            Some(Value::Array(names)) => {
                let names: Option<Vec<_>> = names.iter().map(Value::as_str).collect();
                names.ok_or_else(refused)?.join(",")
            }
            Some(_) => return Err(refused()),
        };
        if names.contains('[') {
            self.tolerance.note(Rule::ValuePathAsAttribute, name);
        }
        Ok(Some(names))
    }
}

/// Whether a list of schemas has that of a search request.
fn names_message(schemas: &Value) -> bool {
    let listed = schemas.as_array().map_or(&[][..], Vec::as_slice);
    listed.iter().filter_map(Value::as_str).any(|schema| schema.eq_ignore_ascii_case(SEARCH_REQUEST))
}

/// The body of a list answer (RFC 7644 §3.4.2). `itemsPerPage` is what is in it, not what was asked for: clients add it
/// to `startIndex` to find the next page. `Resources` is there even when it is empty.
pub fn list_response(total: u64, start_index: u64, resources: Vec<Value>) -> Value {
    response(total, ("startIndex", start_index.into()), resources)
}

/// The body of a list answer by cursor (RFC 9865 §2): without `startIndex`, and without `nextCursor` only when nothing follows.
pub fn cursor_response(total: u64, next_cursor: Option<String>, resources: Vec<Value>) -> Value {
    response(total, ("nextCursor", next_cursor.map_or(Value::Null, Value::String)), resources)
}

/// Member by member, because `json!` would copy every resource. `place` is left out where it is `null`.
fn response(total: u64, place: (&str, Value), resources: Vec<Value>) -> Value {
    let mut body = Map::new();
    body.insert("schemas".into(), json!([LIST_RESPONSE]));
    body.insert("totalResults".into(), total.into());
    let (name, value) = place;
    if !value.is_null() {
        body.insert(name.into(), value);
    }
    body.insert("itemsPerPage".into(), resources.len().into());
    body.insert("Resources".into(), Value::Array(resources));
    Value::Object(body)
}
