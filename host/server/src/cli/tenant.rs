use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::accounts::Accounts;
use super::admin_client::AdminClient;
use super::binding::{Bind, Rollback};
use super::grant::{self, Grant, Grants, Wants, Withdraw};
use super::requests::{Request, Requests};
use super::secret::Secret;
use super::{Remote, config, say};
use crate::files::Told as _;

#[derive(Debug, Subcommand)]
pub(super) enum Tenant {
    /// Creates a tenant with its plugin and a first token
    Create {
        /// Lower-case letters, digits and `-`
        name: String,
        /// A plugin that was pushed: its name (the newest), name@version, or digest
        #[arg(long)]
        plugin: String,
        /// The plugin's configuration: JSON, or @file
        #[arg(long, default_value = "{}")]
        config: String,
        #[command(flatten)]
        grants: Grants,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists all tenants
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows one tenant
    Show {
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Replaces a tenant's plugin or its configuration while it is served
    Bind(Bind),
    /// Goes back to the binding before the present one
    Rollback(Rollback),
    /// Shows what a plugin wants beside mapping, what of it was granted, since when and by whom
    Wants(Wants),
    /// Grants a plugin's name what it wants
    Grant(Grant),
    /// Takes back what was granted to a plugin's name
    Withdraw(Withdraw),
    /// Sets, lists and removes what a tenant's plugins may send without seeing it
    #[command(subcommand)]
    Secret(Secret),
    /// Shows how a tenant's identity provider is met, or changes it while it is served: the profile, and what is declared beside the RFCs
    Scim {
        name: String,
        /// Which departures from the RFCs are forgiven: default, strict-rfc, okta-oin, entra, ...
        #[arg(long)]
        profile: Option<String>,
        /// Extensions and resource types of this tenant: a file with JSON, {"extensions":[...],"resourceTypes":[...]}
        #[arg(long)]
        file: Option<PathBuf>,
        /// What becomes of a write to which the plugin gives no answer: not made, or made with the host's standard mapping and marked
        #[arg(long, value_parser = ["refuse", "pass-through"])]
        on_plugin_failure: Option<String>,
        /// Only if the binding is at this revision
        #[arg(long)]
        expected_revision: Option<u64>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows a tenant's requests: what arrived, what was forgiven, what was refused and why
    Requests(Requests),
    /// Shows one request, whole: what came, what was made of it, what was answered
    Request(Request),
    /// Shows how long a tenant's history is kept; with any option, sets it, and removes at once what is older
    Retention {
        name: String,
        /// Days that the log is kept, or `forever`
        #[arg(long, value_parser = days)]
        log_days: Option<Kept>,
        /// Days that requests are kept; 0: none is kept
        #[arg(long)]
        requests_days: Option<u32>,
        /// MiB for requests: the oldest go first; 0: none is kept
        #[arg(long)]
        requests_mib: Option<u32>,
        /// Whether the values in requests are kept, as far as the directory keeps them, or what they look like only
        #[arg(long, value_parser = ["shown", "hidden"])]
        requests_values: Option<String>,
        /// Days that a task is kept which nothing will become of any more
        #[arg(long)]
        tasks_days: Option<u32>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows how many accounts are in each state, or those in one; those made by hand apart
    Accounts(Accounts),
    /// Shows what the identity provider and what the product see of one user or group, or of an account made by hand
    Account {
        name: String,
        /// The id of the user, group or account
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Tenant {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create { name, plugin, config: text, grants, remote } => {
                let mut body = json!({ "name": name, "plugin": plugin, "config": config(&text)? });
                grants.put_into(&mut body);
                let client = AdminClient::new(&remote)?;
                let made = client.post(&["tenants"], &body).await?;
                let granted = grants.told(&client, &name).await?;
                created(&remote, &made, granted)
            }
            Self::Wants(wants) => wants.run().await,
            Self::Grant(grant) => grant.run().await,
            Self::Withdraw(withdraw) => withdraw.run().await,
            Self::Secret(secret) => secret.run().await,
            Self::List { remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants"]).await?;
                if remote.json {
                    return say(answer);
                }
                match answer["tenants"].as_array().map(Vec::as_slice).unwrap_or_default() {
                    [] => say("there is no tenant; `muster tenant create` makes one"),
                    tenants => tenants.iter().map(line).try_for_each(say),
                }
            }
            Self::Show { name, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &name]).await?;
                shown(&remote, &answer)
            }
            Self::Bind(bind) => bind.run().await,
            Self::Rollback(rollback) => rollback.run().await,
            Self::Scim { name, profile, file, on_plugin_failure, expected_revision, remote } => {
                let client = AdminClient::new(&remote)?;
                let path = ["tenants", &name, "scim"];
                let answer = if profile.is_none() && file.is_none() && on_plugin_failure.is_none() {
                    client.get(&path).await?
                } else {
                    let mut new = settings(profile.as_deref(), file.as_deref(), expected_revision)?;
                    if let Some(choice) = on_plugin_failure {
                        new["on_plugin_failure"] = json!(choice);
                    }
                    client.put(&path, &new).await?
                };
                if remote.json { say(answer) } else { said(&answer) }
            }
            Self::Requests(requests) => requests.run().await,
            Self::Request(request) => request.run().await,
            Self::Retention { name, log_days, requests_days, requests_mib, requests_values, tasks_days, remote } => {
                let mut body = Map::new();
                body.extend(log_days.map(|Kept(days)| ("log_days".to_owned(), json!(days))));
                body.extend(requests_days.map(|days| ("requests_days".to_owned(), json!(days))));
                body.extend(requests_mib.map(|mib| ("requests_mib".to_owned(), json!(mib))));
                body.extend(requests_values.map(|values| ("requests_values".to_owned(), json!(values))));
                body.extend(tasks_days.map(|days| ("tasks_days".to_owned(), json!(days))));
                let (client, path) = (AdminClient::new(&remote)?, ["tenants", &name, "retention"]);
                let answer = if body.is_empty() {
                    client.get(&path).await?
                } else {
                    client.put(&path, &Value::Object(body)).await?
                };
                if remote.json { say(answer) } else { kept(&answer) }
            }
            Self::Accounts(accounts) => accounts.run().await,
            Self::Account { name, id, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &name, "accounts", &id]).await?;
                if remote.json { say(answer) } else { sides(&answer) }
            }
        }
    }
}

/// What a new tenant's administrator needs.
fn created(remote: &Remote, made: &Value, granted: Option<Value>) -> anyhow::Result<()> {
    if remote.json {
        let mut answer = json!({
            "tenant": made["tenant"], "scim_base": made["scim_base"], "own_base": made["own_base"], "token": made["token"],
        });
        if let Some(warning) = made.get("warning") {
            answer["warning"] = warning.clone();
        }
        grant::beside(&mut answer, granted);
        return say(answer);
    }
    say(format!("tenant     {}", plain(&made["tenant"])))?;
    say(format!("SCIM base  {}", plain(&made["scim_base"])))?;
    say(format!("its own    {}   (the same, for this tenant alone)", plain(&made["own_base"])))?;
    say(format!("token      {}   (shown this once)", plain(&made["token"])))?;
    warned(made)?;
    granted.map_or(Ok(()), |wants| grant::shown(remote, &wants))
}

/// A body for the admin API: what the file declares, with what stands on the command line.
fn settings(profile: Option<&str>, file: Option<&Path>, expected_revision: Option<u64>) -> anyhow::Result<Value> {
    let mut body = file.map_or_else(|| Ok(Map::new()), declarations)?;
    let given = [("profile", json!(profile)), ("expected_revision", json!(expected_revision))];
    body.extend(given.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)));
    Ok(Value::Object(body))
}

fn declarations(file: &Path) -> anyhow::Result<Map<String, Value>> {
    let place = || format!("--file {}", file.display());
    let text = std::fs::read_to_string(file).of(file, "what the tenant declares").context("--file")?;
    let value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", place()))?;
    let Value::Object(declarations) = value else { bail!("{} is no JSON object", place()) };
    Ok(declarations)
}

/// A tenant's settings, a line for each thing that it has beside the RFCs.
fn said(settings: &Value) -> anyhow::Result<()> {
    say(format!("tenant     {}   revision {}", plain(&settings["tenant"]), settings["revision"]))?;
    say(format!("profile    {}", plain(&settings["profile"])))?;
    if settings["on_plugin_failure"] != "refuse" {
        say(format!("no answer  {}", plain(&settings["on_plugin_failure"])))?;
    }
    for extension in settings["extensions"].as_array().into_iter().flatten() {
        say(format!("extension  {} of {}", plain(&extension["schema"]["id"]), plain(&extension["resourceType"])))?;
    }
    for resource_type in settings["resourceTypes"].as_array().into_iter().flatten() {
        let (name, endpoint) = (plain(&resource_type["name"]), plain(&resource_type["endpoint"]));
        say(format!("type       {name} at {endpoint}, {}", plain(&resource_type["schema"]["id"])))?;
    }
    Ok(())
}

pub(super) fn shown(remote: &Remote, tenant: &Value) -> anyhow::Result<()> {
    if remote.json { say(tenant) } else { say(line(tenant)) }
}

/// What speaks against the plugin that was bound.
pub(super) fn warned(answer: &Value) -> anyhow::Result<()> {
    answer["warning"].as_str().map_or(Ok(()), |warning| say(format_args!("  warning: {warning}")))
}

/// Both sides of a user or group.
fn sides(answer: &Value) -> anyhow::Result<()> {
    let (kind, id) = (plain(&answer["resource_type"]), plain(&answer["id"]));
    let by_hand = if kind == "ManualUser" { " (made by hand: no list of SCIM has it)" } else { "" };
    say(format!("{kind} {id}{by_hand}, mapped by {}", plain(&answer["mapped_by"])))?;
    say(format!("resource {}", serde_json::to_string_pretty(&answer["resource"])?))?;
    say(format!("account {}", serde_json::to_string_pretty(&answer["account"])?))
}

fn line(tenant: &Value) -> String {
    let plugin = &tenant["plugin"];
    let loaded = if tenant["loaded"] == true { "" } else { "   NOT LOADED" };
    let (name, version) = (plain(&plugin["name"]), plain(&plugin["version"]));
    let digest: String = plain(&plugin["digest"]).chars().take(12).collect();
    format!(
        "{:<24} {name} {version} ({digest})   revision {}   {}   {}{loaded}",
        plain(&tenant["tenant"]),
        tenant["revision"],
        plain(&tenant["base_path"]),
        tenant["config"]
    )
}

/// How many days; `None`: for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept(Option<u32>);

fn days(text: &str) -> Result<Kept, String> {
    match text {
        "forever" => Ok(Kept(None)),
        days => days.parse().map(|days| Kept(Some(days))).map_err(|_| "a number of days, or `forever`".to_owned()),
    }
}

/// How long a tenant's history is kept, and how far its log reaches.
fn kept(answer: &Value) -> anyhow::Result<()> {
    let span = |days: u64| if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    let days = answer["log_days"].as_u64().map_or_else(|| "for ever".to_owned(), span);
    let log = &answer["log"];
    let removed = match log["removed"].as_u64() {
        None | Some(0) => String::new(),
        Some(1) => "; 1 was removed".to_owned(),
        Some(removed) => format!("; {removed} were removed"),
    };
    let entries = match (log["first"].as_u64(), log["last"].as_u64()) {
        (Some(first), Some(last)) if first <= last => format!("entries {first} to {last}"),
        _ => "no entries".to_owned(),
    };
    say(format!("log        {days}   ({entries}{removed})"))?;
    let values = plain(&answer["requests_values"]);
    let days = span(answer["requests_days"].as_u64().unwrap_or_default());
    say(format!("requests   {days}, {} MiB, values {values}", answer["requests_mib"]))?;
    say(format!("tasks      {} when they are over", span(answer["tasks_days"].as_u64().unwrap_or_default())))?;
    match answer["paused"].as_str() {
        Some(paused) => say(format!("paused     {paused}")),
        None => Ok(()),
    }
}

/// A JSON string without its quotes.
pub(super) fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
