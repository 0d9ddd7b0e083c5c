//! What every test compares with: the messages of RFC 7644 that carry no resource.

use serde_json::{Value, json};

/// `urn:ietf:params:scim:api:messages:2.0:ListResponse`
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// `urn:ietf:params:scim:api:messages:2.0:Error`
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// The body of an error (RFC 7644 §3.12): its `status` is a string.
pub fn error(status: u16, scim_type: Option<&str>, detail: &str) -> Value {
    let mut body = json!({ "schemas": [ERROR], "status": status.to_string(), "detail": detail });
    if let Some(scim_type) = scim_type {
        body["scimType"] = json!(scim_type);
    }
    body
}

/// The body of a list in which nothing was found.
pub fn nothing_found() -> Value {
    json!({ "schemas": [LIST_RESPONSE], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [] })
}
