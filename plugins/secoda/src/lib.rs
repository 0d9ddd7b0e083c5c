//! The plugin of Secoda. What the vendor's guide promises its customers:
//!
//! - SCIM is served under `/api/v2/scim`. The unique identifier is the e-mail address: a lookup by `userName` finds the user whose
//!   address that is, also where the `userName` is another.
//! - A new user is **invited** by e-mail, once, and becomes **active** with the first sign-in. Until then, members lists leave the
//!   user out, also those of groups; the memberships are kept and appear without another push.
//! - `active: false` disables, `active: true` enables again.
//! - Groups map one to one, with `displayName` and `members`.
//! - A push for a user that does not exist is answered with `User not found`.
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

/// Matched on e-mail, invited until the first sign-in, groups one to one.
#[derive(Debug)]
pub struct Secoda;

impl Plugin for Secoda {
    const MANIFEST: Manifest =
        Manifest::new("secoda", env!("CARGO_PKG_VERSION"))
            .base_path("/api/v2/scim")
            .user(
                Resource::reads(map::USER).retains(&["userName", "name", "emails", "displayName", "active"]).plans_on(
                    &[Event::Created, Event::Updated, Event::Deactivated, Event::Reactivated, Event::Deleted],
                ),
            )
            .group(Resource::reads(&["displayName"]).retains(&["displayName"]))
            .states(&[map::INVITED, map::ACTIVE, map::DISABLED])
            .adoption(Adoption::Link)
            .config_schema(include_str!("../config.schema.json"))
            .wants(&[
                Want::origin(
                    "https://*.secoda.co",
                    "invitations are sent there, and members enabled, disabled and removed",
                ),
                Want::secret(calls::SECRET, "Secoda asks for it with each request"),
            ]);

    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject> {
        map::account(input, ctx.config())
    }

    fn plan(change: &Change, ctx: &Context) -> Result<Vec<Task>, Reject> {
        Ok(lifecycle::tasks(change, map::invites_disabled(ctx.config())))
    }

    fn perform(task: &Task, _: u32, ctx: &Context) -> Outcome {
        calls::perform(task, ctx)
    }

    fn on_signal(signal: &Signal, current: Account, _: &Context) -> Result<Account, Reject> {
        lifecycle::signalled(signal, current)
    }

    fn host_settings(config: &Config) -> Vec<Setting> {
        let invited_is_active = config.boolean("/invited_is_active").unwrap_or(true);
        let shows_invited = config.boolean("/show_invited_members").unwrap_or(true);
        let is_enabled = config.boolean("/enabled").unwrap_or(true);
        vec![
            Setting::new("scim.refused-detail", (!is_enabled).then_some("SCIM is not enabled for this workspace")),
            Setting::new("users.not-found-detail", "User not found"),
            Setting::new("users.put-creates", config.boolean("/put_upsert").unwrap_or(false)),
            Setting::new("users.inactive-states", (!invited_is_active).then_some(map::INVITED)),
            Setting::new("groups.members-shown", (!shows_invited).then_some("listed")),
        ]
    }
}

muster_plugin_sdk::export!(Secoda: full);
