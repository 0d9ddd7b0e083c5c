//! Shows what a pure function must not see change: the clock, random numbers, and the order of a hash map, which is random too.

use std::collections::HashMap;
use std::time::SystemTime;

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

struct ReadsClockAndRandom;

impl Plugin for ReadsClockAndRandom {
    const MANIFEST: Manifest = Manifest::new("reads-clock-and-random", "0.1.0").user(Resource::reads(&["userName"]));

    #[expect(clippy::disallowed_methods, reason = "that is what it is for")]
    fn map(_: &Input, _: &Context) -> Result<Account, Reject> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let clock = since.ok().and_then(|since| i64::try_from(since.as_millis()).ok());
        let numbers: HashMap<u32, ()> = (0..64).map(|number| (number, ())).collect();
        let order: Vec<String> = numbers.keys().map(ToString::to_string).collect();
        Ok(Account::new("active").field("clock", clock).field("order", order.join(" ")))
    }
}

muster_plugin_sdk::export!(ReadsClockAndRandom: mapper);
