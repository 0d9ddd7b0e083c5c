use clap::Args;
use serde_json::Value;

use super::line;
use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};

/// Of which server.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let answer = AdminClient::new(&self.remote)?.get(&["plugins"]).await?;
        if self.remote.json {
            return say(answer);
        }
        let plugins = answer["plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
        if plugins.is_empty() {
            return say("no plugin is kept; `muster plugin push` brings one");
        }
        for plugin in plugins {
            say(line(plugin))?;
            say(format_args!("  {}   {}{}", signed(plugin), bound(plugin), came(plugin)))?;
            if let Some(warning) = plugin["warning"].as_str() {
                say(format_args!("  warning: {warning}"))?;
            }
        }
        Ok(())
    }
}

/// What its signature is worth, in a few words.
fn signed(plugin: &Value) -> String {
    let key = plain(&plugin["signed_by"]);
    match plain(&plugin["standing"]) {
        "trusted" => format!("signed by {}", plain(&plugin["signed_by_name"])),
        "untrusted" => format!("signed by {key}, which is not trusted"),
        "broken" => format!("with a signature that {key} did not make"),
        _ => "not signed".to_owned(),
    }
}

/// From whom and where it came, as far as anybody has said.
fn came(plugin: &Value) -> String {
    let by = plugin["claimed_by"].as_str().map(|by| format!("   pushed by {by}"));
    let origin = plugin["origin"]["reference"].as_str().map(|from| format!("   from {from}"));
    [by, origin].into_iter().flatten().collect()
}

fn bound(plugin: &Value) -> String {
    let bound = match plugin["tenants"].as_u64() {
        Some(0) | None => "bound to no tenant".to_owned(),
        Some(1) => "bound to one tenant".to_owned(),
        Some(count) => format!("bound to {count} tenants"),
    };
    match plugin["can_go_back"].as_u64() {
        Some(0) | None => bound,
        Some(1) => format!("{bound}; one tenant can go back to it"),
        Some(count) => format!("{bound}; {count} tenants can go back to it"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_signature_is_worth_is_told_in_words() {
        let told = |standing: &str| {
            signed(&json!({ "standing": standing, "signed_by": "ed25519:ab", "signed_by_name": "vendor" }))
        };
        assert_eq!(told("trusted"), "signed by vendor");
        assert_eq!(told("untrusted"), "signed by ed25519:ab, which is not trusted");
        assert_eq!(told("broken"), "with a signature that ed25519:ab did not make");
        assert_eq!(told("unsigned"), "not signed");
        let from = json!({ "claimed_by": "ada", "origin": { "reference": "oci://ghcr.io/a:1" } });
        assert_eq!(
            (came(&from).as_str(), came(&json!({})).as_str()),
            ("   pushed by ada   from oci://ghcr.io/a:1", "")
        );
        let counts = [0, 1, 7].map(|count| bound(&json!({ "tenants": count })));
        assert_eq!(counts, ["bound to no tenant", "bound to one tenant", "bound to 7 tenants"]);
        let back = |count: u64| bound(&json!({ "tenants": 0, "can_go_back": count }));
        assert_eq!(back(0), "bound to no tenant");
        assert_eq!(back(1), "bound to no tenant; one tenant can go back to it");
        assert_eq!(back(2), "bound to no tenant; 2 tenants can go back to it");
    }
}
