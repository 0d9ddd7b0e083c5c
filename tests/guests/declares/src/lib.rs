//! Declares what its customers send beside RFC 7643: an extension of users, which it reads, and devices, which it is not asked about.

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

const BADGE: &str = "urn:example:params:scim:schemas:extension:acme:2.0:User:badge";
const FLOOR: &str = "urn:example:params:scim:schemas:extension:acme:2.0:User:desk.floor";

struct Declares;

impl Plugin for Declares {
    const MANIFEST: Manifest = Manifest::new("declares", "1.0.0")
        .user(
            Resource::reads(&["userName", BADGE, FLOOR])
                .retains(&["userName", "urn:example:params:scim:schemas:extension:acme:2.0:User"]),
        )
        .states(&["active"])
        .declares(include_str!("schemas.json"));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        if input.text(BADGE) == Some("B-0") {
            return Err(Reject::invalid_value("badge is one of those that are never given out"));
        }
        Ok(Account::new("active").field("badge", input.text(BADGE)).field("floor", input.integer(FLOOR)))
    }
}

muster_plugin_sdk::export!(Declares: mapper, schemas);
