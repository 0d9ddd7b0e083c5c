use muster_plugin_sdk::{Account, Config, Input, Kind, Reject, is_email};

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

/// The profile is in the team; a group's only state.
pub(crate) const MEMBER: &str = "member";
/// The profile was taken out of the team, and is kept.
pub(crate) const LEFT: &str = "left";

/// What a team is called until somebody names it.
const DEFAULT_TEAM: &str = "default";

pub(crate) fn account(input: &Input, config: &Config) -> Result<Account, Reject> {
    match input.kind() {
        Kind::User => user(input, config),
        Kind::Group => Ok(Account::new(MEMBER).field("name", input.text("displayName"))),
    }
}

fn user(input: &Input, config: &Config) -> Result<Account, Reject> {
    let email = email(input, config).ok_or_else(|| Reject::invalid_value(missing_address(config)))?;
    let stays = config.text("/deactivation").as_deref() == Some("stays");
    let is_member = input.is_active() || stays;
    Ok(Account::new(if is_member { MEMBER } else { LEFT })
        .listed(is_member)
        .field("email", email)
        .field("name", name(input, config))
        .field("given_name", named(input, "name.givenName"))
        .field("family_name", named(input, "name.familyName"))
        .field("team", team(input, config)))
}

/// The primary address, else that of work, else any; else the `userName`, if it is one and the tenant lets it be.
fn email<'a>(input: &'a Input, config: &Config) -> Option<&'a str> {
    let primary = input.elements("emails").find(|email| email.boolean("primary") == Some(true));
    let work = || input.elements("emails").find(|email| email.text("type") == Some("work"));
    let chosen = primary.or_else(work).and_then(|email| email.text("value")).filter(|email| is_email(email));
    let any = || input.texts("emails.value").find(|email| is_email(email));
    // Whose profile has it already keeps it when it does not count any more, and can be deactivated.
    let is_kept = |name: &str| input.current().is_some_and(|account| account.text("email") == Some(name));
    let user_name =
        || input.text("userName").filter(|name| is_email(name) && (user_name_counts(config) || is_kept(name)));
    chosen.or_else(any).or_else(user_name)
}

fn user_name_counts(config: &Config) -> bool {
    config.boolean("/email_from_user_name").unwrap_or(true)
}

fn missing_address(config: &Config) -> &'static str {
    if user_name_counts(config) {
        "emails or userName must hold an e-mail address"
    } else {
        "emails must hold an e-mail address"
    }
}

/// `displayName`, where the tenant's setting has it count; else `name.formatted`; else given and family name.
fn name(input: &Input, config: &Config) -> Option<String> {
    let counts = config.boolean("/use_display_name").unwrap_or(true);
    let display = named(input, "displayName").filter(|_| counts);
    let joined = || match (named(input, "name.givenName"), named(input, "name.familyName")) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (given, family) => given.or(family).map(str::to_owned),
    };
    display.or_else(|| named(input, "name.formatted")).map(str::to_owned).or_else(joined)
}

/// A name; an empty one is none.
fn named<'a>(input: &'a Input, attribute: &str) -> Option<&'a str> {
    input.text(attribute).filter(|name| !name.trim().is_empty())
}

/// Decided when the profile is made: one that returns is in the team that it left, whatever the setting has become.
fn team(input: &Input, config: &Config) -> String {
    let own = input.current().and_then(|account| account.text("team")).map(str::to_owned);
    own.or_else(|| config.text("/team")).unwrap_or_else(|| DEFAULT_TEAM.to_owned())
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::{ScimType, testing};
    use serde_json::{Value, json};

    use super::*;
    use crate::Popl;

    fn map(resource: &Value, config: Value) -> Result<Account, Reject> {
        account(&testing::user::<Popl>(resource), &testing::config(config))
    }

    fn text(resource: &Value, config: Value, field: &str) -> Option<String> {
        map(resource, config).unwrap().text(field).map(str::to_owned)
    }

    fn ada(active: bool) -> Value {
        json!({
            "userName": "ada@example.com",
            "name": { "givenName": "Ada", "familyName": "Byron" },
            "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
            "active": active,
        })
    }

    #[test]
    fn a_user_is_a_profile_in_the_team() {
        let expected = Account::new("member")
            .field("email", "ada@example.com")
            .field("name", "Ada Byron")
            .field("given_name", "Ada")
            .field("family_name", "Byron")
            .field("team", "T1");
        assert_eq!(map(&ada(true), json!({ "team": "T1" })).unwrap(), expected);
    }

    #[test]
    fn a_deactivated_one_has_left_the_team_and_returns_to_the_same() {
        let config = testing::config(json!({ "team": "T2" }));
        let before = Account::new("member").field("team", "T1");
        let left = account(&testing::user::<Popl>(&ada(false)).stored_as(before), &config).unwrap();
        assert_eq!((left.state.as_str(), left.listed, left.text("team")), ("left", false, Some("T1")));
        let back = account(&testing::user::<Popl>(&ada(true)).stored_as(left), &config).unwrap();
        assert_eq!((back.state.as_str(), back.listed, back.text("team")), ("member", true, Some("T1")));
    }

    #[test]
    fn a_deactivated_one_stays_where_the_setting_says_so() {
        let stays = map(&ada(false), json!({ "deactivation": "stays" })).unwrap();
        assert_eq!((stays.state.as_str(), stays.listed), ("member", true));
    }

    #[test]
    fn the_address_is_the_primary_one_then_that_of_work_then_any_then_the_user_name() {
        let email = |emails: Value| text(&json!({ "userName": "u@x.org", "emails": emails }), json!({}), "email");
        let home = json!({ "value": "h@x.org", "type": "home" });
        let work = json!({ "value": "w@x.org", "type": "work" });
        let primary = json!({ "value": "p@x.org", "primary": true });
        assert_eq!(email(json!([home, work, primary])).as_deref(), Some("p@x.org"));
        assert_eq!(email(json!([home, work])).as_deref(), Some("w@x.org"));
        assert_eq!(email(json!([home])).as_deref(), Some("h@x.org"));
        assert_eq!(email(json!([])).as_deref(), Some("u@x.org"));
    }

    #[test]
    fn a_user_without_an_address_is_refused() {
        let refused = map(&json!({ "userName": "ada" }), json!({})).unwrap_err();
        assert_eq!((refused.status, refused.scim_type), (400, Some(ScimType::InvalidValue)));
        let strict = json!({ "email_from_user_name": false });
        let refused = map(&json!({ "userName": "ada@example.com" }), strict).unwrap_err();
        assert_eq!(refused.detail, "emails must hold an e-mail address");
    }

    #[test]
    fn whose_profile_has_the_user_name_as_its_address_already_can_leave_under_the_strict_setting() {
        let strict = testing::config(json!({ "email_from_user_name": false }));
        let before = Account::new("member").field("email", "ada@example.com");
        let user = |name: &str| testing::user::<Popl>(&json!({ "userName": name, "active": false }));
        assert_eq!(account(&user("ada@example.com").stored_as(before.clone()), &strict).unwrap().state, "left");
        assert!(account(&user("ada.l@example.com").stored_as(before), &strict).is_err());
    }

    #[test]
    fn display_name_goes_first_unless_it_does_not_count() {
        let mut named = ada(true);
        named["displayName"] = json!("Countess");
        assert_eq!(text(&named, json!({}), "name").as_deref(), Some("Countess"));
        assert_eq!(text(&named, json!({ "use_display_name": false }), "name").as_deref(), Some("Ada Byron"));
        named["displayName"] = json!("");
        assert_eq!(text(&named, json!({}), "name").as_deref(), Some("Ada Byron"));
    }

    #[test]
    fn a_group_is_its_name() {
        let group = testing::group::<Popl>(&json!({ "displayName": "Engines" }));
        let expected = Account::new("member").field("name", "Engines");
        assert_eq!(account(&group, &testing::config(json!({}))).unwrap(), expected);
    }
}
