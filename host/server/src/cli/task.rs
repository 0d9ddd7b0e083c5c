use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::admin_client::AdminClient;
use super::history::{actor, time};
use super::tenant::plain;
use super::{Remote, printable, say};

#[derive(Debug, Subcommand)]
pub(super) enum Task {
    /// Shows a tenant's tasks, by number
    List(List),
    /// Shows how many tasks of a tenant stand where, and since when the oldest waits
    Count {
        /// Whose
        tenant: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Shows one task with its whole story: what planned it, each attempt, each decision
    Show {
        /// Whose
        tenant: String,
        /// Its number
        task: u64,
        #[command(flatten)]
        remote: Remote,
    },
    /// Tries parked tasks again, with all their attempts anew; or one that waits for its pause, now
    Replay(Decide),
    /// Gives tasks up that were tried
    Skip(Decide),
    /// Gives tasks up that were never tried
    Cancel(Decide),
    /// Lets tasks go on that are held
    Release(Decide),
}

/// Which ones are shown.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Whose
    tenant: String,
    /// Those that stand so: waiting, held, parked, done, skipped, cancelled
    #[arg(long)]
    standing: Option<String>,
    /// Those that follow from this entry of the log
    #[arg(long)]
    change: Option<u64>,
    /// Tasks behind this one
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

/// One task, or all of a kind.
#[derive(Debug, Args)]
pub(super) struct Decide {
    /// Whose
    tenant: String,
    /// Its number
    #[arg(required_unless_present = "standing", conflicts_with = "standing")]
    task: Option<u64>,
    /// All that stand so instead: waiting, held, parked
    #[arg(long)]
    standing: Option<String>,
    /// Of these, those in this queue
    #[arg(long, requires = "standing")]
    queue: Option<String>,
    /// Of these, so many at most
    #[arg(long, requires = "standing", default_value_t = 1000)]
    limit: usize,
    /// Also if later tasks of the same user or group were carried out since
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: Remote,
}

/// How many tasks one request asks for.
const TASKS_A_REQUEST: usize = 1000;

impl Task {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List(list) => list.run().await,
            Self::Count { tenant, remote } => count(&tenant, &remote).await,
            Self::Show { tenant, task, remote } => {
                let path = ["tenants", &tenant, "tasks", &task.to_string()];
                let task = AdminClient::new(&remote)?.get(&path).await?;
                if remote.json { say(task) } else { story(&task) }
            }
            Self::Replay(decide) => decide.run("replay").await,
            Self::Skip(decide) => decide.run("skip").await,
            Self::Cancel(decide) => decide.run("cancel").await,
            Self::Release(decide) => decide.run("release").await,
        }
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let (mut after, mut left, mut all) = (self.after, self.limit, Vec::new());
        loop {
            let mut query = vec![("limit", left.min(TASKS_A_REQUEST).to_string()), ("after", after.to_string())];
            query.extend(self.standing.clone().map(|standing| ("standing", standing)));
            query.extend(self.change.map(|change| ("change", change.to_string())));
            let mut answer = client.find(&["tenants", &self.tenant, "tasks"], &query).await?;
            let Value::Array(tasks) = answer["tasks"].take() else { bail!("the server's answer has no tasks") };
            left = left.saturating_sub(tasks.len());
            let next = answer["next"].as_u64();
            if self.remote.json {
                all.extend(tasks);
            } else {
                tasks.iter().try_for_each(|task| say(line(task)))?;
            }
            match next {
                Some(next) if left > 0 => after = next,
                Some(next) if !self.remote.json => return say(format!("more: --after {next}")),
                next if self.remote.json => return say(json!({ "tasks": all, "next": next })),
                _ => return Ok(()),
            }
        }
    }
}

async fn count(tenant: &str, remote: &Remote) -> anyhow::Result<()> {
    let counts = AdminClient::new(remote)?.get(&["tenants", tenant, "tasks", "counts"]).await?;
    if remote.json {
        return say(counts);
    }
    let queues = counts["queues"].as_object().into_iter().flatten();
    let mut is_empty = true;
    for (queue, standings) in queues {
        for (standing, count) in standings.as_object().into_iter().flatten() {
            is_empty = false;
            say(format!("{:>9}  {standing:<9}  {}", count.to_string(), printable(queue)))?;
        }
    }
    if is_empty {
        say(format!("tenant {tenant} has no tasks"))?;
    }
    let oldest = &counts["oldest_waiting"];
    if oldest.is_object() {
        say(format!("the oldest that waits is task {}, planned {}", oldest["seq"], time(plain(&oldest["at"]))))?;
    }
    Ok(())
}

impl Decide {
    async fn run(self, word: &str) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        if let Some(task) = self.task {
            let path = ["tenants", &self.tenant, "tasks", &task.to_string(), word];
            let answer = client.post(&path, &json!({ "force": self.force })).await?;
            return if self.remote.json { say(answer) } else { say(line(&answer)) };
        }
        self.all(&client, word).await
    }

    /// All that stand so: one request looks at a part of them.
    async fn all(&self, client: &AdminClient, word: &str) -> anyhow::Result<()> {
        let (mut after, mut left) = (0, self.limit);
        let (mut decided, mut refused, mut refusals) = (0, 0, Vec::new());
        while left > 0 {
            let asked = left.min(TASKS_A_REQUEST);
            let mut body = json!({
                "standing": self.standing, "after": after, "limit": asked, "force": self.force,
            });
            if let Some(queue) = &self.queue {
                body["queue"] = json!(queue);
            }
            let mut answer = client.post(&["tenants", &self.tenant, "tasks", word], &body).await?;
            decided += answer["decided"].as_u64().unwrap_or_default();
            refused += answer["refused"].as_u64().unwrap_or_default();
            if let Value::Array(told) = answer["refusals"].take() {
                refusals.extend(told);
            }
            left -= asked;
            let Some(next) = answer["next"].as_u64() else { break };
            after = next;
        }
        if self.remote.json {
            say(json!({ "decided": decided, "refused": refused, "refusals": refusals }))?;
        } else {
            say(format!("{word}: {}", counted(decided)))?;
            refusals.iter().try_for_each(|refusal| say(format!("  {}", printable(plain(&refusal["detail"])))))?;
        }
        if refused > 0 {
            bail!("{} refused", counted(refused));
        }
        Ok(())
    }
}

fn counted(tasks: u64) -> String {
    if tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") }
}

/// `   12  parked     disable User 019a... 20 attempts: nobody answers`
fn line(task: &Value) -> String {
    let attempts = match task["attempts"].as_u64() {
        None | Some(0) => String::new(),
        Some(1) => "  1 attempt".to_owned(),
        Some(attempts) => format!("  {attempts} attempts"),
    };
    let due = match plain(&task["standing"]) {
        "waiting" if !attempts.is_empty() => format!(", again {}", time(plain(&task["due"]))),
        _ => String::new(),
    };
    let failure = task["failure"].as_str().map(|failure| format!(": {}", printable(failure))).unwrap_or_default();
    let queue = match plain(&task["queue"]) {
        "plugin" => String::new(),
        queue => format!(" ({})", printable(queue)),
    };
    format!(
        "{:>6}  {:<9}  {} {} {}{queue}{attempts}{due}{failure}",
        task["seq"].to_string(),
        plain(&task["standing"]),
        printable(plain(&task["action"])),
        plain(&task["resource_type"]),
        plain(&task["id"]),
    )
}

/// Everything that is known of a task, in the order in which it happened.
fn story(task: &Value) -> anyhow::Result<()> {
    let destructive = if task["destructive"] == true { "   destructive" } else { "" };
    say(format!(
        "task      {}   {}   {}{destructive}",
        task["seq"],
        plain(&task["standing"]),
        printable(plain(&task["action"]))
    ))?;
    say(format!("about     {} {}", plain(&task["resource_type"]), plain(&task["id"])))?;
    for argument in task["arguments"].as_array().into_iter().flatten() {
        let value = argument["value"].as_object().and_then(|value| value.values().next()).unwrap_or(&Value::Null);
        say(format!("    {} {value}", printable(plain(&argument["name"]))))?;
    }
    let planned = &task["planned_by"];
    let by = if planned.is_object() {
        format!(
            "by entry {} of the log: {} by {} (request {})",
            planned["change"],
            plain(&planned["event"]),
            actor(&planned["actor"]),
            printable(plain(&planned["request"]))
        )
    } else {
        format!("by entry {} of the log, which is not kept any more", task["change"])
    };
    say(format!("planned   {}   {by}", time(plain(&task["at"]))))?;
    say(format!(
        "queue     {}   idempotency key {}",
        printable(plain(&task["queue"])),
        printable(plain(&task["idempotency_key"]))
    ))?;
    if let Some(other) = task["waits_for"].as_u64() {
        say(format!("waits     for task {other}, which is of the same {}", plain(&task["resource_type"])))?;
    } else if plain(&task["standing"]) == "waiting" {
        say(format!("due       {}", time(plain(&task["due"]))))?;
    }
    let told = task["told"].as_array().map_or(&[][..], Vec::as_slice);
    if !told.is_empty() {
        say("attempts")?;
    }
    for attempt in told {
        let came = attempt["failure"].as_str().map_or_else(|| "done".to_owned(), printable);
        say(format!("    {}   {} ms   {came}", time(plain(&attempt["at"])), attempt["took_ms"]))?;
    }
    let decisions = task["decisions"].as_array().map_or(&[][..], Vec::as_slice);
    if !decisions.is_empty() {
        say("decisions")?;
    }
    for decision in decisions {
        let (at, what) = (time(plain(&decision["at"])), plain(&decision["what"]));
        say(format!("    {at}   {what} by {}", actor(&decision["by"])))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_a_line_without_what_a_terminal_would_obey() {
        let mut task = json!({
            "seq": 12, "standing": "waiting", "action": "dis\u{1b}able", "resource_type": "User", "id": "42",
            "queue": "plugin", "attempts": 2, "due": "2026-11-03T14:03:00.000Z", "failure": "no\nbody",
        });
        assert_eq!(
            line(&task),
            r"    12  waiting    dis\u{1b}able User 42  2 attempts, again 2026-11-03 14:03:00.000Z: no\nbody"
        );
        task["standing"] = json!("parked");
        task["queue"] = json!("webhook:crm");
        assert_eq!(line(&task), r"    12  parked     dis\u{1b}able User 42 (webhook:crm)  2 attempts: no\nbody");
    }
}
