use muster_plugin_sdk::{Account, Config, Input, Kind, Reject, Value, is_email};

use crate::settings::{self, AUDIENCES, Audience};

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

/// The user has access; a group's only state.
pub(crate) const ACTIVE: &str = "active";
/// `active: false`
pub(crate) const DISABLED: &str = "disabled";

/// The fields that every audience has of a person.
pub(crate) const DETAILS: [&str; 4] = ["email", "name", "given_name", "family_name"];
/// The field with the role that the collaborator was made with.
pub(crate) const ROLE: &str = "role";
/// The field that says whether the user ever had access.
pub(crate) const WAS_ACTIVE: &str = "was_active";
/// The field of whom the product has told to be the only Admin of the Dashboard; others do not have it.
pub(crate) const LAST_ADMIN: &str = "last_admin";

pub(crate) fn account(input: &Input, config: &Config) -> Result<Account, Reject> {
    match input.kind() {
        Kind::User => user(input, config),
        Kind::Group => Ok(group(input, config)),
    }
}

fn group(input: &Input, config: &Config) -> Account {
    let name = input.text("displayName");
    let role = name.and_then(|name| settings::role_of_group(config, name));
    let rank = role.as_deref().map(|role| settings::rank(config, role));
    Account::new(ACTIVE).field("name", name).field(ROLE, role).field("rank", rank)
}

fn user(input: &Input, config: &Config) -> Result<Account, Reject> {
    let email = email(input).ok_or_else(|| Reject::invalid_value("emails or userName must hold an e-mail address"))?;
    let account = Account::new(if input.is_active() { ACTIVE } else { DISABLED })
        .field("email", email)
        .field("name", name(input))
        .field("given_name", named(input, "name.givenName"))
        .field("family_name", named(input, "name.familyName"))
        .field(ROLE, role(input, config))
        .field(WAS_ACTIVE, input.is_active() || flag(input.current(), WAS_ACTIVE));
    let with = |account: Account, audience: Audience| account.field(audience.name(), is_there(input, config, audience));
    let account = AUDIENCES.into_iter().fold(account, with);
    // What the product has told stands until it tells something else, or there is no collaborator any more.
    let is_last_admin = flag(input.current(), LAST_ADMIN) && flag(Some(&account), Audience::Dashboard.name());
    Ok(account.field(LAST_ADMIN, is_last_admin.then_some(true)))
}

/// Whether there is an employee or collaborator for this user, once the tasks are done.
fn is_there(input: &Input, config: &Config, audience: Audience) -> bool {
    let was_there = flag(input.current(), audience.name());
    let goes = leaves(input) && audience.on_deactivate(config).removes();
    (was_there || comes(input, config) && audience.creates(config)) && !goes
}

/// Whether the create actions follow from this: the first access that this plugin knows of, and each that is given back.
fn comes(input: &Input, config: &Config) -> bool {
    let was_active = input.current().is_some_and(|account| account.state == ACTIVE);
    let is_first = !flag(input.current(), WAS_ACTIVE);
    input.is_active() && (is_first || !was_active && settings::reactivation_creates(config))
}

/// Whether the deactivate actions follow from this.
fn leaves(input: &Input) -> bool {
    !input.is_active() && input.current().is_some_and(|account| account.state == ACTIVE)
}

/// That of the day when the collaborator was made, unless the tenant's setting has all follow when it changes.
fn role(input: &Input, config: &Config) -> Option<String> {
    let own = input.current().and_then(|account| account.text(ROLE)).map(str::to_owned);
    let is_there = flag(input.current(), Audience::Dashboard.name());
    let is_made = !is_there && comes(input, config) && Audience::Dashboard.creates(config);
    if is_made || is_there && settings::role_follows(config) { settings::role(config) } else { own }
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
    let joined = || match (named(input, "name.givenName"), named(input, "name.familyName")) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (given, family) => given.or(family).map(str::to_owned),
    };
    named(input, "displayName").or_else(|| named(input, "name.formatted")).map(str::to_owned).or_else(joined)
}

/// A name; an empty one is none.
fn named<'a>(input: &'a Input, attribute: &str) -> Option<&'a str> {
    input.text(attribute).filter(|name| !name.trim().is_empty())
}

/// A truth that an account carries; false where there is no account yet.
pub(crate) fn flag(account: Option<&Account>, name: &str) -> bool {
    account.and_then(|account| account.get(name)).and_then(Value::as_boolean).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::{ScimType, testing};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::Applivery;

    fn map(active: bool, current: Option<Account>, config: Json) -> Account {
        let ada = json!({ "userName": "ada@example.com", "displayName": "Ada Byron", "active": active });
        let mut input = testing::user::<Applivery>(&ada);
        if let Some(current) = current {
            input = input.stored_as(current);
        }
        account(&input, &testing::config(config)).unwrap()
    }

    fn there(account: &Account) -> [bool; 3] {
        AUDIENCES.map(|audience| flag(Some(account), audience.name()))
    }

    fn all() -> Json {
        json!({
            "store": { "on_create": "create-employee", "on_deactivate": "remove-employee" },
            "dashboard": { "on_create": "create-collaborator", "role": "Editor", "on_deactivate": "none" },
            "mdm": { "on_create": "create-employee", "on_deactivate": "remove-user" },
        })
    }

    #[test]
    fn a_user_is_where_the_audiences_create_one() {
        assert_eq!(there(&map(true, None, json!({}))), [false; 3]);
        assert_eq!(
            there(&map(true, None, json!({ "store": { "on_create": "create-employee" } }))),
            [true, false, false]
        );
        let ada = map(true, None, all());
        assert_eq!((there(&ada), ada.text("role")), ([true; 3], Some("Editor")));
        assert_eq!((ada.text("email"), ada.text("name")), (Some("ada@example.com"), Some("Ada Byron")));
    }

    #[test]
    fn a_deactivated_user_stays_where_nobody_is_removed_and_is_everywhere_when_back() {
        let gone = map(false, Some(map(true, None, all())), all());
        assert_eq!((gone.state.as_str(), there(&gone)), ("disabled", [false, true, false]));
        assert_eq!(there(&map(false, Some(gone.clone()), all())), [false, true, false]);
        assert_eq!(there(&map(true, Some(gone), all())), [true; 3]);
    }

    #[test]
    fn nobody_is_created_again_where_the_setting_says_so_but_everybody_once() {
        let mut config = all();
        config["reactivation"] = json!("nothing");
        let gone = map(false, Some(map(true, None, config.clone())), config.clone());
        assert_eq!(there(&map(true, Some(gone), config.clone())), [false, true, false]);
        let disabled = map(false, None, config.clone());
        assert_eq!(there(&disabled), [false; 3]);
        assert_eq!(there(&map(true, Some(disabled), config)), [true; 3]);
    }

    #[test]
    fn an_update_creates_nobody_where_the_setting_has_changed() {
        let before = map(true, None, json!({}));
        assert_eq!(there(&map(true, Some(before), all())), [false; 3]);
    }

    #[test]
    fn another_role_is_for_those_who_come_later_unless_the_setting_says_otherwise() {
        let before = map(true, None, all());
        let mut config = all();
        config["dashboard"]["role"] = json!("Viewer");
        assert_eq!(map(true, Some(before.clone()), config.clone()).text("role"), Some("Editor"));
        assert_eq!(map(true, None, config.clone()).text("role"), Some("Viewer"));
        config["role_follows_setting"] = json!(true);
        assert_eq!(map(true, Some(before), config).text("role"), Some("Viewer"));
    }

    #[test]
    fn who_never_left_has_the_old_role_when_back_and_who_was_removed_the_new_one() {
        let mut config = all();
        let gone = map(false, Some(map(true, None, config.clone())), config.clone());
        config["dashboard"]["role"] = json!("Viewer");
        assert_eq!(map(true, Some(gone), config.clone()).text("role"), Some("Editor"));
        let mut removing = all();
        removing["dashboard"]["on_deactivate"] = json!("remove-collaborator");
        let gone = map(false, Some(map(true, None, removing.clone())), removing);
        assert_eq!(map(true, Some(gone), config).text("role"), Some("Viewer"));
    }

    #[test]
    fn whom_another_plugin_had_is_created_at_the_first_look() {
        let before = Account::new("active").field("email", "ada@example.com");
        assert_eq!(there(&map(true, Some(before), all())), [true; 3]);
    }

    #[test]
    fn who_is_the_last_admin_stays_it_through_an_update_and_not_through_a_removal() {
        let last = || Some(map(true, None, all()).field(LAST_ADMIN, true));
        assert!(flag(Some(&map(true, last(), all())), LAST_ADMIN));
        assert!(flag(Some(&map(false, last(), all())), LAST_ADMIN), "the collaborator is left alone");
        let mut config = all();
        config["dashboard"]["on_deactivate"] = json!("remove-collaborator");
        assert_eq!(map(false, last(), config).get(LAST_ADMIN), None);
        assert_eq!(map(true, None, all()).get(LAST_ADMIN), None);
    }

    #[test]
    fn a_user_without_an_address_is_refused() {
        let ada = testing::user::<Applivery>(&json!({ "userName": "ada" }));
        let refused = account(&ada, &testing::config(json!({}))).unwrap_err();
        assert_eq!((refused.status, refused.scim_type), (400, Some(ScimType::InvalidValue)));
    }

    #[test]
    fn a_group_has_the_role_that_its_name_gives() {
        let config = testing::config(json!({ "group_roles": { "Engines": "Editor" } }));
        let group = |name: &str| testing::group::<Applivery>(&json!({ "displayName": name }));
        let engines = account(&group("Engines"), &config).unwrap();
        assert_eq!(engines, Account::new("active").field("name", "Engines").field("role", "Editor").field("rank", 1));
        assert_eq!(account(&group("Wheels"), &config).unwrap(), Account::new("active").field("name", "Wheels"));
    }
}
