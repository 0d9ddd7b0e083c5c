//! The plugin of Applivery. What the vendor's guide promises its customers:
//!
//! - Users and groups are served, to the identity provider that signs them in.
//! - There are three **audiences**: the Enterprise Store, the Dashboard and the MDM Portal. Each is configured by itself: what is
//!   done there when a user is created, and what when one is deactivated. What fails for one is repeated for that one alone.
//! - A collaborator of the Dashboard is made with a role. A group of the identity provider can give its members a role; leaving it
//!   takes the role away. The last Admin is not removed, unless a setting allows it; the product says who that is.
//!
//! [`map`](Plugin::map) is in `map.rs`. What follows from a change is planned in `lifecycle.rs` (users, and the product's signals) and
//! `groups.rs`, a task for each audience, and carried out at the product's API in `calls.rs`. What can be set is in `settings.rs`.

mod calls;
mod groups;
mod lifecycle;
mod map;
mod settings;

use muster_plugin_sdk::delivery::Outcome;
use muster_plugin_sdk::{
    Account, Adoption, Change, Config, Context, Event, Input, Kind, Manifest, Plugin, Problem, Reject, Resource,
    Signal, Task, Want,
};

/// Three audiences, each with actions of its own, and roles by group.
#[derive(Debug)]
pub struct Applivery;

impl Plugin for Applivery {
    const MANIFEST: Manifest =
        Manifest::new("applivery", env!("CARGO_PKG_VERSION"))
            .user(
                Resource::reads(map::USER).retains(&["userName", "name", "emails", "displayName", "active"]).plans_on(
                    &[Event::Created, Event::Updated, Event::Deactivated, Event::Reactivated, Event::Deleted],
                ),
            )
            .group(Resource::reads(&["displayName"]).retains(&["displayName"]).plans_on(&[
                Event::Created,
                Event::Updated,
                Event::Deleted,
                Event::MemberAdded,
                Event::MemberRemoved,
            ]))
            .states(&[map::ACTIVE, map::DISABLED])
            .adoption(Adoption::Link)
            .config_schema(include_str!("../config.schema.json"))
            .wants(&[
                Want::origin("https://*.applivery.io", "employees, collaborators and devices are kept there"),
                Want::secret(calls::SECRET, "Applivery asks for it with each request"),
            ]);

    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject> {
        map::account(input, ctx.config())
    }

    fn plan(change: &Change, ctx: &Context) -> Result<Vec<Task>, Reject> {
        match change.kind {
            Kind::User => lifecycle::tasks(change, ctx.config()),
            Kind::Group => Ok(groups::tasks(change, ctx.config())),
        }
    }

    fn on_signal(signal: &Signal, current: Account, _: &Context) -> Result<Account, Reject> {
        lifecycle::signalled(signal, current)
    }

    fn check_config(config: &Config) -> Vec<Problem> {
        settings::problems(config)
    }

    fn perform(task: &Task, _: u32, ctx: &Context) -> Outcome {
        calls::perform(task, ctx)
    }
}

muster_plugin_sdk::export!(Applivery: full);
