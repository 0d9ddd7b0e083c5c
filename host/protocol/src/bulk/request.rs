use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::references::PREFIX;
use super::{Action, Ask, BulkOperation, BulkRequest, MAX_BULK_OPERATIONS, Target, Unreadable};
use crate::BULK_REQUEST;
use crate::dialect::{Profile, Rule, Tolerance};
use crate::error::Invalid;

/// How much of a method that is none the answer repeats, in characters.
const MAX_METHOD: usize = 16;

/// Reads a bulk request. `base` is the URL that the tenant's resources stand under: clients may write it before a path.
///
/// What is wrong with one operation is told with that operation; the whole is refused where it cannot be told what is meant: no list of
/// operations, too many of them, two of one `bulkId`.
pub fn parse(body: Value, base: &str, profile: &Profile) -> Result<BulkRequest, Unreadable> {
    let Value::Object(mut body) = body else { return Err(Invalid::syntax("a bulk request must be an object").into()) };
    let mut tolerance = Tolerance::new(profile);
    let schemas = take(&mut body, "schemas", "schemas", &mut tolerance);
    if !schemas.is_some_and(|schemas| names(&schemas, BULK_REQUEST)) {
        tolerance.apply(Rule::MessageWithoutSchemas, "schemas")?;
    }
    let Some(Value::Array(items)) = take(&mut body, "Operations", "Operations", &mut tolerance) else {
        return Err(Invalid::syntax("Operations must be an array").into());
    };
    if items.is_empty() {
        return Err(Invalid::syntax("Operations must not be empty").into());
    }
    if items.len() > MAX_BULK_OPERATIONS {
        return Err(Unreadable::TooManyOperations);
    }
    let fail_on_errors = take(&mut body, "failOnErrors", "failOnErrors", &mut tolerance);
    let fail_on_errors = errors_allowed(fail_on_errors, &mut tolerance)?;
    for extra in body.keys() {
        tolerance.apply(Rule::ExtraMember, extra)?;
    }
    let operations: Vec<BulkOperation> =
        items.into_iter().enumerate().map(|(index, item)| operation(index, item, base, &mut tolerance)).collect();

    let mut creators = HashSet::new();
    for (index, operation) in operations.iter().enumerate() {
        let named = operation.bulk_id.as_deref().filter(|_| operation.creates());
        if named.is_some_and(|name| !creators.insert(name)) {
            let detail =
                format!("Operations[{index}].bulkId is that of another POST of this request: it must be unique");
            return Err(Invalid::value(detail).into());
        }
    }
    Ok(BulkRequest { fail_on_errors, operations, rewrites: tolerance.rewrites })
}

impl BulkOperation {
    /// Whether its `bulkId` names a new resource.
    pub(super) fn creates(&self) -> bool {
        self.method.as_deref() == Some("POST")
    }
}

/// Whether a list of schemas has this one.
fn names(schemas: &Value, urn: &str) -> bool {
    let listed = schemas.as_array().map_or(&[][..], Vec::as_slice);
    listed.iter().filter_map(Value::as_str).any(|schema| schema.eq_ignore_ascii_case(urn))
}

/// `failOnErrors`. 0 is read as 1: the first error ends the request in both.
fn errors_allowed(value: Option<Value>, tolerance: &mut Tolerance<'_>) -> Result<Option<usize>, Invalid> {
    const RULE: &str = "failOnErrors must be a whole number that is not negative";
    let number = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => {
            tolerance.apply(Rule::NumberAsText, "failOnErrors")?;
            text.trim().parse().ok()
        }
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => None,
    };
    let number = number.ok_or_else(|| Invalid::value(RULE))?;
    Ok(Some(usize::try_from(number).unwrap_or(usize::MAX).max(1)))
}

fn operation(index: usize, item: Value, base: &str, tolerance: &mut Tolerance<'_>) -> BulkOperation {
    let Value::Object(mut item) = item else {
        let ask = Err(Invalid::syntax(format!("Operations[{index}] must be an object")));
        return BulkOperation { method: None, bulk_id: None, ask };
    };
    let mut part = |name: &str, tolerance: &mut Tolerance<'_>| {
        take(&mut item, name, &format!("Operations.{name}"), tolerance).filter(|value| !value.is_null())
    };
    let method = part("method", tolerance);
    let bulk_id = part("bulkId", tolerance);
    let (path, version, data) = (part("path", tolerance), part("version", tolerance), part("data", tolerance));

    let written = method.as_ref().and_then(Value::as_str).map(str::trim);
    let told = written.map(|method| method.chars().filter(|c| !c.is_control()).take(MAX_METHOD).collect::<String>());
    let told = told.map(|method| method.to_ascii_uppercase()).filter(|method| !method.is_empty());
    let name = match &bulk_id {
        Some(Value::String(name)) if !name.is_empty() => Some(name.clone()),
        _ => None,
    };
    let extra = item.keys().next().cloned();
    let ask = Parts { index, base, written, bulk_id: bulk_id.as_ref(), path, version, data, extra }.read(tolerance);
    BulkOperation { method: told, bulk_id: name, ask }
}

/// What an operation is made of, as it was sent.
struct Parts<'a> {
    index: usize,
    base: &'a str,
    written: Option<&'a str>,
    bulk_id: Option<&'a Value>,
    path: Option<Value>,
    version: Option<Value>,
    data: Option<Value>,
    /// A member that an operation does not have.
    extra: Option<String>,
}

impl Parts<'_> {
    fn read(self, tolerance: &mut Tolerance<'_>) -> Result<Ask, Invalid> {
        let place = |name: &str| format!("Operations[{}].{name}", self.index);
        let wrong = |name: &str, rule: &str| Invalid::syntax(format!("{} {rule}", place(name)));
        let method = self.written.unwrap_or_default().to_ascii_uppercase();
        if !["POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
            return Err(wrong("method", "must be POST, PUT, PATCH or DELETE"));
        }
        if self.written != Some(method.as_str()) {
            tolerance.apply(Rule::BulkMethodCase, "Operations.method")?;
        }
        if let Some(extra) = &self.extra {
            tolerance.apply(Rule::ExtraMember, &format!("Operations.{extra}"))?;
        }
        let creates = method == "POST";
        match self.bulk_id {
            Some(Value::String(name)) if !name.is_empty() => {}
            None | Some(Value::String(_)) if creates => tolerance.apply(Rule::BulkIdMissing, "Operations.bulkId")?,
            None | Some(Value::String(_)) => {}
            Some(_) => return Err(wrong("bulkId", "must be a string")),
        }
        let path = match &self.path {
            Some(Value::String(path)) => path,
            Some(_) => return Err(wrong("path", "must be a string")),
            None => return Err(wrong("path", "is required")),
        };
        let (endpoint, id) = read_path(path, self.base, tolerance)?.ok_or_else(|| wrong("path", PATH_RULE))?;
        let target = id.map(|id| match id.strip_prefix(PREFIX) {
            Some(name) => Target::Created(name.to_owned()),
            None => Target::Id(id),
        });
        let action = match (method.as_str(), target) {
            ("POST", None) => Action::Create,
            ("POST", Some(_)) => return Err(wrong("path", "must name a resource type and no resource, for a POST")),
            (_, None) => return Err(wrong("path", "must name a resource, for anything but a POST")),
            ("PUT", Some(target)) => Action::Replace(target),
            ("PATCH", Some(target)) => Action::Patch(target),
            (_, Some(target)) => Action::Delete(target),
        };
        let version = match self.version {
            None => None,
            Some(Value::String(version)) => Some(version).filter(|version| !version.trim().is_empty()),
            Some(_) => return Err(wrong("version", "must be a string")),
        };
        let data = match (&action, self.data) {
            (Action::Delete(_), _) => Value::Null,
            (Action::Create | Action::Replace(_) | Action::Patch(_), Some(data)) => data,
            (Action::Create | Action::Replace(_) | Action::Patch(_), None) => {
                return Err(wrong("data", "is required for a POST, PUT or PATCH"));
            }
        };
        Ok(Ask { endpoint, action, version, data })
    }
}

const PATH_RULE: &str = "must be a path below the base URL: /{endpoint} or /{endpoint}/{id}";

/// The endpoint and the id of a path: as RFC 7644 §3.7 has it, or with the base URL before it, without its first slash, or with a query,
/// which the answer of a bulk request has no use for.
fn read_path(
    text: &str,
    base: &str,
    tolerance: &mut Tolerance<'_>,
) -> Result<Option<(String, Option<String>)>, Invalid> {
    let without_query = text.trim().split(['?', '#']).next().unwrap_or_default();
    let below = |base: &str| without_query.strip_prefix(base).filter(|rest| rest.starts_with('/'));
    let base_path =
        base.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| format!("/{path}"));
    let relative = below(base).or_else(|| below(base_path.as_deref()?)).unwrap_or(without_query);
    if relative.contains("://") {
        return Ok(None);
    }
    if relative.len() != text.len() || !relative.starts_with('/') {
        tolerance.apply(Rule::BulkPathForm, "Operations.path")?;
    }
    let mut segments = relative.split('/').filter(|segment| !segment.is_empty());
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let (Some(endpoint), id, None) = (segments.next().and_then(decoded), segments.next(), segments.next()) else {
        return Ok(None);
    };
    match id.map(decoded) {
        Some(None) => Ok(None),
        None => Ok(Some((endpoint, None))),
        Some(id) => Ok(Some((endpoint, id))),
    }
}

/// The member of this name; one in other case is told.
fn take(map: &mut Map<String, Value>, name: &str, place: &str, tolerance: &mut Tolerance<'_>) -> Option<Value> {
    let key = map.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    if key != name {
        tolerance.note(Rule::AttributeNameCase, place);
    }
    // What is left is dropped with its map: the order of its members does not matter any more.
    map.swap_remove(&key)
}
