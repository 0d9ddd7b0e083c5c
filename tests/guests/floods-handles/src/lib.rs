//! Opens streams and closes none, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct FloodsHandles;

impl Plugin for FloodsHandles {
    const MANIFEST: Manifest = Manifest::new("floods-handles", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => loop {
                open();
            },
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

/// One more stream, which nobody will close.
fn open() {
    #[cfg(target_family = "wasm")]
    std::mem::forget(wasip2::cli::stdout::get_stdout());
}

muster_plugin_sdk::export!(FloodsHandles: mapper);
