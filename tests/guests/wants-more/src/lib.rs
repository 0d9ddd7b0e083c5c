//! The next version of `wants`: it calls more hosts than the first one, and wants no secret and no state.

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource, Want};

struct WantsMore;

impl Plugin for WantsMore {
    const MANIFEST: Manifest =
        Manifest::new("wants", "2.0.0").user(Resource::reads(&["userName"]).retains(&["userName"])).wants(&[
            Want::origin("https://api.example.com", "invitations are sent there"),
            Want::origin("https://*.files.example.com:8443", "pictures are fetched from there"),
        ]);

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("active").field("version", "2.0.0").field("email", input.text("userName")))
    }
}

muster_plugin_sdk::export!(WantsMore: mapper);
