//! The plugin of Popl. What the vendor's guide promises its customers:
//!
//! - SCIM is served under `/api/external/scim`, without a version, to one team with one token that support hands out; any identity
//!   provider that follows the standard may call.
//! - A user becomes a **profile in the team** of the token. Of users, only the name and the e-mail address are supported.
//! - Deactivating takes the profile out of the team, activating brings the same one back.
//! - The guide says two things of groups: pushed by Okta, not supported with Entra. So they are a switch of the tenant.
//!
//! All that the product does follows from the account and its state, so no task is planned. [`map`](Plugin::map) is in `map.rs`.

mod map;

use muster_plugin_sdk::{Account, Adoption, Config, Context, Input, Manifest, Plugin, Reject, Resource, Setting};

/// Profiles in a team, with a name and an e-mail address.
#[derive(Debug)]
pub struct Popl;

impl Plugin for Popl {
    const MANIFEST: Manifest = Manifest::new("popl", env!("CARGO_PKG_VERSION"))
        .base_path("/api/external/scim")
        .user(Resource::reads(map::USER).retains(&["userName", "name", "emails", "displayName", "active"]))
        .group(Resource::reads(&["displayName"]).retains(&["displayName"]))
        .states(&[map::MEMBER, map::LEFT])
        .adoption(Adoption::Link)
        .config_schema(include_str!("../config.schema.json"));

    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject> {
        map::account(input, ctx.config())
    }

    fn host_settings(config: &Config) -> Vec<Setting> {
        let groups = config.text("/groups");
        vec![
            Setting::new("groups.served", groups.as_deref() != Some("disabled")),
            Setting::new("groups.refused-status", config.integer("/groups_status")),
        ]
    }
}

muster_plugin_sdk::export!(Popl: mapper);

#[cfg(test)]
mod tests {
    use muster_plugin_sdk::testing;
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_served_unless_they_are_disabled() {
        let served =
            |config| Popl::host_settings(&testing::config(config)).contains(&Setting::new("groups.served", true));
        assert!(served(json!({})));
        assert!(served(json!({ "groups": "enabled" })));
        assert!(!served(json!({ "groups": "disabled" })));
    }
}
