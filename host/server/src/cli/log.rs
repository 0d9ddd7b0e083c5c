use anyhow::{Context, bail};
use clap::Subcommand;
use muster_service::LogHead;
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::history::{actor, time};
use super::tenant::plain;
use super::{Remote, say};

#[derive(Debug, Subcommand)]
pub(super) enum Log {
    /// Shows a tenant's log, oldest first
    Show {
        tenant: String,
        /// Entries behind this one; without it, from the oldest that is kept
        #[arg(long)]
        after: Option<u64>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Goes on with what comes, until it is interrupted
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Seals a tenant's log up to now and prints its head: keep it where whoever can write to the store cannot
    Head {
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Verifies that a tenant's log is the one that was written
    Verify {
        tenant: String,
        /// A head that was printed earlier: a file with it, or SEQ:HASH
        #[arg(long)]
        head: Option<String>,
        #[command(flatten)]
        remote: Remote,
    },
}

/// How long the server may keep a request that waits for news, in seconds.
const WAIT_S: u64 = 30;

/// How many entries one request asks for.
const ENTRIES_A_REQUEST: usize = 1000;

impl Log {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show { tenant, after, limit, follow, remote } => show(&tenant, after, limit, follow, &remote).await,
            Self::Head { tenant, remote } => {
                let answer = AdminClient::new(&remote)?.post(&["tenants", &tenant, "log", "head"], &json!({})).await?;
                if remote.json {
                    return say(answer);
                }
                let [name, hash, at] = ["tenant", "hash", "at"].map(|part| plain(&answer[part]));
                say(format!("{name} {} {hash} {at}", answer["seq"]))
            }
            Self::Verify { tenant, head, remote } => verify(&tenant, head.as_deref(), &remote).await,
        }
    }
}

async fn show(tenant: &str, mut after: Option<u64>, limit: usize, follow: bool, remote: &Remote) -> anyhow::Result<()> {
    let client = AdminClient::new(remote)?;
    let mut left = limit;
    loop {
        let wanted = if follow { ENTRIES_A_REQUEST } else { left.min(ENTRIES_A_REQUEST) };
        let mut query = vec![("limit", wanted.to_string())];
        query.extend(after.map(|after| ("after", after.to_string())));
        query.extend(follow.then(|| ("wait_s", WAIT_S.to_string())));
        let answer = client.find(&["tenants", tenant, "log"], &query).await?;
        let entries = answer["entries"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in entries {
            if remote.json { say(entry)? } else { say(line(entry))? }
        }
        after = answer["next"].as_u64();
        left = left.saturating_sub(entries.len());
        if !follow && (left == 0 || answer["next"] == answer["last"] || entries.is_empty()) {
            return Ok(());
        }
    }
}

fn line(entry: &Value) -> String {
    let side = if entry["after"].is_object() { &entry["after"] } else { &entry["before"] };
    let document = &side["document"];
    let name = ["displayName", "userName"].iter().map(|name| plain(&document[*name])).find(|name| !name.is_empty());
    let name = name.map_or_else(String::new, |name| format!(" {name}"));
    let members = [("members_added", "+"), ("members_removed", "-")];
    let members = members.map(|(rows, sign)| entry[rows].as_array().map(|rows| format!(" {sign}{}", rows.len())));
    let members: String = members.into_iter().flatten().collect();
    format!(
        "{}  {:>4}  {} {}{name} ({}){members} by {} (request {})",
        time(plain(&entry["at"])),
        entry["seq"].to_string(),
        plain(&entry["event"]),
        plain(&entry["resource_type"]),
        plain(&entry["id"]),
        actor(&entry["actor"]),
        plain(&entry["request"]),
    )
}

async fn verify(tenant: &str, head: Option<&str>, remote: &Remote) -> anyhow::Result<()> {
    let head = head.map(read_head).transpose()?;
    let client = AdminClient::new(remote)?;
    let mut from = Value::Null;
    let mut first = Value::Null;
    loop {
        let body = json!({ "head": head, "from": from });
        let answer = client.post(&["tenants", tenant, "log", "verify"], &body).await?;
        if first.is_null() {
            first = answer["from"]["seq"].clone();
        }
        from = answer["through"].clone();
        if answer["end"] != true {
            continue;
        }
        if remote.json {
            say(&answer)?;
        }
        let problem = &answer["problem"];
        if problem.is_object() {
            bail!("entries {} to {}: {}", problem["from"], problem["through"], plain(&problem["says"]));
        }
        if remote.json {
            return Ok(());
        }
        let first = first.as_u64().unwrap_or_default() + 1;
        let against =
            head.map_or_else(String::new, |head| format!(", and pass through the exported head at {}", head.seq));
        let unsealed = match answer["unsealed"].as_u64() {
            None | Some(0) => String::new(),
            Some(unsealed) => format!("; the last {unsealed} are not sealed yet"),
        };
        return say(format!(
            "entries {first} to {} are as they were sealed{against}{unsealed}",
            answer["through"]["seq"]
        ));
    }
}

/// `SEQ:HASH`, or a file with what `muster log head` printed.
fn read_head(text: &str) -> anyhow::Result<LogHead> {
    if let Some(head) = LogHead::parse(text) {
        return Ok(head);
    }
    let place = || format!("--head {text}");
    let content = std::fs::read_to_string(text).with_context(place)?;
    let printed: Option<Value> = serde_json::from_str(&content).ok();
    let words: Vec<&str> = content.split_whitespace().collect();
    let head = match (printed, words.as_slice()) {
        (Some(printed), _) => Some(format!("{}:{}", printed["seq"], plain(&printed["hash"]))),
        (None, [_, seq, hash, ..]) => Some(format!("{seq}:{hash}")),
        (None, _) => None,
    };
    head.and_then(|head| LogHead::parse(&head)).with_context(|| format!("{} is no head of a log", place()))
}
