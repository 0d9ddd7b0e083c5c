//! Panics, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct Traps;

impl Plugin for Traps {
    const MANIFEST: Manifest =
        Manifest::new("traps", "0.1.0").user(Resource::reads(&["userName"])).group(Resource::reads(&["displayName"]));

    #[expect(clippy::panic, reason = "that is what it is for")]
    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => panic!("this guest panics"),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(Traps: mapper);
