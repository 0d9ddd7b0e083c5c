//! Asks for passwords, and keeps only how long the last one was: a product would hash it.

use muster_plugin_sdk::{Account, Context, Input, Manifest, Plugin, Reject, Resource};

struct ReadsPassword;

impl Plugin for ReadsPassword {
    const MANIFEST: Manifest = Manifest::new("reads-password", "1.0.0")
        .user(Resource::reads(&["userName", "password"]).retains(&["userName", "displayName"]))
        .states(&["active"]);

    fn map(input: &Input, _: &Context) -> Result<Account, Reject> {
        // A request without a password leaves the one there is (RFC 7643 §4.1.1: nobody can send back what nobody is shown).
        let before = input.current().and_then(|account| account.get("password_characters")?.as_integer());
        let sent = input.text("password").and_then(|password| i64::try_from(password.chars().count()).ok());
        Ok(Account::new("active").field("password_characters", sent.or(before)))
    }
}

muster_plugin_sdk::export!(ReadsPassword: mapper);
