//! Lets the host do the work, without end: reads the whole configuration again and again, and logs; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Config, Context, Input, Kind, Manifest, Plugin, Reject, Resource, log};

struct CallsHost;

impl Plugin for CallsHost {
    const MANIFEST: Manifest = Manifest::new("calls-host", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, context: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => loop {
                work(context.config());
            },
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

fn work(config: &Config) {
    std::hint::black_box(config.text(""));
    log::info("still at it");
}

muster_plugin_sdk::export!(CallsHost: mapper);
