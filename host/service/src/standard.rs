//! What a resource becomes where a tenant would rather do without its plugin than without the write.
//!
//! The same as `plugins/standard` with its default configuration: one to one, with the usual fields. It is the host's own, so it cannot
//! fail, and what it made is marked: until the resource is mapped again, by its next write or by re-mapping, it says so in the log.

use muster_model::{Account, Field, FieldValue, PluginDigest};
use muster_plugin::Kind;
use muster_protocol::Document;
use serde_json::Value;

/// Who made such an account, where otherwise a plugin stands: no plugin has this digest.
pub(crate) const STANDARD: PluginDigest = PluginDigest::STANDARD_MAPPING;

/// The account that a resource becomes.
pub(crate) fn account(kind: Kind, document: &Document) -> Account {
    let state = match (kind, document.is_active()) {
        (Kind::User, false) => "disabled",
        (Kind::User, true) | (Kind::Group, _) => "active",
    };
    let name = |part: &str| document.get("name").and_then(|name| text(name, part));
    let fields = match kind {
        Kind::User => vec![
            ("user_name", document.text("userName")),
            ("display_name", document.text("displayName").or_else(|| name("formatted"))),
            ("given_name", name("givenName")),
            ("family_name", name("familyName")),
            ("email", email(document)),
            ("external_id", document.text("externalId")),
        ],
        Kind::Group => {
            vec![("display_name", document.text("displayName")), ("external_id", document.text("externalId"))]
        }
    };
    let field = |(name, text): (&str, Option<&str>)| {
        Some(Field { name: name.to_owned(), value: FieldValue::Text(text?.to_owned()) })
    };
    Account { state: state.to_owned(), fields: fields.into_iter().filter_map(field).collect(), ..Account::unmapped() }
}

/// The primary address, else that of work, else the first.
fn email(document: &Document) -> Option<&str> {
    let emails = || document.get("emails").and_then(Value::as_array).into_iter().flatten();
    let primary = emails().find(|email| email.get("primary") == Some(&Value::Bool(true)));
    let work = || emails().find(|email| text(email, "type") == Some("work"));
    text(primary.or_else(work).or_else(|| emails().next())?, "value")
}

fn text<'a>(value: &'a Value, part: &str) -> Option<&'a str> {
    value.get(part)?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: Kind, document: Value) -> Value {
        let Value::Object(document) = document else { unreachable!() };
        let account = account(kind, &Document(document));
        let fields = account.fields.iter().map(|field| match &field.value {
            FieldValue::Text(text) => (field.name.clone(), json!(text)),
            other => unreachable!("{other:?}"),
        });
        json!({ "state": account.state, "listed": account.listed, "fields": fields.collect::<serde_json::Map<_, _>>() })
    }

    #[test]
    fn users_and_groups_become_accounts_one_to_one() {
        let ada = json!({
            "userName": "ada", "externalId": "00u1", "active": false,
            "name": { "formatted": "Ada Byron", "givenName": "Ada", "familyName": "Byron" },
            "emails": [{ "value": "h", "type": "home" }, { "value": "w", "type": "work" }],
        });
        let fields = json!({
            "user_name": "ada", "display_name": "Ada Byron", "given_name": "Ada", "family_name": "Byron", "email": "w",
            "external_id": "00u1",
        });
        assert_eq!(of(Kind::User, ada), json!({ "state": "disabled", "listed": true, "fields": fields }));
        let group = of(Kind::Group, json!({ "displayName": "Engines", "active": false }));
        assert_eq!(group, json!({ "state": "active", "listed": true, "fields": { "display_name": "Engines" } }));
    }

    #[test]
    fn the_primary_address_goes_before_that_of_work() {
        let emails = json!([{ "value": "w", "type": "work" }, { "value": "p", "primary": true }]);
        let user = of(Kind::User, json!({ "userName": "ada", "emails": emails }));
        assert_eq!(user["fields"]["email"], "p");
        assert_eq!(of(Kind::User, json!({ "emails": [] }))["fields"], json!({}));
    }
}
