use muster_plugin_sdk::{Account, Input, Kind};

/// What it reads of a user.
pub(crate) const USER: &[&str] = &[
    "userName",
    "externalId",
    "displayName",
    "name.formatted",
    "name.givenName",
    "name.familyName",
    "active",
    "emails.value",
    "emails.type",
    "emails.primary",
];

/// What it reads of a group.
pub(crate) const GROUP: &[&str] = &["displayName", "externalId"];

pub(crate) fn account(input: &Input) -> Account {
    match input.kind() {
        Kind::User => Account::active_if(input.is_active())
            .field("user_name", input.text("userName"))
            .field("display_name", input.text("displayName").or(input.text("name.formatted")))
            .field("given_name", input.text("name.givenName"))
            .field("family_name", input.text("name.familyName"))
            .field("email", email(input))
            .field("external_id", input.text("externalId")),
        Kind::Group => Account::new("active")
            .field("display_name", input.text("displayName"))
            .field("external_id", input.text("externalId")),
    }
}

/// The primary address, else that of work, else the first.
fn email(input: &Input) -> Option<&str> {
    let primary = input.elements("emails").find(|email| email.boolean("primary") == Some(true));
    let work = || input.elements("emails").find(|email| email.text("type") == Some("work"));
    primary.or_else(work).or_else(|| input.elements("emails").next())?.text("value")
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing;
    use serde_json::json;

    use super::*;
    use crate::Standard;

    #[test]
    fn a_user_becomes_an_account_with_the_usual_fields() {
        let ada = testing::user::<Standard>(&json!({
            "userName": "ada", "externalId": "00u1", "displayName": "Ada", "name": { "familyName": "Byron" },
            "emails": [
                { "value": "ada@home.example", "type": "home" },
                { "value": "ada@example.com", "type": "work" },
            ],
        }));
        let expected = Account::new("active")
            .field("user_name", "ada")
            .field("display_name", "Ada")
            .field("family_name", "Byron")
            .field("email", "ada@example.com")
            .field("external_id", "00u1");
        assert_eq!(account(&ada), expected);
    }

    #[test]
    fn the_primary_address_goes_before_that_of_work_and_any_before_none() {
        let email =
            |emails| account(&testing::user::<Standard>(&json!({ "emails": emails }))).text("email").map(str::to_owned);
        assert_eq!(
            email(json!([{ "value": "w", "type": "work" }, { "value": "p", "primary": true }])).as_deref(),
            Some("p")
        );
        assert_eq!(email(json!([{ "value": "h", "type": "home" }])).as_deref(), Some("h"));
        assert_eq!(email(json!([])), None);
    }

    #[test]
    fn a_user_that_is_not_active_is_disabled() {
        assert_eq!(
            account(&testing::user::<Standard>(&json!({ "userName": "ada", "active": false }))).state,
            "disabled"
        );
    }

    #[test]
    fn a_group_keeps_its_name() {
        let group = testing::group::<Standard>(&json!({ "displayName": "Engines" }));
        assert_eq!(account(&group), Account::new("active").field("display_name", "Engines"));
    }
}
