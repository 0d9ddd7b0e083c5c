use clap::Args;
use serde_json::Value;

use crate::cli::admin_client::AdminClient;
use crate::cli::tenant::plain;
use crate::cli::{Remote, say};

/// Which lines.
#[derive(Debug, Args)]
pub(in crate::cli) struct Tail {
    /// Only those of this tenant's plugin
    #[arg(long)]
    tenant: Option<String>,
    /// Lines after this one; the server counts from 1 since it was started
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Goes on with what comes, until it is interrupted
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    remote: Remote,
}

/// How long the server may keep a request that waits for a line, in seconds.
const WAIT_S: u64 = 30;
/// How many lines one request asks for.
const LINES_A_REQUEST: usize = 500;

impl Tail {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let mut after = self.after;
        let mut is_silent = !self.remote.json && !self.follow;
        loop {
            let mut query = vec![("after", after.to_string()), ("limit", LINES_A_REQUEST.to_string())];
            query.extend(self.tenant.clone().map(|tenant| ("tenant", tenant)));
            query.extend(self.follow.then(|| ("wait_s", WAIT_S.to_string())));
            let answer = client.find(&["log", "plugins"], &query).await?;
            let lines = answer["lines"].as_array().map_or(&[][..], Vec::as_slice);
            is_silent &= lines.is_empty();
            for line in lines {
                if self.remote.json { say(line)? } else { say(told(line))? }
            }
            after = answer["next"].as_u64().unwrap_or(after);
            if !self.follow && lines.len() < LINES_A_REQUEST {
                return if is_silent {
                    say("no line of a plugin is kept; they go when the server ends")
                } else {
                    Ok(())
                };
            }
        }
    }
}

fn told(line: &Value) -> String {
    let [at, level, tenant, plugin, message, request] =
        ["at", "level", "tenant", "plugin", "message", "request"].map(|name| plain(&line[name]));
    let version = line["version"].as_str().map_or_else(String::new, |version| format!(" {version}"));
    format!("{at}  {level:<5}  {tenant}  {plugin}{version}  {message}   (request {request})")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_told_with_whose_it_is() {
        let mut line = json!({
            "number": 7, "at": "2026-11-03T14:03:00Z", "tenant": "acme", "request": "r-1", "plugin": "poggio", "digest": "ab",
            "level": "info", "message": "moved",
        });
        assert_eq!(told(&line), "2026-11-03T14:03:00Z  info   acme  poggio  moved   (request r-1)");
        line["version"] = json!("1.2.0");
        assert_eq!(told(&line), "2026-11-03T14:03:00Z  info   acme  poggio 1.2.0  moved   (request r-1)");
    }
}
