use clap::Args;
use serde_json::Value;

use super::admin_client::AdminClient;
use super::tenant::plain;
use super::{Remote, say};

/// What became of one user or group, newest first; or how it was at a time.
#[derive(Debug, Args)]
pub(super) struct History {
    tenant: String,
    /// The id of the user or group; one that is deleted as well
    id: String,
    /// How it was at this time, as in 2026-11-03T14:03:00Z
    #[arg(long)]
    at: Option<String>,
    /// How many changes at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only changes before the one with this number
    #[arg(long, conflicts_with = "at")]
    before: Option<u64>,
    /// Every value, whole; without it those of what was created or deleted are counted, and long ones cut
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    remote: Remote,
}

impl History {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.before.map(|before| ("before", before.to_string())));
        query.extend(self.at.clone().map(|at| ("at", at)));
        let path = ["tenants", &self.tenant, "resources", &self.id, "history"];
        let answer = AdminClient::new(&self.remote)?.find(&path, &query).await?;
        if self.remote.json {
            return say(answer);
        }
        let values = if self.full { Values::Whole } else { Values::Short };
        if self.at.is_some() {
            return then(&answer, values);
        }
        let entries = answer["entries"].as_array().map_or(&[][..], Vec::as_slice);
        for entry in entries {
            say(line(entry, Some(&self.id), values))?;
        }
        match (answer["next"].as_u64(), self.before, entries) {
            (Some(next), _, _) => say(format!("earlier changes: --before {next}")),
            (None, _, [_, ..]) => Ok(()),
            (None, Some(before), []) => say(format!("the log has no change of it before {before}")),
            (None, None, []) => {
                say(format!("the log, which is kept from change {} on, has no change of it", answer["first"]))
            }
        }
    }
}

/// How much is shown of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Values {
    /// A line that can be read at a glance.
    Short,
    /// All that the server tells.
    Whole,
}

/// How many characters of a value are shown in a short line.
const SHORT_CHARS: usize = 60;

/// How many changed attributes a short line names; of more it tells the number.
const SHORT_ATTRIBUTES: usize = 8;

/// How something was, and by which change.
fn then(answer: &Value, values: Values) -> anyhow::Result<()> {
    let id = plain(&answer["id"]);
    match plain(&answer["state"]) {
        "present" => {
            let about = [&answer["resource_type"], &answer["created"], &answer["modified"]].map(plain);
            say(format!("{} {id}   created {}   changed {}", about[0], time(about[1]), time(about[2])))?;
            say(serde_json::to_string_pretty(&answer["resource"])?)?;
            say(format!("account {}", serde_json::to_string_pretty(&answer["account"])?))?;
            for (name, rows) in [("in group", &answer["groups"]), ("member", &answer["members"])] {
                for row in rows.as_array().into_iter().flatten() {
                    // Ids are of then; names are what they are called now.
                    let now = row["name"].as_str().map(|called| format!(" (now called {called})")).unwrap_or_default();
                    say(format!("{name} {}{now}", plain(&row["id"])))?;
                }
            }
            if let Some(next) = answer["next_members_after"].as_str() {
                say(format!("more members: behind {next} (members_after of the admin API)"))?;
            }
        }
        "deleted" => say(format!("{id} was deleted then"))?,
        _ => say(format!("{id} was not there yet"))?,
    }
    match &answer["entry"] {
        Value::Null => Ok(()),
        entry => say(format!("by      {}", line(entry, Some(id), values))),
    }
}

/// One entry of the log, at a glance; in the history `of` a resource its own name is not repeated.
fn line(entry: &Value, of: Option<&str>, values: Values) -> String {
    let (id, kind) = (plain(&entry["id"]), plain(&entry["resource_type"]));
    let about = match plain(&entry["name"]) {
        _ if of == Some(id) => String::new(),
        "" => format!(" {kind} {id}"),
        name => format!(" {kind} {name} ({id})"),
    };
    let plugin = match (plain(&entry["plugin"]["name"]), plain(&entry["plugin"]["version"])) {
        ("", _) => format!(" plugin {}", plain(&entry["plugin"]["digest"]).chars().take(12).collect::<String>()),
        // The plugin gave no answer, and the tenant would rather have the write.
        (name, "") => format!(" mapped by {name}"),
        (name, version) => format!(" plugin {name} {version}"),
    };
    let is_whole_document = ["created", "deleted"].contains(&plain(&entry["event"]));
    let changed = match values {
        Values::Short if is_whole_document => [counted(&entry["changed"]), None],
        values => {
            let account = told(&entry["account_changed"], values);
            [told(&entry["changed"], values), account.map(|account| format!("account: {account}"))]
        }
    };
    let members = [("members_added", "+"), ("members_removed", "-")];
    let members = members.map(|(name, sign)| rows(&entry[name], sign).filter(|_| of.is_none_or(|of| of == id)));
    let undoes = entry["undoes"]
        .as_array()
        .map(|seqs| format!("takes back {}", seqs.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")));
    let parts: Vec<String> = changed.into_iter().chain(members).chain([undoes]).flatten().collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    format!(
        "{}  {:>4}  {}{about} by {} (request {}){plugin}{colon}{}",
        time(plain(&entry["at"])),
        entry["seq"].to_string(),
        event(entry),
        actor(&entry["actor"]),
        plain(&entry["request"]),
        parts.join("; ")
    )
}

/// What happened. SCIM ends no account made by hand but by taking it over.
pub(super) fn event(entry: &Value) -> &str {
    let is_of_scim = entry["actor"].get("token").is_some();
    match (plain(&entry["resource_type"]), plain(&entry["event"])) {
        ("ManualUser", "deleted") if is_of_scim => "adopted",
        (_, event) => event,
    }
}

/// `2026-11-03 14:03:11.250Z`: to the millisecond, because that is what `--at`, `--from` and `--to` go by.
pub(super) fn time(text: &str) -> String {
    text.replace('T', " ")
}

/// `token tok_...`, `operator`
pub(super) fn actor(actor: &Value) -> String {
    match actor {
        Value::Object(named) => {
            named.iter().map(|(kind, name)| format!("{kind} {}", plain(name))).collect::<Vec<_>>().join(" ")
        }
        other => plain(other).to_owned(),
    }
}

/// `active true -> false, title "Countess" gone`
pub(super) fn told(changed: &Value, values: Values) -> Option<String> {
    let value = |value: &Value| match values {
        Values::Short => short(&value.to_string()),
        Values::Whole => value.to_string(),
    };
    let one = |one: &Value| {
        let path = plain(&one["path"]);
        match (one.get("was"), one.get("became")) {
            (Some(was), Some(became)) => format!("{path} {} -> {}", value(was), value(became)),
            (Some(was), None) => format!("{path} {} gone", value(was)),
            (None, became) => format!("{path} {}", value(became.unwrap_or(&Value::Null))),
        }
    };
    let all = changed.as_array().filter(|changed| !changed.is_empty())?;
    if values == Values::Short && all.len() > SHORT_ATTRIBUTES {
        return counted(changed);
    }
    Some(all.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// `12 attributes`
fn counted(changed: &Value) -> Option<String> {
    match changed.as_array()?.len() {
        0 => None,
        1 => Some("1 attribute".to_owned()),
        count => Some(format!("{count} attributes")),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT_CHARS) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// `+2 members (Ada, Grace)`
fn rows(rows: &Value, sign: &str) -> Option<String> {
    let count = rows["count"].as_u64()?;
    let shown: Vec<&str> = rows["members"].as_array()?.iter().map(called).collect();
    let more = if shown.len() < usize::try_from(count).unwrap_or(usize::MAX) { ", ..." } else { "" };
    let word = if count == 1 { "member" } else { "members" };
    Some(format!("{sign}{count} {word} ({}{more})", shown.join(", ")))
}

fn called(row: &Value) -> &str {
    row["name"].as_str().unwrap_or_else(|| plain(&row["id"]))
}
