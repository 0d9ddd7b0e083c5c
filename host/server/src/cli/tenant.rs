use clap::Subcommand;
use serde_json::{Value, json};

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
            Self::Account { name, id, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &name, "accounts", &id]).await?;
                if remote.json { say(answer) } else { say(serde_json::to_string_pretty(&answer)?) }
            }
        }
    }
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

/// A JSON string without its quotes.
pub(super) fn plain(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
