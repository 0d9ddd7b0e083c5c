//! What the author of a Muster plugin imports: one trait, [`Plugin`], and one macro, [`export!`].
//!
//! A plugin is a type without values. It says what it is in [`Plugin::MANIFEST`], and turns what an identity provider sent into the
//! account that the vendor's product reads in [`Plugin::map`]. All else has a default. This is a whole plugin:
//!
//! ```
//! use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};
//!
//! struct Smallest;
//!
//! impl Plugin for Smallest {
//!     const MANIFEST: Manifest =
//!         Manifest::new("smallest", "0.1.0").user(Resource::reads(&["userName", "displayName", "active"]));
//!
//!     fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
//!         let email = input.text("userName").ok_or_else(|| Reject::invalid_value("userName is required"))?;
//!         let state = if input.is_active() { "active" } else { "disabled" };
//!         Ok(Account::new(state).field("email", email).field("full_name", input.text("displayName")))
//!     }
//! }
//!
//! muster_plugin_sdk::export!(Smallest: mapper);
//! # fn main() {}
//! ```
//!
//! Its manifest says `crate-type = ["cdylib", "rlib"]`; `cargo build --target wasm32-wasip2 --release` makes the component that
//! `muster plugin push` takes. The same code compiles natively, where [`testing`] makes inputs from JSON:
//!
//! ```
//! # use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource, testing};
//! # struct Smallest;
//! # impl Plugin for Smallest {
//! #     const MANIFEST: Manifest = Manifest::new("smallest", "0.1.0").user(Resource::reads(&["userName"]));
//! #     fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
//! #         Ok(Account::new("active").field("email", input.text("userName")))
//! #     }
//! # }
//! let ada = testing::user::<Smallest>(&serde_json::json!({ "userName": "ada@example.com" }));
//! let account = Smallest::map(&ada, &testing::context(serde_json::json!({})))?;
//! assert_eq!(account.text("email"), Some("ada@example.com"));
//! # Ok::<(), Reject>(())
//! ```
//!
//! What is to happen in the product after a change, is planned as tasks; the host keeps them with the change, in one commit:
//!
//! ```
//! # use muster_plugin_sdk::{Account, Change, Context, Event, Input, Manifest, Plugin, Reject, Resource, Task, testing};
//! struct Goodbye;
//!
//! impl Plugin for Goodbye {
//!     const MANIFEST: Manifest = Manifest::new("goodbye", "0.1.0")
//!         .user(Resource::reads(&["userName"]).plans_on(&[Event::Deactivated, Event::Deleted]));
//!
//!     fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
//!         Ok(Account::active_if(input.is_active()).field("email", input.text("userName")))
//!     }
//!
//!     fn plan(change: &Change, _: &Context) -> Result<Vec<Task>, Reject> {
//!         Ok(vec![Task::new("end-sessions", &change.id).destructive()])
//!     }
//! }
//!
//! muster_plugin_sdk::export!(Goodbye);
//! # fn main() -> Result<(), Reject> {
//! let change = testing::change(Event::Deleted, Some(Account::new("active")), None);
//! let tasks = Goodbye::plan(&change, &testing::context(serde_json::json!({})))?;
//! assert_eq!(tasks[0].action, "end-sessions");
//! # Ok(())
//! # }
//! ```
//!
//! `muster plugin new NAME` begins a plugin that is built and tested already. What it promises its customers stands in `cases/`: a request
//! and what must become of it, a file each, which `muster plugin test` runs through the real host.
//!
//! A plugin whose customers send more than RFC 7643 has says so, and reads it by the same paths:
//!
//! ```
//! # use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource, testing};
//! const BADGE: &str = "urn:example:params:scim:schemas:extension:acme:2.0:User:badge";
//!
//! struct Badges;
//!
//! impl Plugin for Badges {
//!     const MANIFEST: Manifest =
//!         Manifest::new("badges", "0.1.0").user(Resource::reads(&["userName", BADGE])).declares(r#"{
//!             "extensions": [{
//!                 "resourceType": "User",
//!                 "required": false,
//!                 "schema": {
//!                     "id": "urn:example:params:scim:schemas:extension:acme:2.0:User",
//!                     "name": "Acme User",
//!                     "description": "What Acme knows of people",
//!                     "attributes": [{
//!                         "name": "badge", "type": "string", "multiValued": false, "description": "Opens doors.", "required": false,
//!                         "caseExact": true, "mutability": "readWrite", "returned": "default", "uniqueness": "server"
//!                     }]
//!                 }
//!             }]
//!         }"#);
//!
//!     fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
//!         Ok(Account::new("active").field("badge", input.text(BADGE)))
//!     }
//! }
//!
//! muster_plugin_sdk::export!(Badges: mapper, schemas);
//! # fn main() {
//! let ada = testing::user::<Badges>(&serde_json::json!({
//!     "userName": "ada@example.com",
//!     "urn:example:params:scim:schemas:extension:acme:2.0:User": { "badge": "B-7" },
//! }));
//! assert_eq!(ada.text(BADGE), Some("B-7"));
//! # }
//! ```
//!
//! What each call may do and how much, is told in the contract: `wit/v2/plugin.wit`.

#![deny(missing_docs)]

mod account;
mod address;
mod context;
pub mod delivery;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "generated")]
pub mod glue;
pub mod http;
mod input;
mod lifecycle;
pub mod log;
mod manifest;
mod reject;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod value;

pub use account::{Account, Key};
pub use address::is_email;
pub use context::{Config, Context};
pub use input::{Element, Input, Kind};
pub use lifecycle::{Change, Decision, Event, Signal, Task};
pub use manifest::{Adoption, Manifest, Problem, Resource, Setting, Want};
pub use reject::{Reject, ScimType};
pub use value::{Field, IntoValue, Value};

/// A plugin: what its author writes.
///
/// All functions but [`Plugin::perform`] are pure: the same arguments give the same answer, and the host may call them again for
/// the same write.
pub trait Plugin {
    /// What the plugin is and wants.
    const MANIFEST: Manifest;

    /// The account that a user or group becomes: on every write, before it is stored.
    fn map(input: &Input, ctx: &Context) -> Result<Account, Reject>;

    /// What follows from a change, or a veto. Called for the events that [`Resource::plans_on`] names.
    fn plan(_change: &Change, _ctx: &Context) -> Result<Vec<Task>, Reject> {
        Ok(Vec::new())
    }

    /// The product reported something, such as `signed-in`: the account as it stands now.
    fn on_signal(_signal: &Signal, current: Account, _ctx: &Context) -> Result<Account, Reject> {
        Ok(current)
    }

    /// What is wrong with a configuration that the manifest's schema accepts. Called when an operator saves it.
    fn check_config(_config: &Config) -> Vec<Problem> {
        Vec::new()
    }

    /// How the host is to do its own part of the work (the contract has the table).
    fn host_settings(_config: &Config) -> Vec<Setting> {
        Vec::new()
    }

    /// What happens to an account that was made by hand and holds a key of this user. For [`Adoption::Ask`], exported with `full`.
    fn decide(_input: &Input, _existing: &Account, _ctx: &Context) -> Decision {
        Decision::Refuse("the account is managed by hand".to_owned())
    }

    /// Carries a task out, after the commit: with requests ([`http`]), secrets and a memory ([`delivery`]). Exported with `full`; without it,
    /// nobody carries out what the plugin plans.
    ///
    /// It can be called again for a task that it has carried out already, when the host did not hear of it: what it asks of the vendor's product
    /// says so by an idempotency key, or asks first. [`Context::request`] names the task, and is the same in each attempt.
    fn perform(_task: &Task, _attempt: u32, _ctx: &Context) -> delivery::Outcome {
        delivery::Outcome::Done
    }
}

/// Exports a [`Plugin`] from the component: once a crate, where the plugin's type is in scope. Natively it exports nothing.
///
/// | form                 | exports                                                  | imports                            |
/// |----------------------|----------------------------------------------------------|------------------------------------|
/// | `export!(T: mapper)` | `about`, `mapping`                                       | `log`, `config`                    |
/// | `export!(T)`         | `about`, `mapping`, `lifecycle`                          | `log`, `config`                    |
/// | `export!(T: full)`   | `about`, `mapping`, `lifecycle`, `adoption`, `delivery`  | and `state`, `secrets`, `wasi:http` where used |
///
/// `export!(T: mapper, schemas)`, `export!(T, schemas)` and `export!(T: full, schemas)` export `schemas` besides, for a manifest with
/// [`Manifest::declares`]. A manifest and a form that do not fit one another do not compile.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        $crate::export!(@ $plugin false: about export_about, mapping export_mapping, lifecycle export_lifecycle);
    };
    ($plugin:ident, schemas) => {
        $crate::export!(
            @ $plugin true: about export_about, schemas export_schemas, mapping export_mapping, lifecycle export_lifecycle
        );
    };
    ($plugin:ident: mapper) => {
        $crate::export!(@ $plugin false: about export_about, mapping export_mapping);
    };
    ($plugin:ident: mapper, schemas) => {
        $crate::export!(@ $plugin true: about export_about, schemas export_schemas, mapping export_mapping);
    };
    ($plugin:ident: full) => {
        $crate::export!(
            @ $plugin false: about export_about, mapping export_mapping, lifecycle export_lifecycle,
            adoption export_adoption, delivery export_delivery
        );
    };
    ($plugin:ident: full, schemas) => {
        $crate::export!(
            @ $plugin true: about export_about, schemas export_schemas, mapping export_mapping, lifecycle export_lifecycle,
            adoption export_adoption, delivery export_delivery
        );
    };
    (@ $plugin:ident $declaring:literal: $($role:ident $export:ident),+) => {
        const _: () = assert!(
            <$plugin as $crate::Plugin>::MANIFEST.is_declaring() == $declaring,
            "export!(..., schemas) goes with Manifest::declares(...), and neither without the other"
        );
        #[cfg(not(target_family = "wasm"))]
        const _: fn(&$crate::Input, &$crate::Context) -> Result<$crate::Account, $crate::Reject> =
            <$plugin as $crate::Plugin>::map;
        #[cfg(target_family = "wasm")]
        #[expect(unsafe_code, reason = "generated")]
        mod muster_plugin_exports {
            type Exported = $crate::glue::Glue<super::$plugin>;
            $($crate::glue::$role::$export!(Exported with_types_in $crate::glue::$role);)+
        }
    };
}
