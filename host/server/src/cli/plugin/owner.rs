use clap::Args;
use serde_json::{Value, json};

use super::signer::public_key;
use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};

/// Whose name it is, and whose it shall be.
#[derive(Debug, Args)]
pub(in crate::cli) struct Owner {
    /// The name of plugins; without it, all that belong to somebody are listed
    name: Option<String>,
    /// To whom it is handed over: a trusted key's name, a public key, or its file
    key: Option<String>,
    /// It is to be nobody's
    #[arg(long, requires = "name", conflicts_with = "key")]
    none: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Owner {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let answer = match (&self.name, &self.key) {
            (Some(name), None) if self.none => {
                let answer = client.delete(&["plugin-owners", name]).await?;
                if self.remote.json {
                    return say(answer);
                }
                return say(format_args!("the name {name} belongs to nobody any more"));
            }
            (Some(name), Some(key)) => {
                // What is no key may be what a trusted one is called: the server knows.
                let key = public_key(key).unwrap_or_else(|_| key.clone());
                client.put(&["plugin-owners", name], &json!({ "key": key })).await?
            }
            (name, _) => {
                let mut answer = client.get(&["plugin-owners"]).await?;
                if let (Some(name), Some(owners)) = (name, answer["owners"].as_array_mut()) {
                    owners.retain(|owner| plain(&owner["name"]) == name);
                    anyhow::ensure!(!owners.is_empty(), "the name {name} belongs to nobody yet");
                }
                answer
            }
        };
        if self.remote.json {
            return say(answer);
        }
        match answer["owners"].as_array() {
            Some(owners) if owners.is_empty() => say("no name of a plugin belongs to anybody"),
            Some(owners) => owners.iter().map(line).try_for_each(say),
            None => say(line(&answer)),
        }
    }
}

fn line(owner: &Value) -> String {
    let (name, key, since) = (plain(&owner["name"]), plain(&owner["key"]), plain(&owner["since"]));
    let known = owner["key_name"].as_str().map_or_else(|| " (not trusted)".to_owned(), |name| format!(" ({name})"));
    format!("{name:<24} belongs to {key}{known}   since {since}")
}
