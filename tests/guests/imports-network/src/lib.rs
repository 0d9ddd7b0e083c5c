//! Wants to open a connection, which no plugin may: refused when it is loaded, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct ImportsNetwork;

impl Plugin for ImportsNetwork {
    const MANIFEST: Manifest = Manifest::new("imports-network", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => match std::net::TcpStream::connect("192.0.2.1:443") {
                Ok(_) => Ok(Account::new("active")),
                Err(_) => Err(Reject::new(403, "the network is not there")),
            },
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

muster_plugin_sdk::export!(ImportsNetwork: mapper);
