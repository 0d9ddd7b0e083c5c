use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::history::{Values, told};
use super::tenant::plain;
use super::{Remote, say};

/// Takes back changes, as new changes: one, or everything that a request or a time did.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["change", "request", "from"])))]
pub(super) struct Undo {
    tenant: String,
    /// The number of one change in the log
    #[arg(long)]
    change: Option<u64>,
    /// The id of a request, or of an earlier undo
    #[arg(long)]
    request: Option<String>,
    /// Everything from this time on, up to --to, as in 2026-11-03T14:03:00Z
    #[arg(long, requires = "to")]
    from: Option<String>,
    /// And before this one
    #[arg(long, requires = "from")]
    to: Option<String>,
    /// Only what was done to the user or group with this id, its memberships included
    #[arg(long)]
    resource: Option<String>,
    /// Says what would be done, and does nothing
    #[arg(long)]
    dry_run: bool,
    /// Takes back also what has changed or was deleted since
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: Remote,
}

/// How often a long undo is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(500);

impl Undo {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Self { tenant, change, request, from, to, resource, dry_run, force, remote } = self;
        let body = json!({
            "change": change, "request": request, "from": from, "to": to,
            "resource": resource, "dry_run": dry_run, "force": force,
        });
        let client = AdminClient::new(&remote)?;
        let answer = client.post(&["tenants", &tenant, "undo"], &body).await?;
        let answer = match answer["job"].as_str() {
            Some(job) => {
                began(&tenant, job, plain(&answer["request"]), dry_run);
                ended(&client, job).await?
            }
            None => answer,
        };
        if remote.json {
            say(&answer)?;
        } else {
            shown(&answer, force)?;
        }
        let left = ["partly", "conflicts", "rejected", "failed"].map(|name| answer[name].as_u64().unwrap_or_default());
        match left.iter().sum::<u64>() {
            0 => Ok(()),
            left if dry_run => bail!("{left} of them would not be taken back, or only in part"),
            left => bail!("{left} of them could not be taken back, or only in part"),
        }
    }
}

/// Says under which name the log will have it, before anything else: whatever becomes of the server and of this command, what was done is
/// found by it. Beside the answer, which may be JSON.
fn began(tenant: &str, job: &str, request: &str, dry_run: bool) {
    let mut beside = std::io::stderr().lock();
    let _ = if dry_run {
        writeln!(beside, "job {job} looks at what would be taken back")
    } else {
        writeln!(beside, "job {job} takes it back as {request}: muster log show {tenant} --request {request}")
    };
}

async fn ended(client: &AdminClient, job: &str) -> anyhow::Result<Value> {
    loop {
        let answer = client.get(&["jobs", job]).await?;
        match plain(&answer["state"]) {
            "running" => tokio::time::sleep(ASK_EVERY).await,
            "done" => return Ok(answer["result"].clone()),
            _ => bail!("{}", answer["error"].as_str().context("the job ended without a result")?),
        }
    }
}

fn shown(answer: &Value, is_forced: bool) -> anyhow::Result<()> {
    for outcome in answer["outcomes"].as_array().into_iter().flatten() {
        say(line(outcome))?;
        for conflict in outcome["conflicts"].as_array().into_iter().flatten() {
            let by = conflict["by"].as_u64().map_or_else(String::new, |by| format!(", by change {by}"));
            let value = |name: &str| conflict.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string);
            say(format!(
                "    {} is {}{by}; it was {} and became {}",
                plain(&conflict["path"]),
                value("is"),
                value("was"),
                value("became")
            ))?;
        }
        for task in outcome["tasks"].as_array().into_iter().flatten() {
            say(format!("    task {}", plain(&task["action"])))?;
        }
    }
    let counted = ["undone", "partly", "unchanged", "conflicts", "rejected", "failed", "tasks"];
    let counted = counted.map(|name| (name, answer[name].as_u64().unwrap_or_default()));
    let counted = counted.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}"));
    let counted = counted.collect::<Vec<_>>().join(", ");
    if answer["dry_run"] == true {
        say(format!("would be: {counted}; nothing was done"))?;
        let has_conflicts = ["conflicts", "partly"].iter().any(|name| answer[*name].as_u64() > Some(0));
        if has_conflicts && is_forced {
            say("what is a conflict above stays one: --force was given, and does not take that back either")
        } else if has_conflicts {
            say("with --force, what was before the change wins over what came after it, a deletion included")
        } else {
            Ok(())
        }
    } else {
        let done = ["undone", "partly"].iter().any(|name| answer[*name].as_u64() > Some(0));
        let back =
            if done { format!("; to take this back: --request {}", plain(&answer["request"])) } else { String::new() };
        say(format!("{counted}{back}"))
    }
}

fn line(outcome: &Value) -> String {
    let name = match plain(&outcome["name"]) {
        "" => String::new(),
        name => format!(" {name}"),
    };
    let count = |name: &str, sign: &str| outcome[name].as_u64().map(|count| format!("{sign}{count} members"));
    let by = outcome["by"].as_u64().map(|by| format!("change {by} stands in the way"));
    let says = outcome["says"].as_str().map(str::to_owned);
    let parts = [
        told(&outcome["changed"], Values::Whole),
        count("members_added", "+"),
        count("members_removed", "-"),
        says,
        by,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let event = plain(&outcome["event"]);
    let of = format!("{}{name} ({})", plain(&outcome["resource_type"]), plain(&outcome["id"]));
    let colon = if parts.is_empty() { "" } else { ": " };
    let event = if event.is_empty() { String::new() } else { format!("   {event}") };
    format!("{:<10} {of}{event}{colon}{}", plain(&outcome["outcome"]), parts.join("; "))
}
