//! Sleeps for a minute, in the host, where no deadline would reach it, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct Waits;

impl Plugin for Waits {
    const MANIFEST: Manifest =
        Manifest::new("waits", "0.1.0").user(Resource::reads(&["userName"])).group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => {
                std::thread::sleep(std::time::Duration::from_mins(1));
                Ok(Account::new("active"))
            }
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(Waits: mapper);
