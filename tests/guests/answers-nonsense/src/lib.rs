//! Breaks the contract with what it answers for every user, in the way that `userName` says; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource, Value};

struct AnswersNonsense;

impl Plugin for AnswersNonsense {
    const MANIFEST: Manifest = Manifest::new("answers-nonsense", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        let account = Account::new("active");
        let many = 0..300;
        let user_name = if input.kind() == Kind::User { input.text("userName") } else { None };
        match (input.kind(), user_name.unwrap_or_default()) {
            (Kind::Group, _) => Ok(account),
            (Kind::User, "status") => Err(Reject::new(200, "all is well")),
            (Kind::User, "detail") => Err(Reject::new(409, "x".repeat(2_000))),
            (Kind::User, "decimal") => Ok(account.field("height", f64::NAN)),
            (Kind::User, "json") => Ok(account.field("roles", Value::Json("{".to_owned()))),
            (Kind::User, "nul") => Ok(account.field("name", "a\0b")),
            (Kind::User, "string") => Ok(account.field("name", "x".repeat(70_000))),
            (Kind::User, "answer") => {
                Ok((0..5).fold(account, |account, n| account.field(&n.to_string(), "x".repeat(60_000))))
            }
            (Kind::User, "keys") => Ok(many.fold(account, |account, n| account.key("userName", &n.to_string()))),
            (Kind::User, "key") => Ok(account.key("no such attribute", "x")),
            (Kind::User, "fields") => Ok(many.fold(account, |account, n| account.field(&n.to_string(), n))),
            (Kind::User, _) => Ok(Account::new("a state that the manifest does not have")),
        }
    }
}

muster_plugin_sdk::export!(AnswersNonsense: mapper);
