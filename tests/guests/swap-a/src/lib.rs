//! One of two versions of the same plugin: what is retained (`displayName`) and the state (`a`) show which one made an answer.

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

struct SwapA;

impl Plugin for SwapA {
    const MANIFEST: Manifest = Manifest::new("swap", "1.0.0")
        .user(Resource::reads(&["userName", "displayName"]).retains(&["userName", "displayName"]))
        .states(&["a"]);

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("a").field("version", "a").field("displayName", input.text("displayName")))
    }
}

muster_plugin_sdk::export!(SwapA: mapper);
