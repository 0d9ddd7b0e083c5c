//! Answers with a text that is no UTF-8, for every user; groups are mapped as they should be.

use muster_plugin_sdk::{Account, Context, Input, Kind, Manifest, Plugin, Reject, Resource};

struct ForgesText;

impl Plugin for ForgesText {
    const MANIFEST: Manifest = Manifest::new("forges-text", "0.1.0")
        .user(Resource::reads(&["userName"]))
        .group(Resource::reads(&["displayName"]));

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        match input.kind() {
            Kind::User => Ok(Account::new("active").field("name", forged())),
            Kind::Group => Ok(Account::new("active").field("name", input.text("displayName"))),
        }
    }
}

#[expect(unsafe_code, reason = "safe Rust cannot make such a text, other languages can")]
fn forged() -> String {
    // SAFETY: it is not sound, and that is what it is for; nothing but the host looks at it.
    unsafe { String::from_utf8_unchecked(std::hint::black_box(vec![b'a', 0xff, 0xfe])) }
}

muster_plugin_sdk::export!(ForgesText: mapper);
