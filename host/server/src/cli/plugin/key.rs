use clap::Subcommand;
use serde_json::{Value, json};

use super::signer::public_key;
use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};

/// The keys whose signatures count, on a running server
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Key {
    /// Trusts a key
    Add {
        /// What it is to be called
        name: String,
        /// The public key, or the file that `muster plugin keygen` has written it to
        key: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists the trusted keys
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Trusts a key no longer: what is bound stays so, and nothing that it has signed is bound anew where signatures are required
    Remove {
        /// What it is called, or the key itself
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
}

impl Key {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add { name, key, remote } => {
                let new = json!({ "name": name, "key": public_key(&key)? });
                tell(&remote, &AdminClient::new(&remote)?.post(&["plugin-keys"], &new).await?, "trusted as")
            }
            Self::List { remote } => {
                let answer = AdminClient::new(&remote)?.get(&["plugin-keys"]).await?;
                if remote.json {
                    return say(answer);
                }
                match answer["keys"].as_array().map(Vec::as_slice).unwrap_or_default() {
                    [] => say("no key is trusted"),
                    keys => keys.iter().map(line).try_for_each(say),
                }
            }
            Self::Remove { name, remote } => {
                let answer = AdminClient::new(&remote)?.delete(&["plugin-keys", &name]).await?;
                tell(&remote, &answer, "not trusted any more:")
            }
        }
    }
}

fn tell(remote: &Remote, key: &Value, what: &str) -> anyhow::Result<()> {
    if remote.json {
        return say(key);
    }
    say(format_args!("{} {what} {}", plain(&key["key"]), plain(&key["name"])))
}

fn line(key: &Value) -> String {
    let (name, public, added) = (plain(&key["name"]), plain(&key["key"]), plain(&key["added"]));
    let owns: Vec<&str> = key["owns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let owns = if owns.is_empty() { String::new() } else { format!("   owns {}", owns.join(", ")) };
    format!("{name:<24} {public}   since {added}{owns}")
}
