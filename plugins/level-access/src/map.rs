use muster_plugin_sdk::{Account, Config, Input, Kind, Value, is_email};

use crate::settings::deactivation_unassigns;

/// What it reads of a user.
pub(crate) const USER: &[&str] = &[
    "userName",
    "name.formatted",
    "name.givenName",
    "name.familyName",
    "displayName",
    "active",
    "emails.value",
    "emails.type",
    "emails.primary",
];

/// In no user group yet.
pub(crate) const UNASSIGNED: &str = "unassigned";
/// An administrator has put the user into a user group.
pub(crate) const ASSIGNED: &str = "assigned";
/// `active: false`
pub(crate) const INACTIVE: &str = "inactive";
/// A group of the identity provider's, which is none of the product's user groups.
pub(crate) const PUSHED: &str = "pushed";

/// The field that says whether the user is in a user group: only an administrator of the organization changes that.
pub(crate) const HAS_GROUPS: &str = "has_groups";

pub(crate) fn account(input: &Input, config: &Config) -> Account {
    match input.kind() {
        Kind::User => user(input, config),
        Kind::Group => Account::new(PUSHED).listed(false).field("name", input.text("displayName")),
    }
}

fn user(input: &Input, config: &Config) -> Account {
    let assigned = input.current().and_then(|account| account.get(HAS_GROUPS)).and_then(Value::as_boolean);
    let has_groups = assigned.unwrap_or(false) && (input.is_active() || !deactivation_unassigns(config));
    Account::new(standing(input.is_active(), has_groups))
        .field("user_name", input.text("userName"))
        .field("email", email(input))
        .field("name", name(input))
        .field(HAS_GROUPS, has_groups)
}

/// Where a user stands.
pub(crate) fn standing(is_active: bool, has_groups: bool) -> &'static str {
    match (is_active, has_groups) {
        (false, _) => INACTIVE,
        (true, false) => UNASSIGNED,
        (true, true) => ASSIGNED,
    }
}

/// The primary address, else that of work, else any, else the `userName` if it is one. A user without is one as well: a refusal would come
/// again with each cycle.
fn email(input: &Input) -> Option<&str> {
    let primary = input.elements("emails").find(|email| email.boolean("primary") == Some(true));
    let work = || input.elements("emails").find(|email| email.text("type") == Some("work"));
    let chosen = primary.or_else(work).and_then(|email| email.text("value")).filter(|email| is_email(email));
    let any = || input.texts("emails.value").find(|email| is_email(email));
    chosen.or_else(any).or_else(|| input.text("userName").filter(|name| is_email(name)))
}

/// `displayName`, else `name.formatted`, else given and family name.
fn name(input: &Input) -> Option<String> {
    let named = |attribute| input.text(attribute).filter(|name| !name.trim().is_empty()).map(str::to_owned);
    let joined = || match (named("name.givenName"), named("name.familyName")) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (given, family) => given.or(family),
    };
    named("displayName").or_else(|| named("name.formatted")).or_else(joined)
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::LevelAccess;

    fn map(active: bool, current: Option<Account>, config: Json) -> Account {
        let ada = json!({ "userName": "ada@example.com", "displayName": "Ada Byron", "active": active });
        let mut input = testing::user::<LevelAccess>(&ada);
        if let Some(current) = current {
            input = input.stored_as(current);
        }
        account(&input, &testing::config(config))
    }

    fn assigned() -> Account {
        map(true, None, json!({})).state("assigned").field("has_groups", true)
    }

    #[test]
    fn a_new_user_is_unassigned() {
        let expected = Account::new("unassigned")
            .field("user_name", "ada@example.com")
            .field("email", "ada@example.com")
            .field("name", "Ada Byron")
            .field("has_groups", false);
        assert_eq!(map(true, None, json!({})), expected);
    }

    #[test]
    fn no_push_undoes_what_an_administrator_has_assigned() {
        assert_eq!(map(true, Some(assigned()), json!({})), assigned());
    }

    #[test]
    fn a_deactivated_user_is_inactive_and_returns_to_the_same_groups_unless_the_setting_says_otherwise() {
        let gone = map(false, Some(assigned()), json!({}));
        assert_eq!(gone.state, "inactive");
        assert_eq!(map(true, Some(gone), json!({})), assigned());
        let config = json!({ "deactivation": "unassigns" });
        let gone = map(false, Some(assigned()), config.clone());
        assert_eq!(map(true, Some(gone), config), map(true, None, json!({})));
    }

    #[test]
    fn a_user_without_an_address_or_a_name_is_a_user() {
        let ada = testing::user::<LevelAccess>(&json!({ "userName": "ada" }));
        let expected = Account::new("unassigned").field("user_name", "ada").field("has_groups", false);
        assert_eq!(account(&ada, &testing::config(json!({}))), expected);
    }

    #[test]
    fn a_pushed_group_is_listed_nowhere() {
        let group = testing::group::<LevelAccess>(&json!({ "displayName": "Engines" }));
        let expected = Account::new("pushed").listed(false).field("name", "Engines");
        assert_eq!(account(&group, &testing::config(json!({}))), expected);
    }
}
