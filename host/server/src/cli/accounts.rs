use clap::Args;
use serde_json::Value;

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};

/// How many accounts of a tenant are in each state; with --state, those that are in it.
#[derive(Debug, Args)]
pub(super) struct Accounts {
    name: String,
    /// The plugin's own word: invited, active, ...
    #[arg(long)]
    state: Option<String>,
    /// Accounts of which kind of resource
    #[arg(long, default_value = "User")]
    resource_type: String,
    /// Only accounts behind the one with this id
    #[arg(long, requires = "state")]
    after: Option<String>,
    /// How many accounts at most
    #[arg(long, default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    remote: Remote,
}

impl Accounts {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut query = vec![("resource_type", self.resource_type), ("limit", self.limit.to_string())];
        query.extend(self.state.map(|state| ("state", state)));
        query.extend(self.after.map(|after| ("after", after)));
        let path = ["tenants", &self.name, "accounts"];
        let answer = AdminClient::new(&self.remote)?.find(&path, &query).await?;
        if self.remote.json {
            return say(answer);
        }
        let Some(accounts) = answer["accounts"].as_array() else {
            let states = answer["states"].as_array().map(Vec::as_slice).unwrap_or_default();
            if states.is_empty() {
                return say("there is no account");
            }
            for state in states {
                say(format!("{:>9}  {}", state["count"].to_string(), plain(&state["state"])))?;
            }
            return Ok(());
        };
        if accounts.is_empty() {
            return say("there is no such account");
        }
        for account in accounts {
            say(line(account))?;
        }
        if let Some(next) = answer["next"].as_str() {
            say(format!("more: --after {next}"))?;
        }
        Ok(())
    }
}

/// The id, and what the resource is called.
fn line(account: &Value) -> String {
    let resource = &account["resource"];
    let name = resource["userName"].as_str().or_else(|| resource["displayName"].as_str()).unwrap_or_default();
    let listed = if account["account"]["listed"] == false { "   not listed" } else { "" };
    format!("{}  {name}{listed}", plain(&account["id"]))
}
