//! Refuses with 409 and a sentence of its own, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct Rejects;

impl Plugin for Rejects {
    const MANIFEST: Manifest =
        Manifest::new("rejects", "0.1.0").user(Resource::reads(&["userName"])).group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => Err(Reject::taken("userName is reserved by this guest")),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(Rejects: mapper);
