//! What a plugin is asked before the first request: resources of nobody, so that the pages of its code are there when it counts.

use muster_plugin::Kind;
use muster_protocol::Document;
use serde_json::{Value, json};

/// A resource such as identity providers send, so that a mapping gets as far as it can. Only what the plugin declares crosses of it.
pub(crate) fn sample(kind: Kind) -> Document {
    let sample = match kind {
        Kind::User => json!({
            "userName": "warm-up@muster.invalid",
            "externalId": "warm-up",
            "displayName": "Warm Up",
            "name": { "givenName": "Warm", "familyName": "Up", "formatted": "Warm Up" },
            "title": "None",
            "active": true,
            "emails": [{ "value": "warm-up@muster.invalid", "type": "work", "primary": true }],
        }),
        Kind::Group => json!({ "displayName": "warm-up", "externalId": "warm-up" }),
    };
    let Value::Object(attributes) = sample else { return Document::default() };
    Document(attributes)
}
