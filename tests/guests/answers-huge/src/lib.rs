//! Answers with a string of 10 MiB, or with a list of 50,000 if that is the user's name, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct AnswersHuge;

impl Plugin for AnswersHuge {
    const MANIFEST: Manifest = Manifest::new("answers-huge", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User if input.text("userName") == Some("list") => {
                Ok((0..50_000).fold(Account::new("active"), |account, _| account.key("userName", "x")))
            }
            Kind::User => Ok(Account::new("active").field("name", "x".repeat(10 << 20))),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(AnswersHuge: mapper);
