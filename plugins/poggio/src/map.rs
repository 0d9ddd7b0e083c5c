use muster_plugin_sdk::{Account, Config, Input, Reject, is_email};

pub(crate) fn account(input: &Input, config: &Config) -> Result<Account, Reject> {
    let email = input.text("userName").ok_or_else(|| Reject::invalid_value("userName is required"))?;
    // Who was there before the tenant asked for addresses keeps the name, and can be deactivated.
    let is_kept = input.current().is_some_and(|account| account.text("email") == Some(email));
    if config.boolean("/require_email").unwrap_or(true) && !is_email(email) && !is_kept {
        return Err(Reject::invalid_value("userName must be an e-mail address"));
    }
    let parts = Parts::of(input, config);
    Ok(Account::active_if(input.is_active())
        .field("email", email)
        .field("full_name", full_name(input, &parts))
        .field("workspace", workspace(input, config))
        .field("given_name", parts.given)
        .field("family_name", parts.family))
}

/// An empty name is no name; without any, it stays empty unless it is to be put together from its parts.
fn full_name(input: &Input, parts: &Parts<'_>) -> String {
    let named = |attribute| named(input, attribute).map(str::to_owned);
    named("displayName").or_else(|| named("name.formatted")).unwrap_or_else(|| parts.joined())
}

fn named<'i>(input: &'i Input, attribute: &str) -> Option<&'i str> {
    input.text(attribute).filter(|name| !name.trim().is_empty())
}

/// Given and family name, where they count; nothing otherwise.
///
/// The user keeps neither, so a change of one of them, or of something else, would come without the other: the account has it.
struct Parts<'i> {
    given: Option<&'i str>,
    family: Option<&'i str>,
}

impl<'i> Parts<'i> {
    fn of(input: &'i Input, config: &Config) -> Self {
        if !config.boolean("/join_names").unwrap_or(false) {
            return Self { given: None, family: None };
        }
        let kept = |field| input.current().and_then(|account| account.text(field));
        Self {
            given: named(input, "name.givenName").or_else(|| kept("given_name")),
            family: named(input, "name.familyName").or_else(|| kept("family_name")),
        }
    }

    fn joined(&self) -> String {
        let parts: Vec<&str> = self.given.into_iter().chain(self.family).collect();
        parts.join(" ")
    }
}

/// Decided when the user is created: a reactivated one returns to the same workspace, whatever the default has become.
fn workspace(input: &Input, config: &Config) -> String {
    let assigned = input.current().and_then(|account| account.text("workspace"));
    let configured = || config.text("/default_workspace").unwrap_or_else(|| DEFAULT_WORKSPACE.to_owned());
    assigned.map_or_else(configured, str::to_owned)
}

/// What an enterprise calls its only workspace until somebody names it.
const DEFAULT_WORKSPACE: &str = "default";

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::{ScimType, testing};
    use serde_json::{Value, json};

    use super::*;
    use crate::Poggio;

    fn config() -> Value {
        json!({ "default_workspace": "W1" })
    }

    fn map(resource: &Value) -> Result<Account, Reject> {
        account(&testing::user::<Poggio>(resource), &testing::config(config()))
    }

    fn full_name_of(names: &Value) -> String {
        let mut user = json!({ "userName": "ada@example.com" });
        user.as_object_mut().unwrap().extend(names.as_object().unwrap().clone());
        map(&user).unwrap().text("full_name").unwrap().to_owned()
    }

    #[test]
    fn a_new_user_is_in_the_default_workspace_whatever_the_payload_says() {
        let ada = json!({ "userName": "ada@example.com", "displayName": "Ada Byron", "workspace": "W2" });
        let expected = Account::new("active")
            .field("email", "ada@example.com")
            .field("full_name", "Ada Byron")
            .field("workspace", "W1");
        assert_eq!(map(&ada).unwrap(), expected);
    }

    #[test]
    fn the_user_name_is_the_address_and_emails_do_not_override_it() {
        let ada =
            json!({ "userName": "ada@example.com", "emails": [{ "value": "other@example.com", "primary": true }] });
        assert_eq!(map(&ada).unwrap().text("email"), Some("ada@example.com"));
    }

    #[test]
    fn a_user_name_that_is_no_address_is_refused_with_400_invalid_value() {
        let refused = map(&json!({ "userName": "ada" })).unwrap_err();
        assert_eq!((refused.status, refused.scim_type), (400, Some(ScimType::InvalidValue)));
        assert_eq!(refused.detail, "userName must be an e-mail address");
    }

    #[test]
    fn who_is_there_already_can_be_deactivated_under_the_strict_check() {
        let before = Account::new("active").field("email", "ada");
        let gone = testing::user::<Poggio>(&json!({ "userName": "ada", "active": false })).stored_as(before.clone());
        assert_eq!(account(&gone, &testing::config(config())).unwrap().state, "disabled");
        let renamed = testing::user::<Poggio>(&json!({ "userName": "ada2" })).stored_as(before);
        assert!(account(&renamed, &testing::config(config())).is_err());
    }

    #[test]
    fn the_strict_check_can_be_switched_off() {
        let config = testing::config(json!({ "default_workspace": "W1", "require_email": false }));
        let ada = testing::user::<Poggio>(&json!({ "userName": "ada" }));
        assert_eq!(account(&ada, &config).unwrap().text("email"), Some("ada"));
    }

    #[test]
    fn display_name_goes_before_formatted_and_empty_counts_as_absent() {
        assert_eq!(full_name_of(&json!({ "displayName": "Ada Byron" })), "Ada Byron");
        assert_eq!(full_name_of(&json!({ "name": { "formatted": "Ada Byron" } })), "Ada Byron");
        assert_eq!(full_name_of(&json!({ "displayName": "Ada", "name": { "formatted": "A. Byron" } })), "Ada");
        assert_eq!(full_name_of(&json!({ "displayName": "", "name": { "formatted": "A. Byron" } })), "A. Byron");
        assert_eq!(full_name_of(&json!({ "displayName": null, "name": { "formatted": "A. Byron" } })), "A. Byron");
    }

    #[test]
    fn a_name_is_not_put_together_from_its_parts() {
        assert_eq!(full_name_of(&json!({ "name": { "givenName": "Ada", "familyName": "Byron" } })), "");
    }

    #[test]
    fn where_the_setting_says_so_it_is_put_together_and_only_where_there_is_no_other() {
        let joined = |names: Value| {
            let config = testing::config(json!({ "join_names": true }));
            let ada = json!({ "userName": "ada@example.com", "displayName": names["display"], "name": names["name"] });
            account(&testing::user::<Poggio>(&ada), &config).unwrap().text("full_name").unwrap().to_owned()
        };
        let both = json!({ "givenName": "Ada", "familyName": "Byron" });
        assert_eq!(joined(json!({ "name": both })), "Ada Byron");
        assert_eq!(joined(json!({ "display": "", "name": both })), "Ada Byron");
        assert_eq!(joined(json!({ "name": { "givenName": "Ada", "familyName": "" } })), "Ada");
        assert_eq!(joined(json!({ "name": { "familyName": "Byron" } })), "Byron");
        assert_eq!(joined(json!({})), "");
        assert_eq!(joined(json!({ "display": "Countess", "name": both })), "Countess");
        let formatted = json!({ "formatted": "A. Byron", "givenName": "Ada", "familyName": "Byron" });
        assert_eq!(joined(json!({ "name": formatted })), "A. Byron");
    }

    #[test]
    fn a_change_of_something_else_leaves_the_parts_and_a_change_of_one_the_other() {
        let config = testing::config(json!({ "join_names": true }));
        let before = Account::new("active").field("given_name", "Ada").field("family_name", "Byron");
        let full_name = |user: Value| {
            let input = testing::user::<Poggio>(&user).stored_as(before.clone());
            account(&input, &config).unwrap().text("full_name").unwrap().to_owned()
        };
        assert_eq!(full_name(json!({ "userName": "ada@example.com", "active": false })), "Ada Byron");
        let married = json!({ "userName": "ada@example.com", "name": { "familyName": "Lovelace" } });
        assert_eq!(full_name(married), "Ada Lovelace");
    }

    #[test]
    fn a_name_changed_by_hand_is_overwritten_by_the_next_push() {
        let by_hand = Account::new("active").field("full_name", "Countess").field("workspace", "W1");
        let pushed = json!({ "userName": "ada@example.com", "displayName": "Ada Byron" });
        let input = testing::user::<Poggio>(&pushed).stored_as(by_hand);
        assert_eq!(account(&input, &testing::config(config())).unwrap().text("full_name"), Some("Ada Byron"));
    }

    #[test]
    fn a_reactivated_user_is_in_the_same_workspace_though_the_default_is_another() {
        let before = Account::new("disabled").field("workspace", "W0");
        let input =
            testing::user::<Poggio>(&json!({ "userName": "ada@example.com", "active": true })).stored_as(before);
        let after = account(&input, &testing::config(config())).unwrap();
        assert_eq!((after.state.as_str(), after.text("workspace")), ("active", Some("W0")));
    }
}
