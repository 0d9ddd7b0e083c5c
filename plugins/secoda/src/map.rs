use muster_plugin_sdk::{Account, Config, Input, Kind, Reject, Value, is_email};

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

/// Provisioned, and not yet signed in.
pub(crate) const INVITED: &str = "invited";
/// Signed in at least once.
pub(crate) const ACTIVE: &str = "active";
/// `active: false`
pub(crate) const DISABLED: &str = "disabled";

/// The field that says whether an invitation was planned: there is never a second one.
pub(crate) const WAS_INVITED: &str = "was_invited";
/// The field that says whether the user has ever signed in.
pub(crate) const HAS_SIGNED_IN: &str = "has_signed_in";

pub(crate) fn account(input: &Input, config: &Config) -> Result<Account, Reject> {
    match input.kind() {
        Kind::User => user(input, config),
        Kind::Group => Ok(Account::new(ACTIVE).field("name", input.text("displayName"))),
    }
}

fn user(input: &Input, config: &Config) -> Result<Account, Reject> {
    let email = email(input).ok_or_else(|| Reject::invalid_value("emails or userName must hold an e-mail address"))?;
    let has_signed_in = flag(input.current(), HAS_SIGNED_IN);
    let state = match (input.is_active(), has_signed_in) {
        (false, _) => DISABLED,
        (true, false) => INVITED,
        (true, true) => ACTIVE,
    };
    // A user that was created disabled is invited when activated, not before.
    let invite = state == INVITED || invites_disabled(config);
    let listed = has_signed_in && (state != DISABLED || setting(config, "/list_disabled_users", true));
    Ok(Account::new(state)
        .listed(listed)
        .key("userName", email)
        .key("emails.value", email)
        .field("email", email)
        .field("name", name(input))
        .field(WAS_INVITED, flag(input.current(), WAS_INVITED) || invite)
        .field(HAS_SIGNED_IN, has_signed_in))
}

/// Whether a user who is created disabled is invited all the same.
pub(crate) fn invites_disabled(config: &Config) -> bool {
    setting(config, "/invite_disabled_users", false)
}

/// The primary address, else that of work, else the `userName` if it is one, else any.
fn email(input: &Input) -> Option<&str> {
    let primary = input.elements("emails").find(|email| email.boolean("primary") == Some(true));
    let work = || input.elements("emails").find(|email| email.text("type") == Some("work"));
    let chosen = primary.or_else(work).and_then(|email| email.text("value")).filter(|email| is_email(email));
    let user_name = || input.text("userName").filter(|name| is_email(name));
    chosen.or_else(user_name).or_else(|| input.texts("emails.value").find(|email| is_email(email)))
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

/// A truth that an account carries; false where there is no account yet.
pub(crate) fn flag(account: Option<&Account>, name: &str) -> bool {
    account.and_then(|account| account.get(name)).and_then(Value::as_boolean).unwrap_or(false)
}

fn setting(config: &Config, pointer: &str, default: bool) -> bool {
    config.boolean(pointer).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::{Key, ScimType, testing};
    use serde_json::{Value, json};

    use super::*;
    use crate::Secoda;

    fn map(resource: &Value, current: Option<Account>, config: Value) -> Result<Account, Reject> {
        let mut input = testing::user::<Secoda>(resource);
        if let Some(current) = current {
            input = input.stored_as(current);
        }
        account(&input, &testing::config(config))
    }

    fn create(resource: &Value) -> Account {
        map(resource, None, json!({})).unwrap()
    }

    fn ada(active: bool) -> Value {
        json!({ "userName": "ada@example.com", "displayName": "Ada Byron", "active": active })
    }

    #[test]
    fn a_new_user_is_invited_and_not_yet_listed() {
        let expected = Account::new("invited")
            .listed(false)
            .key("userName", "ada@example.com")
            .key("emails.value", "ada@example.com")
            .field("email", "ada@example.com")
            .field("name", "Ada Byron")
            .field("was_invited", true)
            .field("has_signed_in", false);
        assert_eq!(create(&ada(true)), expected);
    }

    #[test]
    fn the_address_is_a_key_where_the_user_name_is_another() {
        let ada = create(&json!({ "userName": "abyron", "emails": [{ "value": "ada@example.com", "type": "work" }] }));
        let key = |attribute: &str| Key { attribute: attribute.into(), value: "ada@example.com".into() };
        assert_eq!(ada.keys, [key("userName"), key("emails.value")]);
    }

    #[test]
    fn the_address_is_the_primary_one_then_that_of_work_then_the_user_name_then_any() {
        let email = |user_name: &str, emails: Value| {
            create(&json!({ "userName": user_name, "emails": emails })).text("email").unwrap().to_owned()
        };
        let (home, work) =
            (json!({ "value": "h@x.org", "type": "home" }), json!({ "value": "w@x.org", "type": "work" }));
        let primary = json!({ "value": "p@x.org", "primary": true });
        assert_eq!(email("u@x.org", json!([home, work, primary])), "p@x.org");
        assert_eq!(email("u@x.org", json!([home, work])), "w@x.org");
        assert_eq!(email("u@x.org", json!([home])), "u@x.org");
        assert_eq!(email("u", json!([home])), "h@x.org");
    }

    #[test]
    fn a_user_without_any_address_is_refused() {
        let refused = map(&json!({ "userName": "ada" }), None, json!({})).unwrap_err();
        assert_eq!((refused.status, refused.scim_type), (400, Some(ScimType::InvalidValue)));
    }

    #[test]
    fn a_user_created_disabled_is_not_invited_until_activated() {
        let disabled = create(&ada(false));
        assert_eq!((disabled.state.as_str(), flag(Some(&disabled), WAS_INVITED)), ("disabled", false));
        let activated = map(&ada(true), Some(disabled), json!({})).unwrap();
        assert_eq!((activated.state.as_str(), flag(Some(&activated), WAS_INVITED)), ("invited", true));
    }

    #[test]
    fn a_user_created_disabled_is_invited_at_once_where_the_setting_says_so() {
        let disabled = map(&ada(false), None, json!({ "invite_disabled_users": true })).unwrap();
        assert!(flag(Some(&disabled), WAS_INVITED));
    }

    #[test]
    fn an_update_leaves_an_invited_user_invited_and_an_active_one_active() {
        let invited = create(&ada(true));
        assert_eq!(map(&ada(true), Some(invited.clone()), json!({})).unwrap(), invited);
        let signed_in = invited.state("active").listed(true).field("has_signed_in", true);
        assert_eq!(map(&ada(true), Some(signed_in.clone()), json!({})).unwrap(), signed_in);
    }

    #[test]
    fn active_false_disables_and_true_brings_back_who_had_signed_in() {
        let signed_in = create(&ada(true)).state("active").listed(true).field("has_signed_in", true);
        let disabled = map(&ada(false), Some(signed_in.clone()), json!({})).unwrap();
        assert_eq!((disabled.state.as_str(), disabled.listed), ("disabled", true));
        assert_eq!(map(&ada(true), Some(disabled), json!({})).unwrap(), signed_in);
    }

    #[test]
    fn disabled_users_are_left_out_of_lists_where_the_setting_says_so() {
        let signed_in = create(&ada(true)).state("active").listed(true).field("has_signed_in", true);
        let disabled = map(&ada(false), Some(signed_in), json!({ "list_disabled_users": false })).unwrap();
        assert!(!disabled.listed);
    }

    #[test]
    fn a_name_is_put_together_where_there_is_none() {
        let names = json!({ "userName": "a@x.org", "name": { "givenName": "Ada", "familyName": "Byron" } });
        assert_eq!(create(&names).text("name"), Some("Ada Byron"));
        assert_eq!(create(&json!({ "userName": "a@x.org" })).text("name"), None);
    }

    #[test]
    fn a_group_is_its_name() {
        let group = testing::group::<Secoda>(&json!({ "displayName": "Engines", "externalId": "g1" }));
        let expected = Account::new("active").field("name", "Engines");
        assert_eq!(account(&group, &testing::config(json!({}))).unwrap(), expected);
    }
}
