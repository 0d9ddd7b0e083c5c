//! Never answers, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct Loops;

impl Plugin for Loops {
    const MANIFEST: Manifest =
        Manifest::new("loops", "0.1.0").user(Resource::reads(&["userName"])).group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => loop {
                std::hint::black_box(input);
            },
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(Loops: mapper);
