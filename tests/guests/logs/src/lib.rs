//! Floods the log, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource, log};

struct Logs;

impl Plugin for Logs {
    const MANIFEST: Manifest =
        Manifest::new("logs", "0.1.0").user(Resource::reads(&["userName"])).group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => {
                for line in 0..200 {
                    log::info(&format!("line {line} {}", "x".repeat(line * 80)));
                }
                Ok(Account::new("active"))
            }
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(Logs: mapper);
