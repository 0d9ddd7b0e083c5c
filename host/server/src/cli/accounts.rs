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
    /// Accounts of which kind of resource: User, Group, `ManualUser` (users whom the product made by hand), or a kind of the tenant's own
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
        let asked = self.state.clone();
        query.extend(self.state.map(|state| ("state", state)));
        query.extend(self.after.map(|after| ("after", after)));
        let path = ["tenants", &self.name, "accounts"];
        let answer = AdminClient::new(&self.remote)?.find(&path, &query).await?;
        if self.remote.json {
            return say(answer);
        }
        let Some(accounts) = answer["accounts"].as_array() else {
            return match states(&answer).as_slice() {
                [] => say("there is no account"),
                lines => lines.iter().try_for_each(say),
            };
        };
        if accounts.is_empty() {
            let others =
                by_hand(&answer, asked.as_deref()).map_or_else(String::new, |others| format!(" of SCIM; {others}"));
            return say(format!("there is no such account{others}"));
        }
        for account in accounts {
            say(line(account))?;
        }
        if let Some(next) = answer["next"].as_str() {
            say(format!("more: --after {next}"))?;
        }
        by_hand(&answer, asked.as_deref()).map_or(Ok(()), |others| say(format!("and {others}")))
    }
}

/// How many there are in each state. Nothing of SCIM counts those made by hand, so they have lines of their own.
fn states(answer: &Value) -> Vec<String> {
    let lines = |name: &str, says: &str| -> Vec<String> {
        let states = answer[name].as_array().into_iter().flatten();
        states.map(|state| format!("{:>9}  {}{says}", state["count"].to_string(), plain(&state["state"]))).collect()
    };
    [lines("states", ""), lines("manual", "   made by hand (--resource-type ManualUser)")].concat()
}

/// Where there are others in that state, who are not among those listed.
fn by_hand(answer: &Value, state: Option<&str>) -> Option<String> {
    let state = answer["manual"].as_array()?.iter().find(|manual| manual["state"].as_str() == state)?;
    Some(format!("{} made by hand: --resource-type ManualUser", state["count"]))
}

/// The id, and what the resource is called.
fn line(account: &Value) -> String {
    let resource = &account["resource"];
    let name = resource["userName"].as_str().or_else(|| resource["displayName"].as_str()).unwrap_or_default();
    let listed = if account["account"]["listed"] == false { "   not listed" } else { "" };
    format!("{}  {name}{listed}", plain(&account["id"]))
}
