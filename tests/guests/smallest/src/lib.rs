//! The smallest mapper that an author can write, as in the SDK's documentation.

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

struct Smallest;

impl Plugin for Smallest {
    const MANIFEST: Manifest =
        Manifest::new("smallest", "0.1.0").user(Resource::reads(&["userName", "displayName", "active"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        let email = input.text("userName").ok_or_else(|| Reject::invalid_value("userName is required"))?;
        let state = if input.is_active() { "active" } else { "disabled" };
        Ok(Account::new(state).field("email", email).field("full_name", input.text("displayName")))
    }
}

muster_plugin_sdk::export!(Smallest: mapper);
