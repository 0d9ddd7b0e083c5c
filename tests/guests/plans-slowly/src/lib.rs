//! Works a few milliseconds for each member that a group gains: within the deadline of a call, and for ever if the group is large.

use muster_plugin_sdk::{Account, Change, Context, Event, Input, Manifest, Plugin, Reject, Resource, Task};

struct PlansSlowly;

impl Plugin for PlansSlowly {
    const MANIFEST: Manifest = Manifest::new("plans-slowly", "1.0.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]).plans_on(&[Event::MemberAdded]))
        .states(&["active"]);

    fn map(_: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("active"))
    }

    fn plan(_: &Change, _: &Context) -> Result<Vec<Task>, Reject> {
        let mut number: u64 = 1;
        for _ in 0..2_000_000 {
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        }
        if number == 0 { Err(Reject::invalid_value("members cannot be counted")) } else { Ok(Vec::new()) }
    }
}

muster_plugin_sdk::export!(PlansSlowly);
