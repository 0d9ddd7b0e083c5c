use std::io::ErrorKind;

use anyhow::{Context, bail};
use clap::Subcommand;
use muster_service::ExportedHead;
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::history::{actor, event, time};
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
        /// Only what the request with this id did, or the undo
        #[arg(long, conflicts_with = "follow")]
        request: Option<String>,
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
        /// A head that was printed earlier: the line, a file with it, or SEQ:HASH
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
            Self::Show { tenant, after, limit, request: Some(request), remote, .. } => {
                show_request(&tenant, &request, after, limit, &remote).await
            }
            Self::Show { tenant, after, limit, follow, remote, request: None } => {
                show(&tenant, after, limit, follow, &remote).await
            }
            Self::Head { tenant, remote } => {
                let answer = AdminClient::new(&remote)?.post(&["tenants", &tenant, "log", "head"], &json!({})).await?;
                if remote.json {
                    return say(answer);
                }
                say(serde_json::from_value::<ExportedHead>(answer)
                    .context("the server's answer is no head of a log")?)
            }
            Self::Verify { tenant, head, remote } => verify(&tenant, head.as_deref(), &remote).await,
        }
    }
}

async fn show(tenant: &str, mut after: Option<u64>, limit: usize, follow: bool, remote: &Remote) -> anyhow::Result<()> {
    let client = AdminClient::new(remote)?;
    let mut left = limit;
    let mut is_silent = !remote.json && !follow;
    loop {
        let wanted = if follow { ENTRIES_A_REQUEST } else { left.min(ENTRIES_A_REQUEST) };
        let mut query = vec![("limit", wanted.to_string())];
        query.extend(after.map(|after| ("after", after.to_string())));
        query.extend(follow.then(|| ("wait_s", WAIT_S.to_string())));
        let answer = client.find(&["tenants", tenant, "log"], &query).await?;
        let entries = answer["entries"].as_array().map_or(&[][..], Vec::as_slice);
        is_silent &= entries.is_empty();
        for entry in entries {
            if remote.json { say(entry)? } else { say(line(entry))? }
        }
        after = answer["next"].as_u64();
        left = left.saturating_sub(entries.len());
        if follow || (left > 0 && answer["next"] != answer["last"] && !entries.is_empty()) {
            continue;
        }
        return match after.filter(|next| Some(*next) < answer["last"].as_u64() && !remote.json) {
            Some(next) => say(format!("more: --after {next}")),
            None if is_silent => say(format!("the log of tenant {tenant} has no entry here")),
            None => Ok(()),
        };
    }
}

/// What one request did: it may lie far back, and one answer looks only so far.
async fn show_request(
    tenant: &str,
    request: &str,
    mut after: Option<u64>,
    limit: usize,
    remote: &Remote,
) -> anyhow::Result<()> {
    let client = AdminClient::new(remote)?;
    let mut left = limit;
    loop {
        let mut query = vec![("limit", left.min(ENTRIES_A_REQUEST).to_string()), ("request", request.to_owned())];
        query.extend(after.map(|after| ("after", after.to_string())));
        let answer = client.find(&["tenants", tenant, "log"], &query).await?;
        let entries = answer["entries"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in entries {
            if remote.json { say(entry)? } else { say(line(entry))? }
        }
        after = answer["next"].as_u64();
        left = left.saturating_sub(entries.len());
        if left > 0 && answer["end"] == false {
            continue;
        }
        if left == limit && !remote.json {
            say(format!("request {request} changed nothing that is in the log of tenant {tenant}"))?;
        }
        return Ok(());
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
        event(entry),
        plain(&entry["resource_type"]),
        plain(&entry["id"]),
        actor(&entry["actor"]),
        plain(&entry["request"]),
    )
}

async fn verify(tenant: &str, head: Option<&str>, remote: &Remote) -> anyhow::Result<()> {
    let head = head.map(read_head).transpose()?;
    let client = AdminClient::new(remote)?;
    let (mut from, mut first) = (Value::Null, Value::Null);
    // What the parts have told, each for itself.
    let (mut not_compared, mut note) = (Value::Null, Value::Null);
    loop {
        let body = json!({ "head": head, "from": from });
        let mut answer = client.post(&["tenants", tenant, "log", "verify"], &body).await?;
        if first.is_null() {
            first = answer["from"]["seq"].clone();
            note = answer["note"].take();
        }
        from = answer["through"].clone();
        if not_compared.is_null() {
            not_compared = answer["not_compared"].take();
        }
        if answer["end"] != true {
            continue;
        }
        (answer["not_compared"], answer["note"]) = (not_compared.clone(), note.clone());
        answer["ok"] = json!(answer["ok"] == true && not_compared.is_null());
        if remote.json {
            say(&answer)?;
        }
        let problem = &answer["problem"];
        if problem.is_object() {
            bail!("entries {} to {}: {}", problem["from"], problem["through"], plain(&problem["says"]));
        }
        if !remote.json {
            let compared = head.as_ref().filter(|_| not_compared.is_null());
            held(first.as_u64().unwrap_or_default() + 1, &answer, compared)?;
            if head.is_none() {
                say(format!(
                    "no head was compared: keep what `muster log head {tenant}` prints, and give it with --head"
                ))?;
            }
        }
        return match not_compared.as_str() {
            Some(says) => bail!("nothing is wrong with what is kept, but {says}"),
            None => Ok(()),
        };
    }
}

/// What was found to be as it was.
fn held(first: u64, answer: &Value, head: Option<&ExportedHead>) -> anyhow::Result<()> {
    let against = head.map_or_else(String::new, |head| format!(", and pass through the exported head at {}", head.seq));
    let through = &answer["through"]["seq"];
    match answer["unsealed"].as_u64() {
        _ if through.as_u64() < Some(first) => say(format!("no entries are kept{against}"))?,
        None | Some(0) => say(format!("entries {first} to {through} are as they were sealed{against}"))?,
        Some(1) => {
            say(format!("entries {first} to {through} are as they were sealed{against}; the last is not sealed yet"))?;
        }
        Some(unsealed) => say(format!(
            "entries {first} to {through} are as they were sealed{against}; the last {unsealed} are not sealed yet"
        ))?,
    }
    match answer["note"].as_str() {
        Some(note) => say(note),
        None => Ok(()),
    }
}

/// What `muster log head` printed, pasted or in a file; or `SEQ:HASH`.
pub(super) fn read_head(text: &str) -> anyhow::Result<ExportedHead> {
    if let Some(head) = ExportedHead::parse(text) {
        return Ok(head);
    }
    let content = match std::fs::read_to_string(text) {
        Ok(content) => content,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidFilename) => {
            bail!("--head is neither what `muster log head` prints, nor SEQ:HASH, nor a file that is there")
        }
        Err(error) => return Err(error).context(format!("--head {text}")),
    };
    ExportedHead::parse(&content).with_context(|| format!("--head {text} is no head of a log"))
}
