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
    /// Those of this queue: plugin, async, or that of a receiver such as webhook:crm
    #[arg(long)]
    queue: Option<String>,
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
    /// Of these, so many at most, those that are refused counted
    #[arg(long, requires = "standing", default_value_t = 1000)]
    limit: usize,
    /// Also if later tasks of the same user or group were tried since
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
        let mut is_empty = true;
        loop {
            let mut query = vec![("limit", left.min(TASKS_A_REQUEST).to_string()), ("after", after.to_string())];
            query.extend(self.standing.clone().map(|standing| ("standing", standing)));
            query.extend(self.change.map(|change| ("change", change.to_string())));
            query.extend(self.queue.clone().map(|queue| ("queue", queue)));
            let mut answer = client.find(&["tenants", &self.tenant, "tasks"], &query).await?;
            let Value::Array(tasks) = answer["tasks"].take() else { bail!("the server's answer has no tasks") };
            left = left.saturating_sub(tasks.len());
            is_empty &= tasks.is_empty();
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
                _ if is_empty => return say(self.nothing()),
                _ => return Ok(()),
            }
        }
    }

    fn nothing(&self) -> String {
        let change = self.change.map(|change| format!(" that follows from entry {change} of the log"));
        let after = (self.after > 0).then(|| format!(" behind task {}", self.after));
        let found = none(&self.tenant, self.standing.as_deref(), self.queue.as_deref());
        [Some(found), change, after].into_iter().flatten().collect()
    }
}

/// `tenant acme has no parked task in queue webhook:crm`
fn none(tenant: &str, standing: Option<&str>, queue: Option<&str>) -> String {
    let standing = standing.map(|standing| format!("{standing} ")).unwrap_or_default();
    let queue = queue.map(|queue| format!(" in queue {queue}")).unwrap_or_default();
    format!("tenant {tenant} has no {standing}task{queue}")
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

    /// All that stand so, so many at most: one request decides over a part of them, or looks for those of the queue in a part of all.
    async fn all(&self, client: &AdminClient, word: &str) -> anyhow::Result<()> {
        let stood = self.stand(client).await?;
        let (mut after, mut room) = (0, self.limit);
        let (mut decided, mut refused, mut refusals) = (0, 0, Vec::new());
        let next = loop {
            let mut body = json!({
                "standing": self.standing, "after": after, "limit": room.min(TASKS_A_REQUEST), "force": self.force,
            });
            if let Some(queue) = &self.queue {
                body["queue"] = json!(queue);
            }
            let mut answer = client.post(&["tenants", &self.tenant, "tasks", word], &body).await?;
            let done = [&answer["decided"], &answer["refused"]].map(|count| count.as_u64().unwrap_or_default());
            decided += done[0];
            refused += done[1];
            if let Value::Array(told) = answer["refusals"].take() {
                refusals.extend(told);
            }
            room = room.saturating_sub(usize::try_from(done[0] + done[1])?);
            match answer["next"].as_u64() {
                Some(next) if room > 0 => after = next,
                next => break next,
            }
        };
        // Where it has come to the end, what stands so now was refused, or is new.
        let left = next.map_or(0, |_| stood.saturating_sub(decided + refused));
        if self.remote.json {
            say(json!({ "decided": decided, "refused": refused, "refusals": refusals, "left": left }))?;
        } else {
            match decided + refused {
                0 => say(none(&self.tenant, self.standing.as_deref(), self.queue.as_deref()))?,
                _ => say(format!("{} {}", counted(decided), will(word)))?,
            }
            refusals.iter().try_for_each(|refusal| say(format!("  {}", printable(plain(&refusal["detail"])))))?;
            if left > 0 {
                say(format!("--limit {} ended it: {} more", self.limit, counted(left)))?;
            }
        }
        if refused > 0 {
            bail!("{} refused", counted(refused));
        }
        Ok(())
    }

    /// How many tasks there are that it is about.
    async fn stand(&self, client: &AdminClient) -> anyhow::Result<u64> {
        let counts = client.get(&["tenants", &self.tenant, "tasks", "counts"]).await?;
        let queues = counts["queues"].as_object().into_iter().flatten();
        let asked = queues.filter(|(queue, _)| self.queue.as_ref().is_none_or(|asked| asked == *queue));
        let standing = self.standing.as_deref().unwrap_or_default();
        Ok(asked.filter_map(|(_, standings)| standings[standing].as_u64()).sum())
    }
}

fn counted(tasks: u64) -> String {
    match tasks {
        0 => "no task".to_owned(),
        1 => "1 task".to_owned(),
        tasks => format!("{tasks} tasks"),
    }
}

/// What becomes of tasks by a decision.
fn will(word: &str) -> &'static str {
    match word {
        "replay" => "will be tried again",
        "skip" => "will not be tried again",
        "cancel" => "will never be tried",
        _ => "will go on",
    }
}

/// `   12  parked     disable User 019a... 20 attempts: nobody answers`
pub(super) fn line(task: &Value) -> String {
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
    let (seq, standing) = (task["seq"].to_string(), plain(&task["standing"]));
    format!("{seq:>6}  {standing:<9}  {}{queue}{attempts}{due}{failure}", what(task))
}

/// What a task is, and about what: an action of the plugin, what a receiver is told, or a request that its client does not wait for.
fn what(task: &Value) -> String {
    let action = printable(plain(&task["action"]));
    match (plain(&task["queue"]), action.as_str()) {
        ("async", "request") => {
            format!("request {} {}", printable(&argument(task, "method")), printable(&argument(task, "path")))
        }
        ("async", _) => format!("{action} to {}", printable(&argument(task, "txn"))),
        // What is no change is about nothing that has a name.
        (_, _) if task["change"] == 0 => action,
        (_, _) => format!("{action} {} {}", plain(&task["resource_type"]), plain(&task["id"])),
    }
}

/// An argument that is a text.
fn argument(task: &Value, name: &str) -> String {
    let arguments = task["arguments"].as_array().into_iter().flatten();
    let found = arguments.filter(|argument| argument["name"] == name).find_map(|it| it["value"]["text"].as_str());
    found.unwrap_or_default().to_owned()
}

/// Where a task comes from.
fn origin(task: &Value) -> String {
    let planned = &task["planned_by"];
    if planned.is_object() {
        return format!(
            "by entry {} of the log: {} by {} (request {})",
            planned["change"],
            plain(&planned["event"]),
            actor(&planned["actor"]),
            printable(plain(&planned["request"]))
        );
    }
    match (task["change"].as_u64(), plain(&task["queue"])) {
        (Some(0), "async") => "by a client that does not wait for what comes of it".to_owned(),
        (Some(0), _) => "by no entry of the log: it tells of something that is no change".to_owned(),
        (_, _) => format!("by entry {} of the log, which is not kept any more", task["change"]),
    }
}

/// Everything that is known of a task, in the order in which it happened.
fn story(task: &Value) -> anyhow::Result<()> {
    let destructive = if task["destructive"] == true { "   destructive" } else { "" };
    let action = printable(plain(&task["action"]));
    say(format!("task      {}   {}   {action}{destructive}", task["seq"], plain(&task["standing"])))?;
    if task["change"] != 0 {
        say(format!("about     {} {}", plain(&task["resource_type"]), plain(&task["id"])))?;
    }
    for argument in task["arguments"].as_array().into_iter().flatten() {
        let value = argument["value"].as_object().and_then(|value| value.values().next()).unwrap_or(&Value::Null);
        say(format!("    {} {value}", printable(plain(&argument["name"]))))?;
    }
    say(format!("planned   {}   {}", time(plain(&task["at"])), origin(task)))?;
    say(format!(
        "queue     {}   idempotency key {}",
        printable(plain(&task["queue"])),
        printable(plain(&task["idempotency_key"]))
    ))?;
    if let Some(other) = task["waits_for"].as_u64() {
        let why = match plain(&task["queue"]) {
            "async" => "which came before it".to_owned(),
            _ => format!("which is of the same {}", plain(&task["resource_type"])),
        };
        say(format!("waits     for task {other}, {why}"))?;
    } else if plain(&task["standing"]) == "waiting" {
        let is_polled = plain(&task["queue"]).starts_with("poll:");
        let due = if is_polled { "when its receiver comes for it".to_owned() } else { time(plain(&task["due"])) };
        say(format!("due       {due}"))?;
    }
    let told = task["told"].as_array().map_or(&[][..], Vec::as_slice);
    if !told.is_empty() {
        say("attempts")?;
    }
    for attempt in told {
        let came = attempt["failure"].as_str().map_or_else(|| "done".to_owned(), printable);
        say(format!("    {}   {} ms   {came}", time(plain(&attempt["at"])), attempt["took_ms"]))?;
    }
    if task["answer"].is_object() {
        say(format!("answered  {}", time(plain(&task["answer"]["at"]))))?;
    }
    for told in task["answer"]["operations"].as_array().into_iter().flatten().map(|told| &told[1]) {
        let detail = told["response"]["detail"].as_str().map(|detail| format!("   {}", printable(detail)));
        let (status, method, uri) = (plain(&told["status"]), plain(&told["method"]), plain(&told["uri"]));
        say(format!("    {status}   {} {}{}", printable(method), printable(uri), detail.unwrap_or_default()))?;
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
    fn what_a_receiver_is_told_and_what_a_client_does_not_wait_for_are_lines_of_their_own() {
        let of = |change: u64, queue: &str, action: &str| {
            let arguments = json!([
                { "name": "method", "value": { "text": "PATCH" } }, { "name": "path", "value": { "text": "/Users/42" } },
                { "name": "txn", "value": { "text": "0a" } },
            ]);
            line(&json!({
                "seq": 12, "standing": "done", "action": action, "resource_type": "User", "id": "42", "queue": queue,
                "change": change, "arguments": arguments,
            }))
        };
        assert_eq!(of(7, "webhook:crm", "user.updated"), "    12  done       user.updated User 42 (webhook:crm)");
        assert_eq!(of(0, "poll:siem", "log.gap"), "    12  done       log.gap (poll:siem)");
        assert_eq!(of(0, "async", "request"), "    12  done       request PATCH /Users/42 (async)");
        assert_eq!(of(0, "async", "response"), "    12  done       response to 0a (async)");
    }

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
