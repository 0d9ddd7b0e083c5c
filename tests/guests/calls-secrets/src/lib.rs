//! Asks for a secret, which only `delivery` may, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource, delivery};

struct CallsSecrets;

impl Plugin for CallsSecrets {
    const MANIFEST: Manifest = Manifest::new("calls-secrets", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => Ok(Account::new("active").field("secret", delivery::secret_header("api-key"))),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(CallsSecrets: mapper);
