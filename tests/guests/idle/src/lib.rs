//! Reads nothing and makes the same account of everybody: what is left of a call is what every call costs (`cargo xtask bench plugins`).

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

struct Idle;

impl Plugin for Idle {
    const MANIFEST: Manifest = Manifest::new("idle", "0.1.0").user(Resource::reads(&[]));

    fn map(_: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("active"))
    }
}

muster_plugin_sdk::export!(Idle: mapper);
