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

/// How many changed, rejected or failed resources are told one by one.
pub(super) const TOLD_OF_EACH: usize = 20;

/// `looked at 12: 9 changed, 3 unchanged`
pub(super) fn brief(findings: &Value) -> Option<String> {
    let looked_at = findings["looked_at"].as_u64()?;
    let named = ["changed", "unchanged", "accepted", "rejected", "failed", "not_served", "gone"];
    let counts = named.iter().filter_map(|name| Some((name, findings[*name].as_u64().filter(|count| *count > 0)?)));
    let in_words = |name: &str| {
        match name {
            "failed" => "without an answer",
            "not_served" => "of a kind that it does not serve",
            "gone" => "gone meanwhile",
            plain => plain,
        }
        .to_owned()
    };
    let counts: Vec<String> = counts.map(|(name, count)| format!("{count} {}", in_words(name))).collect();
    let colon = if counts.is_empty() { "" } else { ": " };
    Some(format!("looked at {looked_at}{colon}{}", counts.join(", ")))
}

pub(super) fn lines(findings: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |label: &str, text: String| lines.push(format!("{label:<10} {text}"));
    for name in ["resource", "account", "events", "reasons"] {
        if let Some(counts) = findings[name].as_object().filter(|counts| !counts.is_empty()) {
            let lost = if name == "resource" { &findings["lost"] } else { &Value::Null };
            line(name, by_count(counts, lost));
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
    for row in rows.iter().take(TOLD_OF_EACH) {
        line(counter, format!("{}: {}", of(row), what(row)));
    }
    more(findings, rows.len(), counter, line);
}

/// Whom a row is about: `User ada (ID)`; where it is about a write, when that was and by which request.
pub(super) fn of(row: &Value) -> String {
    let name = row["name"].as_str().map_or_else(String::new, |name| format!(" {name}"));
    let of = format!("{}{name} ({})", plain(&row["resource_type"]), plain(&row["id"]));
    let event = row["event"].as_str().map_or_else(String::new, |event| format!("{event} "));
    match (row["at"].as_str(), row["request"].as_str()) {
        (Some(at), Some(request)) => format!("{at} {event}{of} by request {request}"),
        _ => of,
    }
}

/// How many there are besides those that were told.
pub(super) fn more(findings: &Value, kept: usize, counter: &str, line: &mut impl FnMut(&str, String)) {
    let told = kept.min(TOLD_OF_EACH);
    let more = findings[counter].as_u64().unwrap_or_default().saturating_sub(told as u64);
    if more > 0 {
        let rest = if kept > told { "; --json has all that were kept" } else { "" };
        line(counter, format!("and {more} more{rest}"));
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

pub(in crate::cli) fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS {
        text
    } else {
        text.chars().take(VALUE_CHARS).chain("...".chars()).collect()
    }
}

/// The largest counts first; `lost`: from how many of them it would be gone.
fn by_count(counts: &Map<String, Value>, lost: &Value) -> String {
    let mut counts: Vec<(&String, u64)> =
        counts.iter().map(|(name, count)| (name, count.as_u64().unwrap_or_default())).collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    let more = counts.len().saturating_sub(COUNTED_ON_A_LINE);
    let mut told: Vec<String> =
        counts.iter().take(COUNTED_ON_A_LINE).map(|(name, count)| counted(name, *count, lost)).collect();
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told.join(", ")
}

/// `title 3`, `emails gone from 12`, `emails 12 (gone from 3)`
fn counted(name: &str, count: u64, lost: &Value) -> String {
    match lost[name].as_u64() {
        None | Some(0) => format!("{name} {count}"),
        Some(lost) if lost == count => format!("{name} gone from {count}"),
        Some(lost) => format!("{name} {count} (gone from {lost})"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_would_be_gone_is_told_apart_from_what_would_be_another() {
        let counts = json!({ "emails": 12, "roles": 4, "title": 3 });
        let told = by_count(counts.as_object().unwrap(), &json!({ "emails": 12, "roles": 1 }));
        assert_eq!(told, "emails gone from 12, roles 4 (gone from 1), title 3");
    }
}
