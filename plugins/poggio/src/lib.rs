//! The plugin of Poggio. What the vendor's guide promises its customers:
//!
//! - SCIM is served under `/scim/v2`, to one enterprise with one key; there is no concept of groups.
//! - A user's `userName` is the e-mail address; `emails` does not override it.
//! - `displayName` is the full name, or else `name.formatted`. All other attributes are ignored.
//! - A new user lands in the default workspace of the SAML configuration in use.
//! - Creating, updating and deactivating are supported; a deactivated user's sessions end, and a reactivated user has the same id
//!   and workspace as before.
//!
//! [`map`](Plugin::map) is in `map.rs`, what follows from a change in `lifecycle.rs`.

mod lifecycle;
mod map;

use muster_plugin_sdk::{
    Account, Adoption, Change, Config, Context, Event, Input, Manifest, Plugin, Reject, Resource, Setting, Task,
};

const ATTRIBUTES: &[&str] = &["userName", "displayName", "name.formatted", "active"];

/// Users of a default workspace, without groups.
#[derive(Debug)]
pub struct Poggio;

impl Plugin for Poggio {
    const MANIFEST: Manifest = Manifest::new("poggio", env!("CARGO_PKG_VERSION"))
        .base_path("/scim/v2")
        .user(Resource::reads(ATTRIBUTES).retains(ATTRIBUTES).plans_on(&[
            Event::Deactivated,
            Event::Reactivated,
            Event::Deleted,
        ]))
        .states(&["active", "disabled"])
        .adoption(Adoption::Link)
        .config_schema(include_str!("../config.schema.json"));

    /// The guide knows no bulk requests.
    fn host_settings(_: &Config) -> Vec<Setting> {
        vec![Setting::new("bulk.served", false)]
    }

    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject> {
        map::account(input, ctx.config())
    }

    fn plan(change: &Change, _: &Context) -> Result<Vec<Task>, Reject> {
        Ok(lifecycle::tasks(change))
    }
}

muster_plugin_sdk::export!(Poggio);
