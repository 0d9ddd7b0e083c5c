use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::admin_client::AdminClient;
use super::{Remote, config, say};

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
    Bind {
        name: String,
        /// The plugin; without it, the present one
        #[arg(long)]
        plugin: Option<String>,
        /// The plugin's configuration: JSON, or @file; without it, the present one
        #[arg(long)]
        config: Option<String>,
        /// Only if the binding is at this revision
        #[arg(long)]
        expected_revision: Option<u64>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Goes back to the binding before the present one
    Rollback {
        name: String,
        /// Only if the binding is at this revision
        #[arg(long)]
        expected_revision: Option<u64>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows how a tenant's identity provider is met, or changes it while it is served: the profile, and what is declared beside the RFCs
    Scim {
        name: String,
        /// Which departures from the RFCs are forgiven: default, strict-rfc, okta-oin, entra, ...
        #[arg(long)]
        profile: Option<String>,
        /// Extensions and resource types of this tenant: a file with JSON, {"extensions":[...],"resourceTypes":[...]}
        #[arg(long)]
        file: Option<PathBuf>,
        /// Only if the binding is at this revision
        #[arg(long)]
        expected_revision: Option<u64>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows a tenant's last requests: what arrived, what was forgiven, what was refused and why
    Requests {
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows what the identity provider and what the product see of one user or group
    Account {
        name: String,
        /// The id of the user or group
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Tenant {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create { name, plugin, config: text, remote } => {
                let body = json!({ "name": name, "plugin": plugin, "config": config(&text)? });
                let made = AdminClient::new(&remote)?.post(&["tenants"], &body).await?;
                if remote.json {
                    let answer =
                        json!({ "tenant": made["tenant"], "scim_base": made["scim_base"], "token": made["token"] });
                    return say(answer);
                }
                say(format!("tenant     {}", plain(&made["tenant"])))?;
                say(format!("SCIM base  {}", plain(&made["scim_base"])))?;
                say(format!("token      {}   (shown this once)", plain(&made["token"])))
            }
            Self::List { remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants"]).await?;
                if remote.json {
                    return say(answer);
                }
                for tenant in answer["tenants"].as_array().into_iter().flatten() {
                    say(line(tenant))?;
                }
                Ok(())
            }
            Self::Show { name, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &name]).await?;
                shown(&remote, &answer)
            }
            Self::Bind { name, plugin, config: text, expected_revision, remote } => {
                let new = text.as_deref().map(config).transpose()?;
                let body = json!({ "plugin": plugin, "config": new, "expected_revision": expected_revision });
                let answer = AdminClient::new(&remote)?.put(&["tenants", &name, "binding"], &body).await?;
                shown(&remote, &answer)
            }
            Self::Rollback { name, expected_revision, remote } => {
                let body = json!({ "expected_revision": expected_revision });
                let answer = AdminClient::new(&remote)?.post(&["tenants", &name, "binding", "rollback"], &body).await?;
                shown(&remote, &answer)
            }
            Self::Scim { name, profile, file, expected_revision, remote } => {
                let client = AdminClient::new(&remote)?;
                let path = ["tenants", &name, "scim"];
                let answer = match (&profile, &file) {
                    (None, None) => client.get(&path).await?,
                    (_, _) => {
                        client.put(&path, &settings(profile.as_deref(), file.as_deref(), expected_revision)?).await?
                    }
                };
                if remote.json { say(answer) } else { said(&answer) }
            }
            Self::Requests { name, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &name, "requests"]).await?;
                if remote.json {
                    return say(answer);
                }
                answer["requests"].as_array().into_iter().flatten().try_for_each(request)
            }
            Self::Account { name, id, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &name, "accounts", &id]).await?;
                if remote.json { say(answer) } else { say(serde_json::to_string_pretty(&answer)?) }
            }
        }
    }
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
    let text = std::fs::read_to_string(file).with_context(place)?;
    let value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", place()))?;
    let Value::Object(declarations) = value else { bail!("{} is no JSON object", place()) };
    Ok(declarations)
}

/// A tenant's settings, a line for each thing that it has beside the RFCs.
fn said(settings: &Value) -> anyhow::Result<()> {
    say(format!("tenant     {}   revision {}", plain(&settings["tenant"]), settings["revision"]))?;
    say(format!("profile    {}", plain(&settings["profile"])))?;
    for extension in settings["extensions"].as_array().into_iter().flatten() {
        say(format!("extension  {} of {}", plain(&extension["schema"]["id"]), plain(&extension["resourceType"])))?;
    }
    for resource_type in settings["resourceTypes"].as_array().into_iter().flatten() {
        let (name, endpoint) = (plain(&resource_type["name"]), plain(&resource_type["endpoint"]));
        say(format!("type       {name} at {endpoint}, {}", plain(&resource_type["schema"]["id"])))?;
    }
    Ok(())
}

fn shown(remote: &Remote, tenant: &Value) -> anyhow::Result<()> {
    if remote.json { say(tenant) } else { say(line(tenant)) }
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

/// One request, and under it what was forgiven.
fn request(request: &Value) -> anyhow::Result<()> {
    let refusal = match (plain(&request["scimType"]), plain(&request["detail"])) {
        ("", detail) => detail.to_owned(),
        (scim_type, detail) => format!("{scim_type}: {detail}"),
    };
    let (at, method, path) = (plain(&request["at"]), plain(&request["method"]), plain(&request["path"]));
    say(format!("{at}  {method:<6} {path}  {} {refusal}", request["status"]).trim_end())?;
    for rewrite in request["rewrites"].as_array().into_iter().flatten() {
        say(format!("    {}", plain(&rewrite["says"])))?;
    }
    Ok(())
}

/// A JSON string without its quotes.
pub(super) fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
