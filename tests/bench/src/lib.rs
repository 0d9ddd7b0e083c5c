//! What is measured (a user of 1.5 KB as Entra sends it, a PATCH, a filter, a page of groups), what measures, and the server that is measured.

#![allow(clippy::cast_precision_loss, reason = "figures of a benchmark")]

pub mod measure;
pub mod raw;
pub mod server;

use muster_protocol::{ENTERPRISE_USER, GROUP, PATCH_OP, USER};
use serde_json::{Value, json};

/// A user of about 1.5 KB, with most attributes that identity providers map.
pub fn user() -> Value {
    json!({
        "schemas": [USER, ENTERPRISE_USER],
        "externalId": "0f1c9d2e-2a3b-4c5d-8e9f-001122334455",
        "userName": "ada.lovelace@example.com",
        "active": true,
        "name": { "formatted": "Ada King Lovelace", "familyName": "Lovelace", "givenName": "Ada", "middleName": "King",
                  "honorificPrefix": "Countess" },
        "displayName": "Ada Lovelace",
        "nickName": "Ada",
        "title": "Analyst of the Analytical Engine",
        "userType": "Employee",
        "preferredLanguage": "en-GB",
        "locale": "en-GB",
        "timezone": "Europe/London",
        "profileUrl": "https://people.example.com/ada.lovelace",
        "emails": [
            { "value": "ada.lovelace@example.com", "type": "work", "primary": true },
            { "value": "ada@lovelace.example.org", "type": "home" },
        ],
        "phoneNumbers": [
            { "value": "+44 20 7946 0000", "type": "work" },
            { "value": "+44 7700 900000", "type": "mobile" },
        ],
        "addresses": [{
            "type": "work", "primary": true, "formatted": "12 St James's Square, London SW1Y 4JH, United Kingdom",
            "streetAddress": "12 St James's Square", "locality": "London", "postalCode": "SW1Y 4JH", "country": "GB",
        }],
        "roles": [
            { "value": "analyst", "display": "Analyst", "type": "WindowsAzureActiveDirectoryRole", "primary": true },
            { "value": "author", "display": "Author", "type": "WindowsAzureActiveDirectoryRole" },
        ],
        ENTERPRISE_USER: {
            "employeeNumber": "1815", "costCenter": "4130", "organization": "Engines", "division": "Analysis",
            "department": "Notes", "manager": { "value": "019b0000-0000-7000-8000-000000000001" },
        },
    })
}

/// What Entra sends for a change of name, address and switch.
pub fn patch() -> Value {
    json!({ "schemas": [PATCH_OP], "Operations": [
        { "op": "Replace", "path": "userName", "value": "ada.king@example.com" },
        { "op": "Replace", "path": "name.familyName", "value": "King" },
        { "op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ada.king@example.com" },
        { "op": "Add", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 7700 900001" },
        { "op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Engines" },
        { "op": "Replace", "path": "active", "value": "False" },
    ] })
}

/// A filter of the kind that evaluates every record: nothing in it can be looked up.
pub const FILTER: &str = "(title co \"engine\" or name.familyName sw \"lov\") and emails[type eq \"work\" and value ew \"example.com\"] and active eq true";

/// A group as it is answered, with this many members.
pub fn group(members: usize) -> Value {
    let member = |number: usize| {
        let id = format!("019b0000-0000-7000-8000-{number:012x}");
        json!({ "value": id, "$ref": format!("https://scim.example.com/scim/v2/Users/{id}"), "type": "User",
                "display": format!("Person {number}") })
    };
    json!({
        "schemas": [GROUP],
        "id": "019b0000-0000-7000-8000-0000000000ff",
        "externalId": "8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
        "displayName": "Engineering",
        "members": (0..members).map(member).collect::<Vec<_>>(),
        "meta": {
            "resourceType": "Group", "created": "2026-10-01T08:00:00Z", "lastModified": "2026-10-01T08:00:00Z",
            "location": "https://scim.example.com/scim/v2/Groups/019b0000-0000-7000-8000-0000000000ff", "version": "W/\"3\"",
        },
    })
}

/// A new user as Okta sends it, whole.
pub fn okta_user(number: usize) -> Value {
    let email = format!("ada.byron{number}@example.com");
    json!({
        "schemas": [USER],
        "userName": email,
        "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "primary": true, "value": email, "type": "work" }],
        "displayName": "Ada Byron",
        "locale": "en-US",
        "externalId": format!("00u1a2b3c4d5e6f7{number:08}"),
        "groups": [],
        "active": true,
    })
}
