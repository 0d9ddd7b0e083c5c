//! What every answer must be. What is wrong with one is told in a sentence.

use muster_test_harness::messages::{ERROR, LIST_RESPONSE};
use serde_json::{Value, json};

use super::client::{Answer, Request};

const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// RFC 7644 table 9 and RFC 9865 §2.
const SCIM_TYPES: [&str; 13] = [
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
    "invalidCursor",
    "expiredCursor",
    "invalidCount",
];

/// The longest sentence that an error may have.
const MAX_DETAIL: usize = 1000;

type Checked = Result<(), String>;

fn ensure(holds: bool, rule: &str) -> Checked {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

pub(super) fn answer(request: &Request, answer: &Answer) -> Checked {
    ensure(answer.header("x-request-id").is_some(), "every answer has a request id")?;
    match answer.status {
        204 | 304 => ensure(answer.body.is_empty(), "an answer without content has no body"),
        // RFC 7644 §3.11 asks for this one: a token of the tenant is nobody.
        501 if answer.json["detail"] == "/Me is not supported" => refused(answer),
        501 if request.method == "HEAD" && request.path.ends_with("/Me") => Ok(()),
        200 | 201 | 400..=499 if request.method == "HEAD" => Ok(()),
        200 | 201 => found(request, answer),
        400..=499 => refused(answer),
        _ => Err("no such status is expected, and a 5xx least of all".to_owned()),
    }
}

fn refused(answer: &Answer) -> Checked {
    let media_type = answer.header("content-type");
    ensure(
        matches!(media_type, Some("application/scim+json" | "application/json")),
        "an error is JSON by its own word",
    )?;
    error(&answer.json, answer.status)?;
    let has = |name: &str| answer.header(name).is_some();
    ensure(answer.status != 405 || has("allow"), "405 has Allow")?;
    ensure((answer.status == 401) == has("www-authenticate"), "401 has WWW-Authenticate")
}

/// RFC 7644 §3.12, to the letter.
fn error(body: &Value, status: u16) -> Checked {
    let members = body.as_object().ok_or("an error is an object")?;
    ensure(body["schemas"] == json!([ERROR]), "an error has its schema")?;
    ensure(
        body["status"].as_str() == Some(status.to_string().as_str()),
        "the status of an error is a text, and that of the answer",
    )?;
    let detail = body["detail"].as_str().unwrap_or_default();
    ensure(
        !detail.trim().is_empty() && detail.chars().count() <= MAX_DETAIL,
        "an error has a sentence, and not a long one",
    )?;
    ensure(!detail.chars().any(char::is_control), "a sentence has no control characters")?;
    let known = body.get("scimType").is_none_or(|scim_type| SCIM_TYPES.iter().any(|known| scim_type == known));
    ensure(known, "scimType is one of the RFCs'")?;
    let members_known = members.keys().all(|name| ["schemas", "status", "detail", "scimType"].contains(&name.as_str()));
    ensure(members_known, "an error has no other members")
}

fn found(request: &Request, answer: &Answer) -> Checked {
    let body = &answer.json;
    ensure(body.is_object(), "an answer is an object")?;
    if answer.status == 201 {
        let told = answer.header("location").is_some() && answer.header("etag").is_some();
        ensure(told, "what was created has Location and ETag")?;
    }
    let is = |urn: &str| body["schemas"] == json!([urn]);
    if is(LIST_RESPONSE) {
        list(request, body)
    } else if is(BULK_RESPONSE) {
        bulk(body)
    } else {
        resource(request, body)
    }
}

fn list(request: &Request, body: &Value) -> Checked {
    let number = |name: &str| body[name].as_u64().ok_or(format!("{name} is a number"));
    let resources = body["Resources"].as_array().ok_or("Resources is there")?;
    let (count, total) = (resources.len() as u64, number("totalResults")?);
    ensure(number("itemsPerPage")? == count, "itemsPerPage is what is there")?;
    ensure(total >= count, "there is no more on a page than there is")?;
    if body.get("startIndex").is_some() {
        let start = number("startIndex")?;
        ensure(start >= 1, "startIndex counts from 1")?;
        ensure(count == 0 || start - 1 + count <= total, "a page does not end behind the list")?;
    }
    resources.iter().try_for_each(|found| resource(request, found))
}

fn resource(request: &Request, found: &Value) -> Checked {
    let schemas = found["schemas"].as_array().map_or(&[][..], Vec::as_slice);
    ensure(!schemas.is_empty() && schemas.iter().all(Value::is_string), "a resource has its schemas")?;
    if !schemas[0].as_str().is_some_and(|urn| urn.ends_with(":ServiceProviderConfig")) {
        ensure(found["id"].as_str().is_some_and(|id| !id.is_empty()), "a resource has an id")?;
        ensure(request.projects() || found["meta"]["location"].is_string(), "a resource says where it is")?;
    }
    ensure(found.get("password").is_none(), "a password is never told")?;
    ensure(has_no_null(found), "what has no value is not there")
}

fn has_no_null(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(elements) => elements.iter().all(has_no_null),
        Value::Object(members) => members.values().all(has_no_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

fn bulk(body: &Value) -> Checked {
    for operation in body["Operations"].as_array().ok_or("Operations is there")? {
        let status: u16 = operation["status"].as_str().and_then(|status| status.parse().ok()).unwrap_or_default();
        match status {
            200 | 201 | 204 => {
                let told = operation["location"].is_string() && operation.get("response").is_none();
                ensure(told, "an operation that was made says where, and nothing more")?;
            }
            400..500 => error(&operation["response"], status)?,
            _ => return Err(format!("no such status is expected of an operation: {operation}")),
        }
    }
    Ok(())
}
