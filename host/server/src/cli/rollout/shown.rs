//! A rollout as a person reads it: a line for each step, then what was counted, then the first differences.

use serde_json::{Map, Value};

use crate::cli::say;
use crate::cli::tenant::plain;

/// Characters of a value that stand on a line.
const VALUE_CHARS: usize = 48;

/// How many names stand on a line of counts.
const COUNTED_ON_A_LINE: usize = 8;

/// How many changed values of one resource stand on its line.
const CHANGED_ON_A_LINE: usize = 6;

pub(super) fn line(rollout: &Value) -> String {
    let step = rollout["step"].as_str().map_or_else(String::new, |step| format!(" ({step})"));
    format!(
        "{}  {}  {}{step}   {}",
        plain(&rollout["id"]),
        plain(&rollout["at"]),
        plain(&rollout["state"]),
        plugin(&rollout["plugin"])
    )
}

pub(super) fn shown(rollout: &Value) -> anyhow::Result<()> {
    say(format!(
        "rollout    {}   {} for {}",
        plain(&rollout["id"]),
        plugin(&rollout["plugin"]),
        plain(&rollout["tenant"])
    ))?;
    say(format!("instead of {} at revision {}", plugin(&rollout["from"]["plugin"]), rollout["from"]["revision"]))?;
    let steps = rollout["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    for step in steps {
        let says = step["says"].as_str().map(str::to_owned).or_else(|| brief(step)).unwrap_or_default();
        say(format!("{:<10} {:<9} {says}", plain(&step["name"]), plain(&step["state"])).trim_end())?;
    }
    for case in steps.iter().flat_map(|step| step["findings"]["told"].as_array().into_iter().flatten()) {
        say(format!("case       {}: {}", plain(&case["file"]), plain(&case["name"])))?;
        for one in case["differences"].as_array().into_iter().flatten() {
            let side = |name: &str| one.get(name).map_or_else(|| "nothing".to_owned(), short);
            say(format!("    {}: expected {}, got {}", plain(&one["pointer"]), side("expected"), side("actual")))?;
        }
    }
    for step in steps.iter().filter(|step| step["findings"]["looked_at"].as_u64() > Some(0)) {
        say("")?;
        found(plain(&step["name"]), &step["findings"])?;
    }
    let not_kept: Vec<&str> = rollout["not_kept"].as_array().into_iter().flatten().map(plain).collect();
    if !not_kept.is_empty() {
        say(format!("not kept until now, so nothing is known of it: {}", not_kept.join(", ")))?;
    }
    say("")?;
    match rollout["says"].as_str() {
        Some(says) => say(format!("{}: {says}", plain(&rollout["state"]))),
        None => say(plain(&rollout["state"])),
    }
}

/// What a step found, if it says so in a few words.
fn brief(step: &Value) -> Option<String> {
    let findings = &step["findings"];
    let done = step["done"].as_u64().map(|done| format!("{done} of {}", step["total"]));
    let bytes = || Some(format!("{} bytes", findings["bytes"].as_u64()?));
    let compiled =
        || Some(format!("{} {}, {} ms", findings["name"].as_str()?, plain(&findings["version"]), findings["ms"]));
    let cases = || match findings["cases"].as_u64()? {
        1 => Some("1 case".to_owned()),
        count => Some(format!("{count} cases")),
    };
    let revision = || Some(format!("revision {}", findings["revision"].as_u64()?));
    done.or_else(bytes).or_else(compiled).or_else(cases).or_else(revision).or_else(|| counted(findings))
}

/// `looked at 12: 9 changed, 3 unchanged`
fn counted(findings: &Value) -> Option<String> {
    let looked_at = findings["looked_at"].as_u64()?;
    let named = ["changed", "unchanged", "rejected", "failed", "not_served", "gone"];
    let counts = named.iter().filter_map(|name| Some((name, findings[*name].as_u64().filter(|count| *count > 0)?)));
    let counts: Vec<String> = counts.map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
    let colon = if counts.is_empty() { "" } else { ": " };
    Some(format!("looked at {looked_at}{colon}{}", counts.join(", ")))
}

fn found(step: &str, findings: &Value) -> anyhow::Result<()> {
    let count = |name: &str| findings[name].as_object().filter(|counts| !counts.is_empty()).map(by_count);
    for name in ["resource", "account", "events", "reasons"] {
        if let Some(counts) = count(name) {
            say(format!("{:<10} {counts}", format!("{name}:")))?;
        }
    }
    for (was, others) in findings["states"].as_object().into_iter().flatten() {
        for (becomes, count) in others.as_object().into_iter().flatten() {
            say(format!("state:     {was} -> {becomes} {count}"))?;
        }
    }
    for (action, tasks) in findings["tasks"].as_object().into_iter().flatten() {
        let destructive = match tasks["destructive"].as_u64() {
            None | Some(0) => String::new(),
            Some(count) => format!(", {count} of them destructive"),
        };
        say(format!("task:      {action} {}{destructive}", tasks["count"]))?;
    }
    let collisions = &findings["collisions"];
    for one in collisions["told"].as_array().into_iter().flatten() {
        let (id, other) = (plain(&one["id"]), plain(&one["other"]));
        say(format!("collision: {} of {} {id} and {other}", plain(&one["attribute"]), plain(&one["resource_type"])))?;
    }
    if let Some(not_compared) = collisions["not_compared"].as_u64().filter(|count| *count > 0) {
        say(format!("collision: {not_compared} names were not compared with one another"))?;
    }
    told(findings, "differences", "changed", changes)?;
    told(findings, "rejections", "rejected", |one| plain(&one["says"]).to_owned())?;
    told(findings, "failures", "failed", |one| plain(&one["says"]).to_owned())?;
    let earlier = findings["earlier"].as_u64().filter(|count| *count > 0);
    earlier.map_or(Ok(()), |count| say(format!("{step}: {count} were mapped by a plugin from before")))
}

/// The first of them, a line each, and how many more there are.
fn told(findings: &Value, list: &str, counter: &str, what: fn(&Value) -> String) -> anyhow::Result<()> {
    let rows = findings[list].as_array().map(Vec::as_slice).unwrap_or_default();
    for row in rows {
        let name = row["name"].as_str().map_or_else(String::new, |name| format!(" {name}"));
        let of = format!("{}{name} ({})", plain(&row["resource_type"]), plain(&row["id"]));
        say(format!("{counter:<10} {of}: {}", what(row)))?;
    }
    let more = findings[counter].as_u64().unwrap_or_default().saturating_sub(rows.len() as u64);
    if more > 0 { say(format!("{counter:<10} {more} more")) } else { Ok(()) }
}

fn changes(row: &Value) -> String {
    let of = |name: &str| row[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut parts: Vec<String> = [("", "resource"), ("account ", "account")]
        .iter()
        .flat_map(|(before, name)| of(name).iter().map(move |one| format!("{before}{}", change(one))))
        .collect();
    let all = row["changed_count"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(parts.len());
    if all > CHANGED_ON_A_LINE {
        parts.truncate(CHANGED_ON_A_LINE);
        parts.push(format!("{} more", all - parts.len()));
    }
    parts.extend(of("tasks").iter().map(|task| format!("task {}", plain(&task["action"]))));
    parts.join("; ")
}

fn change(one: &Value) -> String {
    let path = plain(&one["path"]);
    match (one.get("was"), one.get("became")) {
        (Some(was), Some(became)) => format!("{path} {} -> {}", short(was), short(became)),
        (Some(was), None) => format!("{path} {} gone", short(was)),
        (None, became) => format!("{path} {}", short(became.unwrap_or(&Value::Null))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS {
        text
    } else {
        text.chars().take(VALUE_CHARS).chain("...".chars()).collect()
    }
}

/// The largest counts first.
fn by_count(counts: &Map<String, Value>) -> String {
    let mut counts: Vec<(&String, u64)> =
        counts.iter().map(|(name, count)| (name, count.as_u64().unwrap_or_default())).collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    let more = counts.len().saturating_sub(COUNTED_ON_A_LINE);
    let mut told: Vec<String> =
        counts.iter().take(COUNTED_ON_A_LINE).map(|(name, count)| format!("{name} {count}")).collect();
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told.join(", ")
}

fn plugin(plugin: &Value) -> String {
    let digest: String = plain(&plugin["digest"]).chars().take(12).collect();
    match (plugin["name"].as_str(), plugin["version"].as_str()) {
        (Some(name), Some(version)) => format!("{name} {version} ({digest})"),
        _ => digest,
    }
}
