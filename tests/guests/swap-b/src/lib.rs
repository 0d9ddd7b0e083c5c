//! One of two versions of the same plugin: what is retained (`title`) and the state (`b`) show which one made an answer. Unlike the other one
//! its instances are kept between calls.

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

struct SwapB;

impl Plugin for SwapB {
    const MANIFEST: Manifest = Manifest::new("swap", "2.0.0")
        .user(Resource::reads(&["userName", "title"]).retains(&["userName", "title"]))
        .states(&["b"])
        .calls_per_instance(100);

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("b").field("version", "b").field("title", input.text("title")))
    }
}

muster_plugin_sdk::export!(SwapB: mapper);
