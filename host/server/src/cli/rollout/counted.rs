//! What a preview or a re-mapping has counted, and the first of what it has found: a line each.

use serde_json::{Map, Value};

use super::trials;
use crate::cli::tenant::plain;

/// Characters of a value that stand on a line.
const VALUE_CHARS: usize = 48;

/// How many names stand on a line of counts.
const COUNTED_ON_A_LINE: usize = 8;

/// How many changed values of one resource stand on its line.
const CHANGED_ON_A_LINE: usize = 6;

/// `looked at 12: 9 changed, 3 unchanged`
pub(super) fn brief(findings: &Value) -> Option<String> {
    let looked_at = findings["looked_at"].as_u64()?;
    let named = ["changed", "unchanged", "accepted", "rejected", "failed", "not_served", "gone"];
    let counts = named.iter().filter_map(|name| Some((name, findings[*name].as_u64().filter(|count| *count > 0)?)));
    let counts: Vec<String> = counts.map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
    let colon = if counts.is_empty() { "" } else { ": " };
    Some(format!("looked at {looked_at}{colon}{}", counts.join(", ")))
}

pub(super) fn lines(findings: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |label: &str, text: String| lines.push(format!("{label:<10} {text}"));
    for name in ["resource", "account", "events", "reasons"] {
        if let Some(counts) = findings[name].as_object().filter(|counts| !counts.is_empty()) {
            line(name, by_count(counts));
        }
    }
    for (was, others) in findings["states"].as_object().into_iter().flatten() {
        for (becomes, count) in others.as_object().into_iter().flatten() {
            line("state", format!("{was} -> {becomes} {count}"));
        }
    }
    for (action, tasks) in findings["tasks"].as_object().into_iter().flatten() {
        let destructive = match tasks["destructive"].as_u64() {
            None | Some(0) => String::new(),
            Some(count) => format!(", {count} of them destructive"),
        };
        line("task", format!("{action} {}{destructive}", tasks["count"]));
    }
    let collisions = &findings["collisions"];
    for one in collisions["told"].as_array().into_iter().flatten() {
        let (id, other) = (plain(&one["id"]), plain(&one["other"]));
        line("collision", format!("{} of {} {id} and {other}", plain(&one["attribute"]), plain(&one["resource_type"])));
    }
    if let Some(not_compared) = collisions["not_compared"].as_u64().filter(|count| *count > 0) {
        line("collision", format!("{not_compared} names were not compared with one another"));
    }
    if let Some(earlier) = findings["earlier"].as_u64().filter(|count| *count > 0) {
        line("earlier", format!("{earlier} were mapped by a plugin from before"));
    }
    trials::lines(findings, &mut line);
    told(findings, "differences", "changed", changes, &mut line);
    told(findings, "rejections", "rejected", |one| plain(&one["says"]).to_owned(), &mut line);
    told(findings, "failures", "failed", |one| plain(&one["says"]).to_owned(), &mut line);
    lines
}

/// The first of them, a line each, and how many more there are.
fn told(findings: &Value, list: &str, counter: &str, what: fn(&Value) -> String, line: &mut impl FnMut(&str, String)) {
    let rows = findings[list].as_array().map(Vec::as_slice).unwrap_or_default();
    for row in rows {
        let name = row["name"].as_str().map_or_else(String::new, |name| format!(" {name}"));
        let of = format!("{}{name} ({})", plain(&row["resource_type"]), plain(&row["id"]));
        line(counter, format!("{of}: {}", what(row)));
    }
    let more = findings[counter].as_u64().unwrap_or_default().saturating_sub(rows.len() as u64);
    if more > 0 {
        line(counter, format!("{more} more"));
    }
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

pub(super) fn short(value: &Value) -> String {
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
