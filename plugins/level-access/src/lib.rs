//! The plugin of Level Access. What the vendor's guide promises its customers:
//!
//! - An organization administrator **activates** SCIM, which takes single sign-on, and with Okta a SAML integration; then the URL and
//!   the key are generated.
//! - A new user is **unassigned**: in no user group, until an administrator puts the user into one. No push undoes that.
//! - Accounts that were made by hand stay so: SCIM neither takes them over nor finds them.
//! - Groups that are pushed assign nobody to a user group. With Entra, groups are not supported: they are accepted without effect, so
//!   that no job is quarantined for them, or refused where the tenant says so.
//!
//! [`map`](Plugin::map) is in `map.rs`, the administrator's part in `signals.rs`, what can be set in `settings.rs`.

mod map;
mod settings;
mod signals;

use muster_plugin_sdk::{
    Account, Adoption, Change, Config, Context, Decision, Event, Input, Manifest, Plugin, Problem, Reject, Resource,
    Setting, Signal, Task,
};

/// Unassigned users; accounts made by hand left alone; groups without effect.
#[derive(Debug)]
pub struct LevelAccess;

impl Plugin for LevelAccess {
    const MANIFEST: Manifest = Manifest::new("level-access", env!("CARGO_PKG_VERSION"))
        .user(
            Resource::reads(map::USER)
                .retains(&["userName", "name", "emails", "displayName", "active"])
                .plans_on(&[Event::Deleted]),
        )
        .group(Resource::reads(&["displayName"]).retains(&["displayName"]).plans_on(&[Event::Deleted]))
        .states(&[map::UNASSIGNED, map::ASSIGNED, map::INACTIVE, map::PUSHED])
        .adoption(Adoption::Ask)
        .config_schema(include_str!("../config.schema.json"));

    /// Before the activation the host refuses every call of SCIM (`scim.refused-detail`); the dashboard makes its accounts all the same.
    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject> {
        Ok(map::account(input, ctx.config()))
    }

    /// Nothing follows in the product that the account does not say; a removal, which is not mapped, is vetoed as a write is.
    fn plan(_: &Change, ctx: &Context) -> Result<Vec<Task>, Reject> {
        settings::activated(ctx.config()).map(|()| Vec::new())
    }

    fn on_signal(signal: &Signal, current: Account, _: &Context) -> Result<Account, Reject> {
        signals::signalled(signal, current)
    }

    fn check_config(config: &Config) -> Vec<Problem> {
        settings::problems(config)
    }

    fn host_settings(config: &Config) -> Vec<Setting> {
        let refused = settings::activated(config).err().map(|reject| reject.detail);
        vec![
            Setting::new("scim.refused-detail", refused),
            Setting::new("groups.served", settings::groups_are_accepted(config)),
        ]
    }

    fn decide(_: &Input, _: &Account, ctx: &Context) -> Decision {
        settings::of_manual_accounts(ctx.config())
    }
}

muster_plugin_sdk::export!(LevelAccess: full);

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_removal_is_vetoed_until_scim_is_activated() {
        let gone = testing::change(Event::Deleted, Some(Account::new("unassigned")), None);
        let plan = |config| LevelAccess::plan(&gone, &testing::context(config));
        assert_eq!(plan(json!({})).unwrap_err().status, 403);
        assert_eq!(plan(json!({ "activated": true, "sso": "saml" })), Ok(Vec::new()));
    }

    #[test]
    fn an_account_made_by_hand_is_hidden_or_refused_and_never_taken_over() {
        let ada = testing::user::<LevelAccess>(&json!({ "userName": "ada@example.com" }));
        let decide = |config| LevelAccess::decide(&ada, &Account::new("assigned"), &testing::context(config));
        assert_eq!(decide(json!({})), Decision::Hide);
        let refused = Decision::Refuse("the account is managed manually".to_owned());
        assert_eq!(decide(json!({ "manual_accounts": "refuse" })), refused);
    }
}
