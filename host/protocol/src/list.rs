//! Pages of a list (RFC 7644 §3.4.2.4) and the body that carries one.

use serde_json::{Map, Value, json};

use crate::LIST_RESPONSE;
use crate::error::Invalid;

/// How many resources a page has when the client does not say; `filter.maxResults` announces [`MAX_COUNT`].
pub const DEFAULT_COUNT: u64 = 100;

/// How many resources a page has at most, whatever the client says.
pub const MAX_COUNT: u64 = 1000;

/// Which part of a list is asked for.
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

impl Page {
    /// Reads the query parameters `startIndex` and `count`; a missing or empty one has its default.
    ///
    /// Numbers out of range are moved into it (RFC 7644 §3.4.2.4: a `startIndex` below 1 is 1, a negative `count` is 0);
    /// what is no number is refused with [`crate::ScimType::InvalidValue`].
    pub fn new(start_index: Option<&str>, count: Option<&str>) -> Result<Self, Invalid> {
        let start_index = integer("startIndex", start_index)?.unwrap_or(1);
        let count = integer("count", count)?;
        Ok(Self {
            start_index: u64::try_from(start_index).unwrap_or(0).max(1),
            count: count.map_or(DEFAULT_COUNT, |count| u64::try_from(count).unwrap_or(0).min(MAX_COUNT)),
        })
    }
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

/// The body of a list answer (RFC 7644 §3.4.2). `itemsPerPage` is what is in it, not what was asked for: clients add it
/// to `startIndex` to find the next page. `Resources` is there even when it is empty.
pub fn list_response(total: u64, start_index: u64, resources: Vec<Value>) -> Value {
    // Member by member, because `json!` would copy every resource.
    let mut body = Map::new();
    body.insert("schemas".into(), json!([LIST_RESPONSE]));
    body.insert("totalResults".into(), total.into());
    body.insert("startIndex".into(), start_index.into());
    body.insert("itemsPerPage".into(), resources.len().into());
    body.insert("Resources".into(), Value::Array(resources));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ScimType;

    fn page(start_index: &str, count: &str) -> (u64, u64) {
        let page = Page::new(Some(start_index), Some(count)).unwrap();
        (page.start_index, page.count)
    }

    #[test]
    fn without_parameters_it_is_the_first_default_page() {
        assert_eq!(Page::new(None, None).unwrap(), Page::default());
        assert_eq!(page("", " "), (1, DEFAULT_COUNT));
    }

    #[test]
    fn numbers_out_of_range_are_moved_into_it() {
        assert_eq!(page("101", "100"), (101, 100));
        assert_eq!(page("0", "0"), (1, 0));
        assert_eq!(page("-7", "-7"), (1, 0));
        assert_eq!(page("+2", "1000"), (2, MAX_COUNT));
        assert_eq!(page("1", "1001"), (1, MAX_COUNT));
        assert_eq!(page("99999999999999999999", "99999999999999999999"), (i64::MAX.unsigned_abs(), MAX_COUNT));
        assert_eq!(page("-99999999999999999999", "-99999999999999999999"), (1, 0));
    }

    #[test]
    fn what_is_no_number_is_refused_by_the_name_of_the_parameter() {
        let start_index = Page::new(Some("first"), None).unwrap_err();
        assert_eq!(start_index, Invalid::new(ScimType::InvalidValue, "startIndex is not a whole number"));
        for count in ["ten", "1.5", "-", "1e3", "0x10", "١"] {
            assert_eq!(Page::new(None, Some(count)).unwrap_err().detail, "count is not a whole number");
        }
    }

    #[test]
    fn an_empty_list_answer_still_has_its_resources() {
        assert_eq!(
            list_response(0, 1, Vec::new()).to_string(),
            r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}"#
        );
    }

    #[test]
    fn items_per_page_is_the_number_of_resources_in_the_answer() {
        let answer = list_response(102, 101, vec![json!({"id": "a"}), json!({"id": "b"})]);
        assert_eq!(answer["itemsPerPage"], 2);
        assert_eq!(answer["totalResults"], 102);
    }
}
