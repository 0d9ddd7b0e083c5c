use clap::Args;
use serde_json::{Map, Value, json};

use super::counted::{self, TOLD_OF_EACH};
use super::shown::progress;
use super::watching::seconds;
use crate::cli::plugin::of_class;
use crate::cli::tenant::plain;

/// What the candidate goes through after the preview and before it decides; what is not asked for is left out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trials")]
pub(super) struct Trials {
    /// Puts the recorded requests of so long to the candidate, and shows what would have differed: 24h
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    replay: Option<u64>,
    /// Runs the candidate beside the plugin that decides for so long, and compares; no answer changes: 10m
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    shadow: Option<u64>,
    /// Ends the shadow when so many writes were compared
    #[arg(long, value_name = "WRITES", requires = "shadow")]
    shadow_writes: Option<u64>,
    /// Lets the candidate decide for so many users in a hundred for so long, whatever --until says: 5%:10m. What it makes of them is stored; it gives way by itself over the budget of the watch
    #[arg(long, value_name = "PERCENT:TIME", value_parser = canary)]
    canary: Option<(u8, u64)>,
}

impl Trials {
    /// Adds them to what the admin API is asked.
    pub(super) fn ask(&self, body: &mut Value) {
        if let Some(seconds) = self.replay {
            body["replay_s"] = json!(seconds);
        }
        if let Some(seconds) = self.shadow {
            body["shadow"] = json!({ "for_s": seconds });
            if let Some(writes) = self.shadow_writes {
                body["shadow"]["writes"] = json!(writes);
            }
        }
        if let Some((percent, seconds)) = self.canary {
            body["canary"] = json!({ "percent": percent, "for_s": seconds });
        }
    }

    /// The last of them.
    pub(super) const fn last(&self) -> Option<&'static str> {
        match (self.canary, self.shadow, self.replay) {
            (Some(_), _, _) => Some("canary"),
            (None, Some(_), _) => Some("shadow"),
            (None, None, Some(_)) => Some("replay"),
            (None, None, None) => None,
        }
    }
}

/// `5%:10m`
fn canary(text: &str) -> Result<(u8, u64), String> {
    let (percent, time) = text.split_once(':').ok_or("a share and a time, as in 5%:10m")?;
    let percent = percent.strip_suffix('%').unwrap_or(percent);
    let percent = percent.parse().map_err(|_| "a share and a time, as in 5%:10m")?;
    Ok((percent, seconds(time)?))
}

/// What stands on the line of a trial: `12 of 600 s; 40 calls, 1 failed`.
pub(super) fn brief(step: &Value, counted: impl FnOnce(&Value) -> Option<String>) -> Option<String> {
    let found = match plain(&step["name"]) {
        "shadow" | "replay" => counted(&step["findings"])?,
        "canary" => {
            let findings = &step["findings"];
            let (calls, users) = (findings["calls"].as_u64()?, findings["written"]["resources"].as_u64());
            let users = users.map_or_else(String::new, |users| format!(", {users} users written"));
            let failed = findings["failed"].as_u64().unwrap_or_default();
            format!("{} % of the users: {calls} calls, {failed} failed{users}", findings["percent"])
        }
        _ => return None,
    };
    let time = progress(step).map_or_else(String::new, |time| format!("{time}; "));
    Some(format!("{time}{found}"))
}

/// What a replay or a shadow has found besides what a preview finds, each with its label.
pub(super) fn lines(findings: &Value, line: &mut impl FnMut(&str, String)) {
    for (action, tasks) in objects(findings, "tasks_were") {
        line("task was", format!("{action} {}", tasks["count"]));
    }
    let accepted = findings["acceptances"].as_array().map(Vec::as_slice).unwrap_or_default();
    for row in accepted.iter().take(TOLD_OF_EACH) {
        line("accepted", format!("{}: was refused ({})", counted::of(row), plain(&row["says"])));
    }
    counted::more(findings, accepted.len(), "accepted", line);
    if let Some(refused) = findings["refused"]["count"].as_u64().filter(|count| *count > 0) {
        line(
            "refused",
            format!("{refused} were not let through then; {} of them were replayed", findings["refused"]["replayed"]),
        );
    }
    for (why, count) in objects(findings, "not_replayed") {
        line("left out", format!("{count}: {why}"));
    }
    if let Some(dropped) = findings["dropped"].as_u64().filter(|count| *count > 0) {
        line("dropped", format!("{dropped} writes were not compared: too many waited"));
    }
    for name in ["present", "candidate"] {
        if let Some(us) = findings[name]["mean_us"].as_u64() {
            let without: Vec<String> = objects(&findings[name], "without_an_account")
                .map(|(class, count)| format!(", {count} {}", of_class(class)))
                .collect();
            line(name, format!("{} calls, {us} µs each{}", findings[name]["calls"], without.concat()));
        }
    }
    for says in findings["approximated"].as_array().into_iter().flatten() {
        line("note", plain(says).to_owned());
    }
}

fn objects<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value[name].as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_is_a_share_and_a_time() {
        assert_eq!(canary("5%:10m"), Ok((5, 600)));
        assert_eq!(canary("20:90s"), Ok((20, 90)));
        for text in ["", "5%", "x%:10m", "300%:10m"] {
            assert_eq!(canary(text), Err("a share and a time, as in 5%:10m".to_owned()), "{text}");
        }
        assert_eq!(canary("5%:90"), Err("a time with its unit, as in 90s, 5m or 2h".to_owned()));
    }
}
