use std::time::Duration;

use clap::Args;
use muster_model::{Clock, SystemClock, Timestamp};
use serde_json::Value;

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};

/// How many requests the server tells at once.
const A_PAGE: usize = 1000;

/// How often `--follow` asks again.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Which of a tenant's requests to show, oldest first.
#[derive(Debug, Args)]
pub(super) struct Requests {
    name: String,
    /// Only those that were refused or failed
    #[arg(long, conflicts_with = "status")]
    failed: bool,
    /// Only those answered so: 404, 4xx
    #[arg(long)]
    status: Option<String>,
    /// Only those about this user or group
    #[arg(long)]
    resource: Option<String>,
    /// Only those since then: 30m, 1h, 2d, or a time such as 2026-11-03T14:03:00Z
    #[arg(long, value_parser = since)]
    since: Option<Since>,
    /// The latest so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Go on with those that come
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    remote: Remote,
}

/// One of them.
#[derive(Debug, Args)]
pub(super) struct Request {
    name: String,
    /// Its id, as `x-request-id` of its answer tells it
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// A time, or a span before now.
#[derive(Debug, Clone, Copy)]
pub(super) enum Since {
    At(Timestamp),
    Ago(Duration),
}

pub(super) fn since(text: &str) -> Result<Since, String> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(Since::At(at));
    }
    let problem = || "30s, 30m, 1h, 2d, or a time such as 2026-11-03T14:03:00Z".to_owned();
    let unit = text.chars().next_back().ok_or_else(problem)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(problem()),
    };
    let count: u64 = text.trim_end_matches(unit).parse().map_err(|_| problem())?;
    count.checked_mul(seconds).map(|seconds| Since::Ago(Duration::from_secs(seconds))).ok_or_else(problem)
}

impl Since {
    pub(super) fn time(self) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => {
                let span_ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_millis(SystemClock.now().as_millis().saturating_sub(span_ms))
            }
        }
    }
}

impl Requests {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let client = AdminClient::new(&self.remote)?;
        let mut latest = 0;
        let mut limit = self.limit;
        loop {
            let mut found = self.newer(&client, latest, limit).await?;
            found.reverse();
            latest = found.iter().filter_map(|request| request["seq"].as_u64()).max().unwrap_or(latest).max(latest);
            if self.remote.json && !self.follow {
                return say(serde_json::json!({ "requests": found }));
            }
            if found.is_empty() && !self.follow {
                return say("no such request is kept");
            }
            for request in &found {
                if self.remote.json { say(request)? } else { line(request)? }
            }
            if !self.follow {
                return Ok(());
            }
            // From here on nothing is left out.
            limit = usize::MAX;
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }

    /// Those after `latest`, newest first.
    async fn newer(&self, client: &AdminClient, latest: u64, limit: usize) -> anyhow::Result<Vec<Value>> {
        let mut found: Vec<Value> = Vec::new();
        let mut before = None;
        loop {
            let mut query = vec![("limit", (limit - found.len()).min(A_PAGE).to_string())];
            query.extend(before.map(|before: u64| ("before", before.to_string())));
            query.extend(self.failed.then(|| ("status", "failed".to_owned())));
            query.extend(self.status.clone().map(|status| ("status", status)));
            query.extend(self.resource.clone().map(|resource| ("resource", resource)));
            query.extend(self.since.map(|since| ("from", since.time().to_string())));
            let mut page = client.find(&["tenants", &self.name, "requests"], &query).await?;
            if let Value::Array(requests) = page["requests"].take() {
                found.extend(requests.into_iter().take_while(|it| it["seq"].as_u64() > Some(latest)));
            }
            before = page["next"].as_u64().filter(|next| *next > latest + 1);
            if before.is_none() || found.len() >= limit {
                return Ok(found);
            }
        }
    }
}

/// One request, and under it what was forgiven.
fn line(request: &Value) -> anyhow::Result<()> {
    let at = plain(&request["at"]);
    if let Some(lost) = request["lost"].as_u64() {
        return say(format!("{at}  {lost} requests before this are not in the log: they were more than it could take"));
    }
    let refusal = refusal(request);
    let (method, path) = (plain(&request["method"]), plain(&request["path"]));
    let id = plain(&request["request"]);
    say(format!("{at}  {id}  {method:<6} {path}  {} {refusal}", request["status"]).trim_end())?;
    forgiven(request)
}

fn refusal(request: &Value) -> String {
    match (plain(&request["scimType"]), plain(&request["detail"])) {
        ("", detail) => detail.to_owned(),
        (scim_type, detail) => format!("{scim_type}: {detail}"),
    }
}

fn forgiven(request: &Value) -> anyhow::Result<()> {
    let rewrites = request["rewrites"].as_array();
    rewrites.into_iter().flatten().try_for_each(|rewrite| say(format!("    {}", plain(&rewrite["says"]))))
}

impl Request {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let path = ["tenants", &self.name, "requests", &self.id];
        let request = AdminClient::new(&self.remote)?.get(&path).await?;
        if self.remote.json { say(request) } else { whole(&request) }
    }
}

/// Everything that is kept of a request, in the order in which it happened.
fn whole(request: &Value) -> anyhow::Result<()> {
    let sent = &request["sent"];
    say(format!(
        "request   {}   {}   {}",
        plain(&request["request"]),
        plain(&request["at"]),
        actor(&request["actor"])
    ))?;
    say(format!(
        "sent      {} {}   {} under {}",
        plain(&request["method"]),
        plain(&request["path"]),
        plain(&sent["http"]),
        plain(&sent["base"])
    ))?;
    pairs(&sent["query"], "    ?")?;
    pairs(&sent["headers"], "    ")?;
    let others: Vec<&str> = sent["other_headers"].as_array().into_iter().flatten().map(plain).collect();
    if !others.is_empty() {
        say(format!("    and, not kept: {}", others.join(", ")))?;
    }
    if let Some(body) = sent.get("body") {
        say(format!("body      {} bytes   {}", body["bytes"], plain(&body["problem"])).trim_end())?;
        if let Some(json) = body.get("json") {
            for line in serde_json::to_string_pretty(json)?.lines() {
                say(format!("    {line}"))?;
            }
        }
    }
    if request["rewrites"].as_array().is_some_and(|rewrites| !rewrites.is_empty()) {
        say("forgiven")?;
        forgiven(request)?;
    }
    if let Some(decision) = request.get("decision").filter(|decision| !decision.is_null()) {
        say(format!("plugin    {}", decided(decision)))?;
    }
    for operation in request["operations"]["shown"].as_array().into_iter().flatten() {
        let (method, path) = (plain(&operation["method"]), plain(&operation["path"]));
        let said = operation.get("decision").map(|decision| format!("   {}", decided(decision))).unwrap_or_default();
        let refusal = match (plain(&operation["scim_type"]), plain(&operation["detail"])) {
            ("", detail) => detail.to_owned(),
            (scim_type, detail) => format!("{scim_type}: {detail}"),
        };
        say(format!("    [{}] {method:<6} {path}  {} {refusal}{said}", operation["index"], operation["status"])
            .trim_end())?;
    }
    if let Some(attempted) = request["operations"]["attempted"].as_u64() {
        say(format!("    {attempted} operations, {} failed", request["operations"]["failed"]))?;
    }
    let answer = &request["answer"];
    let bytes = answer["bytes"].as_u64().map(|bytes| format!("   {bytes} bytes")).unwrap_or_default();
    say(format!("answer    {} {}{bytes}", request["status"], refusal(request)).trim_end())?;
    pairs(&answer["headers"], "    ")?;
    say(format!("took      {}", took(&request["took"])))?;
    let changes: Vec<String> = request["changes"].as_array().into_iter().flatten().map(Value::to_string).collect();
    if !changes.is_empty() {
        say(format!("changes   {} of the tenant's log", changes.join(", ")))?;
    }
    Ok(())
}

fn actor(actor: &Value) -> String {
    match actor.as_object().and_then(|actor| actor.iter().next()) {
        Some((kind, id)) => format!("{kind} {}", plain(id)),
        None => plain(actor).to_owned(),
    }
}

fn pairs(pairs: &Value, before: &str) -> anyhow::Result<()> {
    let pairs = pairs.as_array();
    pairs.into_iter().flatten().try_for_each(|pair| say(format!("{before}{}: {}", plain(&pair[0]), plain(&pair[1]))))
}

/// What a plugin decided, in a line.
fn decided(decision: &Value) -> String {
    let digest: String = plain(&decision["plugin"]).chars().take(12).collect();
    let (outcome, about) = match decision["outcome"].as_object().and_then(|outcome| outcome.iter().next()) {
        Some((outcome, about)) => (outcome.as_str(), about),
        None => (plain(&decision["outcome"]), &Value::Null),
    };
    let said = match outcome {
        "mapped" => {
            let keys: Vec<&str> = about["keys"].as_array().into_iter().flatten().map(plain).collect();
            let mut said = format!("account {}", plain(&about["state"]));
            if about["listed"] == false {
                said.push_str(", not listed");
            }
            if !keys.is_empty() {
                said.push_str(", found by ");
                said.push_str(&keys.join(" and "));
            }
            if about["unchanged"] == true {
                said.push_str(", as before");
            }
            said
        }
        "rejected" | "vetoed" => format!("{outcome} with {}: {}", about["status"], plain(&about["detail"])),
        "failed" => format!("gave no answer ({})", plain(&about["class"])),
        other => other.to_owned(),
    };
    let actions: Vec<&str> = decision["actions"].as_array().into_iter().flatten().map(plain).collect();
    let tasks = match decision["tasks"].as_u64() {
        None | Some(0) => String::new(),
        Some(tasks) => format!("; tasks: {tasks} ({})", actions.join(", ")),
    };
    format!("{} {} ({digest}): {said}{tasks}", plain(&decision["name"]), plain(&decision["version"]))
}

fn took(took: &Value) -> String {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds to look at")]
    let millis = |name: &str| took[name].as_u64().filter(|us| *us > 0).map(|us| us as f64 / 1000.0);
    let parts =
        [("waiting for the body", "body_us"), ("JSON", "parse_us"), ("plugin", "plugin_us"), ("commit", "commit_us")];
    let parts: Vec<String> =
        parts.iter().filter_map(|(says, name)| Some(format!("{says} {:.2}", millis(name)?))).collect();
    let all = format!("{:.2} ms", millis("all_us").unwrap_or_default());
    if parts.is_empty() { all } else { format!("{all}: {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_one_or_as_a_span_before_now() {
        assert!(matches!(since("1h"), Ok(Since::Ago(span)) if span == Duration::from_hours(1)));
        assert!(matches!(since("90s"), Ok(Since::Ago(span)) if span == Duration::from_secs(90)));
        assert!(matches!(since("2026-11-03T14:03:00Z"), Ok(Since::At(_))));
        for text in ["", "h", "1", "1y", "-1h", "1é", "99999999999999999999d"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
