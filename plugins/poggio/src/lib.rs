//! The plugin of Poggio. What the vendor's guide promises its customers:
//!
//! - SCIM is served under `/scim/v2`, to one enterprise with one key; there is no concept of groups.
//! - A user's `userName` is the e-mail address; `emails` does not override it.
//! - `displayName` is the full name, or else `name.formatted`. All other attributes are ignored.
//! - A new user lands in the default workspace of the SAML configuration in use.
//! - Creating, updating and deactivating are supported; a deactivated user's sessions end, and a reactivated user has the same id
//!   and workspace as before.
//! - A repeated push changes nothing; a name that was changed in the product by hand is overwritten by the next one.
//!
//! [`map`](Plugin::map) is in `map.rs`, what follows from a change and from a signal in `lifecycle.rs`, and how that is carried out at the
//! product's API in `calls.rs`.

mod calls;
mod lifecycle;
mod map;

use muster_plugin_sdk::delivery::Outcome;
use muster_plugin_sdk::{
    Account, Adoption, Change, Config, Context, Event, Input, Manifest, Plugin, Reject, Resource, Setting, Signal,
    Task, Want,
};

/// What is kept of a user, and announced.
const KEPT: &[&str] = &["userName", "displayName", "name.formatted", "active"];

/// The parts of the name are read for the setting `join_names`. They are not kept for anybody: all that the guide does not name is forgotten.
const READ: &[&str] = &["userName", "displayName", "name.formatted", "name.givenName", "name.familyName", "active"];

/// Users of a default workspace, without groups.
#[derive(Debug)]
pub struct Poggio;

impl Plugin for Poggio {
    const MANIFEST: Manifest = Manifest::new("poggio", env!("CARGO_PKG_VERSION"))
        .base_path("/scim/v2")
        .user(Resource::reads(READ).retains(KEPT).plans_on(&[Event::Deactivated, Event::Reactivated, Event::Deleted]))
        .states(&["active", "disabled"])
        .adoption(Adoption::Link)
        .config_schema(include_str!("../config.schema.json"))
        .wants(&[
            Want::origin("https://*.poggio.io", "sessions of users are ended there, and access is restored"),
            Want::secret(calls::SECRET, "Poggio asks for it with each request"),
        ]);

    /// The guide knows no bulk requests.
    fn host_settings(config: &Config) -> Vec<Setting> {
        vec![
            Setting::new("bulk.served", false),
            Setting::new("users.full-list", config.boolean("/full_listing")),
            Setting::new("groups.refused-status", config.integer("/groups_status")),
        ]
    }

    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject> {
        map::account(input, ctx.config())
    }

    fn plan(change: &Change, _: &Context) -> Result<Vec<Task>, Reject> {
        Ok(lifecycle::tasks(change))
    }

    fn perform(task: &Task, _: u32, ctx: &Context) -> Outcome {
        calls::perform(task, ctx)
    }

    fn on_signal(signal: &Signal, current: Account, _: &Context) -> Result<Account, Reject> {
        lifecycle::signalled(signal, current)
    }
}

muster_plugin_sdk::export!(Poggio: full);
