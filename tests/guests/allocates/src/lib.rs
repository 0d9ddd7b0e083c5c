//! Wants more and more memory, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct Allocates;

impl Plugin for Allocates {
    const MANIFEST: Manifest = Manifest::new("allocates", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => Ok(Account::new(hoard())),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

fn hoard() -> &'static str {
    let mut hoard = Vec::new();
    loop {
        // Taken and not touched: to fill it would take longer than a call may.
        hoard.push(std::hint::black_box(Vec::<u8>::with_capacity(8 << 20)));
    }
}

muster_plugin_sdk::export!(Allocates: mapper);
