use clap::Subcommand;
use serde_json::json;

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};

#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Issues one more token; it is shown this once
    Issue {
        tenant: String,
        /// What to call it
        #[arg(long, default_value = "")]
        label: String,
        /// After how many days it stops working; never, without it
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        expires_in_days: Option<u32>,
        /// The id of the one user that it speaks for: it then opens /Me and discovery only
        #[arg(long)]
        user: Option<String>,
        /// That user may also change and delete what /Me shows
        #[arg(long, requires = "user")]
        write: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Lists a tenant's tokens, without their secrets
    List {
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Revokes a token, at once
    Revoke {
        tenant: String,
        /// Its id, as `list` shows it
        id: String,
        #[command(flatten)]
        remote: Remote,
    },
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

impl Token {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Issue { tenant, label, expires_in_days, user, write, remote } => {
                let seconds = expires_in_days.map(|days| u64::from(days) * SECONDS_A_DAY);
                let body = json!({ "label": label, "expires_in_s": seconds, "user": user, "write": write });
                let answer = AdminClient::new(&remote)?.post(&["tenants", &tenant, "tokens"], &body).await?;
                if remote.json {
                    return say(answer);
                }
                say(format!("id       {}", plain(&answer["id"])))?;
                say(format!("token    {}   (shown this once)", plain(&answer["token"])))?;
                if let Some(user) = user {
                    say(format!("user     {user}   ({})", may(write)))?;
                }
                say(format!("expires  {}", answer["expires"].as_str().unwrap_or("never")))
            }
            Self::List { tenant, remote } => {
                let answer = AdminClient::new(&remote)?.get(&["tenants", &tenant, "tokens"]).await?;
                if remote.json {
                    return say(answer);
                }
                let tokens = answer["tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
                if tokens.is_empty() {
                    return say(format!("tenant {tenant} has no token; `muster token issue {tenant}` makes one"));
                }
                for token in tokens {
                    let state = match (token["live"] == true, token["revoked"].as_str(), token["expires"].as_str()) {
                        (true, _, Some(at)) => format!("live, expires {at}"),
                        (true, _, None) => "live".to_owned(),
                        (false, Some(at), _) => format!("revoked {at}"),
                        (false, None, at) => format!("expired {}", at.unwrap_or_default()),
                    };
                    let user = token["user"]
                        .as_str()
                        .map_or_else(String::new, |user| format!("   user {user} ({})", may(token["write"] == true)));
                    say(format!("{}   {state}{user}   {}", plain(&token["id"]), plain(&token["label"])))?;
                }
                Ok(())
            }
            Self::Revoke { tenant, id, remote } => {
                AdminClient::new(&remote)?.delete(&["tenants", &tenant, "tokens", &id]).await?;
                if remote.json { say(json!({ "revoked": id })) } else { say(format!("revoked {id}")) }
            }
        }
    }
}

/// What a token of one user is good for.
const fn may(write: bool) -> &'static str {
    if write { "/Me: reads and writes" } else { "/Me: reads" }
}
