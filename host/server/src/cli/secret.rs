//! What a tenant's plugins may send without ever seeing it: `muster tenant secret set|list|remove`.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Subcommand;
use muster_service::MAX_SECRET_BYTES;
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};
use crate::files::Told as _;

#[derive(Debug, Subcommand)]
pub(super) enum Secret {
    /// Sets a secret, or replaces its value; it is read from standard input or from a file, and is never shown again
    Set {
        /// The tenant
        name: String,
        /// The secret's name, as the plugin asks for it
        secret: String,
        /// The file with the value; without it, or with `-`, standard input. A final line break is no part of it
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists the names of a tenant's secrets, without their values
    List {
        /// The tenant
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Removes a secret: the next request of a plugin goes without it
    Remove {
        /// The tenant
        name: String,
        /// The secret's name
        secret: String,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Secret {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Set { name, secret, file, remote } => {
                let value = value(file)?;
                let client = AdminClient::new(&remote)?;
                let answer =
                    client.post(&["tenants", &name, "secrets"], &json!({ "name": secret, "value": value })).await?;
                shown(&remote, &answer, Some(&format!("secret {secret} of tenant {name} is set")))
            }
            Self::List { name, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &name, "secrets"]).await?;
                shown(&remote, &answer, None)
            }
            Self::Remove { name, secret, remote } => {
                let answer = AdminClient::new(&remote)?
                    .post(&["tenants", &name, "secrets", "remove"], &json!({ "name": secret }))
                    .await?;
                shown(&remote, &answer, Some(&format!("secret {secret} of tenant {name} is removed")))
            }
        }
    }
}

/// The value, which is never an argument: those are seen by whoever lists the machine's processes.
fn value(file: Option<PathBuf>) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    // A line break and one byte more than there can be: that shows that there is too much.
    let most = u64::try_from(MAX_SECRET_BYTES).unwrap_or(u64::MAX).saturating_add(3);
    match file.filter(|file| file.as_os_str() != "-") {
        Some(file) => {
            std::fs::File::open(&file)
                .and_then(|opened| opened.take(most).read_to_end(&mut bytes))
                .of(&file, "the value of the secret")?;
        }
        None => {
            std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("standard input")?;
        }
    }
    let value = String::from_utf8(bytes).ok().context("a secret is text, and this is none")?;
    let value = value.strip_suffix('\n').map_or(value.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    ensure!(!value.is_empty(), "the secret is empty; its value comes on standard input, or from --file");
    Ok(value.to_owned())
}

fn shown(remote: &Remote, answer: &Value, done: Option<&str>) -> anyhow::Result<()> {
    if remote.json {
        return say(answer);
    }
    if let Some(done) = done {
        return say(done);
    }
    lines(answer).into_iter().try_for_each(say)
}

fn lines(answer: &Value) -> Vec<String> {
    let secrets = answer["secrets"].as_array().map(Vec::as_slice).unwrap_or_default();
    if secrets.is_empty() {
        let tenant = plain(&answer["tenant"]);
        return vec![format!("tenant {tenant} has no secret; `muster tenant secret set {tenant} NAME` sets one")];
    }
    let line = |secret: &Value| {
        let opens = if secret["opens"] == true { "" } else { "   SEALED WITH ANOTHER KEY: set it anew" };
        let (name, since, by) = (plain(&secret["name"]), plain(&secret["since"]), plain(&secret["by"]));
        format!("{name:<32} since {since}, by {by}{opens}")
    };
    secrets.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_stands_in_the_file_without_its_last_line_break() {
        let room = tempfile::tempdir().unwrap();
        let file = room.path().join("value");
        for (written, read) in [("hunter22\n", "hunter22"), ("hunter22\r\n", "hunter22"), ("hunter22", "hunter22")] {
            std::fs::write(&file, written).unwrap();
            assert_eq!(value(Some(file.clone())).unwrap(), read);
        }
        std::fs::write(&file, "\n").unwrap();
        let told = "the secret is empty; its value comes on standard input, or from --file";
        assert_eq!(value(Some(file.clone())).unwrap_err().to_string(), told);
        std::fs::write(&file, b"\xff\xfe").unwrap();
        assert_eq!(value(Some(file)).unwrap_err().to_string(), "a secret is text, and this is none");
    }

    #[test]
    fn a_list_names_secrets_and_shows_none() {
        let secret = |name: &str, opens: bool| json!({ "name": name, "since": "2026-01-01T00:00:00Z", "by": "operator", "opens": opens });
        let answer = json!({ "tenant": "acme", "secrets": [secret("api-key", true), secret("old", false)] });
        let expected = [
            "api-key                          since 2026-01-01T00:00:00Z, by operator",
            "old                              since 2026-01-01T00:00:00Z, by operator   SEALED WITH ANOTHER KEY: set it anew",
        ];
        assert_eq!(lines(&answer), expected);
        let none = lines(&json!({ "tenant": "acme", "secrets": [] }));
        assert_eq!(none, ["tenant acme has no secret; `muster tenant secret set acme NAME` sets one"]);
    }
}
