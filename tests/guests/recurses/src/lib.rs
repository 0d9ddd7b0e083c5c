//! Calls itself without end, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct Recurses;

impl Plugin for Recurses {
    const MANIFEST: Manifest = Manifest::new("recurses", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => Ok(Account::new("active").field("depth", depth(0))),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn depth(so_far: i64) -> i64 {
    std::hint::black_box(depth(std::hint::black_box(so_far) + 1)) + 1
}

muster_plugin_sdk::export!(Recurses: mapper);
