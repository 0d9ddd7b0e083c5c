//! Its base path stands inside `/scim/v2`, where other tenants' users are: it must not take them away.

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

struct LongBasePath;

impl Plugin for LongBasePath {
    const MANIFEST: Manifest = Manifest::new("long-base-path", "1.0.0")
        .base_path("/scim/v2/Users")
        .user(Resource::reads(&["userName"]))
        .states(&["active"]);

    fn map(_: &Input, _: &Context) -> Result<Account, Reject> {
        Ok(Account::new("active"))
    }
}

muster_plugin_sdk::export!(LongBasePath: mapper);
